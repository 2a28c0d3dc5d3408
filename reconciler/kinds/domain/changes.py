"""What can have to happen to a domain."""

from __future__ import annotations

from typing import ClassVar, Literal

from reconciler.model import Change, Risk


class Renew(Change):
    """
    Extend the registration; costs money and cannot be taken back.

    ``details``: ``years`` (int) and ``expires`` (the old expiry, ISO 8601).
    """

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    verb: Literal["renew"] = "renew"

    @property
    def years(self) -> int:
        """For how many years."""
        years = self.details["years"]
        assert isinstance(years, int)  # noqa: S101  (made in Domain.diff alone)
        return years


class AutoRenew(Change):
    """Turn the registrar's own renewal on or off."""

    verb: Literal["auto-renew"] = "auto-renew"

    @property
    def risk(self) -> Risk:
        """Turning it off lets a domain lapse."""
        return Risk.NONE if self.fields[0].after else Risk.DESTRUCTIVE


class Lock(Change):
    """Turn the transfer lock on or off."""

    verb: Literal["lock"] = "lock"

    @property
    def risk(self) -> Risk:
        """Turning it off lets a domain be taken away."""
        return Risk.NONE if self.fields[0].after else Risk.SECURITY


class Privacy(Change):
    """Turn the privacy service on or off."""

    verb: Literal["privacy"] = "privacy"


class Delegate(Change):
    """Point the domain at other nameservers."""

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    verb: Literal["delegate"] = "delegate"


class Records(Change):
    """Write DNS records: add, change, and replace by another type."""

    verb: Literal["records"] = "records"


class Prune(Change):
    """Remove DNS records."""

    usual_risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    verb: Literal["prune"] = "prune"


DomainChange = Renew | AutoRenew | Lock | Privacy | Delegate | Records | Prune
