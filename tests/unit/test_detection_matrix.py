"""The detection matrix goes on where it was: with the same code, and what went well."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks import matrix
from benchmarks.matrix import Group, Played, all_played, tried

NAMES = ("found", "not found", "an error")


def play(log: Path, seed: int, names: Collection[str]) -> Iterator[Played]:
    def one(name: str) -> Played | str:
        with log.open("a") as file:
            file.write(f"{name} {seed}\n")
        if name == "an error":
            raise ValueError("of the site")
        well = Played("group", seed, name, ("drill",), 18.0, ("check",))
        return well if name == "found" else ""

    for name in names:
        yield tried("group", seed, name, partial(one, name))


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    monkeypatch.setattr(matrix, "PARTS", tmp_path / "parts")
    monkeypatch.setattr(matrix, "PROGRESS", tmp_path / "progress")
    called = partial(play, tmp_path / "log")
    made_of = "tests.support.clean_histories"
    return Group("group", called, NAMES, (1, 2), made_of, "benchmarks.matrix")


def played(tmp_path: Path) -> list[str]:
    return sorted((tmp_path / "log").read_text().splitlines())


def test_what_was_found_is_known_and_what_was_not_is_played_again(
    group: Group, tmp_path: Path
) -> None:
    first = all_played([group])
    assert played(tmp_path) == sorted(
        f"{one} {seed}" for one in NAMES for seed in (1, 2)
    )
    assert {(one.name, one.wrong) for one in first} == {
        ("found", ""),
        ("not found", "nobody found it"),
        ("an error", "ValueError: of the site"),
    }
    (tmp_path / "log").unlink()
    again = all_played([group])
    assert played(tmp_path) == [
        "an error 1",
        "an error 2",
        "not found 1",
        "not found 2",
    ]
    assert sorted(o for o in again if not o.wrong) == sorted(
        o for o in first if not o.wrong
    )
    assert len(again) == len(first) == 6


def test_other_code_has_to_be_played_itself(
    group: Group, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_played([group])
    (tmp_path / "log").unlink()
    monkeypatch.setattr(matrix, "_code", lambda _: "another")
    all_played([group])
    assert len(played(tmp_path)) == 6


def test_what_tells_the_code_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that plays it is in it; what is restic's alone is not in an archive's."""
    needed = {one.name for one in matrix._needed("tests.support.dumped", frozenset())}
    assert needed >= {"dumped.py", "guarded.py", "sabotage.py", "restics.py"}
    monkeypatch.setattr(matrix, "_version", lambda: b"restic 0.14.0")
    archive = Group("a", play, (), (), "tests.support.sabotage", "benchmarks.matrix")
    assert matrix._code(archive) != matrix._code(archive._replace(restic=True))
    others = archive._replace(made_of="tests.support.bucketed")
    assert matrix._code(archive) != matrix._code(others)
