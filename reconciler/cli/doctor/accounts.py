"""Every account: whether its keys are taken, whose they are, what is unwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from reconciler.cli.accounts import account
from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.cli.secrets import SecretMissing
from reconciler.errors import ProviderError, ReconcilerError, Rejected
from reconciler.model import KEYS, OWN, PUBLIC, USAGE, AnyDriver, Ref
from reconciler.providers import KEEPS, driver_class, vendors

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.provider import Provider

#: A vendor that only keeps keys.
VAULT = "vault"
READ_ONLY = "keys that may only read are enough until `apply`"


def checks(project: Project) -> Iterator[Check]:
    """Yield what is so with every account of the inventory."""
    declared = {
        name: provider
        for name, provider in project.accounts_declared.items()
        if name not in {PUBLIC, OWN, KEYS, USAGE}
    }
    if not declared:
        yield note("accounts", "none is declared: what is watched needs no key")
    for name, provider in sorted(declared.items()):
        yield from _account(project, name, provider)


def _account(project: Project, name: str, provider: Provider) -> Iterator[Check]:
    """Ask once whose the keys are, and once what is wrong with them."""
    if provider.spec.type == VAULT:
        yield from _vault(project, name, provider)
        return
    keeper = Ref("BackupRepository", name) in project.inventory
    known = vendors().get(provider.spec.type, frozenset({"dns"}))
    families = sorted(known & KEEPS if keeper else known - KEEPS)
    found: list[Check] = []
    for family in families:
        try:
            kind = driver_class(provider.spec.type, family)
            driver = kind(account(project, provider, kind.credentials))
        except SecretMissing:
            yield note(name, "is not asked: a secret cannot be had")
            return
        except ReconcilerError as error:
            fix = error.hint or "see docs/yaml.md for what this vendor needs"
            yield mend(name, error.what, fix)
            return
        with closing(driver):
            found += (c for c in _all(name, provider, driver) if c not in found)
    yield from found or [ok(name, READ_ONLY)]


def _vault(project: Project, name: str, provider: Provider) -> Iterator[Check]:
    """Ask about the token of a key store, which no resource is declared at."""
    from reconciler.providers._keys_vault import CREDENTIALS, Vault

    try:
        with closing(Vault(account(project, provider, CREDENTIALS), "")) as store:
            advice = [mend(name, one.said, one.fix) for one in store.examine()]
    except SecretMissing:
        yield note(name, "is not asked: a secret cannot be had")
    except ProviderError as error:
        yield _refused(name, error)
    except ReconcilerError as error:
        yield mend(name, error.what, error.hint or "see docs/keys.md")
    else:
        yield from advice or [ok(name, "the token is taken")]


def _all(name: str, provider: Provider, driver: AnyDriver) -> Iterator[Check]:
    try:
        yield from _identity(name, provider.spec.account, driver.identity())
        for advice in driver.examine():
            yield mend(name, advice.said, advice.fix)
    except ProviderError as error:
        yield _refused(name, error)
    except Exception as error:  # noqa: BLE001  (a fault of one driver hides no other)
        yield mend(name, f"the driver failed: {type(error).__name__}", "report it")


def _identity(name: str, declared: str | None, live: str | None) -> Iterator[Check]:
    if declared and live is None:
        yield mend(
            name,
            "the keys do not tell whose they are: no listing proves an absence",
            "let them read the account, or leave `account` out where the vendor "
            "never tells (docs/yaml.md)",
        )
    elif declared and live != declared:
        yield mend(
            name,
            f"the keys belong to {live}, declared is {declared}: nothing is planned",
            "docs/runbooks/wrong-account.md",
        )
    elif live and not declared:
        fix = f'write account: "{live}" if that is the account you mean'
        yield mend(name, f"`account` is not declared; the keys belong to {live}", fix)


def _refused(name: str, error: ProviderError) -> Check:
    if isinstance(error, Rejected):
        fix = "make new keys at the vendor and put them where the secret is kept"
        return mend(name, f"the keys are not taken: {error.what}", fix)
    fix = "try again; look at the vendor's status page"
    return mend(name, f"does not answer: {error.what}", fix)
