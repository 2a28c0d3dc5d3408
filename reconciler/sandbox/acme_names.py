"""Names that are asked for: which are refused, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any, Final

import idna

from reconciler.sandbox.acme_words import Problem, Row, malformed

_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63
_MOST_LABELS: Final = 10
_LETTERS: Final = re.compile(r"[a-z0-9.-]*")


def asked(identifiers: Any) -> list[str]:
    """
    Return the names of an order: lower case, each once, sorted.

    Raises:
        Problem: There is none, or not all can be.
    """
    if not isinstance(identifiers, list) or not identifiers:
        raise malformed("NewOrder request did not specify any identifiers")
    names = sorted({_plain(one) for one in identifiers})
    wrong = [(name, said) for name in names if (said := trouble(name))]
    if wrong:
        raise _refusal(wrong)
    for name in names:
        parent = "*." + name.partition(".")[2]
        if not name.startswith("*.") and parent in names:
            raise malformed(
                f'Domain name "{name}" is redundant with a wildcard domain in the same '
                "request. Remove one or the other from the certificate request."
            )
    return names


def _plain(identifier: Any) -> str:
    match identifier:
        case {"type": "dns", "value": str() as value} if value:
            return value.lower()
        case {"type": "dns"}:
            raise malformed("NewOrder request included empty identifier")
        case {"type": kind, "value": value}:
            raise Problem(
                "unsupportedIdentifier",
                "NewOrder request included unsupported identifier: "
                f'type "{kind}", value "{value}"',
            )
        case _:
            raise malformed("Unable to unmarshal NewOrder request body")


def _refusal(wrong: Sequence[tuple[str, str]]) -> Problem:
    """Return one problem of all names that are refused (RFC 8555, 6.7.1)."""
    (name, said), rest = wrong[0], len(wrong) - 1
    more = f" (and {rest} more problems. Refer to sub-problems for more information.)"
    detail = f'Invalid identifiers requested :: Cannot issue for "{name}": {said}'
    if not rest:
        return malformed(detail)
    parts = [_part(*one) for one in wrong]
    return Problem("malformed", detail + more, subproblems=parts)


def _part(name: str, said: str) -> Row:
    return {
        "type": "urn:ietf:params:acme:error:malformed",
        "detail": said,
        "identifier": {"type": "dns", "value": name},
    }


def trouble(name: str) -> str:
    """Return why there is no certificate for *name*; empty where there may be."""
    base = name.removeprefix("*.")
    labels = base.split(".")
    checks = (
        (name.count("*") > 1, "Domain name has more than one wildcard"),
        (
            "*" in base,
            (
                "Domain name contains an invalid wildcard. A wildcard is only "
                "permitted before the first dot in a domain name"
            ),
        ),
        (not _LETTERS.fullmatch(base), "Domain name contains an invalid character"),
        (len(name) > _LONGEST_NAME, "Domain name is longer than 253 bytes"),
        (_is_address(base), "Identifier type is DNS but value is an IP address"),
        (base.endswith("."), "Domain name ends in a dot"),
        (len(labels) > _MOST_LABELS, "Domain name has more than 10 labels (parts)"),
        (len(labels) == 1, "Domain name needs at least one dot"),
        ("" in labels, "Domain name can not have two dots in a row"),
        (
            any(len(label) > _LONGEST_LABEL for label in labels),
            "Domain has a label (component between dots) longer than 63 bytes",
        ),
        (
            any(label[:1] == "-" or label[-1:] == "-" for label in labels),
            "Domain name contains an invalid character",
        ),
    )
    found = next((said for bad, said in checks if bad), "")
    return found or next((said for label in labels if (said := _reserved(label))), "")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _reserved(label: str) -> str:
    """Return what is wrong with ``??--``: only well-formed punycode may look so."""
    if label[2:4] != "--":
        return ""
    if not label.startswith("xn--"):
        return (
            "Domain name contains an invalid label in a reserved format (R-LDH: '??--')"
        )
    try:
        good = idna.alabel(idna.ulabel(label)).decode() == label
    except (idna.IDNAError, UnicodeError):
        good = False
    return "" if good else "Domain name contains malformed punycode"


def registered(name: str, suffixes: Sequence[str]) -> str:
    """Return the domain one registered for *name*: a label below a suffix."""
    labels = name.removeprefix("*.").split(".")
    above = 1 + max(
        (s.count(".") + 1 for s in suffixes if name.endswith(f".{s}")), default=1
    )
    return ".".join(labels[-above:])


def covers(certified: str, name: str) -> bool:
    """Whether a certificate's name is for *name* (RFC 6125), or is the same."""
    if certified == name:
        return True
    return certified.startswith("*.") and certified[2:] == name.partition(".")[2]
