"""The terminal that results are shown on, if there is one."""

from __future__ import annotations

import shutil
import sys


def columns() -> int | None:
    """Return the width of the terminal; None where the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
