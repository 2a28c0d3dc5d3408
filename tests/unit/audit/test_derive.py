"""Laws of the fold: the log alone makes the derived documents again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit import (
    Base,
    Batch,
    Intent,
    Lease,
    Ledger,
    Note,
    Outcome,
    Record,
    derive,
    layout,
)
from reconciler.audit.books import FAILURES_KEPT, Document, Month
from reconciler.audit.commit import Pen, prepare, stored
from reconciler.audit.git import Git
from reconciler.audit.lines import Line, Stamp, parse
from reconciler.audit.objects import Snapshot
from reconciler.errors import AuditError
from tests.unit.audit.world import NOW, TERM, intent, outcome, run

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
TIMES = st.datetimes(datetime(2026, 10, 30), datetime(2026, 12, 2), timezones=ZONES)
NAMES = st.sampled_from(["a.example", "b.example", "c/d", "É"])
STATUSES = st.sampled_from(["applied", "not_applied", "failed", "unknown"])
MONEY = st.none() | st.sampled_from(["1 USD", "2.50 USD", "3.00 EUR", "7 JPY"])
FACTS = st.dictionaries(
    st.sampled_from(["serial", "notice", "expires"]),
    st.none() | st.integers() | st.text(max_size=5),
    max_size=3,
)
SECONDS = st.integers(0, 10**6)
TEXTS = st.dictionaries(
    st.text(min_size=1, max_size=4), st.none() | st.text(max_size=4), max_size=3
)


@st.composite
def moves(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(["begin", "end", "end", "note", "approve", "base"]))
    name = draw(NAMES)
    match kind:
        case "begin":
            paid = draw(MONEY)
            more = {"cost": paid, "ceiling": draw(MONEY), "time": draw(TIMES)}
            more["charge"] = draw(MONEY)
            if draw(st.booleans()):
                more["change"] = {"details": {"holds_off": {"lock": draw(SECONDS)}}}
            risk = draw(st.sampled_from(["money", "none"]))
            verb = draw(st.sampled_from(["renew", "lock"]))
            provider = draw(st.sampled_from(["one", "two"]))
            return kind, {
                "name": name, "risk": risk, "verb": verb, "provider": provider, **more,
            }  # fmt: skip
        case "end":
            return kind, {
                "status": draw(STATUSES),
                "paid": draw(MONEY),
                "charged": draw(MONEY),
                "pick": draw(st.integers(0, 9)),
            }
        case "note":
            return kind, {"kind": "Domain", "uid": name, "facts": draw(FACTS)}
        case "approve":
            event = draw(st.sampled_from(["approved", "withdrawn", "break-glass"]))
            digest = intent(name, verb="lock").action_digest
            more = {"reason": "need"} if event == "break-glass" else {}
            by = draw(st.sampled_from("xyz"))
            return event, {"digests": [digest], "by": by, **more}
        case _:
            return kind, {
                "commit": draw(st.sampled_from("abc")),
                "exceptions": draw(TEXTS),
            }


def entry(ledger: Ledger, kind: str, data: dict[str, Any]) -> Batch | None:
    if kind == "begin":
        begun = intent(**data)
        attempt = ledger.record("Domain", begun.uid).attempt(begun.id)
        return Batch([intent(**data, attempt=attempt)])
    if kind == "end":
        waiting = list(ledger.open.values())
        if not waiting:
            return None
        begun = waiting[data["pick"] % len(waiting)].intent
        return Batch(
            [outcome(begun, data["status"], paid=data["paid"], charged=data["charged"])]
        )
    if kind == "base":
        return Batch(base=Base.model_validate(data))
    return Batch([Note(event=kind, data=data)])


def snapshot() -> Snapshot:
    return Snapshot(Git(Path("nowhere"), {}), None)


def written(steps: list[tuple[str, dict[str, Any]]]) -> dict[str, bytes]:
    """Return the branch after one commit for each step that is not refused."""
    start = dict.fromkeys([layout.HEAD])
    ledger = Ledger(snapshot(), known=start, whole=layout.FOLDERS)
    lease = Lease(run(), "ci", 1, NOW + TERM, "", NOW, TERM)
    folder = layout.log_folder(lease.run.id, NOW)
    files: dict[str, bytes | None] = {}
    for kind, data in steps:
        batch = entry(ledger, kind, data)
        used = [path.removeprefix(folder) for path in files if folder in path]
        try:
            made = batch and prepare(ledger, lease, batch, used, Pen(NOW, lambda d: d))
        except AuditError:
            continue
        if made:
            files |= made.files
            ledger = Ledger(
                snapshot(),
                known={**ledger_of(ledger), **made.changes},
                whole=layout.FOLDERS,
            )
    return {path: raw for path, raw in files.items() if raw is not None}


def ledger_of(ledger: Ledger) -> dict[str, Document | None]:
    return ledger._known


@settings(deadline=None)
@given(st.lists(moves(), max_size=25))
def test_a_rebuild_equals_what_was_derived_on_the_way(
    steps: list[tuple[str, dict[str, Any]]],
) -> None:
    files = written(steps)
    log = [
        line
        for path in sorted(files)
        if path.endswith(".jsonl")
        for line in files[path].splitlines()
    ]
    again: dict[str, Document] = {}
    for raw in log:
        for path, document in derive.fold(again.get, parse(raw)).items():
            if document is None:
                del again[path]
            else:
                again[path] = document
    derived = {p: raw for p, raw in files.items() if not p.startswith(layout.LOG)}
    assert {path: stored(document) for path, document in again.items()} == derived
    # And what is stored reads back as what it was.
    for path, raw in derived.items():
        assert layout.model_of(path).model_validate_json(raw) == again[path]
    assert spent(again) == expected(log)


def spent(documents: dict[str, Document]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for month in documents.values():
        if not isinstance(month, Month):
            continue
        for runs in month.days.values():
            for accounts in runs.values():
                for currencies in accounts.values():
                    for currency, of in currencies.items():
                        for flow, amount in of.items():
                            key = f"{flow} {currency}"
                            sums[key] = sums.get(key, Decimal()) + Decimal(amount)
    return {key: amount for key, amount in sums.items() if amount}


def reserved(begun: Intent) -> str | None:
    """Return what an intent costs at most: a ceiling is of money that is asked for."""
    if begun.charge or (begun.risk == "none" and not begun.cost):
        return begun.cost
    return begun.ceiling or begun.cost


def expected(log: list[bytes]) -> dict[str, Decimal]:
    """Return the same sums by another way: the last word on every intent."""
    now: dict[str, Intent] = {}
    words: list[tuple[str, str | None]] = []
    for raw in log:
        said = parse(raw).entry
        if isinstance(said, Intent):
            now.setdefault(said.id, said)
        elif isinstance(said, Outcome) and said.closes:
            first = now.pop(said.id)
            if said.status == "applied":
                paid = said.paid or said.cost or first.cost or reserved(first)
                words += [("cost", paid), ("charge", said.charged)]
    for left in now.values():
        words += [("cost", reserved(left)), ("charge", left.charge)]
    sums: dict[str, Decimal] = {}
    for flow, money in words:
        if money:
            amount, currency = money.split()
            key = f"{flow} {currency}"
            sums[key] = sums.get(key, Decimal()) + Decimal(amount)
    return {key: amount for key, amount in sums.items() if amount}


def folded(*entries: Intent | Outcome | Note) -> dict[str, Document | None]:
    known: dict[str, Document | None] = {}
    for number, said in enumerate(entries, 1):
        stamp = Stamp("r", 1, number, "", "ci", None)
        known |= derive.fold(known.get, Line(said, stamp, str(number)))
    return known


def test_failures_are_counted_up_to_a_bound_and_money_is_kept_for_ever() -> None:
    entries: list[Intent | Outcome | Note] = []
    for number in range(2 * FAILURES_KEPT):
        begun = intent(generation=str(number))
        status = "applied" if number % 2 else "failed"
        entries += [begun, outcome(begun, status)]
        entries += [again := intent(generation=f"f{number}"), outcome(again, "failed")]
    record = folded(*entries)[layout.record_path("Domain", "a.example")]
    assert isinstance(record, Record)
    assert len(record.failures) == FAILURES_KEPT
    assert (
        list(record.failures)[-1] == intent(generation=f"f{2 * FAILURES_KEPT - 1}").id
    )
    assert len(record.applied) == FAILURES_KEPT


def test_an_intent_at_midnight_counts_for_the_day_of_utc() -> None:
    late = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    month = folded(intent(time=late))["spend/2026-11.json"]
    assert isinstance(month, Month)
    assert list(month.days) == ["2026-11-30"]


def test_a_base_note_is_as_long_as_what_changed() -> None:
    many = {f"Domain/{n}": "old" for n in range(100)}
    old = Base(commit="a", exceptions=many)
    new = Base(commit="b", exceptions={**many, "Domain/0": None, "Domain/x": "a"})
    note = derive.base_note(old, new)
    assert note.data == {
        "commit": "b", "put": {"Domain/0": None, "Domain/x": "a"}, "drop": [],
    }  # fmt: skip
    assert derive.base_note(new, Base(commit="b", exceptions=many)).data == {
        "commit": "b", "put": {"Domain/0": "old"}, "drop": ["Domain/x"],
    }  # fmt: skip


def ended(change: dict[str, Any], status: str, **more: Any) -> Record:
    """Return the record after an action with this *change* has ended so."""
    begun = intent(change={"verb": "ds", **change})
    found = folded(begun, outcome(begun, status, **more))
    record = found[layout.record_path("Domain", "a.example")]
    assert isinstance(record, Record)
    return record


def test_what_took_effect_holds_others_off() -> None:
    """However it is known: by the answer, by a later look, by a person."""
    change = {"details": {"holds_off": {"delegate": 86_400}}}
    until = {"waits/delegate": (NOW + timedelta(days=1, seconds=5)).isoformat()}
    for how in ("response", "observed", "settled"):
        assert ended(change, "applied", how=how).facts == until
    for status in ("not_applied", "failed", "unknown"):
        assert ended(change, status).facts == {}
    assert ended({"details": {"holds_off": 5}}, "applied").facts == {}


def test_what_has_no_limit_of_increase_is_no_measure_for_the_next_price() -> None:
    """A name that was bought back for 80 is not renewed for 92 because of it."""
    assert ended({"max_increase": None}, "applied", paid="80.00 USD").last_paid is None
    paid = ended({"max_increase": "0.15"}, "applied", paid="10.40 USD")
    assert paid.last_paid == "10.40 USD"
