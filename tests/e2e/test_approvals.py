"""What a person approved runs, and nothing else; what each refusal exits with."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from reconciler.audit import Batch, Note
from reconciler.engine import Journal
from reconciler.errors import LostLock
from reconciler.model import digest_of
from reconciler.sandbox.example import Oddity
from tests.support.agency import START, Agency, domain, inventory
from tests.support.shell import at

OLD = "nameservers: [ns1.old.example, ns2.old.example]"
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
HEAD = "apiVersion: reconciler/v1\n"
OPS = HEAD + "ApprovalRule/ops: {match: {risks: [disruptive, money]}, groups: [ops]}\n"
TWO = OPS.replace("groups: [ops]", "groups: [ops], twoPerson: true")
TWICE = json.dumps(
    {"format": "reconciler.plan/v1", "actions": [{"id": "a", "digest": "b"}] * 2}
)
MOVES = ("one.example", "two.example")


@pytest.fixture
def agency(tmp_path):
    """Two delegations changed in git, one renewal that is due, one flag to mend."""
    names = inventory(
        *(domain(name, "namecom-main", spec=OLD) for name in MOVES),
        domain("due.example", "namecom-main", spec=RENEWED),
        domain("flag.example"),
    )
    oddities = {
        "due.example": Oddity({"expires": 20}),
        "flag.example": Oddity({"autoRenew": False}),
    }
    with Agency(tmp_path, names, oddities, policies={"p.yaml": OPS}) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        yield agency


def happened(agency):
    effects = agency.sandbox.ledger.effects()
    return sorted(e.name for e in effects if e.operation != "by-hand")


def planned(agency, tmp_path, *argv):
    """Write the plan down as a pull request would, and return (digest, file)."""
    file = tmp_path / "plan.json"
    assert at(agency, *argv, "plan", "--out", file).code == 0
    return json.loads(file.read_text())["digest"], file


def approved(agency, digest, file, *more, actor="bo"):
    argv = ("apply", "--approve", digest, "--approved-plan", file, *more)
    return at(agency, *argv, actor=actor)


def test_without_approval_the_rest_runs_and_the_exit_code_is_6(agency):
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == ["flag.example"]
    assert at(agency, "apply", "--auto-approve", "--held-ok").code == 0


def test_only_what_was_approved_runs_and_the_others_wait(agency, tmp_path):
    digest, file = planned(agency, tmp_path, "--select", "Domain/one.example")
    done = approved(agency, digest, file)
    assert done.code == 0, done.err
    assert happened(agency) == ["one.example"]
    assert "two.example" in done.out  # reported, and left for the next run
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == ["flag.example", "one.example"]


@pytest.mark.parametrize("needs", ["disruptive", "disruptive, money"])
def test_what_comes_due_before_the_approval_is_used_neither_blocks_nor_rides_along(
    tmp_path, needs
):
    """The renewal's window opens in between; it may run by itself, or waits as well."""
    names = inventory(
        domain("one.example", "namecom-main", spec=OLD),
        domain("due.example", "namecom-main", spec=RENEWED),
    )
    rules = {"p.yaml": OPS.replace("disruptive, money", needs)}
    oddities = {"due.example": Oddity({"expires": 70})}
    with Agency(tmp_path, names, oddities, policies=rules) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        digest, file = planned(agency, tmp_path)
        assert [a["name"] for a in json.loads(file.read_text())["actions"]] == [
            "one.example"
        ]
        agency.later(days=45)
        done = approved(agency, digest, file)
        assert (done.code, happened(agency)) == (0, ["one.example"]), done.err
        assert "renew      Domain/due.example" in done.out  # told, and left
        held = needs != "disruptive"
        assert at(agency, "apply", "--auto-approve").code == (6 if held else 0)
        assert ("due.example" in happened(agency)) is not held


@pytest.mark.parametrize("glass", [False, True])
def test_an_approval_does_not_outlive_the_wish_that_it_is_for(tmp_path, glass):
    """It was approved while everything was frozen, taken back, and wanted again."""
    names = inventory(domain("one.example", "namecom-main", spec=OLD))
    rules = OPS + "Group/ops: {members: [bo]}\nBreakGlass/b: {groups: [ops]}\n"
    stop = HEAD + "Freeze/stop: {reason: stop}\n"
    with Agency(tmp_path, names, policies={"p.yaml": rules, "f.yaml": stop}) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        digest, file = planned(agency, tmp_path)
        more = ("--break-glass", "now") if glass else ()
        assert approved(agency, digest, file, *more).code == 6
        agency.edit("inventory/domains.yaml", ".new.example", ".old.example")
        agency.git("rm", "-q", "policies/f.yaml")
        agency.commit()
        assert at(agency, "apply", "--auto-approve").code == 0
        assert (
            "no longer planned" in at(agency, "audit", "log", "--format", "jsonl").out
        )
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        assert planned(agency, tmp_path)[0] == digest
        assert at(agency, "apply", "--auto-approve").code == 6
        assert happened(agency) == []
        assert at(agency, "audit", "verify").code == 0


def test_a_scheduled_run_needs_no_file_for_what_a_person_approved(agency, tmp_path):
    """The approval is in the journal; an identical plan keeps it."""
    agency.sandbox.edit("namecom", "price", {"tld": "example", "price": "15.01 USD"})
    digest, file = planned(agency, tmp_path)
    refused = approved(agency, digest, file)
    assert refused.code == 4  # the renewal is over its ceiling
    assert "due.example" not in happened(agency)
    agency.sandbox.edit("namecom", "price", {"tld": "example", "price": "14.99 USD"})
    agency.later(hours=1)
    assert at(agency, "apply", "--auto-approve").code == 0
    assert happened(agency).count("due.example") == 1


def test_an_identical_plan_has_the_same_digest(agency, tmp_path):
    digest, _ = planned(agency, tmp_path)
    agency.sandbox.edit("namecom", "price", {"tld": "example", "price": "13.37 USD"})
    agency.write("inventory/notes.yaml", HEAD + "# nothing\n")
    agency.commit("inventory: a remark")
    agency.later(hours=5)
    again, file = planned(agency, tmp_path)
    assert again == digest
    assert approved(agency, digest, file).code == 0
    assert happened(agency) == ["due.example", "flag.example", *MOVES]


def tampered(file, edit):
    data = json.loads(file.read_text())
    edit(data["actions"])
    file.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "edit",
    [
        lambda actions: actions.pop(),
        lambda actions: actions[0].update(digest="0" * 16),
        lambda actions: actions.append({"id": "0" * 32, "digest": "0" * 16}),
    ],
    ids=["removed", "changed", "added"],
)
def test_a_file_that_is_not_what_was_approved_is_refused(agency, tmp_path, edit):
    digest, file = planned(agency, tmp_path)
    tampered(file, edit)
    refused = approved(agency, digest, file)
    assert refused.code == 4
    assert "E201" in refused.err
    assert "hint:" in refused.err
    assert happened(agency) == []


def test_an_identity_exchanged_in_the_file_gains_nothing(agency, tmp_path):
    """The digests still add up; but no action has both this id and this digest."""
    digest, file = planned(agency, tmp_path, "--select", "Domain/one.example")
    _, other = planned(agency, tmp_path / "..", "--select", "Domain/two.example")
    foreign = json.loads(other.read_text())["actions"][0]["id"]
    tampered(file, lambda actions: actions[0].update(id=foreign))
    assert approved(agency, digest, file).code == 4
    assert happened(agency) == []


@pytest.mark.parametrize(
    ("text", "code"), [("{", 1), ("[]", 1), ('{"format": "x"}', 1), ("", 1), (TWICE, 1)]
)
def test_a_file_that_is_no_plan(agency, tmp_path, text, code):
    file = tmp_path / "plan.json"
    file.write_text(text)
    refused = approved(agency, "0" * 16, file)
    assert (refused.code, happened(agency)) == (code, [])
    assert "plan.json" in refused.err


def test_the_two_options_go_together(agency, tmp_path):
    digest, file = planned(agency, tmp_path)
    assert at(agency, "apply", "--approve", digest).code == 64
    assert at(agency, "apply", "--approved-plan", file).code == 64
    assert happened(agency) == []


def test_what_vanished_is_skipped(agency, tmp_path):
    digest, file = planned(agency, tmp_path)
    hosts = ["ns1.new.example", "ns2.new.example"]
    agency.sandbox.edit(
        "namecom", "domain", {"name": "one.example", "nameservers": hosts}
    )
    done = approved(agency, digest, file)
    assert done.code == 0
    assert "gone" in done.out
    assert happened(agency) == ["due.example", "flag.example", "two.example"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("maxPrice: 15.00", "maxPrice: 16.00"),
        ("mode: reconciler,", "mode: reconciler, term: 2y,"),
    ],
)
def test_another_ceiling_or_another_result_is_stale(agency, tmp_path, old, new):
    digest, file = planned(agency, tmp_path)
    agency.edit("inventory/domains.yaml", old, new)
    agency.commit()
    done = approved(agency, digest, file)
    assert done.code == 4
    assert "stale" in done.out
    assert happened(agency) == ["flag.example", *MOVES]  # what did not change runs


def test_two_persons_are_two_persons(agency, tmp_path):
    agency.write("policies/p.yaml", TWO)
    agency.commit("policies: two persons")
    digest, file = planned(agency, tmp_path, "--select", "Domain/one.example")
    for actor in ("ann", "ann", "Ann"):
        assert approved(agency, digest, file, actor=actor).code == 6
        assert happened(agency) == []
    assert approved(agency, digest, file, "--auto-approve", actor="bo").code == 0
    assert happened(agency) == ["one.example"]
    shown = at(agency, "audit", "log", "--verb", "delegate").out
    assert "approved by ann, bo" in shown.lower().replace("ann, ann", "ann")


DENY = """\
apiVersion: reconciler/v1
Policy/no-moves:
  match: {kinds: [Domain], verbs: [delegate]}
  validations:
    - expression: name == 'nobody.example'
      messageExpression: "'nameservers stay'"
  enforcement: mandatory
  tests:
    - {name: never, input: {name: one.example}, expect: deny}
    - {name: others, input: {name: nobody.example}, expect: allow}
"""


def test_denied_stays_denied(agency, tmp_path):
    agency.write("policies/deny.yaml", DENY)
    agency.commit("policies: no moves")
    digest, file = planned(agency, tmp_path)
    done = approved(agency, digest, file, "--held-ok", "--auto-approve")
    assert done.code == 5, done.err
    assert happened(agency) == ["due.example", "flag.example"]


def test_over_budget_is_8_and_no_approval_goes_over_it(agency, tmp_path):
    agency.write("policies/b.yaml", HEAD + "Budget/b: {spend: {perRun: [5.00 USD]}}\n")
    agency.commit("policies: a budget")
    digest, file = planned(agency, tmp_path, "--select", "Domain/due.example")
    assert approved(agency, digest, file).code == 8
    assert approved(agency, digest, file, "--held-ok").code == 0
    assert happened(agency) == []


def test_locked_is_7(agency):
    project = agency.project("somebody-else")
    with Journal(project.journal(), project.run(None), project.clock):
        refused = at(agency, "apply", "--auto-approve")
        assert at(agency, "lock", "status").code == 7
        assert at(agency, "plan").code == 0  # plans take no lock
    assert refused.code == 7
    assert "somebody-else" in refused.err
    assert happened(agency) == []
    assert at(agency, "lock", "status").code == 0


@pytest.mark.parametrize("awake", [True, False])
def test_a_holder_that_slept_past_its_lease_can_neither_record_nor_act(agency, awake):
    """Whether it has looked at the clock since, or believes that no time has passed."""
    project = agency.project("sleeper")
    clock = project.clock if awake else lambda: START
    store, run = project.journal(), project.run(None)
    journal = Journal(store, run, clock, timedelta(minutes=5))
    agency.later(minutes=6)
    assert at(agency, "apply", "--auto-approve").code == 6  # took it over
    with pytest.raises(LostLock):
        journal.record(Batch([Note(event="late", data={})]))
    assert "late" not in at(agency, "audit", "log").out
    assert at(agency, "audit", "verify").code == 0


def test_what_waits_for_something_that_was_not_approved_waits_too(tmp_path):
    """Approving the delegation alone must not point a name at a zone without records."""
    dns = "dns: {targets: [aws], records: [{name: www, type: A, value: 192.0.2.1}]}"
    names = inventory(domain("one.example", "namecom-main", spec=f"{OLD}, {dns}"))
    with Agency(tmp_path, names, policies={"p.yaml": OPS}) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.edit("inventory/domains.yaml", "192.0.2.1", "192.0.2.2")
        agency.commit()
        _, file = planned(agency, tmp_path)
        data = json.loads(file.read_text())
        data["actions"] = [a for a in data["actions"] if a["verb"] == "delegate"]
        file.write_text(json.dumps(data))
        digest = digest_of(action["digest"] for action in data["actions"])
        approved(agency, digest, file)
        assert happened(agency) == []
        agency.apply()  # the approval is kept; now the records may go first
        verbs = [e.operation for e in agency.sandbox.ledger.effects()]
        assert verbs == ["ChangeResourceRecordSets", "setNameservers"]
