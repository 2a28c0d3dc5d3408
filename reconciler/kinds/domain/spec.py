"""What an engineer writes about a domain."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from reconciler.model import Duration, Money, Percent, Period, Price, Spec, To
from reconciler.model.names import to_ascii
from reconciler.model.record import Record


def _days(number: int) -> timedelta:
    return timedelta(days=number)


class Window(Spec):
    """How long before the expiry date what happens."""

    open: Duration = _days(60)
    urgent: Duration = _days(21)
    critical: Duration = _days(7)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.open >= self.urgent >= self.critical:
            raise ValueError("a window opens before it is urgent, then critical")
        return self


class Renewal(Spec):
    """
    Who renews, when, and for how much at most.

    Attributes:
        mode: ``registrar``: the registrar's own auto-renewal, which is kept on;
            ``reconciler``: from ``window.open`` on; ``manual``: a person.
        term: How long one renewal lasts: whole years, at most ten.
        takeover: In mode ``registrar``: how long before expiry this tool renews
            itself if the registrar has not.
        max_price: The most a year may cost. Without it nothing is ever paid.
        max_increase: The most it may cost over what was paid last.
        restore: Whether a deleted domain is bought back: ``never``, or ``approve``:
            each time a person has said so.
        max_restore: The most that may cost.
    """

    mode: Literal["registrar", "reconciler", "manual"] = "registrar"
    window: Window = Window()
    term: Period = Period(months=12)
    takeover: Duration = _days(14)
    max_price: Price | None = None
    max_increase: Percent = Decimal("0.15")
    restore: Literal["never", "approve"] = "never"
    max_restore: Money | None = None

    @field_validator("term")
    @classmethod
    def _whole_years(cls, term: Period) -> Period:
        if term.months % 12 or term.months > 120:  # noqa: PLR2004
            raise ValueError("a term is a whole number of years, 10y at most")
        return term

    @model_validator(mode="after")
    def _restores_under_a_ceiling(self) -> Self:
        if self.restore == "approve" and self.max_restore is None:
            raise ValueError("restore: approve needs maxRestore, the most it may cost")
        return self


class MaxDeletes(Spec):
    """More deletions than either limit are held for a person."""

    count: Annotated[int, Field(ge=0)] = 3
    share: Percent = Decimal("0.30")


class DnsSpec(Spec):
    """
    The zone's records and where they are served.

    Attributes:
        targets: The accounts that serve the zone; all of them converge.
        include: Snippets whose records are added.
        ignore: Undeclared names (with ``*``) that belong to somebody else.
        prune: Whether undeclared records are removed.
    """

    targets: tuple[Annotated[str, To("Provider")], ...] = ()
    default_ttl: Duration = timedelta(minutes=5)
    records: tuple[Record, ...] = ()
    include: tuple[Annotated[str, To("RecordSet")], ...] = ()
    ignore: tuple[str, ...] = ("_acme-challenge", "_acme-challenge.*", "*._domainkey")
    prune: bool = True
    max_deletes: MaxDeletes = MaxDeletes()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("the same target is named twice")
        seen: set[tuple[str, str]] = set()
        for record in self.records:
            key = (record.name, record.type)
            if key in seen:
                raise ValueError(
                    f"{record.type} at {record.name} is written twice: use values"
                )
            seen.add(key)
        for name, rtype in seen:
            if rtype == "CNAME" and any(n == name and t != rtype for n, t in seen):
                raise ValueError(f"a CNAME at {name} allows nothing beside it")
        return self


def _canonical_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IP address") from None


Host = Annotated[str, Field(min_length=3)]
Address = Annotated[str, AfterValidator(_canonical_address)]


class DomainSpec(Spec):
    """
    What shall hold for one registered name.

    Attributes:
        provider: The registrar account, or ``none``: only watched.
        lifecycle: ``managed``; ``observe`` (nothing is ever done); ``expire`` (let
            it lapse). There is no way to delete a domain.
        nameservers: The delegation, or ``from-dns``: those of ``dns.targets``.
        dnssec: ``unmanaged``: DS records are left alone; ``sync``: they follow the
            keys that the zone's nameservers serve; ``off``: there shall be none.
        glue: The addresses of nameservers inside this domain. A host that is not
            named is left alone, one without addresses is removed.
        warn_at: How long before expiry to warn, whoever renews.
    """

    provider: Annotated[str, To("Provider", besides=("none",))]
    lifecycle: Literal["managed", "observe", "expire"] = "managed"
    renewal: Renewal = Renewal()
    transfer_lock: bool = True
    privacy: bool = True
    nameservers: (
        Literal["from-dns"]
        | Annotated[tuple[Host, ...], Field(min_length=2, max_length=13)]
    ) = "from-dns"
    dnssec: Literal["unmanaged", "off", "sync"] = "unmanaged"
    glue: dict[Host, Annotated[tuple[Address, ...], Field(max_length=13)]] = {}
    dns: DnsSpec = DnsSpec()
    warn_at: tuple[Duration, ...] = tuple(map(_days, (60, 30, 14, 7, 3, 1)))

    @model_validator(mode="before")
    @classmethod
    def _watched_only(cls, raw: object) -> object:
        if isinstance(raw, dict) and raw.get("provider") == "none":
            lifecycle = raw.setdefault("lifecycle", "observe")
            if lifecycle != "observe":
                raise ValueError("with provider: none a domain can only be observed")
        return raw

    @field_validator("nameservers")
    @classmethod
    def _hosts(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, str):
            return value
        hosts = tuple(to_ascii(host.removesuffix(".")) for host in value)
        if len(set(hosts)) != len(hosts):
            raise ValueError("the same nameserver is named twice")
        return hosts

    @field_validator("glue")
    @classmethod
    def _glue(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        glue: dict[str, tuple[str, ...]] = {}
        for host, addresses in value.items():
            name = to_ascii(host.removesuffix("."))
            if name in glue:
                raise ValueError(f"{name} is named twice")
            if len(set(addresses)) != len(addresses):
                raise ValueError(f"{name} has the same address twice")
            glue[name] = tuple(sorted(addresses))
        return glue
