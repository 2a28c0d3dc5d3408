"""
What is installed at the sandbox's panels, as its web servers serve it.

``POST /public/address {address, keeps: reload|for-good|none}``: from now on it serves
what it serves now, whatever is installed, until the panel restarts its web server, or
for good (an old machine behind a balancer), or no more.
"""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.panel_sites import authority, domains

_AUTHORITY: Final = "acme"
_RELOAD, _FOR_GOOD, _NONE = "reload", "for-good", "none"


class Installed:
    """
    Finds what a panel of the same sandbox has installed for a name.

    What nobody signed that a visitor could know (a bundle is missing) is not served:
    the address keeps what it had.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._made: dict[str, ssl.SSLContext] = {}

    def __call__(self, address: str, name: str) -> ssl.SSLContext | None:
        """Return what *address* serves for *name*; None where no panel is behind it."""
        panel = _behind(self._bench, address)
        if panel is None:
            return None
        held = self._bench.state.get("held", {}).get(address)
        if held is not None and _still(held, panel):
            text = held["texts"].get(name, "")
        else:
            with panel.lock:
                text = next(_sites(panel.state, name), "")
        if not text:
            return None
        mark = hashlib.sha256(text.encode()).hexdigest()
        found = self._made.get(mark)
        if found is None:
            found = self._made[mark] = context_of(text)
        return found

    def authorities(self) -> str:
        """Return the certificates that sign what is installed, as PEM."""
        beside = self._bench.beside.get(_AUTHORITY)
        if beside is None:
            return authority() if self._bench.state.get("panels") else ""
        with beside.lock:
            known = beside.state.get("authorities", {}).values()
            roots = [root for one in known for root in one["ca"]["roots"]]
        return "".join(f"{root.rstrip()}\n" for root in (*roots, authority()))


def hold(bench: Bench, address: str, keeps: str) -> None:
    """
    Have *address* go on with what it serves now; see above.

    Raises:
        ReconcilerError: No panel is behind it, or it cannot keep so.
    """
    panel = _behind(bench, address)
    if panel is None or keeps not in {_RELOAD, _FOR_GOOD, _NONE}:
        raise ReconcilerError(f"{address} cannot keep {keeps!r}: no panel, or no word")
    held = bench.state.setdefault("held", {})
    held.pop(address, None)
    if keeps == _NONE:
        return
    with panel.lock:
        names = {
            name
            for account in panel.state.get("accounts", {}).values()
            for site in account.get("sites", {})
            for name in domains(site)
        }
        texts = {name: next(_sites(panel.state, name), "") for name in sorted(names)}
        restarts = panel.state.get("restarts", 0)
    since = restarts if keeps == _RELOAD else None
    held[address] = {"texts": texts, "since": since}


def _still(held: Mapping[str, Any], panel: Bench) -> bool:
    since = held["since"]
    return since is None or panel.state.get("restarts", 0) <= since


def _behind(bench: Bench, address: str) -> Bench | None:
    name = bench.state.get("panels", {}).get(address)
    return bench.beside.get(name or "")


def _sites(state: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what serves *name*, as one PEM; AutoSSL's authority signs itself."""
    for account in state.get("accounts", {}).values():
        for site, row in account.get("sites", {}).items():
            if name in domains(site) and (row["cab"] or row["automatic"]):
                parts = (row["pem"], row["cab"], row["key"])
                yield "\n".join(part.rstrip() for part in parts if part)


def context_of(pem: str) -> ssl.SSLContext:
    """Return a context that serves *pem*; the key touches a file for a moment."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="reconciler-tls-") as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(pem, encoding="ascii")
        made.load_cert_chain(path)
    return made
