"""Break-glass: who may lift a missing approval alone, in an emergency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from reconciler.model import Action, AnyResource, Change, Spec
from reconciler.model.resource import Resource
from reconciler.policy.context import Context, person
from reconciler.policy.people import aliases, groups
from reconciler.policy.scope import Scope


class BreakGlassSpec(Spec):
    """
    Who may, and for what.

    Attributes:
        groups: Members of any of these may; each must be a declared ``Group``.
        scope: Left out, for every action.
    """

    groups: Annotated[tuple[str, ...], Field(min_length=1)]
    scope: Scope = Scope()


class BreakGlass(Resource[Change]):
    """
    Lets one person stand in for the approvals that are missing.

    It lifts neither a freeze, a denial, a budget nor a ceiling, and every use is
    recorded and shown in each plan for 14 days. Without this document nobody may.
    """

    kind: ClassVar[str] = "BreakGlass"
    spec: BreakGlassSpec


def known(
    context: Context, policies: Iterable[AnyResource], actions: Iterable[Action]
) -> Context:
    """Return *context* with the persons and the broken glass that *policies* know."""
    listed = tuple(policies)
    glass = {
        action.digest: who
        for action in (actions if context.glass else ())
        if (who := context.glass.get(action.digest))
        and may_break(listed, who, action, context)
    }
    return context._replace(aliases=aliases(listed), glass=glass)


def breaks_glass(policies: Iterable[AnyResource], actor: str) -> bool:
    """Say whether *actor* may break the glass for anything at all."""
    return any(_theirs(policies, actor))


def may_break(
    policies: Iterable[AnyResource], actor: str, action: Action, context: Context
) -> bool:
    """Say whether *actor* may stand in for the approvals of *action*."""
    return any(
        glass.spec.scope.covers(action, context) for glass in _theirs(policies, actor)
    )


def _theirs(policies: Iterable[AnyResource], actor: str) -> Iterator[BreakGlass]:
    """Yield what allows *actor* to break the glass."""
    listed = tuple(policies)
    members, names = groups(listed), aliases(listed)
    who = names.get(person(actor), person(actor))
    for policy in listed:
        if isinstance(policy, BreakGlass) and any(
            who in members.get(group, frozenset()) for group in policy.spec.groups
        ):
            yield policy
