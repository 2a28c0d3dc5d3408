"""Words of others inside Markdown: they are shown, and never do anything."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote

from reconciler.report.visible import clipped, visible

_LONGEST = 200


def code(text: str, most: int = 200) -> str:
    """
    Return *text* as a code span of at most *most* bytes, delimiters not counted.

    Inside a code span GitHub finds no markup, no HTML, no mention, no issue number
    and no link. A backslash escapes nothing there, so the delimiter is longer than
    every run of backticks in it (CommonMark 0.31, section 6.1).
    """
    shown = clipped(visible(text), most)
    if not shown.strip():
        return "(nothing)"
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def marker(env: str) -> str:
    """Return the hidden first line by which the comment of *env* is found again."""
    name = quote(env, safe="")
    if "--" in env:  # a comment ends at "-->"
        name = name.replace("-", "%2D")
    if len(name) > _LONGEST:
        name = hashlib.sha256(env.encode()).hexdigest()
    return f"<!-- reconciler:plan:{name} -->"


def link(words: str, url: str) -> str:
    """Return a link, or nothing where *url* is none that a browser should follow."""
    if not re.match(r"https?://", url):
        return ""
    return f"[{words}](<{quote(visible(url), safe=_SAFE)}>)"


#: What an URL may hold and what cannot end the link it stands in.
_SAFE = "%/:=&?~#+!$,;'@-._"
