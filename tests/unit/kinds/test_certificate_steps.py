"""Issued, installed, served: what each difference between the three leads to."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.kinds.certificate import (
    NEXT,
    TLS,
    Advised,
    Certificate,
    Install,
    InstalledState,
    IssuanceState,
    Issue,
    Kept,
    Reload,
    Renew,
    Served,
    Site,
    TlsState,
    orders,
)
from reconciler.model import ISSUANCE, Ended, Makings, Place, Share, Unknown

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
CA = Share("ca", ISSUANCE)
WEB = Place(target="Provider/web", provider="web", family="install")
OURS, THEIRS = "ab" * 32, "cd" * 32


def certificate(*places, recorded=None, **spec):
    full = {
        "names": ["a.example", "*.a.example"],
        "issuers": ["ca"],
        "key": {"store": {"file": "keys"}},
        **spec,
    }
    want = Certificate.model_validate({"metadata": {"name": "a.example"}, "spec": full})
    makings = Makings(places=places or (WEB,))
    return want.joined(lambda: makings).recalling(lambda: recorded or {})


def kept(age=10.0, life=90.0, **more):
    begins = NOW - timedelta(days=age)
    fields = {
        "fingerprint": OURS,
        "spki": "ef" * 32,
        "serial": "0a",
        "issuer": "Test CA",
        "authority": "ca",
        "names": ("*.a.example", "a.example"),
        "not_before": begins,
        "not_after": begins + timedelta(days=life),
        "algorithm": "ecdsa-p256",
    }
    return Kept.model_validate(fields | more)


def issued(one=None, **more):
    return IssuanceState(kept=one, **more)


def installed(fingerprint=None, *, mark="Provider/web", **more):
    return InstalledState(sites={mark: Site(fingerprint=fingerprint, **more)})


def served(*fingerprints):
    found = (
        Served(
            name="a.example",
            address=f"192.0.2.{number}",
            fingerprint=fingerprint,
            not_after=NOW + timedelta(days=80),
        )
        for number, fingerprint in enumerate(fingerprints, 1)
    )
    return TlsState(seen=NOW, served=tuple(found))


def steps(have, want=None, now=NOW):
    return list((want or certificate()).diff(have, now))


def codes(have, want=None, now=NOW):
    return {found.code for found in (want or certificate()).findings(have, now)}


def test_all_three_agree():
    have = {
        CA: issued(kept()),
        WEB.share: installed(OURS),
        TLS: served(OURS, OURS),
    }
    assert steps(have) == []
    assert codes(have) == set()


def test_what_was_never_issued_is_issued_and_installed():
    first, second = steps({CA: issued(), WEB.share: installed()})
    assert isinstance(first, Issue)
    assert first.because == "was never issued"
    assert first.details["names"] == ["a.example", "*.a.example"]
    assert isinstance(second, Install)
    assert second.details["fingerprint"] == NEXT
    assert second.waits_for == ("issue",)


def test_what_is_issued_is_installed_whenever_that_was():
    have = {CA: issued(kept(age=20)), WEB.share: installed(THEIRS), TLS: served(THEIRS)}
    (only,) = steps(have)
    assert isinstance(only, Install)
    assert only.details["fingerprint"] == OURS
    assert only.hold is None


def test_a_place_that_cannot_be_read_is_left_alone():
    have = {CA: issued(kept()), WEB.share: installed(reads=False, trouble="is gone")}
    assert steps(have) == []
    assert "place-unreadable" in codes(have)


def test_what_ends_later_is_not_replaced_unseen():
    site = installed(THEIRS, not_after=NOW + timedelta(days=300), renews="autossl")
    have = {CA: issued(kept()), WEB.share: site}
    (only,) = steps(have)
    assert "ends later than ours (autossl renews it there)" in (only.hold or "")
    assert "two-renew" in codes(have)


def test_a_place_with_other_names_is_looked_at_first():
    site = installed(THEIRS, names=("a.example", "b.example"))
    (only,) = steps({CA: issued(kept()), WEB.share: site})
    assert "also answers to b.example" in (only.hold or "")


def test_one_stale_address_is_reloaded_and_named():
    have = {
        CA: issued(kept()),
        WEB.share: installed(OURS),
        TLS: served(OURS, THEIRS),
    }
    (only,) = steps(have)
    assert isinstance(only, Reload)
    assert only.because == "192.0.2.2 still serves another one"
    assert codes(have) == {"not-served"}


def test_a_reload_is_not_repeated_at_once():
    done = {"reloaded/Provider/web": {"at": (NOW - timedelta(hours=1)).isoformat()}}
    have = {CA: issued(kept()), WEB.share: installed(OURS), TLS: served(THEIRS)}
    assert steps(have, certificate(recorded=done)) == []
    assert [
        type(s)
        for s in steps(have, certificate(recorded=done), NOW + timedelta(hours=6))
    ]


def test_a_renewal_takes_its_places_along():
    have = {CA: issued(kept(age=62)), WEB.share: installed(OURS), TLS: served(OURS)}
    first, second = steps(have)
    assert isinstance(first, Renew)
    assert first.generation == "0a"
    assert second.details["fingerprint"] == NEXT
    assert second.waits_for == ("renew",)


def test_revoked_is_now():
    have = {CA: issued(kept(age=1), revoked=NOW), WEB.share: installed(OURS)}
    first = steps(have)[0]
    assert isinstance(first, Renew)
    assert first.because == "was revoked"
    assert "certificate-revoked" in codes(have)


def test_the_window_of_the_issuer_comes_first():
    window = Advised(
        start=NOW - timedelta(days=2),
        end=NOW - timedelta(days=1),
        seen=NOW,
        check=NOW + timedelta(hours=6),
    )
    have = {
        CA: issued(kept(age=20, ari="x.y"), advised=window),
        WEB.share: installed(OURS),
    }
    first = steps(have)[0]
    assert isinstance(first, Renew)
    assert first.details["replaces"] == "x.y"


def test_a_limit_defers():
    until = NOW + timedelta(hours=3)
    state = issued(affordable=until, why_not="5/7d certificates for the same names")
    first = steps({CA: state, WEB.share: installed()})[0]
    assert first.not_before == until
    assert "5/7d" in first.because


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"names": ("a.example",)}, "names have changed"),
        ({"algorithm": "rsa-2048"}, "kind of its key"),
        ({"authority": "other"}, "no issuer of it any more"),
        ({"wrong": "its key is another one"}, "its key is another one"),
    ],
)
def test_another_one_is_issued(change, why):
    first = steps({CA: issued(kept(age=20, **change)), WEB.share: installed(OURS)})[0]
    assert isinstance(first, Issue)
    assert why in first.because


def test_a_name_that_is_lost_is_no_small_thing():
    names = ("*.a.example", "a.example", "b.example")
    first = steps({CA: issued(kept(age=20, names=names)), WEB.share: installed(OURS)})[
        0
    ]
    assert first.risk == "security"
    assert first.details["loses"] == ["b.example"]


def test_a_wrong_key_is_never_installed():
    have = {CA: issued(kept(wrong="its key is another one")), WEB.share: installed()}
    assert all(s.details.get("fingerprint") != OURS for s in steps(have))
    assert "certificate-unusable" in codes(have)


def test_nothing_is_planned_from_what_is_unknown():
    assert steps({CA: Unknown(why="is locked"), WEB.share: installed(THEIRS)}) == []
    assert steps({CA: issued(kept()), WEB.share: Unknown(why="is down")}) == []


def test_what_failed_waits_and_is_named():
    row = {
        "at": (NOW - timedelta(minutes=5)).isoformat(),
        "issuer": "ca",
        "names": ["a.example", "*.a.example"],
        "failed": "dns",
    }
    want = certificate(recorded={"orders": [row, row]})
    have = {CA: issued(), WEB.share: installed()}
    first = steps(have, want)[0]
    assert first.not_before == NOW + timedelta(minutes=5)
    assert "issuer-cannot-resolve" in codes(have, want)


def ended(status="applied", **evidence):
    return Ended(status, NOW, 1, evidence)


def test_what_was_installed_is_remembered_by_what_is_there():
    have = {CA: issued(kept()), WEB.share: installed(THEIRS)}
    (only,) = steps(have)
    after = {CA: issued(kept()), WEB.share: installed(OURS)}
    fact = certificate().remembers(only, ended(), after)
    mark = "installed/Provider/web"
    assert fact == {mark: {"at": NOW.isoformat(), "fingerprint": OURS}}
    assert certificate().remembers(only, ended("not_applied"), after) == {}


def test_a_reload_that_was_done_is_not_done_again_at_once():
    have = {CA: issued(kept()), WEB.share: installed(OURS), TLS: served(THEIRS)}
    (only,) = steps(have)
    want = certificate(recorded=dict(certificate().remembers(only, ended(), have)))
    assert steps(have, want) == []


def test_an_order_that_failed_is_remembered_with_its_reason():
    first = steps({CA: issued(), WEB.share: installed()})[0]
    facts = certificate().remembers(first, ended("failed", reason="caa"), {})
    want = certificate(recorded=dict(facts))
    (order,) = orders(want.recorded)
    assert (order.failed, order.issuer) == ("caa", "ca")
    assert set(order.names) == {"a.example", "*.a.example"}


def test_what_we_installed_and_somebody_replaced_is_said():
    recorded = {"installed/Provider/web": {"at": "x", "fingerprint": OURS}}
    have = {CA: issued(kept()), WEB.share: installed(THEIRS), TLS: served(THEIRS)}
    assert "installation-replaced" in codes(have, certificate(recorded=recorded))


def test_an_empty_store_is_no_reason_to_order_everything_anew():
    recorded = {"issued": kept(age=20).model_dump(mode="json")}
    have = {CA: issued(), WEB.share: installed(OURS), TLS: served(OURS)}
    first = steps(have, certificate(recorded=recorded))[0]
    assert isinstance(first, Issue)
    assert "is this the machine with the keys?" in (first.hold or "")
    assert "key-lost" in codes(have, certificate(recorded=recorded))


def test_what_was_lost_is_ordered_anew_when_it_presses():
    recorded = {"issued": kept(age=88).model_dump(mode="json")}
    have = {CA: issued(), WEB.share: installed(OURS), TLS: served(OURS)}
    first = steps(have, certificate(recorded=recorded))[0]
    assert isinstance(first, Issue)
    assert first.hold is None
