"""After an installation the look is patient: every address, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from reconciler.errors import Rejected
from reconciler.kinds.certificate import NEXT, Check, Install, Issue, Reload
from reconciler.model import Drawer, Material, Share
from reconciler.sandbox import Sandbox
from reconciler.sandbox.tls_server import Authority
from tests.support.changing import (
    NAME,
    ONE,
    TWO,
    WORLD,
    Pair,
    Scene,
    findings,
    issued,
    marks,
)
from tests.support.contract import NOW
from tests.support.public import running

HERE = Share("web-1", "install")


class Ring:
    """A keyring that has this."""

    def __init__(self, pair: Pair | None) -> None:
        self.pair = pair

    def open(self, _: Any) -> Drawer:
        if self.pair is None:
            raise Rejected("the store cannot be read")
        return Drawer(Material(self.pair.key, self.pair.chain))

    def put(self, want: Any, drawer: Drawer) -> Drawer:
        raise AssertionError(want, drawer)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority("Sandbox Authority", NOW)


@pytest.fixture(scope="module")
def old(root: Authority, tmp_path_factory: Any) -> Pair:
    return issued(root, tmp_path_factory.mktemp("old"))


@pytest.fixture(scope="module")
def new(root: Authority, tmp_path_factory: Any) -> Pair:
    return issued(root, tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


@pytest.fixture
def scene(sandbox: Sandbox, root: Authority) -> Iterator[Scene]:
    made = Scene(sandbox, root)
    yield made
    made.close()


def install(mark: str, share: Share = HERE) -> Install:
    details = {"mark": "web-1", "fingerprint": mark, "names": [NAME]}
    return Install(share=share, fields=(), because="x", details=details)


def test_a_server_that_takes_its_time_is_waited_for(
    scene: Scene, old: Pair, new: Pair
) -> None:
    late = lambda n: new if n > 9 else old  # noqa: E731
    state = scene.visited(late, lambda _: new, change=install(new.mark))
    assert marks(state) == {ONE: new.mark, TWO: new.mark}
    assert [one.trusted for one in state.served] == [True, True]
    assert scene.servers[0].visits == 9 + 3 + 1
    assert scene.servers[1].visits == 3 + 1
    assert 5 < sum(scene.slept) < 60


def test_one_right_answer_among_the_old_is_not_enough(
    scene: Scene, old: Pair, new: Pair
) -> None:
    """Old and new processes answer in turn while a server changes over."""
    turns = lambda n: new if n % 2 or n > 8 else old  # noqa: E731
    state = scene.visited(turns, lambda _: new, change=install(new.mark))
    assert marks(state)[ONE] == new.mark
    assert scene.servers[0].visits == 8 + 3 + 1


def test_an_address_that_stays_behind_is_named(
    scene: Scene, old: Pair, new: Pair
) -> None:
    state = scene.visited(lambda _: new, lambda _: old, change=install(new.mark))
    assert marks(state) == {ONE: new.mark, TWO: old.mark}
    assert 120 <= sum(scene.slept) <= 125
    assert findings(state, new.mark)["not-served"] == (
        f"{TWO} serves {old.mark[:8]} for {NAME}, and {new.mark[:8]} is installed"
    )


def test_what_goes_to_and_fro_is_not_served(scene: Scene, old: Pair, new: Pair) -> None:
    """One of two machines behind one address: a single look would be chance."""
    turns = lambda n: old if n % 2 and sum(scene.slept) < 120 else new  # noqa: E731
    state = scene.visited(turns, lambda _: new, change=install(new.mark))
    assert marks(state) == {ONE: old.mark, TWO: new.mark}
    assert "not-served" in findings(state, new.mark)


def test_a_server_that_does_not_come_back_is_said(
    scene: Scene, old: Pair, new: Pair
) -> None:
    gone = lambda n: old if n < 2 else None  # noqa: E731
    state = scene.visited(gone, lambda _: new, change=install(new.mark))
    (one,) = (one for one in state.served if one.address == ONE)
    assert one.problem is not None
    assert one.fingerprint is None


@pytest.mark.parametrize("known", [True, False])
def test_what_was_issued_in_the_same_run_is_in_the_key_store(
    scene: Scene, old: Pair, new: Pair, known: bool
) -> None:
    late = lambda n: new if n > 4 else old  # noqa: E731
    ring = Ring(new if known else None)
    state = scene.visited(late, lambda _: new, change=install(NEXT), keys=ring)
    expected = new if known else old
    assert marks(state) == {ONE: expected.mark, TWO: new.mark}
    assert bool(scene.slept) is known


@pytest.mark.parametrize(
    "change",
    [
        Issue(share=Share("le", "issuance"), fields=(), because="x"),
        Check(share=HERE, fields=(), because="x", details={"mark": "web-1"}),
        install("ab" * 32, Share("cloud", "acm")),
        Install(share=HERE, fields=(), because="x", details={"mark": "web-1"}),
    ],
)
def test_nobody_waits_for_what_no_server_was_told(
    scene: Scene, old: Pair, change: Any
) -> None:
    state = scene.visited(lambda _: old, lambda _: old, change=change)
    assert marks(state) == {ONE: old.mark, TWO: old.mark}
    assert [server.visits for server in scene.servers] == [1, 1]
    assert scene.slept == []


def test_nobody_waits_before_anything_was_done(
    scene: Scene, old: Pair, new: Pair
) -> None:
    """A reload follows from what visitors see: they look again, and once."""
    state = scene.visited(lambda n: old if n else new, lambda _: new, doubted=True)
    assert marks(state) == {ONE: old.mark, TWO: new.mark}
    assert [server.visits for server in scene.servers] == [1, 1]
    assert scene.slept == []


def test_how_long_and_how_often_are_limits_of_the_account(
    scene: Scene, old: Pair, new: Pair
) -> None:
    limits = {"settleSeconds": 10, "probes": 5, "timeoutSeconds": 1}
    change = Reload(
        share=HERE,
        fields=(),
        because="x",
        details={"mark": "web-1", "fingerprint": new.mark},
    )
    scene.visited(lambda _: new, lambda _: old, change=change, limits=limits)
    assert scene.servers[0].visits == 5 + 1
    assert 10 <= sum(scene.slept) <= 12


def test_a_clock_that_stands_still_ends_it_too(
    scene: Scene, old: Pair, new: Pair
) -> None:
    scene.sleep = scene.slept.append  # type: ignore[method-assign]
    state = scene.visited(lambda _: old, lambda _: new, change=install(new.mark))
    assert marks(state)[ONE] == old.mark
    assert 120 <= sum(scene.slept) <= 125


# -- every way to be wrong at one of two addresses has its own name ----------------


def at_two(scene: Scene, new: Pair, other: Pair) -> dict[str, str]:
    """Return what is said where the second address serves *other*."""
    return findings(scene.visited(lambda _: new, lambda _: other), new.mark)


def test_an_old_one(scene: Scene, root: Authority, new: Pair, tmp_path: Path) -> None:
    found = at_two(scene, new, issued(root, tmp_path, days=20))
    assert set(found) == {"not-served", "tls-addresses-differ"}
    assert TWO in found["not-served"]


def test_one_that_has_ended(
    scene: Scene, root: Authority, new: Pair, tmp_path: Path
) -> None:
    old = issued(root, tmp_path, days=-1)
    found = findings(scene.visited(lambda _: old, lambda _: old), old.mark)
    assert set(found) == {"certificate-expired"}


def test_one_of_another_site(
    scene: Scene, root: Authority, new: Pair, tmp_path: Path
) -> None:
    found = at_two(scene, new, issued(root, tmp_path, name="other.example"))
    assert set(found) == {"not-served", "tls-name-mismatch"}


def test_another_key_for_the_same_name(scene: Scene, new: Pair, old: Pair) -> None:
    """As good as ours, and not ours: somebody else renews there."""
    found = at_two(scene, new, old)
    assert set(found) == {"not-served"}


@pytest.mark.parametrize("behind", [False, True])
def test_the_right_one_with_an_old_chain(
    scene: Scene, tmp_path: Path, behind: bool
) -> None:
    """The leaf is new, the intermediate of the last one was left in the file."""
    root = trustme.CA()
    scene.trusted = root.cert_pem.bytes().decode()
    last, this = root.create_child_ca(), root.create_child_ca()
    made = this.issue_cert(NAME)
    leaf = made.cert_chain_pems[0].bytes()
    chain = leaf + (last if behind else this).cert_pem.bytes()
    new = Pair(chain, made.private_key_pem.bytes(), tmp_path)
    found = findings(scene.visited(lambda _: new, lambda _: new), new.mark)
    assert set(found) == ({"tls-untrusted"} if behind else set())
