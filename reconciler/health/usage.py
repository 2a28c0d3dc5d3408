"""What a host's own figures say: the last readings, beside what may be in use. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.kinds.health_check import HealthCheck, Sighting
from reconciler.model.usage import Reading


def sighted(
    check: HealthCheck, readings: Mapping[str, Reading], now: datetime
) -> Sighting:
    """
    Return what the last *readings* (by metric) say of *check*.

    One that is older than three times what was promised says nothing, and so does one
    whose limit nobody knows; but what is over its share is down, whatever the others.
    """
    assert check.spec.usage is not None  # noqa: S101  (the spec has it)
    over: list[str] = []
    unknown: list[str] = []
    for metric, share in check.spec.usage.declared.items():
        one = readings.get(metric)
        if one is None or now - one.at > check.patience:
            unknown.append(f"{metric} was not measured lately")
        elif not one.limit:
            unknown.append(f"{metric} has no limit that is known")
        elif one.value > float(share) * one.limit:
            over.append(f"{metric} is at {one.value / one.limit:.0%}")
    if over:
        return Sighting(at=now, up=False, why=", ".join(over), symptom="usage")
    if unknown:
        return Sighting(at=now, up=None, why=", ".join(unknown), symptom="usage")
    return Sighting(at=now, up=True, symptom="usage")
