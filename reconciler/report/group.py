"""What belongs together: the same change many times, one profile, one site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.report.words import count, place, standing, taken, total

if TYPE_CHECKING:
    from reconciler.report.plan_document import ActionData


#: The worst first.
RISKS = ("money", "destructive", "security", "disruptive", "none")
DECISIONS = ("deny", "hold", "allow", "pending")
_FEW = 2
_NAMED = 3
Key = tuple[Any, ...]
Order = Callable[["ActionData"], Key]


class Same(NamedTuple):
    """Actions that do the same to different resources; never empty."""

    actions: Sequence[ActionData]

    @property
    def first(self) -> ActionData:
        """The one that speaks for all."""
        return self.actions[0]

    @property
    def shared(self) -> str:
        """What is the same of all of them: ``same charge on 412 Subscription``."""
        what = "charge" if self.first["charge"] else "change"
        return f"same {what} on {len(self.actions):,}"


class Bundle(NamedTuple):
    """
    What one cause makes happen; never empty.

    Attributes:
        origin: ``SiteProfile/name`` or ``Site/name``; empty for a single group that
            comes from nothing else.
        sites: The sites in it, by address: where each stands, if that is known.
    """

    origin: str
    sites: Mapping[str, str]
    groups: Sequence[Same]

    @property
    def actions(self) -> Sequence[ActionData]:
        """Every action in it."""
        return [action for group in self.groups for action in group.actions]

    @property
    def at(self) -> str:
        """Where its one Site stands: ``file:line:column``; empty for a profile."""
        return self.sites.get(self.origin, "")

    @property
    def size(self) -> str:
        """How much it is: ``2 sites, 12 actions``, or ``6 resources`` of one site."""
        actions = self.actions
        acting = count(len(actions), "action")
        if self.origin not in self.sites:
            return f"{count(len(self.sites), 'site')}, {acting}"
        resources = len({_address(action) for action in actions})
        said = count(resources, "resource")
        return said if resources == len(actions) else f"{said}, {acting}"

    @property
    def sums(self) -> str:
        """What it costs whom: ``we pay 0.00, clients pay 120.00 EUR``."""
        pays = total(action["cost"] for action in self.actions)
        gets = total(map(taken, self.actions))
        one = self.origin in self.sites  # of a client, nothing is worth saying as well
        parts = [f"we pay {pays or '0.00'}"] if pays or one else []
        return ", ".join([*parts, *([f"clients pay {gets}"] if gets else [])])

    @property
    def named(self) -> Sequence[str]:
        """The sites of a profile with their places, where they are few."""
        if self.origin in self.sites or len(self.sites) > _NAMED:
            return ()
        return [f"{site} {at}".rstrip() for site, at in sorted(self.sites.items())]


def by_risk(action: ActionData) -> Key:
    """Order by what could go wrong: money and deletion first, then what is held."""
    stands = standing(action)
    # What nobody has to look at is no risk any more.
    risk = "none" if stands == "pending" else action["risk"]
    return (RISKS.index(risk), DECISIONS.index(stands))


def by_wave(action: ActionData) -> Key:
    """Order by when it runs; within one wave as *by_risk*."""
    return (action.get("wave", 0), *by_risk(action))


def bundles(actions: Iterable[ActionData], order: Order) -> list[Bundle]:
    """
    Return *actions* grouped by what makes them happen, in *order*.

    A profile that makes something happen on two sites or more is one bundle, a single
    site of its profile another; whatever is left is grouped by sameness alone.
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
            found += [(key, Bundle("", {}, [group])) for key, group in parts]
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
    for action in actions:
        sites[named(action, "SiteProfile")].add(named(action, "Site"))

    def cause(action: ActionData) -> str:
        profile = named(action, "SiteProfile")
        shared = profile and len(sites[profile]) >= _FEW
        return profile if shared else named(action, "Site")

    return [cause(action) for action in actions]


def _sites(groups: Sequence[Same]) -> dict[str, str]:
    """Return the sites with their first places: an alias stands further down."""
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for action in (action for group in groups for action in group.actions):
        if site := named(action, "Site"):
            at = action.get("entry")
            known = [(at["line"], at["column"], place(at))] if at else []
            found[site] += known
    return {site: min(places)[-1] if places else "" for site, places in found.items()}


def _address(action: ActionData) -> tuple[str, str]:
    return action["kind"], action["name"]


def _first(found: tuple[Key, Bundle]) -> tuple[Key, str]:
    key, bundle = found
    return key, bundle.origin
