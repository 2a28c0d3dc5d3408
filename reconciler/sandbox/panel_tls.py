"""What is installed at the sandbox's panels, as its web servers serve it."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.panel_sites import domains

_PANELS: Final = ("whm", "cpanel")
_AUTHORITY: Final = "acme"


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
        panel = self._bench.state.get("panels", {}).get(address)
        beside = self._bench.beside.get(panel or "")
        if beside is None or panel not in _PANELS:
            return None
        with beside.lock:
            site = next(_sites(beside.state, name), None)
        if site is None or not site["cab"]:
            return None
        text = site["pem"].rstrip() + "\n" + site["cab"].rstrip() + "\n" + site["key"]
        mark = hashlib.sha256(text.encode()).hexdigest()
        found = self._made.get(mark)
        if found is None:
            found = self._made[mark] = context_of(text)
        return found

    def authorities(self) -> str:
        """Return the certificates that sign what is installed, as PEM."""
        beside = self._bench.beside.get(_AUTHORITY)
        if beside is None:
            return ""
        with beside.lock:
            known = beside.state.get("authorities", {}).values()
            roots = [root for one in known for root in one["ca"]["roots"]]
        return "".join(f"{root.rstrip()}\n" for root in roots)


def _sites(state: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    for account in state.get("accounts", {}).values():
        for site, row in account.get("sites", {}).items():
            if name in domains(site):
                yield row


def context_of(pem: str) -> ssl.SSLContext:
    """Return a context that serves *pem*; the key touches a file for a moment."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="reconciler-tls-") as folder:
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(pem, encoding="ascii")
        made.load_cert_chain(path)
    return made
