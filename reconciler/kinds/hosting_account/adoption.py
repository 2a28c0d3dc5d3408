"""What a document would say of an account that nobody declared yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from reconciler.kinds.hosting_account.spec import HostingAccountSpec
from reconciler.kinds.hosting_account.state import HostingState
from reconciler.kinds.hosting_account.steps import shown
from reconciler.model import Adoption, Called, Have, Left, PlanLimits, Refuse, Share

_PLAN: Final = "HostingPlan"
_SETTABLE: Final = ("disk", "bandwidth")


def looking(shares: Sequence[Share]) -> HostingAccountSpec:
    """
    Return the spec of what only looks, at everything that there is to see.

    Raises:
        ValueError: Several servers have an account of that domain.
    """
    if len(shares) != 1:
        held = " and ".join(share.provider for share in shares)
        raise ValueError(f"{held} both have an account of that domain")
    limits = PlanLimits.model_validate({"bandwidth": "1MiB"})
    provider = shares[0].provider
    return HostingAccountSpec(provider=provider, plan="unknown", limits=limits)


def adopted(have: Have, refuse: Refuse) -> Adoption:
    """Return the document of what the one share of *have* shows."""
    ((share, state),) = have.items()
    assert isinstance(state, HostingState)  # noqa: S101  (see the port)
    return adoption(share, state, refuse)


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
            "packages",
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
