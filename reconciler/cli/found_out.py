"""What something found out that was done to find it out: a drill, a check of packs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def verdict(evidence: Mapping[str, Any]) -> str:
    """
    Return the verdict that an outcome tells, and why; empty where it tells none.

    That it was carried out says nothing of that: a drill is applied, and has failed.
    """
    word, why = evidence.get("verdict"), evidence.get("why")
    if not word:
        return ""
    return f"{word}: {why}" if why else str(word)
