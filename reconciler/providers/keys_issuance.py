"""
Certificates that were bought: looked up in the secrets that hold them.

There is no vendor and nothing to do: who bought one renews it, and is told in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from reconciler.errors import ProviderError, Unsupported
from reconciler.kinds.certificate import Certificate, CertificateChange, IssuanceState
from reconciler.model import (
    Account,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
)
from reconciler.providers._certificate import kept


class KeysIssuance(Driver[Certificate, CertificateChange]):
    """What was bought, as our own secrets have it."""

    can: ClassVar[dict[str, OpClass]] = {}
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account

    def __repr__(self) -> str:
        return f"KeysIssuance({self._account.name})"

    def identity(self) -> str | None:
        """Nobody's: there is no account."""
        return None

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """Report what is in the secrets of each want."""
        return Observation({want.name: self._seen(want) for want in wants})

    def _seen(self, want: Certificate) -> Observed:
        if self._account.keys is None:
            return Unknown(why="there are no key stores here")
        try:
            drawer = self._account.keys.open(want)
        except ProviderError as error:
            return Unknown(why=error.what)
        if drawer.current is None:
            return IssuanceState()
        return IssuanceState(kept=kept(drawer.current))

    def apply(self, want: Certificate, change: CertificateChange, key: str) -> Receipt:
        """Refuse: what was bought is bought again by a person."""
        del key
        raise Unsupported(f"{want.ref} was bought: nothing here can {change.verb} it")


DRIVER = KeysIssuance
