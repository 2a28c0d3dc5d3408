from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from reconciler import providers
from reconciler.errors import Unsupported
from reconciler.model import Driver
from reconciler.providers import driver_class, vendors
from reconciler.providers.namecom_domain import NamecomDomain


def test_the_file_name_is_the_registration() -> None:
    assert driver_class("namecom", "domain") is NamecomDomain
    assert vendors()["porkbun"] == frozenset({"domain"})


def test_every_module_provides_a_driver_and_underscores_are_no_vendors() -> None:
    for vendor, families in vendors().items():
        for family in families:
            assert issubclass(driver_class(vendor, family), Driver)
    shared = {m.name for m in pkgutil.iter_modules(providers.__path__)} - {
        f"{vendor}_{family}" for vendor, own in vendors().items() for family in own
    }
    assert all(name.startswith("_") for name in shared)


@pytest.mark.parametrize(
    ("vendor", "family", "message", "hint"),
    [
        ("porkbum", "domain", "no vendor 'porkbum'", "did you mean porkbun?"),
        ("zzz", "domain", "no vendor 'zzz'", "known: "),
        ("porkbun", "dns", "porkbun has no driver for dns", "it has one for domain"),
        ("_http", "domain", "no vendor '_http'", "known: "),
    ],
)
def test_what_is_unknown_is_said_with_a_hint(
    vendor: str, family: str, message: str, hint: str
) -> None:
    with pytest.raises(Unsupported, match=message) as error:
        driver_class(vendor, family)
    assert str(error.value.hint).startswith(hint)


def test_third_parties_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def entries(group: str) -> list[Any]:
        name = "reconciler.providers.namecom_domain"
        return [
            EntryPoint("acme_domain", f"{name}:DRIVER", group),
            EntryPoint("acme_dns", f"{name}:BASE", group),
            EntryPoint("porkbun_domain", f"{name}:DRIVER", group),
        ]

    monkeypatch.setattr(providers, "entry_points", entries)
    providers._registered.cache_clear()
    try:
        assert driver_class("acme", "domain") is NamecomDomain
        assert driver_class("porkbun", "domain") is not NamecomDomain
        with pytest.raises(Unsupported, match="does not provide a driver"):
            driver_class("acme", "dns")
    finally:
        providers._registered.cache_clear()


def test_listing_vendors_imports_none_of_them() -> None:
    code = (
        "import sys; from reconciler.providers import vendors; vendors();"
        "print([m for m in sys.modules if 'httpx' in m or m.endswith('_domain')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
