"""
What the subscriptions of a Plesk server use: disk, and traffic since the month began.

Sources (docs.plesk.com, "Plesk API RPC"): "Node gen_info" (``real_size``), "Statistics
Settings" (``traffic``: of the current month), "Limits on Resource Usage". One packet
tells of all of them. The panel counts once a day, at night, and does not say when it
did: a reading is of the moment it was read, and several of a day are alike. What a
process uses (CPU, memory, I/O) the panel does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar
from xml.etree.ElementTree import Element

from reconciler.errors import ProviderError
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import (
    Absent,
    Account,
    Observation,
    Observed,
    Probe,
    Reading,
    Unknown,
    UsageState,
)
from reconciler.providers import _plesk_subscription as subscriptions
from reconciler.providers._plesk import CREDENTIALS, Plesk, nobody_knows


class PleskUsage(Probe[HostingAccount]):
    """The use of one Plesk server's subscriptions."""

    settles: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._plesk = Plesk(account)

    def __repr__(self) -> str:
        return f"PleskUsage({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._plesk.identity()

    def observe(self, wants: Sequence[HostingAccount]) -> Observation:
        """Report what all *wants* use, from one listing."""
        self._plesk.http.counts()
        try:
            packet = self._plesk.packet(
                *subscriptions.asked(), operation="subscriptions"
            )
            listed = subscriptions.listed(packet)
        except ProviderError as error:
            return nobody_knows(wants, error, self._plesk.http.counts())
        plans = subscriptions.plans(packet)
        states = {w.name: self._used(w, listed.get(w.domain), plans) for w in wants}
        return Observation(states, requests=self._plesk.http.counts(), partial=True)

    def _used(
        self, want: HostingAccount, row: Element | None, plans: Mapping[str, str]
    ) -> Observed:
        if row is None:
            return Absent()
        try:
            one = subscriptions.read(row, plans)
        except ValueError as error:
            return Unknown(why=f"its part of the listing cannot be read: {error}")
        if want.spec.account not in {None, one.login}:
            return Unknown(why=f"the subscription {one.name} is another account's")
        now = self._account.clock()
        readings = tuple(
            Reading(metric, now, value, one.limits.get(metric))
            for metric, value in one.used.items()
        )
        return UsageState(readings=readings, source=self._account.name)


DRIVER = PleskUsage
