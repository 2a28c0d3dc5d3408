"""The real restic: what was backed up comes back, or it is said that it does not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.errors import Rejected, Transient
from reconciler.kinds.backup_repository import Init
from reconciler.model import Absent, Unknown
from reconciler.providers._drill_port import Keeper, digest
from reconciler.providers._restic import Repo, _said
from reconciler.providers._restic_program import program as found
from reconciler.providers._restore import Wanted, brought_back, parts
from reconciler.providers.restic_backup import ResticBackup
from tests.support.archives import backup, later, site
from tests.support.contract import NOW
from tests.support.restic_contract import ResticContract
from tests.support.restics import ESCROW, PASSWORD, ResticPlace

BOTH = {
    "files": {"paths": ["public_html"], "exclude": ["cache/**"], "minFiles": 10},
    "db": {"type": "sqlite", "database": "shop.sqlite"},
}
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


class TestContract(ResticContract):
    pass


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "home")


@pytest.fixture
def place(tmp_path):
    return ResticPlace(tmp_path / "kept").ready()


def restored(place, want, into, files=None, key="drill"):
    into.mkdir()
    sources = {one.source: one.id for one in place.snapshots(want)}
    return place.again().restorer(want).restore(sources, into, files, key, 60.0)


# -- the repository --------------------------------------------------------------------


def test_a_repository_is_absent_then_there_and_opens_twice(tmp_path):
    place = ResticPlace(tmp_path / "kept")
    want = place.repository()
    assert isinstance(next(iter(place.have(want).values())), Absent)
    assert place.driver.identity() == f"file://{tmp_path}/kept"
    (change,) = want.diff(place.have(want), NOW)
    made = place.driver.apply(want, change, "k")
    (state,) = place.have(want).values()
    assert (state.version, state.snapshots) == ("2", 0)
    assert state.identity == made.reference
    assert not [*want.diff(place.have(want), NOW)]
    assert want.done(change, place.have(want)) is True
    again = place.again().apply(want, change, "k")
    assert (again.reference, again.replayed) == (made.reference, True)
    assert len(place.objects("keys")) == 2
    only = {"password": ESCROW}
    (state,) = place.again(**only).observe([want]).states.values()
    assert state.identity == made.reference


def test_what_is_not_mounted_is_not_absent(tmp_path):
    place = ResticPlace(tmp_path / "no" / "kept")
    (state,) = place.have(place.repository()).values()
    assert isinstance(state, Unknown)
    with pytest.raises(Transient):
        place.driver.identity()


def test_snapshots_without_their_repository_are_no_empty_place(place, root):
    want = backup(root)
    place.back_up(want)
    (place.folder / "config").unlink()
    state = place.again().observe([place.repository()]).states["near"]
    assert isinstance(state, Unknown)
    assert "1 snapshots are there" in state.why


def test_another_password_opens_nothing(place, root):
    want = backup(root)
    place.back_up(want)
    seen = place.again(password="another").observe([want, place.repository()])
    assert {type(one) for one in seen.states.values()} == {Unknown}
    assert "does not open it" in str(seen)
    assert "another" not in str(seen).replace("another password", "")


def test_restic_is_asked_again_only_where_something_changed(place, root):
    want = backup(root)
    place.back_up(want)
    first = place.again().observe([want, place.repository()])
    again = place.again().observe([want, place.repository()])
    assert again.states == first.states
    assert first.requests["list"] > again.requests["list"] == 1
    (snapshot,) = place.objects("snapshots")
    snapshot.unlink()
    assert place.snapshots(want) == ()


# -- backing up ------------------------------------------------------------------------


def test_everything_comes_back(place, root, tmp_path):
    want = backup(root, BOTH)
    details = place.back_up(want).details
    assert (details["copy"], details["at"]) == ("near", NOW.isoformat())
    files, db = details["sources"]["files"], details["sources"]["db"]
    assert (files["files"], db["files"]) == (14, 1)
    for row in (files, db):
        assert row["canary"] == hashlib.sha256(b"4711-once").hexdigest()
        assert 0 < row["packed"] < row["added"]
        assert "changed" not in row
    done = restored(place, want, tmp_path / "into")
    assert done.files == 14 + 1 + 2
    assert done.engine == found().name
    back = tmp_path / "into" / "files"
    assert (back / ".reconciler-canary").read_text() == "4711-once"
    assert not (back / "public_html" / "cache" / "page.html").exists()
    for path in (root / "public_html").rglob("*"):
        if path.is_file() and "cache" not in path.parts:
            assert (back / path.relative_to(root)).read_bytes() == path.read_bytes()
    there = sqlite3.connect(tmp_path / "into" / "db" / "dump.sqlite")
    assert there.execute("select count(*) from orders").fetchone() == (500,)
    there.close()
    assert sorted(p.name for p in (tmp_path / "into").iterdir()) == ["db", "files"]


def test_what_is_listed_is_what_is_there(place, root):
    want = backup(root, BOTH)
    place.back_up(want)
    later(place, 1)
    (root / "public_html" / "index.php").write_text("other")
    received = place.back_up(want, "2026-11-23T02:15").details["sources"]
    assert received["files"]["changed"] == 1
    listed = place.snapshots(want)
    assert {one.host for one in listed} == {"u-1"}
    assert {one.said for one in listed} == {NOW, NOW + timedelta(days=1)}
    assert all(one.at > NOW for one in listed)  # by the clock of the folder
    by_source = {one.source: one.paths for one in place.snapshots(want)}
    assert by_source == {"files": ("public_html",), "db": ("dump.sqlite",)}


def test_the_receipt_says_what_the_manifest_says(place, root):
    want = backup(root)
    row = place.back_up(want).details["sources"]["files"]
    for key in ("drill", "escrow"):
        entries = place.again().restorer(want).manifest("files", row["snapshot"], key)
        assert digest(entries) == row["manifest"]
        assert len(entries) == row["files"] == 15
        assert sum(one.size for one in entries) == row["bytes"]


def test_who_restores_by_hand_sees_what_there_is(place, root):
    want = backup(root, BOTH)
    place.back_up(want)
    with_one = {"escrowKey": ESCROW, "drill": "reads:it"}
    driver = place.again(**with_one)
    assert isinstance(driver, Keeper)
    found_ = driver.restorer(want).snapshots("escrow")
    assert sorted(found_, key=lambda o: o.id) == sorted(
        place.snapshots(want), key=lambda o: o.id
    )
    with pytest.raises(Rejected, match="no password"):
        driver.restorer(want).snapshots("drill")


def test_a_sample_is_no_more_than_was_asked_for(place, root, tmp_path):
    odd = root / "public_html" / "a [1] *?\\.txt"
    odd.write_text("odd")
    bytes_ = os.fsencode(root / "public_html") + b"/b\xff\xfe.txt"
    Path(os.fsdecode(bytes_)).write_text("no utf-8")
    want = backup(root)
    place.back_up(want)
    listed = place.again().restorer(want).listing("files", place.ids(want)[0], "drill")
    (plain,) = (o.path for o in listed if "\N{REPLACEMENT CHARACTER}" in o.path)
    asked = ["public_html/index.php", "public_html/a [1] *?\\.txt", plain]
    done = restored(place, want, tmp_path / "into", {"files": asked})
    assert done.files == 4
    inside = tmp_path / "into" / "files"
    assert all((inside / one).is_file() for one in asked)


def test_a_slot_is_backed_up_once(place, root):
    want = backup(root, BOTH)
    first = place.back_up(want).details
    later(place, 1)
    again = place.back_up(want).details
    for one in (first, again):
        for row in one["sources"].values():
            for told in ("added", "packed", "changed"):
                row.pop(told, None)  # before 0.17 nobody writes them down
    assert again == first
    assert len(place.snapshots(want)) == 2
    place.back_up(want, "2026-11-23T02:15")
    assert len(place.snapshots(want)) == 4


def test_what_lacks_a_file_by_now_is_made_again(place, root):
    """Its exit code is lost: maybe restic could not read it then."""
    want = backup(root)
    first = place.back_up(want).details["sources"]["files"]
    (root / "public_html" / "late.php").write_text("it could not be read")
    again = place.back_up(want).details["sources"]["files"]
    assert again["snapshot"] != first["snapshot"]
    assert again["files"] == first["files"] + 1


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"paths": ["public_html", "mail"]}, "mail: No such file"),
        ({"paths": ["public_html/out"]}, "a link leads to it"),
        ({"paths": ["public_html/out/key"]}, "a link leads to it"),
        ({"paths": ["public_html"], "minFiles": 16}, "minFiles is 16"),
        ({"paths": ["public_html"], "minBytes": "1GiB"}, "minBytes"),
        ({"paths": ["public_html"], "exclude": ["public_html/*"]}, "minFiles is 1"),
        ({"type": "sqlite", "database": "no.sqlite"}, "no.sqlite: No such file"),
        ({"type": "sqlite", "database": "torn.sqlite"}, "torn.sqlite"),
        ({"type": "panel"}, "no archive of a panel"),
    ],
)
def test_what_is_not_enough_is_no_backup(place, root, tmp_path, source, why):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("not theirs")
    (root / "public_html" / "out").symlink_to(tmp_path / "secret")
    whole = (root / "shop.sqlite").read_bytes()
    (root / "torn.sqlite").write_bytes(whole[: len(whole) // 2])
    want = backup(root, {"files": source})
    for _ in range(2):  # what was made by the first one is no backup for the second
        with pytest.raises(Rejected, match=why):
            place.back_up(want)


def test_a_pattern_is_of_the_site_alone(tmp_path):
    """As restic takes them, both would leave out everything: that is above the site."""
    root = site(tmp_path / "cache" / "ho[1]me")
    place = ResticPlace(tmp_path / "kept").ready()
    (root / "public_html" / "!keep.log").write_text("x")
    (root / "public_html" / "index.log").write_text("x")
    exclude = ["cache", "/home", "!keep.log", "/public_html/index.l?g", "[0-9].jpg"]
    want = backup(root, {"files": {"paths": ["public_html"], "exclude": exclude}})
    row = place.back_up(want).details["sources"]["files"]
    entries = place.again().restorer(want).manifest("files", row["snapshot"], "drill")
    names = {one.path for one in entries}
    assert "public_html/wp-content/uploads/1.jpg" in names
    assert len(names) == 14
    assert not [n for n in names if "cache" in n or n.endswith(".log")]


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


def test_only_what_changed_is_read_again(place, root):
    """The one before is named: the canary's folder is another one each time."""
    want = backup(root)
    place.back_up(want)
    said = place.back_up(want, "next").details["sources"]["files"]
    assert said["changed"] == 0
    assert said["added"] < 15_000


# -- drills ----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"files": 5}, {"escrow": True}])
def test_a_drill_passes_on_what_is_good(place, root, tmp_path, more):
    drills = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, EXPECTED, drills=drills)
    done = place.drill(want, place.back_up(want).details, **more)
    assert (done["verdict"], done["why"]) == ("passed", "")
    assert done["engines"][0] == found().name
    assert [*(tmp_path / "scratch").iterdir()] == []


def test_a_drill_fails_on_what_is_not(place, root, tmp_path):
    want = backup(root, EXPECTED, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    there = sqlite3.connect(root / "shop.sqlite")
    with there:
        there.execute("delete from orders")
    there.close()
    done = place.drill(want, place.back_up(want, "emptied").details)
    assert done["verdict"] == "failed"
    assert "orders" in done["why"]
    pack = max(place.objects("data"), key=lambda one: one.stat().st_size)
    pack.unlink()
    assert place.drill(want, said)["verdict"] == "failed"


def test_a_drill_of_another_sites_snapshot_fails(place, root, tmp_path):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    other = site(tmp_path / "other")
    place.repo.run("backup", "--host", "u-2", "--tag", "backup=u-2", str(other))
    listed = json.loads(place.run("snapshots", "--json", "--host", "u-2"))
    (theirs,) = listed
    said["sources"]["files"]["snapshot"] = theirs["id"]
    assert place.drill(want, said)["verdict"] == "failed"


def test_a_place_that_is_down_proves_nothing(place, root, tmp_path):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    url = "rest:http://127.0.0.1:9/"
    place.account = place.account._replace(endpoint=url, settings={"url": url})
    assert place.drill(want, said)["verdict"] == "inconclusive"
    assert place.check(want)["verdict"] == "inconclusive"
    assert isinstance(place.again().observe([want]).states[want.name], Unknown)
    with pytest.raises(Transient):
        place.back_up(want, "next")


def test_a_lost_escrow_key_is_found(place, root, tmp_path):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    said = place.back_up(want).details
    lost = {**place.account.secrets, "escrowKey": "what was in the safe is another"}
    place.account = place.account._replace(secrets=lost)
    done = place.drill(want, said, escrow=True)
    assert done["verdict"] == "failed"
    assert "does not open it" in done["why"]
    assert place.drill(want, said)["verdict"] == "passed"


# -- checks ----------------------------------------------------------------------------


def flipped(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)


def test_each_byte_of_a_pack_is_read_once_a_month(place, root):
    want = backup(root)
    place.back_up(want)
    for pack in place.objects("data"):
        flipped(pack, 40)
    found_ = [place.check(want, part, 3)["verdict"] for part in (1, 2, 3)]
    assert "failed" in found_


def test_all_backups_of_a_repository_read_a_slice_once(place, root):
    from reconciler.kinds.backup import Check

    driver, want = place.again(), backup(root)
    place.back_up(want)
    first = driver.apply(want, place.change(Check, slice=1, of=1), "k")
    for pack in place.objects("data"):
        pack.unlink()
    again = driver.apply(want, place.change(Check, slice=1, of=1), "k")
    assert first.details["verdict"] == again.details["verdict"] == "passed"
    assert place.check(want, 1, 1)["verdict"] == "failed"


# -- copies, pruning -------------------------------------------------------------------


def test_a_copy_has_keys_of_its_own(place, root, tmp_path):
    want = backup(root, BOTH)
    place.back_up(want)
    secrets = {"password": "another"}
    far = ResticPlace(tmp_path / "far", "far", escrow=None, secrets=secrets).ready()
    ids = place.ids(want)
    done = far.copy(want, place, ids).details
    assert set(done["copied"]) == set(ids)
    assert done["new"] == 2
    assert far.copy(want, place, ids).details["new"] == 0
    assert {one.original for one in far.snapshots(want)} == set(ids)
    shutil.rmtree(place.folder)
    restored(far, want, tmp_path / "into")


def test_what_is_damaged_is_not_copied(place, root, tmp_path):
    want = backup(root)
    place.back_up(want)
    for pack in place.objects("data"):
        flipped(pack, 40)
    far = ResticPlace(tmp_path / "far", "far").ready()
    with pytest.raises(Rejected):
        far.copy(want, place, place.ids(want))
    with pytest.raises(Rejected, match="is not there"):
        far.copy(want, place, ["0" * 64])
    assert far.snapshots(want) == ()


def test_links_come_back_by_their_names(place, root, tmp_path):
    (root / "public_html" / "current").symlink_to("/somewhere/else")
    want = backup(root)
    place.back_up(want)
    (one,) = [s for s in place.snapshots(want) if s.source == "files"]
    into = tmp_path / "into"
    into.mkdir(mode=0o700)
    rest = place.driver.restorer(want)
    chosen = parts(rest, {"files": Wanted(one.id)}, ["public_html/cur*"], "drill")
    assert chosen["files"].links == ("public_html/current",)
    brought_back(rest, chosen, into, "drill")
    back = into / "files" / "public_html" / "current"
    assert back.readlink() == Path("/somewhere/else")


def test_exactly_what_was_decided_on_is_pruned(place, root):
    want = backup(root)
    for number in range(3):
        place.back_up(want, f"slot-{number}")
    first, *rest = place.ids(want)
    with pytest.raises(Rejected, match="other snapshots"):
        place.prune(want, rest[:1], rest[1:])  # the first one came since
    with pytest.raises(Rejected, match="other snapshots"):
        place.prune(want, [first], [*rest, "never-was"])
    with pytest.raises(Rejected, match="nothing is named"):
        place.prune(want, [first], [first, *rest])
    assert len(place.ids(want)) == 3
    done = place.prune(want, [first], rest)
    assert done.details == {"pruned": [first], "left": 2}
    assert place.ids(want) == rest
    assert place.prune(want, [first], rest).details == done.details  # its answer lost
    assert place.check(want, 1, 1)["verdict"] == "passed"


def test_what_this_run_backed_up_first_stops_no_prune(place, root):
    """Who runs once a day has both in each plan: it would never be pruned."""
    want = backup(root)
    for number in range(2):
        place.back_up(want, f"slot-{number}")
        place.now += timedelta(days=1)
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


# -- strangers -------------------------------------------------------------------------


def test_a_snapshot_by_another_host_is_foreign(place, root):
    want = backup(root)
    place.back_up(want)
    tags = ("--tag", "backup=u-1", "--tag", "source=files")
    place.run("backup", "--host", "evil", *tags, str(root / "public_html"))
    place.run("backup", "--host", "u-1", "--tag", "backup=u-1", str(root))
    state = place.again().observe([want]).states[want.name]
    assert len(state.snapshots) == 1
    assert {one.host for one in state.foreign} == {"evil", "u-1"}


def test_what_a_timer_of_the_host_makes_is_read_by_the_policys_paths(
    place, root, tmp_path
):
    want = backup(root, drills={"scratch": str(tmp_path / "scratch")})
    tags = ("--tag", "backup=u-1", "--tag", "source=files")
    place.run("backup", "--host", "u-1", *tags, str(root / "public_html"))
    (snap,) = place.snapshots(want)
    said = {"sources": {"files": {"snapshot": snap.id}}, "at": NOW.isoformat()}
    done = place.drill(want, said)
    assert (done["verdict"], done["why"]) == ("passed", "")
    restored(place, want, tmp_path / "into")
    assert (tmp_path / "into" / "files" / "public_html" / "index.php").is_file()


@pytest.mark.parametrize(
    ("paths", "made", "gone"),
    [
        (["public_html", "uploads"], ["public_html"], "uploads is not in it"),
        (["public_html", "uploads"], ["public_html", "uploads"], ""),
        (["public_html/", "./link"], ["public_html", "link"], ""),
        (["public_html", "x/public_html"], ["x/public_html", "public_html"], ""),
        (["public_html", "uploads"], ["."], ""),
        (["public_html", "a", "b"], ["x/public_html"], "a, b are not in it"),
    ],
)
def test_a_timer_of_the_host_that_leaves_a_path_out_is_found(
    place, root, tmp_path, paths, made, gone
):
    (root / "uploads").mkdir()  # with nothing in it: that is no fault
    (root / "link").symlink_to("public_html")
    shutil.copytree(root / "public_html", root / "x" / "public_html")
    drills = {"scratch": str(tmp_path / "scratch")}
    want = backup(root, {"files": {"paths": paths}}, drills=drills)
    tags = ("--tag", "backup=u-1", "--tag", "source=files")
    whole = [str(root / one) for one in made]
    place.run("backup", "--host", "u-1", *tags, *whole)
    (snap,) = place.snapshots(want)
    said = {"sources": {"files": {"snapshot": snap.id}}, "at": NOW.isoformat()}
    done = place.drill(want, said, adopted=True)
    assert done["verdict"] == ("failed" if gone else "passed"), done["why"]
    assert gone in done["why"]
    # What is older was perhaps right when it was made.
    assert place.drill(want, said)["verdict"] == "passed"


def test_no_secret_is_kept_or_shown(place, root):
    want = backup(root)
    said = [str(place.back_up(want)), str(place.snapshots(want)), repr(place.repo)]
    kept = [str(one) for one in place.account.cache.kept.values()]
    assert kept
    for path in place.objects():
        content = path.read_bytes()
        for secret in (PASSWORD, ESCROW, "4711-once", "WordPress"):
            assert secret.encode() not in content
    assert not [one for one in [*said, *kept] if PASSWORD in one or ESCROW in one]


def test_a_repository_is_made_once(tmp_path):
    place = ResticPlace(tmp_path / "kept").ready()
    change = place.change(Init)
    done = place.again().apply(place.repository(), change, "k")
    assert done.replayed
    assert isinstance(place.driver, ResticBackup)


def test_of_a_trace_its_cause_is_told():
    """As restic 0.14 ends where a tree is damaged; the last line names a file of Go."""
    trace = ("repository.LoadBlob", "\trepository.go:303", "main.runLs", "\tls.go:223")
    cause = "decrypting blob 57fb failed: ciphertext verification failed"
    repo = Repo("disk", {}, (), ())
    assert _said("\n".join([cause, *trace]), repo) == cause
    assert _said("Fatal: a\nb", repo) == "a"
    assert _said("\n".join(trace), repo)
