"""A restore drill: what a copy gives back is looked at, and judged."""

from __future__ import annotations

from reconciler.providers._drill_port import (
    CANARY,
    DUMPS,
    Entry,
    Key,
    Order,
    Promise,
    Restored,
    Restorer,
    digest,
)

__all__ = [
    "CANARY",
    "DUMPS",
    "Entry",
    "Key",
    "Order",
    "Promise",
    "Restored",
    "Restorer",
    "digest",
]
