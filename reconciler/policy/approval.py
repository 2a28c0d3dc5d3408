"""Who has to say yes before an action runs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from reconciler.model import Action, Change, Decision, Money, Spec, Verdict
from reconciler.model.resource import Resource
from reconciler.policy.context import Context, at_stake
from reconciler.policy.people import Members, missing
from reconciler.policy.scope import Amounts, Scope, within


class Match(Scope):
    """
    The actions that need approval.

    Attributes:
        above: Only those that may cost, or charge a customer, more than this. A
            currency that is not listed is always above.
    """

    above: Amounts = ()


class Standing(Spec):
    """
    An approval given in advance, for small amounts.

    Attributes:
        below: An action that can never cost as much as this needs nobody. Its
            ceiling counts, not the price of the day; of a charge, which is exact, its
            own amount. A currency that is not listed has no standing approval.
    """

    below: Annotated[Amounts, Field(min_length=1)]


class ApprovalRuleSpec(Spec):
    """
    What needs whose approval.

    Attributes:
        groups: One person of each must approve.
        two_person: Two different persons of each must approve.
    """

    match: Match
    groups: Annotated[tuple[str, ...], Field(min_length=1)]
    two_person: bool = False
    standing: Standing | None = None


class ApprovalRule(Resource[Change]):
    """Holds the actions it matches until enough persons have approved them."""

    kind: ClassVar[str] = "ApprovalRule"
    spec: ApprovalRuleSpec

    def verdict(
        self, action: Action, context: Context, members: Members
    ) -> Verdict | None:
        """Return what this rule thinks of *action*; None if it is not meant."""
        spec, amounts = self.spec, at_stake(action)
        if not spec.match.covers(action, context):
            return None
        if not _above(spec.match.above, amounts):
            return None
        if standing := _standing(spec.standing, amounts):
            why = f"standing approval below {standing}"
            return self._says(Decision.ALLOW, why, "spec.standing")
        needs = spec.groups * (1 + spec.two_person)
        asked = approval(str(self.ref), needs, action, context, members)
        return asked._replace(at=self.at("spec.groups"))

    def _says(self, decision: Decision, why: str, field: str) -> Verdict:
        return Verdict(decision, str(self.ref), why, at=self.at(field))


def approval(
    rule: str,
    needs: tuple[str, ...],
    action: Action,
    context: Context,
    members: Members,
    why: str = "",
) -> Verdict:
    """
    Return whether the persons who approved *action* are those that *rule* needs.

    A hold is firm where somebody approved and it was not enough: whoever counts
    heads later, without knowing the groups, must not lift it. Nobody approves the
    payment or the deletion that they wrote themselves.
    """
    reason = f"{why}: " if why else ""
    if breaker := context.broken(action):
        text = f"{reason}{breaker} broke the glass"
        return Verdict(Decision.ALLOW, rule, text)
    approvers, own = context.approvers(action), context.own(action)
    left = missing(needs, approvers, members)
    if left:
        wanted = reason + _wanted(needs, left) + _not_own(own)
        firm = bool(approvers or own)
        return Verdict(Decision.HOLD, rule, wanted, left, firm=firm)
    by = ", ".join(sorted(approvers))
    return Verdict(Decision.ALLOW, rule, f"{reason}approved by {by}")


def _not_own(own: frozenset[str]) -> str:
    if not own:
        return ""
    return f" ({', '.join(sorted(own))} may have written it, and does not count)"


def _wanted(needs: tuple[str, ...], left: tuple[str, ...]) -> str:
    parts = []
    for group in dict.fromkeys(left):
        more = left.count(group)
        given = needs.count(group) - more
        many = f"{more}{' more' if given else ''} persons" if more > 1 else "approval"
        if more == 1 and needs.count(group) > 1:
            many = "one more person"
        parts.append(f"{many} of {group}")
    return "needs " + " and ".join(parts)


def _above(limits: tuple[Money, ...], amounts: tuple[Money, ...]) -> bool:
    return not limits or any(
        (limit := within(limits, most.currency)) is None or not most <= limit
        for most in amounts
    )


def _standing(standing: Standing | None, amounts: tuple[Money, ...]) -> str | None:
    """Return below what all of *amounts* are; None where one is not, or none is."""
    if standing is None:
        return None
    limits = [within(standing.below, most.currency) for most in amounts]
    below = [
        limit
        for limit, most in zip(limits, amounts, strict=True)
        if limit is not None and most < limit
    ]
    if not amounts or len(below) < len(amounts):
        return None
    return " and ".join(map(str, dict.fromkeys(below)))
