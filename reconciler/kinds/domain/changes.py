"""What can have to happen to a domain."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final, Literal

from reconciler.model import Change, Risk

#: How long after its removal a DS may still be believed: resolvers keep it for its
#: TTL (a day in most TLDs), and a registry may publish some hours late.
DS_LASTS: Final = timedelta(hours=48)

#: How long nobody renews what was just bought back: most registrars sell a year along
#: with it, and the date that shows it may come days after the name.
RESTORE_SHOWS: Final = timedelta(days=3)


class Renew(Change):
    """
    Extend the registration; costs money and cannot be taken back.

    ``details``: ``years`` (int) and ``expires`` (the old expiry, ISO 8601).
    """

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    usually_merges: ClassVar[bool] = False
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
    """
    Point the domain at other nameservers.

    ``details``: ``keeps_ds``, the DS records that the new hosts' keys answer for, and
    ``stale_ds``, those at the parent that they do not.
    """

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    witnessed: ClassVar[bool] = True
    verb: Literal["delegate"] = "delegate"

    @property
    def firm(self) -> bool:
        """With a DS that nobody answers for, the name is gone for who validates."""
        return bool(self.details.get("stale_ds"))


class Dnssec(Change):
    """
    Replace the DS records at the parent, each ``KEYTAG ALGORITHM DIGESTTYPE DIGEST``.

    ``details``: ``keys``, the DNSKEY (``FLAGS PROTOCOL ALGORITHM KEY``) of each DS
    that is added, for vendors that take keys and compute the DS themselves.
    """

    witnessed: ClassVar[bool] = True
    verb: Literal["ds"] = "ds"

    @property
    def before(self) -> frozenset[str]:
        """The DS records that are there."""
        return _texts(self.fields[0].before)

    @property
    def wanted(self) -> frozenset[str]:
        """The DS records that shall be there."""
        return _texts(self.fields[0].after)

    @property
    def risk(self) -> Risk:
        """A DS too many breaks a name, and none at all takes its protection away."""
        removes_some = bool(self.wanted) and self.wanted < self.before
        return Risk.NONE if removes_some else Risk.DISRUPTIVE


class Glue(Change):
    """
    Set the addresses of nameservers inside the domain, one field for each host.

    ``after`` None removes the host.
    """

    verb: Literal["glue"] = "glue"

    @property
    def risk(self) -> Risk:
        """A new host is nobody's yet; another address moves whoever uses it."""
        new = all(field.before is None for field in self.fields)
        return Risk.NONE if new else Risk.DISRUPTIVE


class Restore(Change):
    """
    Buy a deleted registration back; costs much and cannot be taken back.

    ``details``: ``expires`` (the expiry date it was lost at, ISO 8601), and that a
    renewal waits: see ``RESTORE_SHOWS``.
    """

    usual_risk: ClassVar[Risk] = Risk.MONEY
    reversible: ClassVar[bool] = False
    usually_merges: ClassVar[bool] = False
    verb: Literal["restore"] = "restore"


class BlockTransfer(Change):
    """Stop a transfer to somebody else that is under way."""

    usually_merges: ClassVar[bool] = False
    verb: Literal["block-transfer"] = "block-transfer"


class Records(Change):
    """Write DNS records: add, change, and replace by another type."""

    verb: Literal["records"] = "records"


class Prune(Change):
    """Remove DNS records."""

    usual_risk: ClassVar[Risk] = Risk.DESTRUCTIVE
    verb: Literal["prune"] = "prune"


def _texts(shown: object) -> frozenset[str]:
    return frozenset(map(str, shown)) if isinstance(shown, tuple) else frozenset()


DomainChange = (
    Renew
    | AutoRenew
    | Lock
    | Privacy
    | Delegate
    | Records
    | Prune
    | Dnssec
    | Glue
    | Restore
    | BlockTransfer
)
