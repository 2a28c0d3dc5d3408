"""What no policy file can take away: proofs, two persons, and crowds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.kinds.hosting_account import ChangePlan, HostingAccount, Terminate
from reconciler.model import (
    Action,
    Change,
    Decision,
    FieldChange,
    OpClass,
    Plan,
    Proof,
    Ref,
    Severity,
    Share,
    action_id,
)
from reconciler.policy import judge
from reconciler.policy.built_in import built_in
from tests.unit.policy.court import NOW, context


def proven(ref: Ref, now: datetime) -> Proof | str:
    """A backup of everything was restored yesterday."""
    return Proof(now, now - timedelta(days=1), f"receipt of {ref}")


def doing(change: type[Change], name: str = "a.example", **details: Any) -> Action:
    want = HostingAccount.model_validate(
        {"metadata": {"name": name}, "spec": {"provider": "whm", "plan": "small"}}
    )
    done = change(
        share=Share("whm", "hosting"),
        fields=(FieldChange(field="spec.plan", before="large", after="small"),),
        because="a test",
        details=details,
    )
    identity = action_id("main", want.ref, want.uid, done.verb, name)
    return Action(identity, want, done, OpClass.PROBE)


def judged(*actions: Action, **facts: Any) -> Plan:
    proof = facts.pop("proof", None)
    known = context(*actions, **facts)
    known = known._replace(proof=proof) if proof else known
    return judge(Plan("main", NOW, actions), [], known)


def test_what_may_lose_data_waits_for_a_proven_backup_whoever_agrees() -> None:
    act = doing(ChangePlan, smaller=True)
    (held,) = judged(act, approvals={act.digest: ("ann", "bob")}).actions
    assert held.decision is Decision.HOLD
    (verdict,) = held.verdicts
    assert (verdict.rule, verdict.firm) == ("built-in/backup-proof", True)
    assert verdict.why == (
        "no backup of HostingAccount/a.example was restored and verified"
    )
    (runs,) = judged(act, proof=proven).actions
    assert runs.decision is Decision.ALLOW
    assert "restored and verified on 2026-11-21" in runs.verdicts[0].why


@pytest.mark.parametrize("change", [ChangePlan])
def test_more_room_needs_no_proof(change: type[Change]) -> None:
    assert judged(doing(change, smaller=False)).actions[0].decision is Decision.ALLOW


@pytest.mark.parametrize(
    ("people", "proof", "decision"),
    [
        ((), proven, Decision.HOLD),
        (("ann",), proven, Decision.HOLD),
        (("ann", "@ANN"), proven, Decision.HOLD),
        (("ann", "bob"), None, Decision.HOLD),
        (("ann", "bob"), proven, Decision.ALLOW),
    ],
)
def test_an_end_for_good_takes_two_persons_and_a_proof(
    people: tuple[str, ...], proof: Any, decision: Decision
) -> None:
    act = doing(Terminate)
    found = judged(act, approvals={act.digest: people}, proof=proof)
    assert found.actions[0].decision is decision


def test_a_broken_glass_is_no_second_person() -> None:
    act = doing(Terminate)
    known = context(act)._replace(proof=proven, glass={act.digest: "ann"})
    (held,) = built_in(Plan("main", NOW, (act,)), known).actions
    assert held.decision is Decision.HOLD


@pytest.mark.parametrize(
    ("details", "what"),
    [({"smaller": True}, "made smaller"), ({"scaling": "ahead"}, "scaled")],
)
def test_many_at_once_are_an_incident_and_none_is_done(
    details: dict[str, Any], what: str
) -> None:
    few = [doing(ChangePlan, f"{n}.example", **details) for n in range(5)]
    assert not judged(*few, proof=proven, held_by=20).findings
    many = [*few, doing(ChangePlan, "more.example", **details)]
    plan = judged(*many, proof=proven, held_by=20)
    assert {a.decision for a in plan.actions} == {Decision.HOLD}
    (incident,) = plan.findings
    assert (incident.code, incident.severity) == ("many-at-once", Severity.CRITICAL)
    assert incident.message.startswith(f"6 of 20 at whm would be {what} in one run")
    # The same plan judged again tells it once.
    assert built_in(plan, context(*many, held_by=20)).findings == plan.findings
