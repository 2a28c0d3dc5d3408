"""What restic reads of a site: all of it or no backup, but for what is gone by then."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.errors import Rejected
from reconciler.providers._restic_unread import Unread
from reconciler.providers._restore import Wanted, brought_back, parts
from tests.support.archives import backup, site
from tests.support.restics import ResticPlace, stand_in

_NOBODY = 65534
_CHURN = """
import os, sys
number = 0
while True:
    number += 1
    open(f"{sys.argv[1]}/{number}", "w").write("x")
    if number > 200:
        os.unlink(f"{sys.argv[1]}/{number - 200}")
"""


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "home")


@pytest.fixture
def place(tmp_path):
    return ResticPlace(tmp_path / "kept").ready()


def drilled(root, tmp_path, sources=None):
    return backup(root, sources, drills={"scratch": str(tmp_path / "scratch")})


# -- what cannot be read ---------------------------------------------------------------


def as_nobody(work):
    """Return what *work* says, done by somebody who may not read everything."""
    told, telling = os.pipe()
    if (child := os.fork()) == 0:
        with suppress(BaseException):
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(_NOBODY)
                os.setuid(_NOBODY)
            os.write(telling, json.dumps(work()).encode())
        os._exit(0)
    os.close(telling)
    with os.fdopen(told) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return json.loads(said)


def attempts(place, want):
    """Return what each of three attempts says of the same slot."""
    said = []
    for _ in range(3):
        try:
            said.append(str(place.back_up(want).details["sources"]))
        except Rejected as error:
            said.append(error.what)
        except Exception as error:  # noqa: BLE001  (whatever leaves the driver)
            said.append(f"{type(error).__name__}: {error}")
    return said


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_what_cannot_be_read_is_never_backed_up(mode):
    """The first try leaves a snapshot: the second must not take it for all there is."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        base.chmod(0o755)
        root, place = site(base / "home"), ResticPlace(base / "kept").ready()
        subprocess.run(["chmod", "-R", "a+rX", root], check=True)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", str(_NOBODY), place.folder], check=True)
        uploads = root / "public_html" / "wp-content" / "uploads"
        want = backup(root)
        if os.geteuid() == 0:
            uploads.chmod(mode)
            os.chown(uploads, 0, 0)
            said = as_nobody(lambda: attempts(place, want))
        else:
            uploads.chmod(mode)
            said = attempts(place, want)
        uploads.chmod(0o755)
    assert len(said) == 3
    for one in said:
        assert one.startswith("files: not everything could be read: ")
        assert "wp-content/uploads" in one


# -- what is gone by then --------------------------------------------------------------


def told(path, error, during="archival"):
    return {
        "message_type": "error",
        "error": error,
        "during": during,
        "item": str(path),
    }


GONE_14 = {"Op": "lstat", "Path": "/x", "Err": 2}
GONE_18 = {"message": "lstat /x: no such file or directory"}
SHUT_14 = {"Op": "open", "Path": "/x", "Err": 13}
SHUT_18 = {"message": "open /x: permission denied"}


@pytest.mark.parametrize(
    ("path", "error", "missed"),
    [
        ("gone", GONE_14, ""),
        ("gone", GONE_18, ""),
        ("gone", {}, ""),  # 0.14 says nothing of a folder
        ("gone/below", GONE_18, ""),
        ("there", GONE_14, "No such file"),
        ("there", GONE_18, "no such file"),
        ("there", {}, "it cannot be read"),
        ("there", SHUT_14, "Permission denied"),
        ("there", SHUT_18, "permission denied"),
        ("gone", SHUT_14, "Permission denied"),
        ("gone", {"Err": "odd"}, "it cannot be read"),
        ("gone", None, "None"),
        ("gone\N{REPLACEMENT CHARACTER}", GONE_18, "no such file"),  # nobody can look
        ("there/below", GONE_18, "no such file"),
    ],
)
def test_what_is_gone_is_no_harm(tmp_path, path, error, missed):
    (tmp_path / "there").touch()
    unread = Unread()
    assert not unread.harmless  # restic says that something was not read, and not what
    unread.add(told(tmp_path / path, error))
    assert missed in unread.missed
    assert unread.harmless is not bool(missed)
    unread.add(told(tmp_path / "there", SHUT_18, "scan"))  # it says it again
    assert unread.harmless is not bool(missed)
    unread.add(told(tmp_path / "there", SHUT_18))
    assert not unread.harmless


@pytest.mark.parametrize("error", [GONE_14, GONE_18])
def test_a_snapshot_that_lacks_what_is_gone_is_a_backup(
    place, root, tmp_path, monkeypatch, error
):
    want, gone = drilled(root, tmp_path), root / "public_html" / "session"
    rows = [told(gone, error, "scan"), told(gone, error)]
    says = "".join(f"echo '{json.dumps(row)}' >&2; " for row in rows)
    deed = f'backup) "$real" "$@"; {says} echo "Warning: at least one" >&2; exit 3;;'
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deed))
    gone.touch()
    with pytest.raises(Rejected, match=r"could be read: .*session"):
        place.back_up(want, "it is there")
    gone.unlink()
    received = place.back_up(want).details
    monkeypatch.setenv("PATH", path)
    assert received["sources"]["files"]["files"] == 15
    assert place.drill(want, received)["verdict"] == "passed"


def test_a_busy_site_is_backed_up(place, root):
    sessions = root / "public_html" / "sessions"
    sessions.mkdir()
    for number in range(2000):
        (sessions / f"old-{number}").touch()
    busy = subprocess.Popen([sys.executable, "-c", _CHURN, str(sessions)])
    try:
        row = place.back_up(backup(root)).details["sources"]["files"]
    finally:
        busy.kill()
        busy.wait()
    assert row["files"] >= 2015


# -- names -----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"files": 3}])
def test_what_a_restore_left_among_a_sites_files_is_left_out(
    place, root, tmp_path, more
):
    """It has the name of what proves a backup, and would come back in its place."""
    (root / ".reconciler-canary").write_text("of a restore, long ago")
    want = drilled(root, tmp_path, {"files": {"paths": ["."]}})
    received = place.back_up(want).details
    assert received["sources"]["files"]["files"] == 16
    done = place.drill(want, received, **more)
    assert (done["verdict"], done["why"]) == ("passed", "")
    assert place.back_up(want).details["sources"].keys() == {"files"}
    assert len(place.ids(want)) == 1  # and it is not missed the second time


@pytest.mark.parametrize("path", [".reconciler-canary", "./.reconciler-canary"])
def test_a_path_of_that_name_is_refused(place, root, path):
    (root / ".reconciler-canary").write_text("mine")
    want = backup(root, {"files": {"paths": ["public_html", path]}})
    with pytest.raises(Rejected, match="the name of the file that proves a backup"):
        place.back_up(want)
    assert not place.ids(want)


@pytest.mark.parametrize("more", [{}, {"files": 3}])
def test_two_names_that_are_told_as_one_are_two_files(place, root, tmp_path, more):
    for name, size in ((b"caf\xe9.jpg", 9), (b"caf\xe8.jpg", 99)):
        odd = os.fsencode(root / "public_html") + b"/" + name
        Path(os.fsdecode(odd)).write_bytes(b"\xff\xd8\xff" * size)
    want = drilled(root, tmp_path)
    received = place.back_up(want).details
    assert received["sources"]["files"]["files"] == 17
    done = place.drill(want, received, **more)
    assert (done["verdict"], done["why"]) == ("passed", "")


def test_by_hand_they_come_back_as_two_as_well(place, root, tmp_path):
    for name, size in ((b"caf\xe9.txt", 9), (b"caf\xe8.txt", 99)):
        odd = os.fsencode(root / "public_html") + b"/" + name
        Path(os.fsdecode(odd)).write_bytes(b"x" * size)
    want = backup(root)
    row = place.back_up(want).details["sources"]["files"]
    restorer, into = place.again().restorer(want), tmp_path / "into"
    into.mkdir()
    chosen = parts(restorer, {"files": Wanted(row["snapshot"])}, (), "drill")
    assert brought_back(restorer, chosen, into, "drill").wrong == ""
