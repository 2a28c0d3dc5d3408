"""Resources, changes and actions in as few words as the engine's tables need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.kinds.domain import AutoRenew, Domain, Records, RegistrationState, Renew
from reconciler.model import (
    Action,
    Driver,
    FieldChange,
    Money,
    Observation,
    OpClass,
    Share,
)

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
SHARE = Share("acct", "domain")


def domain(name="a.example", **spec):
    data = {"metadata": {"name": name}, "spec": {"provider": "acct", **spec}}
    return Domain.model_validate(data)


def state(**fields):
    base = {
        "expires": NOW + timedelta(days=300),
        "auto_renew": True,
        "locked": True,
        "privacy": True,
    }
    return RegistrationState(**{**base, **fields})


def renew(cost="11.00 USD", ceiling="15.00 USD", expires=20):
    old = NOW + timedelta(days=expires)
    return Renew(
        share=SHARE,
        fields=(
            FieldChange(
                field="spec.renewal",
                before=old.date().isoformat(),
                after=old.replace(year=old.year + 1).date().isoformat(),
            ),
        ),
        because="expires soon",
        generation=old.date().isoformat(),
        cost=Money.model_validate(cost) if cost else None,
        ceiling=Money.model_validate(ceiling) if ceiling else None,
        due=old,
        details={"years": 1, "expires": old.isoformat()},
    )


def flag(*, after=True):
    field = FieldChange(field="spec.renewal.mode", before=not after, after=after)
    return AutoRenew(share=SHARE, fields=(field,), because="is off")


def records(waits_for=()):
    field = FieldChange(field="spec.dns.records[www/A]", after=("300", "192.0.2.1"))
    return Records(
        share=Share("dns", "dns"), fields=(field,), because="x", waits_for=waits_for
    )


def action(change, want=None, identity=None, **fields):
    want = want or domain()
    identity = identity or f"{want.name}/{change.verb}"
    return Action(
        identity, want, change, OpClass.PROBE, ceiling=change.ceiling, **fields
    )


class Told(Driver):
    """A driver that reports what the table says; it cannot act."""

    can = {"renew": OpClass.KEYED, "auto-renew": OpClass.PROBE, "lock": OpClass.PROBE}
    key_life = timedelta(hours=24)

    def __init__(self, states, *, who="me", unmanaged=(), happened=None):
        self.states, self.who = states, who
        self.unmanaged, self.told = tuple(unmanaged), happened

    def identity(self):
        return self.who

    def observe(self, wants):
        states = self.states
        if isinstance(states, Exception):
            raise states
        return Observation(dict(states), self.unmanaged)

    def apply(self, want, change, key):
        raise AssertionError((want, change, key))

    def happened(self, want, change, key, since):
        return self.told


__all__ = [
    "NOW",
    "SHARE",
    "Told",
    "action",
    "domain",
    "flag",
    "records",
    "renew",
    "state",
]
