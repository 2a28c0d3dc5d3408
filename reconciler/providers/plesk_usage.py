"""
What the subscriptions of a Plesk server use, and how full the machine is.

Sources (docs.plesk.com, "Plesk API RPC"): "Node gen_info" (``real_size``), "Statistics
Settings" (``traffic``: of the current month), "Limits on Resource Usage", "Server
Statistics" (``mem``, ``diskspace``). What follows:

* One packet tells disk and traffic of all subscriptions. The panel counts them once a
  day, at night, and does not say when it did: a reading is of the moment it was read,
  and several of a day are alike. What a customer's processes use (CPU, memory, I/O) the
  panel does not tell.
* A machine has its memory, without what only caches files, and how full its largest
  device is. Its ``load_avg`` is "in %" of nobody says how many cores: it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from xml.etree.ElementTree import Element

from reconciler.errors import ProviderError
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import (
    Absent,
    Account,
    AnyResource,
    Observation,
    Observed,
    Probe,
    Reading,
    Unknown,
    UsageState,
)
from reconciler.providers import _plesk_subscription as subscriptions
from reconciler.providers._plesk import CREDENTIALS, Plesk, nobody_knows
from reconciler.providers._plesk_xml import node, number_of, results


class PleskUsage(Probe[AnyResource]):
    """The use of one Plesk server."""

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

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what is so now of subscriptions, and of the machine they are on."""
        self._plesk.http.counts()
        hosted = [want for want in wants if isinstance(want, HostingAccount)]
        machines = [want for want in wants if not isinstance(want, HostingAccount)]
        states: dict[str, Observed] = {}
        if hosted:
            states |= self._subscriptions(hosted)
        if machines:
            one = self._machine(self._account.clock())
            states |= dict.fromkeys((want.name for want in machines), one)
        return Observation(states, requests=self._plesk.http.counts(), partial=True)

    # -- subscriptions -----------------------------------------------------------------

    def _subscriptions(self, wants: Sequence[HostingAccount]) -> Mapping[str, Observed]:
        try:
            packet = self._plesk.packet(
                *subscriptions.asked(), operation="subscriptions"
            )
            listed = subscriptions.listed(packet)
        except ProviderError as error:
            return nobody_knows(wants, error, {}).states
        plans = subscriptions.plans(packet)
        return {w.name: self._used(w, listed.get(w.domain), plans) for w in wants}

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

    # -- the machine -------------------------------------------------------------------

    def _machine(self, now: datetime) -> Observed:
        asked = node("server", node("get", node("stat")))
        try:
            packet = self._plesk.packet(asked, operation="server stat")
            (found,) = results(packet, "server", "get")
            readings = tuple(_machine(found, now))
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        except ValueError as error:
            return Unknown(why=f"its statistics cannot be read: {error}")
        return UsageState(readings=readings, source=self._account.name)


def _machine(found: Element, now: datetime) -> Iterator[Reading]:
    """Yield memory and the largest device; raise ValueError where it tells neither."""
    memory = {
        name: number_of(found, f"stat/mem/{name}")
        for name in ("total", "used", "buffer", "cached")
    }
    used = memory["used"] - memory["buffer"] - memory["cached"]
    yield Reading("memory", now, float(max(0, used)), float(memory["total"]))
    devices = [
        (number_of(one, "total"), number_of(one, "used"))
        for one in found.iterfind("stat/diskspace/device")
    ]
    if devices:
        total, full = max(devices)
        yield Reading("disk", now, float(full), float(total))


DRIVER = PleskUsage
