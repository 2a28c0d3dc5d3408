"""`apply --publish`, `observe --publish` and `--wait`: what they leave, and when not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from reconciler.audit.published import heartbeat, publish, published
from reconciler.cli.apply_command import carry_out
from reconciler.engine import Journal
from reconciler.errors import Locked
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at

OLD = "nameservers: [ns1.old.example, ns2.old.example]"
RULES = "apiVersion: reconciler/v1\nApprovalRule/ops: {match: {risks: [disruptive]}, groups: [ops]}\n"


@pytest.fixture(scope="module")
def agency(tmp_path_factory):
    names = inventory(
        domain("one.example", "namecom-main", spec=OLD), domain("flag.example")
    )
    tmp = tmp_path_factory.mktemp("publishing")
    oddities = {"flag.example": Oddity({"autoRenew": False})}
    with Agency(tmp, names, oddities, policies={"p.yaml": RULES}) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        # Tests are spread over processes: what they need is done here, not in the first.
        out = tmp / "apply.json"
        agency.published = (
            at(agency, "apply", "--auto-approve", "--publish", "--out", out),
            json.loads(out.read_text()),
        )
        yield agency


def files(agency):
    return published(agency.project().store)


def test_one_step_publishes_what_was_seen_what_waits_and_a_pulse(agency):
    done, result = agency.published
    assert done.code == 6
    found = files(agency)
    assert set(found) == {"snapshot.json", "held.json", "plan.md", "heartbeat.json"}
    held = json.loads(found["held.json"])
    assert [a["verb"] for a in held["actions"]] == ["delegate"]
    assert result["held"] == {
        "digest": held["digest"],
        "actions": [a["id"] for a in held["actions"]],
    }
    beat = heartbeat(found)
    assert beat is not None
    assert (beat.exit, beat.complete, beat.run in at(agency, "audit", "log", "--format", "jsonl").out) == (6, True, True)  # fmt: skip


def test_the_snapshot_is_the_world_after_the_run(agency, tmp_path):
    """Nothing is left to do but what waits: the flag that was mended is in it."""
    done = at(agency, "observe", "--published", tmp_path)
    assert done.code == 0
    plan = at(
        agency, "plan", "--observed", tmp_path / "snapshot.json", "--format", "json"
    )
    assert [a["verb"] for a in json.loads(plan.out)["actions"]] == ["delegate"]


def test_only_files_that_a_run_publishes_are_written(agency, tmp_path):
    """Whoever may push can put anything on the branch."""
    store, now = agency.project().store, agency.clock()
    assert publish(store, {"evil.sh": b"x", ".netrc": b"x", "a/b.json": b"x"}, now=now)
    at(agency, "observe", "--published", tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".md"}
    assert publish(store, {"evil.sh": None, ".netrc": None, "a/b.json": None}, now=now)


def test_a_snapshot_alone_leaves_pulse_and_list_as_they_are(agency):
    before = files(agency)
    agency.later(hours=1)
    assert at(agency, "observe", "--publish").code == 0
    after = files(agency)
    assert after["snapshot.json"] != before["snapshot.json"]
    for name in ("held.json", "heartbeat.json"):
        assert after[name] == before[name]


@pytest.mark.parametrize(
    "argv",
    [
        ("--select", "Domain/one.example", "apply", "--publish"),
        ("--exclude", "Domain/one.example", "observe", "--publish"),
        ("observe",),
        ("observe", "--published", "x", "--out", "y"),
        ("apply", "--wait", "10"),
        ("apply", "--wait", "1mo"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_done(agency, argv):
    before = agency.remote.joinpath("refs").stat().st_mtime_ns, files(agency)
    done = at(agency, *argv)
    assert done.code == 64
    assert "hint:" in done.err or "observe needs" in done.err
    assert (before[0], files(agency)) == before


def test_a_remote_that_takes_no_cache_is_said_and_the_work_stays_done(agency):
    hook = agency.remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in *observed*) exit 1;; esac\n')
    hook.chmod(0o755)
    try:
        done = at(agency, "apply", "--auto-approve", "--held-ok", "--publish")
    finally:
        hook.unlink()
    assert done.code == 3
    assert "not published: E400" in done.err
    assert "waits" in done.out or "hold" in done.out


def test_waiting_for_the_lock_of_another_run(agency):
    project = agency.project("other")
    other = Journal(project.journal(), project.run(None), project.clock)
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            other.__exit__(None, None, None)

    result = carry_out(agency.project(), patience=timedelta(minutes=1), sleep=sleep)
    assert waits == [15.0, 15.0]
    assert result.run
    held = Journal(project.journal(), project.run(None), project.clock)
    with held, pytest.raises(Locked):
        carry_out(agency.project(), patience=timedelta(seconds=31), sleep=waits.append)
    assert len(waits) == 5
