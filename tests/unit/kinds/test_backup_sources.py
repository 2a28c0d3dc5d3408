"""Sources that were added since, and what all of it costs."""

from __future__ import annotations

import pytest

from reconciler.kinds.backup import proven
from reconciler.kinds.backup.origin import NOWHERE, Whence, origin
from reconciler.model import Proof, Share, Unknown
from reconciler.model.backing import Source
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


def well() -> Life:
    """Return one that is proven, with drills of both copies."""
    life = Life(backing(drills={"full": None, "sample": {"every": "1d"}}))
    for _ in life.live(6):
        pass
    life.now -= DAY / 2
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)
    return life


def become(life: Life, name: str, **more) -> None:
    """Let *name* be declared otherwise from now on."""
    one = {**POLICY["sources"][name], **more}
    drills = {"full": None, "sample": {"every": "1d"}}
    life.policy = backing(sources={**POLICY["sources"], name: one}, drills=drills)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("db", {"database": "other.db"}),
        ("db", {"type": "mysql", "database": "shop"}),
        ("db", {"root": "/srv/other"}),
        ("files", {"paths": ["www", "mail"]}),
        ("files", {"exclude": ["uploads"]}),
        ("files", {"root": "/srv/other"}),
        ("db", {"connection": {"env": "OTHER"}}),
    ],
)
def test_another_thing_under_the_same_name_is_not_proven(name, more):
    life = well()
    become(life, name, **more)
    assert life.findings()["source-missing"] == "warning"
    assert f"{name} was something else in the last backup" in life.said(
        "source-missing"
    )
    told = proven(life.recorded, life.policy, life.now)
    assert told == f"{name} was in no drill that passed"
    life.now += DAY / 2
    made = next(one for one in life.due() if one.verb == "back-up")
    life.do(made)
    assert "source-missing" not in life.findings()
    assert life.findings()["source-undrilled"] == "info"  # a drill is to come
    life.now += 9 * DAY
    assert life.findings()["source-undrilled"] == "warning"
    life.now -= 9 * DAY
    assert isinstance(proven(life.recorded, life.policy, life.now), str)
    for _ in life.live(3):
        pass
    life.now -= DAY / 2
    assert {row["copy"] for row in life.recorded["drills"][-2:]} == {"near", "far"}
    assert not {"source-missing", "source-undrilled"} & life.findings().keys()
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)
    for row in life.recorded["drills"][:-1]:
        row["verdict"] = "inconclusive"  # the copy knows it as well as the first one
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("files", {"minFiles": 99, "minBytes": "1MiB"}),
        ("db", {"expect": [{"sql": "select 1", "min": 1}]}),
        ("files", {"canary": False, "expect": [{"path": "index.php"}]}),
    ],
)
def test_how_good_it_has_to_be_is_no_other_thing(name, more):
    life = well()
    become(life, name, **more)
    assert not {"source-missing", "source-undrilled"} & life.findings().keys()
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)


def test_another_folder_of_the_whole_backup_is_another_thing():
    life = well()
    whence = Whence("HostingAccount/x", "/srv/other")
    told = proven(life.recorded, life.policy, life.now, (), whence)
    assert told == "files, db was in no drill that passed"


def test_of_a_panel_it_matters_whose_account_it_is():
    source = Source(type="panel")
    one, two = (origin(source, Whence(of, "/srv")) for of in ("HostingAccount/x", "HostingAccount/y"))  # fmt: skip
    assert one != two
    assert one == origin(source, Whence("HostingAccount/x", "/srv/other"))


def test_the_order_of_paths_is_no_other_thing():
    paths = (("www", "mail"), ("mail", "www"))
    assert len({origin(Source(paths=one), NOWHERE) for one in paths}) == 1


def test_records_from_before_say_nothing_and_are_believed():
    life = well()
    for row in life.recorded["receipts"]:
        for one in row["sources"].values():
            assert one.pop("origin")
    for row in life.recorded["drills"]:
        assert row.pop("origins").keys() == {"files", "db"}
    become(life, "db", database="other.db")
    assert not {"source-missing", "source-undrilled"} & life.findings().keys()
    assert isinstance(proven(life.recorded, life.policy, life.now), Proof)


def test_what_a_timer_makes_is_known_by_what_it_was_too():
    life = Life(backing(schedule={"by": "host"}))
    made = well().state("near").snapshots[-2:]
    life.put("near", snapshots=made)
    life.now = made[-1].at
    life.look()
    assert "source-missing" not in life.findings()
    other = {**POLICY["sources"], "db": {"type": "sqlite", "database": "other.db"}}
    life.policy = backing(schedule={"by": "host"}, sources=other)
    assert "source-missing" in life.findings()


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
