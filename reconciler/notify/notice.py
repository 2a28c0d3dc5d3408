"""What there is to tell, as data, with an identity that survives a crash."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from reconciler.model import Money, Severity, sha256

#: So many hex digits of a hash are an identity.
_LENGTH = 32


class Subject(NamedTuple):
    """
    What a notice is about.

    Attributes:
        uid: The identity that survives a rename; the record is kept under it.
    """

    kind: str
    uid: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


class Condition(NamedTuple):
    """
    Something that holds now and that a person should be told once.

    Attributes:
        event: What sort of thing, by the words of ``NotificationChannel.events``.
        about: What keeps it apart from others of the same subject and event: a
            finding's code, an action's id. Never a text that changes from day to day.
        summary: One line.
        details: More lines: reasons, the groups whose approval is missing.
        command: What to type; None where there is nothing to type.
        money: What it would cost at most.
        due: When harm begins if nothing is done.
        since: Since when it holds, where that is remembered.
        series: What it is a step of (``expiry``): the next step ends it, and that is
            no relief.
    """

    event: str
    severity: Severity
    subject: Subject
    about: str
    summary: str
    details: tuple[str, ...] = ()
    command: str | None = None
    money: Money | None = None
    due: datetime | None = None
    since: datetime | None = None
    place: str | None = None
    series: str = ""

    @property
    def key(self) -> str:
        """What it is called in the book of its subject."""
        return f"{self.event}/{self.about}"


class Notice(NamedTuple):
    """
    A condition, as it is sent.

    Attributes:
        id: The same for every channel and for every repetition after a crash.
        at: When it was seen first.
        event: The condition's, or ``healed``.
        begun: The id of the notice that this is the end of; empty for any other.
    """

    id: str
    at: datetime
    event: str
    condition: Condition
    begun: str = ""

    @property
    def severity(self) -> Severity:
        """How loud it is; that something is over is never an alarm."""
        return self.condition.severity

    @property
    def alarm(self) -> bool:
        """Whether it goes alone and at any hour."""
        return self.event != "healed" and self.severity is Severity.CRITICAL


def fingerprint(env: str, subject: Subject, event: str, about: str, number: int) -> str:
    """
    Return the identity of a notice.

    Args:
        env: The environment.
        subject: By its uid: a rename is no news.
        event: What sort of thing.
        about: What keeps it apart from others.
        number: How many notices about this subject were closed before: what comes
            back after it was over is news.
    """
    parts = [env, subject.kind, subject.uid, event, about, number]
    return sha256(parts)[:_LENGTH]


def message_id(channel: str, notices: tuple[str, ...]) -> str:
    """Return the identity of one message: the channel's and what is in it."""
    return sha256([channel, sorted(notices)])[:_LENGTH]
