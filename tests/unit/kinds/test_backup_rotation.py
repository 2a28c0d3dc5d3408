"""What a panel or a host forgets by its own rule is not missed; all else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reconciler.kinds.backup import Snapshot
from tests.support.backups import DAY, START, Life, backing, repository

PANEL: dict[str, Any] = {
    "objectives": {"rpo": "50h", "rto": "4h"},
    "sources": {"account": {"type": "panel"}},
    "copies": ["near"],
}
NOTHING = {"daily": 0, "weekly": 0, "monthly": 0, "within": "0d", "least": 1}


def scheduled(by: str, keep: dict[str, Any] | None = None) -> Any:
    more = {} if keep is None else {"keep": {**NOTHING, **keep}}
    return backing(**PANEL, schedule={"cron": "0 2 * * *", "by": by}, **more)


def of_a_panel(**told: Any) -> Life:
    """Return one that a panel makes, which keeps as many as *told*."""
    more = {"panel": told} if told else {}
    return Life(scheduled("panel"), near=repository("near", engine="whm", **more))


def of_a_host(**keep: int) -> Life:
    return Life(scheduled("host", keep))


#: Who makes it, and how many nights stay there.
ROTATIONS = {
    "a panel that says how many": (lambda: of_a_panel(daily=3), 3),
    "a panel that says less than it keeps": (lambda: of_a_panel(daily=3), 5),
    "a panel that says nothing": (of_a_panel, 1),
    "a host by days": (lambda: of_a_host(daily=7), 7),
    "a host by number": (lambda: of_a_host(last=3), 3),
}
rotations = pytest.mark.parametrize(
    ("make", "nights"), ROTATIONS.values(), ids=ROTATIONS.keys()
)
#: Those that say how many have to be there, and keep no more.
EXACT = {name: ROTATIONS[name] for name in ROTATIONS if "says" not in name}
EXACT["a panel"] = ROTATIONS["a panel that says how many"]


def one(life: Life, **more: Any) -> Snapshot:
    """Return what is made now, and called so."""
    told = {"id": f"shop.{life.now:%m-%dT%H:%M}", "at": life.now, "said": life.now}
    return Snapshot(source="account", host="x", packed=10, **{**told, **more})


def night(life: Life, nights: int) -> None:
    """Let one be made and the oldest be forgotten, before anybody looks."""
    life.now += DAY
    made = (*life.state("near").snapshots, one(life))
    life.put("near", snapshots=made[-nights:])


def lived(life: Life, nights: int, days: int = 12) -> Life:
    """Return it after some nights, each of which was looked at."""
    for _ in range(days):
        night(life, nights)
        life.look()
    return life


def found(life: Life) -> bool:
    return "backup-tampered" in life.findings()


@rotations
def test_what_rotates_before_the_look_is_no_tampering(make, nights):
    life = make()
    for day in range(12):
        night(life, nights)
        assert not found(life), day
        life.look()
        newest = life.state("near").snapshots[-1]
        assert life.recorded["receipts"][-1]["sources"]["account"]["snapshot"] == (
            newest.id
        )
    assert "alarm" not in life.recorded
    listed = {each.id for each in life.state("near").snapshots}
    assert life.recorded["vouched"]["near"].keys() == listed  # and no more
    before = life.recorded
    life.look()
    assert life.recorded == before


@rotations
def test_what_rotates_while_nobody_looks_is_no_tampering(make, nights):
    life = lived(make(), nights, days=2)
    for _ in range(20):
        night(life, nights)
    assert not found(life)
    assert not found(lived(life, nights, days=2))


def _all(kept: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    return kept[:0]


def _newest(kept: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    return kept[:-1]


def _one_of_many(kept: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    return (*kept[:1], *kept[2:])


def _history(kept: tuple[Snapshot, ...]) -> tuple[Snapshot, ...]:
    return kept[-1:]


@pytest.mark.parametrize("deed", [_all, _newest, _one_of_many, _history])
@pytest.mark.parametrize(("make", "nights"), EXACT.values(), ids=EXACT.keys())
@pytest.mark.parametrize("after", [0, 1])
def test_what_somebody_deletes_is_found(make, nights, deed, after):
    """And so it is where the next night came before the next look."""
    life = lived(make(), nights)
    life.put("near", snapshots=deed(life.state("near").snapshots))
    for _ in range(after):
        night(life, nights)
    assert found(life)
    known, receipts = life.recorded["vouched"], life.recorded["receipts"]
    life.look()
    assert found(life)  # having seen it is no excuse
    assert life.recorded["vouched"] == known
    assert life.recorded["receipts"] == receipts


def test_of_a_panel_that_says_nothing_the_newest_is_missed():
    life = lived(of_a_panel(), 4)
    life.put("near", snapshots=life.state("near").snapshots[:-1])
    assert found(life)


@pytest.mark.parametrize("keep", [{"last": 3}, {"daily": 3}, {"hourly": 3}])
@pytest.mark.parametrize("back", [timedelta(0), DAY])
def test_many_at_once_push_out_nothing_that_is_proven(keep, back):
    """Whoever has the key adds, however they date it, and forgets what was there."""
    life = lived(of_a_host(**keep), 3)
    junk = [
        one(life, id=f"junk{n}", at=life.now + n * hour, said=life.now - n * back)
        for n, hour in enumerate([timedelta(hours=1)] * 5)
    ]
    life.put("near", snapshots=tuple(junk))
    life.now += timedelta(hours=6)
    assert found(life)


def taken_over(life: Life) -> Life:
    """Return it with one that was made from here, beside those of the panel."""
    life.policy = scheduled("reconciler", {"daily": 3})
    life.now += timedelta(hours=15)  # past the next time at which one is due
    change = next(each for each in life.due() if each.verb == "back-up")
    made = one(life, id="reconciler/one")
    life.put("near", snapshots=(*life.state("near").snapshots, made), ours=(made.id,))
    row = {"snapshot": made.id, "bytes": 10, "manifest": "m" * 64, "canary": "c" * 64}
    life.ended(change, at=life.now.isoformat(), sources={"account": row})
    life.look()
    assert life.recorded["receipts"][-1]["slot"]
    return life


def rotate(life: Life, nights: int) -> None:
    """Let the panel do so with its own, beside what it was asked for."""
    mine = [
        each for each in life.state("near").snapshots if each.id != "reconciler/one"
    ]
    ours = [each for each in life.state("near").snapshots if each not in mine]
    life.now += DAY
    mine = [*mine, one(life)][-nights:]
    life.put("near", snapshots=(*mine, *ours))


def test_a_panel_rotates_on_when_more_is_made_from_here():
    life = lived(of_a_panel(daily=3), 4)
    life.policy = scheduled("reconciler", {"daily": 3})
    assert not found(life)
    taken_over(life)
    for day in range(8):
        rotate(life, 4)
        assert not found(life), day
        life.look()
    known = life.recorded["vouched"]["near"]
    assert "reconciler/one" in known
    assert life.recorded["theirs"]["near"] == []  # all of them were rotated away


def test_a_record_of_before_knows_whose_they_are_by_their_receipts():
    """Older ones had everything that ever was there, and nobody's name on it."""
    life = lived(of_a_panel(daily=3), 4, days=3)
    for _ in range(3):
        night(life, 4)
        life.look()
    del life.recorded["theirs"]
    old = {
        f"shop.old{n}": ["account", (START - n * DAY).isoformat()] for n in range(50)
    }
    life.recorded["vouched"] = {"near": {**old, **life.recorded["vouched"]["near"]}}
    life.policy = scheduled("reconciler", {"daily": 3})
    assert not found(life)
    life.look()
    assert old.keys().isdisjoint(life.recorded["vouched"]["near"])


@pytest.mark.parametrize("panel", [True, False])
def test_what_was_made_from_here_is_missed_whoever_makes_the_next(panel):
    life = taken_over(lived(of_a_panel(daily=3), 4))
    rotate(life, 4)
    if panel:
        life.policy = scheduled("panel")
    left = [
        each for each in life.state("near").snapshots if "reconciler" not in each.id
    ]
    assert not found(life)
    life.put("near", snapshots=tuple(left))
    assert found(life)
    for _ in range(5):
        rotate(life, 4)
        life.look()
    assert "reconciler/one" in life.said("backup-tampered")


def test_what_the_panel_has_to_keep_is_missed_after_it_was_taken_over():
    life = taken_over(lived(of_a_panel(daily=3), 4))
    mine = life.state("near").snapshots
    life.put("near", snapshots=(*mine[:-2], mine[-1]))
    assert found(life)


def test_a_date_that_somebody_writes_pushes_out_nothing_of_a_panel():
    life = lived(of_a_panel(daily=3), 3)
    life.now += DAY
    junk = [one(life, id=f"junk{n}", said=life.now - n * DAY) for n in range(5)]
    life.put("near", snapshots=tuple(junk))
    assert found(life)


def test_what_was_made_from_here_pushes_out_nothing_of_the_panel():
    """Not even where there is no receipt yet: the panel does not count it."""
    life = taken_over(lived(of_a_panel(daily=3), 3))
    kept = life.state("near").snapshots
    unread = [one(life, id=f"reconciler/{n}", at=life.now + n * DAY) for n in range(3)]
    unread = [each.model_copy(update={"said": each.at}) for each in unread]
    life.now += 3 * DAY
    ours = (*life.state("near").ours, *(each.id for each in unread))
    life.put("near", snapshots=(*kept, *unread), ours=ours)
    assert not found(life)
    life.put("near", snapshots=(*kept[1:], *unread))
    assert found(life)


def test_what_was_made_from_here_stays_ours_where_a_listing_vouches_for_it():
    life = lived(of_a_panel(daily=3), 3)
    life.now += DAY
    made = one(life, id="reconciler/one")
    life.put("near", snapshots=(*life.state("near").snapshots, made), ours=(made.id,))
    life.look()
    assert made.id in life.recorded["vouched"]["near"]
    assert made.id not in life.recorded["theirs"]["near"]
    for _ in range(5):
        rotate(life, 3)
        life.look()
    left = [each for each in life.state("near").snapshots if each.id != made.id]
    life.put("near", snapshots=tuple(left))
    assert found(life)
