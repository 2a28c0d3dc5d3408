"""
What a Certificate is made from beside its own lines. Pure.

Its issuers, the accounts of the places where it is installed, and the zones that its
names are in stand in other documents. They are looked up when they are asked for, so
that an account that moves to another server takes its certificate along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from reconciler.kinds.backup import Backup
from reconciler.kinds.backup_policy import BackupPolicy
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.kinds.certificate import Certificate, Target
from reconciler.kinds.domain import Domain
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.kinds.hosting_plan import HostingPlan
from reconciler.kinds.issuer import Issuer
from reconciler.kinds.patch_policy import PatchPolicy
from reconciler.kinds.provider import Provider
from reconciler.kinds.scaling_policy import ScalingPolicy
from reconciler.model import AnyResource, Authority, Makings, Place, Ref
from reconciler.model.authority import INSTALL
from reconciler.model.repository import Repository
from reconciler.model.sizing import Rung, rung

Find = Callable[[Ref], AnyResource | None]
ACCOUNT: Final = "HostingAccount"
#: Vendor -> the family that is meant where it has several.
_FAMILIES: Final = {"aws": "acm"}


def makings(want: AnyResource, find: Find) -> Makings:
    """Return what other documents say; what is not there is refused as a reference."""
    if isinstance(want, Backup):
        return _backed(want, find)
    if not isinstance(want, Certificate):
        return _ruled(want, find)
    return Makings(
        authorities=tuple(_authorities(want, find)),
        places=tuple(_places(want, find)),
        zones=_zones(want, find),
    )


def _ruled(want: AnyResource, find: Find) -> Makings:
    """Return the policies that an account or a machine names."""
    scaling = find(Ref("ScalingPolicy", getattr(want.spec, "scaling", None) or ""))
    patching = find(Ref("PatchPolicy", getattr(want.spec, "patching", None) or ""))
    ruled = isinstance(scaling, ScalingPolicy)
    return Makings(
        scaling=scaling.spec if isinstance(scaling, ScalingPolicy) else None,
        above=_above(want, find) if ruled else None,
        patching=patching.spec if isinstance(patching, PatchPolicy) else None,
    )


def _backed(want: Backup, find: Find) -> Makings:
    """Return how *want* is backed up, and what is known of the places of its copies."""
    policy = find(Ref("BackupPolicy", want.spec.policy))
    if not isinstance(policy, BackupPolicy):
        return Makings()
    backing = want.spec.over(policy.spec)
    places = (find(Ref("BackupRepository", one.repository)) for one in backing.copies)
    return Makings(
        backing=backing,
        places=tuple(_backed_up(want, find)),
        repositories=tuple(
            Repository(
                name=place.name,
                engine=place.spec.engine,
                domain=place.spec.failure_domain,
                immutability=place.spec.immutability,
                escrow=place.spec.escrow_key is not None,
                panel=place.spec.panel,
                price=place.spec.price,
            )
            for place in places
            if isinstance(place, BackupRepository)
        ),
    )


def _backed_up(want: Backup, find: Find) -> Iterator[Place]:
    """Yield the account that *want* is of: a panel calls its backup after that."""
    found = find(want.of)
    if isinstance(found, HostingAccount):
        yield Place(
            target=want.spec.of,
            provider=found.spec.provider,
            family="hosting",
            account=found.spec.account,
            site=found.domain,
        )


def _above(want: AnyResource, find: Find) -> Rung | None:
    """Return the next larger plan that its server has, and its range has not."""
    if not isinstance(want, HostingAccount) or not want.spec.ladder:
        return None
    server = find(Ref("Provider", want.spec.provider))
    top = find(Ref("HostingPlan", want.spec.ladder[-1].plan))
    if not isinstance(server, Provider) or not isinstance(top, HostingPlan):
        return None
    up = find(Ref("HostingPlan", top.spec.up or ""))
    if not isinstance(up, HostingPlan):
        return None
    if not {server.name, server.spec.type} & set(up.spec.packages):
        return None
    return rung(up.name, want.spec.limits.over(up.spec.limits), up.spec.price)


def _authorities(want: Certificate, find: Find) -> Iterator[Authority]:
    for name in want.spec.issuers:
        found = find(Ref("Issuer", name))
        if isinstance(found, Issuer):
            yield Authority(
                name=name,
                caa=found.spec.caa,
                key_id=found.spec.eab.kid if found.spec.eab else None,
                limits=found.spec.limits,
                staging=found.spec.staging is not None,
            )


def _places(want: Certificate, find: Find) -> Iterator[Place]:
    for one in want.spec.deploy or _own(want, find):
        kind, _, name = one.target.partition("/")
        found = find(Ref(kind, name))
        if isinstance(found, HostingAccount):
            spec = found.spec
            yield Place(
                target=one.target,
                provider=spec.provider,
                family=INSTALL,
                account=spec.account,
                site=found.domain,
            )
        elif isinstance(found, Provider):
            yield Place(
                target=one.target,
                provider=name,
                family=one.as_ or _FAMILIES.get(found.spec.type, INSTALL),
                at=one.at,
                region=one.region,
            )


def _own(want: Certificate, find: Find) -> Iterator[Target]:
    """Yield the account that has the name of *want*, or the domain it is for."""
    if want.spec.mode == "observe":
        return
    for name in dict.fromkeys((want.name, *want.spec.names)):
        if find(Ref(ACCOUNT, name)) is not None:
            yield Target(target=f"{ACCOUNT}/{name}")
            return


def _zones(want: Certificate, find: Find) -> dict[str, tuple[str, ...]]:
    """Return the nearest Domain above each name, with who has its records."""
    found: dict[str, tuple[str, ...]] = {}
    for name in want.spec.names:
        zone = zone_of(name, find)
        if zone is not None:
            found[zone.name] = tuple(zone.spec.dns.targets)
    return found


def zone_of(name: str, find: Find) -> Domain | None:
    """Return the nearest Domain that *name* is, or is in; None where there is none."""
    labels = name.removeprefix("*.").split(".")
    for start in range(len(labels) - 1):
        found = find(Ref("Domain", ".".join(labels[start:])))
        if isinstance(found, Domain):
            return found
    return None
