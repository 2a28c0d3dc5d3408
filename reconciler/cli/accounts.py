"""From Provider documents to drivers, with their secrets resolved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from reconciler.audit.redact import redact, suspects
from reconciler.cli import secrets
from reconciler.engine import Accounts
from reconciler.errors import ReconcilerError
from reconciler.inventory import Inventory
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.kinds.issuer import Issuer
from reconciler.kinds.provider import Provider, ProviderSpec
from reconciler.model import (
    KEYS,
    OWN,
    PUBLIC,
    USAGE,
    Account,
    AnyDriver,
    AnyResource,
    Keyring,
    SecretRef,
    Share,
)
from reconciler.model.repository import ENGINES
from reconciler.providers import driver_class
from reconciler.providers._webhook import INBOUND

if TYPE_CHECKING:
    from reconciler.cli.project import Project


#: The vendor of every authority that speaks ACME.
ACME: Final = "acme"
_ACCOUNT_KEYS: Final = ("accountKey", "nextAccountKey")
_NOT_THERE = "the base branch does not declare this account"
_NOT_DECLARED = {
    OWN: f"the base branch has no Provider/{OWN}: an invoice of ours says who sells"
}


def providers(tree: Inventory) -> list[Provider]:
    """Return the accounts that *tree* declares, as issuers and repositories are."""
    kept = tree.of("BackupRepository")
    return [
        *(cast("Provider", one) for one in tree.of("Provider")),
        *(as_account(cast("Issuer", one)) for one in tree.of("Issuer")),
        *(as_keeper(cast("BackupRepository", one)) for one in kept),
    ]


def as_account(issuer: Issuer) -> Provider:
    """Return *issuer* as the account at an authority that speaks ACME."""
    spec = issuer.spec
    keys = {"accountKey": spec.account_key}
    if spec.next_account_key is not None:
        keys["nextAccountKey"] = spec.next_account_key
    settings = {"contact": ",".join(spec.contact)}
    if spec.staging is not None:
        settings["staging"] = spec.staging
    if spec.eab is not None:
        keys["eabHmac"] = spec.eab.hmac
        settings["eabKid"] = spec.eab.kid
    made = ProviderSpec(
        type=ACME,
        endpoint=spec.directory,
        credentials=keys,
        settings={name: value for name, value in settings.items() if value},
        trust=spec.trust,
    )
    return Provider(metadata=issuer.metadata, spec=made)


def as_keeper(repository: BackupRepository) -> Provider:
    """
    Return *repository* as an account of its engine.

    Whose it is, is its address: a key that opens what is there proves what is not.
    """
    spec = repository.spec
    named = spec.credentials
    keys = {name: getattr(named, name) for name in type(named).model_fields}
    keys["escrowKey"] = spec.escrow_key
    settings = {"url": spec.url, "path": spec.path}
    made = ProviderSpec(
        type=spec.engine,
        account=spec.url,
        endpoint=spec.place,
        credentials={name: ref for name, ref in keys.items() if ref is not None},
        settings={name: value for name, value in settings.items() if value},
    )
    return Provider(metadata=repository.metadata, spec=made)


def accounts(project: Project, wants: Iterable[AnyResource]) -> Accounts:
    """Return a driver for every share of *wants*; what cannot be had is named."""
    return _accounts(project, _shares(wants, project.accounts_declared))


def probing(project: Project, wants: Iterable[AnyResource]) -> Accounts:
    """Return a driver for everybody who measures what *wants* use."""
    return _accounts(project, {share for want in wants for share in want.probes()})


def holding(project: Project, wants: Iterable[AnyResource]) -> Accounts:
    """Return a driver for every account that holds *wants*, and for no witness."""
    return _accounts(project, {share for want in wants for share in want.shares()})


def keeping(project: Project, share: Share) -> Accounts:
    """Return a driver for one *share* of an account that is declared."""
    return _accounts(project, {share})


def declared_in(
    project: Project, tree: Inventory, wants: Iterable[AnyResource]
) -> Accounts:
    """Return a driver for every account in *tree*, written or not, of *wants*."""
    declared = {one.name: one for one in providers(tree)}
    shares = {share for want in wants for share in want.shares()}
    return _accounts(project, shares, with_public(with_own_books(declared)))


def _accounts(
    project: Project,
    shares: Iterable[Share],
    known: Mapping[str, Provider] | None = None,
) -> Accounts:
    declared = project.accounts_declared if known is None else known
    drivers: dict[Share, AnyDriver] = {}
    failed: dict[str, str] = {}
    for share in sorted(shares):
        provider = declared.get(share.provider)
        if provider is None:
            failed[share.provider] = _NOT_DECLARED.get(share.provider, _NOT_THERE)
            continue
        try:
            kind = driver_class(provider.spec.type, share.family)
            drivers[share] = kind(account(project, provider, kind.credentials))
        except ReconcilerError as error:
            failed[share.provider] = error.what
    identities = {name: p.spec.account for name, p in declared.items()}
    return Accounts(drivers, identities, failed, also=(project.keyring.close,))


def _shares(
    wants: Iterable[AnyResource], declared: Mapping[str, Provider]
) -> set[Share]:
    """Return every share of *wants*, and the witnesses' if there is their account."""
    found: set[Share] = set()
    for want in wants:
        found.update(want.shares())
        found.update(one for one in want.witnesses() if one.provider in declared)
    return found


def with_public(declared: Mapping[str, Provider]) -> dict[str, Provider]:
    """
    Return *declared* and the built-in account, which needs no document.

    Where every account is on this machine it exists only if it is declared (and then
    is on this machine too): a sandbox never speaks to the internet.
    """
    if PUBLIC in declared or all_loopback(declared):
        return dict(declared)
    return {**declared, PUBLIC: _built_in(PUBLIC)}


def with_own_books(declared: Mapping[str, Provider]) -> dict[str, Provider]:
    """Return *declared* and what is kept by us: certificates bought, what was used."""
    return {KEYS: _built_in(KEYS), USAGE: _built_in(USAGE), **declared}


def _built_in(name: str) -> Provider:
    spec = {"type": name, "credentials": {}}
    return Provider.model_validate({"metadata": {"name": name}, "spec": spec})


def all_loopback(declared: Mapping[str, Provider]) -> bool:
    """
    Say whether every account is a server on this machine, and there is one.

    What only keeps our own books, keys or files is no server, here or elsewhere.
    """
    none = {OWN, KEYS, USAGE}
    servers = [o for name, o in declared.items() if name not in none and not o.files]
    return bool(servers) and all(one.loopback for one in servers)


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
        if name in needed or name not in INBOUND
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
        settings=spec.settings,
        trust=_trusted(project, provider),
        keys=_keyring(project, provider, values),
        challenges=project.challenges if spec.type == ACME else None,
        usage=project.usage if spec.type == USAGE else None,
        backing=_Beside(project) if spec.type in ENGINES else None,
    )


class _Beside:
    """What else whoever keeps backups has to know: other repositories, secrets."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def repository(self, name: str) -> Account:
        """Return another repository, to copy from."""
        found = self._project.accounts_declared.get(name)
        if found is None or found.spec.type not in ENGINES:
            raise ReconcilerError(f"BackupRepository/{name}: {_NOT_THERE}", code="E602")
        return account(self._project, found, frozenset())

    def secret(self, ref: SecretRef) -> str:
        """Return what *ref* names, and remember never to show it."""
        value = secrets.resolve(ref, self._project.environ, self._project.root)
        self._project.secrets |= {value}
        return value

    def masked(self, text: str) -> str:
        """Return *text* without secrets, also those of which nobody asked here yet."""
        environ = suspects(self._project.environ)
        return str(redact(text, [*self._project.secrets, *environ]))


def _keyring(
    project: Project, provider: Provider, values: Mapping[str, str]
) -> Keyring:
    """Return the key stores; an authority's account keeps its own key out of them."""
    own = [values[name] for name in _ACCOUNT_KEYS if name in values]
    if provider.spec.type != ACME or not own:
        return project.keyring
    from reconciler.providers._keyring import Apart

    return Apart(project.keyring, own)


def _trusted(project: Project, provider: Provider) -> str | None:
    """Return the certificates that *provider* is trusted by."""
    if provider.spec.trust is None:
        return None
    try:
        return (project.root / provider.spec.trust).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise ReconcilerError(
            f"{provider.spec.trust} cannot be read: {provider.name} is trusted by it",
            hint="name a file of certificates (PEM), relative to the repository",
            code="E602",
        ) from None
