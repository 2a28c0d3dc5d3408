"""What runs around a backup: again where it was cut off, waited for, and without secrets."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from reconciler.errors import Rejected
from reconciler.model.backing import Hooks
from reconciler.providers import _archive_making, _archive_seal, _restic_making
from reconciler.providers._backup_hooks import hooked, mask_of
from tests.support.archives import PASSWORD, Place, backup, site
from tests.support.restics import ResticPlace

ENGINES = pytest.mark.parametrize(
    ("kind", "making"),
    [(Place, _archive_making.Making), (ResticPlace, _restic_making.Making)],
    ids=["archive", "restic"],
)


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)


@pytest.fixture
def root(tmp_path):
    return site(tmp_path / "home")


def say(told, word, end=0):
    return {"run": ["/bin/sh", "-c", f"echo {word} >> {told}; exit {end}"]}


def shell(text, **more):
    return Hooks.model_validate({"before": [{"run": ["/bin/sh", "-c", text], **more}]})


def as_it_is(text):
    return text


@ENGINES
def test_what_was_killed_after_its_last_snapshot_opens_the_site_again(
    kind, making, root, tmp_path, monkeypatch
):
    """Else a site stays in maintenance, and the receipt says that all is well."""
    told = tmp_path / "told"
    hooks = {"before": [say(told, "shut")], "after": [say(told, "open")]}
    place, want = kind(tmp_path / "kept").ready(), backup(root, hooks=hooks)
    one = making._one

    def dies(*arguments):
        one(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        monkeypatch.setattr(making, "_one", dies)
        place.back_up(want)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert told.read_text().split() == ["shut"]
    place.back_up(want)
    assert told.read_text().split() == ["shut", "open"]
    assert len(place.ids(want)) == 1


@ENGINES
def test_what_fails_afterwards_fails_each_time(kind, making, root, tmp_path):
    del making
    told, again = tmp_path / "told", 2
    hooks = {
        "before": [say(told, "shut")],
        "after": [say(told, "stuck", 1)],
        "failed": [say(told, "bad")],
    }
    place, want = kind(tmp_path / "kept").ready(), backup(root, hooks=hooks)
    for _ in range(again):
        with pytest.raises(Rejected, match=r"the hook /bin/sh failed \(1\)"):
            place.back_up(want)
    assert told.read_text().split() == ["shut", "stuck", "bad", "stuck", "bad"]
    mended = backup(root, hooks={**hooks, "after": [say(told, "open")]})
    place.back_up(mended)
    assert told.read_text().split()[-1] == "open"
    assert len(place.ids(want)) == 1


# -- how long it is waited for ---------------------------------------------------------


def test_what_a_hook_leaves_running_is_neither_waited_for_nor_ended(tmp_path):
    mark, begun = tmp_path / "mark", time.monotonic()
    hook = f"sleep 30 & echo $! > {mark}"
    with hooked(shell(hook, timeout="20s"), as_it_is):
        pass
    assert time.monotonic() - begun < 15
    service = int(mark.read_text())
    os.kill(service, 0)
    os.kill(service, signal.SIGKILL)


def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path):
    mark = tmp_path / "mark"
    hook = f"sleep 60 & echo $! > {mark}; wait"
    with (
        pytest.raises(Rejected, match="did not end in 1 s"),
        hooked(shell(hook, timeout="1s"), as_it_is),
    ):
        pass
    deadline = time.monotonic() + 20
    while _lives(int(mark.read_text())) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _lives(int(mark.read_text()))


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


# -- what is told of it ----------------------------------------------------------------


def test_much_that_is_said_is_not_kept():
    """A program that complains without end is no reason to run out of memory."""
    before = _peak()
    loud = (
        "head -c 100000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo why >&2; exit 3"
    )
    with (
        pytest.raises(Rejected, match=r"failed \(3\): why$"),
        hooked(shell(loud), as_it_is),
    ):
        pass
    assert _peak() - before < 20_000


def _peak() -> int:
    """Return the most memory that this process ever had, in KiB."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0])


def test_no_secret_is_told(tmp_path):
    place = Place(tmp_path / "kept")
    place.beside.values["DATABASE"] = "hunter2-of-the-shop"
    told = f"no: {PASSWORD}, hunter2-of-the-shop"
    with (
        pytest.raises(Rejected, match=r"failed \(1\): no: ") as error,
        hooked(shell(f"echo '{told}' >&2; exit 1"), mask_of(place.account)),
    ):
        pass
    assert PASSWORD not in error.value.what
    assert "hunter2" not in error.value.what


def test_half_a_secret_is_not_told_either(tmp_path):
    """Of a line without end, what is kept may begin within one."""
    place = Place(tmp_path / "kept")
    line = (
        f"printf '%s' '{PASSWORD}' >&2; head -c 8181 /dev/zero | tr '\\0' x >&2; exit 1"
    )
    with (
        pytest.raises(Rejected) as error,
        hooked(shell(line), mask_of(place.account)),
    ):
        pass
    assert "battery" not in error.value.what
