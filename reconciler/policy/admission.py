"""Which actions still fit into the budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from reconciler.model import Action, Decision, Money, Risk, Verdict
from reconciler.policy.budget import Budget, Spend
from reconciler.policy.context import Context
from reconciler.policy.scope import within

_LATE = datetime.max.replace(tzinfo=UTC)
CHARGES: Final = "charges"
_SINCE: dict[str, Literal["day", "month"]] = {"perDay": "day", "perMonth": "month"}


class _Room(NamedTuple):
    """What one list of amounts still leaves, in one currency."""

    limit: Money
    left: Decimal


def admit(
    actions: Sequence[Action], budgets: Sequence[Budget], context: Context
) -> dict[str, tuple[Verdict, ...]]:
    """
    Return the holds for what does not fit, by action id.

    What was begun goes first, then what was approved, then the earliest due, then
    by id. An action that does not fit is passed over, and smaller ones after it may
    still fit. One that another rule stops for certain takes no room.
    """
    tallies = [Tally(budget, context) for budget in budgets]
    held: dict[str, tuple[Verdict, ...]] = {}
    for action in sorted(actions, key=lambda action: _order(action, context)):
        meant = [t for t in tallies if t.budget.spec.scope.covers(action, context)]
        over = tuple(v for tally in meant for v in tally.refuses(action))
        if over:
            held[action.id] = over
        elif _may_run(action, context):
            for tally in meant:
                tally.take(action)
    return held


def _order(action: Action, context: Context) -> tuple[bool, bool, datetime, str]:
    approved = bool(context.approvers(action))
    due = action.change.due or _LATE
    return (not action.resumes, not approved, due, action.id)


def _may_run(action: Action, context: Context) -> bool:
    """Whether it runs now, or would with the approvals that are there."""
    holds = [v for v in action.verdicts if v.decision is not Decision.ALLOW]
    if any(v.firm or v.decision is Decision.DENY for v in holds):
        return False
    lifted = context.broken(action) or context.approvers(action)
    return not (holds or action.change.hold) or bool(lifted)


class Tally:
    """What one budget has left, while the actions of one plan are gone through."""

    def __init__(self, budget: Budget, context: Context) -> None:
        self.budget = budget
        self._context = context
        self._rooms: dict[tuple[str, str, str], _Room] = {}
        self._touched: dict[str, set[str]] = {}

    def refuses(self, action: Action) -> Iterator[Verdict]:
        """Yield a hold for each limit that *action* would break."""
        for part, field, amount in self._amounts(action):
            room = self._room(part, field, amount.currency)
            if amount.amount > room.left:
                why = _too_much(part, field, amount, room)
                yield self._hold(f"{part}.{field}", why)
        for field, whom in self._counts(action):
            most, touched = self._most(field), self._touched.get(field, set())
            if len(touched | {whom}) > most:
                yield self._hold(field, _too_many(field, most))

    def take(self, action: Action) -> None:
        """Give *action* its part."""
        for part, field, amount in self._amounts(action):
            room = self._room(part, field, amount.currency)
            left = room.left - amount.amount
            self._rooms[part, field, amount.currency] = room._replace(left=left)
        for field, whom in self._counts(action):
            self._touched.setdefault(field, set()).add(whom)

    def _amounts(self, action: Action) -> Iterator[tuple[str, str, Money]]:
        """Yield the lists that count *action*, each with what it takes of them."""
        change, spec = action.change, self.budget.spec
        flows = (
            ("spend", spec.spend, change.cost),
            (CHARGES, spec.charges, change.charge),
        )
        for part, limits, amount in flows:
            if limits is None or amount is None or not amount.amount:
                continue
            for field, listed in _lists(limits):
                # What was begun is in the ledger already, as a reservation.
                if listed and not (action.resumes and field in _SINCE):
                    yield part, field, amount

    def _room(self, part: str, field: str, currency: str) -> _Room:
        key = part, field, currency
        if key not in self._rooms:
            self._rooms[key] = self._at_first(*key)
        return self._rooms[key]

    def _at_first(self, part: str, field: str, currency: str) -> _Room:
        spec, ledger = self.budget.spec, self._context.spend
        limits = spec.charges if part == CHARGES else spec.spend
        assert limits is not None  # noqa: S101  (asked only where there is one)
        listed = dict(_lists(limits))[field]
        limit = within(listed, currency) or Money.of_minor(0, currency)
        if field not in _SINCE:
            return _Room(limit, limit.amount)
        gone_by = ledger.charged if part == CHARGES else ledger.spent
        accounts = spec.scope.accounts or (None,)
        gone = sum(
            gone_by(currency, account, _SINCE[field]).amount
            for account in dict.fromkeys(accounts)
        )
        return _Room(limit, limit.amount - gone)

    def _counts(self, action: Action) -> Iterator[tuple[str, str]]:
        """Yield the limits that count *action*, each with whom they count."""
        spec, change, ref = self.budget.spec, action.change, str(action.want.ref)
        if spec.deletes and change.risk is Risk.DESTRUCTIVE:
            yield "deletes", ref
        if spec.changes and (change.merges or change.takes_down):
            yield "changes", ref
        if spec.charged and change.charge and change.charge.amount:
            # Whoever pays for several things is charged, and counted, as one.
            yield "charged", action.want.payer or ref

    def _most(self, field: str) -> int:
        spec = self.budget.spec
        limits = {
            "deletes": spec.deletes,
            "changes": spec.changes,
            "charged": spec.charged,
        }
        limit = limits[field]
        assert limit is not None  # noqa: S101  (counted only where there is one)
        return limit.among(spec.declared(self._context.resources, field))

    def _hold(self, field: str, why: str) -> Verdict:
        at = self.budget.at(f"spec.{field}")
        rule = str(self.budget.ref)
        return Verdict(Decision.HOLD, rule, f"over budget: {why}", at=at, firm=True)


def _lists(limits: Spend) -> tuple[tuple[str, tuple[Money, ...]], ...]:
    return (
        ("perRun", limits.per_run),
        ("perDay", limits.per_day),
        ("perMonth", limits.per_month),
    )


def _too_much(part: str, field: str, amount: Money, room: _Room) -> str:
    span = field.removeprefix("per").lower()
    done, does = ("charged", "charges") if part == CHARGES else ("spent", "costs")
    if not room.limit.amount:
        return f"no {amount.currency} may be {done} per {span}"
    left = Money(amount=max(room.left, Decimal(0)), currency=amount.currency)
    return f"{does} {amount}, and {left} of {room.limit} per {span} are left"


def _too_many(field: str, most: int) -> str:
    if field == "charged":
        return f"{most} customers at most may be charged in one run"
    return f"{most} resources at most may see {field} in one run"
