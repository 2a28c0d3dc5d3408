"""A repository with an estate of any size, its base, and a snapshot that agrees."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.generate import INCLUDING, generate
from benchmarks.measure import RECONCILER, Used, child
from reconciler.audit import Base, Batch, GitStore, Run
from reconciler.engine import Journal
from reconciler.engine.snapshot import FORMAT, written

SHARED = 3
AS_OF = "2026-11-22T06:00:00Z"
_AUTHOR = ("reconciler", "reconciler@localhost")
_HOSTS = ["ns1.dns.example", "ns2.dns.example"]


class Estate:
    """
    A git repository below *folder*; it is made where it is not there yet.

    Attributes:
        observed: The snapshot, with which every resource agrees.
    """

    def __init__(self, folder: Path, resources: int) -> None:
        self.root = folder / f"estate-{resources}"
        self.observed = self.root / ".git" / "observed.json"
        if not self.root.exists():
            generate(self.root / "inventory", resources)
            commit(self.root)
            take_base(self.root)
            self.observed.write_text(written(snapshot(resources)), encoding="utf-8")

    def run(self, *argv: str) -> Used:
        """Run the command line in this estate; it must end well."""
        return child([*RECONCILER, "-q", "-C", str(self.root), *argv], self.root)

    def plan(self) -> Used:
        """Plan against the snapshot, and make sure that nothing is to be done."""
        used = self.run(
            "plan", "--as-of", AS_OF, "--observed", str(self.observed), "--format=json"
        )
        if '"actions": []' not in used.out or '"unknown": []' not in used.out:
            raise RuntimeError(f"the plan is not empty: {used.out[:500]}")
        return used

    def forget(self) -> None:
        """Remove every cache: the next command is a cold one."""
        shutil.rmtree(self.root / ".git" / "reconciler", ignore_errors=True)

    def edit(self, number: int) -> None:
        """Change one customer's file in a way that needs no action."""
        path = self.root / "inventory" / "clients" / "0000" / "c00001.yaml"
        text = path.read_text(encoding="utf-8")
        text = text.replace("customer: c00001", f"customer: c00001-{number}", 1)
        path.write_text(text, encoding="utf-8")

    def restore(self) -> None:
        """Take every change of the work tree back."""
        git(self.root, "checkout", "-q", "--", "inventory")


def git(root: Path, *argv: str) -> str:
    """Return what git prints."""
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@agency.example")
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return subprocess.run(
        ["git", *who, "-C", str(root), *argv],
        check=True,
        capture_output=True,
        text=True,
        env=kept,
    ).stdout.strip()


def commit(root: Path) -> None:
    """Make a repository of *root*, with everything in its first commit."""
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "--all")
    git(root, "commit", "-q", "-m", "inventory: begin")


def store(root: Path, remote: str | None = None) -> GitStore:
    """Return the journal of *root*."""
    environ: Mapping[str, str] = os.environ
    return GitStore(root, "main", remote, _AUTHOR, environ=environ, sleep=time.sleep)


def run(number: int, head: str | None = None) -> Run:
    """Return a run of the benchmark."""
    now = datetime.now(UTC)
    return Run(f"{now:%Y%m%dT%H%M%SZ}-{number:08x}", "main", "bench", head, now)


def take_base(root: Path) -> None:
    """Record the commit that is checked out as applied."""
    head = git(root, "rev-parse", "HEAD")
    with Journal(store(root), run(0, head), lambda: datetime.now(UTC)) as journal:
        journal.record(Batch(base=Base(commit=head), phase="base"))


def snapshot(resources: int) -> dict[str, object]:
    """Return what ``reconciler observe`` would write, where everything agrees."""
    names = [f"site-{number:06d}.example" for number in range(resources - SHARED)]
    registrar = {name: _registration(n) for n, name in enumerate(names)}
    zones = {name: _zone(n, name) for n, name in enumerate(names)}
    return {
        "format": FORMAT,
        "at": AS_OF,
        "shares": [
            _share("porkbun-main", "domain", registrar),
            _share("powerdns-main", "dns", zones),
        ],
    }


def _share(provider: str, family: str, states: Mapping[str, object]) -> object:
    return {
        "provider": provider,
        "family": family,
        "states": states,
        "unmanaged": [],
    }


def _registration(number: int) -> dict[str, object]:
    month, day = 6 + number % 6, 1 + number % 28
    return {
        "is": "state",
        "expires": f"2027-{month:02d}-{day:02d}T00:00:00Z",
        "auto_renew": True,
        "locked": True,
        "privacy": True,
        "nameservers": _HOSTS,
        "renew_price": {"amount": "10.00", "currency": "EUR"},
    }


def _zone(number: int, name: str) -> dict[str, object]:
    records = {
        "@/A": ["300", f"192.0.2.{1 + number % 250}"],
        "@/MX": ["300", "10 mx1.mail.example.", "20 mx2.mail.example."],
        "@/TXT": ["300", "v=spf1 include:_spf.mail.example -all"],
        "www/CNAME": ["300", f"{name}."],
    }
    if number % INCLUDING == 0:
        records["_dmarc/TXT"] = ["300", "v=DMARC1; p=reject"]
    return {
        "is": "state",
        "records": records,
        "nameservers": _HOSTS,
        "serial": 2026010100 + number % 100,
    }
