"""One run: recover, plan again, do what is allowed, verify, move the base."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.audit import Base, Batch, Outcome
from reconciler.engine import exits
from reconciler.engine.approved import Given, approve, refuse_lies, withdraw
from reconciler.engine.carry_out import (
    Done,
    Setting,
    carry_out,
    look,
    refused,
    tell_witnesses,
)
from reconciler.engine.deadlines import seen
from reconciler.engine.desired import Based, based, moved
from reconciler.engine.exits import Exit
from reconciler.engine.lanes import mending, stopped
from reconciler.engine.learned import Learned
from reconciler.engine.merge import UNSUPPORTED
from reconciler.engine.observe import World, observe
from reconciler.engine.order import waves
from reconciler.engine.plan import plan
from reconciler.engine.recover import Resolution, rebuilt, resolve
from reconciler.engine.situation import Scope, situation
from reconciler.model import Action, Decision, Plan, Risk
from reconciler.model.ref import Ref

#: So that an outcome never waits long to be recorded.
WAVE = 25


class Order(NamedTuple):
    """
    What a person or a schedule asked for.

    Attributes:
        approved: Action id -> digest, of the plan that was approved; None runs what
            policy allows by itself.
        shown: Action id -> the action as the approved plan's document shows it.
        given: Who approved what: the plan, or single actions in signed commits.
        ready: Asked once, with the plan, before anything is done.
        dirty: The inventory is in no commit as it stands: the base stays.
    """

    scope: Scope
    approved: Mapping[str, str] | None = None
    given: tuple[Given, ...] = ()
    shown: Mapping[str, JsonValue] = {}
    ready: Callable[[Plan], bool] = lambda _plan: True
    dirty: bool = False


class Result(NamedTuple):
    """
    What a run did, and what is left.

    Attributes:
        run: The id of the run.
        world: What every account said at the end.
    """

    plan: Plan
    done: tuple[Done, ...]
    recovered: tuple[Resolution, ...]
    left: Plan
    codes: frozenset[Exit]
    head: str | None
    run: str
    world: World
    vanished: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def exit(self) -> Exit:
        """The code that wins."""
        return exits.first(self.codes)


def apply(setting: Setting, order: Order) -> Result:
    """
    Bring the world to what git wants, as far as rules and approvals allow.

    Raises:
        LostLock: The lock was lost; nothing was begun after that.
        AuditError: The journal cannot be written, so nothing was begun.
        StalePlan: The approved plan shows something else than it is about.
    """
    journal = setting.journal
    scope = order.scope.recalling(lambda: journal.ledger)
    order = order._replace(scope=scope)
    was = based(scope.desired, journal.ledger.base, scope.load, scope.kinds)
    _doubt_witnesses(setting, scope)
    world = observe(scope.wants(), setting.accounts, known=was.resources)
    recovered = _recover(setting, scope, world)
    planned = _plan(setting, scope, was, world, recovered)
    refuse_lies(planned, order.approved or {}, order.shown)
    withdraw(journal, scope, planned)
    if approve(journal, order.given, planned):
        planned = _plan(setting, scope, was, world, recovered)
    chosen, stale, vanished = choose(planned, order.approved)
    doubted = _witnessed(setting, chosen)
    if doubted:  # a look may be a day old: nothing is done because of that one
        world = world.updated(look(setting, doubted, done=False))
        planned = _plan(setting, scope, was, world, recovered)
        chosen, stale, vanished = choose(planned, order.approved)
    done: list[Done] = []
    if order.ready(planned):
        for wave in waves(chosen, WAVE, setting.together):
            ready = [action for action in wave if not _blocked(action, done)]
            if ready:
                finished, after = carry_out(setting, ready, planned)
                done += finished
                world = world.updated(after)
    # What a run that did nothing has left is what it found.
    moved_on = done or recovered
    left = _plan(setting, scope, was, world, ()) if moved_on else planned
    for broken in mending(left, done):  # nobody waits for the next run with that
        finished, after = carry_out(setting, [broken], left)
        done += finished
        world = world.updated(after)
        left = _plan(setting, scope, was, world, ())
    undecided = {a.want.ref for a in doubted} - {a.want.ref for a in chosen}
    _close(setting, order, was, left, world, undecided)
    wrong = [one for one in done if not _seen_to(one, scope, world, setting.clock())]
    codes = _codes(planned, left, wrong, stale, order)
    head = journal.ledger.head
    return Result(
        planned,
        tuple(done),
        tuple(recovered),
        left,
        codes,
        head,
        journal.run,
        world,
        vanished,
        stale,
    )


def _plan(
    setting: Setting,
    scope: Scope,
    was: Based,
    world: World,
    recovered: Sequence[Resolution],
) -> Plan:
    now, ledger = setting.clock(), setting.journal.ledger
    if not recovered:
        recovered = resolve(
            scope.opened(ledger), scope.by_uid(), world, setting.accounts, now=now
        )
    built = situation(scope, ledger, was, recovered, now=now)
    return plan(built, world, setting.accounts, now=now)


def _doubt_witnesses(setting: Setting, scope: Scope) -> None:
    """
    Have witnesses look anew at what an earlier run began, and did not end.

    Whoever died in between told them nothing: what they saw before is no proof of how
    it ended.
    """
    wants = scope.by_uid()
    for one in scope.opened(setting.journal.ledger):
        want = wants.get((one.intent.kind, one.intent.uid))
        change = rebuilt(one.intent, want) if want is not None else None
        if want is not None and change is not None and change.witnessed:
            tell_witnesses(setting, want, change)


def _witnessed(setting: Setting, chosen: Sequence[Action]) -> list[Action]:
    """Return those of *chosen* that follow from what a witness saw, at any time."""
    drivers = setting.accounts.drivers
    return [
        action
        for action in chosen
        if action.change.witnessed
        and any(share in drivers for share in action.want.witnesses())
    ]


def _recover(setting: Setting, scope: Scope, world: World) -> list[Resolution]:
    """Record what became of what earlier runs left open."""
    opened = scope.opened(setting.journal.ledger)
    if not opened:
        return []
    found = resolve(
        opened, scope.by_uid(), world, setting.accounts, now=setting.clock()
    )
    learned = Learned()
    outcomes = tuple(
        outcome for one in found if (outcome := _outcome(one, setting, world, learned))
    )
    if outcomes:
        setting.journal.record(Batch(entries=outcomes, phase="recovered"))
    return found


def _outcome(
    one: Resolution, setting: Setting, world: World, learned: Learned
) -> Outcome | None:
    if one.fate not in {"applied", "not_applied"} or one.action is None:
        return None
    intent, want = one.intent, one.action.want
    deadline = want.deadline(world.have(want))
    pays = one.action.change.risk is Risk.MONEY
    said: dict[str, JsonValue] = {"why": one.why}
    if deadline and pays:
        said["expires"] = deadline.isoformat()
    if one.declined:
        said |= refused(one.declined)
    outcome = Outcome.model_validate(
        {
            "id": intent.id,
            "key": intent.key,
            "time": setting.clock(),
            "env": intent.env,
            "kind": intent.kind,
            "name": intent.name,
            "uid": intent.uid,
            "verb": intent.verb,
            "status": one.fate,
            "how": "observed",
            "cost": intent.cost,
            "paid": intent.cost if one.fate == "applied" else None,
            "charged": intent.charge if one.fate == "applied" else None,
            "verified": one.fate == "applied",
            "evidence": said,
        }
    )
    return learned.with_facts(outcome, one.action, world.have(want))


def choose(
    planned: Plan, approved: Mapping[str, str] | None
) -> tuple[list[Action], tuple[str, ...], tuple[str, ...]]:
    """
    Return the actions that run, and the approved ones that are stale or vanished.

    With approvals only approved actions run. One whose result or ceiling is another
    now, or whose price is above its ceiling, is stale.
    """
    allowed = list(planned.allowed())
    if approved is None:
        return allowed, (), ()
    by_id = {action.id: action for action in planned.actions}
    vanished = tuple(sorted(set(approved) - set(by_id)))
    stale = tuple(
        sorted(
            identity
            for identity, digest in approved.items()
            if (action := by_id.get(identity))
            and (action.digest != digest or _too_dear(action))
        )
    )
    chosen = [a for a in allowed if approved.get(a.id) == a.digest]
    return _with_what_they_wait_for(chosen, planned), stale, vanished


def _with_what_they_wait_for(chosen: Sequence[Action], planned: Plan) -> list[Action]:
    """Leave out what waits for an action that was not approved along with it."""
    ids = {action.id for action in chosen}
    missing = {(a.want.ref, a.change.verb) for a in planned.actions if a.id not in ids}
    return [
        action
        for action in chosen
        if not any((action.want.ref, v) in missing for v in action.change.waits_for)
    ]


def _too_dear(action: Action) -> bool:
    cost, ceiling = action.change.cost, action.ceiling
    if cost is None or ceiling is None:
        return False
    return cost.currency != ceiling.currency or not cost <= ceiling


def _blocked(action: Action, done: Sequence[Done]) -> bool:
    """Whether something this action waits for was begun and did not succeed."""
    if stopped(action, done):
        return True
    failed = {
        (d.action.want.ref, d.action.change.verb) for d in done if d.status != "applied"
    }
    return any((action.want.ref, verb) in failed for verb in action.change.waits_for)


def _close(
    setting: Setting,
    order: Order,
    was: Based,
    left: Plan,
    world: World,
    undecided: Collection[Ref],
) -> None:
    """Record what was seen, and move the base for everything that agrees now."""
    base = setting.journal.ledger.base
    open_refs = _unsettled(left, order.scope) | set(undecided)
    now_based = _moved(order, base, was, open_refs) or base
    notes = tuple(seen(setting, order.scope, world))
    if now_based != base:
        setting.journal.record(Batch(entries=notes, base=now_based, phase="base"))
    elif notes:
        setting.journal.record(Batch(entries=notes, phase="seen"))


def _moved(order: Order, base: Base, was: Based, open_refs: set[Ref]) -> Base | None:
    """Return the base at the commit of *order*; None where that is not to be one."""
    scope = order.scope
    if scope.head is None or (order.dirty and base.commit):
        return None
    return moved(
        scope.desired,
        base,
        was,
        head=scope.head,
        open_refs=open_refs,
        kinds=scope.kinds,
    )


def _unsettled(left: Plan, scope: Scope) -> set[Ref]:
    differing = {a.want.ref for a in left.actions if a.change.merges}
    differing |= {d.ref for d in left.deferred if d.merges}
    unread = {u.ref for u in left.unknown}
    drifted = {d.ref for d in left.drift if d.disposition != UNSUPPORTED}
    outside = set(scope.desired.refs()) - {want.ref for want in scope.wants()}
    return differing | unread | drifted | outside


def _seen_to(one: Done, scope: Scope, world: World, now: datetime) -> bool:
    """Say whether what a bank refused is followed up by what refused it was for."""
    if not one.declined:
        return False
    want = scope.get(one.action.want.ref)
    return want.sees_to(one.action.change, world.have(want), now)


def _codes(
    planned: Plan,
    left: Plan,
    done: Sequence[Done],
    stale: Sequence[str],
    order: Order,
) -> frozenset[Exit]:
    codes: set[Exit] = {Exit.DONE}
    if stale:
        codes.add(Exit.STALE)
    if any(d.status in {"failed", "not_applied"} and not d.too_early for d in done):
        codes.add(Exit.PARTLY)
    if any(d.outcome.verified is False and d.status == "applied" for d in done):
        codes.add(Exit.PARTLY)
    if not left.complete:
        codes.add(Exit.PARTLY)
    if any(f.code == "outcome-unknown" for f in left.findings):
        codes.add(Exit.UNKNOWN)
    if any(d.status == "unknown" and not d.pending for d in done):
        codes.add(Exit.UNKNOWN)
    waiting = [a for a in planned.actions if a.decision is not Decision.ALLOW]
    if order.approved is not None:
        waiting = [a for a in waiting if order.approved.get(a.id) == a.digest]
    return frozenset(codes | exits.of_holds(waiting))
