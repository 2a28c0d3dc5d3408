"""What may go wrong with one request that has an effect."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class FaultKind(StrEnum):
    """One way; each is met by a single request, counted over the whole story."""

    LOST_REQUEST = "lost-request"
    """It never arrives, and nobody can tell."""
    STUCK = "stuck"
    """It arrives before the next run, after its sender gave up."""
    STUCK_LONG = "stuck-long"
    """It arrives hours later: after half the life of its key."""
    LOST_REPLY = "lost-reply"
    """It has its effect, and the answer is lost."""
    ERROR_BEFORE = "error-before"
    """A server error, and no effect."""
    ERROR_AFTER = "error-after"
    """A server error, after the effect."""
    CRASH_BEFORE = "crash-before"
    """The process dies with the intent recorded and nothing sent."""
    CRASH_AFTER = "crash-after"
    """The process dies with the effect done and no answer read."""
    OVERLAP = "overlap"
    """It oversleeps its lease: another run does everything, then it goes on."""
    CUSTOMER = "customer"
    """The customer pays on the hosted page just before."""
    NEW_METHOD = "new-method"
    """The answer is lost, and git names another method before the next run."""
    BLIND = "blind"
    """The answer is lost, and nothing can be read during the next run."""


EVERY: tuple[FaultKind, ...] = tuple(FaultKind)
#: A server error is a lost answer with a status: alone each is tried, in pairs one.
APART: tuple[FaultKind, ...] = tuple(
    kind for kind in EVERY if not kind.startswith("error")
)


class Fault(NamedTuple):
    """The request that meets it, counted from 0, and what it meets."""

    at: int
    kind: FaultKind


class Crash(BaseException):
    """The process is gone; not an Exception, so that nothing handles it."""
