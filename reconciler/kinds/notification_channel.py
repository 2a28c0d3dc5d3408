"""Where notices go: who is told what, and what is done where that fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from reconciler.model import Change, Duration, SecretRef, Severity, Spec, To
from reconciler.model.resource import Resource

Event = Literal[
    "window-opened", "urgent", "failed", "held", "unknown", "incident", "healed"
]
EVENTS: tuple[Event, ...] = get_args(Event)
#: An address as SMTP takes it (RFC 5321), without comments, quotes or line ends.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$"
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}

Address = Annotated[
    str, Field(pattern=rf"^{ADDRESS.pattern}$", examples=["reconciler@agency.example"])
]


def _this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Login(Spec):
    """How this tool says who it is to the mail server."""

    username: SecretRef
    password: SecretRef


class Smtp(Spec):
    """
    A mail server and who gets the mail.

    Attributes:
        port: Defaults to 587 (starttls), 465 (tls) or 25 (none).
        tls: ``starttls`` and ``tls`` verify the server's certificate and never go
            on without; ``none`` is for a server on this machine.
        sender: Written ``from``: the address the mail comes from.
        to: Who gets it; a reference keeps the address out of git.
    """

    host: Annotated[str, Field(pattern=_HOST, examples=["smtp.agency.example"])]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[SecretRef | Address, ...], Field(min_length=1, max_length=50)]
    credentials: Login | None = None

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.tls == "none" and not _this_machine(self.host):
            raise ValueError("tls: none is for a mail server on this machine alone")
        return self

    @property
    def to_port(self) -> int:
        """The port that is written, or the one that is usual."""
        return self.port or _PORTS[self.tls]


class Webhook(Spec):
    """
    A receiver of signed JSON (Standard Webhooks 1.0.0).

    Attributes:
        url: The address is a credential: who has it can post there.
        secret: ``whsec_`` and 24 to 64 bytes in base64; several, separated by
            blanks, sign each message several times, for a rotation.
    """

    url: SecretRef
    secret: SecretRef | None = None


class Heartbeat(Spec):
    """
    Something outside that expects to hear from us and raises the alarm if not.

    Attributes:
        url: What is called after each complete run.
        incomplete: After a run that was not complete: ``silent`` lets the receiver's
            own patience run out, ``fail`` calls the address with ``/fail`` added.
    """

    url: SecretRef
    incomplete: Literal["silent", "fail"] = "silent"


class NotificationChannelSpec(Spec):
    """
    One way to reach somebody.

    Attributes:
        events: What is told here. An empty list makes a channel that is only the
            fallback of others.
        min_severity: What is less severe than this is not told here.
        unknown_after: How long something has to be unreadable to be told.
        fallback: The channel that is used at once where this one fails.
        quiet_hours: As in ``21:00-08:00``: what is not critical waits until then.
        time_zone: That of the quiet hours, as in ``Europe/Amsterdam``.
    """

    type: Literal["smtp", "webhook", "heartbeat"]
    smtp: Smtp | None = None
    webhook: Webhook | None = None
    heartbeat: Heartbeat | None = None
    events: tuple[Event, ...] = EVENTS
    min_severity: Severity = Severity.WARNING
    unknown_after: Duration = timedelta(hours=24)
    fallback: Annotated[str, To("NotificationChannel")] | None = None
    quiet_hours: str | None = None
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _one_block(self) -> Self:
        blocks = {
            "smtp": self.smtp,
            "webhook": self.webhook,
            "heartbeat": self.heartbeat,
        }
        for name, block in blocks.items():
            if name == self.type and block is None:
                raise ValueError(f"type: {name} needs the block {name}")
            if name != self.type and block is not None:
                raise ValueError(f"the block {name} does not go with type: {self.type}")
        told = {"events", "min_severity", "unknown_after", "fallback", "quiet_hours"}
        if self.type == "heartbeat" and told & self.model_fields_set:
            raise ValueError("a heartbeat carries no notices: it has its block alone")
        return self

    @field_validator("events")
    @classmethod
    def _each_once(cls, value: tuple[Event, ...]) -> tuple[Event, ...]:
        if len(set(value)) != len(value):
            raise ValueError("the same event is named twice")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        found = _HOURS.fullmatch(value) if value is not None else None
        if value is not None and found is None:
            raise ValueError("write the hours as in 21:00-08:00")
        if found and found.groups()[:2] == found.groups()[2:]:
            raise ValueError("quiet hours end when they begin")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        zone(value)
        return value


def zone(name: str) -> tzinfo:
    """Return a time zone of the IANA database; raises ValueError."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        what = "no such time zone: write one as in Europe/Amsterdam"
        raise ValueError(what) from None


class NotificationChannel(Resource[Change]):
    """A mail address, a webhook, or a heartbeat that somebody outside listens to."""

    kind: ClassVar[str] = "NotificationChannel"
    spec: NotificationChannelSpec

    def wants(self, event: str, severity: Severity) -> bool:
        """Say whether such a thing is told here at all."""
        order = list(Severity)
        loud = order.index(severity) <= order.index(self.spec.min_severity)
        return self.spec.type != "heartbeat" and event in self.spec.events and loud

    def quiet(self, now: datetime) -> bool:
        """Say whether *now* lies in the quiet hours."""
        if self.spec.quiet_hours is None:
            return False
        begin, end = map(time.fromisoformat, self.spec.quiet_hours.split("-"))
        here = now.astimezone(zone(self.spec.time_zone)).time()
        if begin < end:
            return begin <= here < end
        return here >= begin or here < end


KIND = NotificationChannel
