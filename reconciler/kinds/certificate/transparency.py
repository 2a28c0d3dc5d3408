"""
Whether somebody else had a certificate signed for its names. Pure.

Every publicly trusted certificate is in the public logs (RFC 9162). One that is for a
name of ours, was issued after we began to order and has neither a key nor a fingerprint
that we know was asked for by somebody who can prove the name: a colleague, a panel that
renews by itself, or whoever took the name over. Only of what is ordered here is that
known: who lets others issue knows none of the keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, JsonValue

from reconciler.kinds.certificate.state import InstalledState, IssuanceState, Kept
from reconciler.model import (
    TRANSPARENCY,
    Finding,
    Frozen,
    Have,
    Severity,
    Share,
    State,
)

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: Whoever reads the public logs; only where an account is declared for it.
CT: Final = Share(TRANSPARENCY, "ct")
#: Authorities date a certificate back, so that clocks that are late take it.
_DATED_BACK: Final = timedelta(hours=2)
_KNOWN: Final = "known"
_SINCE: Final = "ordered_since"


class Logged(Frozen):
    """
    One certificate that a log has.

    Attributes:
        names: What it is good for, in lower case.
        issuer: Who signed it, as people call them.
        fingerprint: SHA-256 of it, in hex, or of what was logged before it was issued.
        spki: SHA-256 of its public key, in hex.
    """

    names: tuple[str, ...]
    issuer: str
    fingerprint: str
    spki: str
    not_before: AwareDatetime
    not_after: AwareDatetime


class TransparencyState(State):
    """What the logs have for a name of the certificate, and has not ended."""

    seen: AwareDatetime
    logged: tuple[Logged, ...] = ()


def strangers(want: Certificate, have: Have, now: datetime) -> Iterator[Finding]:
    """Yield each certificate that nobody here ordered."""
    state, since = have.get(CT), want.recorded.get(_SINCE)
    if not isinstance(state, TransparencyState) or not isinstance(since, str):
        return
    begun = datetime.fromisoformat(since) - _DATED_BACK
    ours = _ours(want, have)
    for one in sorted(state.logged, key=lambda one: (one.not_before, one.fingerprint)):
        old = one.not_before < begun or one.not_after <= now
        if old or {one.fingerprint, one.spki} & ours:
            continue
        name = next((n for n in want.spec.names if n in one.names), one.names[0])
        message = (
            f"{one.issuer} issued a certificate for {name} on "
            f"{one.not_before:%Y-%m-%d} that was not ordered here "
            f"({one.fingerprint[:8]}): if nobody of yours did, have it revoked, and "
            "look who can change the DNS and the web site"
        )
        code, where = "ct-unknown-issuance", "spec.names"
        about = one.fingerprint
        yield want.found(code, Severity.ERROR, message, where, about=about)


def _ours(want: Certificate, have: Have) -> set[str]:
    """
    Return the fingerprints and keys of what was issued here, or is installed.

    What is only served is no proof: somebody else may serve it.
    """
    rows = want.recorded.get(_KNOWN)
    found = {
        str(row.get(key))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
        for key in ("fingerprint", "spki")
    }
    for state in have.values():
        if isinstance(state, IssuanceState) and state.kept is not None:
            found |= {state.kept.fingerprint, state.kept.spki}
        if isinstance(state, InstalledState):
            found |= {str(site.fingerprint) for site in state.sites.values()}
    return found - {"None"}


def known(
    recorded: Mapping[str, JsonValue], kept: Kept, at: datetime
) -> dict[str, JsonValue]:
    """Return the facts that tell ours from others', with *kept*, issued *at*."""
    old = recorded.get(_KNOWN)
    rows = [
        row
        for row in (old if isinstance(old, list) else ())
        if isinstance(row, dict)
        and datetime.fromisoformat(str(row.get("until"))) > at
        and row.get("fingerprint") != kept.fingerprint
    ]
    new: dict[str, JsonValue] = {
        "fingerprint": kept.fingerprint,
        "spki": kept.spki,
        "until": kept.not_after.isoformat(),
    }
    since = recorded.get(_SINCE) or at.isoformat()
    return {_KNOWN: [*rows, new], _SINCE: since}
