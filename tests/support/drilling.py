"""A copy that is a folder, and drills of it: everything but the engine is the real one."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from reconciler.errors import Rejected
from reconciler.kinds.backup import Backup, DrillIt
from reconciler.model import FieldChange, Receipt, Share
from reconciler.model.authority import Makings
from reconciler.model.backing import Backing
from reconciler.providers._drill import (
    CANARY,
    Entry,
    Key,
    Restored,
    digest,
    drilled,
)
from reconciler.providers._drill_scratch import free

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
AT = NOW - timedelta(hours=6)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Plain:
    """An engine whose snapshots are folders, each with the manifest of its backup."""

    streams = False

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True)

    def back_up(self, source: str, tree: Path, nonce: bytes = b"") -> dict[str, Any]:
        """Copy *tree*, and return what its receipt says."""
        folder = self.place / source
        shutil.copytree(tree, folder, symlinks=True)
        if nonce:
            (folder / CANARY).write_bytes(nonce)
        rows = [
            Entry(path, len(body), hashlib.sha256(body).hexdigest())
            for path, body in contents(folder).items()
        ]
        (self.place / f"{source}.json").write_text(json.dumps(rows))
        return {
            "files": len(rows),
            "bytes": sum(one.size for one in rows),
            "manifest": digest(rows),
            "canary": hashlib.sha256(nonce).hexdigest() if nonce else "",
        }

    def listing(self, source: str, snapshot: str, key: Key) -> Sequence[Entry]:
        folder = self.place / snapshot
        if not folder.is_dir():
            raise Rejected(f"there is no snapshot {snapshot}")
        return [Entry(p, len(b)) for p, b in contents(folder).items()]

    def manifest(self, source: str, snapshot: str, key: Key) -> Sequence[Entry] | None:
        file = self.place / f"{snapshot}.json"
        return [Entry(*row) for row in json.loads(file.read_text())]

    def restore(
        self,
        snapshots: Mapping[str, str],
        into: Path,
        files: Mapping[str, Sequence[str]] | None,
        key: Key,
        seconds: float,
    ) -> Restored:
        began, count, size = time.monotonic(), 0, 0
        for source, snapshot in snapshots.items():
            folder = self.place / snapshot
            wanted = files[source] if files else list(contents(folder))
            for path in wanted:
                there = into / source / path
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, there)
                count, size = count + 1, size + there.stat().st_size
            if files is None:
                for link in (p for p in folder.rglob("*") if p.is_symlink()):
                    there = into / source / link.relative_to(folder)
                    there.parent.mkdir(parents=True, exist_ok=True)
                    there.symlink_to(link.readlink())
        return Restored(count, size, 0.0, time.monotonic() - began, "plain 1")


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> content of the regular files of *folder*."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def site(folder: Path, name: str = "shop") -> Path:
    """Write a small site: pages, code, pictures."""
    draw = random.Random(name)  # noqa: S311
    files: dict[str, bytes] = {
        "public_html/index.html": f"<title>{name}</title>\n".encode(),
        "public_html/wp-config.php": f"<?php // {name}\n".encode(),
    }
    for number in range(40):
        words = " ".join(draw.choice(("bicycle", "bell", "wheel")) for _ in range(80))
        files[f"public_html/pages/{number:02}.txt"] = f"{number} {words}\n".encode()
        files[f"public_html/uploads/{number:02}.png"] = PNG + bytes([number])
    for path, body in files.items():
        there = folder / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(body)
    return folder


def backup(
    sources: Mapping[str, Any], root: str = "/srv/shop", **drills: Any
) -> Backup:
    """Return a Backup with these *sources*, as the inventory makes it."""
    backing = Backing.model_validate(
        {
            "objectives": {"rpo": "26h", "rto": "2h"},
            "sources": sources,
            "copies": ["near"],
            "drills": {"timeout": "60s", **drills},
        }
    )
    made = Backup.model_validate(
        {
            "metadata": {"name": "shop.example", "uid": "shop.example"},
            "spec": {
                "of": "HostingAccount/shop.example",
                "policy": "standard",
                "root": root,
            },
        }
    )
    return made.joined(lambda: Makings(backing=backing))


def order(
    receipt: Mapping[str, Mapping[str, Any]],
    files: int | None = None,
    before: Mapping[str, float] | None = None,
    **more: JsonValue,
) -> DrillIt:
    """Return the order to drill what *receipt* says."""
    details: dict[str, Any] = {
        "drill": "full" if files is None else "sample",
        "snapshots": {name: name for name in receipt},
        "files": files,
        "seed": "7",
        "escrow": False,
        "at": AT.isoformat(),
        "receipt": {name: dict(one) for name, one in receipt.items()},
        "before": dict(before or {}),
        **more,
    }
    return DrillIt(
        share=Share("near", "backup"),
        fields=(FieldChange(field="spec.drills.full", after="once"),),
        because="a drill is due",
        generation="full/first",
        details=details,
    )


def run(
    change: DrillIt, want: Backup, engine: Plain, base: Path, **more: Any
) -> dict[str, Any]:
    """Hold the drill, and return what its receipt says."""
    receipt: Receipt = drilled(
        change,
        want,
        engine,
        base,
        lambda: NOW,
        time.sleep,
        left=more.pop("left", free),
        **more,
    )
    assert list(base.iterdir()) == [], "the scratch folder is gone"
    return receipt.details


def wrong(details: Mapping[str, Any]) -> list[str]:
    """Return the names of the checks that failed."""
    return [one["check"] for one in details["checks"] if not one["ok"]]
