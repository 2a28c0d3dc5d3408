"""
Plesk: the subscriptions of a server, each a hosting account.

``endpoint`` is the server's own address, as in ``https://plesk1.agency.example:8443``.
Sources: docs.plesk.com ("subscription", "subscription_settings", "php_handler" and
"secret_key" of "Using Command Line Utilities"; "Setting Subscription Parameters" of
"Plesk API RPC") and the OpenAPI of REST v2. What it has and what follows from it:

* A subscription's name is its main domain; its user name is that of its system user.
* One packet names all of them, with their plans, limits and use; ``_plesk.py`` says
  which of the three doors is for what.
* Nothing has an idempotency key. A refusal is no proof that nothing happened: the
  subscription is read again, and what does not look as before is settled by what it
  shows. A lost answer is never sent again: a long command outlives it.
* A suspension has no reason of its own. Ours is made in one request that also writes
  ``MARKER`` into the administrator's note, and only what carries it is ever lifted, and
  only where nobody else (a reseller, the customer, its end) suspended it too.
* A customised subscription is locked: it does not follow its plan. Setting limits or
  PHP customises it.
* Before each change the subscription is read once more: its name and its system user
  must be the ones that are meant, its plan the one that the change comes from.
* A new system user needs a password. It is made by chance, sent once, kept nowhere: its
  owner sets one of his own.
* ``identity`` is the server's host name.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import ClassVar, Final, NamedTuple

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
from reconciler.model import (
    Absent,
    Account,
    Advice,
    Driver,
    Observation,
    OpClass,
    Receipt,
    Unmanaged,
)
from reconciler.model.hosting import mib
from reconciler.providers import _plesk_subscription as subscriptions
from reconciler.providers._plesk import CREDENTIALS, Missing, Plesk, nobody_knows
from reconciler.providers._plesk_php import PhpHandlers
from reconciler.providers._plesk_subscription import ADMIN, Subscription
from reconciler.providers._plesk_xml import node

#: Our word for a limit -> the option that sets it.
_OPTIONS: Final = {"disk": "-disk_space", "bandwidth": "-max_traffic"}
_PASSWORD: Final = 24


class Live(NamedTuple):
    """One subscription, read just now, and the names of the server's plans."""

    one: Subscription
    state: HostingState
    plans: frozenset[str]


class PleskHosting(Driver[HostingAccount, HostingChange]):
    """
    The subscriptions of one Plesk server.

    Args:
        password: Makes the first password of a system user.
    """

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

    def __init__(
        self,
        account: Account,
        password: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._account = account
        self._plesk = Plesk(account)
        self._php = PhpHandlers(account, self._plesk)
        self._password = password

    def __repr__(self) -> str:
        return f"PleskHosting({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        self._plesk.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._plesk.identity()

    def examine(self) -> Iterator[Advice]:
        """Name the keys of this server that are good from everywhere."""
        listed = self._plesk.command("secret_key", "--list", effect=False)
        loose = [
            words[0]
            for line in listed.splitlines()
            if (words := line.split()) and words[0].isdigit()
            if not any(map(_is_address, words))
        ]
        for number in loose:
            yield Advice(
                f"the key {number} opens the whole server from everywhere",
                "plesk bin secret_key --create -ip-address ADDRESS -description "
                f"reconciler, then: plesk bin secret_key --delete -key {number}",
            )

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[HostingAccount]) -> Observation:
        """Report all *wants* from one listing of the server."""
        self._plesk.http.counts()
        try:
            packet = self._plesk.packet(
                *subscriptions.asked(), operation="subscriptions"
            )
            listed = subscriptions.listed(packet)
            versions = self._php.versions(wants)
        except ProviderError as error:
            return nobody_knows(wants, error, self._plesk.http.counts())
        plans, by_user = subscriptions.plans(packet), subscriptions.by_user(listed)
        found = {
            # The account that is named, else the one that has the domain.
            want.name: by_user.get(want.spec.account or "") or want.domain
            for want in wants
        }
        claims = Counter(name for name in found.values() if name in listed)
        states = {
            want: subscriptions.seen(listed.get(name), plans, versions, claims[name])
            for want, name in found.items()
        }
        return Observation(
            states,
            tuple(
                Unmanaged(HostingAccount.kind, name, self._account.name)
                for name in sorted(listed.keys() - claims.keys())
            ),
            requests=self._plesk.http.counts(),
        )

    # -- apply -----------------------------------------------------------------

    def apply(self, want: HostingAccount, change: HostingChange, key: str) -> Receipt:
        """Carry out *change*, once; see ``Driver.apply``."""
        if isinstance(change, Create):
            return self._create(want, change)
        live = self._live(want)
        _check(want, live, change)
        try:
            done = self._do(live, change, key)
        except Rejected as refusal:
            raise self._after(refusal, want, live.state) from None
        return Receipt(reference=f"{done}/{live.one.name}")

    def _do(self, live: Live, change: HostingChange, key: str) -> str:
        """Do it, and return what it is called."""
        name = live.one.name
        match change:
            case ChangePlan():
                plan = str(change.details["package"])
                return self._run(
                    "subscription", "--switch-subscription", name, "-service-plan", plan
                )
            case SetLimits():
                settings = _limit_options(change)
                return self._run("subscription_settings", "--update", name, *settings)
            case SetPhp():
                version = str(change.details["version"])
                handler = self._php.like(live.one.handler, version)
                return self._run(
                    "subscription", "--update", name, "-php_handler_id", handler
                )
            case Suspend():
                note = subscriptions.with_mark(
                    live.one.note, key, self._account.clock()
                )
                return self._set(name, ADMIN, note)
            case Unsuspend():
                return self._set(name, 0, subscriptions.without_mark(live.one.note))
            case Terminate():
                return self._run("subscription", "--remove", name)
            case _:
                raise Unsupported(f"Plesk cannot {change.verb} an account")

    def _run(self, utility: str, command: str, *rest: str) -> str:
        self._plesk.command(utility, command, *rest, effect=True)
        return f"{utility} {command}"

    def _set(self, name: str, status: int, note: str) -> str:
        """Set status and note of a subscription, in one request."""
        setup = node(
            "gen_setup",
            node("status", str(status)),
            node("admin-description", note),
        )
        chosen = node("filter", node("name", name))
        operation = "webspace set"
        asked = node("webspace", node("set", chosen, node("values", setup)))
        self._plesk.packet(asked, operation=operation, effect=True)
        return operation

    def _create(self, want: HostingAccount, change: Create) -> Receipt:
        """Make a subscription on its plan; where one has the name, it is another's."""
        name, plan = str(change.details["domain"]), str(change.details["package"])
        if not isinstance(self._look(want), Absent):
            raise Rejected(f"{name} is there already", hint="plan again")
        password = self._password(_PASSWORD)
        self._plesk.http.hide(password)
        login = str(change.details["account"])
        try:
            number = self._plesk.create(
                {
                    "name": name,
                    "hosting_type": "virtual",
                    "hosting_settings": {"ftp_login": login, "ftp_password": password},
                    "plan": {"name": plan},
                }
            )
        except Rejected as refusal:
            raise self._after(refusal, want, Absent()) from None
        return Receipt(reference=f"domains/{number or name}")

    def _after(
        self,
        refusal: Rejected,
        want: HostingAccount,
        before: HostingState | Absent,
    ) -> ProviderError:
        """Return what a refusal means, once the subscription was looked at again."""
        try:
            now = self._look(want)
        except ProviderError:
            return Ambiguous(f"{refusal.what}; and what is there cannot be read")
        if _bare(now) == _bare(before):
            return refusal
        return Ambiguous(f"{refusal.what}; and yet something seems to have happened")

    def _look(self, want: HostingAccount) -> HostingState | Absent:
        try:
            return self._live(want).state
        except Missing:
            return Absent()

    def _live(self, want: HostingAccount) -> Live:
        """
        Return a fresh reading of the subscription that *want* is about.

        Raises:
            Missing: There is none.
        """
        operation = "subscription"
        packet = self._plesk.packet(
            *subscriptions.asked(want.domain), operation=operation
        )
        found = subscriptions.rows(packet)
        if len(found) != 1:
            raise Rejected(f"{operation}: {len(found)} of them instead of one")
        plans = subscriptions.plans(packet)
        versions = self._php.versions([want])
        try:
            one = subscriptions.read(found[0], plans)
            state = subscriptions.state(one, versions)
        except ValueError as error:
            raise Rejected(f"{operation}: cannot be read: {error}") from None
        return Live(one, state, frozenset(plans.values()))

    # -- recover ---------------------------------------------------------------

    def happened(
        self, want: HostingAccount, change: HostingChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from a fresh reading what became of *change*.

        A command may go on after its answer was lost: that nothing shows proves
        something only after ``settles``.
        """
        del key
        try:
            seen = want.done(change, {change.share: self._look(want)})
        except ProviderError:
            return None
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None


def _check(want: HostingAccount, live: Live, change: HostingChange) -> None:
    """Raise where *live* is not what *change* was planned for."""
    state, again = live.state, "plan again"
    if not want.meant(state):
        raise Rejected(
            f"the account {state.account} is that of {state.domain}", hint=again
        )
    if state.busy is not None:
        raise TooEarly(f"the server still works on it: {state.busy}")
    match change:
        case ChangePlan():
            if state.package != change.details.get("was", state.package):
                raise Rejected(
                    f"it is on {state.package or 'no plan'} by now", hint=again
                )
            if change.details["package"] not in live.plans:
                plan = change.details["package"]
                raise Rejected(f"the server has no plan {plan}", hint="mend packages")
            if want.strays(state) and change.hold is None:
                raise Rejected("it was customised on the server since", hint=again)
        case Suspend() if state.suspended:
            raise Rejected("it is suspended already", hint=again)
        case Unsuspend() if not (state.suspended and state.ours):
            raise Rejected("it has no suspension that this tool made", hint=again)
        case _:
            pass


def _is_address(word: str) -> bool:
    try:
        return bool(ip_address(word.strip(",")))
    except ValueError:
        return False


def _limit_options(change: SetLimits) -> list[str]:
    limits = change.details.get("limits")
    found: list[str] = []
    for metric, most in limits.items() if isinstance(limits, dict) else ():
        if metric not in _OPTIONS:
            raise Unsupported(f"Plesk cannot limit {metric}")
        size = "-1" if most is None else f"{mib(float(str(most)))}M"
        found += [_OPTIONS[metric], size]
    return found


def _bare(state: HostingState | Absent) -> HostingState | Absent:
    """Return *state* without what changes by itself."""
    if isinstance(state, Absent):
        return state
    return state.model_copy(update={"used": {}, "since": None})


DRIVER = PleskHosting
