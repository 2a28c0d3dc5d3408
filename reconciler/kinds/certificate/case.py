"""From what is wanted, kept and recorded to what a decision is made from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from reconciler.kinds.certificate.budget import Budgets, Later, Names, Ordered
from reconciler.kinds.certificate.decision import Case
from reconciler.kinds.certificate.failure import Attempt, Fault, Issuing, fault
from reconciler.kinds.certificate.memory import Order, orders
from reconciler.kinds.certificate.renewal import Ari, Lifetime, NoAri, Reason
from reconciler.kinds.certificate.state import IssuanceState, Kept
from reconciler.model import ISSUANCE, Have, Share

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

_WEEK = timedelta(days=7)


class Changed(NamedTuple):
    """In what a certificate is not the one that is wanted, and in words."""

    reason: Reason
    why: str


def case_of(want: Certificate, issued: IssuanceState) -> Case:
    """Return everything that decides about *want*."""
    kept, past = issued.kept, list(orders(want.recorded))
    whole = kept if kept is not None and kept.wrong is None else None
    names = frozenset(want.spec.names)
    proven = {name for one in past if one.issued for name in one.names}
    proven |= set(kept.names) if kept else set()
    return Case(
        uid=want.uid,
        names=names,
        life=Lifetime(whole.not_before, whole.not_after) if whole else None,
        issuers=tuple(_issuing(want)),
        issued_by=(kept.authority or "") if kept else "",
        revoked=issued.revoked is not None,
        changed=tuple(one.reason for one in changed(want, whole)) if whole else (),
        fresh=not names <= proven,
        ari=_advised(issued),
        renewal=want.spec.renewal,
        failover=want.spec.failover,
        attempts=tuple(_attempts(past)),
    )


def _issuing(want: Certificate) -> Iterator[Issuing]:
    staged = {one.name: one.staging for one in want.makings.authorities}
    for name in want.spec.issuers:
        yield Issuing(name, staged.get(name, False))


def changed(want: Certificate, kept: Kept) -> Iterator[Changed]:
    """Yield in what *kept* is not the one that is wanted."""
    spec = want.spec
    if sorted(kept.names) != sorted(spec.names):
        yield Changed(Reason.NAMES, "its names have changed")
    if kept.algorithm != spec.key.algorithm:
        yield Changed(Reason.KEY, "the kind of its key has changed")
    if kept.authority is not None and kept.authority not in spec.issuers:
        why = f"{kept.authority} is no issuer of it any more"
        yield Changed(Reason.ISSUER, why)
    required = spec.profile.require
    if required is not None and kept.profile != required:
        yield Changed(Reason.PROFILE, f"it has to be of the profile {required}")


def _advised(issued: IssuanceState) -> Ari | NoAri:
    one = issued.advised
    if one is None:
        return NoAri("")
    return Ari(one.start, one.end, one.seen, one.check)


def _attempts(past: Iterable[Order]) -> Iterator[Attempt]:
    """Yield the orders since the last certificate came of one."""
    since: list[Order] = []
    for one in past:
        since = [] if one.issued else [*since, one]
    for one in since:
        code = fault(one.failed) if one.failed else None
        yield Attempt(one.at, one.issuer, code, one.rehearsal, one.until)


def ordered(want: Certificate) -> Iterator[Ordered]:
    """Yield the orders of *want* that the limits of issuers count."""
    for one in orders(want.recorded):
        if one.rehearsal:
            continue
        names = frozenset(one.names)
        refused = one.failed is not None and fault(one.failed) is Fault.VALIDATION
        yield Ordered(
            one.at,
            one.issuer,
            names,
            replaces=one.replaced,
            issued=one.failed is None,
            failed=names if refused else frozenset(),
        )


class Allotted(Budgets):
    """
    What the issuers still allow for one certificate, as their accounts worked it out.

    They see all certificates; see ``allotment``.
    """

    def __init__(self, want: Certificate, have: Have) -> None:
        super().__init__((), {}, lambda name: name)
        self._want = want
        self._have = have

    def ask(
        self, issuer: str, names: Names, now: datetime, *, replaces: bool
    ) -> Later | None:
        """Return until when the account of *issuer* said it would be refused."""
        del names
        state = self._have.get(Share(issuer, ISSUANCE))
        if replaces or not isinstance(state, IssuanceState):
            return None
        if state.affordable is None or state.affordable <= now:
            return None
        return Later(state.affordable, state.why_not or "no more for now")

    def lately(self, names: Names, before: datetime, within: timedelta = _WEEK) -> int:
        """Return how often it was issued *within* so long before *before*."""
        return sum(
            one.issued
            and frozenset(one.names) == names
            and before - within <= one.at < before
            for one in orders(self._want.recorded)
        )
