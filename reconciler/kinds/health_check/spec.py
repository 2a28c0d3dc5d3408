"""What an engineer writes about a health check."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    model_validator,
)
from pydantic.alias_generators import to_camel

from reconciler.model import Duration, Percent, Spec, To
from reconciler.model.calendar import duration_text
from reconciler.model.names import to_ascii
from reconciler.model.windows import MaintenanceWindow

#: What a check can be of.
KINDS: Final = (
    "Site", "Domain", "HostingAccount", "Certificate", "Provider", "Server",
)  # fmt: skip
#: Those that say what they use.
METERED: Final = ("HostingAccount", "Server")
#: Where a name of what is checked is connected to, by type.
PORTS: Final = {"http": 443, "tls": 443}
_LONGEST_WORD: Final = 200
_MOST_USED: Final = 10
_TYPES: Final = {
    "url": ("http",),
    "path": ("http",),
    "host": ("http", "tcp", "dns", "tls"),
    "port": ("http", "tcp", "tls"),
    "addresses": ("http", "tcp", "tls"),
    "timeout": ("http", "tcp", "dns", "tls"),
    "retries": ("http", "tcp", "dns", "tls"),
    "spacing": ("http", "tcp", "dns", "tls"),
    "usage": ("usage",),
}
_EXPECTED: Final = {
    "status": ("http",),
    "contains": ("http", "tcp"),
    "within": ("http", "tcp", "dns", "tls"),
    "records": ("dns",),
    "not_after": ("tls",),
}


def _one_or_many(raw: object) -> object:
    return [raw] if isinstance(raw, int) and not isinstance(raw, bool) else raw


def _thing(text: str) -> str:
    kind, slash, name = text.partition("/")
    if kind not in KINDS or not slash or not name:
        raise ValueError(f"write Kind/name, of {', '.join(KINDS)}")
    return text


def _moment(raw: object) -> object:
    if isinstance(raw, datetime):
        return raw
    try:
        at = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError("write a time and its offset: 2026-12-01T02:00:00+01:00")
    return at


def _some(share: Decimal) -> Decimal:
    if not 0 < share <= _MOST_USED:
        raise ValueError("a share that may be in use is above 0% and 1000% at most")
    return share


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]


class Records(Spec):
    """
    What the DNS has to say, to whoever asks from the root down.

    Attributes:
        values: All of them and no other, in any order; left out: any that there is.
    """

    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "TXT", "CAA", "SRV"] = "A"
    values: tuple[Annotated[str, Field(min_length=1, max_length=512)], ...] = ()


class Expect(Spec):
    """
    What is good.

    Attributes:
        status: Of the last answer; left out: 200 to 299, or a redirect that leads to
            somebody else. With a redirect among them none is followed.
        contains: What its first MiB has to have in it; of ``tcp``, what is said first.
        within: How long it may take; longer is as bad as no answer.
        records: Of ``dns``: what is answered.
        not_after: Of ``tls``: how long the certificate has to be good for, at least.
    """

    status: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_one_or_many)
    ] = ()
    contains: Annotated[str, Field(min_length=1, max_length=_LONGEST_WORD)] | None = (
        None
    )
    within: Duration | None = None
    records: Records | None = None
    not_after: Duration | None = None


class Confirm(Spec):
    """
    How many runs have to agree.

    Attributes:
        failures: So many bad ones in a row are down; four of the last six are, too.
        successes: So many good ones in a row are up again.
    """

    failures: Annotated[int, Field(ge=1, le=10)] = 3
    successes: Annotated[int, Field(ge=1, le=10)] = 2


class Slo(Spec):
    """
    What is promised.

    Attributes:
        target: The share of the time that it is up.
        window: Of which time.
    """

    target: Percent
    window: Duration = timedelta(days=30)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not Decimal("0.5") <= self.target < 1:
            raise ValueError("target is at least 50%, and below 100%")
        if not timedelta(days=1) <= self.window <= timedelta(days=90):
            raise ValueError("window is between 1d and 90d")
        return self


class Planned(Spec):
    """
    A time in which it may be down, that is said before it begins.

    Attributes:
        begins: ``from`` in YAML, with its offset, as in 2026-12-01T02:00:00+01:00.
        why: For whoever reads the report.
    """

    begins: Annotated[Moment, Field(alias="from")]
    until: Moment
    why: Annotated[str, Field(min_length=1, max_length=_LONGEST_WORD)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not timedelta(0) < self.until - self.begins <= timedelta(days=7):
            raise ValueError("planned work ends after it begins, within 7d")
        return self


Share = Annotated[Percent, AfterValidator(_some)]


class Thresholds(Spec):
    """How much of its limit may be in use, by metric; more is down."""

    cpu: Share | None = None
    memory: Share | None = None
    disk: Share | None = None
    inodes: Share | None = None
    io: Share | None = None
    bandwidth: Share | None = None
    load: Share | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.declared:
            raise ValueError("usage names at least one metric, as in cpu: 90%")
        return self

    @property
    def declared(self) -> dict[str, Decimal]:
        """What is written: metric -> the share that may be in use."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: share for name, share in found if share is not None}


class HealthCheckSpec(Spec):
    """
    What is looked at, how, and when it is down.

    Attributes:
        of: What it tells about. What that hangs on (its server, its DNS) is derived.
        url: Of ``http``: in place of host, port and path; left out: https.
        host: A name or an address; left out: that of what it is of.
        addresses: Which of its addresses each have to be good; left out: one that can
            be reached from here, IPv4 first.
        retries: How often one run tries before it calls it bad.
        spacing: How long it waits between.
        timeout: Longer is no answer.
        every: How often somebody promises to run ``health check``; time for which
            nobody came is unknown, neither up nor down.
        maintenance: When it may be down each week; counts from when it was written.
        planned: When it may be down once; counts if it was written before.
        severity: How loud it is when it is down.
        usage: Of ``usage``: how much may be in use, of the last readings.
    """

    of: Annotated[str, AfterValidator(_thing), To("", kinds=KINDS, edge=False)]
    type: Literal["http", "tcp", "dns", "tls", "usage"] = "http"
    url: Annotated[str, Field(max_length=2048)] | None = None
    host: Annotated[str, Field(max_length=253)] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    path: Annotated[str, Field(pattern=r"^/[!-~]{0,1023}$")] | None = None
    expect: Expect = Expect()
    addresses: tuple[Literal["v4", "v6"], ...] = ()
    retries: Annotated[int, Field(ge=1, le=5)] = 3
    spacing: Duration = timedelta(seconds=5)
    timeout: Duration = timedelta(seconds=10)
    confirm: Confirm = Confirm()
    every: Duration = timedelta(minutes=5)
    slo: Slo | None = None
    maintenance: tuple[MaintenanceWindow, ...] = ()
    planned: tuple[Planned, ...] = ()
    severity: Literal["critical", "error", "warning"] = "critical"
    usage: Thresholds | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        for group, rules in ((self, _TYPES), (self.expect, _EXPECTED)):
            for field, types in rules.items():
                if field in group.model_fields_set and self.type not in types:
                    where = "" if group is self else "expect."
                    raise ValueError(
                        f"{where}{to_camel(field)} goes with type: "
                        f"{' or '.join(types)} alone"
                    )
        if (self.type == "usage") != (self.usage is not None):
            raise ValueError("type: usage needs usage, as in usage: {cpu: 90%}")
        if self.type == "usage" and self.of.partition("/")[0] not in METERED:
            raise ValueError(f"type: usage is of {' or '.join(METERED)}")
        if self.type == "tcp" and self.port is None:
            raise ValueError("type: tcp needs port")
        if self.type == "dns" and self.expect.records is None:
            raise ValueError("type: dns needs expect.records, as in {type: A}")
        return self

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if self.url is not None:
            if {"host", "port", "path"} & self.model_fields_set:
                raise ValueError("url says it all: leave host, port and path out")
            web_address(self.url)
        if self.host is not None:
            host_name(self.host)
        if len(set(self.addresses)) != len(self.addresses):
            raise ValueError("addresses names the same one twice")
        return self

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        bounds = (
            ("every", self.every, timedelta(minutes=1), timedelta(days=1)),
            ("timeout", self.timeout, timedelta(seconds=1), timedelta(minutes=1)),
            ("spacing", self.spacing, timedelta(0), timedelta(minutes=1)),
        )
        for field, value, least, most in bounds:
            if not least <= value <= most:
                said = f"{duration_text(least)} and {duration_text(most)}"
                raise ValueError(f"{field} is between {said}")
        within = self.expect.within
        if within is not None and not timedelta(0) < within <= self.timeout:
            raise ValueError("expect.within is longer than nothing, timeout at most")
        return self


def host_name(text: str) -> str:
    """
    Return a name as A-labels, or an address, as it is connected to.

    Raises:
        ValueError: It is neither.
    """
    try:
        return str(ip_address(text))
    except ValueError:
        return to_ascii(text)


def web_address(text: str) -> SplitResult:
    """
    Return the parts of a URL that can be looked at.

    Raises:
        ValueError: It is none, or has something in it that is not sent from here.
    """
    plain = text.isascii() and text.isprintable() and " " not in text
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("write a URL, as in https://shop.example/health") from None
    if not plain or url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("write a URL, as in https://shop.example/health")
    if url.username or url.password or url.fragment or port == 0:
        raise ValueError("a URL has no user, no password and no fragment here")
    host_name(url.hostname)
    return url
