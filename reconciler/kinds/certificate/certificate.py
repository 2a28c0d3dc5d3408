"""A TLS certificate: issued, installed and served, and each of the three by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import JsonValue, field_validator

from reconciler.kinds.certificate import surface
from reconciler.kinds.certificate.changes import (
    Changes,
    Check,
    Install,
    Issue,
    Reload,
    Renew,
)
from reconciler.kinds.certificate.findings import findings
from reconciler.kinds.certificate.issuing import ISSUING, IssuingState, refusals
from reconciler.kinds.certificate.memory import remembered
from reconciler.kinds.certificate.outlook import due, first_end, quiet_until
from reconciler.kinds.certificate.serving import ERROR
from reconciler.kinds.certificate.spec import CertificateSpec
from reconciler.kinds.certificate.state import (
    BOUGHT,
    TLS,
    InstalledState,
    IssuanceState,
    TlsState,
)
from reconciler.kinds.certificate.steps import done, steps
from reconciler.kinds.certificate.story import story
from reconciler.kinds.certificate.surface import CHECKS, SURFACE, SurfaceState
from reconciler.kinds.certificate.transparency import (
    CT,
    TransparencyState,
    strangers,
)
from reconciler.model import (
    ISSUANCE,
    Chapter,
    Due,
    Ended,
    Finding,
    Have,
    Share,
    State,
    Unknown,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource


class Certificate(Resource[Changes]):
    """A certificate that must be served, whole and in time, wherever its names lead."""

    kind: ClassVar[str] = "Certificate"
    changes: ClassVar[tuple[type[Changes], ...]] = (
        Issue,
        Renew,
        Install,
        Reload,
        Check,
    )
    states: ClassVar[Mapping[str, type[State]]] = {
        TLS.family: TlsState,
        ISSUANCE: IssuanceState,
        "install": InstalledState,
        "acm": InstalledState,
        "bucket": InstalledState,
        "secret": InstalledState,
        SURFACE.family: SurfaceState,
        ISSUING.family: IssuingState,
        CT.family: TransparencyState,
    }
    checks: ClassVar[Mapping[str, str]] = CHECKS
    recalls: ClassVar[bool] = True
    spec: CertificateSpec

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        """Take a name in its own script, as a domain's: the same name, one spelling."""
        match raw:
            case {"name": str() as name} if not name.isascii():
                return {**raw, "name": to_ascii(name)}
        return raw

    def issuances(self) -> tuple[Share, ...]:
        """Return who may sign it, in order; of what was bought, where it is kept."""
        if self.spec.mode == "import":
            return (BOUGHT,)
        return tuple(Share(name, ISSUANCE) for name in self.spec.issuers)

    def shares(self) -> tuple[Share, ...]:
        """Return its issuers and the accounts it is installed at."""
        places = (place.share for place in self.makings.places)
        return tuple(dict.fromkeys((*self.issuances(), *places)))

    def witnesses(self) -> tuple[Share, ...]:
        """Return who looks at what is served, and at what else anyone can see."""
        scan = () if self.spec.scan == "off" else (SURFACE,)
        ordered = (ISSUING, CT) if self.spec.mode == "acme" else ()
        return (TLS, *scan, *ordered)

    def relies_on(self, witness: Share) -> bool:
        """Say that nothing but a look tells what is served; others are beside it."""
        return witness not in {SURFACE, ISSUING, CT}

    def diff(self, have: Have, now: datetime) -> Iterator[Changes]:
        """Yield what is missing on the way from issued over installed to served."""
        return steps(self, have, now)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what visitors meet, or soon will, and what stands in the way."""
        yield from findings(self, have, now)
        yield from refusals(self, have, now)
        yield from strangers(self, have, now)
        yield from surface.seen(self, have, now)

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield when it is renewed, and when what is served ends."""
        return due(self, have, now)

    def done(self, change: Changes, have: Have) -> bool | None:
        """Say whether *have* shows that *change* took effect."""
        return done(self, change, have)

    def remembers(
        self, change: Changes, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what the record keeps of an order or an installation."""
        return remembered(self, change, ended, have)

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield the three states, and what comes next."""
        return story(self, have, now)

    def deadline(self, have: Have) -> datetime | None:
        """Return when the first visitor meets an expired certificate."""
        return first_end(have)

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether it ends within a week, or within half of its life."""
        return deadline - now <= ERROR

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return the next moment at which time alone changes what is said."""
        return quiet_until(self, have, now)

    def issued(self, have: Have) -> IssuanceState | Unknown | None:
        """
        Return what is kept, with what its own authority says of it.

        Unknown where a store or an account could not be read; None where nothing of
        it is issued here.
        """
        states = [have.get(share) for share in self.issuances()]
        known = [one for one in states if isinstance(one, IssuanceState)]
        lost = [one for one in states if isinstance(one, Unknown)]
        if not known:
            return lost[0] if lost else None
        kept = next((one.kept for one in known if one.kept), None)
        for share, one in zip(self.issuances(), states, strict=True):
            of_it = kept is not None and kept.authority == share.provider
            if of_it and isinstance(one, IssuanceState):
                return one
        return known[0]
