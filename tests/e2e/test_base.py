"""Who moved, git or the world? What is reverted, what is held, what is left alone."""

from __future__ import annotations

import pytest

from reconciler.cli.apply_command import carry_out
from reconciler.errors import UnsafeCommit
from reconciler.sandbox import Fault
from reconciler.sandbox.aws_zones import Zones
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at

DNS = (
    "nameservers: [ns1.old.example, ns2.old.example], "
    "dns: {targets: [aws], records: [{name: www, type: A, value: 192.0.2.1}]}"
)
HANDS = ["ns1.hand.example", "ns2.hand.example"]
FILE = "inventory/domains.yaml"


@pytest.fixture
def agency(tmp_path):
    names = (f"spare-{number}.example" for number in range(6))
    files = inventory(
        domain("shop.example", spec=DNS), *(domain(name) for name in names)
    )
    with Agency(tmp_path, files) as agency:
        yield agency


def by_hand(agency, **fields):
    agency.sandbox.edit("porkbun", "domain", {"name": "shop.example", **fields})


def record(agency, name, value):
    row = {"Name": name, "Type": "A", "TTL": 300}
    row["ResourceRecords"] = [{"Value": value}] if value else []
    agency.sandbox.edit("aws", "record", {"zone": "shop.example", "record": row})


def says(plan):
    """Return verb, decision and rule of each action, and each drift's disposition."""
    actions = [
        (a.change.verb, str(a.decision), a.verdicts[0].rule if a.verdicts else "")
        for a in plan.actions
    ]
    return actions, [(d.field, d.disposition) for d in plan.drift]


def codes(plan):
    return {f.code: f.name for f in plan.findings}


def base(agency):
    return agency.project().store.read().base


def test_nothing_moved(agency):
    assert says(agency.plan()) == ([], [])
    assert agency.apply().codes == {0}


def test_git_moved(agency):
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.edit(FILE, ".old.example", ".new.example")
    agency.commit()
    assert says(agency.plan()) == (
        [("records", "allow", ""), ("delegate", "allow", "")],
        [],
    )
    result = agency.apply()
    assert [d.status for d in result.done] == ["applied", "applied"]
    assert base(agency).commit == agency.git("rev-parse", "HEAD")
    assert says(agency.plan()) == ([], [])


def test_drift_that_is_harmless_to_mend_is_reverted(agency):
    by_hand(agency, autoRenew=False)
    record(agency, "www", "")
    actions, drift = says(agency.plan())
    assert actions == [("auto-renew", "allow", ""), ("records", "allow", "")]
    assert drift == [
        ("spec.dns.records[www/A]", "revert"),
        ("spec.renewal.mode", "revert"),
    ]
    assert agency.apply().codes == {0}
    assert says(agency.plan()) == ([], [])


def test_drift_of_nameservers_is_held(agency):
    by_hand(agency, nameservers=HANDS)
    held = [("delegate", "hold", "built-in/drift")]
    assert says(agency.plan()) == (held, [("spec.nameservers", "hold")])
    assert 6 in agency.apply().codes
    assert says(agency.plan())[0] == held


def test_a_record_added_by_hand_is_held(agency):
    record(agency, "blog", "192.0.2.77")
    assert says(agency.plan())[0] == [("prune", "hold", "built-in/drift")]
    agency.apply()
    names = {
        r["Name"]
        for zone in Zones(agency.sandbox.bench("aws")).as_json()
        for r in zone["records"]
    }
    assert "blog.shop.example." in names


def test_a_conflict_is_held(agency):
    record(agency, "www", "192.0.2.55")
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.commit()
    actions, drift = says(agency.plan())
    assert actions == [("records", "hold", "built-in/conflict")]
    assert drift == [("spec.dns.records[www/A]", "conflict")]
    agency.apply()
    assert base(agency).exceptions == {"Domain/shop.example": base_of(agency)}
    assert says(agency.plan())[0] == actions  # still a conflict after the base moved


def base_of(agency):
    return agency.git("rev-list", "--max-parents=0", "HEAD")


def test_both_moved_to_the_same(agency):
    record(agency, "www", "192.0.2.9")
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.commit()
    assert says(agency.plan()) == ([], [])
    agency.apply()
    assert base(agency).exceptions == {}


def test_what_the_base_does_not_know_is_protected(agency):
    """Declared now, existing before: every difference is held until it agrees."""
    agency.sandbox.edit(
        "porkbun",
        "domain",
        {"name": "late.example", "expires": 300, "autoRenew": False},
    )
    agency.write("inventory/late.yaml", inventory(domain("late.example"))[FILE])
    agency.commit()
    assert says(agency.plan())[0] == [("auto-renew", "hold", "built-in/protection")]
    assert 6 in agency.apply().codes
    assert base(agency).exceptions == {"Domain/late.example": None}
    agency.sandbox.edit(
        "porkbun", "domain", {"name": "late.example", "autoRenew": True}
    )
    agency.apply()
    assert base(agency).exceptions == {}
    agency.sandbox.edit(
        "porkbun", "domain", {"name": "late.example", "autoRenew": False}
    )
    assert says(agency.plan())[0] == [("auto-renew", "allow", "")]


def test_a_new_zone_is_made(agency):
    """Nothing is there, so nothing can be overwritten."""
    agency.write(
        "inventory/new.yaml",
        inventory(domain("spare-9.example", spec=DNS.replace(".old.", ".new.")))[FILE],
    )
    agency.sandbox.edit(
        "porkbun",
        "domain",
        {
            "name": "spare-9.example",
            "nameservers": ["ns1.new.example", "ns2.new.example"],
        },
    )
    agency.commit()
    assert says(agency.plan())[0] == [("records", "allow", "")]
    assert agency.apply().codes == {0}
    assert says(agency.plan())[0] == []


def removed(agency, name):
    text = (agency.root / FILE).read_text()
    kept = [line for line in text.splitlines() if f"Domain/{name}" not in line]
    agency.write(FILE, "\n".join(kept) + "\n")
    agency.commit(f"inventory: without {name}")


def test_what_was_removed_from_git_is_reported_and_left_alone(agency):
    removed(agency, "spare-1.example")
    plan = agency.plan()
    assert codes(plan)["orphaned"] == "spare-1.example"
    assert plan.actions == ()
    agency.apply()
    assert "spare-1.example" in {u.name for u in agency.plan().unmanaged}
    assert agency.sandbox.ledger.effects() == []


def test_removing_what_is_protected_takes_two_commits(agency):
    agency.edit(
        FILE, "Domain/spare-1.example: {", "Domain/spare-1.example: {protected: true, "
    )
    agency.commit()
    agency.apply()
    removed(agency, "spare-1.example")
    for _ in range(2):
        assert codes(agency.plan())["protected-removed"] == "spare-1.example"
        agency.apply()
    agency.git("revert", "--no-edit", "HEAD")
    agency.edit(FILE, "protected: true, ", "")
    agency.commit("inventory: no longer protected")
    agency.apply()
    assert "protected-removed" not in codes(agency.plan())
    removed(agency, "spare-1.example")
    assert codes(agency.plan())["orphaned"] == "spare-1.example"
    agency.apply()
    assert agency.sandbox.ledger.effects() == []


def test_a_base_that_cannot_be_read_is_an_error_and_not_no_base(agency):
    tree = agency.git("rev-parse", "HEAD^{tree}")
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.commit()
    (agency.root / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    for command in ("plan", "apply"):
        refused = at(agency, command)
        assert (refused.code, "E204" in refused.err) == (1, True), refused
    assert agency.sandbox.ledger.effects() == []


def test_a_checkout_without_history_does_not_act(agency, tmp_path):
    """Nothing there proves that its commit comes after what was applied last."""
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.commit()
    clone = tmp_path / "shallow"
    argv = ("clone", "-q", "-b", "main", "--depth", "1", f"file://{agency.remote}")
    agency.git(*argv, str(clone))
    (clone / ".sandbox").symlink_to(agency.root / ".sandbox")
    agency.root = clone
    with pytest.raises(UnsafeCommit, match="does not descend") as refused:
        agency.apply()
    assert "whole history" in str(refused.value.hint)
    assert agency.sandbox.ledger.effects() == []


def test_a_dirty_tree_on_loopback_applies_and_does_not_move_the_base(agency):
    before = base(agency)
    agency.edit(FILE, "spare-1.example: {", "spare-1.example: {warnAt: [9d], ")
    agency.commit()
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    result = agency.apply()
    assert [d.status for d in result.done] == ["applied"]
    assert base(agency) == before
    agency.commit()
    agency.apply()
    assert base(agency).commit == agency.git("rev-parse", "HEAD")


def test_an_old_commit_is_never_applied_again(agency):
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.commit()
    agency.apply()
    count = len(agency.sandbox.ledger.effects())
    agency.git("checkout", "-q", "HEAD~1")
    with pytest.raises(UnsafeCommit, match="does not descend"):
        agency.apply()
    assert at(agency, "apply", "--auto-approve").code == 1
    agency.git("checkout", "-q", "--orphan", "other")
    agency.git("commit", "-q", "-m", "another history")
    with pytest.raises(UnsafeCommit, match="does not descend"):
        agency.apply()
    assert len(agency.sandbox.ledger.effects()) == count


def test_a_selection_leaves_the_base_of_the_others_where_it_was(agency):
    first = base(agency).commit
    agency.edit(FILE, "192.0.2.1", "192.0.2.9")
    agency.edit(FILE, "spare-1.example: {", "spare-1.example: {privacy: false, ")
    agency.edit(FILE, "spare-2.example: {", "spare-2.example: {warnAt: [9d], ")
    agency.commit()
    agency.apply(select=("Domain/shop.example",))
    now = base(agency)
    assert now.commit == agency.git("rev-parse", "HEAD")
    assert now.exceptions == {
        f"Domain/spare-{number}.example": first for number in (1, 2)
    }
    agency.apply()
    assert base(agency).exceptions == {}


def test_a_selection_calls_nothing_unmanaged_that_git_declares(agency):
    plan = at(agency, "--select", "Domain/shop.example", "plan")
    assert "spare-" not in plan.out


def test_an_open_intent_outside_the_selection_is_no_alarm(agency):
    by_hand(agency, autoRenew=False)
    lost = Fault(vendor="porkbun", operation="updateAutoRenew", kind="lost-before")
    agency.sandbox.inject(lost)
    assert 9 in agency.apply().codes
    other = at(agency, "--select", "Domain/spare-1.example", "apply", "--auto-approve")
    assert other.code == 0, other.out
    agency.later(minutes=31)
    assert agency.apply().codes == {0}
    assert len(agency.project().store.read().open) == 0


def test_an_inventory_that_lost_too_much_is_refused(agency):
    agency.write(FILE, inventory(domain("shop.example", spec=DNS))[FILE])
    agency.commit()
    refused = at(agency, "apply", "--auto-approve")
    assert refused.code == 1
    assert "E202" in refused.err
    (agency.root / FILE).unlink()
    agency.commit()
    assert at(agency, "plan").code == 1


def test_a_newer_commit_that_was_applied_while_waiting_for_the_lock_wins(agency):
    """The commit is judged again under the lock: an old one never undoes a new one."""
    agency.apply()
    late = agency.project("late")
    late.scope()  # it has read the old commit
    assert late.store.read().base.commit  # and looked at the journal
    journal = late.journal

    def meanwhile():
        agency.edit(FILE, "192.0.2.1", "192.0.2.9")
        agency.commit()
        assert agency.apply().codes == {0}
        agency.git("checkout", "-q", "HEAD~1")
        return journal()

    late.journal = meanwhile
    before = len(agency.sandbox.ledger.effects())
    with pytest.raises(UnsafeCommit, match="does not descend"):
        carry_out(late)
    assert len(agency.sandbox.ledger.effects()) == before + 1
    agency.git("checkout", "-q", "main")
    assert says(agency.plan()) == ([], [])
