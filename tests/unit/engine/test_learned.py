"""What several actions of one resource leave, where they are recorded together."""

from __future__ import annotations

from typing import Any

from reconciler.audit import FACTS, Outcome
from reconciler.engine.learned import Learned
from reconciler.kinds.backup import BackupChange, Check
from reconciler.model import Action, OpClass
from tests.support.backups import DAY, Life


def outcome(life: Life, change: BackupChange, **said: Any) -> Outcome:
    return Outcome(
        id=f"{change.verb}/{change.share.provider}",
        key="k",
        time=life.now,
        env="main",
        kind="Backup",
        name="x",
        uid="x",
        verb=change.verb,
        status="applied",
        how="response",
        evidence=said,
    )


def two(life: Life, *changes: BackupChange) -> dict[str, Any]:
    """Return what the record has after *changes* that ended in one batch."""
    learned, recorded = Learned(), dict(life.recorded)
    for change in changes:
        verdict = "failed" if change.share.provider == "near" else "passed"
        told = outcome(life, change, verdict=verdict, why="a bit has flipped")
        action = Action(told.id, life.want, change, OpClass.KEYED)
        done = learned.with_facts(told, action, life.have)
        facts = done.evidence[FACTS]
        assert isinstance(facts, dict)
        recorded |= facts
    return recorded


def test_what_one_copy_showed_is_not_forgotten_for_the_other():
    life = Life()
    list(life.live(2))
    life.run()
    life.now += DAY
    checks = [one for one in life.due() if isinstance(one, Check)]
    assert [one.share.provider for one in checks] == ["near", "far"]
    for order in (checks, checks[::-1]):
        found = two(life, *order)["checks"]
        assert found["near"]["bad"]
        assert found["far"]["verdict"] == "passed"
        assert not found["far"]["bad"]


def test_what_was_recorded_before_stays_what_it_is():
    life = Life()
    list(life.live(2))
    life.run()
    life.now += DAY
    before = {**life.recorded}
    (check, *_) = (one for one in life.due() if isinstance(one, Check))
    two(life, check)
    assert life.recorded == before
