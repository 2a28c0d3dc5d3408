"""What opening told is believed while the listing is as it was, and no longer."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.kinds.backup import CopyState
from reconciler.model import Unknown
from reconciler.providers import _archive_seal
from tests.support.archives import PASSWORD, Place, backup, site
from tests.support.restics import ResticPlace, locked, stand_in, write_new


class Opened:
    """A place, and how often it was opened since that was asked last."""

    def __init__(self, place: Place, want: Any, counted: Callable[[], int]) -> None:
        self.place, self.want, self.counted = place, want, counted

    def look(self) -> tuple[Any, int]:
        """Look as another run does; return what is there, and how often it opened."""
        self.counted()
        state = self.place.again().observe([self.want]).states[self.want.name]
        return state, self.counted()


@pytest.fixture(params=["restic", "archive"])
def opened(request: Any, tmp_path: Path, monkeypatch: Any) -> Opened:
    log = tmp_path / "log"
    log.touch()
    want = backup(site(tmp_path / "home"))
    if request.param == "restic":
        deeds = f'snapshots|cat) echo "$1" >> {log};;'
        monkeypatch.setenv("PATH", stand_in(tmp_path / "bin", deeds))
        place: Place = ResticPlace(tmp_path / "r").ready()
    else:
        monkeypatch.setitem(_archive_seal._COST, "n", 16)
        place = Place(tmp_path / "r", escrow=None).ready()
        real = _archive_seal.hashlib.scrypt

        def derived(*args: Any, **more: Any) -> bytes:
            log.write_text(log.read_text() + "scrypt\n")
            made: bytes = real(*args, **more)
            return made

        monkeypatch.setattr(_archive_seal.hashlib, "scrypt", derived)
    for slot in ("one", "two"):
        place.back_up(want, slot)

    def counted() -> int:
        many = len(log.read_text().split())
        log.write_text("")
        return many

    return Opened(place, want, counted)


def index(opened: Opened) -> list[Path]:
    restic = isinstance(opened.place, ResticPlace)
    return opened.place.objects("snapshots" if restic else "index")


def config(opened: Opened) -> Path:
    restic = isinstance(opened.place, ResticPlace)
    return opened.place.folder / ("config" if restic else "archive.json")


def test_it_is_opened_once_and_again_where_something_came(opened):
    first, often = opened.look()
    assert often > 0
    assert len(first.snapshots) == 2
    assert opened.look() == (first, 0)
    opened.place.back_up(opened.want, "three")
    more, often = opened.look()
    assert often > 0
    assert len(more.snapshots) == 3
    assert opened.look() == (more, 0)


def test_it_is_opened_again_within_a_day(opened):
    opened.look()
    opened.place.now += timedelta(hours=11)
    assert opened.look()[1] == 0
    opened.place.now += timedelta(hours=13)
    assert opened.look()[1] > 0
    assert opened.look()[1] == 0


def test_a_clock_that_was_ahead_is_believed_nothing(opened):
    opened.look()
    opened.place.now -= timedelta(minutes=1)
    assert opened.look()[1] > 0


def test_what_went_is_seen_at_once(opened):
    first, _ = opened.look()
    index(opened)[0].unlink()
    left, _ = opened.look()
    assert len(left.snapshots) == 1
    assert {*left.snapshots} < {*first.snapshots}


def test_when_something_came_is_asked_each_time(opened):
    first, _ = opened.look()
    path = index(opened)[0]
    os.utime(path, (0, 0))
    (old,) = {*opened.look()[0].snapshots} - {*first.snapshots}
    assert old.at.year == 1970


@pytest.mark.parametrize("which", [index, lambda opened: [config(opened)]])
def test_a_bit_that_flips_is_seen_though_size_and_time_stay(opened, which):
    opened.look()
    path, at = which(opened)[0], which(opened)[0].stat()
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(body))
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    state, often = opened.look()
    assert isinstance(state, Unknown) or (often > 0 and len(state.snapshots) == 1)


def test_another_repository_in_its_place_is_seen_at_once(opened, tmp_path):
    first, _ = opened.look()
    for path in opened.place.folder.iterdir():
        path.rename(tmp_path / f"away-{path.name}")
    if isinstance(opened.place, ResticPlace):
        opened.place.folder.rmdir()
        write_new(opened.place.folder, PASSWORD)
    else:
        Place(opened.place.folder, escrow=None).ready()
    other, often = opened.look()
    assert often > 0
    assert isinstance(other, CopyState)
    assert other.identity != first.identity
    assert other.snapshots == ()


def test_a_key_that_is_another_one_is_seen_at_once(tmp_path):
    want = backup(site(tmp_path / "home"))
    place = ResticPlace(tmp_path / "r").ready()
    place.back_up(want)
    assert place.snapshots(want)
    for path in place.objects("keys"):
        path.chmod(0o600)
        path.write_text(path.read_text().replace('"N": 2', '"N": 4'))
    (state,) = place.again().observe([want]).states.values()
    assert isinstance(state, Unknown)
    # From 0.17 on restic sees first that the file is not what its name says.
    assert "does not open it" in state.why or "invalid data" in state.why


@pytest.mark.parametrize("secrets", [{"password": "evil"}, {"escrowKey": "evil"}])
def test_who_has_another_password_tells_nothing(tmp_path, monkeypatch, secrets):
    """What opens it is believed, and nothing is foreign by that alone."""
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    want = backup(site(tmp_path / "home"))
    place = Place(tmp_path / "r").ready()
    place.back_up(want)
    assert place.snapshots(want)
    place.back_up(want, "next")
    (state,) = place.again(**secrets).observe([want]).states.values()
    assert isinstance(state, Unknown)
    assert len(place.snapshots(want)) == 2


def test_a_lock_is_seen_at_once(tmp_path):
    want = backup(site(tmp_path / "home"))
    place = ResticPlace(tmp_path / "r").ready()
    place.back_up(want)
    assert place.snapshots(want)
    locked(place, "web-7", 7, timedelta(minutes=5))
    (state,) = place.again().observe([want]).states.values()
    assert "by web-7" in state.locks[0]


def test_what_was_foreign_is_read_each_time(tmp_path, monkeypatch):
    monkeypatch.setitem(_archive_seal._COST, "n", 16)
    want = backup(site(tmp_path / "home"))
    place = Place(tmp_path / "r").ready()
    place.back_up(want)
    path = place.objects("index")[0]
    path.with_name("0" * 40 + ".json").write_bytes(path.read_bytes())
    for _ in range(2):
        (state,) = place.again().observe([want]).states.values()
        assert len(state.foreign) == 1
        assert len(state.snapshots) == 1
