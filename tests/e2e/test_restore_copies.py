"""A restore by hand takes of each source the best that any copy gives, and says so."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.restore_choice import Choice
from reconciler.cli.restored import restore
from reconciler.cli.restoring import asked
from reconciler.cli.show_restore import outcome
from tests.support.cheap import cheap
from tests.support.guarded import SECRETS, Guarded, Kept, days
from tests.support.shell import shell

BACKUP = "Backup/shop.example"


@pytest.fixture(scope="module")
def lived(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Guarded, Kept]]:
    """A site that was backed up on three days."""
    tmp_path_factory.getbasetemp()  # not within what is gone with this fixture
    with cheap() as folder:
        world = Guarded(folder / "w", "archive", 1)
        assert [alarm for alarms in days(world, 3) for alarm in alarms] == []
        yield world, world.keep()


@pytest.fixture
def world(lived: tuple[Guarded, Kept]) -> Guarded:
    """That site again, as it was."""
    made, kept = lived
    made.back(kept, "restored")
    return made


def run(world: Guarded, *words: object) -> Any:
    return shell("-C", world.root, "-q", "restore", BACKUP, *words, environ=SECRETS)


def newest(world: Guarded, source: str, copy: str = "near") -> str:
    """Return the id of what is newest."""
    told = json.loads(run(world, "--copy", copy, "--format", "json").out)
    rows = told["copies"][0]["snapshots"]
    return str(next(row["snapshot"] for row in rows if row["source"] == source))


def lose(world: Guarded, copy: str, snapshot: str) -> None:
    """Take one snapshot out of a copy's listing."""
    (path,) = (world.base / copy / "index").rglob(f"{snapshot}.json")
    path.unlink()


def index(world: Guarded, copy: str, source: str) -> Iterator[tuple[Path, str]]:
    """Yield what a copy has of one source: what lists it, and where its data is."""
    for path in (world.base / copy / "index").rglob("*.json"):
        told = json.loads(path.read_text())["is"]
        if told["source"] == source:
            yield path, told["data"]


def lose_all(world: Guarded, copy: str, source: str) -> None:
    """Take all snapshots of one source out of a copy's listing."""
    for path, _ in list(index(world, copy, source)):
        path.unlink()


def spoil(world: Guarded, copy: str, source: str) -> None:
    """Change one byte in the middle of all that a copy has of one source."""
    for _, data in index(world, copy, source):
        path = world.base / copy / data
        body = bytearray(path.read_bytes())
        body[len(body) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(body)


def test_a_source_that_one_copy_lost_comes_from_the_other(world, tmp_path):
    lost = newest(world, "db")
    lose(world, "near", lost)
    listed = run(world)
    assert "IS GONE: it has a receipt" in listed.out
    assert "it would be far, as of " in listed.out
    into = tmp_path / "back"
    done = run(world, "--into", into)
    assert done.code == 0, done.err
    assert "VERIFIED" in done.out
    assert f"({lost[:12]} of far)" in done.out
    assert "passed over  near: db of 2024-02-15 03:00 UTC is gone" in done.out
    assert (into / "db" / "dump.sqlite").is_file()
    assert (into / "files" / "public_html" / "index.php").is_file()


def test_what_is_in_no_copy_is_named_and_nothing_is_called_verified(world, tmp_path):
    for copy in ("near", "far"):
        lose_all(world, copy, "db")
    listed = run(world)
    assert listed.code == 3
    assert "MISSING db: what " in listed.out
    done = run(world, "--into", tmp_path / "back")
    assert done.code == 3
    assert "PARTLY" in done.out
    assert "VERIFIED" not in done.out
    assert "MISSING db: what near has of it is gone" in done.out
    told = json.loads(
        run(world, "--into", tmp_path / "told", "--format", "json", "--offline").out
    )
    assert told["verdict"] == "partly"
    assert list(told["missing"]) == ["db"]
    # Who asks for nothing but that gets nothing.
    none = run(world, "--source", "db", "--into", tmp_path / "none")
    assert none.code == 1
    assert "E681 db: what near has of it is gone" in none.err
    # And it is written down that it was not all.
    log = shell("-C", world.root, "audit", "log", "--format", "jsonl")
    (note,) = (
        line["data"]
        for line in map(json.loads, log.out.splitlines())
        if line.get("event") == "restored"
    )
    assert (note["verdict"], note["missing"]) == ("partly", ["db"])
    told = shell("-C", world.root, "explain", BACKUP, environ=SECRETS).out
    assert "by hand, by ann@house.example: partly, of 2024-02-15 03:00, without db" in (
        told
    )


def test_links_that_were_left_out_are_told_and_it_is_not_called_verified(
    world, tmp_path
):
    project = world.project()
    try:
        one = asked(project, BACKUP, None, offline=True)
        done = restore(project, one, Choice(), tmp_path, offline=True)
    finally:
        project.close()
    assert (done.verdict, done.left_out) == ("verified", {})
    less = done._replace(left_out={"files": 2}, unrecorded="")
    assert (less.verdict, less.code) == ("partly", 3)
    shown = outcome(less)
    assert "  LEFT OUT of files: 2 links, which may lead anywhere" in shown.lines
    assert (shown.data["verdict"], shown.data["left_out"]) == ("partly", {"files": 2})


def test_a_source_that_was_never_backed_up_is_missing(world, tmp_path):
    world.policy["sources"] = {
        **world.policy["sources"],
        "mails": {"paths": ["mail"]},
    }
    world.declare("inventory: mails, too")
    done = run(world, "--into", tmp_path / "back")
    assert done.code == 3
    assert "MISSING mails: no copy has anything of it" in done.out


def test_a_source_that_does_not_exist_is_a_usage_error(world, tmp_path):
    into = tmp_path / "back"
    for words in (["--into", into], []):
        done = run(world, "--source", "db", "--source", "dbx", *words)
        assert done.code == 64
        assert "has no source dbx" in done.err
        assert "its sources are db, files" in done.err
    assert list(into.iterdir()) == []


def test_one_that_is_damaged_comes_from_the_other_copy_alone(world, tmp_path):
    spoil(world, "near", "db")
    into = tmp_path / "back"
    done = run(world, "--into", into)
    assert done.code == 0, done.err
    assert "passed over  db of near: " in done.out
    assert re.findall(r"^(\w+)  as of .* of (\w+)\)", done.out, re.MULTILINE) == [
        ("db", "far"),
        ("files", "near"),
    ]
    assert sorted(one.name for one in into.iterdir()) == ["db", "files"]


def test_what_no_copy_gives_whole_is_called_so(world, tmp_path):
    for copy in ("near", "far"):
        spoil(world, copy, "files")
    into = tmp_path / "back"
    done = run(world, "--into", into)
    assert done.code == 3
    assert "MISSING files: near: files: " in done.out
    assert "what came of it is not whole: files.incomplete/" in done.out
    assert "PARTLY  1 file" in done.out
    assert "files" not in {one.name for one in into.iterdir()}
    assert (into / "db" / "dump.sqlite").is_file()


def test_a_copy_that_a_drill_found_bad_is_named(world, tmp_path):
    sample = {"every": "1d", "files": 299, "copy": "first"}
    world.policy["drills"] = {"sample": sample, "full": None, "check": 2}
    world.declare("inventory: the first copy is drilled")
    world.later(hours=20)
    world.apply()
    spoil(world, "near", "db")
    world.later(hours=4)
    world.apply()
    done = run(world, "--into", tmp_path / "back")
    assert done.code == 0, done.err
    # That copy alone still gives what it had the day before that.
    only = run(world, "--copy", "near", "--source", "db", "--at", "2024-02-16T03:01")
    assert only.code == 0
    assert "as of 2024-02-14 03:00 UTC" in only.out
    assert "passed over  near: its last drill failed on 2024-02-" in done.out


def test_moments_that_differ_are_named_before_and_after(world, tmp_path):
    for path in sorted((world.home / "public_html").glob("page-*.html")):
        path.unlink()
    for path in sorted((world.home / "mail").iterdir()):
        path.unlink()
    world.later(hours=8)
    world.day()
    listed = run(world)
    assert "it would be, not of one moment:" in listed.out
    assert "  db     as of 2024-02-16 03:00 UTC, of near" in listed.out
    assert "  files  as of 2024-02-15 03:00 UTC, of near" in listed.out
    done = run(world, "--into", tmp_path / "back")
    assert "passed over  files of 2024-02-16 03:00 UTC" in done.out
    assert "they are not of one moment" in done.out


def test_what_is_too_new_is_said_to_be(world, tmp_path):
    listed = run(world, "--at", "2024-02-01")
    assert listed.code == 3
    said = "MISSING db: nothing of it is as old as 2024-02-01 00:00 UTC"
    assert said in listed.out
    done = run(world, "--at", "2024-02-01", "--into", tmp_path / "back")
    assert done.code == 1
    assert "is as old as 2024-02-01 00:00 UTC" in done.err
    assert "the oldest is of 2024-02-13 03:00 UTC" in done.err
    assert "--snapshot" not in done.err


def test_what_is_printed_restores_what_was_listed(world, tmp_path):
    words = ("--at", "2024-02-14T12:00", "--source", "files", "--copy", "far")
    listed = run(world, *words, "--only", "mail/*", "--key", "escrow")
    (line,) = (one for one in listed.out.splitlines() if one.startswith("run: "))
    assert line == (
        f"run: reconciler restore {BACKUP} --copy far --at 2024-02-14T12:00 "
        "--source files --only 'mail/*' --key escrow --into DIR"
    )


def test_each_snapshot_that_is_named_has_to_be_there(world, tmp_path):
    db, files = newest(world, "db"), newest(world, "files")
    lose(world, "near", db)
    both = ("--snapshot", db[:10], "--snapshot", files[:10])
    done = run(world, *both, "--into", tmp_path / "both")
    assert done.code == 0, done.err
    lose(world, "far", db)
    half = run(world, *both, "--into", tmp_path / "half")
    assert half.code == 3
    assert f"MISSING {db[:10]}: no copy that can be read has" in half.out
    assert "PARTLY" in half.out
    other = run(world, "--snapshot", files[:10], "--source", "db")
    assert other.code == 64
    assert "which --source leaves out" in other.err


def test_an_unreadable_copy_is_named_where_it_would_have_come_first(world, tmp_path):
    shutil.rmtree(world.base / "near")
    done = run(world, "--into", Path(tmp_path) / "back")
    assert done.code == 0, done.err
    assert "passed over  near: cannot be read: " in done.out
