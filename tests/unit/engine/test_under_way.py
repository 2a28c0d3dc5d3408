"""What an account still works on is shown, asked nobody, and followed by nothing."""

from __future__ import annotations

from datetime import timedelta

from reconciler.audit import Batch, MemoryStore, Note, Run
from reconciler.engine import Journal, Scope, Setting, World, exits, held
from reconciler.engine.deadlines import SEEN_AGAIN, seen
from reconciler.engine.exits import Exit
from reconciler.engine.health import LOOKED, Paying
from reconciler.engine.observe import Accounts
from reconciler.engine.plan import PENDING, Pending, under_way
from reconciler.engine.situation import Looked
from reconciler.model import Decision, Ref, Unknown
from reconciler.sandbox.paying.tree import OneSubscription
from tests.unit.engine.owing import (
    DAY,
    NOW,
    STRIPE,
    facts,
    planned,
    subscription,
    terms,
    unpaid,
    world,
)

WHY = "the gateway is still deciding about the payment"


def charge(recorded=None, **more):
    """A charge as a plan makes it; it is the one that was begun."""
    want = subscription(recorded=recorded or facts(tries=(20, 18)), **more)
    (action,) = planned([want], world({"acme": unpaid()}, {})).actions
    return action


def waiting(action, seen_now, *wants):
    pending = {action.id: Pending(action._replace(verdicts=()), WHY)}
    begun = Paying(action.id, "Subscription", "acme", "acme", "charge")
    return planned([action.want, *wants], seen_now, pending=pending, paying=[begun])


def test_it_is_shown_though_nothing_is_planned_of_it():
    begun = charge()
    found = waiting(begun, world({"acme": unpaid(payment="processing")}, {}))
    (action,) = found.actions
    assert action.id == begun.id
    (verdict,) = action.verdicts
    assert (verdict.rule, verdict.why, verdict.firm) == (PENDING, WHY, True)
    assert under_way(action)
    assert found.digest != planned([], world({}, {})).digest


def test_nobody_has_to_act():
    begun = charge()
    found = waiting(begun, world({"acme": unpaid(payment="processing")}, {}))
    assert exits.of_holds(found.actions) == set()
    assert exits.of_plan(found, detailed=True) == {Exit.DONE}
    assert held(found).actions == ()
    assert found.allowed() == ()
    assert not [f for f in found.findings if f.code == "outcome-unknown"]


def test_it_takes_the_place_of_the_same_planned_anew():
    begun = charge()
    found = waiting(begun, world({"acme": unpaid()}, {}))  # a read that is behind
    (action,) = found.actions
    assert under_way(action)


def test_another_charge_of_the_same_waits_with_it():
    begun = charge()
    more = facts(tries=(20, 18))
    of = "bill/2026-11-01/renewal/0"
    more |= {k.replace("bill/2026-12-01/renewal/0", of): v for k, v in more.items()}
    more[f"{of}/invoice"] = {
        **more[f"{of}/invoice"],
        "begins": "2026-11-01",
        "ends": "2026-12-01",
    }
    want = subscription(recorded=more)
    bills = (*unpaid(payment="processing").bills, *unpaid(period="2026-11-01").bills)
    both = unpaid().model_copy(update={"bills": bills})
    found = waiting(begun._replace(want=want), world({"acme": both}, {}))
    assert len(found.actions) == 2
    assert all(map(under_way, found.actions))
    other = next(action for action in found.actions if action.id != begun.id)
    assert other.verdicts[-1].why == (
        "charge was begun for it before, and is still under way"
    )


def test_what_is_stopped_by_another_rule_as_well_is_not_only_under_way():
    begun = charge()
    held_too = begun.judged(
        *(waiting(begun, world({"acme": unpaid()}, {})).actions[0].verdicts)
    )
    assert under_way(held_too)
    stopped = held_too.verdicts[-1]._replace(rule="Freeze/stop")
    assert not under_way(held_too.judged(stopped))
    assert not under_way(begun)
    assert begun.decision is Decision.ALLOW


# --- that an account was read whole is remembered ---------------------------------


class Two(OneSubscription):
    """A tree with something else in it, too."""

    def refs(self):
        return [Ref("Domain", "acme.example"), *super().refs()]


def looks(moments, billing, *, whole=True):
    """The moments that runs at *moments* remember, each seeing *billing*."""
    clock = [NOW]
    store = MemoryStore()
    tree = Two(terms())
    scope = Scope(
        "main",
        tree,
        lambda _: tree,
        frozenset({"Subscription"}),
        lambda plan, _ledger, _now: plan,
        selected=lambda ref: whole or ref.kind == "Subscription",
    )
    found = []
    for number, moment in enumerate(moments):
        clock[0] = moment
        run = Run(f"20261224T110000Z-{number:08x}", "main", "ci", None, moment)
        with Journal(store, run, lambda: clock[0]) as journal:
            setting = Setting("main", journal, Accounts({}, {}), lambda: clock[0])
            known = scope.recalling(lambda: journal.ledger)
            if not number:
                told = {"kind": "Subscription", "uid": "acme", "facts": facts()}
                journal.record(Batch([Note(event="noticed", data=told)]))
            notes = list(seen(setting, known, World(world(billing, {}).shares)))
            journal.record(Batch(notes))
            last = Looked(journal.ledger).get(STRIPE)
            found.append(last)
    return found


def test_that_a_gateway_was_read_whole_is_remembered_now_and_then():
    later = NOW + SEEN_AGAIN + timedelta(seconds=1)
    moments = [NOW, NOW + timedelta(hours=1), later]
    assert looks(moments, {"acme": unpaid()}) == [NOW, NOW, later]


def test_a_daily_run_is_enough_whatever_ran_shortly_before_it():
    """A run by hand in the morning keeps nobody online for a day longer."""
    for hours in range(24):
        moments = [NOW - timedelta(hours=hours), NOW]
        last = looks(moments, {"acme": unpaid()})[-1]
        assert NOW + DAY - last <= LOOKED, hours


def test_what_could_not_be_read_or_was_not_all_of_it_is_not_remembered():
    lost = Unknown(why="no answer")
    assert looks([NOW], {"acme": unpaid(), "bakker": lost}) == [None]
    assert looks([NOW], {"acme": unpaid()}, whole=False) == [None]


def test_where_nobody_owes_anything_there_is_nothing_to_remember():
    paid = unpaid(state="paid", left="0.00 EUR", paid="12.10 EUR")
    assert looks([NOW, NOW + DAY], {"acme": paid}) == [None, None]
