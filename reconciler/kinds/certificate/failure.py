"""
What failed orders mean: who is asked next, when, and whether in rehearsal first. Pure.

Another issuer helps where this one is at fault, and never where we are: what is
unauthorized here is so everywhere, and asking around hides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from pydantic import Field

from reconciler.kinds.certificate.renewal import Lifetime, Reason
from reconciler.model import Duration, Spec

#: Let's Encrypt's advice (letsencrypt.org/docs/integration-guide, "Retrying Failures").
_BACKOFF: Final = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=100),
    timedelta(days=1),
)
#: While the end is near, so many attempts at least fit into what is left ...
TRIES_LEFT: Final = 8
#: ... but they are never nearer than this: five failures an hour are allowed ...
_NEAREST: Final = timedelta(hours=1)
#: ... and not for ever: after 1,152 in a row a name is paused until a person acts.
_PATIENT: Final = 50
#: When so much is left, one fault of an issuer is enough to ask the next one.
_LITTLE: Final = Decimal("0.15")


class Fault(StrEnum):
    """Whose fault it was that no certificate came."""

    ISSUER = "issuer"
    LIMIT = "limit"
    PAUSED = "paused"
    VALIDATION = "validation"
    PROPAGATION = "propagation"
    REQUEST = "request"

    @property
    def theirs(self) -> bool:
        """Whether another issuer would not have it."""
        return self in _THEIRS


_THEIRS: Final = frozenset({Fault.ISSUER, Fault.LIMIT, Fault.PAUSED})
#: The types of RFC 8555 (6.7), without ``urn:ietf:params:acme:error:``, and our own
#: words for what has no such type.
_FAULTS: Final = {
    "badNonce": Fault.ISSUER,
    "orderNotReady": Fault.ISSUER,
    "serverInternal": Fault.ISSUER,
    "timeout": Fault.ISSUER,
    "unreachable": Fault.ISSUER,
    "rateLimited": Fault.LIMIT,
    "paused": Fault.PAUSED,
    "propagation": Fault.PROPAGATION,
    "caa": Fault.VALIDATION,
    "connection": Fault.VALIDATION,
    "dns": Fault.VALIDATION,
    "incorrectResponse": Fault.VALIDATION,
    "tls": Fault.VALIDATION,
    "unauthorized": Fault.VALIDATION,
}
_URN: Final = "urn:ietf:params:acme:error:"
_SERVER_ERROR: Final = range(500, 600)


def fault(code: str) -> Fault:
    """
    Return whose fault *code* is: an ACME error type, an HTTP status, or a word of ours.

    What nobody knows is taken for ours: it changes no issuer.
    """
    if code.isdigit() and int(code) in _SERVER_ERROR:
        return Fault.ISSUER
    return _FAULTS.get(code.removeprefix(_URN), Fault.REQUEST)


class Failover(Spec):
    """
    When the next issuer is asked instead of one that is at fault.

    Attributes:
        attempts: After so many attempts, all of them its fault ...
        after: ... and not before so long after the first; both are less where little
            of the lifetime is left.
    """

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    after: Duration = timedelta(hours=24)


class Issuing(NamedTuple):
    """
    One of the issuers, in the order in which they are asked.

    Attributes:
        rehearses: Whether it has a staging server.
    """

    name: str
    rehearses: bool = False


class Attempt(NamedTuple):
    """
    One order since the certificate was last issued, as it is recorded.

    Attributes:
        fault: None: a rehearsal that went well.
        rehearsal: Whether it was the staging server's.
        retry_after: Before when the issuer does not want to be asked again.
    """

    at: datetime
    issuer: str
    fault: Fault | None
    rehearsal: bool = False
    retry_after: datetime | None = None


class Standing(NamedTuple):
    """
    What the attempts so far say about one issuer.

    Attributes:
        ready: From when it may be asked.
        out: Whether another one shall be asked, if there is one.
        why: In words, what *ready* or *out* come from.
        turns: The moments at which time alone changes this.
    """

    issuer: Issuing
    ready: datetime
    out: bool
    why: str = ""
    turns: tuple[datetime, ...] = ()


def standing(
    issuer: Issuing,
    attempts: Sequence[Attempt],
    failover: Failover,
    life: Lifetime | None,
    reason: Reason,
    now: datetime,
) -> Standing:
    """Return whether, and from when, *issuer* may be asked after *attempts*."""
    mine = [one for one in attempts if one.issuer == issuer.name]
    if not mine:
        return Standing(issuer, now, out=False)
    failed = [one for one in mine if one.fault is not None]
    ready = _ready(mine, failed, life, reason)
    theirs = _trailing(failed)
    if not theirs:
        return Standing(issuer, ready, out=False, why=_words(failed))
    first, last = theirs[0], theirs[-1]
    if last.fault is Fault.PAUSED:
        why = "has paused the names until a person acts there"
        return Standing(issuer, ready, out=True, why=why)
    until = first.at + patience(failover, life, first.at)
    enough = len(theirs) >= failover.attempts and until <= now
    late = last.retry_after is not None and last.retry_after > until
    little = None if life is None else life.last(_LITTLE)
    soon = little is not None and little <= now
    turns = tuple(one for one in (until, little) if one is not None)
    return Standing(issuer, ready, enough or late or soon, _words(failed), turns)


def patience(failover: Failover, life: Lifetime | None, at: datetime) -> timedelta:
    """Return for how long after *at* an issuer is waited for: less near the end."""
    if life is None:
        return failover.after
    return min(failover.after, max((life.ends - at) / TRIES_LEFT, timedelta(0)))


def _ready(
    mine: Sequence[Attempt],
    failed: Sequence[Attempt],
    life: Lifetime | None,
    reason: Reason,
) -> datetime:
    last = mine[-1]
    if last.fault is None or (last.rehearsal and last.fault.theirs):
        return last.at  # a staging server that is at fault holds nothing up
    wait = _BACKOFF[min(len(failed), len(_BACKOFF)) - 1]
    if len(failed) <= _PATIENT:
        if reason in {Reason.REVOKED, Reason.EXPIRED}:
            wait = min(wait, _NEAREST)
        elif life is not None:
            wait = min(wait, max((life.ends - last.at) / TRIES_LEFT, _NEAREST))
    return max(last.at + wait, last.retry_after or last.at)


def _trailing(failed: Sequence[Attempt]) -> list[Attempt]:
    """Return the last failures that were the issuer's own, without another between."""
    found: list[Attempt] = []
    for one in reversed(failed):
        if one.rehearsal or one.fault is None or not one.fault.theirs:
            break
        found.append(one)
    return found[::-1]


def _words(failed: Sequence[Attempt]) -> str:
    many = "once" if len(failed) == 1 else f"{len(failed)} times"
    return f"failed {many}, last by {failed[-1].fault}" if failed else ""


def rehearse(
    issuer: Issuing, attempts: Sequence[Attempt], reason: Reason, *, fresh: bool
) -> bool:
    """
    Say whether the staging server is asked first: a failure there costs nothing.

    For names that never had a certificate (*fresh*), and after a production server
    could not validate one. Not where it presses, and not while staging itself is at
    fault: a rehearsal must never be what a certificate is missing for.
    """
    if not issuer.rehearses or reason in {Reason.EMERGENCY, Reason.EXPIRED}:
        return False
    mine = [one for one in attempts if one.issuer == issuer.name]
    if not mine:
        return fresh
    last = mine[-1]
    if last.rehearsal:
        return last.fault is not None and not last.fault.theirs
    if last.fault is Fault.VALIDATION:
        return True
    return fresh and not any(one.rehearsal for one in mine)
