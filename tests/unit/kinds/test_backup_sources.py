"""Sources that were added since, and what all of it costs."""

from __future__ import annotations

import pytest

from reconciler.kinds.backup import proven
from reconciler.model import Proof, Share, Unknown
from tests.support.backups import DAY, POLICY, Life, backing, repository

MAIL = {"mail": {"paths": ["mail"]}}
TIB = 1024**4


def added() -> Life:
    """Return one that is well, and whose policy has one source more since."""
    life = Life()
    for _ in life.live(4):
        pass
    life.now -= DAY / 2
    life.policy = backing(sources={**POLICY["sources"], **MAIL})
    return life


def test_a_source_that_is_in_no_backup_is_said_and_proves_nothing():
    life = added()
    assert life.findings()["source-missing"] == "warning"
    assert "mail is declared, and not in the last backup" in life.said("source-missing")
    told = proven(life.recorded, life.policy, life.now)
    assert told == "mail was in no drill that passed"


def test_then_it_is_in_a_backup_and_then_in_a_drill():
    life = added()
    life.now += DAY
    life.run()
    assert "source-missing" not in life.findings()
    assert "mail is backed up, and was in no drill" in life.said("source-undrilled")
    assert isinstance(proven(life.recorded, life.policy, life.now), str)
    for _ in life.live(8):
        pass
    life.now -= DAY / 2
    assert not {"source-missing", "source-undrilled"} & life.findings().keys()
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)


def priced(near: str | None, far: str | None, budget: str = "2.00 EUR") -> Life:
    """Return one with 0.1 TiB in each of two copies."""
    names = ("near", "far")
    places = {
        name: repository(name, price=price)
        for name, price in zip(names, (near, far), strict=True)
    }
    life = Life(backing(budget=budget), **places)
    life.figures = {"files": {"packed": TIB // 10 + 1}, "db": {"packed": 0}}
    list(life.live(1))
    life.now -= DAY / 2
    return life


@pytest.mark.parametrize(
    ("near", "far", "code", "said"),
    [
        ("24.00 EUR/month", "24.00 EUR/month", "over-budget", "about 4.80 EUR a month"),
        ("120.00 EUR/year", "0.00 EUR/month", "", ""),
        ("24.00 EUR/month", None, "budget-unknown", "far has no price"),
        ("24.00 USD/month", None, "budget-unknown", "near is paid in USD"),
    ],
)
def test_what_it_costs_is_held_against_the_budget(near, far, code, said):
    life = priced(near, far)
    assert life.findings().keys() & {"over-budget", "budget-unknown"} == (
        {code} if code else set()
    )
    if code:
        assert said in life.said(code)


def test_what_cannot_be_read_has_no_price():
    life = priced("24.00 EUR/month", "24.00 EUR/month")
    life.have[Share("far", "backup")] = Unknown(why="refused")
    assert "far could not be read" in life.said("budget-unknown")
