"""The kind itself: which accounts hold a domain, and what follows from what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from pydantic import field_validator

from reconciler.kinds.domain import registration, zone
from reconciler.kinds.domain.changes import (
    AutoRenew,
    Delegate,
    DomainChange,
    Lock,
    Privacy,
    Prune,
    Records,
    Renew,
)
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import RegistrationState, ZoneState
from reconciler.model import (
    Absent,
    Due,
    Finding,
    Have,
    Severity,
    Share,
    State,
    Unknown,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource

REGISTRATION = "domain"
DNS = "dns"


class Domain(Resource[DomainChange]):
    """A domain name that must not lapse, and its DNS."""

    kind: ClassVar[str] = "Domain"
    changes: ClassVar[tuple[type[DomainChange], ...]] = (
        Renew,
        AutoRenew,
        Lock,
        Privacy,
        Delegate,
        Records,
        Prune,
    )
    states: ClassVar[Mapping[str, type[State]]] = {
        REGISTRATION: RegistrationState,
        DNS: ZoneState,
    }
    spec: DomainSpec

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("name"), str):
            name = to_ascii(raw["name"])
            if "." not in name:
                raise ValueError(f"{name!r} is no domain name")
            return {**raw, "name": name}
        return raw

    def registrar(self) -> Share | None:
        """The registrar's share; None where the name is only watched."""
        if self.spec.provider == "none":
            return None
        return Share(self.spec.provider, REGISTRATION)

    def zones(self) -> tuple[Share, ...]:
        """The shares of the accounts that serve the zone."""
        return tuple(Share(target, DNS) for target in self.spec.dns.targets)

    def shares(self) -> tuple[Share, ...]:
        """Return the registrar's share and one for each DNS target."""
        registrar = self.registrar()
        return (*([registrar] if registrar else []), *self.zones())

    def diff(self, have: Have, now: datetime) -> Iterator[DomainChange]:
        """Yield what has to happen at the DNS hosts, then at the registrar."""
        if self.spec.lifecycle == "observe":
            return
        for share in self.zones():
            match have.get(share):
                case ZoneState() as live:
                    yield from zone.diff(self.spec.dns, share, live)
                case Absent():
                    yield from zone.create(self.spec.dns, share)
                case _:
                    pass
        registrar = self.registrar()
        state = have.get(registrar) if registrar else None
        if registrar and isinstance(state, RegistrationState):
            yield from registration.diff(
                self.spec, registrar, state, self.served_from(have), now
            )

    def served_from(self, have: Have) -> frozenset[str] | None:
        """Return the nameservers wanted; None where that cannot be said (yet)."""
        if self.spec.nameservers != "from-dns":
            return frozenset(self.spec.nameservers)
        hosts: set[str] = set()
        for share in self.zones():
            state = have.get(share)
            if not isinstance(state, ZoneState) or not state.nameservers:
                return None
            hosts |= state.nameservers
        return frozenset(hosts) or None

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what a person should know about the name."""
        registrar = self.registrar()
        if registrar is None:
            yield self.found(
                "watched-only",
                Severity.INFO,
                "has no registrar account: nothing is read about it yet",
                "spec.provider",
            )
            return
        match have.get(registrar):
            case Absent():
                yield self.found(
                    "not-at-registrar",
                    Severity.ERROR,
                    f"is not in the account {registrar.provider}",
                    "spec.provider",
                )
            case RegistrationState() as state:
                for code, severity, message, field in registration.findings(
                    self.spec, state, now
                ):
                    yield self.found(code, severity, message, field)
            case _:
                pass

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield the expiry date and what happens at it."""
        del now
        registrar = self.registrar()
        state = have.get(registrar) if registrar else None
        if isinstance(state, RegistrationState):
            what = {
                "observe": "expires (observed only)",
                "expire": "expires, as wanted",
                "managed": f"renews ({self.spec.renewal.mode})",
            }[self.spec.lifecycle]
            cost = str(state.renew_price) if state.renew_price else None
            by = registration.renewed_by(self.spec, state)
            yield Due(state.expires, self.kind, self.name, what, cost, by)

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return the next moment at which time alone changes something."""
        registrar = self.registrar()
        state = have.get(registrar) if registrar else None
        if not isinstance(state, RegistrationState):
            return None
        moments = registration.moments(self.spec, state)
        return min((m for m in moments if m > now), default=None)

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether an expiry date is inside the urgent window."""
        return deadline - now <= self.spec.renewal.window.urgent

    def deadline(self, have: Have) -> datetime | None:
        """Return the expiry date."""
        registrar = self.registrar()
        state = have.get(registrar) if registrar else None
        return state.expires if isinstance(state, RegistrationState) else None

    def renewal_near(self, expires: datetime, now: datetime) -> bool:
        """
        Say whether a driver should ask for a quote: is or will soon be in window.

        A day of margin, so that a quote is there when the window opens.
        """
        if self.spec.lifecycle != "managed":
            return False
        return expires - now <= self.spec.renewal.window.open + timedelta(days=1)

    def done(self, change: DomainChange, have: Have) -> bool | None:
        """Say whether *have* shows the change's effect."""
        match have.get(change.share):
            case ZoneState() as live:
                return zone.done(change, live)
            case RegistrationState() as state:
                return registration.done(change, state)
            case Unknown() | Absent() | None | _:
                return None

    def years(self) -> int:
        """The wanted term, in years."""
        return self.spec.renewal.term.months // 12


def as_domains(wants: Iterable[object]) -> tuple[Domain, ...]:
    """Return *wants* as the domains they are (a driver's first line)."""
    return tuple(cast("Domain", want) for want in wants)
