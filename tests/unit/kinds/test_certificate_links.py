"""What is wrong on the way to visitors, told apart by what is known of each part."""

from datetime import timedelta

import pytest

from reconciler.kinds.certificate import (
    TLS,
    Install,
    Served,
    TlsState,
)
from reconciler.model import Authority, Makings
from tests.unit.kinds.test_certificate_steps import (
    CA,
    NOW,
    OURS,
    THEIRS,
    WEB,
    certificate,
    codes,
    ended,
    installed,
    issued,
    kept,
    steps,
)

RIGHT, OLD = "01" * 32, "02" * 32
MARK = WEB.mark
ISSUED = issued(kept(chain=RIGHT))
NOTHING = {CA: issued(), WEB.share: installed(), TLS: TlsState(seen=NOW)}


def served(chain=RIGHT, *, trusted=True, fingerprint=OURS, **more):
    one = {
        "name": "a.example",
        "address": "192.0.2.1",
        "not_after": NOW + timedelta(days=80),
    }
    whole = {**one, **more, "fingerprint": fingerprint, "chain": chain}
    return TlsState(seen=NOW, served=(Served(trusted=trusted, **whole),))


def have(seen, at=OURS):
    return {CA: ISSUED, WEB.share: installed(at), TLS: seen}


def failed(*words):
    rows = [
        {
            "at": (NOW - timedelta(hours=9 - number)).isoformat(),
            "issuer": "ca",
            "names": ["a.example"],
            "failed": word,
        }
        for number, word in enumerate(words)
    ]
    want = certificate(recorded={"orders": rows})
    known = Makings(
        places=(WEB,), authorities=(Authority(name="ca", caa=("ca.example",)),)
    )
    return want.joined(lambda: known)


# -- no certificate came of it ----------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "code", "severity"),
    [
        ("unreachable", "issuer-fails", "warning"),
        ("serverInternal", "issuer-fails", "warning"),
        ("503", "issuer-fails", "warning"),
        ("rateLimited", "issuer-limit", "warning"),
        ("paused", "issuer-paused", "error"),
        ("propagation", "challenge-not-shown", "warning"),
        ("caa", "caa-forbids-order", "error"),
        ("dns", "issuer-cannot-resolve", "error"),
        ("unauthorized", "validation-failed", "error"),
        ("key-store", "key-store-fails", "error"),
        ("rejectedIdentifier", "order-failed", "warning"),
    ],
)
def test_each_failure_has_a_name_of_its_own(word, code, severity):
    want = failed(word)
    (found,) = want.findings(NOTHING, NOW)
    assert (found.code, str(found.severity)) == (code, severity)
    assert f": {word})" in found.message


def test_what_passes_by_itself_is_an_error_when_it_does_not():
    (found,) = failed("unreachable", "unreachable").findings(NOTHING, NOW)
    assert str(found.severity) == "error"
    assert "2 times" in found.message


def test_the_record_to_add_is_said():
    (found,) = failed("caa").findings(NOTHING, NOW)
    assert 'CAA 0 issue "ca.example"' in found.message


def test_a_proof_that_was_not_shown_is_nobody_elses_to_issue():
    """It is our DNS: the second issuer would not see it either, and none was asked."""
    first = failed("propagation").diff({CA: issued(), WEB.share: installed()}, NOW)
    assert next(first).details["issuer"] == "ca"


def test_what_a_key_store_refuses_is_no_fault_of_the_issuer():
    order = steps({CA: issued(), WEB.share: installed()})[0]
    facts = certificate().remembers(order, ended("failed", reason="key-store"), {})
    found = certificate(recorded=dict(facts)).findings(NOTHING, NOW)
    assert "key-store-fails" in {one.code for one in found}


# -- the right one, and another chain ------------------------------------------------------


def test_another_chain_is_installed_again():
    (only,) = steps(have(served(OLD, trusted=False)))
    assert isinstance(only, Install)
    assert only.details["chain"] == RIGHT
    assert (only.fields[0].before, only.fields[0].after) == (OLD[:8], RIGHT[:8])
    assert "chain-not-served" in codes(have(served(OLD, trusted=False)))


@pytest.mark.parametrize(
    "seen",
    [
        served(OLD),  # visitors can follow it
        served(trusted=False),  # what was issued is what nobody knows
        served(None, trusted=False),  # an older look did not tell
        served(OLD, trusted=False, fingerprint=THEIRS),  # it is another one
    ],
)
def test_a_chain_that_would_be_no_better_is_left_alone(seen):
    assert "install" not in {one.verb for one in steps(have(seen))}
    assert "chain-not-served" not in codes(have(seen))


def test_a_chain_is_tried_again_only_after_a_while():
    seen = have(served(OLD, trusted=False))
    fact = {f"installed/{MARK}": {"at": NOW.isoformat(), "fingerprint": OURS}}
    (only,) = steps(seen, certificate(recorded=fact))
    assert only.not_before == NOW + timedelta(hours=1)
    (later,) = steps(seen, certificate(recorded=fact), NOW + timedelta(hours=1))
    assert later.not_before is None
    assert later.generation != steps(seen)[0].generation


def test_whether_a_chain_was_mended_is_seen_by_visitors_alone():
    want = certificate()
    (only,) = steps(have(served(OLD, trusted=False)))
    assert want.done(only, have(served(OLD, trusted=False))) is False
    assert want.done(only, have(served())) is True
    unseen = {CA: ISSUED, WEB.share: installed(OURS)}
    assert want.done(only, unseen) is None


# -- issued, and not where it should be ------------------------------------------------------


def refused(reason, *, later=()):
    recorded = {
        f"refused/{MARK}": {"at": "2026-11-22T01:00:00+00:00", "reason": reason}
    }
    for at in later:
        recorded[f"installed/{MARK}"] = {"at": at, "fingerprint": THEIRS}
    return certificate(recorded=recorded)


def test_what_went_to_another_site_is_not_sent_again_by_itself():
    found = have(served(fingerprint=THEIRS), THEIRS)
    (only,) = steps(found, refused("misplaced"))
    assert only.hold is not None
    assert "another site" in only.hold
    assert codes(found, refused("misplaced")) == {"installed-elsewhere"}


def test_what_was_refused_is_tried_again():
    found = have(served(fingerprint=THEIRS), THEIRS)
    (only,) = steps(found, refused(""))
    assert only.hold is None
    assert codes(found, refused("")) == {"not-installed"}


def test_an_installation_makes_good_for_a_refusal():
    found = have(served(fingerprint=THEIRS), THEIRS)
    want = refused("misplaced", later=["2026-11-22T02:00:00+00:00"])
    (only,) = steps(found, want)
    assert only.hold is None
    assert codes(found, want) == {"not-installed"}


def test_a_refusal_is_remembered_with_its_reason():
    (only,) = steps({CA: ISSUED, WEB.share: installed(THEIRS)})
    facts = certificate().remembers(only, ended("failed", reason="misplaced"), {})
    assert facts[f"refused/{MARK}"]["reason"] == "misplaced"


def test_a_reload_that_did_not_help_is_said():
    seen = have(served(fingerprint=THEIRS))
    before = (NOW - timedelta(hours=1)).isoformat()
    recorded = {f"reloaded/{MARK}": {"at": before}}
    texts = [
        next(f.message for f in want.findings(seen, NOW) if f.code == "not-served")
        for want in (certificate(), certificate(recorded=recorded))
    ]
    assert ["did not help" in text for text in texts] == [False, True]


# -- whether it can wait --------------------------------------------------------------------


def waits(found, now=NOW):
    story = certificate().story(found, now)
    return next((c.lines[0] for c in story if c.title == "can wait"), None)


def test_what_is_in_order_does_not_press():
    assert waits(have(served())) is None


def test_what_is_served_is_good_for_a_while():
    assert waits(have(served(fingerprint=THEIRS))).startswith("until 2027-02-10 06:00")


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (served(OLD, trusted=False), "are warned by their browsers"),
        (served(fingerprint=THEIRS, matches=False), "are warned by their browsers"),
        (served(fingerprint=THEIRS, not_after=NOW), "get nothing that is good"),
        (served(fingerprint=None, not_after=None, problem="no answer"), "nothing that"),
    ],
)
def test_what_visitors_meet_cannot_wait(seen, says):
    assert waits(have(seen)).startswith("no: visitors of a.example at 192.0.2.1")
    assert says in waits(have(seen))


def test_what_was_revoked_and_is_served_cannot_wait():
    state = issued(kept(chain=RIGHT), revoked=NOW)
    found = {CA: state, WEB.share: installed(OURS), TLS: served()}
    assert waits(found) == "no: what a.example at 192.0.2.1 serves was revoked"


def test_nobody_knows_what_nobody_looked_at():
    found = {CA: issued(), WEB.share: installed(), TLS: TlsState(seen=NOW)}
    assert waits(found) == "nobody knows: nothing is served anywhere"
