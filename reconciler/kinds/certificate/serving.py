"""What visitors meet, or soon will: findings about what is served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from reconciler.kinds.certificate.state import Kept, Served, TlsState, end
from reconciler.model import Finding, Severity, duration_text

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

CRITICAL: Final = timedelta(days=3)
ERROR: Final = timedelta(days=7)


def serving(
    want: Certificate, state: TlsState, warn_at: Sequence[timedelta], now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong at some address, or ends as soon as *warn_at* says."""
    yield from _unreachable(want, state)
    yield from _wrong(want, state)
    yield from _ends(want, state, warn_at, now)


def _unreachable(want: Certificate, state: TlsState) -> Iterator[Finding]:
    for name, why in sorted(state.unknown.items()):
        message = f"{name}: {why}"
        yield want.found("tls-no-address", Severity.WARNING, message, "spec.names")
    for one in state.served:
        if one.problem is not None:
            message = f"{one.address} does not serve {one.name}: {one.problem}"
            code, where = "tls-unreachable", "spec.names"
            yield want.found(code, Severity.ERROR, message, where)


def _wrong(want: Certificate, state: TlsState) -> Iterator[Finding]:
    for one in whole(state):
        if not one.matches:
            message = f"{one.address} serves a certificate that is not for {one.name}"
            code, where = "tls-name-mismatch", "spec.names"
            yield want.found(code, Severity.CRITICAL, message, where)
        elif not one.trusted:
            message = (
                f"{one.address} serves {one.name} with a chain that leads to no "
                "trusted authority"
            )
            yield want.found("tls-untrusted", Severity.CRITICAL, message)


def _ends(
    want: Certificate, state: TlsState, warn_at: Sequence[timedelta], now: datetime
) -> Iterator[Finding]:
    """Yield the first end of each name, and where another one is served."""
    for name in want.spec.names:
        found = sorted(whole(state, name), key=lambda one: (end(one), one.address))
        if not found:
            continue
        first, last = found[0], found[-1]
        if end(last) - end(first) >= timedelta(days=1):
            yield _differ(want, first, last, now)
        elif (soon := _soon(want, first, warn_at, now)) is not None:
            yield soon


def _differ(want: Certificate, first: Served, last: Served, now: datetime) -> Finding:
    left = end(first) - now
    message = (
        f"{first.address} serves a certificate that {left_text(left)}, "
        f"{last.address} a newer one"
    )
    severity = Severity.CRITICAL if left <= ERROR else Severity.ERROR
    return want.found("tls-addresses-differ", severity, message, "spec.names")


def _soon(
    want: Certificate, one: Served, warn_at: Sequence[timedelta], now: datetime
) -> Finding | None:
    left = end(one) - now
    if left <= timedelta(0):
        message = f"{one.name}: the certificate at {one.address} {left_text(left)}"
        code = "certificate-expired"
        return want.found(code, Severity.CRITICAL, message, lead="end/over")
    reached = [early for early in warn_at if left <= early]
    if not reached:
        return None
    severity = Severity.WARNING
    if left <= ERROR:
        severity = Severity.CRITICAL if left <= CRITICAL else Severity.ERROR
    message = f"{one.name}: the certificate at {one.address} {left_text(left)}"
    lead = f"end/{duration_text(min(reached))}"
    code, where = "certificate-expires", "spec.warnAt"
    return want.found(code, severity, message, where, lead)


def whole(state: TlsState, name: str | None = None) -> Iterator[Served]:
    """Yield what was served, of one name if given."""
    for one in state.served:
        if one.not_after is not None and name in {None, one.name}:
            yield one


def broken_chain(state: TlsState, kept: Kept) -> list[Served]:
    """
    Return where *kept* is served, and nobody can follow who signed it.

    Only where something else is served after it than was issued with it: to install it
    again helps there, and there alone.
    """
    return [
        one
        for one in whole(state)
        if one.fingerprint == kept.fingerprint
        and not one.trusted
        and None not in {one.chain, kept.chain}
        and one.chain != kept.chain
    ]


def left_text(left: timedelta) -> str:
    """Return how long it still is, or was."""
    if left <= timedelta(0):
        return f"ended {-left.days} d ago"
    if left < timedelta(days=1):
        return f"ends in {int(left.total_seconds() // 3600)} h"
    return f"ends in {left.days} d"
