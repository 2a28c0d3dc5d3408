"""What may be a part of a Site, and which of its fields a Site can fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from reconciler.model import AnyResource

SITE, PROFILE = "Site", "SiteProfile"
#: The labels of everything that a Site makes.
LABELS = ("site", "customer", "profile")


class Part(NamedTuple):
    """
    One kind of part.

    Attributes:
        fields: The keys its spec has.
        required: Those without which it is not valid.
        known: Whether the kind is there to be built and managed.
    """

    fields: frozenset[str]
    required: frozenset[str]
    known: bool = True


def _planned(required: str, fields: str) -> Part:
    must = frozenset(required.split())
    return Part(must | frozenset(fields.split()), must, known=False)


#: Kinds of the convention that have no module yet: their parts are expanded and
#: shown, and are not part of the inventory. A module of the kind takes its place.
PLANNED: Mapping[str, Part] = {
    "BackupPolicy": _planned(
        "objectives sources copies", "schedule keep drills anomaly"
    ),
    "Backup": _planned(
        "of policy", "objectives sources copies schedule keep drills anomaly address"
    ),
}
_UNPLANNED = Part(frozenset(), frozenset(), known=False)

#: Kind -> (field, field of the Site that fills it).
FILLS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Domain": (("provider", "registrar"),),
    "HostingAccount": (
        ("provider", "server"),
        ("account", "account"),
        ("plan", "plan"),
    ),
    "Subscription": (("customer", "customer"), ("since", "since"), ("price", "price")),
}
#: Kind -> the field that means other parts of the same Site, unless it is written.
OWN: Mapping[str, str] = {
    "Certificate": "deploy",
    "Backup": "of",
    "HealthCheck": "of",
    "Subscription": "covers",
}
#: What a Subscription covers by itself.
COVERED = ("Backup", "Certificate", "Domain", "HostingAccount")

Parts = Callable[[str], Part]


def parts_of(kinds: Mapping[str, type[AnyResource]]) -> Parts:
    """Return what is known of each kind of part, given the *kinds* there are."""

    @cache
    def part(kind: str) -> Part:
        model = kinds.get(kind)
        if model is None:
            return PLANNED.get(kind, _UNPLANNED)
        spec = model.model_fields["spec"].annotation
        fields = getattr(spec, "model_fields", {}).items()
        named = {field.alias or name: field.is_required() for name, field in fields}
        return Part(frozenset(named), frozenset(k for k, must in named.items() if must))

    return part
