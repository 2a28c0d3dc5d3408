"""
When a certificate is renewed, and why: a function of data that everybody can repeat.

The same inputs give the same moment, in the plan and in what applies it, and no state
is needed to remember it: chance is a hash of the certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple, Self

from pydantic import model_validator

from reconciler.model import Percent, Spec
from reconciler.model.windows import MaintenanceWindow

#: Up to here half of the lifetime is kept in reserve, above it a third: what Let's
#: Encrypt advises (letsencrypt.org/docs/integration-guide, "When to Renew").
SHORT: Final = timedelta(days=10)
_RESERVE_SHORT: Final = Decimal("0.5")
_RESERVE: Final = Decimal(1) / 3
#: Certificates of one day are spread over so much of their lifetime ...
_SPREAD: Final = Decimal("0.06")
#: ... but over so many runs at least, as far as a sixth of the lifetime allows.
_SPREAD_RUNS: Final = 4
#: So many runs at least see an emergency before its end, within a quarter of it.
_EMERGENCY_RUNS: Final = 3
#: A window of the issuer that was not seen again for so long is not relied on.
_STALE: Final = timedelta(days=2)
_STALE_RUNS: Final = 4
#: For so much of its lifetime, or so long, a new one is left alone.
_REST: Final = Decimal("0.1")
_REST_MOST: Final = timedelta(days=1)
_DOUBLED: Final = 6
_LEAST_REMAINING, _MOST_REMAINING = Decimal("0.05"), Decimal("0.8")
_LEAST_EMERGENCY, _MOST_EMERGENCY = Decimal("0.01"), Decimal("0.25")
_POLL_LEAST, _POLL_MOST = timedelta(hours=1), timedelta(hours=12)
_WHOLE_HASH: Final = 64
_SECOND: Final = timedelta(seconds=1)


class Reason(StrEnum):
    """Why a certificate is issued, or will be."""

    REVOKED = "revoked"
    EXPIRED = "expired"
    EMERGENCY = "emergency"
    MISSING = "missing"
    NAMES = "names-changed"
    ISSUER = "issuer-changed"
    PROFILE = "profile-changed"
    KEY = "key-changed"
    ARI = "ari"
    REMAINING = "remaining"
    FRACTION = "fraction"

    @property
    def pressing(self) -> bool:
        """Whether no window, no jitter and no freeze may hold it up."""
        return self in _PRESSING

    @property
    def priority(self) -> int:
        """Which goes first where not all can: 0 before 1."""
        return _PRIORITY[self]


_PRESSING: Final = frozenset(
    {Reason.REVOKED, Reason.EXPIRED, Reason.EMERGENCY, Reason.MISSING}
)
_PRIORITY: Final = {
    Reason.REVOKED: 0,
    Reason.EXPIRED: 0,
    Reason.EMERGENCY: 1,
    Reason.MISSING: 2,
    Reason.NAMES: 3,
    Reason.ISSUER: 3,
    Reason.PROFILE: 3,
    Reason.KEY: 3,
    Reason.ARI: 4,
    Reason.REMAINING: 4,
    Reason.FRACTION: 4,
}


class Renewal(Spec):
    """
    When certificates are renewed.

    Attributes:
        ari: Whether the issuer's suggestion is followed, where it makes one (RFC 9773).
        remaining: Renew when so much of the lifetime is left, where nothing is
            suggested; left out: a third, or half of a lifetime under ten days.
        emergency: When so much is left, everything else is overruled: suggestions,
            windows and freezes.
        windows: When it may be done; left out: at any time.
    """

    ari: bool = True
    remaining: Percent | None = None
    emergency: Percent = Decimal("0.05")
    windows: tuple[MaintenanceWindow, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not _LEAST_EMERGENCY <= self.emergency <= _MOST_EMERGENCY:
            raise ValueError("emergency is between 1% and 25% of the lifetime")
        if self.remaining is None:
            return self
        if not _LEAST_REMAINING <= self.remaining <= _MOST_REMAINING:
            raise ValueError(
                "remaining is what is left of the lifetime: between 5% and 80%"
            )
        if self.remaining <= self.emergency:
            raise ValueError("remaining is more than emergency")
        return self


class Lifetime(NamedTuple):
    """From when (``notBefore``) to when (``notAfter``) a certificate is good."""

    begins: datetime
    ends: datetime

    @property
    def length(self) -> timedelta:
        """How long it is good, all in all."""
        return self.ends - self.begins

    def last(self, share: Decimal) -> datetime:
        """Return when *share* of it is left."""
        return self.ends - part(self.length, share)


class Ari(NamedTuple):
    """
    When the issuer suggests to renew one certificate (RFC 9773).

    Attributes:
        seen: When it said so.
        check: When to ask again.
    """

    start: datetime
    end: datetime
    seen: datetime
    check: datetime


class NoAri(NamedTuple):
    """Why there is no suggestion to follow."""

    why: str


class When(NamedTuple):
    """
    The moment from which a certificate is renewed.

    Attributes:
        at: None: at once.
        opens: From when a run does it: one that is the last before *at*, where the
            moment is not to be missed. None: at once.
        note: What else was suggested, and why it is not followed.
    """

    at: datetime | None
    opens: datetime | None
    reason: Reason
    note: str = ""


def when(
    uid: str,
    life: Lifetime,
    ari: Ari | NoAri,
    policy: Renewal,
    interval: timedelta,
    now: datetime,
    lately: Callable[[], int] = int,
) -> When:
    """
    Return when a certificate that is neither revoked nor changed is renewed.

    Args:
        uid: The identity of the resource: chance, of which all get another share.
        life: When it begins and ends.
        ari: The issuer's suggestion about this very certificate, or why there is none.
        policy: What is written about it.
        interval: How long it is to the next run, as far as that can be expected.
        now: Nothing depends on it but how old the suggestion is, and what is over.
        lately: Returns how often it was issued shortly before it begins: an issuer
            that always wants another one is not followed all day long.
    """
    usual = _usual(uid, life, policy, interval)
    found = When(
        usual, usual, Reason.REMAINING if policy.remaining else Reason.FRACTION
    )
    if policy.ari:
        match _suggested(uid, life, ari):
            case datetime() as point:
                at = point
                if point < usual:
                    at = max(point, min(usual, life.begins + rest(life, lately())))
                if _stale(ari, interval, now) and usual < at:
                    found = found._replace(note="what the issuer suggests is old")
                else:
                    found = When(at, at - interval, Reason.ARI)
            case why:
                found = found._replace(note=why)
    return _capped(found, life, policy, interval, now)


def _capped(
    found: When, life: Lifetime, policy: Renewal, interval: timedelta, now: datetime
) -> When:
    """Return *found*, or the emergency where that comes first or is reached."""
    if life.ends <= now:
        return When(None, None, Reason.EXPIRED, found.note)
    assert found.at is not None and found.opens is not None  # noqa: S101, PT018
    last = emergency(life, policy, interval)
    # A new one rests, however rare the runs are: nothing is renewed in a loop.
    rested = life.begins + rest(life, 0)
    opens = max(last - interval, rested)
    if last < found.at:
        note = found.note or "what is suggested is too near to the end"
        return When(last, opens, Reason.EMERGENCY, note)
    if opens <= now:
        return When(found.at, opens, Reason.EMERGENCY, found.note)
    return found._replace(opens=min(max(found.opens, rested), opens))


def _usual(uid: str, life: Lifetime, policy: Renewal, interval: timedelta) -> datetime:
    """Return when it is renewed by its lifetime alone, a little spread."""
    length = life.length
    point = life.last(reserve(length, policy))
    spread = max(part(length, _SPREAD), min(length / 6, _SPREAD_RUNS * interval))
    early = scattered(spread, f"{uid}|{life.begins.timestamp():.0f}")
    return max(point - early, life.begins + part(length, _REST))


def reserve(length: timedelta, policy: Renewal) -> Decimal:
    """Return how much of a lifetime is left when it is renewed, at the latest."""
    if policy.remaining is not None:
        return policy.remaining
    return _RESERVE_SHORT if length < SHORT else _RESERVE


def emergency(life: Lifetime, policy: Renewal, interval: timedelta) -> datetime:
    """Return from when nothing but its end counts: some runs are left then."""
    length = life.length
    margin = max(
        part(length, policy.emergency), min(_EMERGENCY_RUNS * interval, length / 4)
    )
    return life.ends - margin


def _suggested(uid: str, life: Lifetime, ari: Ari | NoAri) -> datetime | str:
    """
    Return the moment in the issuer's window that is this certificate's.

    The RFC has it drawn at random once; a hash of certificate and window is as evenly
    spread, and plan and apply agree on it. Or return why there is none to follow.
    """
    if isinstance(ari, NoAri):
        return ari.why
    if ari.start >= ari.end:
        return "the issuer suggests a time that ends before it begins"
    if ari.end <= life.begins or ari.start >= life.ends:
        return "the issuer suggests a time outside the certificate's own"
    if ari.seen < life.begins:
        return "what the issuer suggests is about another certificate"
    text = f"{uid}|{ari.start.timestamp():.0f}|{ari.end.timestamp():.0f}"
    return ari.start + scattered(ari.end - ari.start, text)


def _stale(ari: Ari | NoAri, interval: timedelta, now: datetime) -> bool:
    old = max(_STALE, _STALE_RUNS * interval)
    return isinstance(ari, Ari) and ari.seen + old <= now


def rest(life: Lifetime, lately: int) -> timedelta:
    """Return for how long a new one is left alone: longer each time in a row."""
    first = min(part(life.length, _REST), _REST_MOST)
    return first * (1 << min(lately, _DOUBLED))


def turns(
    life: Lifetime, ari: Ari | NoAri, policy: Renewal, interval: timedelta
) -> tuple[datetime, ...]:
    """Return the moments at which ``when`` says something else by time alone."""
    rested = life.begins + rest(life, 0)
    found = [max(emergency(life, policy, interval) - interval, rested), life.ends]
    if policy.ari and isinstance(ari, Ari):
        found.append(ari.seen + max(_STALE, _STALE_RUNS * interval))
    return tuple(found)


def check_again(seen: datetime, retry_after: timedelta | None) -> datetime:
    """
    Return when to ask again for what was seen at *seen*.

    As the issuer says, but at least twice a day and at most once an hour: a revocation
    of many certificates is announced by it hours ahead.
    """
    wanted = _POLL_MOST if retry_after is None else retry_after
    return seen + min(max(wanted, _POLL_LEAST), _POLL_MOST)


def part(whole: timedelta, share: Decimal) -> timedelta:
    """Return *share* of *whole*, in whole seconds."""
    return timedelta(seconds=int(Decimal(whole // _SECOND) * share))


def scattered(spread: timedelta, text: str) -> timedelta:
    """Return a part of *spread*, the same for the same text and evenly spread."""
    number = int.from_bytes(sha256(text.encode()).digest()[: _WHOLE_HASH // 8])
    return timedelta(seconds=(spread // _SECOND) * number >> _WHOLE_HASH)
