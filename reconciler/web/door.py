"""Which account is knocked for, and who says whether its vendor is knocking."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import NamedTuple

from reconciler import providers
from reconciler.providers._webhook import Verifier
from reconciler.web.standard import Standard


class Door(NamedTuple):
    """
    One account's way in.

    Attributes:
        verifier: None where it stays shut.
        why: Why it does.
    """

    verifier: Verifier | None
    why: str = ""


def verifier_class(vendor: str) -> type[Verifier]:
    """Return who checks what *vendor* signs: its own way, or the standard."""
    module = f"{providers.__name__}._{vendor}_webhook"
    if find_spec(module) is None:
        return Standard
    found: type[Verifier] = importlib.import_module(module).HOOK
    return found


def has_its_own(vendor: str) -> bool:
    """Say whether *vendor* is known to send webhooks."""
    return find_spec(f"{providers.__name__}._{vendor}_webhook") is not None
