"""CAA records: whether an authority may issue for a name (RFC 8659, RFC 8657)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

_CRITICAL: Final = 128 | 1  # the bit with value 1 is a widespread misreading of 128
_KNOWN: Final = frozenset({"issue", "issuewild", "iodef", "issuemail", "issuevmc"})
_ROW: Final = re.compile(r'(\d+)\s+(\w+)\s+"?([^"]*)"?')


class Asker(NamedTuple):
    """
    Who wants to issue, for whom, and by which proof.

    Attributes:
        identities: The authority's names.
        account: The URL of the account.
        method: The challenge, as in ``dns-01``.
    """

    identities: Sequence[str]
    account: str
    method: str


def forbidding(
    look: Callable[[str, str], list[str] | None], name: str, asker: Asker
) -> str:
    """
    Return the name whose records forbid a certificate; empty where none does.

    Climbs from the name to its top-level domain; the first that has any records
    decides. Whatever *look* raises goes through: what cannot be read is no consent.
    """
    labels = name.removeprefix("*.").split(".")
    for at in range(len(labels)):
        here = ".".join(labels[at:])
        rows = look(here, "CAA")
        if rows:
            allowed = _allow(rows, asker, wildcard=name.startswith("*."))
            return "" if allowed else here
    return ""


def _allow(rows: Sequence[str], asker: Asker, *, wildcard: bool) -> bool:
    found = [match.groups() for row in rows if (match := _ROW.fullmatch(row.strip()))]
    if any(int(f) & _CRITICAL and tag.lower() not in _KNOWN for f, tag, _ in found):
        return False
    values = {
        kind: [value for _, tag, value in found if tag.lower() == kind]
        for kind in ("issue", "issuewild")
    }
    relevant = (
        values["issuewild"] if wildcard and values["issuewild"] else values["issue"]
    )
    return not relevant or any(_names(value, asker) for value in relevant)


def _names(value: str, asker: Asker) -> bool:
    """Whether one record lets this authority issue for this account so."""
    issuer, *parts = (part.strip() for part in value.split(";"))
    if issuer not in asker.identities:
        return False
    given: dict[str, str] = {}
    for part in parts:
        tag, equals, said = (one.strip() for one in part.partition("="))
        if not tag and len(parts) == 1:
            break
        if not equals or tag in given:
            return False  # cannot be read, or said twice: it allows nothing
        given[tag] = said
    if given.get("accounturi", asker.account) != asker.account:
        return False
    methods = given.get("validationmethods", asker.method).split(",")
    return asker.method in [one.strip() for one in methods]
