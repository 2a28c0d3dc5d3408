"""The workflows that ``init`` writes, run as they stand, from pull request to approval."""

from __future__ import annotations

import json
import signal

import pytest

from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.town import SECRETS, Town

NEW = {"inventory/domains.yaml": (".old.example", ".new.example")}


@pytest.fixture
def town(tmp_path):
    with Town(tmp_path, {"flag.example": Oddity({"autoRenew": False})}) as town:
        yield town


def secrets_in(job):
    """Every secret of a vendor that a step of *job* could see, or said."""
    seen = {v for step in job.steps for v in step.environ.values()}
    return [
        value
        for value in SECRETS.values()
        if value in seen or value in job.out + job.summary
    ]


@pytest.mark.timeout(300)  # two dozen processes, one after the other
def test_from_pull_request_to_approval(town):
    the_schedule_does_what_is_allowed(town)
    number = a_stranger_proposes(town)
    town.merge(number)
    digest, issue = the_schedule_holds_it_and_asks_once(town)
    only_what_was_approved_runs_after_the_gate(town, digest)
    assert town.hub.issues[issue]["state"] == "closed"
    assert town.reconcile().result == "success"
    assert len(town.effects()) == 3


def the_schedule_does_what_is_allowed(town):
    first = town.reconcile()
    assert first.result == "success", first.out
    assert town.effects() == [("updateAutoRenew", "flag.example")]
    assert "head " in first.summary
    seeing = {s.name for s in first.steps if s.environ.keys() & SECRETS.keys()}
    assert seeing == {"Apply"}
    beat = json.loads(town.published("heartbeat.json"))
    assert (beat["complete"], beat["exit"]) == (True, 0)
    assert "No actions" in town.published("plan.md")
    assert town.hub.open_issues() == {}


def a_stranger_proposes(town):
    """No secret, nothing written, one comment, which the next commit writes anew."""
    number, head = town.pull(NEW, fork="eve")
    job, run = town.plan(number)
    assert job.result == "success", job.out
    assert secrets_in(job) == []
    assert "2 held" in job.summary
    assert "against a snapshot of 2026-11-22 06:00 UTC, 0 min old" in job.summary
    assert "::warning file=inventory/domains.yaml,line=" in job["Plan"].out
    assert town.actions.installed.read_text().splitlines()[-1] == "reconciler==7"
    kept = town.actions.tmp / "artifacts" / str(run) / "review"
    assert {p.name for p in kept.iterdir()} == {"plan.json", "plan.html"}
    commented = town.comment(run)
    assert commented.result == "success", commented.out
    assert secrets_in(commented) == []
    (said,) = town.comments(number)
    assert said.startswith("<!-- reconciler:plan:main -->\n")
    assert "delegate" in said
    assert "CAUTION" not in said
    assert town.hub.sarifs[0]["ref"] == f"refs/pull/{number}/head"
    again = town.hub.run(sha=head, branch="change", fork="eve")
    town.hub.artifact(again, "review", {"errors.txt": b"E112"})
    town.comment(again)
    (anew,) = town.comments(number)
    assert "E112" in anew
    return number


def the_schedule_holds_it_and_asks_once(town):
    assert town.reconcile().result == "success"
    assert len(town.effects()) == 1
    ((number, issue),) = town.hub.open_issues().items()
    held = json.loads(town.published("held.json"))
    assert held["digest"] in issue["body"]
    assert issue["title"] == "2 actions wait for approval"
    return held["digest"], number


def only_what_was_approved_runs_after_the_gate(town, digest):
    refused, _ = town.dispatch("0123456789abcdef")
    assert refused["held"].result == "failure"
    assert "apply" not in refused
    done, number = town.dispatch(digest, "held")
    assert "delegate Domain/one.example" in done["held"].summary
    assert secrets_in(done["held"]) == []
    town.hub.review(number, "production-approval", "bo")
    pulse = town.published("heartbeat.json")
    # Cancelled between the two actions: the approval is kept, and what is left runs.
    begun = ("Apply", lambda: len(town.effects()) > 1, signal.SIGTERM)
    done, _ = town.dispatch(digest, "apply", number=number, stop=begun)
    assert done["apply"].result == "cancelled"
    town.agency.later(minutes=31)
    # Cancelled while it tells: what was done is recorded, and told by whoever is next.
    done, _ = town.dispatch(digest, "apply", number=number, stop=("Issues", at_once))
    assert done["apply"]["Apply"].outcome == "success", done["apply"].out
    done, _ = town.dispatch(digest, "apply", number=number)
    assert done["apply"].result == "success", done["apply"].out
    # An approval says nothing of the schedule.
    assert town.published("heartbeat.json") == pulse
    assert json.loads(town.published("held.json"))["actions"] == []
    moved = [("setNameservers", f"{name}.example") for name in ("one", "two")]
    assert sorted(town.effects()[1:]) == moved


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """An agency where all is well, and two delegations wait for an approval."""
    with Town(tmp_path_factory.mktemp("calm")) as town:
        town.agency.edit("inventory/domains.yaml", ".old.example", ".held.example")
        town.agency.commit()
        assert town.reconcile().result == "success"
        yield town


@pytest.mark.parametrize("fork", ["eve", None])
def test_a_pull_request_cannot_judge_itself(calm, fork):
    """It sends the keys elsewhere, allows itself everything and lies about it."""
    town, branch = calm, f"change-{fork}"
    accounts = (town.agency.root / "inventory/accounts.yaml").read_text()
    endpoint = town.sandbox.endpoint("namecom")
    evil = {
        "inventory/accounts.yaml": accounts.replace(
            endpoint, "http://127.0.0.1:9/evil"
        ).replace("NAMECOM_MAIN_TOKEN", "GITHUB_TOKEN"),
        "policies/house.yaml": "apiVersion: reconciler/v1\nGroup/ops: {members: ['@eve']}\n",
        ".github/reconciler.txt": "evil==1\n",
        "pip.py": "raise SystemExit('evil takes the place of pip')\n",
        "inventory/domains.yaml": (".held.example", ".evil.example"),
    }
    number, head = town.pull(evil, fork=fork, branch=branch)
    job, run = town.plan(number)
    assert job.result == "success", job.out
    assert secrets_in(job) == []
    # What base says is installed, and base's policies judge.
    assert "evil" not in town.actions.installed.read_text()
    data = json.loads(
        town.actions.tmp.joinpath("artifacts", str(run), "review/plan.json").read_text()
    )
    assert {a["decision"] for a in data["actions"] if a["verb"] == "delegate"} == {
        "hold"
    }
    changed = {f["kind"] for f in data["findings"] if "trust" in f["code"]}
    assert changed == {"Provider", "ApprovalRule", "Group"}
    assert not [p for m, p, _ in town.hub.log if m != "GET" and f"/{number}/" in p]

    # It rewrites what makes its plan: the plan is shown as what it is.
    lie = town.hub.run(sha=head, branch=branch, fork=fork)
    data.update(actions=[], digest="0" * 16)
    town.hub.artifact(
        lie, "review", {"plan.json": json.dumps(data).encode(), "../../evil.sh": b"x"}
    )
    commented = town.comment(lie)
    assert commented.result == "success", commented.out
    (said,) = town.comments(number)
    assert "[!CAUTION]" in said
    assert town.hub.sarifs == []


def test_a_tampered_list_is_refused(calm):
    town, before = calm, calm.effects()
    held = json.loads(town.published("held.json"))
    done, number = town.dispatch(held["digest"], "held")
    assert done["held"].result == "success"
    town.hub.review(number, "production-approval", "bo")
    # Between the gate and the job, in what is handed from one to the other.
    kept = town.actions.tmp / "artifacts" / str(number) / "held/held.json"
    data = json.loads(kept.read_text())
    data["actions"][0]["digest"] = "0" * 16
    kept.write_text(json.dumps(data))
    refused, _ = town.dispatch(held["digest"], "apply", number=number)
    assert refused["apply"].result == "failure"
    assert "E201" in refused["apply"].out
    # On the branch itself: it is a cache, and whoever may push can change it.
    tip = town.actions.git("rev-parse", "reconciler/observed/main")
    _replace(town, "held.json", kept)
    tampered = town.dispatch(held["digest"], "held")[0]["held"]
    town.actions.git("update-ref", "refs/heads/reconciler/observed/main", tip)
    assert tampered.result == "failure"
    assert "does not hash to" in tampered.out
    assert town.effects() == before


@pytest.mark.parametrize("lie", [{"name": "harmless.example"}, {"changes": []}])
def test_a_list_that_hashes_well_and_tells_lies_is_refused(calm, lie):
    """Reviewers read names, not digests: what they were shown is what may run."""
    town, before = calm, calm.effects()
    held = json.loads(town.published("held.json"))
    held["actions"][0].update(lie)
    told = town.tmp / "told.json"
    told.write_text(json.dumps(held))
    tip = town.actions.git("rev-parse", "reconciler/observed/main")
    _replace(town, "held.json", told)
    done, number = town.dispatch(held["digest"], "held")
    town.actions.git("update-ref", "refs/heads/reconciler/observed/main", tip)
    assert done["held"].result == "success", done["held"].out
    town.hub.review(number, "production-approval", "bo")
    refused, _ = town.dispatch(held["digest"], "apply", number=number)
    assert refused["apply"].result == "failure"
    assert f"shows another {next(iter(lie))} for Domain/" in refused["apply"].out
    assert town.effects() == before
    # Nor does it count as an approval for the next scheduled run.
    assert town.reconcile().result == "success"
    assert town.effects() == before


def _replace(town, name, file):
    listed = town.actions.git("ls-tree", "reconciler/observed/main").splitlines()
    rows = [row for row in listed if not row.endswith(f"\t{name}")]
    blob = town.actions.git("hash-object", "-w", str(file))
    text = "\n".join([*rows, f"100644 blob {blob}\t{name}", ""])
    tree = town.actions.git("mktree", stdin=text)
    made = town.actions.git("commit-tree", tree, "-m", "tampered")
    town.actions.git("update-ref", "refs/heads/reconciler/observed/main", made)


def test_a_lasting_failure_is_one_issue_until_it_heals(town):
    """In between no account can be read: the old snapshot stays, and so does the issue."""
    refused = Fault(
        vendor="porkbun",
        operation="updateAutoRenew",
        kind="status",
        status=400,
        times=0,
        text="no such luck",
    )
    town.sandbox.faults.add(refused)
    first = town.reconcile()
    assert (first.result, first["Apply"].outputs["code"]) == ("failure", "3")
    ((number, issue),) = town.hub.open_issues().items()
    assert issue["title"].startswith("Domain/flag.example: ")
    seen = town.published("snapshot.json")
    for vendor in ("porkbun", "namecom"):
        down = Fault(vendor=vendor, kind="status", status=503, times=0)
        town.sandbox.faults.add(down)
    town.agency.later(hours=6)
    assert town.reconcile().result == "failure"
    assert town.published("snapshot.json") == seen
    beat = json.loads(town.published("heartbeat.json"))
    assert (beat["complete"], beat["exit"], beat["last_complete"]) == (False, 3, None)
    titles = {i["title"] for i in town.hub.open_issues().values()}
    assert titles == {
        issue["title"],
        "namecom-main: 2 cannot be read (domain)",
        "porkbun-main: 1 cannot be read (domain)",
    }
    town.sandbox.faults.clear()
    assert town.reconcile().result == "success"
    assert town.hub.open_issues() == {}
    assert town.hub.issues[number]["state"] == "closed"
    assert json.loads(town.published("heartbeat.json"))["complete"]


def at_once():
    return True


@pytest.mark.parametrize(
    ("moment", "sent"), [("before", signal.SIGTERM), ("after", signal.SIGKILL)]
)
def test_cancelled_in_the_middle_of_an_action(town, moment, sent):
    """The group of processes dies: what was begun is found, and nothing happens twice."""
    assert town.reconcile(stop=("Install", at_once)).result == "cancelled"
    assert town.sandbox.ledger.requests() == {}
    if moment == "before":
        # So slow that the vendor itself does nothing while this test lasts.
        slow = Fault(
            vendor="porkbun", operation="updateAutoRenew", kind="slow", seconds=600
        )
        town.sandbox.faults.add(slow)

        def begun():
            asked = town.sandbox.ledger.requests().get("porkbun", {})
            return "updateAutoRenew" in asked

    else:
        begun = town.effects
    dead = town.reconcile(stop=("Apply", begun, sent))
    assert dead.result == "cancelled"
    assert dead["Issues"].outcome == dead["Audit"].outcome == "skipped"
    assert town.hub.open_issues() == {}
    town.agency.later(minutes=31)
    # What is done is recorded before anybody is told: not telling changes nothing.
    dead = town.reconcile(stop=("Issues", at_once))
    assert (dead["Apply"].outcome, dead["Audit"].outcome) == ("success", "skipped")
    assert town.effects() == [("updateAutoRenew", "flag.example")]
    assert town.reconcile().result == "success"
    assert town.effects() == [("updateAutoRenew", "flag.example")]


def test_cancelled_in_a_step_that_only_reads(calm):
    town, held, before = calm, calm.published("held.json"), calm.effects()
    dead = town.reconcile(stop=("Audit", at_once))
    assert (dead["Apply"].outcome, dead["Audit"].outcome) == ("success", "cancelled")
    stop = ("Held", at_once)
    done, _ = town.dispatch(json.loads(held)["digest"], "held", stop=stop)
    assert done["held"].result == "cancelled"
    assert town.effects() == before
    assert town.reconcile().result == "success"
    again = json.loads(town.published("held.json"))
    assert again["digest"] == json.loads(held)["digest"]


def test_drift_and_a_silent_schedule_have_an_issue_each(calm):
    """What drift.yml makes of the codes: 2 is drift, 3 says nothing, 0 is over."""

    def run():
        done = calm.actions.run(".github/workflows/drift.yml", event="schedule")
        assert {s.name for s in done["drift"].steps if s.environ.keys() & SECRETS} == {
            "Drift"
        }
        titles = {i["title"] for i in calm.hub.open_issues().values()}
        return {n: j.result for n, j in done.items()}, titles & {drift, pulse}

    drift = "Something was changed by hand"
    pulse = "No complete run for too long: does the schedule still run?"
    good, bad = "success", "failure"
    before = calm.effects()
    by_hand = {"name": "flag.example", "autoRenew": False}
    calm.sandbox.edit("porkbun", "domain", by_hand)
    assert run() == ({"pulse": good, "drift": good}, {drift})
    calm.agency.later(hours=27)
    down = Fault(vendor="namecom", kind="status", status=503, times=0)
    calm.sandbox.faults.add(down)
    assert run() == ({"pulse": bad, "drift": bad}, {drift, pulse})
    calm.sandbox.faults.clear()
    assert calm.effects() == before
    calm.reconcile()
    assert run() == ({"pulse": good, "drift": good}, set())
    said = {i["title"]: i["body"] for i in calm.hub.issues.values()}
    assert "revert   Domain/flag.example" in said[drift]
    assert "the scheduler stopped" in said[pulse]
