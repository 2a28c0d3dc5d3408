"""Rules over the workflows: ours, and those that `reconciler init` writes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import yaml

from reconciler.engine.journal import LEASE
from tests.house.tree import text, under

OURS = under(".github/workflows/", ".yml")
WRITTEN = [
    "reconciler/cli/skeleton/plan.yml",
    "reconciler/cli/skeleton/reconcile.yml",
]
WORKFLOWS = [*OURS, *WRITTEN]
RECONCILE = [name for name in WORKFLOWS if name.endswith("/reconcile.yml")]
PLAN = [name for name in WORKFLOWS if name.endswith("/plan.yml")]
USES = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$")


def load(name):
    return yaml.safe_load(text(name))


def steps(name):
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def runs(name):
    return "\n".join(step["run"] for step in steps(name) if "run" in step)


def test_the_workflows_are_there():
    assert {"check.yml", "plan.yml", "reconcile.yml"} <= {
        n.split("/")[-1] for n in OURS
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_is_permitted_that_no_job_asks_for(name):
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) == {"contents"}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_only_what_writes_the_audit_branch_may_write(name):
    grants = {job["permissions"]["contents"] for job in load(name)["jobs"].values()}
    writes = name == "reconciler/cli/skeleton/reconcile.yml"
    assert grants == ({"write"} if writes else {"read"})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit(name):
    used = [line.strip() for line in text(name).splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not USES.search(line)] == []


def test_one_action_has_one_version_everywhere():
    found = {}
    for name in WORKFLOWS:
        for line in text(name).splitlines():
            if match := USES.search(line):
                found.setdefault(match[1], set()).add(match[2])
    assert {action for action, pins in found.items() if len(pins) > 1} == set()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends(name):
    assert all(0 < job["timeout-minutes"] <= 30 for job in load(name)["jobs"].values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_text_of_others_becomes_part_of_a_script(name):
    """Not even ours: what a script needs comes through the environment."""
    assert "${{" not in runs(name)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_checkout_says_whether_it_keeps_its_token(name):
    checkouts = [
        s for s in steps(name) if s.get("uses", "").startswith("actions/checkout")
    ]
    assert checkouts
    assert all("persist-credentials" in step["with"] for step in checkouts)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_failing_pipe_fails(name):
    assert load(name)["defaults"]["run"]["shell"] == "bash"


@pytest.mark.parametrize("name", RECONCILE)
def test_a_reconcile_is_never_cut_off_halfway(name):
    workflow = load(name)
    assert workflow["concurrency"]["cancel-in-progress"] is False
    for job in workflow["jobs"].values():
        assert timedelta(minutes=job["timeout-minutes"]) < LEASE


@pytest.mark.parametrize("name", RECONCILE)
def test_a_reconcile_runs_on_time_on_merge_and_by_hand(name):
    # YAML 1.1 reads the key `on` as true.
    events = load(name)[True]
    assert set(events) == {"schedule", "push", "workflow_dispatch"}
    assert events["push"] == {"branches": ["main"]}


@pytest.mark.parametrize("name", RECONCILE)
def test_a_reconcile_applies_from_the_whole_history(name):
    (checkout,) = [
        s for s in steps(name) if s.get("uses", "").startswith("actions/checkout")
    ]
    assert checkout["with"]["fetch-depth"] == 0
    assert "apply --auto-approve --held-ok" in runs(name)
    assert "GITHUB_STEP_SUMMARY" in runs(name)


@pytest.mark.parametrize("name", PLAN)
def test_a_plan_of_a_pull_request_has_no_secret(name):
    assert set(load(name)[True]) == {"pull_request"}
    assert "secrets." not in text(name)
    assert "validate --format github" in runs(name)
    assert "GITHUB_STEP_SUMMARY" in runs(name)


def test_check_runs_what_a_person_runs():
    assert {"make lint", "make test"} <= {s.get("run") for s in steps(OURS[0])}
