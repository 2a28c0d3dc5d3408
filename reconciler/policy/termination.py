"""Whether two people have to agree before what a customer has ends for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.model import AnyResource, Finding, Risk, Severity
from reconciler.policy.approval import ApprovalRule
from reconciler.policy.scope import Subject

#: What says that a subscription ended, or shall.
ENDS: Final = frozenset(("subscription-ended", "termination-proposed"))
_KIND: Final = "Subscription"
_VERB: Final = "terminate"
#: The end of any subscription, whichever it is.
ANY_END: Final = Finding("subscription-ended", Severity.INFO, _KIND, "", "")


def alone(found: Iterable[Finding], policies: Sequence[AnyResource]) -> list[Finding]:
    """
    Return a finding for each of *found* that one person could bring about.

    Args:
        found: Findings, of which those in ``ENDS`` count.
        policies: Among which an ApprovalRule with ``twoPerson`` has to be.
    """
    ends = [one for one in found if one.code in ENDS]
    return [
        Finding(
            "ends-by-one-person",
            Severity.WARNING,
            one.kind,
            one.name,
            "no ApprovalRule with twoPerson is about destructive actions on a "
            f"{_KIND}: what a customer has may end by the word of one",
            one.source,
            one.entry,
        )
        for one in ends
        if not any(_guards(policy, one) for policy in policies)
    ]


def _guards(policy: AnyResource, end: Finding) -> bool:
    if not isinstance(policy, ApprovalRule) or not policy.spec.two_person:
        return False
    if policy.spec.match.above or policy.spec.standing is not None:
        return False
    name = end.name if end.kind == _KIND else ""
    return policy.spec.match.fits(
        Subject(_KIND, name, _VERB, "", Risk.DESTRUCTIVE, dict)
    )
