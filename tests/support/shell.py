"""The real command line in this process: its code, what it printed, and where."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace
from unittest.mock import patch

from reconciler.cli import main


class _Text(io.TextIOWrapper):
    """A standard stream in memory, with the buffer that programs may ask for."""

    def __init__(self, text=""):
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8", newline="")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode()


def shell(*argv, environ=None, stdin=""):
    """Run ``reconciler argv`` as its entry point does; nothing is mocked but streams."""
    out, err = _Text(), _Text()
    with (
        patch.object(sys, "argv", ["reconciler", *map(str, argv)]),
        patch.object(sys, "stdin", _Text(stdin)),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
        patch.dict(os.environ, environ or {}),
    ):
        try:
            main()
            code = 0
        except SystemExit as done:
            code = done.code or 0
            assert isinstance(code, int)
    return SimpleNamespace(code=int(code), out=out.text(), err=err.text())


def at(agency, *argv, actor="ann", stdin=""):
    """Run a command on *agency*'s repository as *actor*."""
    environ = agency.environ(actor)
    return shell("-C", agency.root, *argv, environ=environ, stdin=stdin)
