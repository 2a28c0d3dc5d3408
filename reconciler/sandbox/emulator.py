"""
What a vendor's emulator is, and how it is found: by its file name.

A module ``reconciler/sandbox/<vendor>.py`` ends with ``EMULATOR = Emulator(...)``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from threading import RLock
from typing import Any, Protocol

from reconciler.errors import ReconcilerError
from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.ledger import Effect, Ledger


@dataclass
class Bench:
    """
    What the core hands to one emulator.

    Attributes:
        vendor: The emulator's name.
        world: The vendor's part of the world, as written.
        state: Everything the vendor knows now: JSON-able, kept between starts.
            Empty at the very first start; ``make`` then fills it from ``world``.
        lock: Held while ``state`` is read or written.
        beside: All vendors of the sandbox, by name: what one does, others may see.
    """

    vendor: str
    world: Mapping[str, Any]
    clock: SandboxClock
    faults: Faults
    ledger: Ledger
    state: dict[str, Any] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    beside: Mapping[str, Bench] = field(default_factory=dict)

    def effect(
        self,
        operation: str,
        name: str,
        *,
        key: str | None = None,
        amount: str | None = None,
        **details: Any,
    ) -> Effect:
        """Write down that something happened; it is a charge if it has an amount."""
        made = Effect(
            at=self.clock(),
            vendor=self.vendor,
            operation=operation,
            kind="change" if amount is None else "charge",
            name=name,
            key=key,
            amount=amount,
            details=details,
        )
        return self.ledger.add(made)


class Server(Protocol):
    """Anything that can listen: ASGI on a thread, WSGI, or a program."""

    def start(self, host: str, port: int) -> int:
        """Listen (0 is any port) and return the port once requests are served."""

    def stop(self) -> None:
        """Stop listening; must not raise when it was not started."""


@dataclass(frozen=True)
class Emulator:
    """
    One vendor that can be emulated.

    Attributes:
        name: The vendor, as in ``Provider.spec.type``.
        base: The path below which the API begins, as in ``/api/json/v3``.
        port: The port of the shipped inventory.
        make: Builds the server; the state is in the bench, never in the module.
        edit: Changes something by hand, as at the vendor's web site (drift):
            gets the bench and what was posted to ``/<vendor>/<thing>``.
        look: Returns what ``GET /<vendor>/<thing>`` shows: what was received.
        scheme: Of its endpoint.
    """

    name: str
    base: str
    port: int
    make: Callable[[Bench], Server]
    edit: Callable[[Bench, str, Mapping[str, Any]], None] | None = None
    look: Callable[[Bench, str], Any] | None = None
    scheme: str = "http"


CONTROL_PORT = 18700


def emulator(vendor: str) -> Emulator:
    """Return the emulator of *vendor*; raise ReconcilerError if there is none."""
    name = f"reconciler.sandbox.{vendor}"
    if vendor.isidentifier() and find_spec(name) is not None:
        found = getattr(importlib.import_module(name), "EMULATOR", None)
        if isinstance(found, Emulator):
            return found
    raise ReconcilerError(f"the sandbox cannot emulate {vendor!r}")
