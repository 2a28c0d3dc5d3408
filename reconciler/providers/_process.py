"""Whether a process of this machine is still there."""

from __future__ import annotations

import os
from pathlib import Path

#: Ended, and not yet waited for (proc(5)): it will do nothing any more.
_ENDED = frozenset("ZX")


def is_gone(pid: int) -> bool:
    """Say whether there is surely no such process; one that has ended is none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    try:
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # a system without it, or it ended just now: seen the next time
        return False
    return said.rpartition(")")[2].split()[:1] in ([state] for state in _ENDED)
