"""A signed name moves to hosts that do not sign: no DS outlives the keys it is for."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.audit import Query, log, verify
from reconciler.cli.apply_command import carry_out
from reconciler.cli.approvers import approvals
from reconciler.engine.exits import Exit
from reconciler.kinds.domain.changes import DS_LASTS
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import START, Agency, domain, inventory
from tests.support.crash import Killed, Steps, watch
from tests.support.shell import at

DS = f"12345 13 2 {'AB' * 32}"
OLD = "nameservers: [ns1.old.example, ns2.old.example]"
#: Vendor, the operation that removes a DS, the one that delegates.
CALLS = {
    "porkbun-main": ("deleteDnssecRecord", "updateNs"),
    "namecom-main": ("deleteDNSSEC", "setNameservers"),
    "aws": ("REMOVE_DNSSEC", "UPDATE_NAMESERVER"),
}


def agency_with(tmp_path, provider, mode="sync"):
    spec = f"dnssec: {mode}, {OLD}"
    files = inventory(domain("signed.example", provider, spec=spec))
    return Agency(tmp_path, files, {"signed.example": Oddity({"ds": [DS]})})


def move(agency, mode="sync", to="sync"):
    agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
    agency.edit("inventory/domains.yaml", f"dnssec: {mode}", f"dnssec: {to}")
    agency.commit("inventory: move to other hosts")


def done(agency):
    effects = agency.sandbox.ledger.effects(name="signed.example")
    return [(e.operation, e.at) for e in effects if e.operation != "by-hand"]


def row(agency):
    for _, bench in agency.sandbox.benches.values():
        for account in bench.state["accounts"]:
            if "signed.example" in account["domains"]:
                return account["domains"]["signed.example"]
    raise AssertionError


@pytest.mark.parametrize(
    ("provider", "mode"),
    [("porkbun-main", "sync"), ("namecom-main", "off"), ("aws", "sync")],
)
def test_the_ds_goes_first_and_the_delegation_waits(tmp_path, provider, mode):
    removes, delegates = CALLS[provider]
    with agency_with(tmp_path, provider) as agency:
        move(agency, to=mode)
        planned = agency.plan()
        assert [a.change.verb for a in planned.actions] == ["ds"]
        assert [(d.verb, d.until) for d in planned.deferred] == [
            ("delegate", START + DS_LASTS)
        ]
        assert agency.apply().exit is Exit.DONE
        assert done(agency) == [(removes, START)]
        for hours in (1, 46):  # not while somebody may remember the DS
            agency.later(hours=hours)
            assert agency.apply().exit is Exit.DONE
            assert [operation for operation, _ in done(agency)] == [removes]
        agency.later(hours=1)
        assert agency.apply().exit is Exit.DONE
        assert done(agency) == [(removes, START), (delegates, START + DS_LASTS)]
        assert row(agency)["nameservers"][0] == "ns1.new.example"
        left = agency.plan()
        assert (left.actions, left.deferred, left.drift) == ((), (), ())


def test_the_wait_is_in_the_books_and_can_be_made_again(tmp_path):
    with agency_with(tmp_path, "porkbun-main") as agency:
        move(agency)
        agency.apply()
        store = agency.project().store
        record = store.read().records()[("Domain", "signed.example")]
        waits = datetime.fromisoformat(record.facts["waits/delegate"])
        assert abs(waits - START - DS_LASTS) < timedelta(seconds=5)
        assert verify(store) == []  # the same, made again from the log alone


@pytest.mark.parametrize(
    "step", ["before porkbun-main/domain.apply", "after porkbun-main/domain.apply"]
)
def test_a_crash_in_the_middle_keeps_the_order_and_the_wait(tmp_path, step):
    with agency_with(tmp_path, "porkbun-main") as agency:
        move(agency)
        with pytest.raises(Killed):
            carry_out(watch(agency.project(), Steps(step)))
        agency.later(minutes=31)
        for _ in range(3):  # resolve what was begun; do it if it was not; look again
            agency.apply()
            agency.later(minutes=31)
        ((operation, _),) = done(agency)
        assert operation == "deleteDnssecRecord"
        agency.later(hours=46)
        agency.apply()
        assert len(done(agency)) == 1
        agency.later(hours=3)
        agency.apply()
        operations = [operation for operation, _ in done(agency)]
        assert operations == ["deleteDnssecRecord", "updateNs"]
        (_, removed), (_, moved) = done(agency)
        assert moved - removed >= DS_LASTS


def test_a_ds_that_cannot_be_removed_keeps_the_name_where_it_is(tmp_path):
    with agency_with(tmp_path, "porkbun-main") as agency:
        move(agency)
        refused = Fault(
            vendor="porkbun",
            operation="deleteDnssecRecord",
            kind="status",
            status=400,
            text="no",
            times=0,
        )
        agency.sandbox.inject(refused)
        assert agency.apply().exit is Exit.PARTLY
        agency.later(days=5)
        assert agency.apply().exit is Exit.PARTLY
        assert done(agency) == []


def test_what_nobody_manages_is_held_and_no_approval_lifts_it(tmp_path):
    """Until the DS is gone: then the very same commit goes through."""
    with agency_with(tmp_path, "porkbun-main", "unmanaged") as agency:
        move(agency, "unmanaged", "unmanaged")
        (action,) = agency.plan().actions
        assert action.change.verb == "delegate"
        assert "dnssec: sync or off" in action.verdicts[-1].why
        file = tmp_path / "plan.json"
        at(agency, "plan", "--out", file)
        digest = agency.plan().digest
        approved = ("apply", "--approve", digest, "--approved-plan", file)
        assert at(agency, *approved, actor="bo").code == Exit.UNAPPROVED
        assert done(agency) == []
        agency.sandbox.edit("porkbun", "domain", {"name": "signed.example", "ds": []})
        agency.later(hours=25)
        assert agency.apply().exit is Exit.DONE
        assert [operation for operation, _ in done(agency)] == ["updateNs"]


def test_a_ds_that_came_in_between_stops_the_delegation(tmp_path):
    """The plan saw none; the driver looks once more before it sends."""
    with agency_with(tmp_path, "porkbun-main", "unmanaged") as agency:
        agency.sandbox.edit("porkbun", "domain", {"name": "signed.example", "ds": []})
        move(agency, "unmanaged", "unmanaged")
        assert agency.plan().allowed()
        agency.sandbox.edit("porkbun", "domain", {"name": "signed.example", "ds": [DS]})
        result = agency.apply()
        assert result.exit is Exit.PARTLY
        assert done(agency) == []
        (failed,) = [d.outcome for d in result.done]
        assert "do not answer for" in failed.error
        agency.later(minutes=1)
        assert agency.plan().actions[0].change.firm


def test_a_ds_changed_by_hand_is_drift_and_waits_for_a_person(tmp_path):
    with agency_with(tmp_path, "porkbun-main", "off") as agency:
        assert agency.apply().exit is Exit.UNAPPROVED
        planned = agency.plan()
        (action,) = planned.actions
        assert action.change.verb == "ds"
        assert not planned.allowed()
        assert done(agency) == []


class TestRestoring:
    """A name in redemption is bought back once, by a person, under a ceiling."""

    spec = "renewal: {mode: manual, restore: approve, maxRestore: 100.00 USD}"

    def agency(self, tmp_path, **odd):
        files = inventory(domain("lost.example", "aws", spec=self.spec))
        policies = {
            "p.yaml": "apiVersion: reconciler/v1\n"
            "ApprovalRule/money: {match: {risks: [money]}, groups: [billing], "
            "standing: {below: [1000.00 USD]}}\n"
        }
        seed = {"expires": -40, "autoRenew": False, **odd}
        oddities = {"lost.example": Oddity(seed)}
        return Agency(tmp_path, files, oddities, policies=policies)

    def order(self, agency):
        (action,) = agency.plan().actions
        return {action.id: action.digest}

    def test_no_standing_approval_buys_it_back(self, tmp_path):
        with self.agency(tmp_path) as agency:
            for _ in range(3):
                agency.apply()
                agency.later(days=1)
            assert agency.charges() == []
            (action,) = agency.plan().actions
            assert (action.change.verb, str(action.decision)) == ("restore", "hold")
            assert str(action.change.cost) == "80.00 USD"
            assert str(action.ceiling) == "100.00 USD"

    def test_a_person_buys_it_back_once(self, tmp_path):
        with self.agency(tmp_path) as agency:
            order = self.order(agency)
            assert agency.apply("bo", order).exit is Exit.DONE
            assert [c.amount for c in agency.charges()] == ["80.00 USD"]
            agency.apply("bo", order)
            assert len(agency.charges()) == 1
            assert agency.plan().actions == ()

    def test_dearer_than_its_ceiling_is_never_paid(self, tmp_path):
        with self.agency(tmp_path, restore="120.00 USD") as agency:
            agency.apply("bo", self.order(agency))
            assert agency.charges() == []

    @pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
    def test_a_lost_answer_is_never_paid_twice(self, tmp_path, kind):
        with self.agency(tmp_path) as agency:
            agency.sandbox.inject(
                Fault(vendor="aws", operation="RestoreDomain", kind=kind)
            )
            order = self.order(agency)
            for _ in range(4):
                agency.apply("bo", order)
                agency.later(minutes=31)
            assert len(agency.charges()) == 1

    @pytest.mark.parametrize(
        "step", ["before aws/domain.apply", "after aws/domain.apply"]
    )
    def test_a_crash_in_the_middle_is_never_paid_twice(self, tmp_path, step):
        with self.agency(tmp_path) as agency:
            order, project = self.order(agency), agency.project("bo")
            given = approvals(project, order, source="actor", reason=None)
            dying = watch(project, Steps(step))
            with pytest.raises(Killed):
                carry_out(dying, approved=order, given=given)
            for _ in range(3):
                agency.later(minutes=31)
                agency.apply("bo", order)
            assert len(agency.charges()) == 1
            assert dict(agency.project().store.read().open) == {}
            applied = [
                line
                for line in log(agency.project().store, Query())
                if line["type"] == "outcome" and line["status"] == "applied"
            ]
            assert len(applied) == 1


def test_a_transfer_away_is_stopped_at_once(tmp_path):
    files = inventory(domain("leaving.example", "aws"))
    oddity = Oddity({"transfer": "account", "locked": False})
    with Agency(tmp_path, files, {"leaving.example": oddity}) as agency:
        findings = {f.code: str(f.severity) for f in agency.plan().findings}
        assert findings["transfer-out"] == "critical"
        result = agency.apply()
        assert [d.action.change.verb for d in result.done] == ["block-transfer", "lock"]
        assert [d.status for d in result.done] == ["applied", "applied"]
        agency.later(hours=7)
        assert "transfer-out" not in {f.code for f in agency.plan().findings}
