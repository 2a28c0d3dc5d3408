"""
The kinds of resource; one module each, and the module's name is the registration.

Pure: a kind knows its fields and its diff, never a vendor.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from reconciler.model import AnyResource


@cache
def kinds() -> dict[str, type[AnyResource]]:
    """Return every kind by name, found by looking at this folder."""
    found: dict[str, type[AnyResource]] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        kind: type[AnyResource] = loaded.KIND
        found[kind.kind] = kind
    return found
