"""Where notices go: who is told what, and what is done where that fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from reconciler.model import Change, Duration, SecretRef, Severity, Spec, To
from reconciler.model.resource import Resource

Event = Literal[
    "window-opened", "urgent", "failed", "held", "unknown", "incident", "healed"
]
EVENTS: tuple[Event, ...] = get_args(Event)
#: The types, each with the block of its own.
BLOCKS = ("smtp", "webhook", "heartbeat", "twilio", "vonage", "sns", "apprise")
#: An address as SMTP takes it (RFC 5321), without comments, quotes or line ends.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$"
#: A phone number as every carrier reads it (E.164).
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}

#: Channels whose message arrives later than it is taken, if at all.
SMS = frozenset({"twilio", "vonage", "sns"})

Address = Annotated[
    str, Field(pattern=rf"^{ADDRESS.pattern}$", examples=["reconciler@agency.example"])
]
Number = Annotated[
    str, Field(pattern=rf"^{NUMBER.pattern}$", examples=["+31612345678"])
]
#: A number of ours, or up to eleven letters and digits that stand for one.
SmsSender = Annotated[
    str,
    Field(
        pattern=rf"^({NUMBER.pattern}|[A-Za-z0-9 ]{{1,11}}|[0-9]{{3,15}})$",
        examples=["+31612345678", "Agency"],
    ),
]
Endpoint = Annotated[
    str,
    Field(
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,253}/?$",
        examples=["https://api.dublin.ie1.twilio.com"],
    ),
]


def _this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Login(Spec):
    """How this tool says who it is to a mail server or a provider."""

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


class Sms(Spec):
    """
    One phone, and what every SMS provider wants to know.

    Attributes:
        to: The phone; a reference keeps the number out of git.
        endpoint: The provider's API where it is not the usual one: another region,
            or a server on this machine.
    """

    to: SecretRef | Number
    endpoint: Endpoint | None = None

    @field_validator("endpoint")
    @classmethod
    def _guarded(cls, value: str | None) -> str | None:
        if value and value.startswith("http:"):
            host = urlsplit(value).hostname or ""
            if not _this_machine(host):
                raise ValueError("http is for a server on this machine alone")
        return value


class Twilio(Sms):
    """
    A phone, by Twilio.

    Attributes:
        account: The account's SID; it is no secret.
        sender: Written ``from``: a number, a name, or a messaging service's SID.
        credentials: The account's SID and token, or (better) an API key's.
    """

    account: Annotated[
        str, Field(pattern="^AC[0-9a-fA-F]{32}$", examples=["AC" + "0a" * 16])
    ]
    sender: Annotated[
        str,
        Field(
            alias="from",
            pattern=rf"^({NUMBER.pattern}|MG[0-9a-fA-F]{{32}}|[A-Za-z0-9 ]{{1,11}})$",
            examples=["+15557122661", "Agency"],
        ),
    ]
    credentials: Login


class Key(Spec):
    """An API key of Vonage; it names the account too."""

    key: SecretRef
    secret: SecretRef


class Vonage(Sms):
    """
    A phone, by Vonage (once Nexmo).

    Attributes:
        sender: Written ``from``: a number, or a name.
        credentials: The account's API key and its secret.
    """

    sender: Annotated[SmsSender, Field(alias="from")]
    credentials: Key


class AwsKey(Spec):
    """Keys of AWS that may publish to SNS and read the log of deliveries."""

    access_key_id: SecretRef
    secret_access_key: SecretRef


class Sns(Sms):
    """
    A phone, by Amazon SNS.

    Attributes:
        account: The account's number: the log of deliveries has it in its name.
        region: Where SNS sends from, as in ``eu-west-1``.
        sender: Written ``from``: a name, or a number; some countries take neither.
        credentials: Keys that may ``sns:Publish`` and ``logs:FilterLogEvents``.
    """

    account: Annotated[str, Field(pattern="^[0-9]{12}$", examples=["123456789012"])]
    region: Annotated[
        str, Field(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]$", examples=["eu-west-1"])
    ]
    sender: Annotated[SmsSender | None, Field(alias="from")] = None
    credentials: AwsKey


class Apprise(Spec):
    """
    Anything else that the program Apprise can reach; it must be installed.

    Attributes:
        url: As Apprise writes it, as in ``slack://...``: a credential.
    """

    url: SecretRef


class NotificationChannelSpec(Spec):
    """
    One way to reach somebody.

    Attributes:
        events: What is told here. An empty list makes a channel that is only the
            fallback of others.
        min_severity: What is less severe than this is not told here.
        unknown_after: How long something has to be unreadable to be told.
        confirm_within: How long an SMS may be under way before the fallback is used.
        language: Of the texts, as in ``nl``.
        fallback: The channel that is used at once where this one fails.
        quiet_hours: As in ``21:00-08:00``: what is not critical waits until then.
        time_zone: That of the quiet hours, as in ``Europe/Amsterdam``.
    """

    type: Literal["smtp", "webhook", "heartbeat", "twilio", "vonage", "sns", "apprise"]
    smtp: Smtp | None = None
    webhook: Webhook | None = None
    heartbeat: Heartbeat | None = None
    twilio: Twilio | None = None
    vonage: Vonage | None = None
    sns: Sns | None = None
    apprise: Apprise | None = None
    events: tuple[Event, ...] = EVENTS
    min_severity: Severity = Severity.WARNING
    unknown_after: Duration = timedelta(hours=24)
    confirm_within: Duration = timedelta(minutes=15)
    language: Annotated[
        str, Field(pattern="^[a-z]{2,3}(-[A-Z]{2})?$", examples=["nl"])
    ] = "en"
    fallback: Annotated[str, To("NotificationChannel")] | None = None
    quiet_hours: str | None = None
    time_zone: str = "UTC"

    @model_validator(mode="after")
    def _one_block(self) -> Self:
        for name in BLOCKS:
            block = getattr(self, name)
            if name == self.type and block is None:
                raise ValueError(f"type: {name} needs the block {name}")
            if name != self.type and block is not None:
                raise ValueError(f"the block {name} does not go with type: {self.type}")
        told = {"events", "min_severity", "unknown_after", "fallback", "quiet_hours"}
        told |= {"language"}
        if self.type == "heartbeat" and told & self.model_fields_set:
            raise ValueError("a heartbeat carries no notices: it has its block alone")
        if self.type not in SMS and "confirm_within" in self.model_fields_set:
            raise ValueError("confirmWithin goes with twilio, vonage and sns alone")
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
    """A mail address, a phone, a webhook, or somebody who listens for a heartbeat."""

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
