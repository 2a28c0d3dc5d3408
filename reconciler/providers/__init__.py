"""
The drivers: one module per vendor and family, and the file name registers it.

``<vendor>_<family>.py`` ends with ``DRIVER = <its class>`` and is imported when an
account uses it. Third parties register ``<vendor>_<family>`` in the entry-point
group ``reconciler.providers``. Modules that begin with an underscore are shared.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Final

from reconciler.errors import Unsupported
from reconciler.model import AnyDriver, Driver

GROUP = "reconciler.providers"


def driver_class(vendor: str, family: str) -> type[AnyDriver]:
    """
    Return the driver of *family* (``domain``, ``dns``) at *vendor*.

    Raises:
        Unsupported: There is no such vendor, or it has no such family.
    """
    load = _shipped().get((vendor, family)) or _registered().get((vendor, family))
    if load is None:
        if family == "dns" and (untested := _by_entry(vendor)) is not None:
            return untested
        raise _unknown(vendor, family)
    found = load()
    if not (isinstance(found, type) and issubclass(found, Driver)):
        raise Unsupported(f"{vendor}_{family} does not provide a driver")
    return found


#: Families of a BackupRepository, which is an account of its own: of a vendor that has
#: others too (a panel) the Provider is never asked by these.
KEEPS: Final = frozenset({"backup"})


def vendors() -> dict[str, frozenset[str]]:
    """Return every vendor and its families, without importing any of them."""
    found: dict[str, frozenset[str]] = {}
    for vendor, family in _registered():
        found[vendor] = found.get(vendor, frozenset()) | {family}
    return found


@cache
def _shipped() -> dict[tuple[str, str], Callable[[], object]]:
    """Return how to load each driver of this package."""
    found: dict[tuple[str, str], Callable[[], object]] = {}
    for module in pkgutil.iter_modules(__path__):
        vendor, _, family = module.name.rpartition("_")
        if vendor and not module.name.startswith("_"):
            found[vendor, family] = _loader(module.name)
    return found


@cache
def _registered() -> dict[tuple[str, str], Callable[[], object]]:
    """
    Return how to load each driver; what is shipped wins over a third party.

    Asked only where no shipped driver will do: every installed package is looked at.
    """
    found: dict[tuple[str, str], Callable[[], object]] = {}
    for entry in entry_points(group=GROUP):
        vendor, _, family = entry.name.rpartition("_")
        found[vendor, family] = entry.load
    return {**found, **_shipped()}


def _loader(module: str) -> Callable[[], object]:
    def load() -> object:
        return importlib.import_module(f"{__name__}.{module}").DRIVER

    return load


def _by_entry(vendor: str) -> type[AnyDriver] | None:
    """Return the driver of a vendor that octoDNS knows and nobody tested here."""
    others = importlib.import_module(f"{__name__}._octodns_others")
    found: type[AnyDriver] | None = others.untested_class(vendor)
    return found


def _unknown(vendor: str, family: str) -> Unsupported:
    known = vendors()
    if vendor in known:
        has = ", ".join(sorted(known[vendor]))
        return Unsupported(
            f"{vendor} has no driver for {family}", hint=f"it has one for {has}"
        )
    near = difflib.get_close_matches(vendor, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return Unsupported(f"there is no vendor {vendor!r}", hint=hint)
