"""
The books of the gateways, once a day: when, what is remembered, and what is said of it.

A run compares what gateways took with the records, and keeps what differed in the
record of the account. Every plan says it again until a later comparison does not: it
is a fact, and nobody has to have been there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.audit import Ledger, Note
from reconciler.engine.carry_out import remembered
from reconciler.engine.heirs import Past
from reconciler.engine.memory import ACCOUNT
from reconciler.model import AnyResource, Finding, Severity

#: What the comparison is kept under, in the record of its account.
FACT: Final = "books"
#: So often; a little less than a day, because no schedule is on time.
EVERY: Final = timedelta(hours=20)
#: What is only said where somebody asks for it.
_QUIET: Final = frozenset({Severity.INFO})


class Said(NamedTuple):
    """Something to be said about one resource, until the next comparison."""

    code: str
    severity: Severity
    kind: str
    uid: str
    name: str
    message: str


def due(ledger: Ledger, account: str, now: datetime) -> bool:
    """Say whether the books of *account* are to be compared now."""
    fact = ledger.record(ACCOUNT, account).facts.get(FACT)
    if not isinstance(fact, dict):
        return True
    return now - datetime.fromisoformat(str(fact["at"])) >= EVERY


def note(account: str, at: datetime, said: Sequence[Said], captures: int) -> Note:
    """Return the note that the books of *account* were compared."""
    kept: list[JsonValue] = [
        {**one._asdict(), "severity": str(one.severity)}
        for one in said
        if one.severity not in _QUIET
    ]
    fact: JsonValue = {"at": at.isoformat(), "captures": captures, "said": kept}
    return remembered("books", ACCOUNT, account, {FACT: fact})


def recorded(
    past: Past, wants: Iterable[AnyResource], whole: Callable[[], bool]
) -> Iterator[Finding]:
    """
    Yield what the last comparison of every account found, where it is written.

    Args:
        past: Returns every record of a kind.
        wants: The resources that a plan is about.
        whole: Says whether it is about all there are: a part is told nothing of others.
    """
    by_uid = {(want.kind, want.uid): want for want in wants}
    for one in past(ACCOUNT) if by_uid else ():
        fact = one.facts.get(FACT)
        rows = fact.get("said") if isinstance(fact, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            want = by_uid.get((str(row["kind"]), str(row["uid"])))
            if want is not None or whole():
                yield _finding(row, want)


def _finding(row: Mapping[str, JsonValue], want: AnyResource | None) -> Finding:
    code, message = str(row["code"]), str(row["message"])
    severity = Severity(str(row["severity"]))
    if want is not None:
        return want.found(code, severity, message, "customer")
    name = str(row["name"] or row["uid"])
    return Finding(code, severity, str(row["kind"]), name, message)
