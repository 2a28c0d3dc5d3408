"""A repository, a bare remote, and entries to write."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.audit import GitStore, Intent, Outcome, Run

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TERM = timedelta(minutes=15)
AUTHOR = ("reconciler", "reconciler@example.com")


def git(where: Path, *args: str, data: str | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args],
        cwd=where,
        input=data,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def repository(path: Path, *, bare: bool = False) -> Path:
    path.mkdir(parents=True)
    git(path, "init", "-q", "--template=", "-b", "main", *(["--bare"] if bare else []))
    return path


def inventory(path: Path) -> Path:
    repository(path)
    (path / "inventory.yaml").write_text("apiVersion: reconciler/v1\n")
    git(path, "add", ".")
    git(path, "commit", "-q", "-m", "inventory: begin")
    return path


def published(tmp: Path) -> Path:
    """Return a bare remote with one inventory commit on main."""
    first = inventory(tmp / "first")
    remote = repository(tmp / "remote.git", bare=True)
    git(first, "push", "-q", str(remote), "main")
    return remote


def clone(remote: Path, path: Path, *options: str) -> Path:
    url = f"file://{remote}"
    git(
        remote.parent,
        "clone",
        "-q",
        "--template=",
        *options,
        "-b",
        "main",
        url,
        str(path),
    )
    return path


def store(root: Path, remote: str | None = None, **more: Any) -> GitStore:
    more = {"environ": {}, "sleep": lambda _: None, **more}
    return GitStore(root, more.pop("env", "main"), remote, AUTHOR, **more)


def run(number: int = 1, actor: str = "ci", started: datetime = NOW) -> Run:
    return Run(f"{started:%Y%m%dT%H%M%SZ}-{number:08x}", "main", actor, None, started)


def intent(name: str = "a.example", **more: Any) -> Intent:
    verb = more.get("verb", "renew")
    generation = more.pop("generation", "2026-12-01")
    key = f"{name} {verb} {generation}"
    id_ = hashlib.sha256(key.encode()).hexdigest()[:32]
    fields = {
        "id": id_,
        "key": f"{id_}-{more.get('attempt', 1)}",
        "time": NOW,
        "env": "main",
        "kind": "Domain",
        "name": name,
        "uid": name,
        "verb": "renew",
        "op_class": "keyed",
        "provider": "porkbun-main",
        "family": "domain",
        "change": {"verb": verb, "after": "2027-12-01"},
        "body": "b" * 64,
        "risk": "money",
        "cost": "10.42 USD",
        "ceiling": "12.00 USD",
        "due": NOW + timedelta(days=9),
        "action_digest": id_[:16],
        "plan_digest": "p" * 16,
        "verdicts": ["allow built-in/money"],
        **more,
    }
    return Intent.model_validate(fields)


def outcome(of: Intent, status: str = "applied", **more: Any) -> Outcome:
    fields = {
        **{
            f: getattr(of, f)
            for f in ("id", "key", "env", "kind", "name", "uid", "verb")
        },
        "time": of.time + timedelta(seconds=5),
        "status": status,
        **more,
    }
    if status == "applied" and of.risk == "money":
        fields = {"paid": "10.40 USD", "evidence": {"expires": "2027-12-01"}, **fields}
    return Outcome.model_validate(fields)
