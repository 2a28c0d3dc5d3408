"""The whole court: every rule about every action, the strictest wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reconciler.model import (
    Action,
    AnyResource,
    Decision,
    Finding,
    Plan,
    Severity,
    Verdict,
)
from reconciler.policy.admission import admit
from reconciler.policy.approval import ApprovalRule, approval
from reconciler.policy.budget import Budget
from reconciler.policy.built_in import built_in
from reconciler.policy.checking import ending
from reconciler.policy.context import Context
from reconciler.policy.facts import Facts, Totals, of_action, totals
from reconciler.policy.freeze import Freeze
from reconciler.policy.glass import known
from reconciler.policy.people import Members, groups
from reconciler.policy.program import Failure, Program
from reconciler.policy.rule import Policy
from reconciler.policy.scanning import sifted
from reconciler.policy.termination import alone


class _Court(NamedTuple):
    """The policies by sort, ready to be asked."""

    context: Context
    totals: Totals
    members: Members
    freezes: tuple[Freeze, ...]
    approvals: tuple[ApprovalRule, ...]
    programs: tuple[Program, ...]
    budgets: tuple[Budget, ...]


def judge(plan: Plan, policies: Sequence[AnyResource], context: Context) -> Plan:
    """
    Return *plan* with a verdict of every rule that has something to say.

    Verdicts that are there already (the kind's own holds, drift) stay. The order of
    *policies* does not matter. A rule that cannot be evaluated is as strict as it
    could have been.
    """
    court = _convened(plan, policies, context)
    judged = []
    begun = built_in(plan, court.context, court.members)
    findings: list[Finding] = [*begun.findings, *ending(policies, context.now)]
    findings += alone(plan.findings, policies)
    for freeze in court.freezes:
        findings += freeze.findings({}, context.now)
    for action in begun.actions:
        verdicts, found = _heard(action, court)
        judged.append(action.judged(*verdicts))
        findings += found
    over = admit(judged, court.budgets, court.context)
    actions = tuple(action.judged(*over.get(action.id, ())) for action in judged)
    seen = sifted(findings, policies, context.now)
    return plan._replace(actions=actions, findings=tuple(seen))


def _convened(plan: Plan, policies: Sequence[AnyResource], context: Context) -> _Court:
    ranked = sorted(policies, key=lambda policy: policy.ref)
    return _Court(
        known(context, ranked, plan.actions),
        totals(plan.actions),
        groups(ranked),
        tuple(p for p in ranked if isinstance(p, Freeze)),
        tuple(p for p in ranked if isinstance(p, ApprovalRule)),
        tuple(Program(p) for p in ranked if isinstance(p, Policy)),
        tuple(p for p in ranked if isinstance(p, Budget)),
    )


def _heard(action: Action, court: _Court) -> tuple[list[Verdict], list[Finding]]:
    verdicts: list[Verdict] = []
    findings: list[Finding] = []
    for freeze in court.freezes:
        if verdict := freeze.verdict(action, court.context):
            verdicts.append(verdict)
            findings += [harm] if (harm := freeze.harm(action)) else []
    verdicts += [
        verdict
        for rule in court.approvals
        if (verdict := rule.verdict(action, court.context, court.members))
    ]
    facts: Facts | None = None
    for program in court.programs:
        if program.policy.spec.match.covers(action, court.context):
            facts = facts or of_action(action, court.context, court.totals)
            _ruled(program, action, facts, court, verdicts, findings)
    return verdicts, findings


def _ruled(
    program: Program,
    action: Action,
    facts: Facts,
    court: _Court,
    verdicts: list[Verdict],
    findings: list[Finding],
) -> None:
    """Add what one CEL rule says."""
    if not program.applies(facts):
        return
    failures = tuple(program.failures(facts))
    exempt = program.exempt(facts, court.context.now) if failures else None
    policy = program.policy
    if exempt:
        why = f"exception until {exempt.until}, by {exempt.approved_by}"
        verdicts.append(
            Verdict(Decision.ALLOW, str(policy.ref), f"{why}: {exempt.reason}")
        )
    elif policy.spec.enforcement == "advisory":
        findings.extend(_advice(policy, action, failures))
    else:
        verdicts.extend(_sentences(policy, action, failures, court))


def _advice(
    policy: Policy, action: Action, failures: Sequence[Failure]
) -> Iterator[Finding]:
    for failure in failures:
        severity = Severity.ERROR if failure.broken else Severity.WARNING
        yield action.want.found(
            "policy-broken" if failure.broken else "policy",
            severity,
            f"{policy.ref} on {action.change.verb}: {failure.message}",
            action.change.field,
        )


def _sentences(
    policy: Policy, action: Action, failures: Sequence[Failure], court: _Court
) -> Iterator[Verdict]:
    rule, group = str(policy.ref), policy.spec.group
    for failure in failures:
        at = policy.at(failure.field)
        if group is None:
            yield Verdict(Decision.DENY, rule, failure.message, at=at)
        else:
            held = approval(
                rule, (group,), action, court.context, court.members, failure.message
            )
            yield held._replace(at=at)
