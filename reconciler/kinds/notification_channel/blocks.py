"""The ways to reach somebody, each with what it needs to know."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from reconciler.model import SecretRef, Spec

#: The types, each with the block of its own.
BLOCKS = ("smtp", "webhook", "heartbeat", "twilio", "vonage", "sns", "apprise")
#: An address as SMTP takes it (RFC 5321), without comments, quotes or line ends.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_HOST = r"^[A-Za-z0-9:]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$"
#: A phone number as every carrier reads it (E.164).
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
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


class Mailbox(Spec):
    """
    Where mail comes back to that could not be delivered: POP3 (RFC 1939), only read.

    Attributes:
        port: Defaults to 995 (tls) or 110 (none).
        tls: ``none`` is for a server on this machine.
    """

    host: Annotated[str, Field(pattern=_HOST, examples=["pop.agency.example"])]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["tls", "none"] = "tls"
    credentials: Login

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.tls == "none" and not _this_machine(self.host):
            raise ValueError("tls: none is for a mail server on this machine alone")
        return self

    @property
    def to_port(self) -> int:
        """The port that is written, or the one that is usual."""
        return self.port or (995 if self.tls == "tls" else 110)


class Smtp(Spec):
    """
    A mail server and who gets the mail.

    Attributes:
        port: Defaults to 587 (starttls), 465 (tls) or 25 (none).
        tls: ``starttls`` and ``tls`` verify the server's certificate and never go
            on without; ``none`` is for a server on this machine.
        sender: Written ``from``: the address the mail comes from.
        to: Who gets it; a reference keeps the address out of git. Left out on a
            channel to customers, each of whom has an address.
        bounces: The mailbox of ``from``: what comes back there goes by the fallback.
    """

    host: Annotated[str, Field(pattern=_HOST, examples=["smtp.agency.example"])]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    sender: Annotated[Address, Field(alias="from")]
    to: (
        Annotated[tuple[SecretRef | Address, ...], Field(min_length=1, max_length=50)]
        | None
    ) = None
    credentials: Login | None = None
    bounces: Mailbox | None = None

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
        to: The phone; a reference keeps the number out of git. Left out on a channel
            to customers.
        endpoint: The provider's API where it is not the usual one: another region,
            or a server on this machine.
    """

    to: SecretRef | Number | None = None
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
