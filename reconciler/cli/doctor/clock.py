"""Whether this machine's clock is right: windows, leases and signatures hang on it."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.model import PUBLIC
from reconciler.providers import driver_class, vendors

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.provider import Provider

#: AWS refuses signatures that are five minutes off; windows are counted in days.
MOST = timedelta(minutes=2)
_TIMEOUT = 10


def now(project: Project) -> datetime:
    """Return the project's time; this machine's where its accounts are not known."""
    try:
        return project.clock()
    except InventoryErrors:
        return project.system_time


def checks(project: Project) -> Iterator[Check]:
    """Compare with the Date of every account's server; no key is sent there."""
    asked: dict[str, datetime | None] = {}
    for name, provider in project.accounts_declared.items():
        url = _url(provider) if name != PUBLIC else None
        if url and url not in asked:
            asked[url] = told(url)
    known = {url: time for url, time in asked.items() if time is not None}
    if not known:
        yield note("clock", "no account's server says what time it is")
        return
    off = {url: project.system_time - time for url, time in known.items()}
    worst = max(off, key=lambda url: abs(off[url]))
    host = urlsplit(worst).hostname
    seconds = abs(off[worst]).total_seconds()
    if abs(off[worst]) > MOST:
        word = "ahead of" if off[worst] > timedelta() else "behind"
        fix = "let this machine follow a time server: timedatectl set-ntp true"
        yield mend("clock", f"is {seconds:.0f} s {word} {host}", fix)
    else:
        yield ok("clock", f"within {seconds:.0f} s of {len(known)} servers")


def _url(provider: Provider) -> str | None:
    """Return where the vendor is: as declared, or as its driver knows it."""
    if provider.spec.endpoint:
        return provider.spec.endpoint
    for family in sorted(vendors().get(provider.spec.type, ())):
        try:
            driver = driver_class(provider.spec.type, family)
        except ReconcilerError:
            continue
        base = getattr(sys.modules[driver.__module__], "BASE", None)
        if isinstance(base, str):
            return base
    return None


def told(url: str) -> datetime | None:
    """Return the Date that the server of *url* gives; None where it gives none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    line = (
        HTTPSConnection(
            host, port, timeout=_TIMEOUT, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=_TIMEOUT)
    )
    try:
        line.request("HEAD", "/")
        said = line.getresponse().getheader("Date")
        when = parsedate_to_datetime(said) if said else None
    except (OSError, HTTPException, ValueError, TypeError):
        return None
    finally:
        line.close()
    if when is None:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
