"""What all places in an AWS account have in common: one account, one way to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from reconciler.model import Account, Advice
from reconciler.providers._aws import CREDENTIALS, Aws
from reconciler.providers._install import Installer


class AwsInstaller(Installer):
    """
    A place of AWS.

    Attributes:
        per_second: How often its service may be asked; None: its vendor names no limit.
    """

    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    per_second: ClassVar[float | None] = 5.0

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._aws = Aws(account, self.per_second)

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()

    def identity(self) -> str | None:
        """Return the number of the AWS account."""
        return self._aws.identity()

    def examine(self) -> Iterable[Advice]:
        """Say what is unwise about the keys."""
        return self._aws.examine()

    def requests(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        counted = dict(self._aws.counts)
        self._aws.counts.clear()
        return counted
