"""Put together what a plan depends on: git, the base, the records, the rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, overload

from reconciler.audit import WAITS, Intent, Ledger, OpenIntent, Record
from reconciler.engine.books import recorded
from reconciler.engine.desired import Based, Load, Tree
from reconciler.engine.health import Paying
from reconciler.engine.heirs import Remembered
from reconciler.engine.lanes import stops
from reconciler.engine.memory import ACCOUNT, Memory, parsed
from reconciler.engine.plan import Pending, Situation
from reconciler.engine.recall import Recall
from reconciler.engine.recover import Resolution
from reconciler.kinds import kinds
from reconciler.model import (
    Action,
    AnyResource,
    Money,
    Plan,
    Risk,
    Share,
    Unmanaged,
)
from reconciler.model.ref import Ref
from reconciler.model.resource import Resource

#: Prefix of the fact that all of a family was read: ``looked/billing``, when.
LOOKED_AT: Final = "looked/"
Rules = Callable[[Plan, Ledger, datetime], Plan]
Counted = Callable[[Action, Ledger], Iterable[str]]


def everybody(action: Action, ledger: Ledger) -> Iterable[str]:
    """Return whoever approved *action*, as the journal has it."""
    return ledger.approvals.get(action.digest, ())


class Scope(NamedTuple):
    """
    What a run is about.

    Attributes:
        desired: The inventory at *head*.
        load: Loads the inventory of another commit.
        kinds: The kinds that providers hold, or witnesses look at.
        selected: Whether a resource is in the selection of this run.
        rules: The policies, ready to judge a plan.
        counted: Whose approval of an action counts, ready to ask.
        head: The commit of *desired*; None where it is in no commit.
        recall: Gives resources their past; without it they have none.
    """

    env: str
    desired: Tree
    load: Load
    kinds: frozenset[str]
    rules: Rules
    selected: Callable[[Ref], bool] = lambda _ref: True
    head: str | None = None
    counted: Counted = everybody
    recall: Recall | None = None

    def refs(self) -> list[Ref]:
        """The addresses of what this run looks at, sorted."""
        return [
            ref
            for ref in self.desired.refs()
            if ref.kind in self.kinds and self.selected(ref)
        ]

    def wants(self) -> list[AnyResource]:
        """The resources this run looks at, sorted."""
        return list(map(self.get, self.refs()))

    def get(self, ref: Ref) -> AnyResource:
        """Return one resource, with its past."""
        want = self.desired.get(ref)
        return self.recall(want) if self.recall else want

    def made(self, ref: Ref) -> AnyResource:
        """Return the same, made anew and not kept."""
        want = self.desired.made(ref)
        return self.recall(want) if self.recall else want

    def recalling(self, ledger: Callable[[], Ledger]) -> Scope:
        """Return this scope, whose resources have their past from *ledger*."""
        return self._replace(recall=Recall(ledger))

    def leaders(self) -> list[AnyResource]:
        """The resources that others may follow, sorted."""
        leading = {
            name for name, kind in kinds().items() if kind.sways is not Resource.sways
        }
        return [self.get(ref) for ref in self.refs() if ref.kind in leading]

    def whole(self) -> bool:
        """Say whether this run looks at everything there is of its kinds."""
        return all(map(self.selected, self.desired.refs()))

    def by_uid(self) -> dict[tuple[str, str], AnyResource]:
        """The same, by what the journal calls them."""
        return {(want.kind, want.uid): want for want in self.wants()}

    def opened(self, ledger: Ledger) -> list[OpenIntent]:
        """What earlier runs left open, but for what this run does not look at."""
        return [one for one in ledger.open.values() if not self._outside(one.intent)]

    def _outside(self, intent: Intent) -> bool:
        ref = Ref(intent.kind, intent.name)
        return ref in self.desired and not self.selected(ref)


def memory_of(record: Record) -> Memory:
    """Return a record in the engine's terms."""
    return Memory(
        deadline=parsed(record.expires or ""),
        last_paid=Money.model_validate(record.last_paid) if record.last_paid else None,
        done=record.done,
        applied=frozenset(record.applied),
        failures=record.failures,
        waits={
            fact.removeprefix(WAITS): datetime.fromisoformat(str(until))
            for fact, until in record.facts.items()
            if fact.startswith(WAITS)
        },
    )


class Passing(Sequence[AnyResource]):
    """Resources of *scope* that are made when they are looked at, and not kept."""

    def __init__(self, scope: Scope, refs: Sequence[Ref]) -> None:
        self._scope = scope
        self._refs = refs

    def __len__(self) -> int:
        return len(self._refs)

    @overload
    def __getitem__(self, at: int) -> AnyResource: ...
    @overload
    def __getitem__(self, at: slice) -> Passing: ...
    def __getitem__(self, at: int | slice) -> AnyResource | Passing:
        if isinstance(at, slice):
            return Passing(self._scope, self._refs[at])
        return self._scope.made(self._refs[at])


class _Memories(Mapping[tuple[str, str], Memory]):
    """Every record of a ledger, by (kind, uid); read when the first is asked for."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @cached_property
    def _records(self) -> Mapping[tuple[str, str], Record]:
        return self._ledger.records()

    def __getitem__(self, key: tuple[str, str]) -> Memory:
        return memory_of(self._records[key])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


class _Edges(Mapping[Ref, frozenset[Ref]]):
    """What depends on what; worked out when there is something to put in order."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def __getitem__(self, ref: Ref) -> frozenset[Ref]:
        return self._tree.edges()[ref]

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._tree.edges())

    def __len__(self) -> int:
        return len(self._tree.edges())


def situation(
    scope: Scope,
    ledger: Ledger,
    was: Based,
    recovered: Sequence[Resolution],
    *,
    now: datetime,
    wants: Sequence[AnyResource] | None = None,
) -> Situation:
    """
    Return what a plan of *scope* depends on at *now*.

    *wants* are those that have to be looked at; all of the scope if left out.
    """
    leaders = scope.leaders()

    def past(kind: str) -> Iterator[Remembered]:
        return _remembered(ledger, kind)

    return Situation(
        env=scope.env,
        wants=scope.wants() if wants is None else wants,
        leaders=leaders,
        past=past,
        books=lambda: recorded(past, leaders, scope.whole),
        stops=lambda: stops(ledger.records().values(), frozenset(scope.desired.refs())),
        base=was.resources,
        orphans=was.orphans,
        memories=_Memories(ledger),
        edges=_Edges(scope.desired),
        resumable={
            one.intent.id: one.action
            for one in recovered
            if one.fate == "resend" and one.action is not None
        },
        stuck={
            one.intent.id: f"{one.intent.verb} {one.intent.kind}/{one.intent.name}: "
            f"{one.why}"
            for one in recovered
            if one.fate == "unknown" and one.intent.id in ledger.open
        },
        pending={
            one.intent.id: Pending(one.action, one.why)
            for one in recovered
            if one.fate == "pending" and one.action is not None
        },
        paying=tuple(_paying(recovered, ledger)),
        charging=tuple(_charging(recovered, ledger)),
        looked=Looked(ledger),
        approvers=lambda action: scope.counted(action, ledger),
        judge=lambda plan: scope.rules(plan, ledger, now),
        declares=Declared(scope.desired),
        base_commit=ledger.base.commit,
        commit=scope.head,
    )


def _remembered(ledger: Ledger, kind: str) -> Iterator[Remembered]:
    """Yield the records of one kind, of what is no longer wanted too."""
    for (each, uid), record in ledger.records().items():
        if each == kind:
            yield Remembered(uid, record.name, record.facts)


def _paying(recovered: Sequence[Resolution], ledger: Ledger) -> Iterator[Paying]:
    for one in recovered:
        intent = one.intent
        ended = one.fate in {"applied", "not_applied"} or intent.id not in ledger.open
        if intent.risk == Risk.MONEY and not ended:
            yield Paying(intent.id, intent.kind, intent.name, intent.uid, intent.verb)


def _charging(recovered: Sequence[Resolution], ledger: Ledger) -> Iterator[Paying]:
    """Yield every open intent by which a customer pays, outside the selection too."""
    ended = {r.intent.id for r in recovered if r.fate in {"applied", "not_applied"}}
    for begun in ledger.open.values():
        intent = begun.intent
        if intent.change.get("charge") and intent.id not in ended:
            yield Paying(intent.id, intent.kind, intent.name, intent.uid, intent.verb)


class Looked(Mapping[Share, datetime]):
    """When runs have read a share whole that others follow; kept with its account."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @staticmethod
    def fact(share: Share) -> str:
        """Return what the fact is called."""
        return f"{LOOKED_AT}{share.family}"

    def __getitem__(self, share: Share) -> datetime:
        facts = self._ledger.record(ACCOUNT, share.provider).facts
        return datetime.fromisoformat(str(facts[self.fact(share)]))

    def __iter__(self) -> Iterator[Share]:
        for (kind, uid), record in self._ledger.records().items():
            for fact in record.facts if kind == ACCOUNT else ():
                if fact.startswith(LOOKED_AT):
                    yield Share(uid, fact.removeprefix(LOOKED_AT))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Declared:
    """Says whether something live is declared as held by the account that has it."""

    def __init__(self, desired: Tree) -> None:
        self._desired = desired
        self._otherwise: dict[str, dict[str, list[Ref]]] = {}

    def __call__(self, live: Unmanaged) -> bool:
        """Say so of *live*; it may be listed by another name than its document's."""
        return any(
            share.provider == live.provider
            for ref in self.refs(live.kind, live.name)
            for share in self._desired.get(ref).shares()
        )

    def refs(self, kind: str, listed: str) -> Sequence[Ref]:
        """Return what declares the thing of *kind* that is *listed* so."""
        known = kinds().get(kind)
        if known is None or known.listed_by_name:
            ref = Ref(kind, listed)
            return (ref,) if ref in self._desired else ()
        return self._of(kind).get(listed, ())

    def _of(self, kind: str) -> Mapping[str, list[Ref]]:
        found = self._otherwise.get(kind)
        if found is None:
            found = self._otherwise[kind] = defaultdict(list)
            for ref in sorted(r for r in self._desired.addresses() if r.kind == kind):
                found[self._desired.get(ref).listed_as].append(ref)
        return found
