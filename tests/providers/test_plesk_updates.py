"""Updates of WordPress sites on Plesk: the contract, and what is WP Toolkit's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account, AnyDriver, Unknown
from reconciler.model.updates import RollBack, UpdatesState
from reconciler.providers.plesk_updates import PleskUpdates
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.testing import Case
from tests.support.contract import NOW, SandboxContract, account
from tests.support.updates import BACK, SITE, WORDPRESS, change, hosted

SECRETS = {"key": "plesk-sandbox-key"}
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key", "description": "reconciler"}],
    "subscriptions": {
        "one": {"domain": SITE, "wordpress": WORDPRESS},
        "two": {"domain": "b.example", "wordpress": WORDPRESS},
        "bare": {"domain": "bare.example"},
    },
}


class TestPleskUpdates(SandboxContract):
    driver = PleskUpdates
    vendor = "plesk"
    part = PART
    secrets = SECRETS
    extra = "b.example"
    listing = "wp-toolkit --list"
    operations = {"patch": "wp plugin update", "roll-back": "wp plugin install"}

    def wants(self) -> Sequence[Any]:
        return [hosted(), hosted("bare.example")]

    def missing(self) -> Any:
        return hosted("missing.example")

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        return [Case(hosted(), change()), Case(hosted(), BACK)]

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """What has no site has nothing to update, and sites are no accounts."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        state = seen.states["missing.example"]
        assert isinstance(state, UpdatesState)
        assert (state.components, seen.unmanaged) == ((), ())


class Bench:
    """One driver over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"plesk": PART}))
        self.sandbox = sandbox
        self.account = account(sandbox, "plesk", SECRETS)
        self.driver = PleskUpdates(self.account)

    def seen(self) -> UpdatesState:
        found = self.driver.observe([hosted()]).states[SITE]
        assert isinstance(found, UpdatesState)
        return found

    def effects(self, name: str = SITE) -> list[str]:
        return [e.operation for e in self.sandbox.ledger.effects("plesk", name)]

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        fault = Fault(vendor="plesk", operation=operation, kind=kind, **more)
        self.sandbox.inject(fault)

    def site(self) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.bench("plesk").state["accounts"]["one"]
        site: dict[str, Any] = found["wordpress"]
        return site


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as running:
        yield running


@pytest.fixture
def bench(sandbox: Sandbox) -> Iterator[Bench]:
    made = Bench(sandbox)
    yield made
    made.driver.close()


def test_what_there_is_newer_and_of_which_sort(bench: Bench) -> None:
    found = {(c.id, c.current, c.target, c.sort) for c in bench.seen().components}
    assert found == {
        ("core/wordpress", "6.4.1", "6.4.2", "security"),
        ("core/wordpress", "6.4.1", "6.5", "major"),
        ("plugin/shop", "1.0.0", "1.1.0", "minor"),
        ("plugin/forms", "1.9", "2.0", "major"),
        ("plugin/paid", "3.0", "3.1", "minor"),
        ("plugin/calm", "5.0", None, "minor"),
        ("theme/plain", "2.0", "2.1", "minor"),
    }


def test_what_is_installed_is_asked_once_a_day(bench: Bench) -> None:
    bench.seen()
    again = bench.driver.observe([hosted()])
    assert sum(again.requests.values()) == 1  # the listing
    bench.sandbox.clock.advance(timedelta(days=1))
    assert sum(bench.driver.observe([hosted()]).requests.values()) == 5


@pytest.mark.parametrize(
    ("name", "was", "to", "effect"),
    [
        ("core/wordpress", "6.4.1", "6.4.2", "core-update"),
        ("plugin/forms", "1.9", "2.0", "plugin-update"),
        ("theme/plain", "2.0", "2.1", "theme-update"),
    ],
)
def test_one_version_is_installed_and_seen(
    bench: Bench, name: str, was: str, to: str, effect: str
) -> None:
    bench.seen()
    done = change(name, was, to)
    bench.driver.apply(hosted(), done, "key-1")
    assert bench.effects() == [effect]
    assert hosted().done(done, {done.share: bench.seen()}) is True
    back = change(name, to, was, kind=RollBack)
    bench.driver.apply(hosted(), back, "key-2")
    assert hosted().done(back, {done.share: bench.seen()}) is True
    targets = [c.target for c in bench.seen().components if c.id == name]
    assert to in targets  # it is offered again


@pytest.mark.parametrize(
    ("done", "why"),
    [
        (change(site="b.example"), "is no site of"),
        (change(site="elsewhere.example"), "is no site of"),
        (change(site="x.a.example"), "no WordPress site"),
        (change(was="0.8.0"), "is 1.0.0 by now"),
        (change("plugin/gone"), "is gone by now"),
        (change("plugin/--force"), "gone by now"),
        (change("mu-plugin/shop"), "gone by now"),
        (change(to="--allow-root"), "is no version"),
        (change("plugin/paid", "3.0", "3.1"), "not available"),
    ],
)
def test_what_is_not_meant_is_refused_and_nothing_happens(
    bench: Bench, done: Any, why: str
) -> None:
    with pytest.raises(Rejected) as refused:
        bench.driver.apply(hosted(), done, "key-1")
    assert why in str(refused.value)
    assert bench.effects() == bench.effects("b.example") == []


def test_somebody_was_faster(bench: Bench) -> None:
    bench.seen()
    bench.site()["plugins"]["shop"]["version"] = "1.1.0"
    with pytest.raises(Rejected, match=r"1\.1\.0 by now"):
        bench.driver.apply(hosted(), change(), "key-1")


def test_a_yes_that_the_site_does_not_show_is_in_doubt(bench: Bench) -> None:
    bench.site()["plugins"]["shop"]["version"] = "1.0.0"
    bench.fault("wp plugin list", "stale", skip=1)
    with pytest.raises(Ambiguous, match="does not show it"):
        bench.driver.apply(hosted(), change(), "key-1")


def test_an_update_outlives_its_answer(bench: Bench) -> None:
    bench.site()["slow"] = 120.0
    since = bench.sandbox.clock()
    with pytest.raises(Ambiguous):
        bench.driver.apply(hosted(), change(), "key-1")
    assert bench.driver.happened(hosted(), change(), "key-1", since) is None
    bench.sandbox.clock.advance(timedelta(minutes=3))
    assert bench.driver.happened(hosted(), change(), "key-1", since) is True
    assert bench.effects() == ["plugin-update"]


def test_no_toolkit_and_no_site_that_can_be_read_are_unknown(bench: Bench) -> None:
    bench.fault("wp core version", "status", times=0, status=400)
    assert isinstance(bench.driver.observe([hosted()]).states[SITE], Unknown)
    with pytest.raises(ProviderError):
        bench.driver.apply(hosted(), change(), "key-1")
    assert bench.effects() == []
