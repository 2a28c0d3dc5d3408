"""Whatever is wrong with the input: a place, a code, a hint; no traceback, no secret."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.agency import Agency, domain, inventory
from tests.support.bad_inventories import CASES
from tests.support.shell import at, shell

BY_ID = {case.id: case for case in CASES}
#: Every so many cases one through a process of its own.
PROCESSES = [case.id for case in CASES[:: max(1, len(CASES) // 12)]][:12]


def written(root, case):
    for name, data in case.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def assert_explained(case, code, out, err):
    said = out + err
    assert code == 1, said
    assert "Traceback" not in said
    assert "E000" not in said
    line = r":\d+:\d+" if case.line is None else rf":{case.line}:\d+"
    assert re.search(rf"^inventory/[^:]*{line}: {case.code} ", said, re.MULTILINE), said
    assert "hint: " in said
    if case.secret:
        assert case.secret not in said


def test_the_corpus_is_large():
    assert len(CASES) >= 200
    assert len(BY_ID) == len(CASES)


@pytest.mark.parametrize("name", BY_ID)
def test_a_bad_inventory_is_explained(tmp_path, name):
    case = BY_ID[name]
    written(tmp_path, case)
    done = shell("-C", tmp_path, "validate")
    assert_explained(case, done.code, done.out, done.err)


@pytest.mark.parametrize("name", PROCESSES)
def test_and_by_a_real_process(tmp_path, name):
    case = BY_ID[name]
    written(tmp_path, case)
    argv = [sys.executable, "-m", "reconciler.cli", "-C", str(tmp_path), "validate"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert_explained(case, done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("form", ["json", "sarif", "github"])
def test_the_secret_is_in_no_other_form_either(tmp_path, form):
    for number, case in enumerate(c for c in CASES if c.secret):
        root = tmp_path / str(number)
        written(root, case)
        done = shell("-C", root, "validate", "--format", form)
        assert done.code == 1
        assert case.secret not in done.out + done.err
        if form != "github":
            json.loads(done.out)


@pytest.fixture(scope="module")
def agency(tmp_path_factory):
    files = inventory(domain("shop.example"))
    with Agency(tmp_path_factory.mktemp("cli"), files) as agency:
        yield agency


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_acting_commands_refuse_a_bad_inventory_too(agency, command):
    agency.write(
        "inventory/bad.yaml", "apiVersion: reconciler/v1\nDomain/x.example: 7\n"
    )
    try:
        done = at(agency, command)
        assert done.code == 1
        assert "inventory/bad.yaml:2:" in done.out + done.err
        assert "Traceback" not in done.out + done.err
    finally:
        (agency.root / "inventory" / "bad.yaml").unlink()


MISUSE = {
    "no-such-command": (["plam"], 64, "plan"),
    "no-such-option": (["plan", "--colour"], 64, "--colour"),
    "no-such-format": (["plan", "--format", "xml"], 64, "xml"),
    "no-such-day": (["plan", "--as-of", "2026-02-30"], 64, "2026-02-30"),
    "no-such-month": (["plan", "--as-of", "2026-13-01"], 64, "2026-13-01"),
    "a-word-for-a-time": (["plan", "--as-of", "tomorrow"], 64, "2026-11-22"),
    "no-horizon": (["plan", "--horizon", "1mo"], 64, "days"),
    "a-negative-horizon": (["plan", "--horizon", "-5d"], 64, "days"),
    "no-such-base": (["plan", "--base", "nowhere"], 64, "nowhere"),
    "no-such-snapshot": (["plan", "--observed", "none.json"], 64, "none.json"),
    "as-of-does-not-act": (["apply", "--as-of", "2027-01-01"], 64, "--as-of"),
    "no-evidence": (["settle", "0" * 32, "--happened"], 64, "--evidence"),
    "no-such-action": (
        ["settle", "0" * 32, "--happened", "--evidence", "x"],
        1,
        "E603",
    ),
    "nothing-to-break": (["lock", "break", "--reason", "x"], 1, "lock"),
    "no-reason": (["lock", "break"], 64, "--reason"),
    "a-bad-time-in-the-log": (["audit", "log", "--since", "then"], 64, "then"),
    "nothing-to-show": (["audit", "show", "feedbeef"], 1, "feedbeef"),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse_is_explained(agency, name):
    argv, code, word = MISUSE[name]
    done = at(agency, *argv)
    assert done.code == code, done
    assert word in done.err
    assert "Traceback" not in done.out + done.err
    assert "E000" not in done.err
    assert done.out == ""


def test_no_such_folder(tmp_path):
    done = shell("-C", tmp_path / "nowhere", "validate")
    assert (done.code, "nowhere" in done.err) == (64, True)


def test_no_inventory(tmp_path):
    done = shell("-C", tmp_path, "plan")
    assert (done.code, "E601" in done.err) == (1, True)
    assert "reconciler init" in done.err


@pytest.mark.parametrize("command", ["plan", "apply", "audit verify", "lock status"])
def test_outside_a_repository(tmp_path, command):
    for name, text in inventory(domain("shop.example", "none")).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    environ = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    done = shell("-C", tmp_path, *command.split(), environ=environ)
    assert (done.code, "E605" in done.err) == (1, True), done


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "gone.yaml").symlink_to(tmp_path / "nowhere.yaml")
    done = shell("-C", tmp_path, "validate")
    assert done.code == 1
    assert "inventory/gone.yaml" in done.out + done.err
    assert "hint" in done.out + done.err
    assert "Traceback" not in done.out + done.err


def test_a_secret_that_is_not_there(agency):
    kept = agency.root / ".sandbox" / "secrets" / "porkbun-api-key"
    value = kept.read_text()
    kept.unlink()
    try:
        done = at(agency, "plan")
        assert done.code == 3
        assert "cannot be read" in done.out
        assert value not in done.out + done.err
        assert at(agency, "apply").code == 3
    finally:
        kept.write_text(value)


def test_an_audit_branch_that_was_tampered_with_stops_everything(tmp_path):
    with Agency(tmp_path, inventory(domain("shop.example")), remote=False) as agency:
        branch = "reconciler/audit/main"
        tree = agency.git("rev-parse", "HEAD^{tree}")
        parent = agency.git("rev-parse", branch)
        forged = agency.git("commit-tree", tree, "-p", parent, "-m", "forged")
        agency.git("update-ref", f"refs/heads/{branch}", forged)
        done = at(agency, "audit", "verify")
        assert done.code == 1
        assert at(agency, "apply").code == 1
        assert agency.sandbox.ledger.effects() == []


def test_a_closed_pipe_is_no_crash(agency):
    argv = [sys.executable, "-m", "reconciler.cli", "-C", str(agency.root), "plan"]
    reader, writer = os.pipe()
    os.close(reader)
    environ = os.environ | agency.environ()
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            argv,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=environ,
        )
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 1}
