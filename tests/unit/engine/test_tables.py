"""The engine's small pure rules, one table each."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator

from reconciler.engine import Accounts, Situation, document, observe, plan
from reconciler.engine.evaluate import Subject, evaluate
from reconciler.engine.exits import Exit, first, of_holds
from reconciler.engine.memory import NOTHING, Memory, parsed
from reconciler.engine.merge import Moved, origins, split
from reconciler.engine.observe import World
from reconciler.engine.order import held_behind, levelled, waves
from reconciler.engine.plan_schema import plan_schema
from reconciler.errors import Rejected
from reconciler.model import (
    Absent,
    Decision,
    Money,
    Observation,
    OnDrift,
    OpClass,
    Severity,
    Unknown,
    Unmanaged,
    Verdict,
)
from tests.unit.engine.made import (
    NOW,
    SHARE,
    Told,
    action,
    domain,
    flag,
    records,
    renew,
    state,
)

NS = ("ns1.a.example", "ns2.a.example")
OTHER = ("ns1.b.example", "ns2.b.example")
HANDS = ("ns1.c.example", "ns2.c.example")


# -- merge ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "git", "live", "moved", "treatment"),
    [
        (NS, OTHER, NS, Moved.GIT, OnDrift.REVERT),
        (NS, NS, HANDS, Moved.WORLD, OnDrift.HOLD),
        (NS, OTHER, HANDS, Moved.BOTH, OnDrift.HOLD),
        (None, OTHER, NS, Moved.UNBASED, OnDrift.HOLD),
    ],
)
def test_who_moved(base, git, live, moved, treatment):
    want = domain(nameservers=git)
    have = {SHARE: state(nameservers=frozenset(live))}
    (change,) = want.diff(have, NOW)
    based = domain(nameservers=base) if base else None
    (part,) = split(change, origins(change, based, have, NOW))
    assert (part.moved, part.treatment) == (moved, treatment)


def test_both_at_one_value_is_no_change():
    have = {SHARE: state(nameservers=frozenset(OTHER))}
    assert list(domain(nameservers=OTHER).diff(have, NOW)) == []


def test_due_work_takes_no_part_in_the_merge():
    (part,) = split(renew(), [])
    assert part.moved is Moved.GIT


def test_a_base_at_another_account_does_not_say_who_moved():
    base = domain().model_copy(
        update={"spec": domain().spec.model_copy(update={"provider": "old"})}
    )
    have = {SHARE: state(auto_renew=False)}
    (change,) = domain().diff(have, NOW)
    (part,) = split(change, origins(change, base, have, NOW))
    assert part.moved is Moved.UNBASED


def test_what_is_made_from_nothing_overwrites_nothing():
    (part,) = split(flag(), [])
    assert part.treatment is OnDrift.REVERT


# -- order ---------------------------------------------------------------------


def test_what_depends_comes_later_and_the_earliest_deadline_first():
    base, shop, other = (domain(f"{n}.example") for n in ("base", "shop", "other"))
    late, soon = renew(expires=30), renew(expires=5)
    actions = [action(late, shop), action(flag(), base), action(soon, other)]
    edges = {shop.ref: frozenset({base.ref})}
    found = levelled(actions, edges)
    assert [(a.want.name, a.level) for a in found] == [
        ("other.example", 0),
        ("base.example", 0),
        ("shop.example", 2),
    ]


def test_the_order_does_not_depend_on_the_order_given():
    actions = [action(renew(expires=n), domain(f"d{n}.example")) for n in range(1, 7)]
    assert levelled(actions, {}) == levelled(reversed(actions), {})


def test_a_verb_waits_for_another_on_the_same_resource():
    waits = flag().model_copy(update={"waits_for": ("records",)})
    found = levelled([action(waits), action(records())], {})
    assert [(a.change.verb, a.level) for a in found] == [
        ("records", 0),
        ("auto-renew", 1),
    ]
    held = held_behind(
        [
            a.judged(Verdict(Decision.HOLD, "x", "y")) if a.level == 0 else a
            for a in found
        ]
    )
    assert [str(a.decision) for a in held] == ["hold", "hold"]
    assert held[1].verdicts[-1].firm


def test_waves_are_of_one_level_and_no_longer_than_asked():
    actions = [action(renew(), domain(f"d{n}.example")) for n in range(5)]
    actions += [action(flag(), domain("z.example"), level=1)]
    assert [len(wave) for wave in waves(actions, 2)] == [2, 2, 1, 1]


# -- exits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "wins"),
    [
        ((), 0),
        ((0, 2), 2),
        ((2, 6), 6),
        ((6, 5), 5),
        ((5, 8), 8),
        ((8, 3), 3),
        ((3, 4), 4),
        ((4, 9), 9),
        ((9, 7), 7),
        ((7, 1), 1),
        ((1, 64), 64),
        ((0, 2, 3, 4, 5, 6, 7, 8, 9), 7),
    ],
)
def test_which_exit_code_wins(codes, wins):
    assert first(codes) == wins


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict(Decision.DENY, "Policy/x", ""), Exit.DENIED),
        (Verdict(Decision.HOLD, "Budget/x", ""), Exit.OVER_BUDGET),
        (Verdict(Decision.HOLD, "ApprovalRule/x", "", ("g",)), Exit.UNAPPROVED),
        (Verdict(Decision.HOLD, "built-in/drift", "", ("review",)), Exit.UNAPPROVED),
        (Verdict(Decision.HOLD, "built-in/outcome-unknown", ""), Exit.UNKNOWN),
        (Verdict(Decision.HOLD, "built-in/once", ""), Exit.PARTLY),
        (Verdict(Decision.HOLD, "built-in/stale-read", ""), Exit.PARTLY),
    ],
)
def test_what_a_hold_exits_with(verdict, code):
    assert of_holds([action(flag()).judged(verdict)]) == {code}


# -- evaluate ------------------------------------------------------------------

RENEWAL = {"mode": "reconciler", "maxPrice": "15.00 USD/year", "maxIncrease": "10%"}


def due(memory=NOTHING, price="11.00 USD", base=None, **fields):
    want = domain(renewal=RENEWAL)
    expires = NOW + timedelta(days=fields.pop("days", 20))
    live = state(expires=expires, renew_price=Money.model_validate(price), **fields)
    subject = Subject(want, base or want, {SHARE: live}, memory)
    return evaluate(subject, {SHARE: Told({})}, "main", NOW)


@pytest.mark.parametrize(
    ("paid", "ceiling"),
    [
        (None, "15.00 USD"),
        ("10.00 USD", "11.00 USD"),
        ("14.00 USD", "15.00 USD"),  # never above the one in git
        ("10.00 EUR", "15.00 USD"),  # nothing to compare with
    ],
)
def test_the_ceiling_follows_what_was_paid_last(paid, ceiling):
    memory = Memory(last_paid=Money.model_validate(paid) if paid else None)
    renewal = next(a for a in due(memory).actions if a.change.verb == "renew")
    assert str(renewal.ceiling) == ceiling


def test_the_id_of_due_work_knows_the_period_and_nothing_else():
    first = due().actions[0]
    assert due(price="12.34 USD").actions[0].id == first.id
    assert due(Memory(failures={first.id: 2})).actions[0].id == first.id
    assert due(Memory(failures={first.id: 2})).actions[0].key == f"{first.id}-3"
    assert due(days=21).actions[0].id != first.id


def test_what_was_applied_is_never_done_again():
    identity = due().actions[0].id
    again = due(Memory(applied=frozenset({identity}))).actions[0]
    assert (again.decision, again.verdicts[-1].rule) == (Decision.HOLD, "built-in/once")
    assert again.verdicts[-1].firm


def test_an_expiry_older_than_the_recorded_one_is_a_stale_read():
    memory = Memory(deadline=NOW + timedelta(days=385))
    held = due(memory).actions[0]
    assert (held.decision, held.verdicts[-1].rule) == (
        Decision.HOLD,
        "built-in/stale-read",
    )


def test_two_accounts_of_one_date_are_no_stale_read():
    renewal = due(Memory(deadline=NOW + timedelta(days=20, hours=20))).actions[0]
    assert renewal.decision is Decision.ALLOW
    assert due(Memory(deadline=NOW + timedelta(days=22))).actions[0].decision


def test_a_thief_is_stopped_whatever_date_the_account_shows():
    have = {SHARE: state(transfer="pendingTransfer")}
    memory = Memory(deadline=NOW + timedelta(days=900))
    able = Told({})
    able.can = {**Told.can, "block-transfer": OpClass.PROBE}
    found = evaluate(
        Subject(domain(), domain(), have, memory), {SHARE: able}, "main", NOW
    )
    assert [(a.change.verb, a.decision) for a in found.actions] == [
        ("block-transfer", Decision.ALLOW)
    ]


def test_nothing_is_planned_from_not_knowing():
    subject = Subject(domain(), domain(), {SHARE: Unknown(why="x")}, NOTHING)
    found = evaluate(subject, {SHARE: Told({})}, "main", NOW)
    assert found.actions == ()
    assert [u.why for u in found.unknown] == ["x"]


def test_what_a_driver_cannot_do_is_said_and_not_planned():
    have = {SHARE: state(privacy=False)}
    subject = Subject(domain(), domain(), have, NOTHING)
    found = evaluate(subject, {SHARE: Told({})}, "main", NOW)
    assert found.actions == ()
    assert [f.code for f in found.findings] == ["unsupported"]


def test_too_early_is_a_wait():
    found = due(renew_from=NOW + timedelta(days=3))
    assert found.actions == ()
    assert [(d.verb, d.until) for d in found.deferred] == [
        ("renew", NOW + timedelta(days=3))
    ]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2027-12-12", "2027-12-12T00:00:00+00:00"),
        ("2027-12-12T06:00:00+00:00", "2027-12-12T06:00:00+00:00"),
        ("", None),
        ("soon", None),
    ],
)
def test_an_expiry_is_remembered_only_where_it_is_one(text, day):
    found = parsed(text)
    assert (found.isoformat() if found else None) == day


# -- observe -------------------------------------------------------------------


def looked(driver, wants, *, declared="me", known=None):
    accounts = Accounts({SHARE: driver} if driver else {}, {"acct": declared})
    known = {w.ref for w in wants} if known is None else known
    return observe(wants, accounts, known=known)


def estate(total, absent):
    wants = [domain(f"d{n}.example") for n in range(total)]
    states = {w.name: Absent() if n < absent else state() for n, w in enumerate(wants)}
    return wants, states


@pytest.mark.parametrize(
    ("total", "absent", "believed"),
    [(8, 1, True), (8, 2, True), (8, 3, False), (12, 3, True), (12, 4, False)],
)
def test_a_mass_absence_is_not_believed(total, absent, believed):
    wants, states = estate(total, absent)
    world = looked(Told(states), wants)
    kinds = {type(world.have(w)[SHARE]) for w in wants[:absent]}
    assert kinds == {Absent if believed else Unknown}
    assert [f.code for f in world.findings] == ([] if believed else ["mass-absence"])


@pytest.mark.parametrize("total", [1, 2])
def test_an_empty_listing_is_not_believed_where_there_was_something(total):
    wants, states = estate(total, total)
    assert isinstance(looked(Told(states), wants).have(wants[0])[SHARE], Unknown)
    new = looked(Told(states), wants, known=set())
    assert isinstance(new.have(wants[0])[SHARE], Absent)
    other = Told(states, unmanaged=[Unmanaged("Domain", "z.example", "acct")])
    assert isinstance(looked(other, wants).have(wants[0])[SHARE], Absent)


@pytest.mark.parametrize(
    ("declared", "live", "believed"),
    [("me", "me", True), (None, "me", False), ("me", None, False), (None, None, False)],
)
def test_an_absence_needs_a_proven_account(declared, live, believed):
    wants, states = estate(8, 1)
    world = looked(Told(states, who=live), wants, declared=declared)
    assert isinstance(world.have(wants[0])[SHARE], Absent if believed else Unknown)
    assert not isinstance(world.have(wants[1])[SHARE], Unknown)


@pytest.mark.parametrize(
    ("driver", "code", "severity"),
    [
        (Told({}, who="somebody"), "wrong-account", Severity.CRITICAL),
        (Told(Rejected("no")), "account-unreadable", Severity.ERROR),
        (Told(KeyError("x")), "driver-fault", Severity.ERROR),
        (Told({"a.example": Unknown(why="x")}), "account-unreadable", Severity.ERROR),
        (None, "account-unusable", Severity.ERROR),
    ],
    ids=["wrong", "refused", "fault", "unknown", "none"],
)
def test_what_cannot_be_read_is_unknown_and_named(driver, code, severity):
    world = looked(driver, [domain()])
    assert isinstance(world.have(domain())[SHARE], Unknown)
    assert [(f.code, f.severity) for f in world.findings] == [(code, severity)]


# -- the document --------------------------------------------------------------


def full_plan():
    """Return a plan with something in every list."""
    wants = [
        domain("due.example", renewal=RENEWAL),
        domain("flag.example"),
        domain("gone.example"),
        domain("lost.example"),
        domain("hand.example", nameservers=NS),
    ]
    price = Money.model_validate("11.00 USD")
    states = {
        "due.example": state(expires=NOW + timedelta(days=20), renew_price=price),
        "flag.example": state(auto_renew=False, privacy=False),
        "gone.example": Absent(),
        "lost.example": Unknown(why="no"),
        "hand.example": state(nameservers=frozenset(HANDS)),
    }
    seen = Observation(
        states, (Unmanaged("Domain", "z.example", "acct"),), Money.of_minor(100, "USD")
    )
    situation = Situation(
        "main", wants, {w.ref: w for w in wants}, orphans=[domain("old.example")]
    )
    accounts = Accounts({SHARE: Told({})}, {"acct": "me"})
    return plan(situation, World({SHARE: seen}), accounts, now=NOW)


def test_a_plan_is_what_its_schema_says():
    data = document(full_plan())
    for section in ("actions", "findings", "drift", "unmanaged", "unknown", "due"):
        assert data[section], section
    schema = json.loads(plan_schema())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(json.dumps(data)))
    assert {f["code"] for f in data["findings"]} >= {
        "balance-too-low",
        "not-at-registrar",
        "orphaned",
        "unsupported",
    }


def test_the_digest_is_of_the_actions_alone():
    made = full_plan()
    assert (
        made._replace(findings=(), unknown=(), due=(), as_of=NOW).digest == made.digest
    )
    assert made._replace(actions=made.actions[1:]).digest != made.digest
    dearer = tuple(
        a._replace(change=a.change.model_copy(update={"because": "x"}))
        for a in made.actions
    )
    assert made._replace(actions=dearer).digest == made.digest
