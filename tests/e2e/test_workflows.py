"""The workflows that ``init`` writes, run as they stand, from pull request to approval."""

from __future__ import annotations

import json

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


def test_from_pull_request_to_approval(town):
    # The schedule: what is allowed is done, what was seen is published.
    first = town.reconcile()
    assert first.result == "success", first.out
    assert town.effects() == [("updateAutoRenew", "flag.example")]
    assert "head " in first.summary
    assert {s.name for s in first.steps if s.environ.keys() & SECRETS.keys()} == {
        "Apply"
    }
    beat = json.loads(town.published("heartbeat.json"))
    assert (beat["complete"], beat["exit"]) == (True, 0)
    assert town.hub.open_issues() == {}

    # A stranger proposes: no secret, nothing written, one comment.
    number, _ = town.pull(NEW, fork="eve")
    job, run = town.plan(number)
    assert job.result == "success", job.out
    assert secrets_in(job) == []
    assert "hold" in job.summary
    assert "as observed at 2026-11-22" in job.summary
    assert town.actions.installed.read_text().splitlines()[-1] == "reconciler==7"
    commented = town.comment(run)
    assert commented.result == "success", commented.out
    assert secrets_in(commented) == []
    (said,) = town.comments(number)
    assert said.startswith("<!-- reconciler:plan:main -->\n")
    assert "delegate" in said
    assert "CAUTION" not in said

    # Another commit: the same comment, written anew.
    town.pull(
        {"inventory/domains.yaml": ("flag.example:", "flag.example:  ")},
        number=number,
        fork="eve",
    )
    _, run = town.plan(number)
    town.comment(run)
    (again,) = town.comments(number)
    assert again != said

    # Merged: the schedule holds it, publishes it, and asks once.
    town.merge(number)
    assert town.reconcile().result == "success"
    assert len(town.effects()) == 1
    ((asked, issue),) = town.hub.open_issues().items()
    held = json.loads(town.published("held.json"))
    assert held["digest"] in issue["body"]
    assert issue["title"] == "2 actions wait for approval"

    # What is approved is what a person saw, and only after the gate.
    refused, _ = town.dispatch("0123456789abcdef")
    assert refused["held"].result == "failure"
    assert "apply" not in refused
    done, dispatched = town.dispatch(held["digest"], "held")
    assert "delegate Domain/one.example" in done["held"].summary
    ungated, _ = town.dispatch(held["digest"], "apply", number=dispatched)
    assert ungated["apply"].result == "failure"
    assert "E209" in ungated["apply"].out
    assert len(town.effects()) == 1
    town.hub.review(dispatched, "production-approval", "bo")
    done, _ = town.dispatch(held["digest"], "apply", number=dispatched)
    assert done["apply"].result == "success", done["apply"].out
    assert sorted(town.effects()[1:]) == [
        ("setNameservers", "one.example"),
        ("setNameservers", "two.example"),
    ]
    assert town.hub.issues[asked]["state"] == "closed"
    assert town.reconcile().result == "success"
    assert len(town.effects()) == 3


@pytest.mark.parametrize("fork", ["eve", None])
def test_a_pull_request_cannot_judge_itself(town, fork):
    """It sends the keys elsewhere, allows itself everything and lies about it."""
    town.reconcile()
    accounts = (town.agency.root / "inventory/accounts.yaml").read_text()
    endpoint = town.sandbox.endpoint("namecom")
    evil = {
        "inventory/accounts.yaml": accounts.replace(
            endpoint, "http://127.0.0.1:9/evil"
        ).replace("NAMECOM_MAIN_TOKEN", "GITHUB_TOKEN"),
        "policies/house.yaml": "apiVersion: reconciler/v1\nGroup/ops: {members: ['@eve']}\n",
        ".github/reconciler.txt": "evil==1\n",
        **NEW,
    }
    number, head = town.pull(evil, fork=fork)
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
    assert {"Provider"} <= changed
    assert not [p for m, p, _ in town.hub.log if m != "GET"]

    # It rewrites what made its plan: nobody believes the plan, and it names nobody.
    lie = town.hub.run(sha=head, branch="change", fork=fork)
    town.hub.artifact(
        lie,
        "review",
        {
            "plan.md": b"No actions. @agency/ops ![x](http://127.0.0.1:9/x) <!-- x",
            "../../evil.sh": b"x",
        },
    )
    town.comment(lie)
    (said,) = town.comments(number)
    assert "[!CAUTION]" in said
    assert "```text\nNo actions." in said
    assert town.hub.sarifs == []


def test_a_tampered_list_is_refused(town):
    town.agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
    town.agency.commit()
    town.reconcile()
    held = json.loads(town.published("held.json"))
    done, number = town.dispatch(held["digest"], "held")
    assert done["held"].result == "success"
    town.hub.review(number, "production-approval", "bo")
    kept = town.actions.tmp / "artifacts" / str(number) / "held/held.json"
    data = json.loads(kept.read_text())
    data["actions"][0]["digest"] = "0" * 16
    kept.write_text(json.dumps(data))
    refused, _ = town.dispatch(held["digest"], "apply", number=number)
    assert refused["apply"].result == "failure"
    assert "E201" in refused["apply"].out
    # On the branch itself, too: it is a cache, and whoever may push could change it.
    data["actions"][0].update(after="elsewhere")
    tampered = town.dispatch(held["digest"], "held")[0]["held"]
    assert tampered.result == "success"  # nothing was changed there yet
    blob = town.git("-C", str(town.agency.root), "hash-object", "-w", str(kept))
    tree = town.git("-C", str(town.agency.root), "write-tree")
    del tree
    town.git(
        "-C", str(town.agency.root), "fetch", "-q", "origin", "reconciler/observed/main"
    )
    town.git(
        "-C",
        str(town.agency.root),
        "read-tree",
        "--index-output=.git/other",
        "FETCH_HEAD",
    )
    commit = _with_file(town, "held.json", blob)
    town.git(
        "-C",
        str(town.agency.root),
        "push",
        "-qf",
        "origin",
        f"{commit}:refs/heads/reconciler/observed/main",
    )
    tampered = town.dispatch(held["digest"], "held")[0]["held"]
    assert tampered.result == "failure"
    assert "does not hash to" in tampered.out
    assert ("setNameservers", "one.example") not in town.effects()


def _with_file(town, name, blob):
    import subprocess

    root = str(town.agency.root)
    listed = town.git("-C", root, "ls-tree", "FETCH_HEAD")
    rows = [row for row in listed.splitlines() if not row.endswith(f"\t{name}")]
    made = subprocess.run(
        ["git", "-C", root, "mktree"],
        input="\n".join([*rows, f"100644 blob {blob}\t{name}", ""]),
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return town.git("-C", root, "commit-tree", made, "-m", "observed: tampered")


def test_a_lasting_failure_is_one_issue_until_it_heals(town):
    fault = Fault(
        vendor="porkbun",
        operation="updateAutoRenew",
        kind="status",
        status=400,
        times=0,
        text="no such luck",
    )
    town.sandbox.faults.add(fault)
    first = town.reconcile()
    assert (first.result, first["Apply"].outputs["code"]) == ("failure", "3")
    ((number, issue),) = town.hub.open_issues().items()
    assert issue["title"].startswith("Domain/flag.example: ")
    beat = json.loads(town.published("heartbeat.json"))
    assert (beat["complete"], beat["exit"], beat["last_complete"]) == (False, 3, None)
    town.reconcile()
    assert list(town.hub.open_issues()) == [number]
    town.sandbox.faults.clear()
    assert town.reconcile().result == "success"
    assert town.hub.open_issues() == {}
    assert len([i for i in town.hub.issues.values() if "pull_request" not in i]) == 1


def test_who_could_not_look_leaves_the_old_snapshot(town):
    town.reconcile()
    before = town.published("snapshot.json")
    down = [
        Fault(vendor=v, kind="status", status=503, times=0)
        for v in ("porkbun", "namecom")
    ]
    for fault in down:
        town.sandbox.faults.add(fault)
    town.agency.later(hours=6)
    assert town.reconcile().result == "failure"
    assert town.published("snapshot.json") == before
    beat = json.loads(town.published("heartbeat.json"))
    assert (beat["complete"], beat["last_complete"][:13]) == (False, "2026-11-22T06")
    titles = sorted(i["title"] for i in town.hub.open_issues().values())
    assert titles == [
        "namecom-main: 2 cannot be read (domain)",
        "porkbun-main: 1 cannot be read (domain)",
    ]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_cancelled_in_the_middle_of_an_action(town, moment):
    """The group of processes dies: what was begun is found, and nothing happens twice."""
    if moment == "before":
        slow = Fault(
            vendor="porkbun", operation="updateAutoRenew", kind="slow", seconds=20
        )
        town.sandbox.faults.add(slow)

        def begun():
            asked = town.sandbox.ledger.requests().get("porkbun", {})
            return "updateAutoRenew" in asked

    else:
        begun = town.effects
    dead = town.reconcile(stop=("Apply", begun))
    assert dead.result == "cancelled"
    assert dead["Issues"].outcome == dead["Audit"].outcome == "skipped"
    assert town.hub.open_issues() == {}
    town.agency.later(minutes=31)
    assert town.reconcile().result == "success"
    assert town.effects() == [("updateAutoRenew", "flag.example")]
