"""A TLS certificate as it is served: for which names, until when, and everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AwareDatetime, Field, field_validator

from reconciler.model import (
    PUBLIC,
    Change,
    Due,
    Duration,
    Finding,
    Frozen,
    Have,
    Severity,
    Share,
    Spec,
    State,
    Unknown,
    duration_text,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource

#: Whoever connects to every address of every name, as a visitor does.
TLS: Final = Share(PUBLIC, "tls")
_CRITICAL = timedelta(days=3)
_ERROR = timedelta(days=7)


def _days(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=number) for number in numbers)


class CertificateSpec(Spec):
    """
    Which names are served, and when to warn.

    Attributes:
        mode: ``observe``: only looked at, where it is served.
        names: The names it must be good for; ``*.a.example`` is a wildcard.
        warn_at: How long before its end to warn.
    """

    mode: Literal["observe"] = "observe"
    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)]
    warn_at: tuple[Duration, ...] = _days(30, 14, 7, 3, 1)

    @field_validator("names")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        made = tuple(map(_name, names))
        if len(set(made)) != len(made):
            raise ValueError("the same name is written twice")
        if all(name.startswith("*.") for name in made):
            raise ValueError("one name must be no wildcard, to have where to look")
        return made


def _name(text: str) -> str:
    star = "*." if text.startswith("*.") else ""
    name = to_ascii(text.removeprefix(star))
    if "." not in name or "_" in name:
        raise ValueError(f"{text!r} is no name for a certificate")
    if name.rpartition(".")[2].isdigit():
        raise ValueError(f"{text!r} is an address, not a name")
    return star + name


class Served(Frozen):
    """
    What one address serves for one name.

    Attributes:
        problem: Why nothing could be had there; the rest is empty then.
        fingerprint: SHA-256 of the certificate, in hex.
        issuer: The common name of who signed it, or its organisation.
        matches: Whether it is good for the name.
        trusted: Whether its chain, as it is served, leads to a trusted authority.
    """

    name: str
    address: str
    problem: str | None = None
    fingerprint: str | None = None
    issuer: str | None = None
    not_after: AwareDatetime | None = None
    matches: bool = True
    trusted: bool = True


class TlsState(State):
    """
    What is served at every address of every name.

    Attributes:
        seen: When it was looked at.
        unknown: Names whose addresses could not be found, and why.
    """

    seen: AwareDatetime
    served: tuple[Served, ...] = ()
    unknown: Mapping[str, str] = {}


class Certificate(Resource[Change]):
    """A certificate that must be served, whole and in time, wherever its names lead."""

    kind: ClassVar[str] = "Certificate"
    states: ClassVar[Mapping[str, type[State]]] = {TLS.family: TlsState}
    spec: CertificateSpec

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        """Take a name in its own script, as a domain's: the same name, one spelling."""
        match raw:
            case {"name": str() as name} if not name.isascii():
                return {**raw, "name": to_ascii(name)}
        return raw

    def witnesses(self) -> tuple[Share, ...]:
        """Return who looks at what is served: nothing else tells."""
        return (TLS,)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what visitors meet, or soon will."""
        match have.get(TLS):
            case TlsState() as state:
                yield from self._unreachable(state)
                yield from self._wrong(state)
                yield from self._ends(state, now)
            case Unknown(later=True):
                yield self.found(
                    "not-looked-at-yet", Severity.INFO, "is not looked at yet"
                )
            case None:
                message = "nothing looks at what is served"
                yield self.found("watched-only", Severity.INFO, message)
            case _:
                pass

    def _unreachable(self, state: TlsState) -> Iterator[Finding]:
        for name, why in sorted(state.unknown.items()):
            message = f"{name}: {why}"
            yield self.found("tls-no-address", Severity.WARNING, message, "spec.names")
        for one in state.served:
            if one.problem is not None:
                message = f"{one.address} does not serve {one.name}: {one.problem}"
                code, where = "tls-unreachable", "spec.names"
                yield self.found(code, Severity.ERROR, message, where)

    def _wrong(self, state: TlsState) -> Iterator[Finding]:
        for one in _whole(state):
            if not one.matches:
                message = (
                    f"{one.address} serves a certificate that is not for {one.name}"
                )
                code, where = "tls-name-mismatch", "spec.names"
                yield self.found(code, Severity.CRITICAL, message, where)
            elif not one.trusted:
                message = (
                    f"{one.address} serves {one.name} with a chain that leads to no "
                    "trusted authority"
                )
                yield self.found("tls-untrusted", Severity.CRITICAL, message)

    def _ends(self, state: TlsState, now: datetime) -> Iterator[Finding]:
        """Yield the first end of each name, and where another one is served."""
        for name in self.spec.names:
            found = sorted(
                _whole(state, name), key=lambda one: (_end(one), one.address)
            )
            if not found:
                continue
            first, last = found[0], found[-1]
            if _end(last) - _end(first) >= timedelta(days=1):
                yield self._differ(first, last, now)
            elif (soon := self._soon(first, now)) is not None:
                yield soon

    def _differ(self, first: Served, last: Served, now: datetime) -> Finding:
        left = _end(first) - now
        message = (
            f"{first.address} serves a certificate that {_left(left)}, "
            f"{last.address} a newer one"
        )
        severity = Severity.CRITICAL if left <= _ERROR else Severity.ERROR
        return self.found("tls-addresses-differ", severity, message, "spec.names")

    def _soon(self, one: Served, now: datetime) -> Finding | None:
        left = _end(one) - now
        if left <= timedelta(0):
            message = f"{one.name}: the certificate at {one.address} {_left(left)}"
            code = "certificate-expired"
            return self.found(code, Severity.CRITICAL, message, lead="end/over")
        reached = [early for early in self.spec.warn_at if left <= early]
        if not reached:
            return None
        severity = Severity.WARNING
        if left <= _ERROR:
            severity = Severity.CRITICAL if left <= _CRITICAL else Severity.ERROR
        message = f"{one.name}: the certificate at {one.address} {_left(left)}"
        lead = f"end/{duration_text(min(reached))}"
        code, where = "certificate-expires", "spec.warnAt"
        return self.found(code, severity, message, where, lead)

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield the first end of what is served."""
        del now
        end = self.deadline(have)
        if end is not None:
            yield Due(end, self.kind, self.name, "certificate ends (observed only)")

    def deadline(self, have: Have) -> datetime | None:
        """Return when the first visitor meets an expired certificate."""
        state = have.get(TLS)
        if not isinstance(state, TlsState):
            return None
        return min(map(_end, _whole(state)), default=None)

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether it ends within a week."""
        return deadline - now <= _ERROR

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return the next moment at which time alone changes what is said."""
        state = have.get(TLS)
        ends = map(_end, _whole(state)) if isinstance(state, TlsState) else ()
        before = {*self.spec.warn_at, _ERROR, _CRITICAL, timedelta(0)}
        moments = (end - early for end in ends for early in before)
        return min((m for m in moments if m > now), default=None)


def _whole(state: TlsState, name: str | None = None) -> Iterator[Served]:
    """Yield what was served, of one name if given."""
    for one in state.served:
        if one.not_after is not None and name in {None, one.name}:
            yield one


def _end(one: Served) -> datetime:
    assert one.not_after is not None  # noqa: S101  (_whole leaves the others out)
    return one.not_after


def _left(left: timedelta) -> str:
    if left <= timedelta(0):
        return f"ended {-left.days} d ago"
    if left < timedelta(days=1):
        return f"ends in {int(left.total_seconds() // 3600)} h"
    return f"ends in {left.days} d"
