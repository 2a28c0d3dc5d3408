"""What is proven, damaged or due of copies that came into a policy, or left it."""

from __future__ import annotations

from reconciler.kinds.backup import CopyState, DrillIt, proven
from reconciler.model import Proof, Share
from tests.support.backups import DAY, Life, backing, repository


def aged(days: int = 20) -> Life:
    """Return one that is well, after so many days."""
    life = Life()
    list(life.live(days))
    return life


def with_copies(life: Life, *names: str) -> None:
    """Have the policy say that the copies are *names*, the new ones empty."""
    life.policy = backing(copies=list(names))
    life.places = [repository(name) for name in names]
    for name in names:
        life.have.setdefault(Share(name, "backup"), CopyState(identity=name))


def told(life: Life) -> Proof | str:
    return proven(life.recorded, life.policy, life.now, life.accept)


def drills_due(life: Life) -> list[str]:
    return [one.share.provider for one in life.due() if isinstance(one, DrillIt)]


def end(life: Life, verb: str, copy: str, **said: str) -> None:
    """Let time go on until *verb* of *copy* is due, and have it end so."""
    for _ in range(90):
        for change in life.due():
            if (change.verb, change.share.provider) == (verb, copy):
                life.ended(change, **said)
                return
            life.do(change)
        life.look()
        life.now += DAY
    raise AssertionError(f"no {verb} of {copy} came due")


def test_a_drill_of_a_copy_that_left_the_policy_proves_nothing():
    life = aged()
    assert isinstance(told(life), Proof)
    with_copies(life, "newest")
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    assert told(life) == "no backup of it was restored and verified yet"
    assert drills_due(life) == ["newest"]


def test_a_copy_that_is_replaced_leaves_no_alarm_behind():
    """As backups.md says of `degraded`: a new repository takes the bad one's place."""
    life = aged()
    end(life, "check", "far", verdict="failed", why="a pack is not what its name says")
    end(life, "drill", "far", verdict="failed", why="bit rot")
    life.run()
    assert {"packs-damaged", "degraded"} <= life.findings().keys()
    with_copies(life, "near", "far2")
    life.run()
    life.run()
    assert not {"packs-damaged", "degraded", "unrestorable"} & life.findings().keys()
    assert isinstance(told(life), Proof)
    with_copies(life, "near", "far")
    assert {"packs-damaged", "degraded"} <= life.findings().keys()


def test_copies_that_change_places_are_not_sent_what_they_have():
    life = Life()
    for _ in life.live(10):
        pass
    names = life.policy.copies[::-1]
    life.policy = life.policy.model_copy(update={"copies": names})
    assert [one.repository for one in names] == ["far", "near"]
    assert "copy-lagging" not in life.findings()
    assert "copy" not in life.verbs()
    before = len(life.state("near").snapshots)
    for _ in life.live(3):
        pass
    assert len(life.state("near").snapshots) == before + 3 * 2
    assert {"copy-lagging", "backup-tampered"}.isdisjoint(life.findings())


def test_what_a_host_copies_itself_has_receipts_and_is_not_copied_from_here():
    life = Life(backing(schedule={"by": "host"}))
    life._made("near", "files")
    life._made("near", "db")
    life.look()
    assert "copy" not in life.verbs()
    life.now += DAY * 3
    assert "copy-lagging" in life.findings()  # it is told, and not done
    life._copied("far", life.state("near").snapshots[0].id)
    life.look()
    assert [one["copy"] for one in life.recorded["receipts"]] == ["near"]  # not all yet
    life._copied("far", life.state("near").snapshots[1].id)
    life.look()
    assert [one["copy"] for one in life.recorded["receipts"]] == ["near", "far"]
    assert "copy-lagging" not in life.findings()
    life.look()  # whose they are is known by the next look
    before = dict(life.recorded)
    assert set(before["theirs"]["far"]) == {o.id for o in life.state("far").snapshots}
    life.look()
    assert life.recorded == before
