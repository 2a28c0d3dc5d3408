"""
cPanel & WHM, WHM API 1: the accounts of a server, and all that is done to them.

``endpoint`` is the server's own address, as in ``https://whm1.agency.example:2087``.
Sources: the vendor's reference (api.docs.cpanel.net: ``listaccts``, ``accountsummary``,
``createacct``, ``changepackage``, ``editquota``, ``limitbw``, ``removeacct``,
``suspendacct``, ``unsuspendacct``, ``listpkgs``, ``showbw``,
``php_get_vhost_versions``, ``php_set_vhost_versions``, ``restore_queue_list_active``,
``gethostname``, ``api_token_list``, ``applist``, "API Tokens in WHM", "ACL Reference
Chart"). What it has and what follows from it:

* Every function is a GET, those that change something too, and a failure is an answer
  200: ``metadata.result`` alone decides. There is no idempotency key. A change is sent
  again only where it never left this machine.
* A refusal is no proof that nothing happened: each change is a row of steps. The
  account is read again, and what does not look as before is settled by what it shows.
* ``listaccts`` names all accounts at once that the token's user may see: root's are the
  server's, a reseller's only its own. Only the fields needed are asked for (``want``):
  an address for mail is nobody's business here. The packages, what is being restored,
  the bandwidth and PHP are listings of the whole server too, and are asked for only
  where a document says something about them or an account is about to change.
* Numbers come as numbers or as texts, by version.
* Before each change the account is read once more: the domain must be the one that is
  meant, the package the one that was planned from, and nothing may be restored into it.
* A suspension has a reason. Ours begins with ``MARKER``; nothing else is ever lifted,
  and nothing that somebody locked after us.
* ``createacct`` makes a password where none is given, and shows it unless it is told
  not to (``showpass=n``). No password and no address is sent, and the text that comes
  back is not kept.
* ``removeacct`` would delete the zone as well; it is told to keep it (``keepdns=1``):
  records belong to the domain, whose visitors and mail may be elsewhere by now. An
  account that owns others, and one that is protected, is never deleted from here.
* ``php_set_vhost_versions`` switches PHP-FPM off where it is not told to leave it on.
* WHM limits disk and bandwidth. How many files there may be, and what CloudLinux
  limits, is set elsewhere.
* ``identity`` is the server's host name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.hosting_account import HostingAccount, HostingChange
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
from reconciler.providers import _whm_accounts as accounts
from reconciler.providers._answers import mapping
from reconciler.providers._whm import CREDENTIALS, Whm
from reconciler.providers._whm_accounts import MARKER, UNREADABLE, Row
from reconciler.providers._whm_acts import Acts

__all__ = ["MARKER", "WhmHosting"]

_RIGHTS: Final = (
    "list-accts, acct-summary, basic-system-info and, for what shall be done from "
    "here, suspend-acct, create-acct, list-pkgs, upgrade-account, quota, "
    "limit-bandwidth"
)
_DELETES: Final = "removeacct"


class WhmHosting(Driver[HostingAccount, HostingChange]):
    """The accounts of one WHM server."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "create": OpClass.PROBE,
        "change-plan": OpClass.PROBE,
        "set-limits": OpClass.PROBE,
        "set-php": OpClass.PROBE,
        "suspend": OpClass.PROBE,
        "unsuspend": OpClass.PROBE,
        "terminate": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._whm = Whm(account)
        self._acts = Acts(self._whm)

    def __repr__(self) -> str:
        return f"WhmHosting({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def examine(self) -> Iterator[Advice]:
        """Name the tokens of this user that never end, or can do too much."""
        try:
            functions = self._whm.read("applist").get("app")
        except Rejected:
            functions = None  # no token has to be able to ask
        if isinstance(functions, list) and _DELETES in functions:
            yield Advice(
                "the token may delete accounts",
                "take kill-acct away from it, unless accounts shall be terminated "
                "from here",
            )
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
                    f"make one with an end and the rights {_RIGHTS}",
                )

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[HostingAccount]) -> Observation:
        """Report all *wants* from listings of the whole server."""
        self._whm.http.counts()
        try:
            listed = accounts.listed(self._whm)
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
            accounts.completed(self._whm, wants, states),
            tuple(
                Unmanaged(HostingAccount.kind, name, self._account.name)
                for name in sorted(str(row["domain"]).lower() for row in loose)
            ),
            requests=self._whm.http.counts(),
        )

    # -- apply -----------------------------------------------------------------

    def apply(self, want: HostingAccount, change: HostingChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``."""
        return self._acts.carry_out(want, change, key)

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: HostingAccount, change: HostingChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh reading what became of *change*.

        A change may go on after its answer was lost: that it is not there proves
        something only after ``settles``.
        """
        del key
        try:
            seen = self._acts.shown(want, change)
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
        return accounts.state(row)
    except UNREADABLE as error:
        what = f"its line in the listing cannot be read: {type(error).__name__}"
        return Unknown(why=what)


DRIVER = WhmHosting
