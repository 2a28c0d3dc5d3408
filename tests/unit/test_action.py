"""The composite action: its scripts, run as they stand, with inputs of all sorts."""

from __future__ import annotations

import os
import subprocess

import pytest
import yaml

from tests.house.tree import text

STEPS = {s["name"]: s for s in yaml.safe_load(text("action.yml"))["runs"]["steps"] if "name" in s}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Run one step; programs only write down, a line each, what they were given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("reconciler", "python"):
        file = programs / name
        file.write_text(
            f"#!/bin/sh\nprintf '%s\\n' \"$@\" > {tmp_path}/given\nexit ${{CODE-0}}\n"
        )
        file.chmod(0o755)
    output = tmp_path / "output"
    output.touch()

    def step(name, **environ):
        base = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(output),
        }
        done = subprocess.run(
            [
                "bash",
                "--noprofile",
                "--norc",
                "-eo",
                "pipefail",
                "-c",
                STEPS[name]["run"],
            ],
            cwd=tmp_path,
            env={**base, **environ},
            capture_output=True,
            text=True,
            check=False,
        )
        file = tmp_path / "given"
        given = file.read_text().splitlines() if file.exists() else None
        return done.returncode, given, output.read_text()

    return step


INPUTS = {"COMMAND": "plan", "ARGUMENTS": "", "ENVIRONMENT": "main", "DIRECTORY": "."}


def test_the_inputs_are_those_of_the_script():
    named = set(STEPS["Run"]["env"])
    assert named == set(INPUTS)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", []),
        ("--format\njson\n", ["--format", "json"]),
        ("--select\nDomain/a b.example", ["--select", "Domain/a b.example"]),
        ("$(touch evil)\n`touch evil`\n; touch evil\n*", ["$(touch evil)", "`touch evil`", "; touch evil", "*"]),
    ],
)  # fmt: skip
def test_an_argument_is_a_line_and_nothing_more(run, tmp_path, given, words):
    code, said, output = run("Run", **{**INPUTS, "ARGUMENTS": given})
    assert (code, said) == (0, ["-C", ".", "--env", "main", "plan", *words])
    assert output == "code=0\n"
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("command", ["", "plan; touch evil", "--help", "a\nb", "Plan"])
def test_what_is_no_command_is_refused(run, tmp_path, command):
    code, said, _ = run("Run", **{**INPUTS, "COMMAND": command})
    assert (code, said) == (64, None)
    assert not (tmp_path / "evil").exists()


def test_the_code_is_an_output_and_the_steps_own(run):
    code, _, output = run("Run", **INPUTS, CODE="3")
    assert (code, output) == (3, "code=3\n")


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("", ["--constraint", "/own/constraints.txt", "--", "/own"]),
        ("reconciler==1", ["--", "reconciler==1"]),
        ("--pre", ["--", "--pre"]),
    ],
)
def test_what_is_installed_is_no_option(run, package, words):
    code, said, _ = run("Install", PACKAGE=package, OWN="/own")
    assert (code, said) == (0, ["-I", "-m", "pip", "install", *words])
