"""
Names of files that are no UTF-8: how a listing in JSON tells them.

Each odd byte is told by the same character, so that two names may be told as one.
"""

from __future__ import annotations

import re
from typing import Final

#: Stands for one byte that is no UTF-8.
ODD: Final = "\N{REPLACEMENT CHARACTER}"
_SURROGATE: Final = re.compile("[\udc80-\udcff]")


def told_as(name: str) -> str:
    """Return the name of a file as such a listing has it."""
    return _SURROGATE.sub(ODD, name)
