"""False alarms of the secret scan that somebody has looked at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from reconciler.model import AnyResource, Change, Spec
from reconciler.model.resource import Resource
from reconciler.policy.moment import Day


class SecretAllowanceSpec(Spec):
    """
    One text that looks like a secret and is none.

    Attributes:
        sha256: The SHA-256 of the very text, so that the text is not repeated here.
        until: The last day (UTC) it is allowed; then somebody looks again.
    """

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    reason: Annotated[str, Field(min_length=1)]
    until: Day


class SecretAllowance(Resource[Change]):
    """A dated permission for a text that the secret scan refuses."""

    kind: ClassVar[str] = "SecretAllowance"
    spec: SecretAllowanceSpec


def allowances(policies: Iterable[AnyResource]) -> dict[str, date]:
    """Return the last day of each allowance, by SHA-256; the latest of several."""
    found: dict[str, date] = {}
    for policy in policies:
        if isinstance(policy, SecretAllowance):
            sha, until = policy.spec.sha256, policy.spec.until
            found[sha] = max(until, found.get(sha, until))
    return found
