"""A lock that ends earlier than the record has it is told by any plan: pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from reconciler.kinds.backup import ExtendLock
from tests.support.backups import DAY, Life, backing, locked

LASTS = timedelta(days=35)


def lock(life: Life, *, first: Any = None) -> None:
    """Have every new snapshot of the far copy be locked, as its bucket does."""
    state = life.state("far")
    ours = [
        one if one.locked else one.model_copy(update={"locked": one.at + LASTS})
        for one in state.snapshots
    ]
    ends = [one.locked for one in ours if one.locked]
    life.put("far", snapshots=tuple(ours), locked=first or min(ends, default=None))


def lived(days: int = 4) -> Life:
    life = Life(**locked())
    life.put("far", versioned=True)
    for _ in life.live(days):
        lock(life)
        life.look()
    assert "backup-tampered" not in life.findings()
    return life


def shorten(life: Life, at: int, by: timedelta) -> str:
    """Lock one snapshot for less, but not so that it is the first to end."""
    found = list(life.state("far").snapshots)
    until = found[at].locked
    assert until is not None
    found[at] = found[at].model_copy(update={"locked": until - by})
    life.put("far", snapshots=tuple(found))
    return found[at].id


@pytest.mark.parametrize("forgets", [False, True])
def test_one_snapshot_that_does_not_end_first(forgets):
    life = lived()
    first = life.state("far").locked
    shorten(life, -1, 2 * DAY)
    assert life.state("far").locked == first  # all that a look alone shows
    if forgets:  # so it is this fact that tells
        life.recorded.pop("lockEnds")
        assert "backup-tampered" not in life.findings()
        return
    assert "one snapshot is locked for less than before" in life.said("backup-tampered")
    life.look()
    assert life.findings()["backup-tampered"] == "critical"  # seen: no excuse


def test_one_that_is_not_locked_at_all():
    life = lived()
    found = list(life.state("far").snapshots)
    found[-1] = found[-1].model_copy(update={"locked": None})
    life.put("far", snapshots=tuple(found))
    assert "not at all" in life.said("backup-tampered")


def test_nothing_is_pruned_meanwhile_and_a_person_may_accept_it():
    life = lived()
    name = shorten(life, -1, 2 * DAY)
    assert "backup-tampered" in life.findings()
    life.accept = (name,)
    assert "backup-tampered" not in life.findings()


def test_a_shorter_promise_for_new_ones_shortens_no_old_one():
    life = lived()
    rule = life.places[1].immutability.model_copy(update={"lasts": 10 * DAY})
    life.places[1] = life.places[1].model_copy(update={"immutability": rule})
    lock(life, first=life.now + 10 * DAY)
    assert "backup-tampered" not in life.findings()
    shorten(life, 0, 20 * DAY)
    assert "locked for less than before" in life.said("backup-tampered")


def test_what_was_locked_for_longer_is_known_before_anybody_looked():
    """The run that did it died before it looked again; another machine plans."""
    life = lived()
    for _ in range(18):
        life.now += DAY
    lock(life)
    (change,) = (one for one in life.due() if isinstance(one, ExtendLock))
    life.ended(change)  # what is listed now is what was before
    assert life.findings()["backup-tampered"] == "critical"
    until = life.now.replace(hour=0) + LASTS
    longer = [
        o.model_copy(update={"locked": until}) for o in life.state("far").snapshots
    ]
    life.put("far", snapshots=tuple(longer), locked=until)
    assert "backup-tampered" not in life.findings()
    life.look()
    shorten(life, 3, DAY)
    assert "locked for less than before" in life.said("backup-tampered")


def test_a_backup_tells_of_its_lock_at_once():
    life = Life(near=locked()["far"].model_copy(update={"name": "near"}))
    until = life.now + LASTS
    made = life.due()[0]
    real = life.ended

    def ended(change: Any, *more: Any, **said: Any) -> None:
        found = life.state("near").snapshots
        ours = tuple(o.model_copy(update={"locked": until}) for o in found)
        life.put("near", snapshots=ours, locked=until)
        real(change, *more, **said)

    life.ended = ended  # type: ignore[method-assign]
    life.do(made)
    assert [*life.recorded["lockEnds"]["near"]] == [until.isoformat()]
    assert len(life.recorded["lockEnds"]["near"][until.isoformat()]) == 2


def test_what_is_over_is_forgotten_and_nothing_is_written_twice():
    life = lived()
    before = dict(life.recorded)
    life.look()
    assert life.recorded == before
    assert sum(len(o) for o in life.recorded["lockEnds"]["far"].values()) == 8
    life.now += LASTS + DAY
    name = (
        life.state("far")
        .snapshots[0]
        .model_copy(update={"id": "e" * 64, "locked": life.now + LASTS})
    )
    life.put("far", snapshots=(*life.state("far").snapshots, name))
    life.look()
    assert [*life.recorded["lockEnds"]["far"].values()] == [["e" * 16]]


def test_where_nothing_is_locked_nothing_is_kept():
    life = Life()
    for _ in life.live(3):
        pass
    assert "lockEnds" not in life.recorded


# -- what has no lock, or not the one that is wanted -----------------------------------


def bare(life: Life, at: int, **told: Any) -> str:
    """Have one snapshot be without the lock that the others have."""
    found = list(life.state("far").snapshots)
    found[at] = found[at].model_copy(update=told or {"locked": None})
    life.put("far", snapshots=tuple(found))
    return found[at].id


def locking(life: Life) -> ExtendLock | None:
    return next((one for one in life.due() if isinstance(one, ExtendLock)), None)


@pytest.mark.parametrize("told", [{"locked": None}, {"governed": True}])
def test_one_without_the_lock_is_told_of_and_locked(told):
    """It was there before its bucket locked anything: the record knows no lock of it."""
    life = lived()
    life.recorded.pop("lockEnds")
    assert "lock-ends" not in life.findings()
    assert locking(life) is None
    name = bare(life, 0, **told)
    assert life.findings()["lock-ends"] == "error"
    said = life.said("lock-ends")
    assert "1 of 8 snapshots in far are not locked as compliance wants it" in said
    assert "`provider`" in said
    change = locking(life)
    assert change is not None
    assert change.details["ids"] == [name]
    assert life.want.done(change, life.have) is False
    until = life.now.replace(hour=0) + LASTS
    bare(life, 0, locked=until, governed=False)
    assert life.want.done(change, life.have) is True
    life.ended(change)
    assert [*life.recorded["lockEnds"]["far"][until.isoformat()]] == [name[:16]]
    assert locking(life) is None
    assert "lock-ends" not in life.findings()


def test_governance_is_enough_where_it_is_what_is_wanted():
    life = lived()
    rule = life.places[1].immutability.model_copy(update={"mode": "governance"})
    life.places[1] = life.places[1].model_copy(update={"immutability": rule})
    bare(life, 0, governed=True)
    assert "lock-ends" not in life.findings()
    assert locking(life) is None


def test_where_nothing_is_locked_all_of_it_is():
    life = Life(**locked())
    for _ in life.live(2):
        pass
    assert "nothing in far is locked, and compliance" in life.said("lock-ends")
    assert locking(life) is None  # it is no bucket: nothing can be locked
    life.put("far", versioned=True)
    change = locking(life)
    assert change is not None
    ids = change.details["ids"]
    assert ids == [one.id for one in life.state("far").snapshots]


def test_what_opens_it_is_locked_too():
    life = lived()
    life.put("far", exposed=True)
    assert "what opens far is not locked" in life.said("lock-ends")
    change = locking(life)
    assert change is not None
    assert change.details["ids"] == []
    assert life.want.done(change, life.have) is False


# -- what no rule keeps any more -------------------------------------------------------


def renewed(life: Life, change: ExtendLock) -> None:
    """Lock what *change* names for longer, as an engine does."""
    until = datetime.fromisoformat(str(change.details["until"]))
    ids = change.details.get("ids")
    found = tuple(
        one.model_copy(update={"locked": max(one.locked, until)})
        if one.locked and (ids is None or one.id in ids)  # type: ignore[operator]
        else one
        for one in life.state("far").snapshots
    )
    ends = [one.locked for one in found if one.locked]
    life.put("far", snapshots=found, locked=min(ends))


def test_locks_that_are_renewed_let_go_of_what_nobody_needs():
    """Otherwise nothing would ever be pruned where locks are renewed."""
    keep = {"daily": 20, "weekly": 0, "monthly": 0, "within": "0s", "least": 3}
    life = Life(backing(keep=keep, prune={"most": "60%"}), **locked())
    life.put("far", versioned=True)
    times = 0
    for _ in range(200):
        for change in [one for one in life.due() if isinstance(one, ExtendLock)]:
            renewed(life, change)
            life.ended(change)
            times += 1
        life.run()
        lock(life)
        life.look()
        assert "backup-tampered" not in life.findings()
        assert life.findings().get("lock-ends") is None
        life.now += DAY
    assert times > 5
    far = {one.id: one for one in life.state("far").snapshots}
    assert len(far) < 2 * (20 + 2 * 35)
    assert all(one.locked and one.locked > life.now - DAY for one in far.values())
    newest = sorted(far.values(), key=lambda one: one.at)[-2 * 20 :]
    assert all(one.locked > life.now + 7 * DAY for one in newest if one.locked)


def test_renewed_locks_ask_nobody_where_nothing_is_wrong():
    """What falls out of ``keep`` until the next renewal goes together."""
    life = Life(**locked())
    life.put("far", versioned=True)
    held = 0
    for _ in range(200):
        for change in [one for one in life.due() if isinstance(one, ExtendLock)]:
            renewed(life, change)
            life.ended(change)
        life.run()
        lock(life)
        life.look()
        held += "prune-held" in life.findings()
        life.now += DAY
    assert held == 0
    assert len(life.state("far").snapshots) < 2 * 70


def test_locks_that_are_not_renewed_end_one_by_one():
    life = Life(**locked(extend=False))
    life.put("far", versioned=True)
    for _ in range(60):
        life.run()
        lock(life)
        life.look()
        assert "lock-ends" not in life.findings()
        life.now += DAY
    found = list(life.state("far").snapshots)
    ends = life.now - DAY
    found[-2:] = [one.model_copy(update={"locked": ends}) for one in found[-2:]]
    life.recorded.pop("lockEnds")
    life.put("far", snapshots=tuple(found), locked=ends)
    assert f"the lock of the newest backup ended {ends:%Y-%m-%d}" in life.said(
        "lock-ends"
    )
