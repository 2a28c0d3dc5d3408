"""
Inventories that must be refused: each with its code, its line and no secret.

``CASES`` is complete once this module is imported: the parts add to it.
"""

from __future__ import annotations

from tests.support import (
    bad_cards,
    bad_certificates,
    bad_channels,
    bad_fields,
    bad_health,
    bad_hosting,
    bad_money,
    bad_patching,
    bad_scaling,
    bad_seller,
    bad_servers,
    bad_sites,
    bad_values,
    bad_yaml,
)
from tests.support.bad_case import CASES, BadCase

PARTS = (
    bad_yaml,
    bad_fields,
    bad_values,
    bad_channels,
    bad_health,
    bad_hosting,
    bad_money,
    bad_patching,
    bad_scaling,
    bad_seller,
    bad_servers,
    bad_sites,
    bad_cards,
    bad_certificates,
)

__all__ = ["CASES", "PARTS", "BadCase"]
