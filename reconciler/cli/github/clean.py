"""
Text of others, before it is written in our name.

A pull request can upload whatever it likes as its plan. What is posted from it names
nobody, loads nothing, hides nothing and is never too long.
"""

from __future__ import annotations

import re

#: GitHub takes 65,536 characters; ours stay below it however they are counted.
LONGEST = 60_000
_CUT = "\n\n… the rest is left out here; the run's artifacts have all of it.\n"
# Controls, marks that turn text around, and what pretends to be a space.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# Not only images: whatever a tag could load, embed or pretend.
_TAG = re.compile(
    r"<(?=/?(?!(?:details|summary|br|sub|sup|b|i|em|strong|code|p)\b)[A-Za-z!?])",
    re.IGNORECASE,
)
_ATTRIBUTES = re.compile(
    r"<(/?)(details|summary|br|sub|sup|b|i|em|strong|code|p)\b([^>]*)>", re.IGNORECASE
)
_TICKS = re.compile(r"`{3,}")
_NAME = re.compile(r"(?:@|&#0*64;|&#[xX]0*40;|&commat;)(?=[A-Za-z0-9])")
_IMAGE = re.compile(r"!(?=\[)")
_REFERENCE = re.compile(r"(?<![\w&])#(?=\d)")


def cleaned(text: str) -> str:
    """Return Markdown of others without mentions, images, comments and foreign tags."""
    text = _COMMENT.sub("", _UNSEEN.sub("", text))
    text = _TAG.sub("&lt;", text)
    text = _ATTRIBUTES.sub(_plain_tag, text)
    text = _IMAGE.sub("!\u2060", text)
    text = _NAME.sub("@\u2060", text)
    return cut(_REFERENCE.sub("#\u2060", text))


def fenced(text: str) -> str:
    """Return *text* as a block in which nothing means anything."""
    text = cut(_UNSEEN.sub("", text).replace("\r", ""))
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"


def line(text: str, longest: int = 200) -> str:
    """Return *text* as one line of a title, which names nobody."""
    flat = " ".join(_UNSEEN.sub(" ", text).split())
    safe = _NAME.sub("@\u2060", flat)
    return safe if len(safe) <= longest else safe[: longest - 1] + "…"


def cut(text: str) -> str:
    """Return *text* cut between two lines, if need be, with its open blocks closed."""
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    kept = raw[: LONGEST - 400].decode("utf-8", "ignore").rpartition("\n")[0]
    opened = re.findall(r"^\s{0,3}(`{3,})", kept, re.MULTILINE)
    fence = f"\n{opened[-1]}" if len(opened) % 2 else ""
    folded = kept.count("<details>") - kept.count("</details>")
    return kept + fence + "\n\n</details>" * max(0, min(folded, 20)) + _CUT


def _plain_tag(found: re.Match[str]) -> str:
    kept = " open" if found[3].strip().lower() == "open" and not found[1] else ""
    return f"<{found[1]}{found[2]}{kept}>"
