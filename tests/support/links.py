"""An agency with one certificate, from its zone over an authority to its web server."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from reconciler.providers._certificate import key_pem
from reconciler.providers._install import seen
from reconciler.sandbox import Sandbox, World
from reconciler.sandbox.acme_seeds import ProfileSeed
from reconciler.sandbox.acme_sign import Wish, authority
from reconciler.sandbox.example_certificates import account_key
from tests.support.agency import Agency
from tests.support.shell import at

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
NAME = "bakker.example"
CERTIFICATE = f"Certificate/{NAME}"
WEB, OTHER, THIRD = "192.0.2.20", "192.0.2.21", "192.0.2.22"
LATE = "ns-2049.awsdns-65.net"
FILE = "inventory/site.yaml"
ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/namecom-main:
  type: namecom
  account: agency-test
  endpoint: {namecom}
  credentials:
    username: {{file: .sandbox/secrets/namecom-username}}
    token: {{file: .sandbox/secrets/namecom-token}}
Provider/aws:
  type: aws
  account: "123456789012"
  endpoint: {aws}
  credentials:
    accessKeyId: {{file: .sandbox/secrets/aws-access-key-id}}
    secretAccessKey: {{file: .sandbox/secrets/aws-secret-access-key}}
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {whm}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
Issuer/first:
  directory: {acme}/first/directory
  accountKey: {{file: .sandbox/secrets/acme-account-key}}
  caa: [first.example]
Issuer/second:
  directory: {acme}/second/directory
  accountKey: {{file: .sandbox/secrets/acme-account-key}}
  caa: [second.example]
"""
ACME = f"""\
{CERTIFICATE}:
  names: [{NAME}]
  issuers: [first, second]
  scan: off
  key: {{store: {{file: .sandbox/keys}}}}
"""
PROVIDED = f"{CERTIFICATE}: {{mode: provider, names: [{NAME}], scan: off}}\n"
BOUGHT = f"""\
{CERTIFICATE}:
  mode: import
  names: [{NAME}]
  scan: off
  bought:
    certificate: {{file: .sandbox/secrets/bought.pem}}
    key: {{file: .sandbox/secrets/bought.key}}
"""
SECOND = """\
apiVersion: reconciler/v1
Provider/whm-2:
  type: whm
  account: whm2.agency.example
  endpoint: {endpoint}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
"""
SITE = """\
apiVersion: reconciler/v1
Domain/{name}:
  provider: namecom-main
  renewal: {{mode: manual}}
  dns:
    targets: [aws]
    records:
      - {{name: "@", type: A, values: [{addresses}]}}
      - {{name: "@", type: TXT, value: v=spf1 -all}}
      - {{name: _dmarc, type: TXT, value: v=DMARC1; p=reject}}
HostingPlan/care-5: {{price: 10.00 EUR/month, packages: {{whm: care_5g}}}}
HostingAccount/{name}: {{provider: whm-1, account: bakker, plan: care-5}}
{certificate}"""


class Linked(Agency):
    """
    One site with one certificate; a context manager.

    ``plan`` and ``apply`` are the product's; ``kept``, ``installed`` and ``served`` are
    read beside it, from the key store, the panel and the web servers.
    """

    def __init__(self, tmp: Path, certificate: str = ACME, **more: Any) -> None:
        self.addresses = [WEB, OTHER]
        text = SITE.format(
            name=NAME, addresses=", ".join(self.addresses), certificate=certificate
        )
        more = {"accounts": ACCOUNTS, "start": START, "remote": False, **more}
        super().__init__(tmp, {FILE: text}, public=True, **more)
        self.secret("acme-account-key", account_key())
        public = self.sandbox.bench("public").world
        public["certificates"].setdefault(THIRD, [{"names": [NAME], "days": 60}])
        public["panels"][THIRD] = "whm-2"

    def secret(self, name: str, text: str) -> None:
        path = self.root / ".sandbox" / "secrets" / name
        path.write_text(text, encoding="ascii")
        path.chmod(0o600)

    def bought(self, days: float) -> str:
        """Have the secrets hold a certificate that was just bought; return its mark."""
        seller = self.sandbox.bench("acme").state["authorities"]["second"]["ca"]
        key = ec.generate_private_key(ec.SECP256R1())
        number = x509.random_serial_number()
        wish = Wish((NAME,), key.public_key(), "", "http://x", self.clock(), number)
        profile = ProfileSeed(validity=timedelta(days=days))
        pem = authority(seller).issue(wish, profile)
        self.secret("bought.pem", pem + seller["intermediates"][0])
        self.secret("bought.key", key_pem(key).decode())
        return seen(pem.encode()).fingerprint

    @contextmanager
    def another_server(self) -> Iterator[Sandbox]:
        """Have a second panel, with the same account on it and nothing installed."""
        first = self.sandbox.bench("whm").world
        part = {**first, "hostname": "whm2.agency.example"}
        with Sandbox(World({"whm": part}), self.clock) as other:
            for bench in self.sandbox.benches.values():
                bench[1].beside["whm-2"] = other.bench("whm")
            text = SECOND.format(endpoint=other.endpoint("whm"))
            self.write("inventory/second.yaml", text)
            yield other

    def by_hand(self, vendor: str, thing: str, **data: Any) -> None:
        """Change something at a vendor, or its way of working."""
        self.sandbox.edit(vendor, thing, data)

    def panel(self, **fields: Any) -> None:
        """Change the account at the panel."""
        self.by_hand("whm", "account", user="bakker", **fields)

    # -- what the product says and does --------------------------------------------

    def settled(self):
        """Run once; all three states agree."""
        self.ran()
        assert self.served() == {self.kept()} == {self.installed()}
        return self

    def ran(self, **options: Any) -> list[tuple[str, str]]:
        """Do what one scheduled run does; return what was done, and how it ended."""
        result = self.apply(**options)
        return [(d.action.change.verb, d.status) for d in result.done]

    def found(self, plan: Any = None) -> dict[str, str]:
        """Return what is found about the certificate, and how loud."""
        plan = plan or self.plan()
        return {
            f.code: str(f.severity) for f in plan.findings if f.kind == "Certificate"
        }

    def said(self, code: str, plan: Any = None) -> str:
        """Return the message of one finding."""
        plan = plan or self.plan()
        return next(f.message for f in plan.findings if f.code == code)

    def todo(self, plan: Any = None) -> list[tuple[str, str]]:
        """Return what a run would do about certificates, and whether it may."""
        plan = plan or self.plan()
        return [(a.change.verb, str(a.decision)) for a in plan.actions]

    def deferred(self, plan: Any = None) -> dict[str, datetime]:
        """Return what waits, and until when."""
        plan = plan or self.plan()
        return {one.verb: one.until for one in plan.deferred}

    def approved(self) -> list[tuple[str, str]]:
        """Do what is held, as somebody who may has said; return as ``ran``."""
        result = self.apply(
            approved={one.id: one.digest for one in self.plan().actions}
        )
        return [(d.action.change.verb, d.status) for d in result.done]

    def explained(self) -> str:
        """Return what ``explain`` says of the certificate."""
        said = at(self, "explain", CERTIFICATE)
        assert said.code == 0, said.err
        return str(said.out)

    # -- what is so -------------------------------------------------------------------

    @property
    def drawer(self) -> Path:
        """The file that the key store has of the certificate."""
        return self.root / ".sandbox" / "keys" / f"{NAME}.json"

    def material(self) -> dict[str, str]:
        """Return what is kept: key and chain."""
        found: dict[str, str] = json.loads(self.drawer.read_text())["current"]
        return found

    def kept(self) -> str:
        """Return the fingerprint of what the key store has."""
        return seen(self.material()["chain"].encode()).fingerprint

    def site(self, vendor: str = "whm", name: str = NAME) -> dict[str, Any]:
        """Return what a panel has at a site."""
        accounts = self.sandbox.bench(vendor).state["accounts"].values()
        found: dict[str, Any] = next(
            one["sites"][name] for one in accounts if name in one["sites"]
        )
        return found

    def installed(self) -> str:
        """Return the fingerprint of what the panel has."""
        return seen(self.site()["pem"].encode()).fingerprint

    def served(self) -> set[str]:
        """Return the fingerprints of what visitors get at all addresses."""
        context = ssl.create_default_context(cadata=self._routes["authorities"])
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return {self._shown(address, context) for address in self.addresses}

    @property
    def _routes(self) -> dict[str, Any]:
        with urlopen(self.sandbox.endpoint("public") + "/routes") as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _shown(self, address: str, context: ssl.SSLContext) -> str:
        host, _, port = self._routes["routes"][f"{address}:443"].rpartition(":")
        with (
            socket.create_connection((host, int(port)), 5) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as secured,
        ):
            return hashlib.sha256(secured.getpeercert(True) or b"").hexdigest()

    def orders(self) -> list[str]:
        """Return the authorities that signed something, in order."""
        found = self.sandbox.look("acme", "certificates")
        return [one["authority"] for one in found]

    def asked(self, authority: str = "first") -> int:
        """Return how many orders an authority was sent."""
        counts = self.sandbox.ledger.requests().get("acme", {})
        return int(counts.get(f"{authority}/newOrder", 0))

    def agrees(self) -> None:
        """Assert that issued, installed and served are one, and nothing is left."""
        kept = self.kept()
        assert self.installed() == kept
        assert self.served() == {kept}
        plan = self.plan()
        assert self.todo(plan) == []
        assert self.deferred(plan) == {}
        assert self.found(plan) == {}
