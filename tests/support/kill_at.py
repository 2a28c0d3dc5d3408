"""
Run the command line and end it with SIGKILL at a step: ``kill_at.py N ARGUMENTS``.

The process counts the same steps as ``tests.support.crash`` does in-process.
"""

from __future__ import annotations

import os
import signal
import sys

from reconciler.cli import main
from reconciler.cli.project import Project
from tests.support.crash import Steps, watch


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def run():
    steps = Steps(int(sys.argv[1]), _die)
    of = Project.of.__func__
    Project.of = classmethod(lambda cls, ctx: watch(of(cls, ctx), steps))
    sys.argv = ["reconciler", *sys.argv[2:]]
    main()


if __name__ == "__main__":
    run()
