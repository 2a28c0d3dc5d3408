"""
A program on a server, by the OpenSSH client of this machine.

Sources: ssh(1) (it exits with the status of the remote command, or with 255 where it
failed itself; what is to be run is one line that the remote shell reads), ssh_config(5)
(``BatchMode``: nothing is ever asked). What follows:

* The client is run by a list of arguments; those of the remote program are quoted for
  the shell that reads them there.
* A line that broke proves nothing about what was begun.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Final

from reconciler.errors import Ambiguous, Rejected, Transient
from reconciler.providers._said import shown

_PATIENCE: Final = 300.0
_BROKEN: Final = 255
_DESTINATION: Final = re.compile(
    r"^([a-z_][a-z0-9_-]{0,31}@)?[A-Za-z0-9][A-Za-z0-9.-]*$"
)
_OPTIONS: Final = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10")


class Ssh:
    """
    One program on one server; called, it is a ``Run``.

    Args:
        destination: As in ``root@whm1.agency.example``.
        program: What is run there.
        client: The OpenSSH client.
    """

    def __init__(self, destination: str, program: str, client: str = "ssh") -> None:
        if not _DESTINATION.fullmatch(destination):
            raise Rejected(
                f"{destination[:80]!r} is no place to log in to",
                hint="toolkit: root@whm1.agency.example",
            )
        self._before = [client, *_OPTIONS, "--", destination]
        self._program = program

    def __call__(self, *arguments: str, effect: bool) -> str:
        """Run it once; see ``Run``."""
        line = shlex.join((self._program, *arguments))
        what = f"{self._program} {arguments[0] if arguments else ''}"
        lost = Ambiguous if effect else Transient
        try:
            done = subprocess.run(
                [*self._before, line],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise lost(f"{what}: no answer") from None
        except OSError as error:
            raise Transient(f"{what}: not run: {type(error).__name__}") from None
        said = done.stderr.decode("utf-8", "replace")
        if done.returncode == _BROKEN or done.returncode < 0:
            raise lost(shown(f"{what}: the connection failed: {said}"))
        if done.returncode:
            raise Rejected(shown(f"{what}: exit {done.returncode}: {said}"))
        return done.stdout.decode("utf-8", "replace")
