"""
What is done to the accounts of a WHM server, each time after a look at them.

See ``whm_hosting.py`` for what the vendor documents, and what follows from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    TooEarly,
    Unsupported,
)
from reconciler.kinds.hosting_account import (
    ChangePlan,
    Create,
    HostingAccount,
    HostingChange,
    HostingState,
    SetLimits,
    SetPhp,
    Suspend,
    Terminate,
    Unsuspend,
)
from reconciler.model import Absent, Observed, Receipt
from reconciler.model.hosting import mib
from reconciler.providers import _whm_accounts as accounts
from reconciler.providers._answers import mapping, rows
from reconciler.providers._whm import SaidNo, Whm
from reconciler.providers._whm_accounts import MARKER, UNREADABLE, Row

_AGAIN: Final = "plan again"
_SETTABLE: Final = frozenset({"disk", "bandwidth"})

Ask = tuple[str, Mapping[str, str]]


class Acts:
    """Changes of accounts, each sent once and believed only where it shows."""

    def __init__(self, whm: Whm) -> None:
        self._whm = whm

    def carry_out(
        self, want: HostingAccount, change: HostingChange, key: str
    ) -> Receipt:
        """Carry out one change; see ``Driver.apply``."""
        if isinstance(change, Create):
            user, calls = str(change.details["account"]), [self._created(change)]
        else:
            live = self._meant(want)
            user, calls = live.account, list(self._asked(want, live, change, key))
        for number, (function, params) in enumerate(calls):
            try:
                self._whm.call(function, params, effect=True)
            except SaidNo as refusal:
                raise self._after(refusal, want, change) from None
            except ProviderError as error:
                if number == 0 or isinstance(error, Ambiguous):
                    raise
                what = f"{error.what}; and {calls[0][0]} is done already"
                raise Ambiguous(what, request_id=error.request_id) from None
        if isinstance(change, Create | ChangePlan):
            self._look_again(want, change)
        return Receipt(reference=f"{' '.join(name for name, _ in calls)}/{user}")

    def _meant(self, want: HostingAccount) -> HostingState:
        """Return a fresh reading of the very account that *want* is about."""
        live = self._live(want)
        if not want.meant(live):
            why = f"the account {live.account} is that of {live.domain}"
            raise Rejected(why, hint=_AGAIN)
        if live.account in accounts.restored(self._whm):
            raise TooEarly(f"a backup is being restored into {live.account}")
        return live

    def _asked(
        self,
        want: HostingAccount,
        live: HostingState,
        change: HostingChange,
        key: str,
    ) -> Iterable[Ask]:
        """Return the functions that bring *change* about; raise where none may."""
        match change:
            case ChangePlan():
                return [_package(live, change)]
            case SetLimits():
                return _limits(live, change)
            case SetPhp():
                return [self._php(live, change)]
            case Terminate():
                return [self._end(want, live)]
            case Suspend():
                return [_suspension(live, f"{MARKER} {want.ref} {key}")]
            case Unsuspend():
                return [_lifting(live)]
            case _:
                raise Unsupported(f"WHM cannot {change.verb} an account")

    def _created(self, change: Create) -> Ask:
        """Return what makes an account, where the listing has none like it."""
        user, domain = str(change.details["account"]), str(change.details["domain"])
        package = str(change.details["package"])
        for row in accounts.listed(self._whm).values():
            if str(row["domain"]).lower() == domain:
                raise Rejected(f"{domain} is that of {row['user']}", hint=_AGAIN)
            if row["user"] == user:
                why = f"the account {user} is that of {row['domain']}"
                raise Rejected(why, hint="name another user in account")
        known = accounts.packages(self._whm)
        if known is not None and package not in known:
            why = f"there is no package {package}"
            raise Rejected(why, hint="make it there, or mend packages of the plan")
        return "createacct", {
            "username": user,
            "domain": domain,
            "plan": package,
            "showpass": "n",
        }

    def _php(self, live: HostingState, change: SetPhp) -> Ask:
        version = str(change.details["version"])
        site = accounts.sites(self._whm).get((live.account, live.domain))
        if site is None:
            raise Rejected(f"{live.domain} is no site of {live.account}", hint=_AGAIN)
        package = f"ea-php{version.replace('.', '')}"
        installed = self._whm.read("php_get_installed_versions").get("versions")
        if not isinstance(installed, list) or package not in installed:
            raise Rejected(f"PHP {version} is not installed there ({package})")
        fpm = "1" if str(site.get("php_fpm")) == "1" else "0"
        params = {"version": package, "vhost": live.domain, "php_fpm": fpm}
        return "php_set_vhost_versions", params

    def _end(self, want: HostingAccount, live: HostingState) -> Ask:
        if want.metadata.protected:
            raise Rejected(f"{want.ref} is protected: nothing is deleted")
        for row in accounts.listed(self._whm).values():
            if str(row.get("owner")) == live.account != row["user"]:
                why = f"{live.account} owns other accounts: nothing is deleted"
                raise Rejected(why)
        return "removeacct", {"username": live.account, "keepdns": "1"}

    # -- looking again -----------------------------------------------------------------

    def _look_again(self, want: HostingAccount, change: HostingChange) -> None:
        """Believe a yes only where the account shows it."""
        try:
            done = self.shown(want, change)
        except ProviderError:
            return  # it said yes; the look after each action decides
        if done is not True:
            raise Ambiguous("it said yes, and the account does not show it")

    def _after(
        self, refusal: SaidNo, want: HostingAccount, change: HostingChange
    ) -> ProviderError:
        """Return what a refusal means, once the account was looked at again."""
        try:
            done = self.shown(want, change)
        except (ProviderError, *UNREADABLE):
            done = None
        # Of several limits one may be set already, whatever the refusal is about.
        if done is False and len(_metrics(change)) <= 1:
            return refusal
        return Ambiguous(f"{refusal.what}; and yet something seems to have happened")

    def shown(self, want: HostingAccount, change: HostingChange) -> bool | None:
        """Return whether a fresh reading shows *change*; raise where it fails."""
        made: dict[str, Observed] = {want.name: self._present(want, change)}
        if "bandwidth" in _metrics(change):
            accounts.with_bandwidth(self._whm, [want], made)
            state = made[want.name]
            if isinstance(state, HostingState) and "bandwidth" not in state.limits:
                return None
        if isinstance(change, SetPhp):
            accounts.with_php(self._whm, [want], made)
        return want.done(change, {change.share: made[want.name]})

    def _present(
        self, want: HostingAccount, change: HostingChange
    ) -> HostingState | Absent:
        """Return the account; of what comes or goes, the listing has the word."""
        if not isinstance(change, Create | Terminate):
            return self._live(want)
        listed = accounts.listed(self._whm)
        user = str(change.details.get("account") or want.spec.account)
        by_domain = {str(row["domain"]).lower(): row for row in listed.values()}
        row = listed.get(user) or by_domain.get(want.domain)
        return Absent() if row is None else _read(row)

    def _live(self, want: HostingAccount) -> HostingState:
        """Return a fresh reading of the account that *want* is about."""
        asked = (
            {"user": want.spec.account}
            if want.spec.account
            else {"domain": want.domain}
        )
        found = rows(self._whm.read("accountsummary", **asked).get("acct"), "accounts")
        if len(found) != 1:
            raise Rejected(f"accountsummary: {len(found)} accounts instead of one")
        return _read(mapping(found[0]))


def _read(row: Row) -> HostingState:
    """Return one account; raise Rejected where it cannot be read."""
    try:
        return accounts.state(row)
    except UNREADABLE as error:
        kind = type(error).__name__
        raise Rejected(f"the account cannot be read: {kind}") from None


def _suspension(live: HostingState, reason: str) -> Ask:
    if live.suspended:
        raise Rejected("it is suspended already", hint=_AGAIN)
    return "suspendacct", {"user": live.account, "reason": reason}


def _lifting(live: HostingState) -> Ask:
    if not (live.suspended and live.ours):
        raise Rejected("it has no suspension that this tool made", hint=_AGAIN)
    return "unsuspendacct", {"user": live.account}


def _package(live: HostingState, change: ChangePlan) -> Ask:
    package = str(change.details["package"])
    if live.package == package:
        raise Rejected(f"it is on {package} already", hint=_AGAIN)
    if live.package != change.details["was"]:
        raise Rejected(f"it is on {live.package} by now", hint=_AGAIN)
    return "changepackage", {"user": live.account, "pkg": package}


def _metrics(change: HostingChange) -> Mapping[str, Any]:
    """Return the limits that *change* sets, by metric."""
    return mapping(change.details["limits"]) if isinstance(change, SetLimits) else {}


def _limits(live: HostingState, change: SetLimits) -> Iterator[Ask]:
    """Yield the calls that set the limits, the disk's first."""
    wanted = _metrics(change)
    if other := sorted(set(wanted) - _SETTABLE):
        raise Unsupported(f"WHM sets no limit of {', '.join(other)}")
    said = {m: str(mib(v)) if v else "unlimited" for m, v in wanted.items()}
    if "disk" in said:
        yield "editquota", {"user": live.account, "quota": said["disk"]}
    if "bandwidth" in said:
        yield "limitbw", {"user": live.account, "bwlimit": said["bandwidth"]}
