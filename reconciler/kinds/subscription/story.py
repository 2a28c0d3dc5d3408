"""What happened to a subscription, period by period, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from reconciler.kinds.subscription.amounts import expected
from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.coming import Coming, coming
from reconciler.kinds.subscription.facts import TOLD, Invoiced, Try
from reconciler.model import Chapter

#: So many periods are told one by one.
_TOLD: Final = 6
_DAY: Final = timedelta(days=1)
_TRIES: Final = {
    "soft": "was declined",
    "hard": "was declined for good",
    "action": "needs the customer's confirmation",
    "refused": "was refused",
    "lost": "was lost, and had no effect",
}
_DEEDS: Final = {
    "charge": "charge",
    "retry": "charge again",
    "request-card-update": "ask for another card",
    "backup-gateway": "charge a backup method",
    "suspend": "suspend what is covered",
    "propose-termination": "propose to terminate; two people decide",
}


def story(case: Case) -> Iterator[Chapter]:
    """Yield until when it is paid, the latest periods, and what comes next."""
    yield Chapter(f"{_until(case)}  (times of {case.terms.time_zone})")
    first: dict[tuple[str, str], list[Invoiced]] = {}
    for one in case.invoiced:
        first.setdefault((one.of.period, one.of.purpose), []).append(one)
    periods = list(first.values())
    if (earlier := len(periods) - _TOLD) > 0:
        yield Chapter(f"{earlier} earlier periods are in the audit log")
    for legs in periods[-_TOLD:]:
        yield Chapter(_title(case, legs), tuple(_happened(case, legs)))
    lines = tuple(_next(case)) or ("nothing comes by itself",)
    yield Chapter("next", lines, _follows(case))


def _until(case: Case) -> str:
    if case.books.known is None:
        return "is new here: the first apply takes note of it, and charges nothing"
    renewals = [one for one in case.invoiced if one.of.purpose == "renewal"]
    if not renewals:
        return "nothing was invoiced here yet"
    paid_until = None
    for one in renewals:
        if not case.paid(one.of):
            break
        paid_until = one.ends - _DAY
    owed = len({one.of.period for one in renewals if not case.paid(one.of)})
    more = f"; {owed} {'period' if owed == 1 else 'periods'} not paid" if owed else ""
    return f"{f'paid until {paid_until}' if paid_until else 'not paid yet'}{more}"


def _title(case: Case, legs: list[Invoiced]) -> str:
    one = legs[-1]
    purpose = "" if one.of.purpose == "renewal" else f" ({one.of.purpose})"
    head = f"{one.begins} to {one.ends - _DAY}{purpose}  {one.total}"
    if case.paid(one.of):
        return f"{head}  paid"
    bill = case.bill(one)
    if bill is not None and bill.payment == "processing":
        return f"{head}  under way: its gateway has not decided yet"
    if bill is not None and bill.state in {"void", "uncollectible"}:
        return f"{head}  {bill.state}"
    return f"{head}  {'UNPAID' if case.failed_at(one) else 'open'}"


def _happened(case: Case, legs: list[Invoiced]) -> Iterator[str]:
    """Yield what is recorded of one period, in the order of time."""
    found: list[tuple[datetime, str]] = []
    for one in legs:
        number = one.number or one.id
        found.append((one.at, f"invoiced at {one.provider}: {number}, {one.total}"))
        if fenced := case.books.voided(one.of):
            found.append((fenced, f"{number} was made impossible to pay (the fence)"))
        if held := case.books.authorized(one.of):
            found.append((_moment(held["at"]), f"{held.get('amount')} held"))
        if paid := case.books.fact(f"{one.of.fact}/paid"):
            by = _by(case, paid.get("method"), paid.get("how"))
            amount = f"{paid.get('amount')} paid at {paid.get('provider')}"
            found.append((_moment(paid["at"]), f"{amount}{by}"))
    for count, tried in enumerate(case.books.tries(legs[0].of), 1):
        found.append((tried.at, _tried(case, count, tried)))
    start = f"{TOLD}/{legs[0].of.period}/{legs[0].of.purpose}/"
    for key in case.books.facts:
        if key.startswith(start):
            told = case.books.fact(key)
            state = f", {told['state']}" if told.get("state") else ""
            found.append((_moment(told["at"]), f"told {key[len(start) :]}{state}"))
    if case.paid(legs[0].of) and not case.books.paid(legs[0].of):
        found.append((case.now, "is paid at the gateway; the next apply notes it"))
    yield from (f"{_local(case, at)}  {said}" for at, said in sorted(found))


def _tried(case: Case, number: int, tried: Try) -> str:
    code = f": {tried.code}" if tried.code else ""
    by = _by(case, tried.method, "charge")
    return f"attempt {number}{by} {_TRIES[tried.kind]}{code}"


def _by(case: Case, token: JsonValue, how: JsonValue) -> str:
    """Name the method by its document: ids of gateways tell a person nothing."""
    names = (m.name for m in case.terms.methods if m.token == token)
    if name := next(names, None):
        return f" by {name}"
    return f" ({how})" if how not in {None, "charge", "capture"} else ""


def _next(case: Case) -> Iterator[str]:
    """Yield what comes, as far as anybody can know now."""
    terms = case.terms
    if terms.holds:
        held = ", ".join(terms.holds)
        yield f"nothing while Customer/{terms.customer} is held: {held}"
        return
    if terms.collect == "none" or terms.invoicing.collector != "reconciler":
        yield f"{terms.invoicing.collector} collects, and not this tool"
        return
    found: list[tuple[datetime, str]] = []
    for one in case.unpaid():
        found += _steps(case, one)
    span = case.coming
    if span is not None:
        days = f"{span.begins} to {span.ends - _DAY}"
        found.append((case.create_at(span), f"invoice {days}: {expected(terms)}"))
        found.append((_when(case, span.begins), _collects(case, days)))
    yield from (
        f"{_local(case, max(at, case.now))}  {said}" for at, said in sorted(found)
    )
    if found:
        yield f"stop it: write holds into Customer/{terms.customer}"


def _follows(case: Case) -> str:
    """Return what is done next about what is not paid; empty where nothing is."""
    if not case.ours:
        return ""
    steps = [step for one in case.unpaid() for step in _steps(case, one)]
    owed = [one for one in case.unpaid() if case.failed_at(one) is not None]
    if not owed or not steps:
        return ""
    at, said = min(steps)
    return f"{_local(case, at)} ({case.terms.time_zone})  {said}"


def _when(case: Case, begins: date) -> datetime:
    """Return when money is taken; of what is not charged, when it is due."""
    auto = case.terms.collect == "auto"
    return case.charge_at(begins) if auto else case.due_at(begins)


def _collects(case: Case, what: str) -> str:
    method = case.primary()
    if case.terms.collect == "auto" and case.agreed is None:
        return f"nothing: {case.terms.customer} has not agreed to be charged"
    if case.terms.collect == "auto":
        return f"charge {what} by {method.name if method else 'no method'}"
    return f"{what} is to be paid"


def _steps(case: Case, one: Invoiced) -> Iterator[tuple[datetime, str]]:
    first = case.failed_at(one)
    if first is None:
        yield _when(case, one.begins), _collects(case, one.of.period)
        return
    for step in coming(case, one):
        yield step.at, f"{one.of.period} unpaid: {_said(step)}"


def _said(step: Coming) -> str:
    words = [f"tell {name}" for name in step.notices]
    return " + ".join([*words, *(_DEEDS[deed] for deed in step.deeds)])


def _moment(raw: JsonValue) -> datetime:
    return datetime.fromisoformat(str(raw))


def _local(case: Case, at: datetime) -> str:
    local = at.astimezone(ZoneInfo(case.terms.time_zone))
    return f"{local:%a %Y-%m-%d %H:%M}"
