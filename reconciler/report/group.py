"""What belongs together: the same change many times, one profile, one site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from reconciler.report.plan_document import ActionData


#: The worst first.
RISKS = ("money", "destructive", "security", "disruptive", "none")
DECISIONS = ("deny", "hold", "allow")
_FEW = 2
Key = tuple[Any, ...]
Order = Callable[["ActionData"], Key]


class Same(NamedTuple):
    """Actions that do the same to different resources; never empty."""

    actions: Sequence[ActionData]

    @property
    def first(self) -> ActionData:
        """The one that speaks for all."""
        return self.actions[0]


class Bundle(NamedTuple):
    """
    What one cause makes happen; never empty.

    Attributes:
        origin: ``SiteProfile/name`` or ``Site/name``; empty for a single group that
            comes from nothing else.
        sites: How many sites are in it.
    """

    origin: str
    sites: int
    groups: Sequence[Same]

    @property
    def actions(self) -> list[ActionData]:
        """Every action in it."""
        return [action for group in self.groups for action in group.actions]


def by_risk(action: ActionData) -> Key:
    """Order by what could go wrong: money and deletion first, then what is held."""
    return (RISKS.index(action["risk"]), DECISIONS.index(action["decision"]))


def by_wave(action: ActionData) -> Key:
    """Order by when it runs; within one wave as *by_risk*."""
    return (action.get("wave", 0), *by_risk(action))


def bundles(actions: Iterable[ActionData], order: Order) -> list[Bundle]:
    """
    Return *actions* grouped by what makes them happen, in *order*.

    A profile that makes something happen on two sites or more is one bundle, a site
    with more than one action another; whatever is left is grouped by sameness alone.
    Actions that *order* tells apart are never in one group.
    """
    actions = list(actions)
    causes = _causes(actions)
    sorted_out: dict[str, dict[Key, list[ActionData]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for action, cause in zip(actions, causes, strict=True):
        sorted_out[cause][(*order(action), *sameness(action))].append(action)
    found: list[tuple[Key, Bundle]] = []
    for origin, groups in sorted_out.items():
        parts = [
            (key, Same(sorted(groups[key], key=_address))) for key in sorted(groups)
        ]
        if origin:
            same = [group for _, group in parts]
            found.append((parts[0][0], Bundle(origin, _sites(same), same)))
        else:
            found += [(key, Bundle("", 0, [group])) for key, group in parts]
    return [bundle for _, bundle in sorted(found, key=_first)]


def sameness(action: ActionData) -> Key:
    """Return what two actions have in common that are shown as one."""
    fields = tuple(
        (f["field"], str(f["before"]), str(f["after"])) for f in action["changes"]
    )
    held = tuple(v["rule"] for v in action["policy"] if v["decision"] != "allow")
    return (
        action["verb"],
        action["kind"],
        action["provider"],
        () if action["cost"] or action["charge"] else fields,
        held,
    )


def named(action: ActionData, kind: str) -> str:
    """Return the ``Site`` or ``SiteProfile`` that *action* comes from, or nothing."""
    return next((one for one in action["via"] if one.startswith(f"{kind}/")), "")


def _causes(actions: Sequence[ActionData]) -> list[str]:
    sites: dict[str, set[str]] = defaultdict(set)
    per_site: dict[str, int] = defaultdict(int)
    for action in actions:
        site = named(action, "Site")
        sites[named(action, "SiteProfile")].add(site)
        per_site[site] += 1

    def cause(action: ActionData) -> str:
        profile, site = named(action, "SiteProfile"), named(action, "Site")
        if profile and len(sites[profile]) >= _FEW:
            return profile
        return site if site and per_site[site] >= _FEW else ""

    return [cause(action) for action in actions]


def _sites(groups: Sequence[Same]) -> int:
    found = {named(action, "Site") for group in groups for action in group.actions}
    return len(found - {""})


def _address(action: ActionData) -> tuple[str, str]:
    return action["kind"], action["name"]


def _first(found: tuple[Key, Bundle]) -> tuple[Key, str]:
    key, bundle = found
    return key, bundle.origin
