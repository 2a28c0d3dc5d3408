"""Rate limits against letsencrypt.org/docs/rate-limits (2026-08-05), and Boulder's words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.test_acme_renewal import identity, information, window
from tests.support.acme_client import AcmeClient, Said, request
from tests.support.acme_world import AcmeWorld

DOCS = "see https://letsencrypt.org/docs/rate-limits/#"


def few(limit: str, burst: int = 2, period: str = "3h") -> dict[str, Any]:
    return {"limits": {limit: {"burst": burst, "period": period}}}


def failed(ann: AcmeClient, name: str) -> Said:
    order = ann.order(name)
    if order.status == 201:
        ann.post(ann.pick(ann.authorizations(order)[0], "http-01")["url"], {})
    return order


def test_orders_of_an_account() -> None:
    """300 in 3 hours, one more every 36 seconds."""
    world = AcmeWorld()
    ann = world.account()
    found = [ann.order(f"n{n}.example").status for n in range(301)]
    assert found == [201] * 300 + [429]
    over = ann.order("late.example")
    assert over.problem == (429, "rateLimited")
    assert over["detail"] == (
        "too many new orders (300) from this account in the last 3h0m0s, retry after "
        f"2026-11-22 09:00:37 UTC: {DOCS}new-orders-per-account"
    )
    assert over.headers["retry-after"] == "37"
    assert world.account().order("other.example").status == 201
    world.later(seconds=36)
    assert [ann.order(f"l{n}.example").status for n in range(2)] == [201, 429]


def test_the_same_names_five_times_in_a_week() -> None:
    """One more every 34 hours (33.6); any account counts; another name is another set."""
    world = AcmeWorld()
    ann = world.account()
    for _ in range(5):
        ann.obtain(world.records, "a.example", "b.example")
    over = ann.order("b.example", "a.example")
    assert over.problem == (429, "rateLimited")
    assert (
        "(5) already issued for this exact set of identifiers in the last 168h0m0s"
        in over["detail"]
    )
    assert over["detail"].endswith(
        f"{DOCS}new-certificates-per-exact-set-of-identifiers"
    )
    assert world.account().order("a.example", "b.example").status == 429
    assert ann.order("a.example", "b.example", "c.example").status == 201
    world.later(seconds=int(over.headers["retry-after"]))
    assert timedelta(seconds=int(over.headers["retry-after"])) < timedelta(hours=34)
    assert ann.order("a.example", "b.example").status == 201


def test_certificates_of_a_registered_domain() -> None:
    """Those that were issued count; a renewal of the same names is free of it."""
    world = AcmeWorld(main=few("certificatesPerDomain", 2, "168h"))
    ann = world.account()
    for name in ("a.shop.co.uk", "b.shop.co.uk"):
        ann.obtain(world.records, name)
    over = ann.order("c.shop.co.uk", "elsewhere.example")
    assert over.problem == (429, "rateLimited")
    assert 'already issued for "shop.co.uk"' in over["detail"]
    assert ann.order("other.co.uk").status == 201
    ann.obtain(world.records, "a.shop.co.uk")
    world.later(hours=84)
    assert ann.order("c.shop.co.uk").status == 201


def test_failures_of_a_name() -> None:
    """Five in an hour, one more every 12 minutes; no more orders for it till then."""
    world = AcmeWorld()
    ann = world.account()
    found = [failed(ann, "a.example") for _ in range(6)]
    assert [one.status for one in found] == [201] * 5 + [429]
    assert (
        'failed authorizations (5) for "a.example" in the last 1h0m0s'
        in found[5]["detail"]
    )
    assert found[5].headers["retry-after"] == str(12 * 60 + 1)
    assert ann.order("b.example").status == 201
    assert world.account().order("a.example").status == 201
    world.later(minutes=12)
    assert ann.order("a.example").status == 201


def test_too_many_in_a_row_pause_a_name_until_a_person_acts() -> None:
    world = AcmeWorld(
        main={
            "limits": {
                "failuresPerIdentifier": None,
                "consecutiveFailures": {"burst": 3, "period": "3d"},
            }
        }
    )
    ann = world.account()
    found = [failed(ann, "a.example").status for _ in range(5)]
    assert found == [201] * 4 + [429]
    paused = ann.order("a.example", "b.example")
    assert paused.problem == (429, "rateLimited")
    assert (
        "temporarily prevented from requesting certificates for a.example"
        in paused["detail"]
    )
    assert "retry-after" not in paused.headers
    world.later(days=30)
    assert ann.order("a.example").status == 429
    world.edit("unpause")
    ann.obtain(world.records, "a.example")
    assert failed(ann, "b.example").status == 201


def test_a_success_begins_the_row_anew() -> None:
    world = AcmeWorld(main={"limits": {"failuresPerIdentifier": None, "consecutiveFailures": {"burst": 3, "period": "3d"}}, "reuseAuthorizations": False})  # fmt: skip
    ann = world.account()
    for _ in range(3):
        assert [failed(ann, "a.example").status for _ in range(3)] == [201] * 3
        ann.obtain(world.records, "a.example")


def test_accounts_from_an_address() -> None:
    world = AcmeWorld()
    found = [world.client().register().status for _ in range(11)]
    assert found == [201] * 10 + [429]
    world.later(minutes=18)
    assert world.client().register().status == 201


def test_the_one_that_takes_longest_is_told() -> None:
    """ "we will always return the error message for the limit that resets furthest"."""
    world = AcmeWorld(main={"limits": {"ordersPerAccount": {"burst": 1, "period": "1h"}, "failuresPerIdentifier": {"burst": 1, "period": "5h"}}})  # fmt: skip
    ann = world.account()
    failed(ann, "a.example")
    over = ann.order("a.example")
    assert "failed authorizations" in over["detail"]
    assert over.headers["retry-after"] == str(5 * 3600 + 1)


def test_a_refused_order_costs_nothing() -> None:
    world = AcmeWorld(main={"limits": {"ordersPerAccount": {"burst": 2, "period": "1h"}, "failuresPerIdentifier": {"burst": 1, "period": "5h"}}})  # fmt: skip
    ann = world.account()
    failed(ann, "a.example")
    assert [ann.order("a.example").status for _ in range(3)] == [429] * 3
    assert ann.order("b.example").status == 201


def replacing(world: AcmeWorld, ann: AcmeClient, old: Any) -> Said:
    return ann.order("a.example", replaces=identity(old))


@pytest.mark.parametrize(("exempt", "early"), [("window", 429), ("always", 201)])
def test_a_replacement_inside_its_window_is_free(exempt: str, early: int) -> None:
    """
    Boulder asks whether it is inside the window now; the documentation names only the
    replacement itself: "exempt from all rate limits".
    """
    world = AcmeWorld(main={**few("certificatesPerSet", 1, "2000d"), "exempt": exempt})
    ann = world.account()
    old = ann.obtain(world.records, "a.example")
    assert ann.order("a.example").status == 429
    assert replacing(world, ann, old).status == early
    start, _ = window(information(ann, old))
    world.clock.set(start, frozen=True)
    assert ann.order("a.example").status == 429
    if exempt == "window":
        order = replacing(world, ann, old)
        ann.prove(order, world.records)
        ann.finalize(order, request(["a.example"]))
        assert ann.post(order.headers["location"])["status"] == "valid"
        assert replacing(world, ann, old).problem == (409, "alreadyReplaced")


def test_what_was_revoked_is_past_its_window_and_not_free() -> None:
    """Boulder's window for it ended half an hour ago."""
    world = AcmeWorld(main=few("certificatesPerSet", 1, "2000d"))
    ann = world.account()
    old = ann.obtain(world.records, "a.example")
    world.edit("revoke")
    assert replacing(world, ann, old).status == 429
    world.edit("settings", exempt="always")
    assert replacing(world, ann, old).status == 201


def test_staging_off_and_refill() -> None:
    world = AcmeWorld(staging={"limits": "staging"}, free={"limits": "off"}, main={})
    for name in ("staging", "free"):
        ann = world.account(name)
        for _ in range(6):
            ann.obtain(world.records, "a.example")
    ann = world.account("main")
    for _ in range(5):
        ann.obtain(world.records, "a.example")
    assert ann.order("a.example").status == 429
    assert "certificatesPerSet||a.example" in world.look("limits")["main"]["full again"]
    world.edit("refill", authority="main")
    assert ann.order("a.example").status == 201
