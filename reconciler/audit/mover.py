"""A ``git update-ref --stdin`` that is kept: the next transaction costs no process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reconciler.audit.kept import Broken, Kept

#: What it says of a transaction, step by step.
_SAID: Final = (b"start: ok\n", b"prepare: ok\n", b"commit: ok\n")


class Mover(Kept):
    """
    Moves refs, all of a transaction or none; thread-safe.

    A git before 2.30 makes one transaction and ends: it is ``Broken`` at the second.

    Args:
        command: git, up to and without its subcommand.
        environ: All that it sees of the environment.
        timeout: Seconds that one answer may take.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[bytes, bytes], timeout: float
    ) -> None:
        super().__init__([*command, "update-ref", "--stdin"], environ, timeout)

    def move(self, script: bytes) -> None:
        """
        Carry out *script*, one whole transaction; returns when it is on the disk.

        Raises:
            Broken: It refused, or gave no answer; whether the refs have moved has to
                be looked at.
        """
        with self._lock:
            self._tell(script)
            for said in _SAID:
                if self._line() != said:
                    raise Broken
