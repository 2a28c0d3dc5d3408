"""Which actions still fit into the budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from reconciler.model import Action, Decision, Money, Ref, Risk, Verdict
from reconciler.policy.budget import Budget
from reconciler.policy.context import Context

_LATE = datetime.max.replace(tzinfo=UTC)
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
        self._spend = context.spend
        self._declared = budget.spec.declared(context.resources)
        self._rooms: dict[tuple[str, str], _Room] = {}
        self._touched: dict[str, set[Ref]] = {"deletes": set(), "changes": set()}

    def refuses(self, action: Action) -> Iterator[Verdict]:
        """Yield a hold for each limit that *action* would break."""
        for field, cost in self._costs(action):
            room = self._room(field, cost.currency)
            if cost.amount > room.left:
                yield self._hold(f"spend.{field}", _too_much(field, cost, room))
        for field in self._counts(action):
            most, touched = self._most(field), self._touched[field]
            if len(touched | {action.want.ref}) > most:
                yield self._hold(
                    field, f"{most} resources at most may see {field} in one run"
                )

    def take(self, action: Action) -> None:
        """Give *action* its part."""
        for field, cost in self._costs(action):
            room = self._room(field, cost.currency)
            self._rooms[field, cost.currency] = room._replace(
                left=room.left - cost.amount
            )
        for field in self._counts(action):
            self._touched[field].add(action.want.ref)

    def _costs(self, action: Action) -> Iterator[tuple[str, Money]]:
        """Yield the lists that count *action*, each with its cost."""
        cost, spend = action.change.cost, self.budget.spec.spend
        if spend is None or cost is None or not cost.amount:
            return
        for field, amounts in (
            ("perRun", spend.per_run),
            ("perDay", spend.per_day),
            ("perMonth", spend.per_month),
        ):
            # What was begun is in the ledger already, as a reservation.
            if amounts and not (action.resumes and field in _SINCE):
                yield field, cost

    def _room(self, field: str, currency: str) -> _Room:
        if (field, currency) not in self._rooms:
            self._rooms[field, currency] = self._at_first(field, currency)
        return self._rooms[field, currency]

    def _at_first(self, field: str, currency: str) -> _Room:
        spend = self.budget.spec.spend
        assert spend is not None  # noqa: S101  (asked only where there is one)
        amounts = {
            "perRun": spend.per_run,
            "perDay": spend.per_day,
            "perMonth": spend.per_month,
        }[field]
        limit = next(
            (a for a in amounts if a.currency == currency), Money.of_minor(0, currency)
        )
        if field not in _SINCE:
            return _Room(limit, limit.amount)
        accounts = self.budget.spec.scope.accounts or (None,)
        gone = sum(
            self._spend.spent(currency, account, _SINCE[field]).amount
            for account in dict.fromkeys(accounts)
        )
        return _Room(limit, limit.amount - gone)

    def _counts(self, action: Action) -> Iterator[str]:
        spec, change = self.budget.spec, action.change
        if spec.deletes and change.risk is Risk.DESTRUCTIVE:
            yield "deletes"
        if spec.changes and change.merges:
            yield "changes"

    def _most(self, field: str) -> int:
        spec = self.budget.spec
        limit = spec.deletes if field == "deletes" else spec.changes
        assert limit is not None  # noqa: S101  (counted only where there is one)
        return limit.among(self._declared)

    def _hold(self, field: str, why: str) -> Verdict:
        at = self.budget.at(f"spec.{field}")
        rule = str(self.budget.ref)
        return Verdict(Decision.HOLD, rule, f"over budget: {why}", at=at, firm=True)


def _too_much(field: str, cost: Money, room: _Room) -> str:
    span = field.removeprefix("per").lower()
    if not room.limit.amount:
        return f"no {cost.currency} may be spent per {span}"
    left = Money(amount=max(room.left, Decimal(0)), currency=cost.currency)
    return f"costs {cost}, and {left} of {room.limit} per {span} are left"
