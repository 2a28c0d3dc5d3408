"""From what is wanted, what is there and what was: what would be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from reconciler.engine.doubles import declared_twice
from reconciler.engine.evaluate import Evaluation, Subject, evaluate
from reconciler.engine.funding import Payer, unfunded
from reconciler.engine.health import Health, Paying
from reconciler.engine.heirs import Past, Succession
from reconciler.engine.lanes import Stops, held
from reconciler.engine.memory import NOTHING, Memory
from reconciler.engine.observe import Accounts, World
from reconciler.engine.order import Edges, held_behind, levelled
from reconciler.engine.sway import swayed
from reconciler.model import (
    Action,
    AnyResource,
    Decision,
    Finding,
    Money,
    Plan,
    Risk,
    Severity,
    Share,
    Sway,
    Unmanaged,
    Verdict,
)
from reconciler.model.ref import Ref

Judge = Callable[[Plan], Plan]
Watch = Callable[[Subject, Evaluation], None]
SEVERITIES = list(Severity)
#: Something was begun, and its account has not decided yet: nobody has to act.
PENDING = "built-in/pending"
#: Any one person may lift what the engine holds because of the state it found.
REVIEW = ("review",)


def under_way(action: Action) -> bool:
    """Say whether nobody has to act: what is left of *action* is its account's turn."""
    stopped = [v for v in action.verdicts if v.decision > Decision.ALLOW]
    return bool(stopped) and all(verdict.rule == PENDING for verdict in stopped)


class Pending(NamedTuple):
    """
    Something that was begun, and that its account still works on.

    Attributes:
        action: As the journal has it.
        why: For people.
    """

    action: Action
    why: str


class Situation(NamedTuple):
    """
    Everything a plan depends on, beside the world and the time.

    Attributes:
        wants: The inventory's resources that are in scope.
        base: What was last applied, for the resources of *wants*.
        orphans: What the base has and the inventory no longer has.
        memories: What the records remember, by (kind, uid).
        edges: Which resource depends on which.
        resumable: Open intents that may be sent again, with the change they were.
        stuck: Open intents nobody can resolve yet: id -> why.
        pending: Open intents that their account still works on, by id.
        paying: The open intents among all of them that cost money.
        charging: All open intents by which a customer pays, in the selection or not.
        looked: When an earlier run has read an account whole, by share.
        leaders: What others may follow.
        past: Every record of a kind.
        books: What the last comparison with the gateways' books found.
        stops: Why each lane is stopped; asked where something of one is planned.
        approvers: Whose approval of an action counts.
        judge: The policies.
        declares: Whether a live thing is declared, in or outside the selection.
    """

    env: str
    wants: Sequence[AnyResource]
    base: Mapping[Ref, AnyResource]
    orphans: Sequence[AnyResource] = ()
    memories: Mapping[tuple[str, str], Memory] = {}
    edges: Edges = {}
    resumable: Mapping[str, Action] = {}
    stuck: Mapping[str, str] = {}
    pending: Mapping[str, Pending] = {}
    leaders: Sequence[AnyResource] = ()
    past: Past = lambda _kind: ()
    books: Callable[[], Iterable[Finding]] = tuple
    stops: Callable[[], Stops] = dict
    paying: Sequence[Paying] = ()
    charging: Sequence[Paying] = ()
    looked: Mapping[Share, datetime] = {}
    approvers: Callable[[Action], Iterable[str]] = lambda _action: ()
    judge: Judge = lambda plan: plan
    base_commit: str | None = None
    commit: str | None = None
    declares: Callable[[Unmanaged], bool] = lambda _live: False


def plan(
    situation: Situation,
    world: World,
    accounts: Accounts,
    *,
    now: datetime,
    horizon: timedelta = timedelta(days=30),
    watch: Watch = lambda _subject, _found: None,
) -> Plan:
    """
    Return the judged plan. Pure: the same arguments give the same plan.

    *watch* is told of every resource that was looked at, and what came of it.
    """
    aside = _Aside([], [], {})
    succession = Succession(situation.orphans, situation.leaders, situation.past)
    leaders = [*filter(succession.entitled, situation.leaders)]
    led = swayed(leaders, world, now)
    parts = list(_evaluated(situation, world, accounts, led, now, watch, aside))
    due = sorted(d for part in parts for d in part.due if d.at <= now + horizon)
    planned = [
        succession.held(_recovered(situation, action))
        for part in parts
        for action in part.actions
        if action.id not in situation.pending
    ]
    planned = _in_health(situation, planned, aside.ways, world, now)
    if any(action.change.lane for action in planned):
        unended = {*situation.stuck, *situation.resumable, *situation.pending}
        planned = held(planned, situation.stops(), unended)
    under_way = [_under_way(one) for one in situation.pending.values()]
    actions = levelled([*planned, *under_way], situation.edges)
    new = tuple(action for action in actions if action.id not in situation.pending)
    findings = [
        *world.findings,
        *(f for part in parts for f in part.findings),
        *_orphaned(situation.orphans),
        *succession.findings(),
        *situation.books(),
        *_short_of_credit(new, world.balances()),
        *unfunded(aside.payers, due),
        *declared_twice(aside.tokens),
    ]
    raw = Plan(
        situation.env,
        now,
        new,
        tuple(findings),
        tuple(d for part in parts for d in part.drift),
        tuple(u for u in world.unmanaged() if not situation.declares(u)),
        tuple(u for part in parts for u in part.unknown),
        tuple(d for part in parts for d in part.deferred),
        tuple(due),
        situation.base_commit,
        situation.commit,
    )
    return _settled(situation, situation.judge(raw), actions)


class _Aside(NamedTuple):
    """
    What only all resources together can tell about.

    Attributes:
        payers: What pays for accounts, and will end.
        tokens: What accounts list by another name than its document's.
        ways: What others want of what would be done something to.
    """

    payers: list[Payer]
    tokens: list[AnyResource]
    ways: dict[Ref, Sequence[Sway]]


def _evaluated(
    situation: Situation,
    world: World,
    accounts: Accounts,
    led: Mapping[Ref, Sequence[Sway]],
    now: datetime,
    watch: Watch,
    aside: _Aside,
) -> Iterator[Evaluation]:
    """Yield what follows for each resource, in order of their addresses."""
    found: list[tuple[Ref, Evaluation]] = []
    for wanted in situation.wants:
        ways = led.get(wanted.ref)
        want = wanted.swayed(ways) if ways else wanted
        memory = situation.memories.get((want.kind, want.uid), NOTHING)
        subject = Subject(want, None, world.have(want), memory)
        part = evaluate(subject, accounts.drivers, situation.env, now)
        if part.differs:  # only then it matters what the base says
            subject = subject._replace(base=situation.base.get(want.ref))
            part = evaluate(subject, accounts.drivers, situation.env, now)
        if ways and part.actions:
            aside.ways[want.ref] = ways
        watch(subject, part)
        if funded := want.funds():
            ends = want.deadline(subject.have)
            payer = [Payer(want, frozenset(funded), ends)] if ends else []
            aside.payers.extend(payer)
        if not want.listed_by_name:
            aside.tokens.append(want)
        if any(part):
            found.append((want.ref, part))
    for _, part in sorted(found, key=itemgetter(0)):
        yield part


def _recovered(situation: Situation, action: Action) -> Action:
    """Put what an earlier run left open in place of the same action planned anew."""
    if sent := situation.resumable.get(action.id):
        resumed = sent._replace(resumes=True, verdicts=action.verdicts)
        return resumed._replace(ceiling=action.ceiling)
    if why := situation.stuck.get(action.id):
        return _unsettled(action, why)
    if action.change.risk is Risk.MONEY or action.change.fences:
        for begun in situation.paying:
            if begun.is_for(action):
                why = f"{begun.verb} was begun for it before, and"
                if begun.id in situation.pending:
                    return _waits(action, f"{why} is still under way")
                return _unsettled(action, f"{why} its end is not known ({begun.id})")
    return action


def _under_way(one: Pending) -> Action:
    """Return what was begun as it is shown: nothing is asked about it again."""
    return _waits(one.action, one.why)


def _waits(action: Action, why: str) -> Action:
    return action.judged(Verdict(Decision.HOLD, PENDING, why, firm=True))


def _in_health(
    situation: Situation,
    planned: list[Action],
    ways: Mapping[Ref, Sequence[Sway]],
    world: World,
    now: datetime,
) -> list[Action]:
    """Hold what follows from a debt, where it is not certain that it is one."""
    if not any(action.want.ref in ways for action in planned):
        return planned
    health = Health(
        situation.leaders, situation.charging, situation.looked, planned, world, now
    )
    found = ((a, health.verdict(a, ways.get(a.want.ref, ()))) for a in planned)
    return [action.judged(verdict) if verdict else action for action, verdict in found]


def _unsettled(action: Action, why: str) -> Action:
    verdict = Verdict(Decision.HOLD, "built-in/outcome-unknown", why, firm=True)
    return action.judged(verdict)


def _settled(situation: Situation, judged: Plan, order: Sequence[Action]) -> Plan:
    """Return *judged*, as approved, and in *order*, which has what is under way too."""
    lifted = {a.id: _lifted(a, situation.approvers(a)) for a in judged.actions}
    actions = held_behind(tuple(lifted.get(action.id, action) for action in order))
    findings = sorted(
        {*judged.findings, *_unresolved(situation, actions)},
        key=lambda f: (SEVERITIES.index(f.severity), f.kind, f.name, f.code, f.message),
    )
    return judged._replace(actions=actions, findings=tuple(findings))


def _lifted(action: Action, actors: Iterable[str]) -> Action:
    """Lift the engine's own holds that a person reviewed; policies lift theirs."""
    persons = sorted(set(actors))
    if not persons:
        return action
    return action._replace(
        verdicts=tuple(
            v._replace(
                decision=Decision.ALLOW,
                why=f"{v.why} (approved by {', '.join(persons)})",
            )
            if v.decision is Decision.HOLD and not v.firm and v.needs == REVIEW
            else v
            for v in action.verdicts
        )
    )


def _orphaned(orphans: Sequence[AnyResource]) -> Iterable[Finding]:
    for gone in orphans:
        if gone.metadata.protected:
            yield gone.found(
                "protected-removed",
                Severity.ERROR,
                "is protected and was removed from the inventory: "
                "first take the protection away, in a commit of its own",
            )
        elif gone.changes:  # what is only looked at is not there because of us
            yield gone.found(
                "orphaned",
                Severity.WARNING,
                "was removed from the inventory and still exists; it is left alone",
            )


def _unresolved(situation: Situation, actions: Sequence[Action]) -> Iterable[Finding]:
    """Name every open intent that this plan does not bring to an end."""
    runs = {action.id for action in actions if action.decision is Decision.ALLOW}
    stuck = {
        identity: "was begun by an earlier run, and is not to be sent again as it is"
        for identity in situation.resumable
        if identity not in runs
    }
    for identity, why in sorted({**stuck, **situation.stuck}.items()):
        wants = [a.want for a in actions if a.id == identity]
        begun = situation.resumable.get(identity)
        if begun is not None:
            wants.append(begun.want)
        message = f"{why}; settle it with `reconciler settle {identity}`"
        code, severity = "outcome-unknown", Severity.CRITICAL
        if wants:
            yield wants[0].found(code, severity, message)
        else:
            yield Finding(code, severity, "Action", identity, message)


def _short_of_credit(
    actions: Sequence[Action], balances: Mapping[str, Money]
) -> Iterable[Finding]:
    """Name the accounts whose prepaid credit does not cover what is planned."""
    for provider, balance in sorted(balances.items()):
        total = Money.of_minor(0, balance.currency)
        for action in actions:
            cost = action.change.cost
            if action.change.share.provider == provider and cost:
                total = total + cost if cost.currency == total.currency else total
        if not total <= balance:
            yield Finding(
                "balance-too-low",
                Severity.ERROR,
                "Provider",
                provider,
                f"has {balance} of prepaid credit, planned are {total}",
            )
