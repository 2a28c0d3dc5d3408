"""
What a customer pays for, period by period: each is paid once, or not at all.

A payment never rewrites YAML: what was paid is in the records, and the end of the term
follows from ``since`` and the periods that were invoiced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import ClassVar, NamedTuple, Self

from pydantic import JsonValue

from reconciler.kinds.subscription import memory, native
from reconciler.kinds.subscription.case import Case, shares
from reconciler.kinds.subscription.changes import (
    Authorize,
    Capture,
    Charge,
    Invoice,
    SubscriptionChange,
    Void,
)
from reconciler.kinds.subscription.coming import coming
from reconciler.kinds.subscription.facts import Books
from reconciler.kinds.subscription.findings import findings
from reconciler.kinds.subscription.letters import letters
from reconciler.kinds.subscription.outlook import due
from reconciler.kinds.subscription.spec import SubscriptionSpec
from reconciler.kinds.subscription.state import BILLING, BillingState
from reconciler.kinds.subscription.steps import steps
from reconciler.kinds.subscription.story import story
from reconciler.kinds.subscription.succession import named, repeats
from reconciler.kinds.subscription.suspension import sways
from reconciler.model import (
    Adoption,
    Change,
    Chapter,
    Due,
    Ended,
    Finding,
    Have,
    Letter,
    Refuse,
    Share,
    Spec,
    State,
    Sway,
    Terms,
)
from reconciler.model.resource import Resource


class _Shares(NamedTuple):
    """Which gateways collect, by *terms* and *books*."""

    terms: Terms | None
    books: Books
    found: tuple[Share, ...]


class _Known:
    """
    What was worked out of one subscription last: a run asks for it many times.

    Whoever takes something from here looks whether it is of what he has.
    """

    def __init__(self) -> None:
        self.books = Books({})
        self.case: Case | None = None
        self.shares: _Shares | None = None


class Subscription(Resource[SubscriptionChange]):
    """Somebody pays for something, from a day on, period by period."""

    kind: ClassVar[str] = "Subscription"
    changes: ClassVar[tuple[type[Change], ...]] = (
        Invoice,
        Charge,
        Authorize,
        Capture,
        Void,
    )
    states: ClassVar[Mapping[str, type[State]]] = {BILLING: BillingState}
    recalls: ClassVar[bool] = True
    listed_by_name: ClassVar[bool] = False
    follows_folder: ClassVar[bool] = False
    spec: SubscriptionSpec

    @cached_property
    def _known(self) -> _Known:
        """What was worked out for who asked last; a copy has it, and asks whether."""
        return _Known()

    @property
    def books(self) -> Books:
        """What the records remember of it."""
        facts, books = self.recorded, self._known.books
        if books.facts is not facts:
            books = self._known.books = Books(facts)
        return books

    def case(self, have: Have, now: datetime) -> Case | None:
        """Return everything that decides about it; None without terms."""
        terms, books, case = self.spec.terms, self.books, self._known.case
        if terms is None:
            return None
        same = case and case.spec is self.spec and case.books is books
        if case is None or not same or case.now != now or case.have != have:
            case = self._known.case = Case(self.spec, terms, books, {**have}, now)
        return case

    @property
    def payer(self) -> str | None:
        """Who pays for it."""
        return self.spec.customer

    @property
    def listed_as(self) -> str:
        """Return the uid: by it a gateway's own engine knows it."""
        return self.uid

    def shares(self) -> tuple[Share, ...]:
        """Return the gateways that collect, or did."""
        terms, books, known = self.spec.terms, self.books, self._known.shares
        if known is None or known.terms is not terms or known.books is not books:
            known = _Shares(terms, books, shares(terms, books))
            self._known.shares = known
        return known.found

    def diff(self, have: Have, now: datetime) -> Iterator[SubscriptionChange]:
        """Yield the next step of every period."""
        case = self.case(have, now)
        if case is not None:
            yield from steps(case, self.uid)

    def done(self, change: SubscriptionChange, have: Have) -> bool | None:
        """Say whether its gateway shows the effect."""
        state = have.get(change.share)
        bill = state.bill(change.of) if isinstance(state, BillingState) else None
        if bill is None:
            return None
        match change:
            case Invoice():
                return bill.state in {"open", "authorized", "paid"}
            case Charge() | Capture():
                return bill.state == "paid"
            case Authorize():
                return bill.state in {"authorized", "paid"}
            case Void():
                return bill.state == "void"

    def pending(self, change: SubscriptionChange, have: Have) -> str | None:
        """Say that the gateway has not decided yet."""
        state = have.get(change.share)
        bill = state.bill(change.of) if isinstance(state, BillingState) else None
        if not isinstance(change, (Charge, Capture)) or bill is None:
            return None
        if bill.state == "open" and bill.payment == "processing":
            return "the gateway is still deciding about the payment"
        return None

    def sees_to(self, change: SubscriptionChange, have: Have, now: datetime) -> bool:
        """Say whether its policy has a step for that refusal still to come."""
        case = self.case(have, now)
        if case is None or not case.ours:
            return False
        same = (one for one in case.unpaid() if one.of[:2] == change.of[:2])
        return any(step for one in same for step in coming(case, one))

    def remembers(
        self, change: SubscriptionChange, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what is recorded of how *change* ended."""
        return memory.facts(change, ended, have)

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return what was paid elsewhere, and since when it is known at all."""
        case = self.case(have, now)
        return memory.noticed(case, now) if case else {}

    def sways(self, have: Have, now: datetime) -> Iterator[Sway]:
        """Yield whether what it covers shall run."""
        case = self.case(have, now)
        if case is not None:
            yield from sways(case, self.ref)

    def letters(self, have: Have, now: datetime) -> Iterator[Letter]:
        """Yield what its customer has to be told now."""
        case = self.case(have, now)
        if case is not None:
            yield from letters(case)

    def claims(self) -> tuple[str, ...]:
        """Return what it covers, unless it ended."""
        return () if self.spec.state == "terminated" else self.spec.covers

    @classmethod
    def claimed(cls, recorded: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Return what was ever billed."""
        return tuple(sorted(named(recorded)))

    def repeats(
        self, change: SubscriptionChange, other: Mapping[str, JsonValue]
    ) -> str | None:
        """Say which days would be billed a second time."""
        return repeats(change, self.spec.covers, self.books, other)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what keeps it from being paid."""
        case = self.case(have, now)
        if case is not None:
            yield from findings(self, case)

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield the next invoice, and what is owed."""
        case = self.case(have, now)
        if case is not None:
            yield from due(case, self.ref)

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield until when it is paid, what happened in each period, what comes."""
        case = self.case(have, now)
        if case is not None:
            yield from story(case)

    @classmethod
    def provisional(cls, name: str, shares: Sequence[Share]) -> Self | None:
        """Return one that only looks at what an engine collects under that id."""
        if len(shares) != 1:
            held = " and ".join(share.provider for share in shares)
            raise ValueError(f"{held} both say that they have it")
        spec = native.provisional(name, shares[0])
        found = cls.model_validate({"metadata": {"name": name}, "spec": dict(spec)})
        return found.model_copy(update={"spec": spec})

    @classmethod
    def adopted(cls, have: Have, usual: Spec, refuse: Refuse) -> Adoption:
        """Return the document of what a gateway's own engine collects."""
        del usual
        return native.adopted(have, refuse)

    def deadline(self, have: Have) -> datetime | None:
        """Return None: an unpaid period harms nobody by itself."""
        del have
        return None

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return *now*: it depends on the records, which its digest does not tell."""
        del have
        return now


KIND = Subscription
