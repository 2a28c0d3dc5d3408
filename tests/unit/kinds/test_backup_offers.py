"""Which snapshot a person is offered, and which one is passed over."""

from __future__ import annotations

from datetime import timedelta

from reconciler.kinds.backup import (
    GONE,
    CopyState,
    Record,
    best,
    chosen,
    lacking,
    moments,
    passed_over,
)
from reconciler.model import Share
from tests.support.backups import DAY, Life, backing, repository


def aged(days: int = 3) -> Life:
    """Return one that was backed up and drilled so many days."""
    life = Life(backing(drills={"full": {"every": "1d"}}))
    for _ in life.live(days):
        pass
    return life


def offers(life: Life, copy: str = "near", recorded: bool = True):
    record = Record(life.recorded if recorded else None, life.policy, life.now)
    return record.offers(copy, life.state(copy).snapshots)


def test_the_newest_with_a_receipt_is_taken_of_each_source():
    life = aged()
    found = offers(life)
    assert [one.at for one in found] == sorted((o.at for o in found), reverse=True)
    taken = chosen(found, (), None)
    assert set(taken) == {"files", "db"}
    assert {one.at for one in taken.values()} == {life.now - DAY}
    assert all(one.receipt for one in found)
    assert any(one.drilled for one in found)
    assert passed_over(found, taken, None) == []
    assert set(chosen(found, ("db",), None)) == {"db"}


def test_as_it_was_then():
    life = aged()
    until = life.now - 2 * DAY + timedelta(hours=1)
    taken = chosen(offers(life), (), until)
    assert {one.at for one in taken.values()} == {life.now - 2 * DAY}
    assert chosen(offers(life), (), until - 9 * DAY) == {}


def test_what_has_no_receipt_is_passed_over_and_said():
    life = aged()
    stray = life.state("near").snapshots[-1].model_copy(update={"id": "f" * 64})
    life.put("near", snapshots=(*life.state("near").snapshots, stray))
    stray_at = stray.model_copy(
        update={"at": life.now, "said": life.now, "id": "e" * 64}
    )
    life.put("near", snapshots=(*life.state("near").snapshots, stray_at))
    found = offers(life)
    taken = chosen(found, (), None)
    assert {one.at for one in taken.values()} == {life.now - DAY}
    assert [one.doubt for one in passed_over(found, taken, None)] == ["no receipt"]
    # Where nobody can read the records, nobody knows better than the copy.
    blind = offers(life, recorded=False)
    assert {one.doubt for one in blind} == {""}
    assert chosen(blind, (), None)[stray.source].snapshot.id == "e" * 64


def test_nobody_dates_a_snapshot_ahead():
    life = aged()
    (ahead, *rest) = life.state("near").snapshots
    later = ahead.model_copy(update={"said": life.now + 9 * DAY})
    life.put("near", snapshots=(later, *rest))
    assert all(one.at <= life.now for one in offers(life))


def test_what_looks_encrypted_is_not_taken_unseen():
    life = aged(5)
    life.figures = {
        "files": {"added": 100_000_000, "packed": 98_000_000, "changed": 900}
    }
    life.run()
    life.look()
    found = offers(life)
    taken = chosen(found, (), None)
    assert taken["files"].at < taken["db"].at
    assert [one.doubt for one in passed_over(found, taken, None)] == ["suspicious"]
    suspect = next(one for one in found if one.doubt)
    record = Record(life.recorded, life.policy, life.now, (suspect.snapshot.id,))
    accepted = record.offers("near", life.state("near").snapshots)
    assert chosen(accepted, (), None)["files"].snapshot.id == suspect.snapshot.id


def test_what_is_strange_by_its_receipts_needs_no_look():
    """The alarm is of the last look: of before it was made, or one that was blind."""
    life = aged(5)
    life.figures = {"files": {"files": 100, "size": 20_000_000}}
    life.run()
    life.run()
    life.recorded.pop("alarm")
    for copy in ("near", "far"):
        found = offers(life, copy)
        strange = [one for one in found if one.doubt == "suspicious"]
        assert {one.source for one in strange} == {"files"}
        assert strange[0].at == life.now
        assert chosen(found, (), None)["files"].at < life.now
    (looked,) = (one.snapshot.id for one in offers(life) if one.doubt)
    record = Record(life.recorded, life.policy, life.now, (looked,))
    fit = record.offers("near", life.state("near").snapshots)
    assert chosen(fit, (), None)["files"].at == life.now


def test_what_has_a_receipt_and_is_not_listed_is_gone():
    life = aged()
    (*others, last) = [s for s in life.state("near").snapshots if s.source == "db"]
    files = [s for s in life.state("near").snapshots if s.source == "files"]
    life.put("near", snapshots=(*files, *others))
    (gone,) = (one for one in offers(life) if one.doubt)
    assert (gone.doubt, gone.source, gone.snapshot.id) == (GONE, "db", last.id)
    taken = chosen(offers(life), (), None)
    assert lacking(offers(life), taken, None) == [gone]
    assert moments(taken) == 2
    # The oldest go by rules; that is nothing that a copy lacks.
    life.put("near", snapshots=(*files, *others[1:], last))
    assert {one.doubt for one in offers(life)} == {""}
    # Where there is nothing left of it, all of it is gone.
    life.put("near", snapshots=tuple(files))
    assert {one.source for one in offers(life) if one.doubt == GONE} == {"db"}


def test_the_best_is_the_newest_and_of_as_few_copies_as_can_be():
    life = aged()
    near, far = (chosen(offers(life, copy), (), None) for copy in ("near", "far"))
    assert {one.copy for one in best([near, far]).values()} == {"near"}
    half = {"db": near["db"]}
    assert {one.copy for one in best([half, far]).values()} == {"far"}
    older = {
        name: one._replace(made=one.moment - DAY, copy="old")
        for name, one in far.items()
    }
    mixed = best([half, older])
    assert {name: one.copy for name, one in mixed.items()} == {
        "db": "near",
        "files": "old",
    }
    assert moments(mixed) == 2
    assert moments(far) == 1
    assert best([]) == {}


def test_a_copy_whose_drill_failed_comes_last_and_its_snapshot_is_doubtful():
    life = Life(backing(drills={"full": {"every": "1d", "copy": "first"}}))
    for _ in life.live(3):
        pass
    assert Record(life.recorded, life.policy, life.now).copies() == ["near", "far"]
    (drill,) = (one for one in life.due() if one.verb == "drill")
    life.ended(drill, verdict="failed", why="a bit is wrong")
    record = Record(life.recorded, life.policy, life.now)
    assert record.copies() == ["far", "near"]
    assert "a bit is wrong" in record.trouble("near")
    assert record.trouble("far") == ""
    found = offers(life)
    assert {one.doubt for one in found if one.at == life.now - DAY} == {
        "its drill failed"
    }
    assert {one.at for one in chosen(found, (), None).values()} == {life.now - 2 * DAY}


def test_a_promise_is_that_of_its_receipt():
    life = aged()
    taken = chosen(offers(life), (), None)["db"]
    record = Record(life.recorded, life.policy, life.now)
    assert record.promise("near", taken.snapshot.id)["manifest"] == "m" * 64
    assert record.promise("far", taken.snapshot.id) == {}


def test_what_its_receipt_said_outlives_it():
    life = Life(backing(keep={"daily": 60, "within": "0d"}, drills={"full": None}))
    list(life.live(50))
    record = Record(life.recorded, life.policy, life.now)
    for copy in ("near", "far"):
        listed = life.state(copy).snapshots
        assert len(listed) == 2 * 50
        told = {record.promise(copy, one.id).get("manifest") for one in listed}
        assert told == {"m" * 64}
        assert len(life.recorded["digests"][copy]) == 2 * 10
        assert record.promise(copy, "f" * 64) == {}


def test_what_was_pruned_leaves_no_digest():
    life = Life(backing(keep={"daily": 45, "within": "0d"}, drills={"full": None}))
    list(life.live(60))
    for copy, rows in life.recorded["digests"].items():
        assert 0 < len(rows) < 2 * (60 - 40)  # as many as have lost their receipt
        assert set(rows) <= {one.id for one in life.state(copy).snapshots}
    life = Life()
    list(life.live(40))
    assert "digests" not in life.recorded


def test_a_new_copy_has_the_digests_of_the_first():
    life = Life(backing(keep={"daily": 60, "within": "0d"}, copies=["near"]))
    list(life.live(50))
    life.policy = backing(keep={"daily": 60, "within": "0d"})
    life.places.append(repository("far"))
    life.have[Share("far", "backup")] = CopyState(identity="far")
    list(life.live(1))
    record = Record(life.recorded, life.policy, life.now)
    listed = life.state("far").snapshots
    assert len(listed) == 2 * 51
    told = {record.promise("far", one.id).get("manifest") for one in listed}
    assert told == {"m" * 64}
