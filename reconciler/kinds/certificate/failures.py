"""Why no certificate came of the last orders: one finding for each cause. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from reconciler.kinds.certificate.failure import Fault, fault
from reconciler.kinds.certificate.memory import Order, orders
from reconciler.model import Finding, Severity

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate


class _Cause(NamedTuple):
    """
    One kind of cause.

    Attributes:
        says: What is the matter; ``{issuer}`` and ``{caa}`` are the authority's names.
        mends: Whether it may pass by itself: it is a warning the first time.
    """

    code: str
    says: str
    mends: bool = False


_DOWN: Final = _Cause("issuer-fails", "{issuer} does not do its work", mends=True)
_VALIDATION: Final = _Cause(
    "validation-failed", "{issuer} looked and did not find the proof"
)
_OTHER: Final = _Cause("order-failed", "{issuer} refused it", mends=True)
_BY_FAULT: Final = {
    Fault.ISSUER: _DOWN,
    Fault.LIMIT: _Cause(
        "issuer-limit", "{issuer} takes no more orders for it for now", mends=True
    ),
    Fault.PAUSED: _Cause(
        "issuer-paused", "{issuer} takes no order until a person lifts that there"
    ),
    Fault.VALIDATION: _VALIDATION,
    Fault.PROPAGATION: _Cause(
        "challenge-not-shown",
        "the proof was not shown by all servers of its zone in time, and {issuer} was "
        "not told to look",
        mends=True,
    ),
}
_BY_WORD: Final = {
    "caa": _Cause(
        "caa-forbids-order",
        'its CAA records do not allow {issuer}; add to its zone: CAA 0 {tag} "{caa}"',
    ),
    "key-store": _Cause("key-store-fails", "its key store does not keep it"),
    "dns": _Cause("issuer-cannot-resolve", "{issuer} cannot look its names up"),
}


def failures(want: Certificate) -> Iterator[Finding]:
    """Yield why the last orders failed, since the last that did not."""
    failed: list[Order] = []
    for one in reversed([one for one in orders(want.recorded) if not one.rehearsal]):
        if one.failed is None:
            break
        failed.append(one)
    if not failed:
        return
    last, word = failed[0], str(failed[0].failed)
    cause = _BY_WORD.get(word) or _BY_FAULT.get(fault(word), _OTHER)
    said = cause.says.format(
        issuer=last.issuer, caa=_called(want, last.issuer), tag=_tag(last)
    )
    times = "once" if len(failed) == 1 else f"{len(failed)} times"
    message = f"{said} ({times}, last on {last.at:%Y-%m-%d %H:%M}: {last.failed})"
    first = cause.mends and len(failed) == 1
    severity = Severity.WARNING if first else Severity.ERROR
    yield want.found(cause.code, severity, message, "spec.issuers")


def _called(want: Certificate, issuer: str) -> str:
    """Return the name of *issuer* in CAA records."""
    known = (one.caa for one in want.makings.authorities if one.name == issuer)
    return next((names[0] for names in known if names), issuer)


def _tag(order: Order) -> str:
    wild = all(name.startswith("*.") for name in order.names)
    return "issuewild" if wild else "issue"
