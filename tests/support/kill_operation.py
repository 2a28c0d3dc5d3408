"""
Run the command line and end it with SIGKILL after an operation at the authority.

``kill_operation.py OPERATION ARGUMENTS``, as in ``finalize apply``.
"""

from __future__ import annotations

import os
import signal
import sys

from reconciler.cli import main
from reconciler.providers._http import Http


def run() -> None:
    once, operation = Http.once, sys.argv[1]

    def deadly(self, *args, **more):
        found = once(self, *args, **more)
        if more["operation"] == operation:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    Http.once = deadly  # type: ignore[method-assign]
    sys.argv = ["reconciler", *sys.argv[2:]]
    main()


if __name__ == "__main__":
    run()
