"""The sandbox's settable clock, for an inventory whose accounts are all local."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.request import ProxyHandler, Request, build_opener

from reconciler.kinds.provider import is_loopback

CONTROL = "RECONCILER_SANDBOX"
FOLDER = ".sandbox"


class SandboxTime(NamedTuple):
    """The time of a sandbox: reading it, and letting it pass without waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]


def sandbox_time(root: Path, environ: Mapping[str, str]) -> SandboxTime | None:
    """
    Return the time of the sandbox that *root* uses, or None where none runs.

    The control endpoint is found in ``RECONCILER_SANDBOX`` or in the state folder.
    """
    control = environ.get(CONTROL) or _control(root / FOLDER / "sandbox.json")
    if not control or not is_loopback(control):
        return None
    opener = build_opener(ProxyHandler({}))  # no proxy stands before loopback

    def now() -> datetime:
        with opener.open(f"{control}/clock", timeout=5) as answer:
            return datetime.fromisoformat(json.load(answer)["now"])

    def sleep(seconds: float) -> None:
        body = json.dumps({"advance": seconds}).encode()
        asked = Request(f"{control}/clock", body, method="PUT")  # noqa: S310  (http)
        with opener.open(asked, timeout=5):
            pass

    try:
        now()
    except (OSError, HTTPException, KeyError, ValueError):
        return None
    return SandboxTime(now, sleep)


def _control(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8")).get("control")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None
