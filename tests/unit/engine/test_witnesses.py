"""Witnesses in the engine: evidence beside the accounts, never an action."""

from datetime import UTC, datetime
from typing import ClassVar, Literal

from reconciler.engine import Accounts, Situation, World, observe, plan, unread
from reconciler.engine.carry_out import Setting, carry_out, look
from reconciler.engine.evaluate import Subject, evaluate
from reconciler.engine.memory import NOTHING
from reconciler.kinds.domain import REGISTRY, SEEN, RdapState
from reconciler.model import (
    Absent,
    Change,
    FieldChange,
    Finding,
    Observation,
    OpClass,
    Plan,
    Receipt,
    Severity,
    Share,
    Spec,
    State,
    Unknown,
    Witness,
)
from reconciler.model.resource import Resource
from tests.unit.engine.made import NOW, SHARE, Told, action, domain, state

LATER = Unknown(why="not looked at yet", later=True)
FAILED = Unknown(why="429", since=NOW)


class Saw(Witness):
    """A witness that says what the table says, and remembers what it was told."""

    def __init__(self, states):
        self.states, self.log = states, []

    def observe(self, wants):
        self.log.append(sorted(want.name for want in wants))
        if isinstance(self.states, Exception):
            raise self.states
        return Observation(self.states)

    def touched(self, want, change):
        self.log.append((want.name, change and change.verb))


def seen(witness, wants=None):
    wants = wants or [domain()]
    drivers = {SHARE: Told({want.name: state() for want in wants}), REGISTRY: witness}
    return observe(wants, Accounts(drivers, {"acct": "me"}))


def test_a_witness_without_an_account_is_not_missed():
    want = domain()
    world = observe([want], Accounts({SHARE: Told({want.name: state()})}, {}))
    assert set(world.have(want)) == {SHARE}


def test_what_a_witness_says_stands_beside_what_the_account_says():
    said = RdapState(seen=NOW)
    world = seen(Saw({"a.example": said}))
    assert world.have(domain()) == {SHARE: state(), REGISTRY: said}
    assert world.findings == ()


def test_a_witness_that_did_not_say_anything_has_not_looked():
    assert seen(Saw({})).have(domain())[REGISTRY] == LATER


def codes(world):
    return {(f.code, str(f.severity), f.message) for f in world.findings}


def test_a_witness_that_cannot_see_is_one_finding_for_all():
    wants = [domain("a.example"), domain("b.example"), domain("c.example")]
    blind = Saw({"a.example": FAILED, "b.example": FAILED, "c.example": LATER})
    assert codes(seen(blind, wants)) == {
        ("witness-unreadable", "warning", "rdap: nothing can be read (429)"),
        ("not-looked-at-yet", "info", "rdap: 1 of 3 not looked at yet"),
    }
    partly = Saw({"a.example": FAILED, "b.example": RdapState(seen=NOW)})
    assert codes(seen(partly, wants[:2])) == set()


def test_a_fault_of_a_witness_stops_nothing():
    world = seen(Saw(RuntimeError("boom")))
    assert world.have(domain())[SHARE] == state()
    unknown = world.have(domain())[REGISTRY]
    assert isinstance(unknown, Unknown)
    assert "boom" not in unknown.why


def test_what_is_left_unread():
    managed, watched = domain(), domain(provider="none")
    assert list(unread(managed, {SHARE: state(), REGISTRY: FAILED, SEEN: FAILED})) == []
    assert list(unread(watched, {REGISTRY: LATER, SEEN: FAILED})) == []
    assert list(unread(watched, {REGISTRY: FAILED})) == [(REGISTRY, FAILED)]
    assert list(unread(managed, {SHARE: FAILED})) == [(SHARE, FAILED)]


def complete(want, have):
    world = World({s: Observation({want.name: state}) for s, state in have.items()})
    situation = Situation("main", [want], {})
    return plan(situation, world, Accounts({}, {}), now=NOW).complete


def test_a_witness_makes_no_plan_incomplete_where_it_is_not_the_only_source():
    assert complete(domain(), {SHARE: state(), REGISTRY: FAILED, SEEN: FAILED})
    assert complete(domain(provider="none"), {REGISTRY: LATER})
    assert not complete(domain(provider="none"), {REGISTRY: FAILED})


class SaidState(State):
    end: datetime


class LampSpec(Spec):
    on: bool = True


class Turn(Change):
    verb: Literal["turn"] = "turn"


class Lamp(Resource[Turn]):
    """A thing whose kind asks for a change at its witness."""

    kind: ClassVar[str] = "Lamp"
    spec: LampSpec
    there: ClassVar[Share] = Share("public", "light")

    def witnesses(self):
        return (self.there,)

    def diff(self, have, now):
        fields = (FieldChange(field="spec.on", before=False, after=True),)
        yield Turn(share=self.there, fields=fields, because="it is off")

    def findings(self, have, now):
        yield Finding("off", Severity.INFO, self.kind, self.name, "is off")


def test_no_action_comes_of_a_witness_whatever_a_kind_asks_for():
    want = Lamp.model_validate({"metadata": {"name": "x"}, "spec": {}})
    subject = Subject(want, None, {Lamp.there: SaidState(end=NOW)}, NOTHING)
    found = evaluate(subject, {Lamp.there: Saw({})}, "main", NOW)
    assert found.actions == ()
    assert [f.code for f in found.findings] == ["off", "unsupported"]


class Acts(Told):
    can: ClassVar = {"auto-renew": OpClass.PROBE}

    def apply(self, want, change, key):
        return Receipt(reference="done")


class Book:
    """A journal that only says yes."""

    class ledger:  # noqa: N801
        approvals: ClassVar = {}

    left = NOW - datetime(2020, 1, 1, tzinfo=UTC)

    def record(self, batch):
        """Keep nothing."""


def test_after_an_action_the_witnesses_look_again():
    from tests.unit.engine.made import flag

    witness = Saw({"a.example": RdapState(seen=NOW)})
    want = domain()
    drivers = {SHARE: Acts({want.name: state()}), REGISTRY: witness}
    accounts = Accounts(drivers, {"acct": "me"})
    setting = Setting("main", Book(), accounts, lambda: NOW)
    carry_out(setting, [action(flag(), want)], Plan("main", NOW))
    assert witness.log == [("a.example", "auto-renew"), ["a.example"]]


def test_before_an_action_they_look_again_and_wait_for_nothing():
    """Whoever is told of a change waits for its effect: there is none yet."""
    from tests.unit.engine.made import flag

    witness = Saw({"a.example": RdapState(seen=NOW)})
    want = domain()
    drivers = {SHARE: Acts({want.name: state()}), REGISTRY: witness}
    setting = Setting("main", Book(), Accounts(drivers, {"acct": "me"}), lambda: NOW)
    look(setting, [action(flag(), want)], done=False)
    assert witness.log == [("a.example", None), ["a.example"]]


def test_absence_is_never_a_witness_word():
    """A witness says what it saw; it has no listing that could prove anything."""
    world = seen(Saw({"a.example": Absent()}))
    assert domain().deadline(world.have(domain())) == state().expires
