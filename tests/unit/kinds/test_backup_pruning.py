"""What may go, by exact ids, and every reason for which nothing does."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.kinds.backup import Hiding, PruneOld, Rewind
from reconciler.model import Absent, FieldChange, Risk, Share, Unknown
from reconciler.model.backing import Prune
from reconciler.model.patch_rules import TROUBLES
from reconciler.model.updates import TroubleState
from tests.support.backups import DAY, START, Life, backing, locked, owes, repository

KEEP = {"daily": 3, "weekly": 0, "monthly": 0, "within": "2d", "least": 2}


def old(days: int = 12, **places) -> Life:
    """Return one with something to prune now, and nothing that speaks against it."""
    life = Life(backing(keep=KEEP, prune={"verified": "14d", "most": "40%"}), **places)
    for _ in life.live(days):
        pass
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    return life


def prunes(life: Life, copy: str = "near") -> list[PruneOld]:
    found = [one for one in life.due() if isinstance(one, PruneOld)]
    return [one for one in found if one.share.provider == copy]


def test_exactly_what_nothing_keeps_goes():
    life = old()
    (change,) = prunes(life)
    listed = {one.id for one in life.state("near").snapshots}
    assert {*change.details["ids"], *change.details["kept"]} == listed
    assert len(change.details["ids"]) == 2
    assert (change.risk, change.reversible, change.hold) == (Risk.DESTRUCTIVE, False, None)  # fmt: skip
    drilled = [one for one in life.recorded["drills"] if one["copy"] == "near"][-1]
    assert drilled["verdict"] == "passed"
    left = listed - set(drilled["snapshots"].values())  # that came back whole: it stays
    gone = [one for one in life.state("near").snapshots if one.id in left][:2]
    assert change.details["ids"] == sorted(one.id for one in gone)
    assert life.want.done(change, life.have) is False
    life.do(change)
    assert life.want.done(change, life.have) is True
    assert prunes(life) == []
    assert "backup-tampered" not in life.findings()


def test_what_has_no_receipt_pushes_nothing_out():
    life = old()
    (change,) = prunes(life)
    near = life.state("near").snapshots
    junk = [
        near[-1].model_copy(
            update={"id": f"{n:064x}", "said": life.now, "at": life.now}
        )
        for n in range(50, 90)
    ]
    life.put("near", snapshots=(*near, *junk))
    (found,) = prunes(life)
    assert set(change.details["kept"]) <= set(found.details["kept"])


def test_what_is_locked_stays():
    life = old()
    (change,) = prunes(life)
    life.put(
        "near",
        snapshots=tuple(
            one.model_copy(update={"locked": life.now + DAY})
            if one.id == change.details["ids"][0]
            else one
            for one in life.state("near").snapshots
        ),
    )
    (found,) = prunes(life)
    assert found.details["ids"] == change.details["ids"][1:]


def test_a_large_share_waits_for_a_person():
    life = old()
    life.policy = life.policy.model_copy(update={"prune": Prune(most=Decimal("0.1"))})
    (change,) = prunes(life)
    assert change.hold == "2 of 10 snapshots would go at once, at most 10%"
    assert life.findings()["prune-held"] == "warning"


def stale(life: Life) -> None:
    life.now += timedelta(days=20)


def failed(life: Life) -> None:
    life.now += timedelta(days=7)
    life.verdict = {"verdict": "failed", "why": "the dump is cut"}
    life.do(next(one for one in life.due() if one.verb == "drill"))
    life.do(next(one for one in life.due() if one.verb == "drill"))


def never(life: Life) -> None:
    life.recorded["drills"] = []


def unlistable(life: Life) -> None:
    for copy in ("near", "far"):
        life.put(copy, locks=("since 02:15 by host-7",))


def unpaid(life: Life) -> None:
    life.sways = (owes(),)


def lost(life: Life) -> None:
    life.put("far", snapshots=life.state("far").snapshots[2:])


def shrunk(life: Life) -> None:
    life.now += DAY
    life.figures = {"files": {"files": 100}}
    life.do(next(one for one in life.due() if one.verb == "back-up"))


def damaged(life: Life) -> None:
    check = next(one for one in life.due() if one.verb == "check")
    assert check.share.provider == "near"
    life.ended(check, verdict="failed", why="a pack is not what its name says")


def elsewhere(life: Life) -> None:
    """Let the drill of the other copy fail; this one came back whole since."""
    row, at = life.recorded["drills"][-1], life.now.isoformat()
    life.recorded["drills"] += [
        {**row, "copy": "far", "at": at, "verdict": "failed", "why": "it is empty"},
        {**row, "copy": "near", "at": at, "verdict": "passed"},
    ]


def burnt(life: Life) -> None:
    life.gone("far")


def silent(life: Life) -> None:
    life.have[Share("far", "backup")] = Unknown(why="timed out")


def backwards(life: Life) -> None:
    life.recorded["receipts"][-1]["at"] = (life.now + 9 * DAY).isoformat()


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (damaged, "packs of near are damaged"),
        (elsewhere, "the last drill of far failed on 2026-03-13: it is empty"),
        (burnt, "far is gone"),
        (silent, "nobody can tell what far has: timed out"),
        (backwards, "a clock was ahead then"),
        (stale, "the last drill that passed is"),
        (failed, "the dump is cut"),
        (never, "no drill has passed yet"),
        (unlistable, "near is locked: since 02:15 by host-7"),
        (unpaid, "Subscription/x says suspended: 2026-02 was not paid"),
        (lost, "far was tampered with"),
        (shrunk, "is suspicious: 100 files, and 1,000 before"),
    ],
)
def test_nothing_goes_while(happens, why):
    life = old()
    assert len(prunes(life)) == 1
    happens(life)
    assert [one for one in life.due() if isinstance(one, PruneOld)] == []
    assert life.findings()["prune-held"] == "warning"
    assert why in life.said("prune-held")


def test_a_copy_that_never_had_anything_holds_nothing():
    life = old()
    for rows in ("receipts", "drills"):
        life.recorded[rows] = [
            one for one in life.recorded[rows] if one["copy"] == "near"
        ]
    life.recorded["vouched"] = {"near": life.recorded["vouched"]["near"]}
    for seen in (Absent(), Unknown(why="timed out")):
        life.have[Share("far", "backup")] = seen
        assert len(prunes(life)) == 1


def test_what_the_damaged_copy_lacks_stays_in_the_other():
    life = old()
    assert [one for one in life.due() if isinstance(one, PruneOld)]
    damaged(life)
    assert not [one for one in life.due() if isinstance(one, PruneOld)]


def test_what_came_back_last_stays_however_old_it_is():
    life = old()
    (change,) = prunes(life)
    listed = {one.id: one.source for one in life.state("near").snapshots}
    old_ids = {listed[str(one)]: str(one) for one in change.details["ids"]}
    newest = {one.source: one.id for one in life.state("near").snapshots}
    row = {**life.recorded["drills"][-1], "copy": "near", "at": life.now.isoformat()}

    def gone(*drills) -> set[str]:
        life.recorded["drills"] = [
            {**row, "verdict": "passed", **one} for one in drills
        ]
        (found,) = prunes(life)
        return set(old_ids.values()) & set(found.details["ids"])

    first = {"snapshots": old_ids}
    assert gone({"snapshots": newest}) == set(old_ids.values())
    assert gone(first) == set()
    # What is listed no more, or is in another copy, proves nothing of this one.
    assert gone(first, {"snapshots": {"db": "?"}}) == set()
    assert gone(first, {"snapshots": newest, "copy": "far"}) == set()
    assert gone(first, {"snapshots": newest, "verdict": "inconclusive"}) == set()
    assert gone(first, {"snapshots": {"db": newest["db"]}}) == {old_ids["db"]}


def test_what_is_paid_holds_nothing():
    life = old()
    life.sways = (owes("active", ""),)
    assert len(prunes(life)) == 1


def test_nobody_prunes_where_others_make_them():
    life = old()
    life.policy = life.policy.model_copy(
        update={"schedule": backing(schedule={"by": "host"}).schedule}
    )
    assert [one for one in life.due() if isinstance(one, PruneOld)] == []


# What somebody did.


def gone(life: Life) -> None:
    life.put("near", snapshots=life.state("near").snapshots[1:])


def everything(life: Life) -> None:
    life.put("near", snapshots=())


def foreign(life: Life) -> None:
    one = life.state("near").snapshots[-1]
    life.put("near", foreign=(one.model_copy(update={"id": "e" * 64, "host": "evil"}),))


def ahead(life: Life) -> None:
    *most, last = life.state("near").snapshots
    late = last.model_copy(update={"said": life.now + timedelta(days=900)})
    life.put("near", snapshots=(*most, late))


def another(life: Life) -> None:
    life.put("near", identity="somebody else's")


def suspended(life: Life) -> None:
    life.put("far", versioned=False)


def shortened(life: Life) -> None:
    life.put("far", locked=life.now + timedelta(hours=2))


def unlocked(life: Life) -> None:
    life.put("far", locked=None)


def hides(life: Life) -> None:
    life.put("near", hidden=120, hidden_since=life.now - timedelta(days=4))


DEEDS = {
    gone: "snapshot 00000001 with a receipt that nobody pruned from here: gone",
    everything: "8 snapshots with a receipt that nobody pruned from here: gone",
    foreign: "1 snapshots by another host or of other paths (evil)",
    ahead: "dated after they arrived",
    another: "it is another repository than before",
    suspended: "versioning of its bucket is suspended",
    shortened: "locks end",
    unlocked: "is not locked",
    hides: "120 objects are hidden since",
}


def quiet() -> Life:
    life = Life(**locked())
    life.put("far", versioned=True)
    for _ in life.live(4):
        until = life.now + timedelta(days=35)
        listed = life.state("far").snapshots
        ours = tuple(one.model_copy(update={"locked": until}) for one in listed)
        life.put("far", locked=until, snapshots=ours)
        life.look()
    return life


@pytest.mark.parametrize("deed", DEEDS)
def test_what_nobody_does_by_accident_is_told(deed):
    life = quiet()
    assert "backup-tampered" not in life.findings()
    deed(life)
    assert life.findings()["backup-tampered"] == "critical"
    assert DEEDS[deed] in life.said("backup-tampered")
    life.look()
    assert life.recorded["alarm"]["tampered"]
    assert "backup-tampered" in life.findings()  # having seen it is no excuse


def test_a_shorter_lock_by_policy_is_no_attack():
    life = quiet()
    rule = life.places[1].immutability.model_copy(update={"lasts": timedelta(days=10)})
    life.places[1] = repository("far", immutability=rule)
    life.put("far", locked=life.now + timedelta(days=10))
    assert "backup-tampered" not in life.findings()


def test_what_a_prune_of_ours_has_hidden_is_no_attack():
    life = old()
    (change,) = prunes(life)
    life.do(change)
    life.put("near", hidden=7, hidden_since=life.now + timedelta(minutes=2))
    assert "backup-tampered" not in life.findings()
    life.put("near", hidden=7, hidden_since=life.now - timedelta(days=11))
    assert "backup-tampered" in life.findings()


def test_what_opens_a_repository_is_hidden_by_no_prune_of_ours():
    life = old()
    (change,) = prunes(life)
    life.do(change)
    deed = hiding(life.now + timedelta(minutes=2), 1)
    life.put("near", hidden=1, hidden_since=deed.since, hidings=(deed,))
    assert "backup-tampered" not in life.findings()
    deed = deed.model_copy(update={"opens": True})
    life.put("near", hidings=(deed,))
    assert "backup-tampered" in life.findings()


def test_a_rewind_is_ready_and_waits_for_a_person():
    life = quiet()
    assert not [one for one in life.due() if isinstance(one, Rewind)]
    hides(life)
    everything(life)
    (change,) = (one for one in life.due() if isinstance(one, Rewind))
    assert change.hold
    assert change.risk is Risk.SECURITY
    assert change.details["to"] == (life.now - timedelta(days=4, seconds=1)).isoformat()


def hiding(since, objects=1) -> Hiding:
    return Hiding(since=since, until=since, objects=objects)


def hid(life: Life, *deeds: Hiding) -> None:
    """What is hidden in ``near``: these deeds."""
    life.put(
        "near",
        hidden=sum(one.objects for one in deeds),
        hidden_since=deeds[0].since if deeds else None,
        hidings=deeds,
    )


def test_an_attack_is_told_from_the_prunes_before_it():
    life = old()
    (change,) = prunes(life)
    life.do(change)
    ours, theirs = hiding(life.now, 7), hiding(life.now + 3 * DAY, 5)
    hid(life, ours)
    assert "backup-tampered" not in life.findings()
    life.now += 4 * DAY
    hid(life, ours, theirs)
    assert "5 objects are hidden since" in life.said("backup-tampered")
    (back,) = (one for one in life.due() if isinstance(one, Rewind))
    assert back.details["to"] == (theirs.since - timedelta(seconds=1)).isoformat()
    assert back.details["seen"] == life.now.isoformat()
    assert life.want.done(back, life.have) is False
    hid(life, ours)
    assert life.want.done(back, life.have) is True


def test_what_a_rewind_of_ours_hides_is_no_attack():
    life = quiet()
    hid(life, hiding(life.now - 4 * DAY))
    (change,) = (one for one in life.due() if isinstance(one, Rewind))
    life.ended(change, shown=1, written=0, hidden=2)
    hid(life, hiding(life.now, 2))
    assert "backup-tampered" not in life.findings()
    life.now += 3 * DAY
    hid(life, hiding(life.now - 3 * DAY, 2), hiding(life.now))
    assert "1 objects are hidden" in life.said("backup-tampered")


def test_who_hides_right_after_a_prune_is_found_by_what_is_missing():
    life = old()
    (change,) = prunes(life)
    life.do(change)
    hid(life, hiding(life.now, 7), hiding(life.now + timedelta(hours=3), 2))
    assert not [one for one in life.due() if isinstance(one, Rewind)]
    newest = life.state("near").snapshots[-1]
    life.put("near", snapshots=life.state("near").snapshots[:-1])
    assert newest.id[:8] in life.said("backup-tampered")
    (back,) = (one for one in life.due() if isinstance(one, Rewind))
    assert back.details["to"] == (life.now + timedelta(hours=2, minutes=59, seconds=59)).isoformat()  # fmt: skip


def test_a_person_can_say_that_it_is_all_right():
    life = quiet()
    lost_one = life.state("near").snapshots[0].id
    gone(life)
    life.accept = (lost_one,)
    assert "backup-tampered" not in life.findings()


def test_what_went_before_a_prune_stopped_is_not_missing():
    life = quiet()
    ids = [one.id for one in life.state("near").snapshots][:2]
    prune = PruneOld(
        share=Share("near", "backup"),
        fields=(FieldChange(field="spec.keep"),),
        because="old",
        details={"ids": list(ids), "kept": []},
    )
    left = [one for one in life.state("near").snapshots if one.id != ids[0]]
    life.put("near", snapshots=tuple(left))
    assert life.findings()["backup-tampered"] == "critical"
    life.ended(prune, "not_applied")
    assert "backup-tampered" not in life.findings()
    assert ids[1] in life.recorded["vouched"]["near"]


# What makes a backup suspicious.

STRANGE = {
    "shrunk files": ({"files": 600}, "600 files, and 1,000 before"),
    "wiped": ({"files": 0, "size": 0, "added": 0, "packed": 0, "changed": 0}, "0 files"),
    "uploads lost": ({"size": 121_000_000}, "121,000,000 bytes"),
    "encrypted in place": ({"changed": 877, "added": 48_200_000, "packed": 46_900_000}, "as if it were encrypted"),
    "encrypted and renamed": ({"changed": 1000, "added": 48_500_000, "packed": 46_950_000}, "are new or changed"),
    "a tenth encrypted": ({"changed": 120, "added": 9_000_000, "packed": 8_900_000}, "as if it were encrypted"),
}  # fmt: skip
USUAL = {
    "nothing changed": {"changed": 0, "added": 300, "packed": 200},
    "a normal day": {"changed": 40, "added": 370_000, "packed": 191_000},
    "an update of the CMS": {"changed": 116, "added": 6_500_000, "packed": 3_500_000},
    "restored from a copy": {"changed": 1000, "added": 2_400_000, "packed": 441_000},
    "new photos": {"files": 1030, "size": 260_000_000, "changed": 30, "added": 60_000_000, "packed": 59_800_000},
    "a clean-up": {"files": 850, "size": 180_000_000, "changed": 0, "added": 400, "packed": 300},
    "twice as many photos": {"files": 2000, "size": 400_000_000, "changed": 1030, "added": 200_000_000, "packed": 199_000_000},
    "a dump, another one each day": {"files": 1, "size": 40_000, "changed": 1, "added": 40_000, "packed": 9_000},
}  # fmt: skip


def next_day(life: Life, figures: dict[str, int]) -> None:
    life.now += DAY
    life.figures = {"files": figures}
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    life.figures = {}


@pytest.mark.parametrize("name", STRANGE)
def test_a_backup_is_suspicious(name):
    life = quiet()
    figures, why = STRANGE[name]
    next_day(life, figures)
    assert life.findings()["backup-suspect"] == "critical"
    assert why in life.said("backup-suspect")


@pytest.mark.parametrize("name", USUAL)
def test_a_backup_is_as_usual(name):
    life = quiet()
    if "dump" in name:  # from the first day on
        life.accept = (life.state("near").snapshots[-1].id,)
        next_day(life, USUAL[name])
        life.accept = tuple(one.id for one in life.state("near").snapshots)
    next_day(life, USUAL[name])
    assert "backup-suspect" not in life.findings()


def test_what_is_lost_stays_suspicious_until_a_person_says_otherwise():
    life = quiet()
    for _ in range(3):
        next_day(life, {"files": 600})
    ids = [one.id for one in life.state("near").snapshots if one.files == 600]
    assert len(ids) == 3
    life.accept = (ids[0],)
    assert "backup-suspect" not in life.findings()  # the others are like that one


def test_a_site_of_photos_is_no_encryption():
    photos = {"changed": 150, "added": 30_000_000, "packed": 29_500_000}
    life = Life()
    life.figures = {"files": photos}
    list(life.live(4))
    assert "backup-suspect" not in life.findings()


DOWN = TroubleState(since=START, why="incident 20260301-1: no answer")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (DOWN, "an incident is open since 2026-03-01 12:00: incident 20260301-1"),
        (Unknown(why="it is damaged"), "nobody can tell whether an incident is open"),
        (TroubleState(), ""),
        (TroubleState(seen=START, doubt=True), ""),
        (Unknown(why="nobody looked yet", later=True), ""),
    ],
)
def test_what_is_down_keeps_all_it_has(told, why):
    life = old()
    life.have[TROUBLES] = told
    assert bool(prunes(life)) is not bool(why)
    assert ("prune-held" in life.findings()) is bool(why)
    if why:
        assert why in life.said("prune-held")
    assert TROUBLES in life.want.witnesses()


def test_of_a_panel_only_what_was_made_from_here_and_has_a_receipt_goes():
    policy = backing(
        copies=["near"], keep=KEEP, prune={"verified": "14d", "most": "100%"}
    )
    life = Life(policy, near=repository("near", engine="whm"))
    for _ in life.live(12):
        pass
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    near = life.state("near").snapshots
    assert len(near) > 6
    assert prunes(life) == []  # nobody says what was made from here
    junk = near[0].model_copy(update={"id": "j" * 64})
    ids = [one.id for one in near]
    life.put("near", snapshots=(*near, junk), ours=(*ids[1:], junk.id))
    (change,) = prunes(life)
    gone, kept = change.details["ids"], change.details["kept"]
    assert gone
    assert {*gone, *kept} == set(ids[1:])
    assert ids[0] not in gone  # the panel's own schedule made it
    assert junk.id not in gone  # nothing vouches for it
