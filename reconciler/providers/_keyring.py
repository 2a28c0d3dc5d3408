"""
Where certificates and their keys are kept: which store, as each document says.

A store is made when the first certificate that it keeps is opened, its libraries and
its secrets with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from reconciler.errors import ProviderError, ReconcilerError, Rejected
from reconciler.kinds.certificate import Certificate, KeyStore
from reconciler.model import Account, AnyResource, Drawer, Keyring, SecretRef
from reconciler.providers._keys_document import (
    Store,
    apart,
    bought,
    named,
    read,
    written,
)


class Around(NamedTuple):
    """
    What the key stores need of the world around them.

    Attributes:
        root: What the folders of stores are relative to.
        resolve: Returns the secret that a reference names.
        account: Returns the account of a Provider, with these credentials.
        exposed: Returns the line of a .gitignore that keeps git off a folder, or None
            where git does not take what is in it.
    """

    root: Path
    resolve: Callable[[SecretRef], str]
    account: Callable[[str, frozenset[str]], Account]
    exposed: Callable[[Path], str | None]


class KeyStores:
    """The keyring of one inventory; thread-safe, see ``Keyring``."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._lock = Lock()
        self._stores: dict[KeyStore, Store] = {}

    def __repr__(self) -> str:
        return "KeyStores(...)"

    def open(self, want: AnyResource) -> Drawer:
        """Return what is kept of *want*; see ``Keyring.open``."""
        spec = _certificate(want).spec
        if spec.bought is not None:
            key = self._secret(spec.bought.key)
            chain = self._secret(spec.bought.certificate)
            return Drawer(bought(key, chain))
        store = self._store(_certificate(want))
        return read(want.uid, store.read(named(want.uid)))

    def put(self, want: AnyResource, drawer: Drawer) -> Drawer:
        """Keep *drawer*; see ``Keyring.put``."""
        certificate = _certificate(want)
        if certificate.spec.bought is not None:
            raise Rejected("what was bought is kept by whoever bought it")
        raw = written(want.uid, drawer)
        store = self._store(certificate)
        version = store.write(named(want.uid), raw, drawer.version)
        return drawer._replace(version=version)

    def close(self) -> None:
        """Let go of connections; the next call opens new ones."""
        with self._lock:
            for store in self._stores.values():
                store.close()

    def _store(self, want: Certificate) -> Store:
        said = want.spec.key.store
        if said is None:
            raise Rejected(
                f"{want.ref} keeps no key", hint="say in key.store where it is kept"
            )
        with self._lock:
            if said not in self._stores:
                self._stores[said] = self._made(said)
            return self._stores[said]

    def _made(self, said: KeyStore) -> Store:
        around = self._around
        if said.file is not None:
            from reconciler.providers._keys_file import Files  # noqa: PLC0415

            return Files(around.root / said.file, around.exposed)
        if (age := said.age) is not None:
            from reconciler.providers._keys_age import Age  # noqa: PLC0415

            identity = age.identity
            folder = around.root / age.folder
            return Age(folder, age.recipients, lambda: self._secret(identity))
        if (aws := said.aws_secrets_manager) is not None:
            from reconciler.providers._aws import CREDENTIALS  # noqa: PLC0415
            from reconciler.providers._keys_aws import AwsSecrets  # noqa: PLC0415

            account = self._account(aws.provider, CREDENTIALS)
            return AwsSecrets(account, aws.prefix, aws.region, aws.kms_key)
        from reconciler.providers._keys_vault import (  # noqa: PLC0415
            CREDENTIALS,
            Vault,
        )

        assert said.vault is not None  # noqa: S101  (exactly one is there)
        account = self._account(said.vault.provider, CREDENTIALS)
        return Vault(account, said.vault.path)

    def _account(self, name: str, needed: frozenset[str]) -> Account:
        try:
            return self._around.account(name, needed)
        except ReconcilerError as error:
            raise _as_refused(error) from None

    def _secret(self, ref: SecretRef) -> str:
        try:
            return self._around.resolve(ref)
        except ReconcilerError as error:
            raise _as_refused(error) from None


class Apart:
    """A keyring that no certificate's key gets into which is one of *others*."""

    def __init__(self, keyring: Keyring, others: Iterable[str]) -> None:
        self._keyring = keyring
        self._others = tuple(others)

    def __repr__(self) -> str:
        return "Apart(...)"

    def open(self, want: AnyResource) -> Drawer:
        """Return what is kept of *want*; see ``Keyring.open``."""
        return self._keyring.open(want)

    def put(self, want: AnyResource, drawer: Drawer) -> Drawer:
        """Keep *drawer*, unless one of the others is in it; see ``Keyring.put``."""
        apart(drawer, self._others)
        return self._keyring.put(want, drawer)


def _certificate(want: AnyResource) -> Certificate:
    if not isinstance(want, Certificate):
        raise Rejected(f"{want.ref} has no key to keep")
    return want


def _as_refused(error: ReconcilerError) -> ProviderError:
    """Return *error* as one of a provider: the store cannot be read."""
    return Rejected(error.what, hint=error.hint)
