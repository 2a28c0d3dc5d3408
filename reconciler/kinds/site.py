"""One entry in place of six: a name, and what is particular about it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from reconciler.model import Change, Day, Price, Spec, To
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource


class SiteSpec(Spec):
    """
    What the site's profile leaves open; a field is needed where a part uses it.

    Attributes:
        profile: What the site consists of.
        customer: Whose it is.
        server: The account that hosts it; also gives ``$ipv4`` and ``$ipv6``.
        registrar: The account its names are registered in.
        account: The name of its account on the server.
        plan: The hosting plan of that account.
        price: What the customer pays, where it is not the price of the plan.
        since: The day the customer's subscription began.
        aliases: More domain names of the same site.
        with_: By kind, fields that this site has otherwise; the strongest word.
        without: Parts of the profile that this site does not have.
    """

    profile: Annotated[str, To("SiteProfile", edge=False)]
    customer: Annotated[str, To("Customer", edge=False)]
    server: Annotated[str, To("Provider", edge=False)] | None = None
    registrar: Annotated[str, To("Provider", edge=False, besides=("none",))] | None = (
        None
    )
    account: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    plan: str | None = None
    price: Price | None = None
    since: Day | None = None
    aliases: tuple[str, ...] = ()
    with_: Annotated[dict[str, dict[str, JsonValue]], Field(alias="with")] = {}
    without: tuple[str, ...] = ()

    @field_validator("aliases")
    @classmethod
    def _names(cls, aliases: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(map(_domain, aliases))
        if len(set(names)) != len(names):
            raise ValueError("the same alias is named twice")
        return names


def _domain(name: str) -> str:
    found = to_ascii(name)
    if "." not in found:
        raise ValueError(f"{found!r} is no domain name")
    return found


class Site(Resource[Change]):
    """A site of a customer, called by its domain; expanded before anything else."""

    kind: ClassVar[str] = "Site"
    spec: SiteSpec

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("name"), str):
            return {**raw, "name": _domain(raw["name"])}
        return raw

    @model_validator(mode="after")
    def _is_no_alias(self) -> Self:
        if self.name in self.spec.aliases:
            raise ValueError(f"the alias {self.name} is the site's own name")
        return self


KIND = Site
