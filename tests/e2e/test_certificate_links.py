"""
Every link from a name to what its visitors are served breaks once, by real sockets.

Each has a finding of its own and an action of its own, or the absence of one; what may
mend itself does. What is so at the end is read from the key store, the panel and the
web servers, never from the product's own words.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.links import FILE, LATE, NAME, OTHER, WEB, Linked

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def fresh(tmp_path):
    """Nothing was ever issued."""
    with Linked(tmp_path) as made:
        yield made


@pytest.fixture
def sound(fresh):
    """Issued, installed, served."""
    return fresh.settled()


# -- not issued ------------------------------------------------------------------------


def test_not_issued(fresh):
    assert fresh.todo() == [("issue", "allow"), ("install", "allow")]
    assert fresh.ran() == [("issue", "applied"), ("install", "applied")]
    fresh.agrees()


def test_ca_down(fresh):
    """Only a fault of theirs: another is asked once there was patience enough."""
    fresh.by_hand("acme", "down", authority="first", **{"for": 40 * 3600})
    assert fresh.ran() == [("issue", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"issuer-fails": "warning"}
    assert fresh.todo(plan) == []
    assert fresh.deferred(plan)["issue"] > fresh.clock()
    for _ in range(5):
        fresh.later(hours=6)
        fresh.ran()
    assert fresh.orders() == ["second"]
    fresh.agrees()


def test_ca_back_again(fresh):
    fresh.by_hand("acme", "down", authority="first", **{"for": 3 * 3600})
    fresh.ran()
    fresh.later(hours=6)
    fresh.ran()
    assert fresh.orders() == ["first"]
    fresh.agrees()


def test_ca_rate_limit(fresh):
    """It is waited for as long as the authority says, and in nobody's name before."""
    one = {"burst": 1, "period": "6h"}
    fresh.by_hand(
        "acme", "settings", authority="first", limits={"ordersPerAccount": one}
    )
    fresh.ran()
    print(fresh.found(), fresh.todo(), fresh.deferred(), fresh.recorded())


def test_dns_propagation_late(fresh):
    """One server is a day behind: nobody is told to look, and the order goes on."""
    fresh.by_hand("public", "oddity", name=NAME, behind={LATE: 86400})
    assert fresh.ran() == [("issue", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"challenge-not-shown": "warning"}
    assert LATE in fresh.recorded_failure()
    assert fresh.deferred(plan)
    assert fresh.asked() == 1
    fresh.later(days=1)
    fresh.ran()
    assert fresh.asked() == 1
    fresh.agrees()


def caa(fresh, *rows):
    record = {"Name": f"{NAME}.", "Type": "CAA", "TTL": 300}
    values = [{"Value": row} for row in rows]
    fresh.by_hand(
        "aws", "record", zone=NAME, record={**record, "ResourceRecords": values}
    )


def test_caa_forbids(fresh):
    fresh.edit(FILE, "    records:\n", CAA % "other.example")
    fresh.commit()
    print(fresh.ran())
    print(fresh.found(), fresh.todo(), fresh.deferred(), fresh.recorded())


CAA = """\
    records:
      - {name: "@", type: CAA, value: '0 issue "%s"'}
"""


def test_dnssec_bogus(fresh):
    fresh.by_hand("public", "oddity", name=NAME, signed="forged")
    print(fresh.ran())
    print(fresh.found(), fresh.todo(), fresh.deferred(), fresh.recorded())


def test_ca_cannot_resolve(fresh):
    fresh.by_hand("acme", "bogus", name=NAME)
    print(fresh.ran())
    print(fresh.found(), fresh.todo(), fresh.deferred(), fresh.recorded())


def test_wrong_key(sound):
    print("X")


def test_revoked(sound):
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.ran())
    sound.agrees()


def test_not_installed(sound):
    sound.panel(certificates={NAME: {"ends": 10, "automatic": False}})
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.ran())
    sound.agrees()


def test_wrong_site(fresh):
    fresh.panel(addons=["other.example"], misplaced="other.example")
    print(fresh.ran())
    plan = fresh.plan()
    print(fresh.found(plan), fresh.todo(plan), fresh.deferred(plan))


def test_not_reloaded(sound):
    sound.by_hand("public", "address", address=WEB, keeps="reload")
    sound.by_hand("public", "address", address=OTHER, keeps="reload")
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    print(sound.ran())
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.deferred(plan))


def test_one_address_stale(sound):
    sound.by_hand("public", "address", address=OTHER, keeps="for-good")
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    print(sound.ran())
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.deferred(plan))


def test_old_chain(sound):
    sound.panel(stale_bundles=1)
    sound.edit(FILE, "issuers: [first, second]", "issuers: [second]")
    sound.commit()
    print(sound.ran())
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.deferred(plan))


def test_autossl_fights(sound):
    sound.by_hand("whm", "autossl", autossl=True, fights=True)
    sound.panel(autossl=True)
    sound.later(days=1, hours=1)
    plan = sound.plan()
    print(sound.found(plan), sound.todo(plan), sound.deferred(plan))
