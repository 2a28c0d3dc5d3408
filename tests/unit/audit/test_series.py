"""Laws of our own numbers: none is missing, none is there twice, whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.audit import (
    INVOICES,
    Batch,
    GitStore,
    Intent,
    Lease,
    Ledger,
    derive,
    layout,
    number_text,
    verify,
)
from reconciler.audit.books import Document
from reconciler.audit.commit import Pen, prepare
from reconciler.audit.lines import parse
from reconciler.engine.numbering import numbered
from reconciler.errors import AuditError
from reconciler.kinds.subscription import Invoice
from reconciler.model import Action, OpClass, Share
from tests.unit.audit.test_derive import ledger_of, snapshot
from tests.unit.audit.world import NOW, TERM, intent, outcome, run

OWN, GATEWAY = Share("own", "billing"), Share("stripe", "billing")
DRIVERS: Any = {
    OWN: SimpleNamespace(numbers=True),
    GATEWAY: SimpleNamespace(numbers=False),
}
PLAIN = {"verb": "invoice", "risk": "none", "cost": None, "ceiling": None, "due": None}


def planned(name: str, share: Share = OWN, *, resumes: Intent | None = None) -> Action:
    change = Invoice(share=share, fields=(), because="due", generation=name)
    begun = intent(name, **PLAIN, change={})
    if resumes:
        change = Invoice.model_validate(resumes.change)
    want: Any = None
    return Action(begun.id, want, change, OpClass.KEYED, resumes=resumes is not None)


def intents(ledger: Ledger, *actions: Action) -> list[Intent]:
    """Return the intents as a run writes them that has read *ledger*."""
    found = []
    for action in numbered(actions, ledger, DRIVERS):
        name = action.change.generation
        change = action.change.model_dump(mode="json")
        attempt = ledger.record("Domain", name).attempt(action.id)
        made = intent(name, **PLAIN, change=change, attempt=attempt)
        found.append(made)
    return found


def number(of: Intent) -> Any:
    details = of.change["details"]
    assert isinstance(details, dict)
    return details.get("number")


class Books:
    """A branch without git: what is committed, and the log of it."""

    def __init__(self) -> None:
        known: dict[str, Document | None] = dict.fromkeys([layout.HEAD])
        self.ledger = Ledger(snapshot(), known=known, whole=layout.FOLDERS)
        self.lease = Lease(run(), "ci", 1, NOW + TERM, "", NOW, TERM)
        self.log: list[bytes] = []

    def commit(self, *entries: Any) -> None:
        made = prepare(self.ledger, self.lease, Batch(entries), (), Pen(NOW, _same))
        assert made is not None
        self.log += [
            line
            for path, raw in sorted(made.files.items())
            if path.endswith(".jsonl") and raw
            for line in raw.splitlines()
        ]
        known = {**ledger_of(self.ledger), **made.changes}
        self.ledger = Ledger(snapshot(), known=known, whole=layout.FOLDERS)

    def applied(self) -> list[str]:
        """Return the numbers of what took effect, by the log alone."""
        begun: dict[str, Intent] = {}
        found = []
        for said in (parse(raw).entry for raw in self.log):
            if isinstance(said, Intent):
                begun[said.id] = said
            elif said.type == "outcome" and said.status == "applied":
                found.append(number(begun[said.id]))
        return found


def _same(data: Any) -> Any:
    return data


def sequence(many: int) -> list[str]:
    return [number_text(INVOICES, n) for n in range(1, many + 1)]


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["begin", "begin", "crash", "race", "resume", "end", "end"]),
        st.integers(0, 9),
        st.sampled_from(["applied", "failed", "not_applied", "unknown"]),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(MOVES)
def test_numbers_have_no_gap_and_no_double(moves: list[tuple[str, int, str]]) -> None:
    books, names = Books(), map("n{}".format, range(10**6))
    again: list[str] = []  # ended without effect, and still needed
    for move, pick, status in moves:
        opened = [one.intent for one in books.ledger.open.values()]
        match move:
            case "begin" | "crash" | "race":
                needs = [next(names) for _ in range(1 + pick % 3)]
                needs += again[:1] if pick % 2 else []
                drafted = intents(books.ledger, *map(planned, needs))
                late = intents(books.ledger, planned(next(names)))
                if move == "crash":
                    continue  # the process died before the commit
                again = [name for name in again if name not in needs]
                books.commit(*drafted)
                if move == "race":  # another run drafted from the same books
                    with pytest.raises(AuditError, match="has the number"):
                        books.commit(*late)
            case "resume" if opened:
                begun = opened[pick % len(opened)]
                (sent,) = intents(books.ledger, planned(begun.name, resumes=begun))
                assert number(sent) == number(begun)
                books.commit(sent)
            case "end" if opened:
                begun = opened[pick % len(opened)]
                books.commit(outcome(begun, status, paid=None))
                if status in {"failed", "not_applied"} and pick % 3:
                    again.append(begun.name)
        series = books.ledger.series(INVOICES)
        open_or_back = [*series.begun.values(), *series.back.values()]
        there = [*books.applied(), *map(_text, open_or_back)]
        assert sorted(there) == sequence(series.last)
    for one in [one.intent for one in books.ledger.open.values()]:
        books.commit(outcome(one, "applied", paid=None))
    for _ in books.ledger.series(INVOICES).back:
        (one,) = intents(books.ledger, planned(f"n{next(names)}"))
        books.commit(one)
        books.commit(outcome(one, "applied", paid=None))
    assert sorted(books.applied()) == sequence(len(books.applied()))
    assert again_from(books.log) == books.ledger.series(INVOICES)


def again_from(log: list[bytes]) -> Any:
    """Return the series that the log alone makes, with nothing that it refuses."""
    known: dict[str, Document | None] = {}
    for raw in log:
        line = parse(raw)
        assert derive.refusal(known.get, line.entry) is None
        known |= derive.fold(known.get, line)
    return derive.series(known.get, INVOICES)


def _text(number: int) -> str:
    return number_text(INVOICES, number)


def test_who_had_a_number_before_gets_the_same_again() -> None:
    books = Books()
    one, two = intents(books.ledger, planned("one"), planned("two"))
    books.commit(one, two)
    books.commit(outcome(one, "failed", paid=None), outcome(two, "failed", paid=None))
    again, other = intents(books.ledger, planned("two"), planned("three"))
    assert (number(again), number(other)) == (number(two), number(one))


def test_a_gateway_that_numbers_its_invoices_takes_none_of_ours() -> None:
    books = Books()
    theirs, ours = intents(books.ledger, planned("a", GATEWAY), planned("b"))
    assert (number(theirs), number(ours)) == (None, "INV-000001")
    books.commit(theirs, ours)
    assert books.ledger.series(INVOICES).last == 1


@pytest.mark.parametrize("wrong", ["INV-000002", "INV-1", "XYZ-000001", None, 1])
def test_the_journal_takes_no_other_number_than_the_next(wrong: Any) -> None:
    books = Books()
    (one,) = intents(books.ledger, planned("a"))
    change = dict(one.change)
    change["details"] = {"series": INVOICES, "number": wrong}
    with pytest.raises(AuditError, match="must be INV-000001"):
        books.commit(one.model_copy(update={"change": change}))


def test_verify_finds_a_number_that_nobody_gave(
    journal: Callable[[], GitStore],
) -> None:
    store = journal()
    lease = store.acquire(run(), now=NOW, lease=TERM)
    ledger, lease = store.commit(
        lease, Batch(intents(store.read(), planned("a"))), now=NOW
    )
    assert verify(store) == []
    path = layout.series_path(INVOICES)
    assert store.read().document(path) == ledger.document(path)
    # Whoever can write to the branch takes a number out of the series.
    wrong = intents(ledger, planned("b"))[0]
    change = {**wrong.change, "details": {"series": INVOICES, "number": "INV-000009"}}
    forged = wrong.model_copy(update={"change": change})
    kept = derive.misnumbered
    derive.misnumbered = lambda *_: None
    try:
        store.commit(lease, Batch([forged]), now=NOW)
    finally:
        derive.misnumbered = kept
    (problem,) = verify(store)
    assert "has the number INV-000009, must be INV-000002" in problem.what
