"""What pays for what: a payment method that ends before its accounts are due. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from reconciler.model import AnyResource, Due, Finding, Severity


class Payer(NamedTuple):
    """Something that accounts take their money from, and when it ends."""

    want: AnyResource
    accounts: frozenset[str]
    ends: datetime


def unfunded(payers: Iterable[Payer], due: Sequence[Due]) -> Iterator[Finding]:
    """
    Name each payer that ends before something it pays for comes due.

    *due* are the things that come due within the horizon, in order of their time.
    """
    for payer in payers:
        unpaid = [
            one
            for one in due
            if one.account in payer.accounts
            and one.at > payer.ends
            and one.by != "nobody"
        ]
        if unpaid:
            first, more = unpaid[0], len(unpaid) - 1
            also = f" and {more} more" if more else ""
            message = (
                f"ends on {payer.ends.date()}, before {first.kind}/{first.name} "
                f"({first.at.date()}){also} come due at {first.account}"
            )
            yield payer.want.found("ends-before-due", Severity.ERROR, message)
