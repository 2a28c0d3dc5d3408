"""What is due for a backup, in what order, and that doing it leaves nothing due."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.backup import BackUp, Check, CopyOver, DrillIt, ExtendLock
from reconciler.model import Share, Unknown
from reconciler.model.repository import FailureDomain, PanelKeep
from tests.support.backups import DAY, START, Life, backing, locked, owes, repository

DAYS = 180


def aged(days: int = 10, **more) -> Life:
    """Return one that is well, after so many days."""
    life = Life(**more)
    for _ in life.live(days):
        pass
    life.now += timedelta(hours=1) - DAY  # still the last day
    return life


def test_a_life_of_half_a_year_is_calm():
    """Once a day each: no alarm, nothing twice, and as much is kept as is asked for."""
    life = Life(backing(keep={"daily": 7, "weekly": 4, "monthly": 6}))
    counts: dict[str, int] = {}
    for day, verbs in enumerate(life.live(DAYS)):
        for verb in verbs:
            counts[verb] = counts.get(verb, 0) + 1
        if day > 2:
            assert life.findings().keys() <= {"escrow-missing", "rpo-late"}, day
        life_kept = len(life.state("near").snapshots)
        assert life_kept <= 2 * (14 + 7 + 4 + 6 + 2)
    assert counts["back-up"] == counts["copy"] == DAYS
    assert counts["check"] == 2 * DAYS - 1
    assert 26 <= counts["drill"] <= 32
    assert counts["prune"] > DAYS
    assert len(life.state("far").snapshots) == len(life.state("near").snapshots)


def test_the_same_generation_never_comes_twice():
    life, seen = Life(), set()
    for _ in range(60):
        for change in life.due():
            key = (change.verb, change.generation)
            assert key not in seen
            seen.add(key)
            life.do(change)
        life.look()
        life.now += DAY
    assert len(seen) > 200


def test_a_backup_is_due_once_for_each_due_time():
    life = Life()
    (first,) = life.due()
    assert isinstance(first, BackUp)
    assert first.generation == "2026-03-01T02:15:00+00:00"
    assert first.details["slot"] == first.generation
    assert len(str(first.details["nonce"])) == 32
    life.do(first)
    assert "back-up" not in life.verbs()
    life.now = START + timedelta(hours=14, minutes=14)
    assert "back-up" not in life.verbs()
    life.now += timedelta(minutes=1)
    (second,) = (one for one in life.due() if one.verb == "back-up")
    assert second.due == START + timedelta(hours=26)
    assert second.details["nonce"] != first.details["nonce"]


def test_without_every_source_there_is_no_receipt():
    life = Life()
    (change,) = life.due()
    half = {"files": {"snapshot": "a" * 64, "files": 5}}
    life.ended(change, sources=half)
    life.look()
    assert [one.generation for one in life.due()] == [change.generation]
    life.now += timedelta(hours=27)
    assert life.findings()["rpo-missed"] == "critical"


def test_what_failed_is_tried_again_ever_later():
    life = Life()
    waits = []
    for _ in range(7):
        (change,) = life.due()
        life.ended(change, "failed", error="no\nspace")
        times = len(waits) + 1
        assert f"failed ({times} times: no space)" in life.said("never-backed-up")
        (change,) = life.due()
        waits.append((change.not_before - life.now).total_seconds() / 60)
        life.now = change.not_before
    assert waits == [15, 30, 60, 120, 240, 360, 360]


@pytest.mark.parametrize("first", ["unknown", "gone"])
def test_nothing_is_done_to_what_cannot_be_read_or_is_gone(first):
    life = aged()
    life.now += DAY
    if first == "gone":
        life.gone("near")
        assert life.findings()["repository-gone"] == "critical"
    else:
        life.have[Share("near", "backup")] = Unknown(why="refused")
    assert {one.share.provider for one in life.due()} <= {"far"}
    assert "prune" not in life.verbs()


def test_a_repository_that_is_made_in_the_same_run_is_written_to():
    life = Life()
    life.gone("near")
    assert life.verbs() == ["back-up"]


def test_only_what_has_a_receipt_is_copied_and_once():
    life = aged(3)
    near = life.state("near").snapshots
    stray = near[0].model_copy(update={"id": "f" * 64})
    life.put("near", snapshots=(*near, stray))
    assert "copy" not in life.verbs()
    life.now += DAY
    life.do(life.due()[0])
    (copy,) = (one for one in life.due() if isinstance(one, CopyOver))
    assert len(copy.details["ids"]) == 2
    assert copy.details["from"] == "near"
    life.do(copy)
    assert "copy" not in life.verbs()
    assert life.want.done(copy, life.have) is True


def test_a_copy_that_lags_is_told():
    life = aged(3)
    life.now += timedelta(days=1)
    life.do(life.due()[0])
    life.now += timedelta(hours=47)
    assert "copy-lagging" not in life.findings()
    life.now += timedelta(hours=2)
    assert life.findings()["copy-lagging"] == "error"


def test_each_slice_is_read_once_in_so_many_days():
    life, slices = Life(), []
    for _ in range(30):
        for change in life.due():
            if isinstance(change, Check) and change.share.provider == "near":
                slices.append(change.details["slice"])
            life.do(change)
        life.now += DAY
    assert len(set(slices[:28])) == 28


def test_a_slice_that_is_damaged_stays_so_until_it_is_read_whole():
    life = aged()
    life.now += DAY
    check = next(one for one in life.due() if one.verb == "check")
    life.ended(check, verdict="failed", why="a pack is not what its name says")
    assert life.findings()["packs-damaged"] == "critical"
    life.ended(check.model_copy(update={"details": {"slice": 99}}), verdict="passed")
    assert life.findings()["packs-damaged"] == "critical"
    life.ended(check, verdict="passed")
    assert "packs-damaged" not in life.findings()


def drills_of(life: Life, days: int) -> list[DrillIt]:
    found = []
    for _ in range(days):
        for change in life.due():
            if isinstance(change, DrillIt):
                found.append(change)
            life.do(change)
        life.look()
        life.now += DAY
    return found


def test_drills_are_on_and_go_round_the_copies():
    life = Life(near=repository("near", escrow=True))
    found = drills_of(life, 45)
    names = [one.details["drill"] for one in found]
    assert names[0] == "full"
    assert names.count("full") == 2
    for name in ("full", "sample"):
        alike = [o.share.provider for o in found if o.details["drill"] == name]
        assert {"near", "far"} == set(alike)
        assert all(a != b for a, b in pairwise(alike))
    full, sample = found[0], found[1]
    assert sample.details["files"] == 299
    assert full.details["files"] is None
    assert full.details["escrow"] is (full.share.provider == "near")
    assert set(sample.details["receipt"]["files"]) == {"files", "bytes", "manifest", "canary"}  # fmt: skip
    assert sample.details["seed"] != full.details["seed"]


def test_a_drill_is_the_same_whenever_it_is_planned():
    life = aged(2)
    life.now += timedelta(days=7)
    one = next(c for c in life.due() if isinstance(c, DrillIt))
    life.now += timedelta(hours=5)
    two = next(c for c in life.due() if isinstance(c, DrillIt))
    assert one.details == two.details
    assert one.generation == two.generation


def test_what_told_nothing_does_not_count_and_is_tried_daily():
    life = Life()
    life.verdict = {"verdict": "inconclusive", "why": "no space left"}
    found = drills_of(life, 5)
    assert len(found) == 4
    assert life.findings()["drill-inconclusive"] == "critical"
    assert "no space left" in life.said("drill-inconclusive")
    life.verdict = {"verdict": "passed", "seconds": 5.0}
    assert len(drills_of(life, 5)) == 2  # one of each copy
    assert "drill-inconclusive" not in life.findings()


def test_a_failed_drill_is_tried_on_the_other_copy_at_once():
    life = aged(4)
    life.now += timedelta(days=7)
    life.verdict = {"verdict": "failed", "why": "the dump is cut"}
    one = next(c for c in life.due() if isinstance(c, DrillIt))
    life.do(one)
    assert life.findings()["unrestorable"] == "critical"
    two = next(c for c in life.due() if isinstance(c, DrillIt))
    assert two.share != one.share
    life.verdict = {"verdict": "passed", "seconds": 5.0}
    life.do(two)
    found = life.findings()
    assert found["degraded"] == "error"
    assert "unrestorable" not in found
    assert "the dump is cut" in life.said("degraded")
    assert not [c for c in life.due() if isinstance(c, DrillIt)]


@pytest.mark.parametrize(
    ("days", "code", "severity"),
    [(0.79, None, None), (0.9, "rpo-late", "warning"), (1.1, "rpo-missed", "critical")],
)
def test_rpo_is_counted_from_the_last_receipt(days, code, severity):
    life = aged(3)
    last = max(one.at for one in life.state("near").snapshots)
    life.now = last + timedelta(hours=26) * days
    found = {k: v for k, v in life.findings().items() if k.startswith("rpo")}
    assert found == ({code: severity} if code else {})
    assert life.want.deadline(life.have) == last + timedelta(hours=26)
    assert life.want.urgent(last + timedelta(hours=26), life.now) is (days >= 0.9)


def test_what_a_restore_takes_is_held_against_its_objective():
    life = Life()
    life.verdict = {"verdict": "passed", "seconds": 8000.0}
    drills_of(life, 3)
    assert life.findings()["rto-missed"] == "error"
    life.verdict["estimated"] = True


def test_who_never_restores_is_told():
    life = Life(backing(drills={"sample": None, "full": None}))
    list(life.live(2))
    assert life.findings()["never-drilled"] == "warning"
    life = Life()
    life.do(life.due()[0])
    life.now += timedelta(days=8)
    assert life.findings()["never-drilled"] == "error"


def test_copies_that_can_be_lost_at_once_are_told():
    same = repository("near").domain
    life = Life(far=repository("far", domain=same))
    assert life.findings()["copies-in-one-domain"] == "warning"
    assert "copies-in-one-domain" not in Life().findings()
    assert Life(backing(copies=["near"])).findings()["one-copy"] == "info"
    assert "escrow-missing" not in aged(far=repository("far", escrow=True)).findings()
    assert aged().findings()["escrow-missing"] == "info"


def domain(provider, region=None, account="") -> FailureDomain:
    return FailureDomain(provider=provider, region=region, account=account or None)


@pytest.mark.parametrize(
    ("near", "far", "together"),
    [
        (None, None, True),
        (None, domain("own", "here"), True),
        (domain("own", "here"), None, True),
        (domain("own", "here"), domain("own"), True),
        (domain("own"), domain("Own "), True),
        (domain("own", "here", "a"), domain("own", "here", "b"), True),
        (domain("own"), domain("other"), False),
        (domain("own", "here"), domain("own", "there"), False),
    ],
)
def test_what_nobody_says_is_not_apart(near, far, together):
    life = Life(near=repository("near", domain=near), far=repository("far", domain=far))
    assert ("copies-in-one-domain" in life.findings()) is together


def test_one_copy_elsewhere_is_enough():
    policy = backing(copies=["near", "beside", "far"])
    here = domain("own", "here")
    places = {name: repository(name, domain=here) for name in ("near", "beside")}
    found = Life(policy, far=repository("far", domain=None), **places).findings()
    assert found["copies-in-one-domain"] == "warning"
    found = Life(policy, far=repository("far", domain=domain("x")), **places).findings()
    assert "copies-in-one-domain" not in found


def test_two_names_of_one_repository_are_one_copy():
    life = aged(3)
    assert "one-copy" not in life.findings()
    life.put("far", identity="near")
    assert life.findings()["one-copy"] == "critical"
    assert life.said("one-copy") == "near and far are one repository: that is one copy"


def test_they_are_while_one_cannot_be_read():
    life = Life()
    life.put("far", identity="near")
    life.look()
    life.have[Share("far", "backup")] = Unknown(why="no route")
    assert life.findings()["one-copy"] == "critical"


def test_locks_are_renewed_at_half_of_what_they_last():
    life = aged(3, **locked())
    life.put("far", locked=life.now + timedelta(days=18))
    assert "extend-lock" not in life.verbs()
    life.put("far", locked=life.now + timedelta(days=17))
    (change,) = (c for c in life.due() if isinstance(c, ExtendLock))
    assert change.details["until"] == "2026-04-07T00:00:00+00:00"
    assert life.want.done(change, life.have) is False
    life.put("far", locked=life.now + timedelta(days=36))
    assert life.want.done(change, life.have) is True
    assert "extend-lock" not in life.verbs()
    ends = life.now + timedelta(days=5)
    each = [o.model_copy(update={"locked": ends}) for o in life.state("far").snapshots]
    life.put("far", locked=ends, snapshots=tuple(each))
    assert life.findings()["lock-ends"] == "warning"


def test_panels_keep_and_forget_by_themselves():
    life = Life(
        backing(copies=["near"], schedule={"by": "panel"}),
        near=repository("near", engine="whm"),
    )
    assert life.verbs() == []
    life.look()
    assert "receipts" not in life.recorded
    for name in ("files", "db"):
        life._made("near", name)
    life.now += timedelta(hours=1)
    life.look()
    assert life.recorded["receipts"][0]["slot"] == ""
    assert life.verbs() == ["drill"]


@pytest.mark.parametrize("daily", [None, 3])
def test_what_a_panel_has_forgotten_is_not_missed(daily):
    """Its schedule decides; what it has to keep at least has to be there."""
    panel = PanelKeep(daily=daily) if daily else None
    life = Life(
        backing(copies=["near"], schedule={"by": "panel"}),
        near=repository("near", engine="whm", panel=panel),
    )
    for _ in range(6):
        for name in ("files", "db"):
            life._made("near", name)
        life.look()
        life.now += DAY
    kept = life.state("near").snapshots[-6:]
    life.put("near", snapshots=kept)
    assert "backup-tampered" not in life.findings()
    life.put("near", snapshots=kept[2:])
    assert ("backup-tampered" in life.findings()) is bool(daily)
    life.put("near", snapshots=kept[:-2])
    assert "backup-tampered" in life.findings()


def test_what_somebody_else_made_has_to_be_as_much_as_it_has_to():
    life = Life(backing(schedule={"by": "host"}))
    life.figures = {"files": {"files": 9}}
    for name in ("files", "db"):
        life._made("near", name)
    life.look()
    assert "receipts" not in life.recorded


def test_the_newest_of_a_timer_has_to_be_what_the_policy_says_by_now():
    drills = {"sample": None, "full": {"every": "1d", "point": "random"}}
    life = Life(backing(schedule={"by": "host"}, copies=["near"], drills=drills))
    told = set()
    for _ in range(12):
        for name in ("files", "db"):
            life._made("near", name)
        life.look()
        for one in life.due():
            if isinstance(one, DrillIt):
                newest = one.details["at"] == life.now.isoformat()
                told.add(newest)
                assert one.details.get("adopted", False) is newest
                life.do(one)
        life.now += DAY
    assert told == {True, False}
    life = Life()
    life.do(life.due()[0])
    (ours,) = (one for one in life.due() if isinstance(one, DrillIt))
    assert "adopted" not in ours.details


@pytest.mark.parametrize(
    ("wanted", "listed", "gone"),
    [
        (["a", "b"], ["/srv/x/a"], ["b"]),
        (["a", "b"], ["/srv/x/a", "/srv/x/b"], []),
        (["a", "b/", "c"], ["/srv/b", "/srv/x/a", "/srv/x/c"], ["b"]),
        (["a", "b/a"], ["/srv/b/a", "/srv/a"], []),
        (["a", "b"], ["/srv/x/a", "/srv/x"], []),
        (["a", "b"], ["/srv/x"], []),  # perhaps both are in it
        (["a", "b"], ["a"], ["b"]),
        (["."], ["/srv/x"], []),
    ],
)
def test_a_path_that_a_timer_leaves_out_is_told(wanted, listed, gone):
    sources = {"files": {"paths": wanted}}
    life = Life(backing(schedule={"by": "host"}, sources=sources, copies=["near"]))
    life._made("near", "files")
    (one,) = life.state("near").snapshots
    life.put("near", snapshots=(one.model_copy(update={"paths": tuple(listed)}),))
    life.look()
    assert ("source-missing" in life.findings()) is bool(gone)
    if gone:
        said = f"{gone[0]} of files is not in what was backed up last"
        assert life.said("source-missing") == said


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(["run", "day", "hour", "fail", "lose"]), max_size=25))
def test_after_doing_what_is_due_nothing_is(steps):
    life = Life()
    for step in steps:
        match step:
            case "run":
                life.run()
            case "day":
                life.now += DAY
            case "hour":
                life.now += timedelta(hours=1)
            case "fail":
                for change in life.due():
                    life.ended(change, "failed", error="x")
            case _:
                life.put("far", snapshots=life.state("far").snapshots[1:])
    for _ in range(3):
        life.now += timedelta(hours=6)
        life.run()
    life.run()
    life.run()  # what was copied just now is drilled
    assert [one for one in life.due() if one.hold is None] == []


def test_others_hold_its_pruning_and_nothing_else():
    life = aged()
    before = life.verbs()
    life.sways = (owes(),)
    assert life.verbs() == before


def test_a_copy_may_keep_its_name_and_its_numbers_may_be_text():
    """As the journal has them, and as an engine that copies whole objects does."""
    life = aged(2)
    life.now += DAY
    life.do(life.due()[0])
    copy = next(one for one in life.due() if isinstance(one, CopyOver))
    ids = set(map(str, copy.details["ids"]))
    new = [one for one in life.state("near").snapshots if one.id in ids]
    life.put("far", snapshots=(*life.state("far").snapshots, *new))
    assert life.want.done(copy, life.have) is True
    life.ended(copy, copied=2)
    assert "copy" not in life.verbs()
    assert life.recorded["receipts"][-1]["at"] == life.now.isoformat()
    assert set(life.recorded["vouched"]["far"]) >= ids
    life.now += timedelta(days=31)
    life.verdict = {"verdict": "passed", "seconds": "8000.5", "observed": {"rows": "1.5"}}  # fmt: skip
    life.do(next(one for one in life.due() if isinstance(one, DrillIt)))
    assert life.findings()["rto-missed"] == "error"
    assert life.recorded["observed"] == {"rows": "1.5"}


def test_what_is_older_is_not_compared_with_what_was_seen_of_newer():
    life = aged(2)
    life.verdict = {"verdict": "passed", "observed": {"rows": 900}}
    life.now += timedelta(days=8)
    life.run()
    assert life.recorded["observed"] == {"rows": 900}
    assert life.recorded["observedOf"] == life.recorded["drills"][-1]["of"]
    life.now += timedelta(days=31)
    full = next(one for one in life.due() if isinstance(one, DrillIt))
    older = {**full.details, "at": (life.now - timedelta(days=300)).isoformat()}
    life.verdict = {"verdict": "passed", "observed": {"rows": 500}}
    life.do(full.model_copy(update={"details": older}))
    assert life.recorded["observed"] == {"rows": 900}
    assert full.details["before"] == {"rows": 900}
    life.now += timedelta(days=31)
    life.recorded["observedOf"] = life.now.isoformat()
    again = next(one for one in life.due() if isinstance(one, DrillIt))
    assert again.details["before"] == {}
