"""What a document would say of an account that nobody declared yet. Pure."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from reconciler.kinds.hosting_account.spec import HostingAccountSpec
from reconciler.kinds.hosting_account.state import HostingState
from reconciler.kinds.hosting_account.steps import shown
from reconciler.model import Adoption, Called, Left, PlanLimits, Refuse, Share

_PLAN: Final = "HostingPlan"
_SETTABLE: Final = ("disk", "bandwidth")


def looking(share: Share) -> HostingAccountSpec:
    """Return the spec of what only looks, at everything that there is to see."""
    limits = PlanLimits.model_validate({"bandwidth": "1MiB"})
    return HostingAccountSpec(provider=share.provider, plan="unknown", limits=limits)


def adoption(share: Share, state: HostingState, refuse: Refuse) -> Adoption:
    """
    Return the document of a live account.

    Its state is left open: nothing is suspended and nothing lifted by an import.
    """
    if not state.package:
        return Adoption(None, left=(Left("", "it is on no package"),))
    for text in (state.account, state.package):
        if why := refuse(text):
            return Adoption(None, left=(Left("", why),))
    own: dict[str, JsonValue] = {
        metric: shown(metric, limit)
        for metric in _SETTABLE
        if (limit := state.limits.get(metric)) is not None
    }
    return Adoption(
        {"provider": share.provider, "account": state.account},
        tuple(_notes(state)),
        called=Called(
            "plan",
            _PLAN,
            state.package,
            f"no HostingPlan, or more than one, is the package {state.package} on "
            f"{share.provider}: declare it first",
        ),
        passive={"limits": own} if own else {},
        calm="with limits of its own",
    )


def _notes(state: HostingState) -> list[str]:
    if not state.suspended:
        return []
    since = f" since {state.since.date()}" if state.since else ""
    return [f"suspended{since}"]
