"""What the record keeps: orders (for budgets and pauses) and installations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import JsonValue, ValidationError

from reconciler.kinds.certificate.changes import Changes, Install, Issue, Renew
from reconciler.kinds.certificate.renewal import part
from reconciler.kinds.certificate.state import InstalledState, IssuanceState, Kept
from reconciler.kinds.certificate.transparency import known
from reconciler.model import Ended, Have

if TYPE_CHECKING:
    from reconciler.kinds.certificate.certificate import Certificate

#: So many orders are remembered of one certificate: more than any limit counts.
KEPT: Final = 60
_ORDERS: Final = "orders"
#: Verb -> the fact that it was done at a place.
_PLACED: Final = {"install": "installed", "reload": "reloaded", "check": "checked"}


class Order(NamedTuple):
    """
    One order that came to an end, as the record has it.

    Attributes:
        names: What it was for.
        failed: The kind of its failure (the ACME error type, or a word of ours:
            ``unreachable`` where the authority was not reached, ``propagation`` where
            it was not asked to look yet); None where it was issued.
        until: The authority takes no other before then.
        replaced: It replaced an older one by its ARI identifier.
        rehearsal: It was at the staging directory.
    """

    at: datetime
    issuer: str
    names: tuple[str, ...]
    failed: str | None = None
    until: datetime | None = None
    replaced: bool = False
    rehearsal: bool = False

    @property
    def issued(self) -> bool:
        """Whether a certificate came of it."""
        return self.failed is None and not self.rehearsal


def orders(recorded: Mapping[str, JsonValue]) -> Iterator[Order]:
    """Yield the orders of one certificate, the oldest first."""
    rows = recorded.get(_ORDERS)
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        names, until, failed = row.get("names"), row.get("until"), row.get("failed")
        yield Order(
            datetime.fromisoformat(str(row["at"])),
            str(row.get("issuer")),
            tuple(map(str, names)) if isinstance(names, list) else (),
            str(failed) if failed else None,
            datetime.fromisoformat(str(until)) if until else None,
            bool(row.get("replaced")),
            bool(row.get("rehearsal")),
        )


def lost(want: Certificate, issued: IssuanceState, now: datetime) -> Kept | None:
    """
    Return what the record says was issued, and the key store does not have.

    Another machine, or an empty disk: not a reason to order everything anew. None
    where the store has something, or what it had is at its emergency anyway.
    """
    if issued.kept is not None or issued.began is not None:
        return None
    try:
        found = Kept.model_validate(want.recorded.get("issued"))
    except ValidationError:
        return None
    left = part(found.life, want.spec.renewal.emergency)
    return found if found.not_after - left > now else None


def refused(recorded: Mapping[str, JsonValue], mark: str) -> str | None:
    """
    Return why the last installation at a place failed; None where it did not.

    It may be empty: nothing is known of it but that it failed.
    """
    failed, done = recorded.get(f"refused/{mark}"), recorded.get(f"installed/{mark}")
    if not isinstance(failed, dict):
        return None
    if isinstance(done, dict) and str(done.get("at")) >= str(failed.get("at")):
        return None
    return str(failed.get("reason") or "")


def remembered(
    want: Certificate, change: Changes, ended: Ended, have: Have
) -> Mapping[str, JsonValue]:
    """Return the facts that are recorded together with how *change* ended."""
    if isinstance(change, (Issue, Renew)):
        return _ordered(want, change, ended, have)
    word = _PLACED.get(change.verb)
    mark, at = str(change.details.get("mark")), ended.at.isoformat()
    if isinstance(change, Install) and ended.status == "failed":
        reason = str(ended.evidence.get("reason") or "")
        return {f"refused/{mark}": {"at": at, "reason": reason}}
    if word is None or ended.status != "applied":
        return {}
    found: dict[str, JsonValue] = {"at": at, **_short(ended)}
    state = have.get(change.share)
    site = state.sites.get(mark) if isinstance(state, InstalledState) else None
    if isinstance(change, Install) and site is not None and site.fingerprint:
        found["fingerprint"] = site.fingerprint
    return {f"{word}/{mark}": found}


def _ordered(
    want: Certificate, change: Issue | Renew, ended: Ended, have: Have
) -> Mapping[str, JsonValue]:
    """Return the orders with this one; the public part of what was issued."""
    old = want.recorded.get(_ORDERS)
    rows: list[JsonValue] = list(old) if isinstance(old, list) else []
    said = ended.evidence
    # What a run that died had begun is nobody's failure: the next one goes on with it.
    refused = ended.status == "failed" and not said.get("not_sent")
    if ended.status == "applied" or refused or said.get("reason"):
        row: dict[str, JsonValue] = {
            "at": ended.at.isoformat(),
            "issuer": str(change.details.get("issuer")),
            "names": change.details.get("names"),
        }
        if ended.status != "applied":
            row["failed"] = str(said.get("reason") or "unreachable")
        if until := said.get("not_before"):
            row["until"] = until
        if ended.status == "applied" and change.details.get("replaces"):
            row["replaced"] = True
        if said.get("rehearsal"):
            row["rehearsal"] = True
        rows = [*rows, row][-KEPT:]
    facts: dict[str, JsonValue] = {_ORDERS: rows}
    state = have.get(change.share)
    kept = state.kept if isinstance(state, IssuanceState) else None
    if ended.status == "applied" and kept is not None:
        facts["issued"] = kept.model_dump(mode="json", exclude_none=True)
        facts |= known(want.recorded, kept, ended.at)
    return facts


def _short(ended: Ended) -> dict[str, JsonValue]:
    keep = ("fingerprint", "arn", "reference")
    return {key: ended.evidence[key] for key in keep if key in ended.evidence}
