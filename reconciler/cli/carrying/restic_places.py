"""
Where restic keeps things, as a repository here.

Source: restic's documentation, "Preparing a new repository": a path, ``local:``,
``s3:host/bucket`` or ``s3:https://host/bucket``, ``rest:https://user:password@host/``;
the others need programs or keys that no engine here has.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

_OTHERS = re.compile(r"(sftp|b2|azure|gs|swift|rclone):")
_NAMED = re.compile(r"[A-Za-z0-9._-]+")


class Located(NamedTuple):
    """
    An address without its secrets.

    Attributes:
        url: As a BackupRepository has it; None where it has none.
        why: Why it has none.
        user: Whether a user or a password stood in it.
    """

    url: str | None
    why: str = ""
    user: bool = False


def located(text: str, folder: Path) -> Located:
    """Return where the repository *text* is; relative ones begin in *folder*."""
    if "{{" in text or "$" in text:
        return Located(None, "is called by what only that machine knows")
    if found := _OTHERS.match(text):
        return Located(None, f"is at {found[1]}, which no engine here reaches")
    if text.startswith("s3:"):
        bare = text.removeprefix("s3:").lstrip("/")
        return _cleaned("s3", bare if "://" in bare else f"https://{bare}")
    if text.startswith("rest:"):
        return _cleaned("rest", text.removeprefix("rest:"))
    bare = text.removeprefix("local:")
    if bare.startswith("~"):
        return Located(None, "is in a home that only that machine knows")
    return Located(f"file://{folder / bare}")


def _cleaned(kind: str, url: str) -> Located:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return Located(None, "has no address that can be read")
    if not host:
        return Located(None, "has no address that can be read")
    where = f"[{host}]" if ":" in host else host
    net = f"{where}:{port}" if port else where
    path = parts.path.rstrip("/")
    bare = urlunsplit((parts.scheme, net, path, "", ""))
    return Located(f"{kind}:{bare}", user=bool(parts.username or parts.password))


def called(url: str) -> str:
    """Return what a repository at *url* may be called: the last part of its path."""
    words = _NAMED.findall(urlsplit(url.split(":", 1)[1]).path)
    return words[-1].strip(".-") if words else "repository"


def spec(
    url: str, password: dict[str, str], write: dict[str, str] | None
) -> dict[str, Any]:
    """Return the spec of a BackupRepository of restic's at *url*."""
    credentials: dict[str, Any] = {"write": write} if write else {}
    return {
        "engine": "restic",
        "url": url,
        "credentials": {**credentials, "password": password},
    }
