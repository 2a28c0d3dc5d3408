"""Text of others, before it is written in our name: it is shown and does nothing."""

from __future__ import annotations

import re

#: GitHub takes 65,536 characters; ours stay below it however they are counted.
LONGEST = 60_000
_CUT = "\n… and more; the run has all of it."
# Controls, marks that turn text around, and what pretends to be nothing or a space.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_TICKS = re.compile(r"`{3,}")
_NAME = re.compile(r"@(?=\w)")
_COMMAND = "##["  # the runner reads it anywhere in a line


def fenced(text: str) -> str:
    """Return *text* as a block in which nothing means anything, cut between lines."""
    text = _cut(_UNSEEN.sub("", text))
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"


def line(text: str, longest: int = 200) -> str:
    """Return *text* as one line of a title, which names nobody."""
    flat = " ".join(_UNSEEN.sub(" ", text).split())
    safe = _NAME.sub("@\u2060", flat).replace(_COMMAND, "##\u2060[")
    return safe if len(safe) <= longest else safe[: longest - 1] + "…"


def _cut(text: str) -> str:
    raw = text.encode()
    if len(raw) <= LONGEST:
        return text
    return raw[:LONGEST].decode("utf-8", "ignore").rpartition("\n")[0] + _CUT
