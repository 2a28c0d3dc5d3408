"""``reconciler demo --real``: certificates of a real authority in a real web server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, Final

import click
import yaml

from reconciler.cli.demo_agency import DemoAgency, say
from reconciler.errors import ReconcilerError
from reconciler.sandbox import town
from reconciler.sandbox.example_certificates import account_key
from reconciler.sandbox.powerdns import API_KEY

#: Everything that no git should have: servers, their secrets, the key store.
SERVERS: Final = ".servers"
#: Whose old pair is put back by hand, and who is not told of what is installed.
_PUT_BACK, _NOT_TOLD = "brug.example", "kade.example"
#: A name that no record has: only the wildcard is good for it.
_ANY: Final = "anything.brug.example"
_FILES: Final = ("accounts", "domains", "certificates")
_TTL: Final = 300


def needed() -> None:
    """Raise ReconcilerError where a program is not installed."""
    packages = " ".join(town.missing())
    if packages:
        raise ReconcilerError(
            "the demo with real programs needs some that are not installed here",
            hint=f"at Debian: apt-get install --no-install-recommends {packages}",
            code="E615",
        )


class RealDemo(DemoAgency):
    """A small agency whose DNS, authority and web server are real programs."""

    def run(self, remote: Path) -> None:
        """Issue, install, serve; look again; break it by hand; look again."""
        (self.root / "inventory").mkdir(parents=True)
        documents = {name: _read(name) for name in _FILES}
        servers = town.Town(
            self.root / SERVERS,
            _zones(documents["domains"]),
            _sites(documents["certificates"]),
            sorted(_addresses(documents["domains"])),
        )
        say("Three real programs on this machine, and an inventory in git")
        with servers as running:
            self._write(documents, running)
            self.begin(remote)
            self.commit("inventory: three domains and their certificates")
            _told(running)
            self._issue(running)
            self._break(running)
            say("The audit log, and the proof that it is what was written")
            self.expect("audit", "log", "--select", f"Certificate/{_PUT_BACK}")
            self.expect("audit", "verify")

    def _write(self, documents: Mapping[str, str], running: town.Town) -> None:
        secrets = self.root / SERVERS / "secrets"
        secrets.mkdir(parents=True, mode=0o700)
        for name, value in {"powerdns": API_KEY, "account-key": account_key()}.items():
            (secrets / name).touch(mode=0o600)
            (secrets / name).write_text(value, encoding="ascii")
        endpoints = {
            "powerdns": running.powerdns.endpoint,
            "directory": running.pebble.directory,
            "public": running.public,
            "folder": running.nginx.endpoint,
            **running.nginx.settings,
        }
        for name, text in documents.items():
            path = self.root / "inventory" / f"{name}.yaml"
            path.write_text(Template(text).substitute(endpoints), encoding="utf-8")
        (self.root / ".gitignore").write_text(f"/{SERVERS}/\n", encoding="utf-8")

    def _issue(self, running: town.Town) -> None:
        self.expect("validate")
        say("The plan: nothing is issued yet")
        self.expect("-q", "plan")
        say("Apply: prove the names in DNS, issue, install, look at what is served")
        self.expect("-q", "apply", "--auto-approve")
        say("The proofs are gone from DNS, and visitors are shown what was issued")
        if left := running.proofs():
            raise ReconcilerError(f"{left[0]} is still in DNS")
        click.echo("_acme-challenge: no record is left")
        for name in (_PUT_BACK, _ANY, _NOT_TOLD, f"shop.{_NOT_TOLD}", "sluis.example"):
            click.echo(_shown(name, running.visit(name)))
        say("Issued, installed, served: three states, each looked at by itself")
        self.expect("explain", f"Certificate/{_PUT_BACK}")
        self._nothing_to_do("The second plan: nothing more to do")

    def _break(self, running: town.Town) -> None:
        say("By hand: one old pair is put back, and nginx is not told of another")
        stopgap = Path(".versions")
        before = {
            place: running.lead(place, stopgap / place / "stopgap")
            for place in (_PUT_BACK, _NOT_TOLD)
        }
        running.reload(_PUT_BACK)
        running.lead(_NOT_TOLD, before[_NOT_TOLD])
        click.echo(f"{_PUT_BACK:<14} issued; an old pair is installed and served")
        click.echo(f"{_NOT_TOLD:<14} issued and installed; an old pair is served")
        self._forget()
        self.expect("-q", "plan")
        self.expect("-q", "apply", "--auto-approve")
        for name in (_PUT_BACK, _NOT_TOLD):
            click.echo(_shown(name, running.visit(name)))
        self._nothing_to_do("And again: nothing more to do")

    def _nothing_to_do(self, title: str) -> None:
        say(title)
        out = self.root / SERVERS / "plan.json"
        self.expect("-q", "plan", aside=("--out", str(out)))
        found = json.loads(out.read_text(encoding="utf-8"))
        if not (found["summary"]["noop"] and found["complete"]):
            raise ReconcilerError("there is something to do still")

    def _forget(self) -> None:
        """Take what is kept between runs: what was seen a minute ago is not asked."""
        click.secho("$ rm -r .git/reconciler   # the next run is on a new machine")
        shutil.rmtree(self.root / ".git" / "reconciler")


def _told(running: town.Town) -> None:
    dns = f"PowerDNS at port {running.powerdns.dns_port}"
    click.echo(f"{dns}: three zones, and what is to be proven in them")
    click.echo(f"Pebble at port {running.pebble.port}: signs, and asks that PowerDNS")
    click.echo(f"nginx at port {running.nginx.port}: with pairs that signed themselves")


def _read(name: str) -> str:
    """Return one file of the inventory, as a template."""
    root = resources.files("reconciler.cli") / "real_agency"
    return (root / f"{name}.yaml").read_text(encoding="utf-8")


def _documents(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the fields of each document."""
    for address, spec in yaml.safe_load(text).items():
        _, _, name = address.partition("/")
        if name:
            yield name, spec


def _zones(text: str) -> dict[str, list[dict[str, Any]]]:
    """Return the sets of records of each Domain."""
    return {
        name: [
            {
                "name": row["name"],
                "type": row["type"],
                "ttl": _TTL,
                "values": [row["value"]],
            }
            for row in spec["dns"]["records"]
        ]
        for name, spec in _documents(text)
    }


def _addresses(text: str) -> set[str]:
    return {
        value
        for rrsets in _zones(text).values()
        for rrset in rrsets
        if rrset["type"] in {"A", "AAAA"}
        for value in rrset["values"]
    }


def _sites(text: str) -> dict[str, tuple[str, ...]]:
    """Return the names of each Certificate, which is called at nginx as in git."""
    return {name: tuple(spec["names"]) for name, spec in _documents(text)}


def _shown(name: str, seen: Mapping[str, Any]) -> str:
    """Return a line about the certificate that a visitor of *name* accepted."""
    by = dict(pair for part in seen["issuer"] for pair in part)
    names = ", ".join(sorted(value for _, value in seen["subjectAltName"]))
    return f"{name:<22} {names}  ({by['commonName']}, until {seen['notAfter']})"
