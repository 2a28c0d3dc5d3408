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
    """

    fields: frozenset[str]
    required: frozenset[str]


#: What is no kind is refused where the profile names it.
_NO_KIND = Part(frozenset(), frozenset())

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
            return _NO_KIND
        spec = model.model_fields["spec"].annotation
        fields = getattr(spec, "model_fields", {}).items()
        named = {field.alias or name: field.is_required() for name, field in fields}
        return Part(frozenset(named), frozenset(k for k, must in named.items() if must))

    return part
