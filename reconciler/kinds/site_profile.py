"""What sites of one sort consist of; each site fills in its own."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, JsonValue

from reconciler.model import Change, Spec
from reconciler.model.resource import Resource

#: A partial spec of a kind. ``$domain`` and its like stand for what a site says.
PartialSpec = Annotated[dict[str, JsonValue] | None, Field(default=None)]


class SiteProfileSpec(Spec):
    """
    The parts of such a site: a part exists if and only if it is named here.

    Attributes:
        domain: The registered name and its records; once more for each alias.
        hosting_account: The account on the server.
        hosting_plan: A plan for this site alone.
        certificate: ``names`` with ``$domain`` are repeated for each alias.
        subscription: What the customer pays for.
        backup: The copies, and how they are proven.
        backup_policy: A policy for this site alone.
        health_check: What is looked at from outside.
        scaling_policy: When more is needed.
        patch_policy: When software is brought up to date.
    """

    domain: PartialSpec = Field(alias="Domain")
    hosting_account: PartialSpec = Field(alias="HostingAccount")
    hosting_plan: PartialSpec = Field(alias="HostingPlan")
    certificate: PartialSpec = Field(alias="Certificate")
    subscription: PartialSpec = Field(alias="Subscription")
    backup: PartialSpec = Field(alias="Backup")
    backup_policy: PartialSpec = Field(alias="BackupPolicy")
    health_check: PartialSpec = Field(alias="HealthCheck")
    scaling_policy: PartialSpec = Field(alias="ScalingPolicy")
    patch_policy: PartialSpec = Field(alias="PatchPolicy")


class SiteProfile(Resource[Change]):
    """A map of kinds to partial specs, for all sites that name it."""

    kind: ClassVar[str] = "SiteProfile"
    spec: SiteProfileSpec


KIND = SiteProfile
