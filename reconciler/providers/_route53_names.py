"""Names as Route 53 writes them: anything unusual as an octal escape."""

from __future__ import annotations

import re

_OCTAL = re.compile(r"\\(\d{3})")


def plain_name(name: str) -> str:
    r"""Return *name* without escapes (``\052`` is ``*``), in lower case."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), name).lower()
