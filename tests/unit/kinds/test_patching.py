"""What is patched when, and what follows where that broke something."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.kinds.hosting_account import HOSTING, HostingAccount, HostingState
from reconciler.model import Ended, Makings, Severity, Share
from reconciler.model.patch_record import STOP, entries
from reconciler.model.patch_rules import FRONTS, TROUBLES
from reconciler.model.patching import Patching
from reconciler.model.updates import (
    UPDATES,
    Component,
    FrontState,
    Look,
    Patch,
    RollBack,
    TroubleState,
    UpdatesState,
)
from tests.support.scaling import NOW  # a Sunday, 09:00

SERVER, SHARE = Share("plesk-1", HOSTING), Share("plesk-1", UPDATES)
SITE = "shop.example"
GOOD = Look(status=200, title="aaaa", size=12)
WINDOWS = [{"days": ["mon"], "from": "02:00", "to": "05:00"}]
OPENS = NOW.replace(day=23, hour=2)
HOUR = timedelta(hours=1)


def rules(**fields):
    given = {"windows": WINDOWS, "wait": "0s", **fields}
    return Patching.model_validate(given)


def account(policy=None, recorded=None, **spec):
    whole = {"provider": "plesk-1", "plan": "care-5", "patching": "careful", **spec}
    made = HostingAccount.model_validate({"metadata": {"name": SITE}, "spec": whole})
    made.joined(lambda: Makings(patching=policy or rules()))
    return made.recalling(lambda: recorded or {})


def part(name="plugin/shop", current="1.0.0", target="1.1.0", sort="minor", **more):
    return Component(
        id=name, site=SITE, current=current, target=target, sort=sort, **more
    )


def have(*parts, front=GOOD, at=NOW, trouble=None, **live):
    state = {"account": "shop", "domain": SITE, "package": "", **live}
    looks = {} if front is None else {SITE: front}
    found = {
        SERVER: HostingState(**state),
        SHARE: UpdatesState(at=at, components=parts),
        TROUBLES: trouble or TroubleState(),
    }
    return (
        found if front is None else {**found, FRONTS: FrontState(seen=at, looks=looks)}
    )


def only(want, known, now=NOW):
    (change,) = want.diff(known, now)
    return change


def codes(want, known, now=NOW):
    return {f.code: f.severity for f in want.findings(known, now)}


def test_an_account_that_nobody_patches_is_as_cheap_as_before() -> None:
    def never():
        raise AssertionError("nobody asks")

    quiet = account(patching=None).joined(never).recalling(never)
    assert (quiet.shares(), quiet.witnesses()) == ((SERVER,), ())
    assert [*quiet.diff(have(part()), NOW)] == []
    assert quiet.quiet_until({}, NOW) is None
    assert quiet.noticed(have(part()), NOW) == {}
    assert account().shares() == (SERVER, SHARE)
    assert account().witnesses() == (FRONTS, TROUBLES)


def test_a_patch_is_disruptive_needs_a_proof_and_goes_alone() -> None:
    change = only(account(), have(part(sort="security")))
    assert isinstance(change, Patch)
    assert (str(change.risk), change.needs_proof) == ("disruptive", True)
    assert (change.lane, change.witnessed, change.merges) == ("patches", True, False)
    assert (change.not_before, change.hold, change.crowd) == (None, None, None)
    assert change.fields[0].before == "1.0.0"
    assert change.after[0][1] == "1.1.0"
    assert only(account(), have(part())).crowd == "patched"


@pytest.mark.parametrize(
    ("fields", "sort", "until"),
    [
        ({}, "security", None),
        ({"security": "window"}, "security", OPENS),
        ({"wait": "30d"}, "security", None),
        ({}, "minor", OPENS),
        ({"minor": "now"}, "minor", None),
        ({"minor": "now", "wait": "3d"}, "minor", NOW + timedelta(days=3)),
        ({"wait": "3d"}, "minor", OPENS + timedelta(days=7)),
    ],
)
def test_when_it_is_done(fields, sort, until) -> None:
    change = only(account(rules(**fields)), have(part(sort=sort)))
    assert change.not_before == until


def test_how_old_it_is_is_told_by_the_vendor_or_by_our_records() -> None:
    policy = rules(minor="now", wait="3d")
    since = NOW - timedelta(days=2)
    told = only(account(policy), have(part(since=since)))
    mark = part().mark
    kept = account(policy, {"updates": {mark: since.isoformat()}})
    assert told.not_before == only(kept, have(part())).not_before == NOW + 24 * HOUR
    (news,) = account(policy).noticed(have(part()), NOW).values()
    assert news == {mark: NOW.isoformat()}
    assert kept.noticed(have(part()), NOW) == {}
    assert kept.noticed(have(part(target=None)), NOW) == {"updates": {}}


def test_what_has_to_be_agreed_to_can_be_before_its_window_opens() -> None:
    major = part(sort="major", target="2.0.0")
    closed = only(account(), have(major))
    assert (closed.firm, closed.not_before) == (True, None)
    assert "2026-11-23 02:00" in closed.hold
    opened = only(account(), have(major, at=OPENS), OPENS)
    assert (opened.firm, opened.hold) == (
        False,
        "a major update: a person agrees first",
    )
    assert (closed.generation, closed.after) == (opened.generation, opened.after)


@pytest.mark.parametrize(
    ("fields", "more", "why"),
    [
        ({"exclude": ["plugin/shop"]}, {}, "it is excluded"),
        ({"minor": "never"}, {}, "minor: never"),
        ({"windows": []}, {}, "there are no windows"),
        ({}, {"able": False}, "cannot be updated from here"),
    ],
)
def test_what_is_left_is_said(fields, more, why) -> None:
    want, known = account(rules(**fields)), have(part(**more))
    assert [*want.diff(known, NOW)] == []
    (found,) = want.findings(known, NOW)
    assert (found.code, found.severity) == ("update-left", Severity.INFO)
    assert why in found.message


def test_a_weakness_that_is_left_is_a_warning() -> None:
    want = account(rules(security="never"))
    assert codes(want, have(part(sort="security"))) == {"update-left": Severity.WARNING}


@pytest.mark.parametrize("live", [{"suspended": True}, {"busy": "a restore"}])
def test_nothing_is_patched_that_is_not_in_service(live) -> None:
    assert [*account().diff(have(part(sort="security"), **live), NOW)] == []


@pytest.mark.parametrize("state", ["suspended", "terminated"])
def test_nothing_is_patched_that_shall_end(state) -> None:
    found = account(state=state).diff(have(part(sort="security")), NOW)
    assert not [c for c in found if isinstance(c, Patch)]


@pytest.mark.parametrize(
    ("fields", "more", "firm", "why"),
    [
        (
            {},
            {"trouble": TroubleState(since=NOW, why="it is down")},
            True,
            "it is down",
        ),
        ({}, {"trouble": TroubleState(seen=NOW, doubt=True)}, True, "nobody knows yet"),
        ({"check": "shop"}, {}, True, "was never looked at"),
        ({}, {"front": None}, False, "nobody sees from outside"),
        ({}, {"front": Look(status=500)}, False, "answers 500 already"),
        ({}, {"front": Look()}, False, "answers nothing already"),
    ],
)
def test_what_nobody_could_see_break_is_not_touched(fields, more, firm, why) -> None:
    change = only(account(rules(**fields)), have(part(sort="security"), **more))
    assert why in change.hold
    assert change.firm is firm


def test_with_a_check_that_is_good_nobody_has_to_look_at_the_page() -> None:
    trouble = TroubleState(seen=NOW)
    known = have(part(sort="security"), front=None, trouble=trouble)
    assert only(account(rules(check="shop")), known).hold is None


# -- what came of it ---------------------------------------------------------------------


def patched(policy=None, front=GOOD, trouble=None):
    """Return what is recorded of a patch after which the site looks like *front*."""
    want = account(policy)
    change = only(want, have(part(sort="security"), trouble=trouble))
    after = have(part(current="1.1.0", target=None), front=front, trouble=trouble)
    return {**want.remembers(change, Ended("applied", NOW, 1), after)}


BROKEN = Look(status=500, title="bbbb", size=7)


@pytest.mark.parametrize(
    ("look", "why"),
    [
        (BROKEN, "answers 500"),
        (Look(), "answers nothing"),
        (Look(status=200, title="bbbb", size=12), "has another title"),
        (Look(status=200, title="", size=12), "has lost its title"),
        (Look(status=200, title="aaaa", size=9), "is much shorter"),
    ],
)
def test_a_regression_is_seen_and_put_back_once(look, why) -> None:
    kept = patched(front=look)
    (entry,) = entries(kept)
    assert entry.result == "broke"
    assert why in entry.why
    assert SITE in kept[STOP]
    known = have(part(current="1.1.0", target=None), front=look)
    want = account(recorded=kept)
    assert codes(want, known) == {"patch-broke": Severity.CRITICAL}
    back = only(want, known)
    assert isinstance(back, RollBack)
    assert (back.mends, back.needs_proof, back.details["to"]) == (True, False, "1.0.0")
    ended = Ended("applied", NOW, 1)
    kept |= want.remembers(back, ended, have(part()))
    assert (kept[STOP], entries(kept)[0].result) == ("", "put-back")
    # The same update is a person's now, and nothing is put back a second time.
    later = account(recorded=kept)
    again = only(later, have(part(sort="security")))
    assert "it broke the site on 2026-11-22" in again.hold
    assert [*later.diff(have(part(current="1.1.0", target=None)), NOW)] == []


@pytest.mark.parametrize("status", ["applied", "failed"])
def test_what_could_not_be_put_back_is_left_and_stops_the_rest(status) -> None:
    kept = patched(front=BROKEN)
    known = have(part(current="1.1.0", target=None), front=BROKEN)
    want = account(recorded=kept)
    kept |= want.remembers(only(want, known), Ended(status, NOW, 1), known)
    assert entries(kept)[0].result == "left"
    left = account(recorded=kept)
    assert [*left.diff(known, NOW)] == []
    assert kept[STOP]
    assert codes(left, known) == {"patch-broke": Severity.CRITICAL}
    # Until somebody mends it.
    mended = have(part(current="1.2.0", target=None), at=NOW + HOUR)
    assert left.noticed(mended, NOW + HOUR)[STOP] == ""


def test_a_way_back_that_was_not_begun_is_still_open() -> None:
    kept = patched(front=BROKEN)
    known = have(part(current="1.1.0", target=None), front=BROKEN)
    want = account(recorded=kept)
    assert want.remembers(only(want, known), Ended("not_applied", NOW, 1), known) == {}


def test_without_roll_back_nothing_is_put_back() -> None:
    policy = rules(rollBack=False)
    kept = patched(policy, front=BROKEN)
    known = have(part(current="1.1.0", target=None), front=BROKEN)
    assert [*account(policy, kept).diff(known, NOW)] == []


def test_a_good_one_is_watched_and_then_good() -> None:
    kept = patched()
    assert (kept[STOP], entries(kept)[0].result) == ("", "watched")
    other = part("plugin/other", sort="security")
    watched = account(recorded=kept)
    blocked = only(watched, have(other))
    assert blocked.firm
    assert "still watched" in blocked.hold
    later = NOW + HOUR
    known = have(other, at=later)
    assert only(watched, known, later).hold is None
    (entry,) = entries(watched.noticed(known, later))
    assert entry.result == "good"


def test_what_breaks_while_it_is_watched_is_put_back() -> None:
    want = account(recorded=patched())
    later = NOW + timedelta(minutes=10)
    known = have(part(current="1.1.0", target=None), front=BROKEN, at=later)
    assert isinstance(only(want, known, later), RollBack)
    assert want.noticed(known, later)[STOP]


def test_a_check_that_fails_after_it_says_that_it_broke() -> None:
    policy, fine = rules(check="shop"), TroubleState(seen=NOW)
    kept = patched(policy, trouble=fine)
    assert "HealthCheck/shop has not seen it" in kept[STOP]
    want, at = account(policy, kept), NOW + timedelta(minutes=5)
    installed = part(current="1.1.0", target=None)
    down = TroubleState(seen=at, since=at, why="no answer")
    assert isinstance(only(want, have(installed, trouble=down), at), RollBack)
    # One that was ill before says nothing about it.
    before = TroubleState(seen=at, since=NOW - HOUR, why="no answer")
    assert [*want.diff(have(installed, trouble=before), at)] == []
    seen = have(installed, trouble=TroubleState(seen=at))
    news = want.noticed(seen, at)
    assert (news[STOP], entries(news)[0].result) == ("", "watched")
    over = NOW + HOUR
    late = have(installed, trouble=TroubleState(seen=over))
    assert entries(want.noticed(late, over))[0].result == "good"


def test_its_story_says_what_came_of_it() -> None:
    want = account(recorded=patched(front=BROKEN))
    (told,) = want.story(have(part("plugin/other")), NOW)
    assert told.title == "patched by careful"
    assert "from 1.0.0 to 1.1.0: broke (answers 500)" in told.lines[0]


def test_a_patch_is_done_where_its_version_is_there() -> None:
    change = only(account(), have(part(sort="security")))
    shown = {part(): False, part(current="1.1.0"): True, part(current="3"): None}
    for one, expected in shown.items():
        assert account().done(change, have(one)) is expected
    assert account().done(change, have()) is None


def test_one_that_takes_its_time_is_pending_for_so_long() -> None:
    change = only(account(), have(part(sort="security", slow=True)))
    assert account().pending(change, have(part()))
    late = have(part(), at=NOW + 3 * HOUR)
    assert account().pending(change, late) is None
