"""
What the accounts of a WHM server use, and how busy the server is.

Sources: the vendor's reference (api.docs.cpanel.net, WHM API 1: ``listaccts``,
``showbw``, ``systemloadavg``, ``getdiskusage``, ``uapi_cpanel``; UAPI
``ResourceUsage::get_usages``). What follows:

* One listing tells disk and files of all accounts, another what went out of them since
  the month began. ``get_disk_usage`` would say the same once more.
* CPU, memory and I/O are measured by CloudLinux alone, and told account by account.
  They are asked for where a document says something about them (a limit, a policy of
  scaling), at most once in an hour, and not at all for a day where the server turns out
  not to measure them.
* A row says its unit itself (``formatter``): one that is in another unit than ours is
  left out, and so is what cannot be read. Nothing is made up.
* A machine has the load of the last minute, and how full its largest partition is.
* The values are those of this moment: the server keeps no others that can be asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, TypeVar

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import (
    Absent,
    Account,
    AnyResource,
    Observation,
    Observed,
    Unknown,
)
from reconciler.model.driver import Probe
from reconciler.model.usage import Reading, UsageState
from reconciler.providers import _whm_accounts as accounts
from reconciler.providers._answers import mapping, rows
from reconciler.providers._detail import DAY, Details
from reconciler.providers._whm import CREDENTIALS, Whm
from reconciler.providers._whm_accounts import Row

#: What CloudLinux tells: id -> our metric, and the unit that is ours.
_LVE: Final = {
    "lvecpu": ("cpu", "percent"),
    "lvememphy": ("memory", "format_bytes"),
    "lveio": ("io", "format_bytes_per_second"),
}
_MEASURED: Final = ("cpu", "memory", "io")
_OFTEN: Final = timedelta(minutes=55)
_ASKED, _NONE = "usages", "no-lve"
_KIB: Final = 1024
T = TypeVar("T")


class WhmUsage(Probe[AnyResource]):
    """The use of one WHM server."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._whm = Whm(account)
        self._details = Details(account, f"{account.endpoint}|usage")

    def __repr__(self) -> str:
        return f"WhmUsage({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def observe(self, wants: Sequence[AnyResource]) -> Observation:
        """Report what is so now of accounts, and of the machine they are on."""
        self._whm.http.counts()
        now = self._account.clock()
        hosted = [want for want in wants if isinstance(want, HostingAccount)]
        machines = [want for want in wants if not isinstance(want, HostingAccount)]
        states: dict[str, Observed] = {}
        if hosted:
            states |= self._accounts(hosted, now)
        if machines:
            states |= dict.fromkeys(
                (want.name for want in machines), self._machine(now)
            )
        return Observation(states, requests=self._whm.http.counts())

    # -- accounts ----------------------------------------------------------------------

    def _accounts(
        self, wants: Sequence[HostingAccount], now: datetime
    ) -> dict[str, Observed]:
        try:
            listed = accounts.listed(self._whm)
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            return {want.name: lost for want in wants}
        none: dict[str, tuple[float, float | None]] = {}
        sent = _or_nothing(lambda: accounts.bandwidth(self._whm), none)
        by_domain = {str(row["domain"]).lower(): row for row in listed.values()}
        found: dict[str, Observed] = {}
        for want in wants:
            row = listed.get(want.spec.account or "") or by_domain.get(want.domain)
            if row is None:
                found[want.name] = Absent()
            elif str(row["domain"]).lower() != want.domain:
                why = f"the account {row['user']} is that of {row['domain']}"
                found[want.name] = Unknown(why=why)
            else:
                found[want.name] = self._read(want, row, sent, now)
        return found

    def _read(
        self,
        want: HostingAccount,
        row: Row,
        sent: Mapping[str, tuple[float, float | None]],
        now: datetime,
    ) -> UsageState:
        user = str(row["user"])
        limits = {
            "disk": accounts.limit_of(row.get("disklimit"))[1],
            "inodes": _number(row.get("inodeslimit")),
        }
        used = accounts.used(row).items()
        readings = [Reading(metric, now, n, limits[metric]) for metric, n in used]
        if user in sent:
            total, most = sent[user]
            readings.append(Reading("bandwidth", now, total, most))
        if _asked_for(want):
            readings += self._lve(user, now)
        return UsageState(readings=tuple(readings), source=self._account.name)

    def _lve(self, user: str, now: datetime) -> list[Reading]:
        """Return what CloudLinux measures of *user*, if it is time to ask again."""
        kept = self._details.kept
        if kept(_NONE, "", None) or kept(_ASKED, user, None):
            return []
        try:
            usages = self._usages(user)
        except ProviderError:
            return []
        found = list(_lines(usages, now))
        if found:
            self._details.keep(_ASKED, user, None, True, _OFTEN)  # noqa: FBT003
        elif not any(str(one.get("id", "")).startswith("lve") for one in usages):
            self._details.keep(_NONE, "", None, True, DAY)  # noqa: FBT003
        return found

    def _usages(self, user: str) -> list[Row]:
        params = {
            "cpanel.user": user,
            "cpanel.module": "ResourceUsage",
            "cpanel.function": "get_usages",
        }
        said = mapping(self._whm.read("uapi_cpanel", **params).get("uapi"))
        if str(said.get("status")) != "1":
            raise Rejected(f"get_usages: no answer about {user}")
        return rows(said.get("data"), "uses")

    # -- the machine -------------------------------------------------------------------

    def _machine(self, now: datetime) -> Observed:
        try:
            load = _number(self._whm.read("systemloadavg").get("one"))
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        readings = [] if load is None else [Reading("load", now, load)]
        readings += _or_nothing(lambda: list(self._partition(now)), [])
        return UsageState(readings=tuple(readings), source=self._account.name)

    def _partition(self, now: datetime) -> Iterator[Reading]:
        """Yield how full the largest partition is."""
        listing = rows(self._whm.read("getdiskusage").get("partition"), "partitions")
        sizes = [
            (_number(row.get("total")), _number(row.get("used"))) for row in listing
        ]
        whole = [(total, used) for total, used in sizes if total and used is not None]
        if whole:
            total, used = max(whole)
            yield Reading("disk", now, used * _KIB, total * _KIB)


def _asked_for(want: HostingAccount) -> bool:
    """Say whether a document says something about what CloudLinux measures."""
    return want.spec.scaling is not None or any(
        accounts.names(want, metric) for metric in _MEASURED
    )


def _lines(usages: Iterable[Row], now: datetime) -> Iterator[Reading]:
    """Yield the rows of *usages* that are in our units."""
    for row in usages:
        metric, unit = _LVE.get(str(row.get("id")), ("", ""))
        value = _number(row.get("usage"))
        if metric and value is not None and row.get("formatter") == unit:
            yield Reading(metric, now, value, _number(row.get("maximum")) or None)


def _number(said: Any) -> float | None:
    """Return a number that may come as a text; None where it is none."""
    try:
        value = float(str(said))
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _or_nothing(read: Callable[[], T], nothing: T) -> T:
    """Return what *read* returns, or *nothing* where the server refuses it."""
    try:
        return read()
    except ProviderError:
        return nothing


DRIVER = WhmUsage
