"""What the record proves, and the sentence for which it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.backup import proven
from reconciler.model import Proof
from tests.support.backups import DAY, Life, backing


def told(life: Life) -> Proof | str:
    return proven(life.recorded, life.policy, life.now, life.accept)


def well() -> Life:
    life = Life(backing(schedule={"cron": "15 2,14 * * *"}))
    list(life.live(4))
    life.now += timedelta(hours=1) - DAY
    return life


def test_what_was_restored_lately_is_proven():
    life = well()
    found = told(life)
    assert isinstance(found, Proof)
    assert life.now - found.verified < timedelta(days=14)
    assert found.verified - found.at <= timedelta(hours=26)
    assert found.reference.startswith("sample drill of far ")
    assert "proven  what was there" in next(life.want.story(life.have, life.now)).title


def nothing(life: Life) -> None:
    life.recorded.clear()


def late(life: Life) -> None:
    life.now += timedelta(hours=27)


def undrilled(life: Life) -> None:
    life.recorded["drills"] = []


def drilled(life: Life, verdict: str, days: int) -> None:
    """Let backups go on for so long, and the next drills end so."""
    for _ in range(days * 2):
        life.now += timedelta(hours=12)
        life.do(next(one for one in life.due() if one.verb == "back-up"))
    life.verdict = {"verdict": verdict, "why": "the canary is another one"}
    for change in life.due():
        if change.verb == "drill":
            life.do(change)


def failed(life: Life) -> None:
    drilled(life, "failed", 8)


def long_ago(life: Life) -> None:
    drilled(life, "inconclusive", 15)


def old_then(life: Life) -> None:
    for row in life.recorded["drills"]:
        row["of"] = (life.now - timedelta(days=9)).isoformat()


def shrunk(life: Life) -> None:
    life.now += timedelta(hours=12)
    life.figures = {"db": {"size": 9}}
    life.run()


def tampered(life: Life) -> None:
    life.put("far", snapshots=())
    life.look()


def damaged(life: Life) -> None:
    life.now += DAY
    life.do(next(one for one in life.due() if one.verb == "back-up"))
    check = next(one for one in life.due() if one.verb == "check")
    life.ended(check, verdict="failed", why="x")


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (nothing, "nothing was backed up yet"),
        (late, "older than its RPO"),
        (undrilled, "no backup of it was restored and verified yet"),
        (failed, "failed on 2026-03-12: the canary is another one"),
        (long_ago, "too long ago"),
        (old_then, "was older than its RPO when it was restored"),
        (shrunk, "is suspicious, and nobody has looked at it"),
        (tampered, "somebody tampered with it: far: 8 snapshots"),
        (damaged, "packs of near are damaged"),
    ],
)
def test_it_is_not_proven(happens, why):
    life = well()
    happens(life)
    found = told(life)
    assert isinstance(found, str)
    assert why in found
    chapter = next(life.want.story(life.have, life.now))
    assert (chapter.title, chapter.lines) == ("not proven", (found,))


def test_what_somebody_accepted_is_proven_again():
    life = well()
    shrunk(life)
    life.accept = tuple(one.id for one in life.state("near").snapshots if one.size == 9)
    assert isinstance(told(life), Proof)


def test_what_tells_nothing_takes_no_proof_away():
    life = well()
    before = told(life)
    drilled(life, "inconclusive", 8)
    assert told(life) == before
