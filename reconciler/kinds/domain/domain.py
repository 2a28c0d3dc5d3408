"""The kind itself: which accounts hold a domain, and what follows from what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, ClassVar, Self, cast

from pydantic import (
    JsonValue,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails

from reconciler.kinds.domain import registration, witness, zone
from reconciler.kinds.domain.changes import (
    AutoRenew,
    BlockTransfer,
    Delegate,
    Dnssec,
    DomainChange,
    Glue,
    Lock,
    Privacy,
    Prune,
    Records,
    Renew,
    Restore,
)
from reconciler.kinds.domain.delegation import NOTHING_SEEN, Around
from reconciler.kinds.domain.evidence import RdapState
from reconciler.kinds.domain.mail import CHECKS
from reconciler.kinds.domain.registration import Note
from reconciler.kinds.domain.spec import DnsSpec, DomainSpec
from reconciler.kinds.domain.state import (
    DelegationState,
    RegistrationState,
    ZoneState,
)
from reconciler.model import (
    PUBLIC,
    Absent,
    Adoption,
    Due,
    Finding,
    Have,
    Observed,
    Refuse,
    Rewrite,
    Severity,
    Share,
    Spec,
    State,
    Sway,
    Unknown,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource

REGISTRATION = "domain"
#: What a subscription says of what it covers while it is not paid for.
OWES = "owes"
DNS = "dns"
#: Whoever looks at the live delegation from outside, where somebody does.
SEEN = Share(PUBLIC, "delegation")
#: What registries publish, whoever's name it is.
REGISTRY = Share(PUBLIC, "rdap")
_WITNESSES = (REGISTRY, SEEN)


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
        Dnssec,
        Glue,
        Restore,
        BlockTransfer,
    )
    states: ClassVar[Mapping[str, type[State]]] = {
        REGISTRATION: RegistrationState,
        DNS: ZoneState,
        REGISTRY.family: RdapState,
        SEEN.family: DelegationState,
    }
    checks: ClassVar[Mapping[str, str]] = CHECKS
    spec: DomainSpec
    _owes: Sway | None = PrivateAttr(default=None)

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("name"), str):
            name = to_ascii(raw["name"])
            if "." not in name:
                raise ValueError(f"{name!r} is no domain name")
            return {**raw, "name": name}
        return raw

    @field_validator("spec")
    @classmethod
    def _glue_of_its_own(cls, spec: DomainSpec, info: ValidationInfo) -> DomainSpec:
        """Refuse glue for a host that another domain has to have it for."""
        metadata = info.data.get("metadata")
        if not spec.glue or metadata is None or metadata.name.endswith(".invalid"):
            return spec
        wrong = [
            InitErrorDetails(
                type="value_error",
                loc=("glue", host),
                input=host,
                ctx={"error": ValueError(f"{host} is not inside {metadata.name}")},
            )
            for host in spec.glue
            if not host.endswith(f".{metadata.name}")
        ]
        if wrong:
            raise ValidationError.from_exception_data("Domain", wrong)
        return spec

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

    def witnesses(self) -> tuple[Share, ...]:
        """Return the registry, by RDAP, and the live DNS."""
        return _WITNESSES

    def relies_on(self, witness: Share) -> bool:
        """Say whether the registry's word is the only one about the registration."""
        return witness == REGISTRY and self.registrar() is None

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
            for change in registration.diff(
                self.spec, registrar, state, self.around(have), now
            ):
                yield self._after_payment(change, state)

    def swayed(self, sways: Sequence[Sway]) -> Self:
        """Return it as its subscriptions want it: nobody pays early for who owes."""
        owes = next((one for one in sways if one.says == OWES), None)
        if owes is None:
            return self
        swayed = self.model_copy()
        swayed._owes = owes  # noqa: SLF001  (a copy of the same class)
        return swayed

    def _after_payment(
        self, change: DomainChange, state: RegistrationState
    ) -> DomainChange:
        """Put a renewal off while it is owed for, but never until it is urgent."""
        if self._owes is None or not isinstance(change, Renew):
            return change
        urgent = state.expires - self.spec.renewal.window.urgent
        until = max(filter(None, (urgent, change.not_before)))
        because = f"{change.because}; {self._owes.by}: {self._owes.why}"
        return change.model_copy(update={"not_before": until, "because": because})

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

    def around(self, have: Have) -> Around:
        """Return what others than the registrar say about the delegation."""
        seen = have.get(SEEN)
        return Around(
            self.name,
            lambda: self.served_from(have),
            lambda: self._ds_to_come(have),
            seen if isinstance(seen, DelegationState) else NOTHING_SEEN,
        )

    def _ds_to_come(self, have: Have) -> frozenset[str] | None:
        """Return the DS records that every DNS target's keys answer for, if all say."""
        if self.spec.nameservers != "from-dns" and not self._all_from_dns(have):
            return None
        states = [have.get(share) for share in self.zones()]
        known = [s.ds for s in states if isinstance(s, ZoneState) and s.ds is not None]
        if not known or len(known) != len(states):
            return None
        return frozenset.intersection(*known)

    def _all_from_dns(self, have: Have) -> bool:
        """Whether the nameservers written down are those of the DNS targets."""
        states = [have.get(share) for share in self.zones()]
        served = [s.nameservers for s in states if isinstance(s, ZoneState)]
        return frozenset().union(*served) == frozenset(self.spec.nameservers)

    def told(self, have: Have, now: datetime) -> RegistrationState | None:
        """Return the registrar's word; without an account of it, what RDAP says."""
        registrar = self.registrar()
        state = have.get(registrar or REGISTRY)
        if isinstance(state, RdapState):
            return witness.as_registration(state, now)
        return state if isinstance(state, RegistrationState) else None

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what a person should know about the name."""
        registrar = self.registrar()
        held = have.get(registrar or REGISTRY)
        notes = (
            self._watched(held)
            if registrar is None
            else self._missing(registrar, have.get(REGISTRY))
            if isinstance(held, Absent)
            else ()
        )
        own = self.told(have, now)
        of_registrar = (
            registration.findings(self.spec, own, self.around(have), now) if own else ()
        )
        asked = REGISTRY in have or SEEN in have
        seen = self._witnessed(have, own, now) if asked else ()
        for code, severity, message, field in chain(notes, of_registrar, seen):
            lead = registration.lead(self.spec, own, code, now) if own else ""
            yield self.found(code, severity, message, field, lead)

    def _watched(self, held: Observed | None) -> Iterator[Note]:
        if isinstance(held, RdapState):
            yield from witness.watched(held)
        elif isinstance(held, Unknown) and held.later:
            yield "not-looked-at-yet", Severity.INFO, "is not looked at yet", ""
        elif held is None:
            message = "has no registrar account, and nothing else is asked about it"
            yield "watched-only", Severity.INFO, message, "spec.provider"

    def _missing(self, registrar: Share, seen: Observed | None) -> Iterator[Note]:
        message = f"is not in the account {registrar.provider}"
        if isinstance(seen, RdapState) and seen.registrar:
            message += f"; RDAP: {seen.registrar}"
        yield "not-at-registrar", Severity.ERROR, message, "spec.provider"

    def _witnessed(
        self, have: Have, own: RegistrationState | None, now: datetime
    ) -> Iterator[Note]:
        registry, live = have.get(REGISTRY), have.get(SEEN)
        account = own if self.registrar() else None
        if isinstance(registry, RdapState):
            yield from witness.registry(self.spec, account, registry, now)
        for share in (REGISTRY, SEEN):
            yield from witness.unreadable(share, have.get(share), now)
        yield from witness.hosts(
            account,
            registry if isinstance(registry, RdapState) else None,
            live if isinstance(live, DelegationState) else None,
        )
        if isinstance(live, DelegationState):
            yield from witness.delegation(self.spec, live)

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield the expiry date and what happens at it."""
        state = self.told(have, now)
        if state is not None:
            what = {
                "observe": "expires (observed only)",
                "expire": "expires, as wanted",
                "managed": f"renews ({self.spec.renewal.mode})",
            }[self.spec.lifecycle]
            cost = str(state.renew_price) if state.renew_price else None
            by = registration.renewed_by(self.spec, state)
            account = share.provider if (share := self.registrar()) else None
            yield Due(state.expires, self.kind, self.name, what, cost, by, account)

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return the next moment at which time alone changes something."""
        own = self.told(have, now)
        moments = [*registration.moments(self.spec, own)] if own else []
        if REGISTRY in have or SEEN in have:
            account = own if self.registrar() else None
            said = [have.get(share) for share in _WITNESSES]
            moments += witness.moments(account, said)
        return min((m for m in moments if m > now), default=None)

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether an expiry date is inside the urgent window."""
        return deadline - now <= self.spec.renewal.window.urgent

    def deadline(self, have: Have) -> datetime | None:
        """Return the expiry date: the one that is paid for."""
        state = have.get(self.registrar() or REGISTRY)
        if isinstance(state, RdapState):
            return witness.paid(state)
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

    @classmethod
    def provisional(cls, name: str, shares: Sequence[Share]) -> Self:
        """Return a domain that is only looked at, at its registrar and its hosts."""
        registrars = [s.provider for s in shares if s.family == REGISTRATION]
        if len(registrars) > 1:
            held = " and ".join(registrars)
            raise ValueError(f"{held} both say that it is registered there")
        targets = tuple(s.provider for s in shares if s.family == DNS)
        spec = DomainSpec(
            provider=registrars[0] if registrars else "none",
            lifecycle="observe",
            dns=DnsSpec(targets=targets),
        )
        return cls.model_validate({"metadata": {"name": name}, "spec": spec})

    @classmethod
    def adopted(cls, have: Have, usual: Spec, refuse: Refuse) -> Adoption:
        """Return the document that says what is live, and nothing that could act."""
        from reconciler.kinds.domain import adoption  # noqa: PLC0415  (import alone)

        registrar = next((s for s in have if s.family == REGISTRATION), None)
        found = adoption.parts(have, registrar)
        return adoption.adopted(found, cast("DomainSpec", usual), refuse)

    def rewritten(self, field: str, live: JsonValue) -> Rewrite | str:
        """Return what to write so that *field* says *live*."""
        from reconciler.kinds.domain.rewriting import rewritten  # noqa: PLC0415

        return rewritten(self.spec, field, live)

    def years(self) -> int:
        """The wanted term, in years."""
        return self.spec.renewal.term.months // 12


def as_domains(wants: Iterable[object]) -> tuple[Domain, ...]:
    """Return *wants* as the domains they are (a driver's first line)."""
    return tuple(cast("Domain", want) for want in wants)
