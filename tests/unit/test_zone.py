"""Which records are written, removed, left alone, and held for a person."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.kinds.domain import Prune, Records, ZoneState
from reconciler.kinds.domain.zone import create, diff, done, wanted
from reconciler.model import OnDrift, Share
from tests.support.dns import domain

SHARE = Share("pdns", "dns")


def spec(*records: Any, **dns: Any) -> Any:
    return domain("a.example", "pdns", records, **dns).spec.dns


def a(name: str, value: str = "192.0.2.1") -> dict[str, Any]:
    return {"name": name, "type": "A", "value": value}


def rows(*names: str, value: str = "192.0.2.1") -> dict[str, tuple[str, ...]]:
    return {f"{name}/A": ("300", value) for name in names}


def todo(wants: Any, live: dict[str, tuple[str, ...]]) -> list[Any]:
    return list(diff(wants, SHARE, ZoneState(records=live)))


def test_equal_zones_need_nothing():
    assert todo(spec(a("www")), rows("www")) == []


def test_a_lost_record_is_written_again_without_asking():
    (change,) = todo(spec(a("www"), a("b")), rows("www"))
    assert isinstance(change, Records)
    assert [(f.field, f.before, f.after, f.on_drift) for f in change.fields] == [
        ("spec.dns.records[b/A]", None, ("300", "192.0.2.1"), OnDrift.REVERT)
    ]
    assert change.hold is None
    assert done(change, ZoneState(records=rows("www", "b")))
    assert not done(change, ZoneState(records=rows("www")))


def test_an_undeclared_record_is_removed_as_a_change_of_its_own():
    (change,) = todo(spec(a("1"), a("2"), a("3")), rows("1", "2", "3", "old"))
    assert isinstance(change, Prune)
    assert [(f.before, f.after, f.on_drift) for f in change.fields] == [
        (("300", "192.0.2.1"), None, OnDrift.HOLD)
    ]
    assert change.hold is None


@pytest.mark.parametrize(
    ("limit", "extra", "held"),
    [
        pytest.param({"count": 3, "share": "100%"}, 3, False, id="as many as allowed"),
        pytest.param({"count": 3, "share": "100%"}, 4, True, id="one too many"),
        pytest.param({"count": 99, "share": "50%"}, 10, False, id="just the share"),
        pytest.param({"count": 99, "share": "50%"}, 11, True, id="over the share"),
        pytest.param({"count": 0}, 1, True, id="a count of nought"),
        pytest.param({"share": "0%"}, 1, True, id="a share of nought"),
        pytest.param({"count": 0, "share": "0%"}, 0, None, id="nothing to remove"),
    ],
)
def test_limits(limit, extra, held):
    kept = [str(i) for i in range(10)]
    live = rows(*kept, *(f"old{i}" for i in range(extra)))
    changes = todo(spec(*map(a, kept), maxDeletes=limit), live)
    assert [bool(change.hold) for change in changes] == ([] if held is None else [held])


@pytest.mark.parametrize(
    ("old", "new"), [("CNAME", "A"), ("A", "CNAME"), ("TXT", "CNAME")]
)
def test_what_a_cname_rules_out_goes_in_the_same_change(old, new):
    values = {"A": "192.0.2.1", "CNAME": "x.example.", "TXT": "t"}
    record = {"name": "www", "type": new, "value": values[new]}
    live = {f"www/{old}": ("300", values[old]), **rows("b", "c", "d", "e")}
    wants = spec(record, a("b"), a("c"), a("d"), a("e"))
    (change,) = todo(wants, live)
    assert {f.field for f in change.fields} == {
        f"spec.dns.records[www/{old}]",
        f"spec.dns.records[www/{new}]",
    }
    assert change.hold is None
    (held,) = todo(spec(record, maxDeletes={"count": 0}, prune=False), live)
    assert held.hold


def test_without_prune_a_cname_in_the_way_is_held():
    cname = {"www/CNAME": ("300", "x.example."), **rows("b", "c", "d")}
    (change,) = todo(spec(a("www"), prune=False), cname)
    assert change.hold == "replaces www/CNAME, and prune is off"


def test_somebody_elses_record_in_the_way_is_held_and_kept():
    live = {"www/CNAME": ("300", "x.example."), **rows("b", "c", "d")}
    (change, _) = todo(spec(a("www"), ignore=["www"]), live)
    assert change.hold == "www/CNAME stands in the way and belongs to somebody else"
    assert [f.field for f in change.fields] == ["spec.dns.records[www/A]"]


@pytest.mark.parametrize(
    "name", ["_acme-challenge", "_acme-challenge.www", "k1._domainkey"]
)
def test_usual_names_of_others_are_left_alone(name):
    assert todo(spec(a("www")), rows("www", name)) == []


@pytest.mark.parametrize("mark", ["app", "a-app", "cname-app", "txt.app", "x-app"])
def test_what_external_dns_owns_is_left_alone(mark):
    live = rows("www", "app") | {f"{mark}/TXT": ("300", "heritage=external-dns,o=k")}
    assert todo(spec(a("www")), live) == []


def test_an_ignored_name_may_still_be_declared():
    (change,) = todo(spec(a("_acme-challenge")), {})
    assert isinstance(change, Records)


def test_names_are_compared_as_they_are_spelt_on_the_wire():
    names = ["WWW", "bücher", "*.Bücher", "@"]
    assert set(wanted(spec(*map(a, names)))) == {
        "www/A",
        "xn--bcher-kva/A",
        "*.xn--bcher-kva/A",
        "@/A",
    }


def test_a_zone_is_only_made_for_records():
    assert list(create(spec(), SHARE)) == []
    (change,) = create(spec(a("www")), SHARE)
    assert change.details == {"create": True}
