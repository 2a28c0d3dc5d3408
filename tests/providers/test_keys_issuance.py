"""Certificates that were bought: what is told of them, and what is wrong with them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from reconciler.cli.project import Project
from reconciler.errors import Rejected, Unsupported
from reconciler.kinds.certificate import BOUGHT, Check, IssuanceState
from reconciler.model import Material, Unknown
from reconciler.providers._keys_document import bought
from reconciler.providers.keys_issuance import KeysIssuance
from tests.support.material import kept_in, material, pkcs8, secrets_in

OPTIONS = {"env": "main", "quiet": True, "verbose": False, "select": (), "exclude": ()}
OPTIONS |= {"inventory": "inventory", "policies": "policies"}
BOUGHT_SPEC = {
    "mode": "import",
    "issuers": [],
    "key": {},
    "bought": {"certificate": {"env": "CRT"}, "key": {"file": "shop.key"}},
}
YAML = """
apiVersion: reconciler/v1
Domain/shop.example: {provider: none}
Certificate/shop.example:
  mode: import
  names: [shop.example]
  bought: {certificate: {env: CRT}, key: {file: shop.key}}
"""


def want(**spec):
    return kept_in(None, **{**BOUGHT_SPEC, **spec})


class Ring:
    """A keyring of one thing."""

    def __init__(self, key: bytes | str, chain: bytes | str) -> None:
        self.key, self.chain = _text(key), _text(chain)

    def open(self, _):
        from reconciler.model import Drawer

        return Drawer(bought(self.key, self.chain))


def _text(pem: bytes | str) -> str:
    return pem if isinstance(pem, str) else pem.decode()


def seen(key, chain):
    from tests.support.material import account_with

    with_keys = account_with(Ring(key, chain))
    return KeysIssuance(with_keys).observe([want()]).states["shop.example"]


def test_what_was_bought_is_told_in_full():
    made = material("www.shop.example", "shop.example")
    kept = seen(made.key, made.chain).kept
    assert kept.names == ("shop.example", "www.shop.example")
    assert kept.algorithm == "ecdsa-p256"
    assert kept.wrong is None
    assert kept.authority is None
    assert kept.not_before < kept.not_after
    assert (len(kept.fingerprint), len(kept.spki)) == (64, 64)


def test_the_usual_forms_of_a_key_become_one():
    root = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = root.issue_cert("shop.example", key_type=trustme.KeyType.RSA)
    pem, chain = leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes()
    key = load_pem_private_key(pem, None)
    old = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, _no_passphrase()
    )
    assert old.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    assert bought(old.decode(), chain.decode()) == Material(pkcs8(pem), chain)
    assert seen(old, chain).kept.algorithm.startswith("rsa-")


def _no_passphrase():
    from cryptography.hazmat.primitives.serialization import NoEncryption

    return NoEncryption()


def test_the_root_is_left_out():
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("shop.example")
    chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
    found = bought(
        leaf.private_key_pem.bytes().decode(), (chain + root.cert_pem.bytes()).decode()
    )
    assert found.chain == chain


def test_a_key_of_another_certificate_may_not_be_installed():
    one, two = material(number=1), material(number=2)
    assert (
        seen(two.key, one.chain).kept.wrong
        == "its private key belongs to another certificate"
    )


def test_a_chain_that_is_out_of_order_may_not_be_installed():
    one, two = material(number=1), material(number=2)
    leaf = one.chain.split(b"-----BEGIN")[1]
    other = two.chain.split(b"-----BEGIN")[2]
    mixed = b"-----BEGIN" + leaf + b"-----BEGIN" + other
    assert "its chain is not in order" in seen(one.key, mixed).kept.wrong


def encrypted(pem: bytes) -> bytes:
    key = load_pem_private_key(pem, None)
    with_one = BestAvailableEncryption(b"passphrase")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, with_one)


@pytest.mark.parametrize(
    ("key", "chain", "said"),
    [
        ("no key", None, "the key that was bought cannot be read"),
        ("encrypted", None, "the key that was bought cannot be read"),
        (None, "no certificate", "the certificate that was bought cannot be read"),
        (None, "", "the certificate that was bought cannot be read"),
    ],
)
def test_what_is_no_pem_is_unknown(key, chain, said):
    made = material()
    key = encrypted(made.key) if key == "encrypted" else key
    found = seen(
        made.key if key is None else key, made.chain if chain is None else chain
    )
    assert isinstance(found, Unknown)
    assert found.why == said
    for piece in secrets_in(made):
        assert piece not in repr(found)


def test_nobody_can_do_anything_about_it():
    from tests.support.material import account_with

    driver = KeysIssuance(account_with(Ring("", "")))
    assert (driver.can, driver.identity(), driver.lists) == ({}, None, False)
    with pytest.raises(Unsupported, match="was bought"):
        driver.apply(want(), Check(share=BOUGHT, fields=(), because="x"), "key-1")
    ring = KeysIssuance(account_with(None)).observe([want()])
    assert isinstance(ring.states["shop.example"], Unknown)


# -- through the composition root ------------------------------------------------


@pytest.fixture
def project(tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "all.yaml").write_text(YAML)
    made = material()
    (tmp_path / "shop.key").write_bytes(made.key)
    environ = {"CRT": made.chain.decode()}
    return Project({**OPTIONS, "root": str(tmp_path)}, environ)


def certificate(project):
    from reconciler.model import Ref

    return project.inventory.get(Ref("Certificate", "shop.example"))


def test_the_command_line_finds_what_was_bought(project):
    wanted = certificate(project)
    accounts = project.accounts([wanted])
    state = accounts.drivers[BOUGHT].observe([wanted]).states["shop.example"]
    accounts.close()
    assert isinstance(state, IssuanceState)
    assert state.kept.names == ("shop.example",)
    assert project.secrets >= {material().key.decode().strip()}
    days = timedelta(days=1)
    told = [
        f.code for f in wanted.findings({BOUGHT: state}, state.kept.not_after - days)
    ]
    assert "bought-certificate-ends" in told


def test_a_secret_that_is_missing_is_unknown_and_named(project, tmp_path):
    (tmp_path / "shop.key").unlink()
    wanted = certificate(project)
    accounts = project.accounts([wanted])
    state = accounts.drivers[BOUGHT].observe([wanted]).states["shop.example"]
    accounts.close()
    assert state == Unknown(why="the secret file:shop.key cannot be read")


def test_no_key_store_is_made_before_one_is_opened(project):
    assert project.keyring._stores == {}
    with pytest.raises(Rejected):
        project.keyring.open(kept_in(None, mode="observe", issuers=[], key={}))
    assert project.keyring._stores == {}
