"""Small inventories on disk."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import InventoryErrors
from reconciler.inventory import Inventory, Source, WorkTree, load, source
from reconciler.model import AnyResource

HEAD = "apiVersion: reconciler/v1\n"
HOUSE = (
    HEAD
    + """\
Provider/porkbun-main: {type: porkbun, credentials: {apiKey: {env: KEY}}}
Provider/dns: {type: powerdns, credentials: {}}
"""
)


def write(root: Path, **files: str) -> Path:
    """Write files below inventory/; ``__`` in a name is a slash."""
    for name, text in {"house": HOUSE, **files}.items():
        path = root / "inventory" / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def loaded(root: Path, **files: str) -> Inventory:
    return load(WorkTree(write(root, **files)))


def errors(root: Path, **files: str) -> list[str]:
    try:
        loaded(root, **files)
    except InventoryErrors as refused:
        return [str(error) for error in refused.errors]
    return []


def git(root: Path, *command: str) -> str:
    who = [
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@t.example",
        "-c",
        "init.defaultBranch=main",
    ]
    done = subprocess.run(
        ["git", *who, *command], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


class Texts(Source):
    """A source in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.content = dict(files)
        self.reads: list[str] = []

    def files(self) -> Mapping[str, str]:
        return {path: source.blob_id(data) for path, data in self.content.items()}

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        return self.content[path]


def load_errors(
    source: Source, kinds: Mapping[str, type[AnyResource]] | None = None
) -> list[str]:
    try:
        load(source, kinds=kinds)
    except InventoryErrors as refused:
        return [str(error) for error in refused.errors]
    return []
