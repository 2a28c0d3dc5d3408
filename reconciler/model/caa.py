"""
What CAA records allow: who may issue a certificate for a name. Pure.

Sources: RFC 8659 (4.2 ``issue``, 4.3 ``issuewild``, 4.5 the critical flag) and RFC 8657
(``accounturi``, ``validationmethods``). The records are those of the closest name
upwards that has any; finding that one is left to whoever asks the DNS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

ISSUE: Final = "issue"
WILD: Final = "issuewild"
_ROW: Final = re.compile(r'(\d{1,3})\s+([A-Za-z0-9]+)\s+"?((?:[^"\\]|\\.)*)"?')
_CRITICAL: Final = 128
_KNOWN: Final = frozenset(
    {ISSUE, WILD, "iodef", "contactemail", "contactphone", "issuemail", "issuevmc"}
)


class Entry(NamedTuple):
    """One record: its property, in lower case, and what that says."""

    tag: str
    value: str
    critical: bool = False


class Asked(NamedTuple):
    """
    What an authority is asked for.

    Attributes:
        authority: The names by which CAA records allow it.
        wild: For a wildcard.
        method: How the name is proven, as in ``dns-01``; None where nobody knows.
        account: The URL of the account at the authority; None where nobody knows it.
    """

    authority: frozenset[str]
    wild: bool = False
    method: str | None = None
    account: str | None = None


def entries(rows: Iterable[str]) -> list[Entry]:
    """Return the records that *rows* (in zone-file notation) can be read as."""
    found = (_ROW.fullmatch(row.strip()) for row in rows)
    return [
        Entry(one[2].lower(), one[3], bool(int(one[1]) & _CRITICAL))
        for one in found
        if one is not None
    ]


def forbids(known: Sequence[Entry], asked: Asked) -> str | None:
    """
    Return why *known* do not allow what is *asked*; None where they do.

    What depends on something that nobody knows here is not called forbidden.
    """
    strange = next((e.tag for e in known if e.critical and e.tag not in _KNOWN), None)
    if strange is not None:
        return f"a critical property {strange} that no authority knows"
    rules = relevant(known, wild=asked.wild)
    if not rules:
        return None
    why: list[str] = []
    others: set[str] = set()
    for rule in rules:
        who, given = _parts(rule.value)
        if who.lower() not in asked.authority:
            others.add(who.lower())
            continue
        unfit = _unfit(given, asked)
        if unfit is None:
            return None
        why.append(unfit)
    if why:
        return f"it is allowed only {why[0]}"
    named = ", ".join(sorted(others - {""}))
    return f"they allow only {named}" if named else "they allow nobody"


def relevant(known: Sequence[Entry], *, wild: bool) -> list[Entry]:
    """Return the records that decide: of a wildcard its own, where there are any."""
    own = [one for one in known if one.tag == WILD] if wild else []
    return own or [one for one in known if one.tag == ISSUE]


def remedy(known: Sequence[Entry], asked: Asked) -> str:
    """Return the record to add, so that what is *asked* is allowed."""
    rules = relevant(known, wild=asked.wild)
    tag = WILD if rules and rules[0].tag == WILD else ISSUE
    return f'CAA 0 {tag} "{min(asked.authority)}"'


def _unfit(given: Sequence[tuple[str, str]], asked: Asked) -> str | None:
    """Say which condition of a record that names the authority is not met."""
    accounts = [value for tag, value in given if tag == "accounturi"]
    if len(accounts) > 1:
        return "for two accounts at once, which none is"
    if accounts and asked.account is not None and accounts[0] != asked.account:
        return f"for the account {accounts[0]}"
    methods = [value for tag, value in given if tag == "validationmethods"]
    if methods and asked.method is not None:
        allowed = {one.strip().lower() for one in methods[0].split(",")}
        if asked.method not in allowed:
            return f"by {', '.join(sorted(allowed))}"
    return None


def _parts(value: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the issuer's name and the parameters of a property."""
    who, *rest = (part.strip() for part in value.split(";"))
    pairs = (part.partition("=") for part in rest if part)
    return who, [(tag.strip().lower(), said.strip()) for tag, _, said in pairs]
