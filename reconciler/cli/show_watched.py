"""The end of a plan where nothing is managed yet: what was seen, and the way on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from reconciler.model import KEYS, PUBLIC, USAGE
from reconciler.report.words import count

if TYPE_CHECKING:
    from reconciler.engine import Accounts
    from reconciler.report.plan_document import PlanDocument

#: What the families of the account ``public`` are called, in this order.
_WORDS = {"rdap": "RDAP", "delegation": "DNS", "tls": "TLS"}
#: The findings of a registry that tells no date, and what they come to.
_UNDATED = {
    "no-expiry-date": "the registry publishes no expiry date",
    "no-rdap": "the registry has no RDAP",
}


class Watch(NamedTuple):
    """
    A look that only anyone's eyes were needed for.

    Attributes:
        families: What was asked.
        took: Seconds.
        accounts: Whether an account is declared that could be imported from.
    """

    families: frozenset[str]
    took: float
    accounts: bool


def watched(accounts: Accounts, declared: Iterable[str], took: float) -> Watch | None:
    """Return the look, if nothing but what anyone can read was asked; else None."""
    shares = accounts.drivers
    if not shares or accounts.failed or any(s.provider != PUBLIC for s in shares):
        return None
    families = frozenset(share.family for share in shares)
    return Watch(
        families, took, any(name not in {PUBLIC, KEYS, USAGE} for name in declared)
    )


def headline(plan: PlanDocument, watch: Watch) -> str:
    """Return what such a plan comes to, in one line."""
    asked = [word for family, word in _WORDS.items() if family in watch.families]
    parts = [
        "0 actions (nothing is managed yet)",
        ", ".join(asked),
        f"{watch.took:.0f} s",
    ]
    for code, said in _UNDATED.items():
        found = sum(1 for one in plan["findings"] if one["code"] == code)
        parts += [f"{count(found, 'domain')}: {said}"] if found else []
    return " · ".join(parts)


def begin(watch: Watch) -> str:
    """Return the step that leads to the first account."""
    first = "" if watch.accounts else "reconciler init --provider NAME=TYPE, then "
    return f"{first}reconciler import --all for what your accounts have"
