"""
Snapshot objects written straight into a repository of restic, thousands in a second.

Restic's design document ("Repository Layout", "Keys, Encryption and MAC") says how: a
file is IV, ciphertext (AES-256-CTR) and a Poly1305-AES tag; its name is the SHA-256 of
the whole. Of a repository of format 2 a snapshot is compressed JSON after one byte.
For tests alone: what it writes is proven equal to what ``restic backup`` writes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

PASSWORD = "a password for tests"
#: The bits of Poly1305's r that are always clear.
_CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
_IV = 16


class Key(NamedTuple):
    """A key of restic: for encryption, and for the tag."""

    encrypt: bytes
    mac_k: bytes
    mac_r: bytes

    @classmethod
    def of(cls, made: bytes) -> Key:
        """Return the key that a password made."""
        return cls(made[:32], made[32:48], made[48:])

    @classmethod
    def master(cls, repository: Path, password: str) -> Key:
        """Return the key of *repository*, which the password opens."""
        for file in (repository / "keys").iterdir():
            kept = json.loads(file.read_text())
            salt, n = base64.b64decode(kept["salt"]), kept["N"]
            made = hashlib.scrypt(
                password.encode(), salt=salt, n=n, r=kept["r"], p=kept["p"], dklen=64,
                maxmem=1 << 28,
            )  # fmt: skip
            try:
                plain = cls.of(made).opened(base64.b64decode(kept["data"]))
            except AssertionError:
                continue
            inner = json.loads(plain)
            mac = inner["mac"]
            parts = map(base64.b64decode, (inner["encrypt"], mac["k"], mac["r"]))
            return cls(*parts)
        raise AssertionError("the password opens no key")

    def tag(self, iv: bytes, text: bytes) -> bytes:
        clamped = int.from_bytes(self.mac_r, "little") & _CLAMP
        aes = Cipher(algorithms.AES(self.mac_k), modes.ECB()).encryptor()  # noqa: S305
        key = clamped.to_bytes(16, "little") + aes.update(iv)
        return Poly1305.generate_tag(key, text)

    def sealed(self, plain: bytes) -> bytes:
        iv = os.urandom(_IV)
        text = self._ctr(iv, plain)
        return iv + text + self.tag(iv, text)

    def opened(self, sealed: bytes) -> bytes:
        iv, text, tag = sealed[:_IV], sealed[_IV:-16], sealed[-16:]
        assert self.tag(iv, text) == tag
        return self._ctr(iv, text)

    def _ctr(self, iv: bytes, text: bytes) -> bytes:
        stream = Cipher(algorithms.AES(self.encrypt), modes.CTR(iv)).encryptor()
        return stream.update(text)


def program() -> str:
    """Return where restic is; skip where it is not installed, except in CI."""
    found = shutil.which("restic")
    if found is None:
        why = "restic is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


class Snapshots:
    """A repository of its own in *folder*, whose snapshots are all alike but in time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = folder / "repository"
        self.source = folder / "source"
        self.source.mkdir(parents=True)
        (self.source / "file").write_text("x")
        self.run("init", "--quiet")
        self._key = Key.master(self.repository, PASSWORD)
        self._template: dict[str, Any] | None = None

    def run(self, *argv: str) -> str:
        """Run restic with *argv*; what it printed."""
        known = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME"}}
        environ = {
            **known,
            "TZ": "UTC",
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
        }
        done = subprocess.run(
            [program(), *argv], env=environ, capture_output=True, text=True,
            check=False, timeout=300, cwd=self.source,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def version(self) -> tuple[int, ...]:
        """Which restic it is."""
        return tuple(map(int, self.run("version").split()[1].split("-")[0].split(".")))

    def backup(self, host: str, at: datetime) -> None:
        """Have restic itself make one, dated *at* (UTC)."""
        text = at.strftime("%Y-%m-%d %H:%M:%S")
        self.run("backup", "--quiet", "--host", host, "--time", text, "file")

    def write(self, timelines: Mapping[str, Iterable[datetime]]) -> None:
        """Write one snapshot for each moment of each host."""
        if self._template is None:
            name = next((self.repository / "snapshots").iterdir(), None)
            if name is None:
                self.backup("template", datetime(2020, 1, 1))
            name = next((self.repository / "snapshots").iterdir())
            self._template = self.read(name.name)
            self._template.pop("parent", None)
        for host, moments in timelines.items():
            for at in moments:
                self._put({**self._template, "hostname": host, "time": text_of(at)})

    def read(self, name: str) -> dict[str, Any]:
        """Return one snapshot as it is in the repository, in our own reading."""
        sealed = (self.repository / "snapshots" / name).read_bytes()
        plain = self._key.opened(sealed)
        if plain[:1] == b"\x02":
            import zstandard

            size = 1 << 20
            plain = zstandard.ZstdDecompressor().decompress(plain[1:], size)
        found: dict[str, Any] = json.loads(plain)
        return found

    def _put(self, snapshot: dict[str, Any]) -> None:
        sealed = self._key.sealed(json.dumps(snapshot).encode())
        name = hashlib.sha256(sealed).hexdigest()
        (self.repository / "snapshots" / name).write_bytes(sealed)

    def forgotten(self, *policy: str) -> dict[str, tuple[set[str], set[str]]]:
        """Return what restic would keep and remove, by host."""
        argv = ("--dry-run", "--json", "--group-by", "host", *policy)
        rows = json.loads(self.run("forget", *argv).splitlines()[0])
        return {row["host"]: (_ids(row["keep"]), _ids(row["remove"])) for row in rows}

    def listed(self) -> list[dict[str, Any]]:
        """Return every snapshot that restic lists."""
        found: list[dict[str, Any]] = json.loads(self.run("snapshots", "--json"))
        return found


def text_of(at: datetime) -> str:
    """Return *at* as restic writes it (RFC 3339)."""
    text = at.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _ids(rows: list[dict[str, Any]] | None) -> set[str]:
    return {row["id"] for row in rows or ()}
