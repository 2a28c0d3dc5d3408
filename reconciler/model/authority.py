"""What a resource is made from beside its own lines, as who signs it, where it goes."""

from __future__ import annotations

from pydantic import Field

from reconciler.model.backing import Backing
from reconciler.model.base import Spec
from reconciler.model.limits import Limits
from reconciler.model.observed import Share
from reconciler.model.patching import Patching
from reconciler.model.repository import Repository
from reconciler.model.scaling import Scaling
from reconciler.model.sizing import Rung

#: The family of what authorities sign.
ISSUANCE = "issuance"
#: The family of most places; the clouds have several of their own.
INSTALL = "install"


class Authority(Spec):
    """
    The public part of an Issuer.

    Attributes:
        name: Of the Issuer.
        caa: The names by which CAA records allow it.
        key_id: Of the account that must be bound to an external one.
        limits: How often it may be asked.
        staging: Whether it has a second directory, to rehearse at.
    """

    name: str
    caa: tuple[str, ...] = ()
    key_id: str | None = None
    limits: Limits = Limits()
    staging: bool = False


class Place(Spec):
    """
    A place where a certificate has to be installed.

    Attributes:
        target: What YAML says, as in ``HostingAccount/shop``.
        provider: The account that holds the place.
        family: Which driver of its vendor installs there.
        account: The user name of a hosting account, where it is declared.
        site: The domain of a hosting account.
        at: What the place is called there: a file, a bucket with its folder, a secret.
        region: Where the vendor has regions.
    """

    target: str
    provider: str
    family: str
    account: str | None = None
    site: str | None = None
    at: str | None = None
    region: str | None = None

    @property
    def share(self) -> Share:
        """The part of the certificate that this place holds."""
        return Share(self.provider, self.family)

    @property
    def mark(self) -> str:
        """What tells it from every other place of the same certificate."""
        family = None if self.family == INSTALL else self.family
        parts = (self.target, family, self.region, self.at)
        return " ".join(part for part in parts if part)


class Makings(Spec):
    """
    Everything that the inventory puts into a Certificate, an account or a machine.

    Attributes:
        authorities: Its issuers, in their order.
        places: Where it is installed; of a Backup the account that it is of.
        zones: The Domains that its names are in: name of the zone -> the accounts
            with its records.
        scaling: The rules it is scaled by, of the ScalingPolicy that it names.
        above: The next larger size that its range does not have, where there is one.
        patching: The rules it is patched by, of the PatchPolicy that it names.
        backing: How it is backed up: its BackupPolicy, and what it says otherwise.
        repositories: Where its copies are, in their order.
    """

    authorities: tuple[Authority, ...] = ()
    places: tuple[Place, ...] = ()
    zones: dict[str, tuple[str, ...]] = Field(default={})
    scaling: Scaling | None = None
    above: Rung | None = None
    patching: Patching | None = None
    backing: Backing | None = None
    repositories: tuple[Repository, ...] = ()
