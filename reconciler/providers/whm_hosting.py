"""
cPanel & WHM, WHM API 1: which accounts a server has, suspended or not.

``endpoint`` is the server's own address, as in ``https://whm1.agency.example:2087``.
Sources: the vendor's reference (api.docs.cpanel.net: ``listaccts``, ``accountsummary``,
``suspendacct``, ``unsuspendacct``, ``gethostname``, ``api_token_list``, "API Tokens in
WHM"). What it has and what follows from it:

* Every function is a GET, those that change something too, and a failure is an answer
  200: ``metadata.result`` alone decides. There is no idempotency key. A change is sent
  again only where it never left this machine.
* A refusal is no proof that nothing happened: a suspension is a row of steps. The
  account is read again, and what does not look as before is settled by what it shows.
* ``listaccts`` names all accounts at once that the token's user may see: root's are the
  server's, a reseller's only its own. Only the fields needed are asked for (``want``):
  an address for mail is nobody's business here.
* Numbers come as numbers or as texts, by version.
* A suspension has a reason. Ours begins with ``MARKER``; nothing else is ever lifted,
  and nothing that somebody locked after us. Before each change the account is read once
  more: the domain must be the one that is meant.
* ``identity`` is the server's host name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected, Unsupported
from reconciler.kinds.hosting_account import (
    HostingAccount,
    HostingChange,
    HostingState,
    Suspend,
    Unsuspend,
)
from reconciler.model import (
    Absent,
    Account,
    Advice,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    Unmanaged,
)
from reconciler.providers._answers import mapping, rows
from reconciler.providers._whm import CREDENTIALS, SaidNo, Whm

#: How the reason of a suspension begins that this tool made.
MARKER: Final = "suspended-by-reconciler"
_WANT: Final = "user,domain,plan,suspended,suspendreason,suspendtime,is_locked"
_UNREADABLE: Final = (ValueError, KeyError, TypeError, OverflowError, OSError)

Row = Mapping[str, Any]


class WhmHosting(Driver[HostingAccount, HostingChange]):
    """The accounts of one WHM server."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "suspend": OpClass.PROBE,
        "unsuspend": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._whm = Whm(account)

    def __repr__(self) -> str:
        return f"WhmHosting({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def examine(self) -> Iterator[Advice]:
        """Name the tokens of this user that never end, or can do everything."""
        try:
            tokens = mapping(self._whm.read("api_token_list").get("tokens"))
        except Rejected:
            return  # a token that may not list tokens is as it should be
        for name, token in sorted(tokens.items()):
            acls = mapping(token).get("acls") or {}
            wrong = [] if token.get("expires_at") else ["never ends"]
            wrong += ["may do everything"] if str(acls.get("all")) == "1" else []
            if wrong:
                yield Advice(
                    f"the token {name} {' and '.join(wrong)}",
                    "make one with an end and the rights list-accts, acct-summary, "
                    "basic-system-info and, to suspend, suspend-acct",
                )

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[HostingAccount]) -> Observation:
        """Report all *wants* from one listing of the server."""
        self._whm.http.counts()
        try:
            listed = self._listed()
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            states: dict[str, Observed] = {want.name: lost for want in wants}
            return Observation(states, requests=self._whm.http.counts())
        by_domain = {str(row["domain"]).lower(): row for row in listed.values()}
        found = {
            # The account that is named, else the one that has the domain.
            want.name: listed.get(want.spec.account or "") or by_domain.get(want.domain)
            for want in wants
        }
        claims = Counter(row["user"] for row in found.values() if row is not None)
        states = {name: _seen(row, claims) for name, row in found.items()}
        loose = (row for user, row in listed.items() if user not in claims)
        return Observation(
            states,
            tuple(
                Unmanaged(HostingAccount.kind, name, self._account.name)
                for name in sorted(str(row["domain"]).lower() for row in loose)
            ),
            requests=self._whm.http.counts(),
        )

    def _listed(self) -> dict[str, Row]:
        """Return every account by its user name; raise where that proves nothing."""
        found: dict[str, Row] = {}
        for row in rows(
            self._whm.read("listaccts", want=_WANT).get("acct"), "accounts"
        ):
            line = mapping(row)
            user = str(line.get("user") or "")
            if not user or not line.get("domain") or user in found:
                raise Rejected("the listing is not one of accounts: it proves nothing")
            found[user] = line
        return found

    # -- apply -----------------------------------------------------------------

    def apply(self, want: HostingAccount, change: HostingChange, key: str) -> Receipt:
        """Suspend, or lift our own suspension; see ``Driver.apply``."""
        live = self._live(want)
        if not want.meant(live):
            raise Rejected(
                f"the account {live.account} is that of {live.domain}",
                hint="plan again",
            )
        params = {"user": live.account}
        match change:
            case Suspend():
                if live.suspended:
                    raise Rejected("it is suspended already", hint="plan again")
                params["reason"] = f"{MARKER} {want.ref} {key}"
                function = "suspendacct"
            case Unsuspend():
                if not (live.suspended and live.ours):
                    raise Rejected(
                        "it has no suspension that this tool made", hint="plan again"
                    )
                function = "unsuspendacct"
            case _:
                raise Unsupported(f"WHM cannot {change.verb} an account")
        try:
            self._whm.call(function, params, effect=True)
        except SaidNo as refusal:
            raise self._after(refusal, want, change) from None
        return Receipt(reference=f"{function}/{live.account}")

    def _after(
        self, refusal: SaidNo, want: HostingAccount, change: HostingChange
    ) -> ProviderError:
        """Return what a refusal means, once the account was looked at again."""
        try:
            done = want.done(change, {change.share: self._live(want)})
        except (ProviderError, *_UNREADABLE):
            done = None
        if done is False:
            return refusal
        return Ambiguous(f"{refusal.what}; and yet something seems to have happened")

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
        try:
            return _state(mapping(found[0]))
        except _UNREADABLE as error:
            kind = type(error).__name__
            raise Rejected(f"accountsummary: cannot be read: {kind}") from None

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: HostingAccount, change: HostingChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh reading what became of *change*.

        A suspension may go on after its answer was lost: that it is not there proves
        something only after ``settles``.
        """
        del key
        try:
            seen = want.done(change, {change.share: self._live(want)})
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None


def _seen(row: Row | None, claims: Mapping[str, int]) -> Observed:
    if row is None:
        return Absent()
    if claims[row["user"]] > 1:
        return Unknown(why=f"several documents are about the account {row['user']}")
    try:
        return _state(row)
    except _UNREADABLE as error:
        what = f"its line in the listing cannot be read: {type(error).__name__}"
        return Unknown(why=what)


def _state(row: Row) -> HostingState:
    suspended, locked = _flag(row["suspended"]), _flag(row["is_locked"])
    marked = str(row["suspendreason"] or "").split()[:1] == [MARKER]
    return HostingState(
        account=str(row["user"]),
        domain=str(row["domain"]).lower(),
        package=str(row["plan"] or ""),
        suspended=suspended,
        ours=suspended and marked and not locked,
        locked=locked,
        since=_moment(row["suspendtime"]) if suspended else None,
    )


def _flag(value: Any) -> bool:
    """Return a 0 or 1; raise ValueError for whatever else it is."""
    text = str(value)
    if isinstance(value, bool) or text not in {"0", "1"}:
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return text == "1"


def _moment(value: Any) -> datetime | None:
    seconds = int(value or 0)
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


DRIVER = WhmHosting
