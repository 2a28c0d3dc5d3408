"""Rules over the files: sizes, names, purity, paths, layers."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, files, text, under

SOURCES = under("reconciler/", ".py")
LONGEST = 400
#: Names that say nothing about what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
#: Composition root and local servers: who else wants the time is given it.
MAY_READ_THE_WORLD = ("reconciler/cli/", "reconciler/sandbox/")
IMPURE = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"),
    ("date", "today"), ("time", "time"), ("time", "time_ns"), ("time", "sleep"),
    ("os", "environ"), ("os", "getenv"),
}  # fmt: skip
#: These may be the default of an argument, where they only spread out retries.
IMPURE_CALLS = {("random", "random"), ("random", "uniform"), ("uuid", "uuid4")}


def test_the_tree_is_found():
    assert "reconciler/errors.py" in SOURCES
    assert "pyproject.toml" in files()


@pytest.mark.parametrize("folder", ["reconciler/", "scripts/", "benchmarks/"])
def test_no_file_is_too_long(folder):
    long = {
        name: lines
        for name in under(folder, ".py")
        if (lines := text(name).count("\n")) > LONGEST
    }
    assert long == {}


def test_modules_have_names_that_say_something():
    parts = {name: set(re.split(r"[/_.]", name)) for name in SOURCES}
    assert {name for name, words in parts.items() if words & EMPTY_NAMES} == set()


def test_only_the_root_reads_clock_environment_and_chance():
    found = [
        f"{name}:{line}"
        for name in SOURCES
        if not name.startswith(MAY_READ_THE_WORLD)
        for line in impure_lines(text(name))
    ]
    assert found == []


def impure_lines(source: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if _dotted(node) in IMPURE
        or (isinstance(node, ast.Call) and _dotted(node.func) in IMPURE_CALLS)
    ]


def _dotted(node: ast.AST) -> tuple[str, str] | None:
    """The last two names of ``a.b.c``."""
    match node:
        case ast.Attribute(ast.Name(before) | ast.Attribute(attr=before), last):
            return before, last
        case _:
            return None


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import datetime\nx = datetime.datetime.now()", [2]),
        ("from datetime import datetime\nx = datetime.now(UTC)", [2]),
        ("import os\nos.environ['A']", [2]),
        ("import random\nx = random.random()", [2]),
        ("import random\ndef f(jitter=random.random): ...", []),
        ("def f(clock):\n    return clock.now", []),
    ],
)
def test_the_impure_are_found(source, lines):
    assert impure_lines(source) == lines


def test_no_work_is_left_for_later_in_the_code():
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!:? ?[(#]\d)")
    mine = "tests/house/test_files.py"
    names = [n for n in files() if n.endswith((".py", ".sh", ".yml", ".toml"))]
    assert [n for n in names if n != mine and marks.search(text(n))] == []


def test_no_path_of_anybodys_machine():
    """Nothing in here depends on where it was written, or on a registry's host."""
    where = re.compile(
        r"(?<![\w.-])/(work|farm|home|root|Users)/\w"
        r"|pypi\.org/simple|files\.pythonhosted|--(extra-)?index-url|find-links"
    )
    mine = "tests/house/test_files.py"
    found = [n for n in files() if n != mine and where.search(text(n))]
    assert found == []


def test_the_layers_hold():
    program = f"{sys.prefix}/bin/lint-imports"
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_pinned_is_pinned_exactly():
    lines = [line for line in text("constraints.txt").splitlines() if line]
    pinned = [line for line in lines if not line.startswith("#")]
    assert pinned
    assert [p for p in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+", p)] == []
    names = [p.partition("==")[0].lower() for p in pinned]
    assert len(names) == len(set(names))


def test_everything_required_is_pinned():
    import tomllib

    project = tomllib.loads(text("pyproject.toml"))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["sandbox"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    names = {_plain(re.match(r"[\w.-]+", one)[0]) for one in wanted}
    lines = text("constraints.txt").splitlines()
    pinned = {_plain(line.partition("==")[0]) for line in lines}
    assert names - pinned == set()


def _plain(name: str) -> str:
    """The name of a package as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
