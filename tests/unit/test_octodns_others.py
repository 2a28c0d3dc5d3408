"""Vendors that are there by entry alone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Unsupported
from reconciler.model import Absent, Unknown
from reconciler.providers import driver_class
from reconciler.providers._octodns_others import OTHERS, untested_class
from tests.support.dns import account, changes, domain, made

A = {"name": "www", "type": "A", "value": "192.0.2.1"}
SEMICOLON = {"name": "t", "type": "TXT", "value": "v=DMARC1; p=none"}


def driver(vendor: str) -> Any:
    kind = untested_class(vendor)
    assert kind is not None
    secrets = dict.fromkeys(OTHERS[vendor].arguments, "x")
    return kind(account(vendor, "https://vendor.example", secrets))


def test_an_unknown_vendor_has_none() -> None:
    assert untested_class("nobody") is None
    with pytest.raises(Unsupported):
        driver_class("nobody", "dns")


def test_it_is_found_like_every_other_driver() -> None:
    assert driver_class("ovh", "dns").credentials == frozenset(OTHERS["ovh"].arguments)
    with pytest.raises(Unsupported):
        driver_class("ovh", "domain")


@pytest.mark.parametrize("vendor", OTHERS)
def test_it_says_that_nobody_tested_it(vendor: str) -> None:
    kind: Any = untested_class(vendor)
    assert kind.tested is False
    assert kind.credentials == frozenset(OTHERS[vendor].arguments)


@pytest.mark.parametrize("vendor", OTHERS)
def test_a_package_that_is_not_installed_is_named(vendor: str) -> None:
    want = domain("a.example", vendor, [A])
    found = driver(vendor)
    assert isinstance(found.observe([want]).states["a.example"], Unknown)
    with pytest.raises(Unsupported) as raised:
        found.apply(want, made(want, vendor), "key")
    assert raised.value.hint == f"pip install {OTHERS[vendor].package}"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A package with a provider class that keeps its zones in memory."""
    from octodns.provider.base import BaseProvider
    from octodns.zone import Zone

    held: dict[str, Any] = {}

    class InMemory(BaseProvider):
        SUPPORTS = {"A", "TXT"}
        SUPPORTS_GEO = False

        def __init__(self, name: str, token: str) -> None:
            from logging import getLogger

            assert token == "x"
            self.log = getLogger("in-memory")
            super().__init__(name)

        def list_zones(self) -> list[str]:
            return sorted(held)

        def populate(
            self, zone: Any, target: bool = False, lenient: bool = False
        ) -> bool:
            for record in held[zone.name].records if zone.name in held else ():
                zone.add_record(record)
            return zone.name in held

        def _apply(self, plan: Any) -> None:
            if held.get("broken."):
                raise RuntimeError("secret-canary")
            fresh = Zone(plan.desired.name, [])
            for record in plan.desired.records:
                fresh.add_record(record)
            held[plan.desired.name] = fresh

    module = ModuleType("octodns_hetzner")
    module.HetznerProvider = InMemory  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "octodns_hetzner", module)
    return held


def test_it_works_through_the_same_driver(installed: dict[str, Any]) -> None:
    want = domain("a.example", "hetzner", [A, SEMICOLON])
    found = driver("hetzner")
    assert found.observe([want]).states == {"a.example": Absent()}
    found.apply(want, made(want, "hetzner"), "key")
    assert changes(want, "hetzner", found.observe([want]).states["a.example"]) == []
    (kept,) = (r for r in installed["a.example."].records if r._type == "TXT")
    assert kept.values == ["v=DMARC1\\; p=none"]


def test_whatever_fails_may_have_happened(installed: dict[str, Any]) -> None:
    installed["broken."] = True
    want = domain("a.example", "hetzner", [A])
    with pytest.raises(Ambiguous) as raised:
        driver("hetzner").apply(want, made(want, "hetzner"), "key")
    assert "canary" not in str(raised.value)


def test_text_that_octodns_would_garble_is_not_written(
    installed: dict[str, Any],
) -> None:
    want = domain("a.example", "hetzner", [{**SEMICOLON, "value": 'say "hi"'}])
    with pytest.raises(Unsupported, match="quotation"):
        driver("hetzner").apply(want, made(want, "hetzner"), "key")
    assert installed == {}


def test_what_it_holds_and_could_not_write_is_named(installed: dict[str, Any]) -> None:
    """An import leaves it out: declared, it would make the zone unreadable."""
    from octodns.record import Record

    want = domain("a.example", "hetzner", [A])
    driver("hetzner").apply(want, made(want, "hetzner"), "key")
    zone = installed["a.example."]
    said = {"type": "TXT", "ttl": 300, "values": ['say "hi"']}
    zone.add_record(Record.new(zone, "odd", said, lenient=True))
    live = driver("hetzner").observe([want]).states["a.example"]
    assert list(live.foreign) == ["odd/TXT"]
    assert "odd/TXT" in live.records
    odd = {"name": "odd", "type": "TXT", "value": 'say "hi"'}
    greedy = domain("a.example", "hetzner", [A, odd])
    state = driver("hetzner").observe([greedy]).states["a.example"]
    assert isinstance(state, Unknown)
