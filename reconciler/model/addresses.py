"""Mail addresses in others' words: a person's data that nobody asked for. Pure."""

from __future__ import annotations

import re
from typing import Final

_MAIL: Final = re.compile(
    r"[^\s@<>\"'(),;:=]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)


def without_addresses(text: str, mask: str) -> str:
    """Return *text* with *mask* in place of every mail address."""
    return _MAIL.sub(mask, text) if "@" in text else text
