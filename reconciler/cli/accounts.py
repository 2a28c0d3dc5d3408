"""From Provider documents to drivers, with their secrets resolved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from reconciler.cli import secrets
from reconciler.engine import Accounts
from reconciler.errors import ReconcilerError
from reconciler.inventory import Inventory
from reconciler.kinds.provider import Provider
from reconciler.model import Account, AnyDriver, AnyResource, Share
from reconciler.providers import driver_class

if TYPE_CHECKING:
    from reconciler.cli.project import Project


def providers(tree: Inventory) -> list[Provider]:
    """Return the accounts that *tree* declares."""
    return [cast("Provider", found) for found in tree.of("Provider")]


def accounts(project: Project, wants: Iterable[AnyResource]) -> Accounts:
    """Return a driver for every share of *wants*; what cannot be had is named."""
    declared = project.accounts_declared
    drivers: dict[Share, AnyDriver] = {}
    failed: dict[str, str] = {}
    for share in sorted({share for want in wants for share in want.shares()}):
        provider = declared.get(share.provider)
        if provider is None:
            failed[share.provider] = "the base branch does not declare this account"
            continue
        try:
            kind = driver_class(provider.spec.type, share.family)
            drivers[share] = kind(account(project, provider, kind.credentials))
        except ReconcilerError as error:
            failed[share.provider] = error.what
    identities = {name: p.spec.account for name, p in declared.items()}
    return Accounts(drivers, identities, failed)


def account(project: Project, provider: Provider, needed: frozenset[str]) -> Account:
    """
    Return *provider* as a driver wants it, its secrets resolved.

    Raises:
        ReconcilerError: A credential that is *needed* is not declared.
        SecretMissing: One that is declared cannot be had.
    """
    spec = provider.spec
    missing = sorted(needed - set(spec.credentials))
    if missing:
        raise ReconcilerError(
            f"Provider/{provider.name} lacks the credential {missing[0]}", code="E602"
        )
    values = {
        name: secrets.resolve(ref, project.environ, project.root)
        for name, ref in spec.credentials.items()
    }
    project.secrets |= set(values.values())
    return Account(
        name=provider.name,
        endpoint=spec.endpoint,
        identity=spec.account,
        secrets=values,
        clock=project.clock,
        sleep=project.sleep,
        cache=project.cache,
        limits=spec.limits,
    )
