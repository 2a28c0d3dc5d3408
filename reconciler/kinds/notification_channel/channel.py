"""Where notices go: who is told what, and what is done where that fails."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, ClassVar, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from reconciler.kinds.notification_channel.blocks import (
    BLOCKS,
    SMS,
    Apprise,
    Heartbeat,
    Smtp,
    Sns,
    Twilio,
    Vonage,
    Webhook,
)
from reconciler.model import Change, Duration, Severity, Spec, To
from reconciler.model.resource import Resource

Event = Literal[
    "window-opened", "urgent", "failed", "held", "unknown", "incident", "healed"
]
EVENTS: tuple[Event, ...] = get_args(Event)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
#: What has no meaning on a channel to customers: their own terms say it.
_TEAM = frozenset(
    {"events", "min_severity", "unknown_after", "language", "quiet_hours", "time_zone"}
)


class NotificationChannelSpec(Spec):
    """
    One way to reach somebody.

    Attributes:
        audience: ``customers``: letters about invoices and payments go out here, to
            the contact of each; their Customer says the language, their DunningPolicy
            the hours. ``team``: what needs a person of ours is told here.
        contact: Whom customers can ask, as their letters say it.
        events: What is told here. An empty list makes a channel that is only the
            fallback of others.
        min_severity: What is less severe than this is not told here.
        unknown_after: How long something has to be unreadable to be told.
        confirm_within: How long an SMS may be under way before the fallback is used,
            and how long mail with ``bounces`` may come back.
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
    audience: Literal["team", "customers"] = "team"
    contact: (
        Annotated[
            str,
            Field(
                pattern=r"^[^\x00-\x1f\x7f]{3,200}$",
                examples=["Agency, billing@agency.example, +31 20 123 4567"],
            ),
        ]
        | None
    ) = None
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
        follows = self.type in SMS or (self.smtp and self.smtp.bounces)
        if not follows and "confirm_within" in self.model_fields_set:
            what = "confirmWithin goes with twilio, vonage, sns and smtp.bounces alone"
            raise ValueError(what)
        return self

    @model_validator(mode="after")
    def _somebody_gets_it(self) -> Self:
        block = self.smtp or self.twilio or self.vonage or self.sns
        if self.audience == "team":
            if block is not None and not block.to:
                raise ValueError(f"write {self.type}.to: who gets it")
            if self.contact is not None:
                raise ValueError("contact goes with audience: customers alone")
            return self
        if block is None:
            raise ValueError("customers get mail or SMS: smtp, twilio, vonage or sns")
        if block.to:
            raise ValueError(
                f"{self.type}.to: each customer has a contact: leave it out"
            )
        if self.contact is None:
            raise ValueError("write contact: whom customers can ask")
        if strange := _TEAM & self.model_fields_set:
            field = to_camel(min(strange))
            raise ValueError(f"{field} goes with audience: team alone")
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
        mine = self.spec.type != "heartbeat" and self.spec.audience == "team"
        return mine and event in self.spec.events and loud

    @property
    def to_customers(self) -> bool:
        """Whether letters go out here, and no notices."""
        return self.spec.audience == "customers"

    @property
    def silence(self) -> bool:
        """Whether hearing nothing of a message is good news: it did not come back."""
        return self.spec.type == "smtp"

    def quiet(self, now: datetime) -> bool:
        """Say whether *now* lies in the quiet hours."""
        if self.spec.quiet_hours is None:
            return False
        begin, end = map(time.fromisoformat, self.spec.quiet_hours.split("-"))
        here = now.astimezone(zone(self.spec.time_zone)).time()
        if begin < end:
            return begin <= here < end
        return here >= begin or here < end
