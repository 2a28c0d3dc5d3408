"""Certificates with their keys, for tests of whoever keeps or installs them."""

from __future__ import annotations

from functools import cache

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from reconciler.kinds.certificate import Certificate
from reconciler.model import Account, Material
from tests.support.contract import NOW, MemoryCache


@cache
def material(*names: str, number: int = 0) -> Material:
    """Return a certificate for *names*; another *number*, another one."""
    root = trustme.CA()
    made = root.create_child_ca().issue_cert(*(names or ("shop.example",)))
    return Material(pkcs8(made.private_key_pem.bytes()), _chain(made))


def _chain(made: trustme.LeafCert) -> bytes:
    return b"".join(one.bytes() for one in made.cert_chain_pems)


def pkcs8(pem: bytes) -> bytes:
    """Return a private key in the form that is kept."""
    key = load_pem_private_key(pem, None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def kept_in(store, name="shop.example", uid=None, **spec):
    """Return a Certificate whose key is kept in *store*, as YAML says it."""
    spec = {
        "names": ["shop.example"],
        "issuers": ["le"],
        "key": {"store": store},
    } | spec
    metadata = {"name": name, **({"uid": uid} if uid else {})}
    return Certificate.model_validate({"metadata": metadata, "spec": spec})


def secrets_in(kept: Material) -> list[str]:
    """Return pieces of the private key that must never be seen."""
    lines = kept.key.decode().splitlines()[1:-1]
    return [line for line in lines if len(line) > 20]


def account_with(keys, **more):
    """Return an account that has this keyring and no vendor."""
    return Account(
        name="keys",
        endpoint=None,
        identity=None,
        secrets={},
        clock=lambda: NOW,
        sleep=lambda _: None,
        cache=MemoryCache(),
        keys=keys,
        **more,
    )
