"""A small agency: a repository with a remote, its inventory, and its sandbox."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from reconciler.cli.apply_command import carry_out
from reconciler.cli.approvers import approvals
from reconciler.cli.plan_command import make
from reconciler.cli.project import Project
from reconciler.cli.sandbox_command import take_base
from reconciler.inventory import WorkTree, load
from reconciler.sandbox import Sandbox, SandboxClock
from reconciler.sandbox.example import SECRETS, world

START = datetime(2026, 11, 22, 6, tzinfo=UTC)
ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/porkbun-main:
  type: porkbun
  endpoint: {porkbun}
  credentials:
    apiKey: {{file: .sandbox/secrets/porkbun-api-key}}
    secretApiKey: {{file: .sandbox/secrets/porkbun-secret-api-key}}
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
"""
PUBLIC = "Provider/public: {{type: public, endpoint: '{public}', credentials: {{}}}}\n"
NOWHERE = dict.fromkeys(("porkbun", "namecom", "aws", "public"), "http://127.0.0.1:9")
OPTIONS = {
    "root": ".",
    "inventory": "inventory",
    "policies": "policies",
    "env": "main",
    "select": (),
    "exclude": (),
    "no_color": True,
    "quiet": True,
    "verbose": False,
}


class Agency:
    """
    Use as a context manager. ``files`` are written under ``inventory/`` (or where
    their path says), committed and taken as the base; then the sandbox starts with
    the world that they want, but for ``oddities``. Without ``based`` there is no base.
    """

    def __init__(
        self,
        tmp: Path,
        files,
        oddities=None,
        *,
        remote=True,
        policies=None,
        public=False,
        accounts=ACCOUNTS,
        based=True,
        start=START,
    ):
        self.accounts = accounts + PUBLIC if public else accounts
        self.root = tmp / "agency"
        self.remote = tmp / "remote.git" if remote else None
        self.based = based
        self.clock = SandboxClock(start, frozen=True)
        self.root.mkdir(parents=True)
        nowhere = defaultdict(lambda: NOWHERE["aws"])
        self.write("inventory/accounts.yaml", self.accounts.format_map(nowhere))
        for name, text in files.items():
            self.write(name, text)
        for name, text in (policies or {}).items():
            self.write(f"policies/{name}", text)
        resources = defaultdict(list)
        inventory = load(WorkTree(self.root))
        for ref in inventory.refs():
            resources[ref.kind].append(inventory.get(ref))
        self.sandbox = Sandbox(world(resources, oddities or {}), self.clock)
        secrets = self.root / ".sandbox" / "secrets"
        secrets.mkdir(parents=True)
        for name, value in SECRETS.items():
            (secrets / name).write_text(value)

    def __enter__(self):
        self.sandbox.start()
        endpoints = {**NOWHERE, **self.sandbox.endpoints()}
        self.write("inventory/accounts.yaml", self.accounts.format(**endpoints))
        self.write(".gitignore", ".sandbox/\n")
        self.git("init", "-q", "-b", "main")
        if self.remote:
            subprocess.run(
                ["git", "init", "-q", "--bare", str(self.remote)], check=True
            )
            self.git("remote", "add", "origin", str(self.remote))
        self.commit("inventory: begin")
        if self.based:
            take_base(self.project())
        return self

    def __exit__(self, *_):
        self.sandbox.stop()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def edit(self, name, old, new):
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new))

    def git(self, *argv):
        who = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]
        environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        done = subprocess.run(
            ["git", *who, "-C", str(self.root), *argv],
            check=True,
            capture_output=True,
            text=True,
            env=environ,
        )
        return done.stdout.strip()

    def commit(self, subject="inventory: change"):
        self.git("add", "--all")
        self.git("commit", "-q", "-m", subject)
        if self.remote:
            self.git("push", "-q", "origin", "HEAD:main")

    def environ(self, actor="ann"):
        return {
            **os.environ,
            "RECONCILER_SANDBOX": self.sandbox.control,
            "RECONCILER_ACTOR": actor,
        }

    def project(self, actor="ann", **options):
        options = {**OPTIONS, "root": str(self.root), **options}
        project = Project(options, self.environ(actor))
        # The same clock that its control endpoint serves, without the way there.
        project.clock = self.clock
        project.sleep = lambda seconds: self.later(seconds=seconds)
        return project

    def plan(self, actor="ann", **options):
        return make(self.project(actor), **options)

    def apply(self, actor="ann", approved=None, **options):
        project = self.project(actor, **options)
        given = approvals(project, approved, source="actor", reason=None)
        return carry_out(project, approved=approved, given=given)

    def later(self, **delta):
        self.clock.advance(timedelta(**delta))

    def charges(self, name=None):
        return self.sandbox.charges(name=name)

    def cli(self, *argv, actor="ann", stdin=None):
        import sys

        done = subprocess.run(
            [sys.executable, "-m", "reconciler.cli", "-C", str(self.root), *argv],
            capture_output=True,
            text=True,
            check=False,
            env=self.environ(actor),
            input=stdin or "",
        )
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


def domain(name, provider="porkbun-main", *, spec=""):
    """Return one short-form document of a domain."""
    extra = f", {spec}" if spec else ""
    return f"Domain/{name}: {{provider: {provider}{extra}}}\n"


def inventory(*domains):
    """Return the file that holds *domains*."""
    text = "apiVersion: reconciler/v1\n" + "".join(domains)
    return {"inventory/domains.yaml": text}
