"""Whether a certificate has to be ordered now, and from whom. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from pydantic import JsonValue

from reconciler.kinds.certificate.case import Allotted, case_of, changed
from reconciler.kinds.certificate.changes import Issue, Renew
from reconciler.kinds.certificate.decision import Decision, Hold, decide
from reconciler.kinds.certificate.memory import lost
from reconciler.kinds.certificate.renewal import Reason
from reconciler.kinds.certificate.state import IssuanceState, Kept
from reconciler.model import ISSUANCE, FieldChange, Have, Share

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: What is another certificate, and not the same again.
_OTHERS: Final = frozenset(
    {Reason.MISSING, Reason.NAMES, Reason.ISSUER, Reason.PROFILE, Reason.KEY}
)
_SHORT: Final = 8
_WORDS: Final = {
    Reason.MISSING: "was never issued",
    Reason.REVOKED: "was revoked",
    Reason.EXPIRED: "has ended",
    Reason.EMERGENCY: "nearly nothing of its lifetime is left",
    Reason.ARI: "its issuer says it is time",
    Reason.REMAINING: "so little of its lifetime is left as is wanted",
    Reason.FRACTION: "its renewal is due",
}


def decided(
    want: Certificate, issued: IssuanceState, have: Have, now: datetime
) -> Decision:
    """Return what is to be done about it now, or until when nothing is."""
    return decide(case_of(want, issued), Allotted(want, have), now)


def next_order(
    want: Certificate, issued: IssuanceState, have: Have, now: datetime
) -> Issue | Renew | None:
    """
    Return the order that is needed, now or not before a time that is known.

    What is not due yet is no order; what is due and has to wait is one.
    """
    found = decided(want, issued, have, now)
    if found.wait is not None and found.wait.hold is Hold.TIME:
        return None
    kept = issued.kept
    if kept is None or kept.wrong or found.reason in _OTHERS:
        gone = lost(want, issued, now)
        return _issue(want, kept, found, _is_gone(gone) if gone else None)
    return _renew(want, kept, found)


def _because(want: Certificate, kept: Kept | None, found: Decision) -> str:
    why = _WORDS.get(found.reason, "")
    if kept is not None and kept.wrong:
        why = kept.wrong
    elif kept is not None and found.reason in _OTHERS:
        why = next((one.why for one in changed(want, kept)), why)
    waits = f"; {found.wait.why}" if found.wait and found.wait.why else ""
    notes = "".join(f"; {note}" for note in found.notes)
    return f"{why}{waits}{notes}"


def _details(
    want: Certificate, kept: Kept | None, found: Decision
) -> dict[str, JsonValue]:
    profile = want.spec.profile
    details: dict[str, JsonValue] = {
        "issuer": found.issuer,
        "names": list(want.spec.names),
        "algorithm": want.spec.key.algorithm,
        "serial": kept.serial if kept else None,
    }
    wanted = [profile.require] if profile.require else list(profile.prefer)
    if wanted:
        details["profile"] = list[JsonValue](wanted)
    if profile.require:
        details["required"] = True
    if found.rehearsal:
        details["rehearse"] = True
    if kept is not None and kept.ari and found.replaces:
        details["replaces"] = kept.ari
    return details


def _is_gone(known: Kept) -> str:
    return (
        f"the key store is empty, and {known.fingerprint[:_SHORT]} was issued, good to "
        f"{known.not_after:%Y-%m-%d}: is this the machine with the keys?"
    )


def _issue(
    want: Certificate, kept: Kept | None, found: Decision, hold: str | None
) -> Issue:
    details = _details(want, kept, found)
    names = tuple(want.spec.names)
    if kept is not None:
        loses = [name for name in kept.names if name not in names]
        details |= {"loses": list[JsonValue](loses)} if loses else {}
    return Issue(
        share=Share(found.issuer, ISSUANCE),
        fields=(
            FieldChange(
                field="names", before=kept.names if kept else None, after=names
            ),
        ),
        because=_because(want, kept, found),
        due=kept.not_after if kept else None,
        hold=hold,
        not_before=found.wait.until if found.wait else None,
        details=details,
    )


def _renew(want: Certificate, kept: Kept, found: Decision) -> Renew:
    until = f"{kept.not_after:%Y-%m-%d}"
    return Renew(
        share=Share(found.issuer, ISSUANCE),
        fields=(FieldChange(field="until", before=until, after="renewed"),),
        because=_because(want, kept, found),
        generation=kept.serial,
        due=kept.not_after,
        not_before=found.wait.until if found.wait else None,
        details=_details(want, kept, found),
    )
