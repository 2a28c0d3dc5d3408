"""The built-in engine: what was backed up comes back, or it is said that it does not."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sqlite3
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Rejected, Transient
from reconciler.model import Absent, Unknown
from reconciler.providers import _archive_seal
from reconciler.providers._archive_restorer import ArchiveRestorer
from reconciler.providers._archive_where import keys_of, store_of
from reconciler.providers._drill_port import digest, promised
from reconciler.providers._restore import Wanted, brought_back, parts
from reconciler.providers.archive_backup import ArchiveBackup
from tests.support.archive_contract import ArchiveContract
from tests.support.archives import ESCROW, PASSWORD, Place, backup, later, site
from tests.support.contract import NOW

BOTH = {
    "files": {"paths": ["public_html"], "exclude": ["cache/**"], "minFiles": 10},
    "db": {"type": "sqlite", "database": "shop.sqlite"},
}


@pytest.fixture(autouse=True)
def cheap(request, monkeypatch):
    """Guessing passwords is cheap in here, but for what is about that."""
    if request.node.name != "test_a_guess_costs_what_it_has_to":
        monkeypatch.setitem(_archive_seal._COST, "n", 16)


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "home")


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "kept").ready()


def restorer(place, want, **secrets):
    account = place.account._replace(secrets=secrets) if secrets else place.account
    return ArchiveRestorer(store_of(account, "drill"), keys_of(account), want.uid)


def restored(place, want, into, files=None, key="drill"):
    into.mkdir()
    sources = {one.source: one.id for one in place.snapshots(want)}
    return restorer(place, want).restore(sources, into, files, key, 60.0)


class TestArchiveInABucket(ArchiveContract):
    driver = ArchiveBackup


# -- the repository --------------------------------------------------------------------


def test_a_repository_is_absent_then_there(tmp_path):
    place = Place(tmp_path / "kept")
    want = place.repository()
    assert isinstance(next(iter(place.have(want).values())), Absent)
    assert place.driver.identity() == f"file://{tmp_path}/kept"
    place.ready()
    (state,) = place.have(want).values()
    assert state.version == "1"
    assert len(state.identity) == 32
    assert not [*want.diff(place.have(want), NOW)]
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_what_is_not_mounted_is_not_absent(tmp_path):
    place = Place(tmp_path / "no" / "kept")
    (state,) = place.have(place.repository()).values()
    assert isinstance(state, Unknown)
    with pytest.raises(Transient):
        place.driver.identity()


def test_made_twice_it_is_the_same(place):
    first = next(iter(place.have(place.repository()).values())).identity
    place.folder.joinpath("archive.json").stat()
    from reconciler.kinds.backup_repository import Init

    again = place.again().apply(place.repository(), place.change(Init), "k")
    assert (again.reference, again.replayed) == (first, True)


def test_snapshots_without_their_repository_are_no_empty_place(place, root):
    want = backup(root)
    place.back_up(want)
    (place.folder / "archive.json").unlink()
    state = place.again().observe([place.repository()]).states["near"]
    assert isinstance(state, Unknown)
    assert "1 snapshots are there" in state.why


def test_another_password_opens_nothing(place, root):
    want = backup(root)
    place.back_up(want)
    seen = place.again(password="another").observe([want, place.repository()])
    assert {type(one) for one in seen.states.values()} == {Unknown}
    assert PASSWORD not in str(seen)


# -- backing up ------------------------------------------------------------------------


def test_everything_comes_back(place, root, tmp_path):
    want = backup(root, BOTH)
    details = place.back_up(want).details
    assert details["copy"] == "near"
    assert details["at"] == NOW.isoformat()
    files, db = details["sources"]["files"], details["sources"]["db"]
    assert files["files"] == 14
    assert db["files"] == 1
    for row in (files, db):
        assert row["canary"] == hashlib.sha256(b"4711-once").hexdigest()
    done = restored(place, want, tmp_path / "into")
    assert done.files == 14 + 1 + 2
    back = tmp_path / "into" / "files"
    assert (back / ".reconciler-canary").read_text() == "4711-once"
    assert not (back / "public_html" / "cache" / "page.html").exists()
    for path in (root / "public_html").rglob("*"):
        if path.is_file() and "cache" not in path.parts:
            assert (back / path.relative_to(root)).read_bytes() == path.read_bytes()
    there = sqlite3.connect(tmp_path / "into" / "db" / "dump.sqlite")
    assert there.execute("select count(*) from orders").fetchone() == (500,)
    there.close()


def test_the_receipt_says_what_the_manifest_says(place, root):
    want = backup(root)
    row = place.back_up(want).details["sources"]["files"]
    for key in ("drill", "escrow"):
        entries = restorer(place, want).manifest("files", row["snapshot"], key)
        assert digest(entries) == row["manifest"]
        assert len(entries) == row["files"] == 15
        assert sum(one.size for one in entries) == row["bytes"]


def test_a_sample_is_no_more_than_was_asked_for(place, root, tmp_path):
    want = backup(root)
    place.back_up(want)
    files = {"files": ["public_html/index.php"]}
    done = restored(place, want, tmp_path / "into", files)
    assert done.files == 2
    found = [p.name for p in (tmp_path / "into").rglob("*") if p.is_file()]
    assert sorted(found) == [".reconciler-canary", "index.php"]


def test_the_escrow_key_opens_it_alone(place, root, tmp_path):
    want = backup(root)
    place.back_up(want)
    restored(place, want, tmp_path / "into", key="escrow")
    (snap,) = place.snapshots(want)
    only = {"password": "lost, and this is another one", "escrowKey": ESCROW}
    there = restorer(place, want, **only)
    assert there.manifest("files", snap.id, "escrow")
    with pytest.raises(Rejected):
        there.manifest("files", snap.id, "drill")


def test_without_an_escrow_key_a_drill_with_it_fails(tmp_path, root):
    place = Place(tmp_path / "kept", escrow=None).ready()
    want = backup(root)
    place.back_up(want)
    (snap,) = place.snapshots(want)
    with pytest.raises(Rejected, match="no escrowKey"):
        restorer(place, want).manifest("files", snap.id, "escrow")


def test_a_slot_is_backed_up_once(place, root):
    want = backup(root, BOTH)
    first = place.back_up(want).details
    (root / "public_html" / "index.php").write_text("changed since")
    later(place, 1)
    assert place.again().apply(want, place.due(), "k").details == first
    assert len(place.snapshots(want)) == 2
    place.back_up(want, "2026-11-23T02:15")
    assert len(place.snapshots(want)) == 4


def test_what_is_listed_is_what_is_there(place, root):
    want = backup(root)
    place.back_up(want)
    later(place, 1)
    (root / "public_html" / "index.php").write_text("other")
    place.back_up(want, "2026-11-23T02:15")
    first, second = place.snapshots(want)
    assert (first.source, first.host, first.paths) == ("files", "u-1", ("public_html",))
    assert first.said == NOW
    assert second.said == NOW + timedelta(days=1)
    assert (first.changed, second.changed) == (None, 1)
    assert first.files == second.files == 15
    assert 0 < second.packed < second.added == second.size


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"paths": ["public_html", "mail"]}, "mail: No such file"),
        ({"paths": ["public_html", "linked"]}, "linked: a link leads to it"),
        ({"paths": ["public_html", "linked/x"]}, "linked/x: "),
        ({"paths": ["public_html", "pipe"]}, "pipe: is neither a file nor a folder"),
        ({"paths": [".reconciler-canary"]}, "0 files, minFiles is 1"),
        ({"paths": ["public_html"], "minFiles": 16}, "minFiles is 16"),
        ({"paths": ["public_html"], "minBytes": "1GiB"}, "minBytes"),
        ({"type": "sqlite", "database": "no.sqlite"}, "no.sqlite: No such file"),
        ({"type": "sqlite", "database": "link.sqlite"}, "is no file of"),
        ({"type": "sqlite", "database": "torn.sqlite"}, "torn.sqlite"),
        ({"type": "panel"}, "no archive of a panel"),
    ],
)
def test_what_is_not_enough_is_no_backup(place, root, source, why):
    (root / "link.sqlite").symlink_to(root / "shop.sqlite")
    whole = (root / "shop.sqlite").read_bytes()
    (root / "torn.sqlite").write_bytes(whole[: len(whole) // 2])
    (root / "linked").symlink_to(root / "public_html" / "wp-content")
    os.mkfifo(root / "pipe")
    (root / ".reconciler-canary").write_text("of a restore")
    want = backup(root, {"files": source})
    with pytest.raises(Rejected, match=why):
        place.back_up(want)
    assert place.snapshots(want) == ()
    assert [one.name for one in place.objects()] == ["archive.json"]


@pytest.mark.parametrize(
    "paths", [["."], ["./public_html", "public_html/.", "shop.sqlite"]]
)
@pytest.mark.parametrize("canary", [True, False])
def test_a_whole_root_comes_back(place, root, tmp_path, paths, canary):
    (root / ".reconciler-canary").write_text("of a restore, long ago")
    source = {"paths": paths, "canary": canary, "expect": [{"glob": "**/*.php"}]}
    want = backup(
        root, {"files": source}, drills={"scratch": str(tmp_path / "scratch")}
    )
    received = place.back_up(want).details
    assert received["sources"]["files"]["files"] == 16
    check = place.check(want)
    assert (check["verdict"], check["why"]) == ("passed", "")
    for more in ({}, {"files": 3}):
        done = place.drill(want, received, **more)
        assert (done["verdict"], done["why"]) == ("passed", "")


def test_what_cannot_be_read_is_no_backup(place, root):
    want = backup(root)
    (root / "public_html" / "secret").mkdir()
    loop = root / "public_html" / "secret" / "loop"
    loop.symlink_to("loop")
    os.mkfifo(root / "public_html" / "secret" / "pipe")
    place.back_up(want)  # links and pipes have nothing to be read
    assert place.check(want)["verdict"] == "passed"


def test_a_file_that_shrinks_is_no_backup(place, root, monkeypatch):
    want = backup(root)
    big = root / "public_html" / "z.log"
    big.write_bytes(os.urandom(1 << 20))
    real = os.fstat

    def shrinking(handle):
        about = real(handle)
        if about.st_size == 1 << 20:
            os.truncate(big, 10)
        return about

    monkeypatch.setattr(os, "fstat", shrinking)
    with pytest.raises(Transient, match="shrank"):
        place.back_up(want)
    assert place.snapshots(want) == ()


def test_nobody_is_followed_out_of_the_site(place, root, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("not theirs")
    (root / "public_html" / "out").symlink_to(secret)
    want = backup(root, {"files": {"paths": ["public_html", "public_html/out"]}})
    place.back_up(want)
    with pytest.raises(Rejected):
        place.back_up(
            backup(root, {"files": {"paths": ["public_html/out/key"]}}), "another"
        )
    restored(place, want, tmp_path / "into")
    assert "key" not in {p.name for p in (tmp_path / "into").rglob("*")}


def test_hooks_run_around_it(place, root, tmp_path):
    told = tmp_path / "told"

    def say(word):
        return {"run": ["/bin/sh", "-c", f"echo {word} >> {told}"]}

    hooks = {"before": [say("before")], "after": [say("after")], "failed": [say("bad")]}
    place.back_up(backup(root, hooks=hooks))
    assert told.read_text().split() == ["before", "after"]
    told.unlink()
    place.back_up(backup(root, hooks=hooks))  # it is there: nothing is stopped for it
    assert told.read_text().split() == ["after"]  # but maybe this did not run before
    told.unlink()
    with pytest.raises(Rejected):
        place.back_up(backup(root, {"files": {"paths": ["x"]}}, hooks=hooks), "b")
    assert told.read_text().split() == ["before", "bad"]
    stuck = {"before": [{"run": ["sleep", "60"], "timeout": "1s"}]}
    with pytest.raises(Rejected, match="did not end in 1 s"):
        place.back_up(backup(root, hooks=stuck), "c")
    on = {"before": [{"run": ["false"], "onError": "continue"}]}
    place.back_up(backup(root, hooks=on), "d")


def test_sqlite_is_consistent_while_it_is_written_to(place, root):
    path, stop = root / "shop.sqlite", threading.Event()
    start = sqlite3.connect(path)
    start.execute("pragma journal_mode=wal")
    start.execute("create table pairs (a int, b int)")
    start.commit()
    start.close()

    def write():
        here = sqlite3.connect(path, timeout=30)
        while not stop.is_set():
            with here:
                here.execute("insert into pairs values (1, 0)")
                here.execute("update pairs set b = a")
        here.close()

    writer = threading.Thread(target=write)
    writer.start()
    want = backup(root, {"db": {"type": "sqlite", "database": "shop.sqlite"}})
    try:
        for number in range(3):
            place.back_up(want, f"s{number}")
    finally:
        stop.set()
        writer.join()
    for number, snap in enumerate(place.snapshots(want)):
        into = place.folder.parent / f"into{number}"
        into.mkdir()
        restorer(place, want).restore({"db": snap.id}, into, None, "drill", 60)
        there = sqlite3.connect(into / "db" / "dump.sqlite")
        assert there.execute("select count(*) from pairs where a != b").fetchone() == (
            0,
        )
        assert there.execute("pragma integrity_check").fetchone() == ("ok",)
        there.close()


# -- by hand ---------------------------------------------------------------------------

LINKS = {
    "public_html/storage": "{root}/app/storage",
    "public_html/rel": "../app/storage",
    "public_html/wp-content/broken": "nowhere/at/all",
    "app/passwords": "/etc/passwd",
    "app/up": "../../..",
}


@pytest.mark.parametrize(
    ("only", "there"),
    [
        ([], [*LINKS]),
        (["public_html/**"], [*LINKS][:3]),
        (["app/up"], ["app/up"]),
        (["public_html/index.php"], []),
    ],
)
def test_links_come_back_as_they_were(place, root, tmp_path, only, there):
    (root / "app" / "storage").mkdir(parents=True)
    (root / "app" / "storage" / "p.txt").write_text("a picture")
    targets = {name: told.format(root=root) for name, told in LINKS.items()}
    for name, target in targets.items():
        (root / name).symlink_to(target)
    drills = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, {"files": {"paths": ["public_html", "app"]}}, drills=drills)
    received = place.back_up(want).details
    assert place.drill(want, received)["verdict"] == "passed"
    row = received["sources"]["files"]
    rest, into = restorer(place, want), tmp_path / "into"
    wanted = {"files": Wanted(row["snapshot"], promised(row))}
    into.mkdir()
    back = brought_back(rest, parts(rest, wanted, only, "drill"), into, "drill")
    assert (back.wrong, back.unproven, back.restored.left_out) == ("", (), 0)
    found = {
        str(one.relative_to(into / "files")): str(one.readlink())
        for one in into.rglob("*")
        if one.is_symlink()
    }
    assert found == {name: targets[name] for name in there}


# -- drills ----------------------------------------------------------------------------

EXPECTED = {
    "files": {
        "paths": ["public_html"],
        "expect": [{"path": "public_html/index.php", "contains": "WordPress"}],
    },
    "db": {
        "type": "sqlite",
        "database": "shop.sqlite",
        "expect": [{"sql": "select count(*) from orders", "min": 400}],
    },
}


@pytest.mark.parametrize("more", [{}, {"files": 5}, {"escrow": True}])
def test_a_drill_passes_on_what_is_good(place, root, tmp_path, more):
    drills = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, EXPECTED, drills=drills)
    done = place.drill(want, place.back_up(want).details, **more)
    assert (done["verdict"], done["why"]) == ("passed", "")
    assert done["engines"][0] == "archive 1"
    assert [*(tmp_path / "scratch").iterdir()] == []


def test_a_drill_fails_on_what_is_not(place, root, tmp_path):
    drills = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, EXPECTED, drills=drills)
    said = place.back_up(want).details
    flipped(place.objects("data")[0], -40)
    assert place.drill(want, said)["verdict"] == "failed"
    there = sqlite3.connect(root / "shop.sqlite")
    with there:
        there.execute("delete from orders")
    there.close()
    emptied = place.back_up(want, "emptied").details
    done = place.drill(want, emptied)
    assert done["verdict"] == "failed"
    assert "orders" in done["why"]


def floats(value):
    if isinstance(value, dict):
        return [one for inner in value.values() for one in floats(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in floats(inner)]
    return [value] if isinstance(value, float) else []


def test_a_journal_takes_every_receipt(place, root, tmp_path):
    want = backup(root, EXPECTED, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    for receipt in (said, place.check(want), place.drill(want, said, files=5)):
        assert not floats(receipt)


def test_an_escrow_key_that_is_the_password_is_none(root, tmp_path):
    place = Place(tmp_path / "kept", escrow=PASSWORD).ready()
    want = backup(root, EXPECTED, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    done = place.drill(want, said, escrow=True)
    assert (done["verdict"], done["escrow"]) == ("passed", False)
    assert "who loses the one has lost both" in str(done["checks"])
    assert PASSWORD not in str(done)


def test_a_drill_of_a_whole_machine_can_be_held(place, root):
    paths = [f"{root}/public_html".lstrip("/")]
    sources = {"files": {"root": "/", "paths": paths, "canary": True}}
    want = backup("/", sources)
    done = place.drill(want, place.back_up(want).details)
    assert (done["verdict"], done["why"]) == ("passed", "")


def test_a_drill_near_what_is_kept_proves_nothing(place, root):
    want = backup(root, drills={"scratch": str(place.folder / "scratch")})
    done = place.drill(want, place.back_up(want).details)
    assert done["verdict"] == "inconclusive"


# -- sabotage --------------------------------------------------------------------------


def flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("slot", ["password", "escrow"])
def test_a_signature_of_the_repository_itself_is_checked(place, root, slot):
    want = backup(root)
    place.back_up(want)
    path = place.folder / "archive.json"
    said = json.loads(path.read_text())
    first = said["signed"][slot][0]
    said["signed"][slot] = ("1" if first == "0" else "0") + said["signed"][slot][1:]
    path.write_text(json.dumps(said))
    check = place.check(want)
    assert (check["verdict"], check["checked"]) == ("failed", 1)
    assert f"the repository is not signed by the {slot}" in check["why"]


@pytest.mark.parametrize("where", ["data", "manifest"])
def test_what_the_disk_cannot_read_is_damaged(place, root, tmp_path, where):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    received = place.back_up(want).details
    place.back_up(want, "another")
    ids, unread = place.ids(want), place.objects(where)[0]
    unread.unlink()
    unread.symlink_to("/proc/self/mem")  # whose first page nobody can read: EIO
    check = place.check(want)
    assert (check["verdict"], check["checked"]) == ("failed", 2)
    assert "Input/output error" in check["why"]
    drills = [
        place.drill(want, {**received, "sources": {"files": {"snapshot": one}}})
        for one in ids
    ]
    assert sorted(one["verdict"] for one in drills) == ["failed", "passed"]


def test_an_index_that_the_disk_cannot_read_is_no_tampering(place, root):
    want = backup(root)
    place.back_up(want)
    place.back_up(want, "another")
    unread = place.objects("index")[0]
    unread.unlink()
    unread.symlink_to("/proc/self/mem")
    state = place.again().observe([want]).states[want.name]
    assert isinstance(state, Unknown)
    assert "Input/output error" in state.why
    check = place.check(want)
    assert (check["verdict"], check["checked"]) == ("inconclusive", 2)
    assert check["bytes"] > 0


@pytest.mark.parametrize("where", ["data", "manifest"])
@pytest.mark.parametrize("at", [0, 5, 12, 14, 30, 120, 400, -300, -17, -1])
def test_each_class_of_byte_is_guarded(place, root, where, at):
    want = backup(root)
    place.back_up(want)
    assert place.check(want)["verdict"] == "passed"
    (path,) = place.objects(where)
    flipped(path, at)
    details = place.check(want)
    assert details["verdict"] == "failed"
    (snap,) = place.snapshots(want)
    there, into = restorer(place, want), place.folder.parent / "into"
    with pytest.raises(Rejected):  # noqa: PT012
        if where == "manifest":
            there.manifest("files", snap.id, "drill")
        else:
            restored(place, want, into)


@pytest.mark.parametrize("where", ["data", "manifest"])
@pytest.mark.parametrize("left", [0, 11, 200, 0.5, 0.99])
def test_what_is_cut_short_is_seen(place, root, where, left):
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects(where)
    os.truncate(path, int(left * path.stat().st_size) if left < 1 else left)
    assert place.check(want)["verdict"] == "failed"
    if where == "data":
        assert place.snapshots(want) == ()  # a listing shows it, without a password


def test_what_is_cut_at_the_end_of_a_piece_is_seen(place, root):
    (root / "public_html" / "noise").write_bytes(os.urandom((2 << 20) + 5))
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects("data")
    header = int.from_bytes(path.read_bytes()[11:15], "big")
    os.truncate(path, 15 + header + 2 * ((1 << 20) + 16))
    assert "changed or cut off" in place.check(want)["why"]


def test_what_follows_the_end_is_seen(place, root):
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects("data")
    with path.open("ab") as file:
        file.write(b"more")
    assert place.check(want)["verdict"] == "failed"


def test_one_object_is_not_another(place, root):
    want = backup(root)
    place.back_up(want)
    place.back_up(want, "next")
    one, two = place.objects("data")
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    assert place.check(want)["verdict"] == "failed"


def test_a_slot_that_is_taken_out_of_a_header_is_seen(place, root):
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects("data")
    whole = path.read_bytes()
    length = int.from_bytes(whole[11:15], "big")
    header = json.loads(whole[15 : 15 + length])
    del header["slots"]["escrow"]
    less = json.dumps(header, sort_keys=True).encode()
    path.write_bytes(
        whole[:11] + len(less).to_bytes(4, "big") + less + whole[15 + length :]
    )
    assert place.check(want)["verdict"] == "failed"


@pytest.mark.parametrize("field", ["files", "manifest", "data", "at", "source"])
def test_an_index_that_was_changed_is_not_ours(place, root, field):
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects("index")
    said = json.loads(path.read_text())
    said["is"][field] = 1 if field == "files" else "2026-01-01T00:00:00+00:00"
    path.write_text(json.dumps(said))
    state = place.again().observe([want]).states[want.name]
    assert state.snapshots == ()
    assert len(state.foreign) == 1


def test_a_strangers_index_stops_no_backup(place, root):
    want = backup(root)
    place.back_up(want)
    (path,) = place.objects("index")
    path.with_name("0" * 40 + ".json").write_text('{"signed": {}, "is": {}}')
    place.back_up(want, "next")
    first, second = place.ids(want)
    assert place.check(want)["verdict"] == "failed"
    half = place.folder / "data" / ("0" * 32)
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    assert place.prune(want, [first], [second]).details["left"] == 1
    assert half.exists()  # whose it is cannot be known


def test_an_index_of_another_backup_is_not_ours(place, root):
    theirs, ours = backup(root, name="a.example"), backup(root)
    theirs = theirs.model_copy(
        update={"metadata": theirs.metadata.model_copy(update={"uid": "u-2"})}
    ).joined(lambda: ours.makings)
    place.back_up(theirs)
    place.back_up(ours)
    paths = {p.parent.name: p for p in place.objects("index")}
    mine, other = (p.parent for p in sorted(paths.values()))
    (one,) = other.iterdir()
    (mine / one.name).write_bytes(one.read_bytes())
    seen = place.again().observe([ours, theirs]).states
    assert sum(len(s.foreign) for s in seen.values()) <= 1
    assert sum(len(s.snapshots) for s in seen.values()) == 2


# -- copies, pruning -------------------------------------------------------------------


def test_a_copy_has_keys_of_its_own(place, root, tmp_path):
    want = backup(root, BOTH)
    place.back_up(want)
    other = {"password": "another"}
    far = Place(tmp_path / "far", "far", escrow=None, secrets=other).ready()
    done = far.copy(want, place, place.ids(want))
    assert done.details["copied"] == {one: one for one in place.ids(want)}
    assert done.details["new"] == 2
    assert far.copy(want, place, place.ids(want)).details["new"] == 0
    assert {one.original for one in far.snapshots(want)} == set(place.ids(want))
    assert far.check(want)["verdict"] == "passed"
    for path in place.objects("data"):
        path.unlink()
    restored(far, want, tmp_path / "into")


def test_what_is_damaged_is_not_copied(place, root, tmp_path):
    want = backup(root)
    place.back_up(want)
    ids = place.ids(want)
    flipped(place.objects("data")[0], -100)
    far = Place(tmp_path / "far", "far").ready()
    with pytest.raises(Rejected):
        far.copy(want, place, ids)
    assert far.snapshots(want) == ()


def test_exactly_what_was_decided_on_is_pruned(place, root):
    want = backup(root)
    for number in range(4):
        place.back_up(want, f"slot-{number}")
    first, second, *rest = place.ids(want)
    with pytest.raises(Rejected, match="other snapshots"):
        place.prune(want, [second], rest)  # the first one came since, and is older
    with pytest.raises(Rejected, match="other snapshots"):
        place.prune(want, [first], [second, *rest, "never-was"])
    with pytest.raises(Rejected, match="nothing is named"):
        place.prune(want, [first], [first, second, *rest])
    assert len(place.ids(want)) == 4
    done = place.prune(want, [first, second], rest)
    assert done.details["left"] == 2
    assert place.ids(want) == rest
    assert len(place.objects("data")) == len(place.objects("manifest")) == 2
    again = place.prune(want, [first, second], rest)  # its answer was lost
    assert again.details == done.details


def test_what_this_run_backed_up_first_stops_no_prune(place, root):
    """Who runs once a day has both in each plan: it would never be pruned."""
    want = backup(root)
    for number in range(2):
        place.back_up(want, f"slot-{number}")
    first, second = place.ids(want)
    place.back_up(want, "today")
    assert place.prune(want, [first], [second]).details["left"] == 2
    assert first not in place.ids(want)


def test_an_append_only_place_deletes_nothing(place, root):
    want = backup(root, mode="append-only")
    place.back_up(want)
    place.back_up(want, "next")
    first, second = place.ids(want)
    with pytest.raises(Rejected, match="append-only"):
        place.prune(want, [first], [second])
    assert len(place.ids(want)) == 2


def test_leftovers_of_a_killed_run_go_a_day_later(place, root):
    want = backup(root)
    place.back_up(want)
    place.back_up(want, "next")
    old = (NOW - timedelta(days=2)).timestamp()
    for name in ("data/" + "0" * 32, "manifest/" + "0" * 32, "tmp/" + "1" * 32):
        path = place.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (old, old))
    young = place.folder / "data" / ("2" * 32)
    young.write_bytes(b"being written")
    os.utime(young, (NOW.timestamp(), NOW.timestamp()))
    first, second = place.ids(want)
    place.prune(want, [first], [second])
    assert young.exists()
    assert len(place.objects("data")) == 2
    assert len(place.objects("manifest")) == 1
    assert place.objects("tmp") == []


def test_a_slice_of_all_is_checked(place, root):
    want = backup(root)
    for number in range(6):
        place.back_up(want, f"slot-{number}")
    many = [place.check(want, part, 3)["checked"] for part in (1, 2, 3)]
    assert sum(many) == 6


def test_two_that_make_the_same_slot_make_one(place, root):
    want, made, failed = backup(root), [], []

    def run():
        try:
            made.append(place.again().apply(want, place.due(), "k").details)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not failed
    assert len({json.dumps(one, sort_keys=True) for one in made}) == 1
    assert len(place.snapshots(want)) == 1
    assert len(place.objects("data")) == 1


def test_no_secret_is_kept_or_shown(place, root):
    want = backup(root)
    said = [
        str(place.back_up(want)),
        repr(place.driver._keys),
        str(place.snapshots(want)),
    ]
    for path in place.objects():
        content = path.read_bytes()
        for secret in (PASSWORD, ESCROW, "4711-once", "WordPress", "index.php"):
            assert secret.encode() not in content
    assert not [one for one in said if PASSWORD in one or ESCROW in one]
    assert {stat.S_IMODE(one.stat().st_mode) for one in place.objects()} == {0o600}


def test_a_guess_costs_what_it_has_to(place, root):
    """32 MiB each: what is kept opens with these costs, and no others."""
    assert _archive_seal._COST == {"n": 1 << 15, "r": 8, "p": 1}
    want = backup(root)
    place.back_up(want)
    said = json.loads((place.folder / "archive.json").read_text())
    salt, body = bytes.fromhex(said["is"]["salt"]), said["is"]
    key = hashlib.scrypt(
        PASSWORD.encode(), salt=salt, n=1 << 15, r=8, p=1, maxmem=64 << 20, dklen=64
    )
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signed = hmac.digest(key[32:], text, "sha256").hex()
    assert said["signed"]["password"] == signed
