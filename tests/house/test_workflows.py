"""Rules over the workflows: ours, those that `reconciler init` writes, and the action."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from functools import cache
from importlib import resources

import jsonschema
import pytest
import yaml

from reconciler.cli.workflows import NAMES, workflow
from reconciler.engine.journal import LEASE
from tests.house.tree import text, under

OURS = under(".github/workflows/", ".yml")
WRITTEN = under("reconciler/cli/skeleton/", ".yml")
#: What an agency with an account of AWS gets.
BY_ROLE = [f"{name}#aws" for name in WRITTEN]
WORKFLOWS = [*OURS, *WRITTEN, *BY_ROLE]
ACTION = "action.yml"
USES = re.compile(r"uses: (\S+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+$", re.MULTILINE)
SKELETON = "reconciler/cli/skeleton/{}.yml"
#: All that a job may ask for, by the workflows' names; whatever is not here is refused.
GRANTS = {
    "check": {"check": {"contents": "read"}},
    "plan": {"plan": {"contents": "read"}},
    "comment": {
        "comment": {
            "actions": "read",
            "contents": "read",
            "pull-requests": "write",
            "security-events": "write",
        }
    },
    "reconcile": {"reconcile": {"contents": "write", "issues": "write"}},
    "apply-approved": {
        "held": {"contents": "read"},
        "apply": {
            "actions": "read",
            "contents": "write",
            "issues": "write",
            "pull-requests": "read",
        },
    },
    "drift": {
        "pulse": {"contents": "read", "issues": "write"},
        "drift": {"contents": "read", "issues": "write"},
    },
}
#: Jobs that speak to vendors: only these may name a secret, or ask for a role.
WITH_VENDORS = {
    ("reconcile", "reconcile"),
    ("apply-approved", "apply"),
    ("drift", "drift"),
}


@cache
def source(name):
    """The text of a workflow, for an agency with AWS where its name ends so."""
    path, _, aws = name.partition("#")
    if path in WRITTEN:
        return workflow(text(path), ["A_KEY"], aws=bool(aws))
    return text(path)


def load(name):
    return yaml.safe_load(source(name))


def short(name):
    return name.partition("#")[0].rpartition("/")[2].removesuffix(".yml")


def steps(name):
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def runs(name):
    return "\n".join(step["run"] for step in steps(name) if "run" in step)


def schema(name):
    root = resources.files("check_jsonschema") / "builtin_schemas/vendor"
    return json.loads((root / f"{name}.json").read_text())


def test_the_workflows_are_there():
    assert {short(n) for n in OURS} >= {"check", "plan", "comment", "reconcile"}
    assert {short(n) for n in WRITTEN} == set(NAMES)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_what_github_publishes(name):
    data = load(name)
    data["on"] = data.pop(True)  # YAML 1.1 reads the key `on` as true
    jsonschema.validate(data, schema("github-workflows"))


def test_the_action_is_what_github_publishes():
    jsonschema.validate(load(ACTION), schema("github-actions"))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_what_it_needs_and_no_more(name):
    data = load(name)
    assert data["permissions"] == {}
    ours = name in OURS
    for job, granted in data["jobs"].items():
        wanted = dict(GRANTS[short(name)][job])
        if name in BY_ROLE and (short(name), job) in WITH_VENDORS:
            wanted["id-token"] = "write"
        if ours and short(name) == "reconcile":  # its remote is on the runner
            wanted = {"contents": "read"}
        assert granted["permissions"] == wanted


@pytest.mark.parametrize("name", [*WORKFLOWS, ACTION])
def test_actions_are_pinned_by_commit(name):
    used = [line.strip() for line in source(name).splitlines() if "uses:" in line]
    assert used
    assert [line for line in used if not USES.search(line)] == []


def test_one_action_has_one_version_everywhere():
    found = {}
    for name in [*WORKFLOWS, ACTION]:
        for line in source(name).splitlines():
            if match := USES.search(line):
                found.setdefault(match[1], set()).add(match[2])
    assert "aws-actions/configure-aws-credentials" in found
    assert {action for action, pins in found.items() if len(pins) > 1} == set()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_job_ends(name):
    assert all(0 < job["timeout-minutes"] <= 30 for job in load(name)["jobs"].values())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_text_of_others_becomes_part_of_a_script(name):
    """Not even ours: what a script needs comes through the environment."""
    assert "${{" not in runs(name)


def test_no_input_of_the_action_becomes_part_of_a_script():
    inner = load(ACTION)["runs"]["steps"]
    scripts = [step for step in inner if "run" in step]
    assert len(scripts) == 2
    assert all("${{" not in step["run"] and step["shell"] == "bash" for step in scripts)


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


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_workflow_runs_a_strangers_code_with_our_rights(name):
    data = load(name)
    assert "pull_request_target" not in data[True]
    if "workflow_run" in data[True]:
        for step in steps(name):
            if step.get("uses", "").startswith("actions/checkout"):
                assert (
                    step["with"]["ref"]
                    == "${{ github.event.repository.default_branch }}"
                )
                assert step["with"]["persist-credentials"] is False
    if set(data[True]) == {"pull_request"}:
        assert all(
            set(j["permissions"].values()) == {"read"} for j in data["jobs"].values()
        )


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_secret_is_named_where_a_vendor_is_spoken_to(name):
    assert "toJSON(secrets)" not in source(name)
    assert "secrets: inherit" not in source(name)
    for job, data in load(name)["jobs"].items():
        for step in data["steps"]:
            rest = {key: value for key, value in step.items() if key != "env"}
            assert "secrets." not in str(rest)
            if "secrets." in str(step):
                assert (short(name), job) in WITH_VENDORS
                assert step["name"] in {"Apply", "Drift"}
        assert "secrets." not in str({k: v for k, v in data.items() if k != "steps"})


@pytest.mark.parametrize("name", [n for n in WORKFLOWS if short(n) == "reconcile"])
def test_a_reconcile_is_never_cut_off_halfway_and_waits_for_nobody(name):
    data = load(name)
    assert data["concurrency"]["cancel-in-progress"] is False
    for job in data["jobs"].values():
        assert timedelta(minutes=job["timeout-minutes"]) < LEASE
        assert "environment" not in job
    assert set(data[True]) == {
        *("schedule", "push", "workflow_dispatch", "repository_dispatch")
    }
    assert data[True]["repository_dispatch"] == {"types": ["reconcile"]}
    assert data[True]["workflow_dispatch"] is None
    # Whoever wakes it from outside says nothing that is read, not even by an action.
    assert "client_payload" not in source(name)
    assert "github.event" not in source(name)
    assert data[True]["push"] == {"branches": ["main"]}
    minutes = [one["cron"].split()[0] for one in data[True]["schedule"]]
    assert all(10 <= int(minute) <= 50 for minute in minutes)


@pytest.mark.parametrize("name", [n for n in WORKFLOWS if short(n) == "reconcile"])
def test_a_reconcile_applies_from_the_whole_history_and_publishes(name):
    (checkout,) = [
        s for s in steps(name) if s.get("uses", "").startswith("actions/checkout")
    ]
    assert checkout["with"]["fetch-depth"] == 0
    assert "apply --auto-approve --held-ok --publish" in runs(name)
    assert "GITHUB_STEP_SUMMARY" in runs(name)


@pytest.mark.parametrize("name", [n for n in WORKFLOWS if short(n) == "plan"])
def test_a_plan_of_a_pull_request_has_no_secret(name):
    assert set(load(name)[True]) == {"pull_request"}
    assert "secrets." not in source(name)
    assert "vars." not in source(name)  # a fork has none
    assert "validate --format github" in runs(name)
    assert "GITHUB_STEP_SUMMARY" in runs(name)


@pytest.mark.parametrize("name", [n for n in WORKFLOWS if short(n) == "apply-approved"])
def test_an_approval_holds_up_nothing_but_itself(name):
    jobs = load(name)["jobs"]
    assert "environment" not in jobs["held"]
    assert jobs["apply"]["environment"] == "production-approval"
    assert jobs["apply"]["needs"] == "held"
    group = jobs["apply"]["concurrency"]
    assert group["group"] == "apply-approved-${{ inputs.digest }}"
    assert group["cancel-in-progress"] is False
    assert timedelta(minutes=jobs["apply"]["timeout-minutes"]) < LEASE
    assert "--approver-from github" in runs(name)


#: What the example's own workflows have besides, and what they leave out: its accounts
#: are a sandbox on the runner, which is gone with the job.
ONLY_OURS = {"Start the sandbox", "Accept"}
ONLY_WRITTEN = {"Issues"}


@pytest.mark.parametrize("name", [n for n in OURS if short(n) in NAMES])
def test_our_own_workflows_are_those_that_init_writes(name):
    ours, written = load(name), load(SKELETON.format(short(name)))
    assert set(ours["jobs"]) == set(written["jobs"])
    for key in ("name", "permissions", "defaults", "concurrency"):
        assert ours[key] == written[key]
    for job, data in ours["jobs"].items():
        here = {step.get("name", step.get("uses")): step for step in data["steps"]}
        there = {
            step.get("name", step.get("uses")): step
            for step in written["jobs"][job]["steps"]
        }
        assert set(here) - set(there) <= ONLY_OURS
        assert set(there) - set(here) <= ONLY_WRITTEN
        assert [n for n in here if n in there] == [n for n in there if n in here]
        for step in set(here) & set(there) - {"Install"}:
            for key in ("run", "uses", "id", "if"):
                assert here[step].get(key) == there[step].get(key), (step, key)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_words_of_others_are_no_commands_and_no_markup(name):
    """Neither to Python (a module in the checkout), nor to the runner, nor in a summary."""
    assert "python -m" not in source(name) + source(ACTION)
    assert "```" not in runs(name)
    for step in steps(name):
        lines = step.get("run", "").splitlines()
        for printed in (
            "reconciler --no-color apply",
            "cat ",
            "reconciler github held",
        ):
            for at in (n for n, line in enumerate(lines) if line.startswith(printed)):
                assert any("::stop-commands::$" in line for line in lines[:at])
                assert 'echo "::$silent::"' in lines[at:]


def test_check_runs_what_a_person_runs():
    assert {"make lint", "make test"} <= {s.get("run") for s in steps(OURS[0])}


def test_the_workflow_of_the_usage_page_is_one():
    """It is written by nobody's `init`: not everybody measures, and minutes cost."""
    page = text("docs/usage.md")
    found = page.split("```yaml\n")[1].split("```")[0]
    data = yaml.safe_load(found)
    job = data["jobs"]["probe"]
    assert (data["permissions"], job["permissions"]) == ({}, {"contents": "write"})
    pins = set(USES.findall(found))
    assert len(pins) == 2
    assert pins <= set(USES.findall(source("reconciler/cli/skeleton/drift.yml")))
    data["on"] = data.pop(True)
    jsonschema.validate(data, schema("github-workflows"))
