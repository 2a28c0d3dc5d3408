"""Whether a certificate has to be ordered now, and from whom. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import JsonValue

from reconciler.kinds.certificate.changes import Issue, Renew
from reconciler.kinds.certificate.state import IssuanceState, Kept
from reconciler.model import ISSUANCE, FieldChange, Have, Share

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

_SHORT_LIFE = timedelta(days=10)


def next_order(
    want: Certificate, issued: IssuanceState, have: Have, now: datetime
) -> Issue | Renew | None:
    """Return the order that is needed, now or not before a time that is known."""
    kept = issued.kept
    why = _why_another(want, kept)
    if why is not None:
        return _issue(want, kept, why, have)
    assert kept is not None  # noqa: S101  (without one there is a why)
    part = 2 if kept.life < _SHORT_LIFE else 3
    at = kept.not_after - kept.life / part
    if issued.revoked is None and now < at:
        return None
    return _renew(want, issued, kept, "its renewal is due", have)


def _why_another(want: Certificate, kept: Kept | None) -> str | None:
    """Say why what is kept is not what is wanted."""
    if kept is None:
        return "was never issued"
    if sorted(kept.names) != sorted(want.spec.names):
        return "its names have changed"
    if kept.wrong is not None:
        return kept.wrong
    if kept.algorithm != want.spec.key.algorithm:
        return "the kind of its key has changed"
    if kept.authority is not None and kept.authority not in want.spec.issuers:
        return f"{kept.authority} is no issuer of it any more"
    required = want.spec.profile.require
    if required is not None and kept.profile != required:
        return f"it has to be of the profile {required}"
    return None


def _details(
    want: Certificate, kept: Kept | None, issuer: str, have: Have
) -> dict[str, JsonValue]:
    state = have.get(Share(issuer, ISSUANCE))
    advised = isinstance(state, IssuanceState) and state.advised is not None
    of_it = kept is not None and kept.authority == issuer
    profile = want.spec.profile
    found: dict[str, JsonValue] = {
        "issuer": issuer,
        "names": list(want.spec.names),
        "algorithm": want.spec.key.algorithm,
        "serial": kept.serial if kept else None,
    }
    wanted = [profile.require] if profile.require else list(profile.prefer)
    if wanted:
        found["profile"] = list[JsonValue](wanted)
    if profile.require:
        found["required"] = True
    if kept is not None and of_it and advised and kept.ari:
        found["replaces"] = kept.ari
    return found


def _issue(want: Certificate, kept: Kept | None, why: str, have: Have) -> Issue:
    issuer = want.spec.issuers[0]
    details = _details(want, kept, issuer, have)
    names = tuple(want.spec.names)
    if kept is not None:
        loses = [name for name in kept.names if name not in names]
        details |= {"loses": list[JsonValue](loses)} if loses else {}
    return Issue(
        share=Share(issuer, ISSUANCE),
        fields=(
            FieldChange(
                field="names", before=kept.names if kept else None, after=names
            ),
        ),
        because=why,
        due=kept.not_after if kept else None,
        details=details,
    )


def _renew(
    want: Certificate, issued: IssuanceState, kept: Kept, why: str, have: Have
) -> Renew:
    issuer = want.spec.issuers[0]
    until = f"{kept.not_after:%Y-%m-%d}"
    return Renew(
        share=Share(issuer, ISSUANCE),
        fields=(FieldChange(field="until", before=until, after="renewed"),),
        because="was revoked" if issued.revoked else why,
        generation=f"{kept.serial}",
        due=kept.not_after,
        details=_details(want, kept, issuer, have),
    )
