"""A plan against a snapshot: no account is asked, and no secret is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from reconciler.cli.memo import Memo, memo_key
from reconciler.engine import Accounts, Passing, Snapshot, plan, resolve, situation
from reconciler.engine.sway import swayed
from reconciler.errors import ReconcilerError, Unsupported
from reconciler.kinds import kinds
from reconciler.model import Account, AnyDriver, Driver, Observation, Plan, Share

if TYPE_CHECKING:
    from reconciler.audit import Ledger
    from reconciler.cli.project import Project
    from reconciler.engine import Based, Scope
    from reconciler.kinds.provider import Provider


def plan_observed(
    project: Project,
    scope: Scope,
    ledger: Ledger,
    was: Based,
    observed: Path,
    *,
    now: datetime,
    horizon: timedelta,
) -> Plan:
    """
    Return the plan of *project* against the snapshot *observed*.

    What was seen to need nothing in the same snapshot is looked at again when it
    changes, or when its time has come.
    """
    seen = Snapshot(observed, kinds().values())
    project.say(f"as observed at {seen.at:%Y-%m-%d %H:%M} UTC")
    memo = Memo(project.folder / f"quiet-{project.env}", memo_key(seen.digest))
    quiet, digests = memo.read(), scope.desired.digests()
    loud = quiet.loud(digests, now, horizon)
    loud |= swayed(scope.leaders(), seen.world, now).keys()
    refs = sorted(r for r in loud if r.kind in scope.kinds and scope.selected(r))
    accounts = unplugged_accounts(project)
    opened = scope.opened(ledger)
    wants = scope.by_uid() if opened else {}
    found = resolve(opened, wants, seen.world, accounts, now=now)
    passing = Passing(scope, refs)
    built = situation(scope, ledger, was, found, now=now, wants=passing)
    planned = plan(
        built,
        seen.world,
        accounts,
        now=now,
        horizon=horizon,
        watch=lambda subject, said: quiet.learn(subject, said, now),
    )
    if quiet.learned:
        memo.write(quiet.items(digests))
    return planned._replace(observed=seen.at)


def unplugged_accounts(project: Project) -> Accounts:
    """Return accounts of which it is known what they can, and none can be asked."""
    return Accounts(_Unplugged(project.accounts_declared), {})


class _Unplugged(Mapping[Share, AnyDriver]):
    """For each share what its driver can do; imported when it matters."""

    def __init__(self, declared: Mapping[str, Provider]) -> None:
        self._declared = declared

    def __getitem__(self, share: Share) -> AnyDriver:
        from reconciler.providers import driver_class

        try:
            vendor = self._declared[share.provider].spec.type
            return unplugged(driver_class(vendor, share.family))
        except ReconcilerError:
            raise KeyError(share) from None

    def __iter__(self) -> Iterator[Share]:
        return iter(())

    def __len__(self) -> int:
        return 0


def unplugged(kind: type[AnyDriver]) -> AnyDriver:
    """Return a driver that can what *kind* can, and has no account to do it with."""

    class Unplugged(Driver[Any, Any]):
        can = kind.can
        key_life = kind.key_life
        settles = kind.settles
        charges = kind.charges

        def __init__(self, account: Account | None = None) -> None:
            """Keep nothing."""

        def identity(self) -> None:
            """Nobody can be asked."""

        def observe(self, wants: Sequence[Any]) -> Observation:
            _refuse(len(wants))

        def apply(self, want: Any, change: Any, key: str) -> NoReturn:
            _refuse(want, change, key)

    return Unplugged()


def _refuse(*asked: object) -> NoReturn:
    del asked
    raise Unsupported("a plan from a snapshot speaks to no account")
