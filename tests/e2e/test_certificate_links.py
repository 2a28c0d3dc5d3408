"""
Every link from a name to what its visitors are served breaks once, by real sockets.

Each has a finding of its own and an action of its own, or the absence of one; what may
mend itself does. What is so at the end is read from the key store, the panel and the
web servers, never from the product's own words.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from reconciler.errors import Locked
from reconciler.providers._install import seen
from reconciler.sandbox import Fault
from reconciler.sandbox.example_certificates import account_key
from tests.support.links import (
    BOUGHT,
    FILE,
    LATE,
    NAME,
    OTHER,
    PROVIDED,
    THIRD,
    WEB,
    Linked,
)

DONE = [("issue", "applied"), ("install", "applied")]
RENEWED = [("renew", "applied"), ("install", "applied")]


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
    plan = fresh.plan()
    assert fresh.todo(plan) == [("issue", "allow"), ("install", "allow")]
    assert fresh.ran() == DONE
    fresh.agrees()


def test_ca_down(fresh):
    """A fault of theirs: with patience enough, the next one is asked."""
    fresh.by_hand("acme", "down", authority="first", **{"for": 40 * 3600})
    assert fresh.ran() == [("issue", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"issuer-fails": "warning"}
    assert fresh.todo(plan) == []
    assert fresh.deferred(plan)["issue"] > fresh.clock()
    fresh.later(hours=8)
    assert fresh.ran() == [("issue", "failed")]
    assert fresh.found() == {"issuer-fails": "error"}
    for _ in range(2):
        fresh.later(hours=9)
        fresh.ran()
    assert fresh.orders() == ["second"]
    fresh.agrees()


def test_ca_down_and_back_again(fresh):
    fresh.by_hand("acme", "down", authority="first", **{"for": 3 * 3600})
    fresh.ran()
    fresh.later(hours=6)
    assert fresh.ran() == DONE
    assert fresh.orders() == ["first"]
    fresh.agrees()


def test_ca_rate_limit(fresh):
    """It is waited for as long as the authority says, and not asked before."""
    limits = {"ordersPerAccount": {"burst": 1, "period": "10h"}}
    fresh.by_hand("acme", "settings", authority="first", limits=limits)
    fresh.settled()
    fresh.edit(FILE, f"names: [{NAME}]", f"names: [{NAME}, www.{NAME}]")
    fresh.commit()
    assert fresh.ran() == [("issue", "not_applied")]
    plan = fresh.plan()
    assert fresh.found(plan)["issuer-limit"] == "warning"
    assert fresh.todo(plan) == []
    until = fresh.deferred(plan)["issue"]
    assert timedelta(hours=9) < until - fresh.clock() <= timedelta(hours=10)
    assert fresh.asked() == 2
    fresh.later(hours=6)
    assert fresh.ran() == []
    assert fresh.asked() == 2
    fresh.later(hours=4)
    assert fresh.ran() == DONE
    assert fresh.orders() == ["first", "first"]


def test_dns_propagation_late(fresh):
    """One server is a day behind: nobody is told to look, and the order goes on."""
    fresh.by_hand("public", "oddity", name=NAME, behind={LATE: 86400})
    assert fresh.ran() == [("issue", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"challenge-not-shown": "warning"}
    assert fresh.deferred(plan)["issue"] > fresh.clock()
    fresh.later(days=1)
    assert fresh.ran() == DONE
    assert fresh.asked() == 1  # it was the same order, and the same proof
    fresh.agrees()


CAA = """\
    records:
      - {name: "@", type: CAA, values: [%s]}
"""


def test_caa_forbids(sound):
    """The plan says so while what is served is still good, with the record to add."""
    sound.edit(FILE, "    records:\n", CAA % """'0 issue "second.example"'""")
    sound.commit()
    sound.apply()
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    plan = sound.plan()
    assert sound.found(plan)["caa-forbids"] == "error"
    assert '0 issue "first.example"' in sound.said("caa-forbids", plan)
    assert ("renew", "failed") in sound.ran()
    plan = sound.plan()
    assert sound.found(plan)["caa-forbids-order"] == "error"
    assert '0 issue "first.example"' in sound.said("caa-forbids-order", plan)
    assert sound.todo(plan) == []
    sound.edit(FILE, "values: ['", "values: ['0 issue \"first.example\"', '")
    sound.commit()
    for _ in range(2):  # the records, and then the order
        sound.later(hours=6)
        sound.ran()
    assert sound.orders() == ["first", "first"]
    sound.agrees()


def test_dnssec_bogus(fresh):
    """No authority can look it up; whose fault that is, is seen beside it."""
    fresh.by_hand("public", "oddity", name=NAME, signed="forged")
    fresh.by_hand("acme", "bogus", name=NAME)
    assert fresh.ran() == [("issue", "failed")]
    plan = fresh.plan()
    found = fresh.found(plan)
    assert found["issuing-dnssec-bogus"] == "error"
    assert found["issuer-cannot-resolve"] == "error"
    assert fresh.todo(plan) == []
    fresh.by_hand("public", "oddity", name=NAME, signed="well")
    fresh.by_hand("acme", "bogus", name=NAME, mended=True)
    fresh.later(hours=6)
    assert fresh.ran() == DONE
    assert fresh.orders() == ["first"]
    fresh.agrees()


# -- issued, and of no use -----------------------------------------------------------------


def test_wrong_key(sound):
    """The key store has another key: nothing of it is installed, a new one is made."""
    whole = json.loads(sound.drawer.read_text())
    whole["current"]["key"] = account_key()
    sound.drawer.write_text(json.dumps(whole))
    old = sound.installed()
    plan = sound.plan()
    assert sound.found(plan) == {"certificate-unusable": "critical"}
    assert sound.todo(plan) == [("issue", "allow"), ("install", "allow")]
    assert sound.installed() == old
    assert sound.ran() == DONE
    assert sound.installed() != old
    sound.agrees()


def test_revoked(sound):
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    plan = sound.plan()
    assert sound.found(plan) == {"certificate-revoked": "critical"}
    assert plan.actions[0].change.because == "was revoked"
    assert "can wait\n    no: what" in sound.explained()
    assert sound.ran() == RENEWED
    sound.agrees()


# -- issued, and not installed ----------------------------------------------------------------


def test_not_installed(fresh):
    """The panel does not take it; it is installed when it does, and not issued again."""
    fault = Fault(vendor="whm", operation="installssl", kind="status", status=400)
    fresh.sandbox.inject(fault)
    assert fresh.ran() == [("issue", "applied"), ("install", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"not-installed": "error"}
    assert fresh.todo(plan) == [("install", "allow")]
    assert fresh.ran() == [("install", "applied")]
    assert fresh.orders() == ["first"]
    fresh.agrees()


def test_replaced_by_hand(sound):
    sound.panel(certificates={NAME: {"ends": 10, "automatic": False}})
    plan = sound.plan()
    assert sound.found(plan) == {"installation-replaced": "error"}
    assert sound.ran() == [("install", "applied")]
    sound.agrees()


def test_wrong_site(fresh):
    """It would spoil that site again and again: a person looks first."""
    fresh.panel(addons=["other.example"], misplaced="other.example")
    assert fresh.ran() == [("issue", "applied"), ("install", "failed")]
    plan = fresh.plan()
    assert fresh.found(plan) == {"installed-elsewhere": "error"}
    assert fresh.todo(plan) == [("install", "hold")]
    before = fresh.sandbox.ledger.effects("whm")
    assert fresh.ran() == []
    assert fresh.sandbox.ledger.effects("whm") == before
    fresh.panel(misplaced=None)
    assert fresh.approved() == [("install", "applied")]
    fresh.agrees()


def test_autossl_fights(sound):
    """Two that renew the same: ours does not fight, and says who does."""
    sound.by_hand("whm", "autossl", autossl=True, fights=True)
    sound.panel(autossl=True)
    sound.later(days=1, hours=1)
    plan = sound.plan()
    found = {"installation-replaced": "error", "two-renew": "warning"}
    assert sound.found(plan) == found
    assert sound.todo(plan) == [("install", "hold")]
    assert sound.ran() == []
    sound.panel(excluded=[f"{part}{NAME}" for part in ("", "www.", "mail.")])
    sound.later(days=1)
    assert sound.found() == {"installation-replaced": "error"}
    assert sound.approved() == [("install", "applied")]
    sound.later(days=2)
    sound.agrees()


# -- installed, and not served ------------------------------------------------------------------


def test_not_reloaded(sound):
    for address in (WEB, OTHER):
        sound.by_hand("public", "address", address=address, keeps="reload")
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=1)
    assert sound.ran() == RENEWED
    plan = sound.plan()
    assert sound.found(plan) == {"not-served": "error"}
    assert sound.todo(plan) == [("reload", "allow")]
    text = sound.explained()
    assert "can wait\n    until 2027-02-20" in text
    assert "run: reconciler apply --select Certificate/bakker.example" in text
    assert sound.ran() == [("reload", "applied")]
    sound.agrees()


def test_one_of_two_addresses_stale(sound):
    """An old machine behind the same name: to load again is tried, and not for ever."""
    sound.by_hand("public", "address", address=OTHER, keeps="for-good")
    sound.by_hand("acme", "revoke", authority="first", name=NAME)
    sound.later(days=2)
    assert sound.ran() == RENEWED
    plan = sound.plan()
    assert sound.found(plan) == {"not-served": "error", "tls-addresses-differ": "error"}
    assert sound.ran() == [("reload", "applied")]
    plan = sound.plan()
    assert sound.todo(plan) == []
    assert OTHER in sound.said("not-served", plan)
    assert "to load it again did not help" in sound.said("not-served", plan)
    sound.by_hand("public", "address", address=OTHER, keeps="none")
    sound.later(hours=2)
    sound.agrees()


def test_old_chain(sound):
    """Another authority signed it, and the panel kept the bundle of the first."""
    sound.panel(stale_bundles=1)
    sound.edit(FILE, "issuers: [first, second]", "issuers: [second]")
    sound.commit()
    assert sound.ran() == DONE
    plan = sound.plan()
    found = {"chain-not-served": "critical", "tls-untrusted": "critical"}
    assert sound.found(plan) == found
    assert sound.deferred(plan)["install"] > sound.clock()
    assert "are warned by their browsers" in sound.explained()
    sound.later(hours=1)
    assert sound.ran() == [("install", "applied")]
    assert sound.orders() == ["first", "second"]
    sound.agrees()


# -- somebody else issues it ------------------------------------------------------------------


def test_autossl_fails(tmp_path):
    """Its own server renews it, and cannot: it is woken up once a day, and told of."""
    with Linked(tmp_path, PROVIDED) as ours:
        ours.by_hand("whm", "autossl", autossl=True)
        seed = {NAME: {"ends": 10}}
        ours.panel(autossl=True, certificates=seed, problem="DNS DCV: no record")
        old = ours.installed()
        assert ours.todo() == [("check", "allow")]
        assert ours.ran() == [("check", "applied")]
        plan = ours.plan()
        assert ours.found(plan)["own-renewal-fails"] == "error"
        assert "DNS DCV: no record" in ours.said("own-renewal-fails", plan)
        assert ours.todo(plan) == []
        ours.panel(problem=None)
        ours.later(hours=21)
        assert ours.ran() == [("check", "applied")]
        ours.later(days=1)
        assert ours.installed() != old
        assert ours.served() == {ours.installed()}
        plan = ours.plan()
        assert (ours.found(plan), ours.todo(plan)) == ({}, [])


def test_bought(tmp_path):
    """Installed and watched like any other; that it ends is said, and nothing ordered."""
    with Linked(tmp_path, BOUGHT) as ours:
        first = ours.bought(days=40)
        assert ours.ran() == [("install", "applied")]
        assert ours.served() == {first} == {ours.installed()}
        ours.later(days=15)
        plan = ours.plan()
        assert ours.found(plan)["bought-certificate-ends"] == "warning"
        assert ours.todo(plan) == []
        second = ours.bought(days=380)
        assert ours.ran() == [("install", "applied")]
        assert ours.served() == {second} == {ours.installed()}
        plan = ours.plan()
        assert (ours.found(plan), ours.todo(plan)) == ({}, [])
        assert ours.orders() == []


# -- around it ---------------------------------------------------------------------------------


def test_the_account_moves_to_another_server(sound):
    """Its certificate follows it there: the same one, and nothing is ordered."""
    with sound.another_server() as other:
        sound.edit(FILE, "provider: whm-1", "provider: whm-2")
        sound.edit(FILE, f"values: [{WEB}, {OTHER}]", f"values: [{THIRD}]")
        sound.commit()
        assert sound.found() == {"not-installed": "warning"}
        assert sorted(sound.ran()) == [("install", "applied"), ("records", "applied")]
        moved = other.bench("whm").state["accounts"]["bakker"]["sites"][NAME]
        assert seen(moved["pem"].encode()).fingerprint == sound.kept()
        sound.addresses = [THIRD]
        assert sound.orders() == ["first"]
        sound.agrees()


def test_no_longer_wanted(sound):
    """What nobody wants is reported, and nothing of it is taken away."""
    text = (sound.root / FILE).read_text()
    sound.write(FILE, text[: text.index("Certificate/")])
    sound.commit()
    before = sound.sandbox.ledger.effects()
    assert sound.found() == {"orphaned": "warning"}
    assert sound.ran() == []
    assert sound.sandbox.ledger.effects() == before
    assert sound.served() == {sound.kept()} == {sound.installed()}


def test_two_runs_at_once(fresh):
    """One acts, the other is told so; there is one order."""
    slow = Fault(vendor="acme", operation="first/newOrder", kind="slow", seconds=0.5)
    fresh.sandbox.inject(slow)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(fresh.ran, actor=who) for who in ("ann", "bob")]
    ended = {type(one.exception()) for one in runs}
    assert ended == {type(None), Locked}
    assert fresh.orders() == ["first"]
    fresh.agrees()
