"""A repository whose certificates are ordered from a real Pebble over a real PowerDNS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from reconciler.sandbox.powerdns import API_KEY
from tests.support.issuing import account_key
from tests.support.pebble import Town

_ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/pdns:
  type: powerdns
  endpoint: {pdns}
  settings: {{nameservers: "127.0.0.1:{dns}"}}
  credentials: {{apiKey: {{file: .secrets/pdns}}}}
Issuer/main:
  directory: {directory}
  trust: .secrets/trust.pem
  accountKey: {{file: .secrets/account.pem}}
"""
_ONE = """\
Domain/{name}:
  provider: none
  dns: {{targets: [pdns], records: []}}
Certificate/{name}:
  names: [{name}, "*.{name}"]
  issuers: [main]
  key: {{store: {{file: .keys}}}}
"""


class Repository:
    """An inventory of its own; the base is taken."""

    def __init__(self, root: Path, town: Town, names: Iterable[str]) -> None:
        self.root = root
        self.town = town
        self.names = list(names)
        secrets = root / ".secrets"
        secrets.mkdir(parents=True)
        (secrets / "pdns").write_text(API_KEY)
        (secrets / "account.pem").write_text(account_key())
        (secrets / "trust.pem").write_text(town.pebble.trust)
        accounts = _ACCOUNTS.format(
            pdns=town.pdns.endpoint,
            dns=town.pdns.dns_port,
            directory=town.pebble.directory,
        )
        (root / "inventory").mkdir()
        (root / "inventory" / "accounts.yaml").write_text(accounts)
        text = "apiVersion: reconciler/v1\n" + "".join(
            _ONE.format(name=name) for name in self.names
        )
        (root / "inventory" / "certificates.yaml").write_text(text)
        (root / ".gitignore").write_text("/.secrets/\n/.keys/\n")
        for name in self.names:
            town.zone(name)
        self.git("init", "-q", "-b", "main")
        self.git("add", ".")
        self.git("commit", "-qm", "inventory: begin")

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Test", "-c", "user.email=test@a.example")
        return subprocess.run(
            ["git", *who, *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def run(
        self,
        *arguments: str,
        by: str = "reconciler.cli",
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line, or another module with its arguments."""
        path = {"PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run(
            [sys.executable, "-m", by, *arguments],
            cwd=self.root,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **path, **(environ or {})},
        )
