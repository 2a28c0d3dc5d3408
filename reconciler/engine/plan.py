"""From what is wanted, what is there and what was: what would be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from reconciler.engine.doubles import declared_twice
from reconciler.engine.evaluate import Evaluation, Subject, evaluate
from reconciler.engine.funding import Payer, unfunded
from reconciler.engine.heirs import Past, Succession
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


class Paying(NamedTuple):
    """A payment that an earlier run began and of which nobody knows the end."""

    id: str
    kind: str
    name: str
    uid: str
    verb: str

    def is_for(self, action: Action) -> bool:
        """Whether *action* pays for the same thing, whatever the period is called."""
        want = action.want
        same = self.uid == want.uid or self.name == want.name
        return self.kind == want.kind and same


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
        pending: Open intents that their account still works on: id -> why.
        paying: The open intents among all of them that cost money.
        leaders: What others may follow.
        past: Every record of a kind.
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
    pending: Mapping[str, str] = {}
    leaders: Sequence[AnyResource] = ()
    past: Past = lambda _kind: ()
    paying: Sequence[Paying] = ()
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
    aside = _Aside([], [])
    succession = Succession(situation.orphans, situation.leaders, situation.past)
    leaders = [*filter(succession.entitled, situation.leaders)]
    led = swayed(leaders, world, now)
    parts = list(_evaluated(situation, world, accounts, led, now, watch, aside))
    due = sorted(d for part in parts for d in part.due if d.at <= now + horizon)
    actions = levelled(
        (
            succession.held(_recovered(situation, a))
            for part in parts
            for a in part.actions
        ),
        situation.edges,
    )
    findings = [
        *world.findings,
        *(f for part in parts for f in part.findings),
        *_orphaned(situation.orphans),
        *succession.findings(),
        *_short_of_credit(actions, world.balances()),
        *unfunded(aside.payers, due),
        *declared_twice(aside.tokens),
    ]
    raw = Plan(
        situation.env,
        now,
        actions,
        tuple(findings),
        tuple(d for part in parts for d in part.drift),
        tuple(u for u in world.unmanaged() if not situation.declares(u)),
        tuple(u for part in parts for u in part.unknown),
        tuple(d for part in parts for d in part.deferred),
        tuple(due),
        situation.base_commit,
        situation.commit,
    )
    return _settled(situation, situation.judge(raw))


class _Aside(NamedTuple):
    """
    What only all resources together can tell about.

    Attributes:
        payers: What pays for accounts, and will end.
        tokens: What accounts list by another name than its document's.
    """

    payers: list[Payer]
    tokens: list[AnyResource]


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
    if why := situation.pending.get(action.id):
        verdict = Verdict(Decision.HOLD, PENDING, why, firm=True)
        return action.judged(verdict)
    if why := situation.stuck.get(action.id):
        return _unsettled(action, why)
    if action.change.risk is Risk.MONEY or action.change.fences:
        for begun in situation.paying:
            if begun.is_for(action):
                why = f"{begun.verb} was begun for it before, and its end is not known"
                return _unsettled(action, f"{why} ({begun.id})")
    return action


def _unsettled(action: Action, why: str) -> Action:
    verdict = Verdict(Decision.HOLD, "built-in/outcome-unknown", why, firm=True)
    return action.judged(verdict)


def _settled(situation: Situation, judged: Plan) -> Plan:
    lifted = (_lifted(a, situation.approvers(a)) for a in judged.actions)
    actions = held_behind(tuple(lifted))
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
