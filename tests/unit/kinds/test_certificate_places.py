"""What is installed where: what follows, what is held, and what is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from reconciler.kinds.certificate import Install, InstalledState, Site
from tests.support.certificates import (
    certificate,
    have,
    leaf,
    mark,
    material,
    place,
)
from tests.support.contract import NOW

WHERE = place("HostingAccount/shop.example")
ONE = material("shop.example", "www.shop.example")
OLD = material("shop.example", "www.shop.example", days=20)


def want(**recorded: Any) -> Any:
    made = certificate("shop.example", [WHERE])
    facts = {f"installed/{WHERE.mark}": recorded} if recorded else {}
    return made.recalling(lambda: facts)


def installed(**site: Any) -> InstalledState:
    return InstalledState(sites={WHERE.mark: Site(**site)})


def installs(made: Any, state: InstalledState) -> list[Install]:
    found = made.diff(have(made, state, ONE), NOW)
    return [change for change in found if isinstance(change, Install)]


def said(made: Any, state: InstalledState) -> set[str]:
    return {f.code for f in made.findings(have(made, state, ONE), NOW)}


def test_what_was_replaced_is_installed_again_as_another_need() -> None:
    first = installs(want(), installed())[0]
    ours = want(fingerprint=mark(ONE), at=NOW.isoformat())
    again = installs(ours, installed(fingerprint="ff" * 32))[0]
    assert first.details == again.details
    assert first.generation != again.generation
    later = want(fingerprint=mark(ONE), at=(NOW + timedelta(days=1)).isoformat())
    third = installs(later, installed(fingerprint="ff" * 32))[0]
    assert len({first.generation, again.generation, third.generation}) == 3


def test_what_ends_later_is_held_unless_we_put_it_there() -> None:
    ends = leaf(ONE).not_valid_after_utc + timedelta(days=1)
    state = installed(fingerprint="ff" * 32, not_after=ends, renews="autossl")
    (change,) = installs(want(), state)
    assert "ends later than ours (autossl renews it there)" in (change.hold or "")
    (change,) = installs(want(fingerprint="ff" * 32, at=NOW.isoformat()), state)
    assert change.hold is None


def test_names_that_would_be_lost_are_held_the_first_time() -> None:
    state = installed(fingerprint=mark(OLD), names=("mail.shop.example",))
    (change,) = installs(want(), state)
    assert "also answers to mail.shop.example" in (change.hold or "")
    (change,) = installs(want(fingerprint="aa", at=NOW.isoformat()), state)
    assert change.hold is None


def test_a_place_in_trouble_is_named_and_still_written_to() -> None:
    state = installed(trouble="its key is another one's")
    assert "place-in-trouble" in said(want(), state)
    assert len(installs(want(), state)) == 1


def test_a_place_that_cannot_be_read_is_not_written_to() -> None:
    state = installed(reads=False, trouble="no answer")
    assert {"place-unreadable"} == said(want(), state) - {"tls-not-seen"}
    assert installs(want(), state) == []
