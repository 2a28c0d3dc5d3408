"""The way to an authority, and what it may be asked without a signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.errors import Rejected, Transient
from reconciler.kinds.provider import is_loopback
from reconciler.model import Account
from reconciler.model.driver import Answered
from reconciler.providers._acme_problem import UNREACHABLE, read, refusal
from reconciler.providers._http import Http, Words

#: From this status on an answer is none.
REFUSED: Final = 400


def transport(account: Account) -> Http:
    """Return the way to all servers of *account*; its URLs are whole ones."""
    words = Words(said=lambda _: "", refused=lambda _reply, _text: None)
    agent = {"User-Agent": "reconciler-acme", "Accept-Language": "en"}
    return Http(account._replace(endpoint=None), "", words, headers=agent)


def sound(url: str, directory: str) -> str:
    """Return *url* if *directory* may lead there; raise Rejected."""
    parts = urlsplit(url)
    local = is_loopback(directory)
    if parts.scheme == "https" and bool(parts.hostname) and not parts.username:
        if not local or is_loopback(url):
            return url
    elif parts.scheme == "http" and local and is_loopback(url):
        return url
    raise Rejected("the authority leads to an address that may not be asked")


def asked(http: Http, method: str, url: str, operation: str = "new-nonce") -> Answered:
    """Ask what needs no signature; raises Transient where nobody answers."""
    try:
        return http.once(method, url, operation=operation, effect=False)
    except Transient as failure:
        failure.reason = UNREACHABLE
        raise


def directory(account: Account, http: Http, url: str) -> Mapping[str, Any]:
    """Return the directory at *url*; raises as ``Acme.directory``."""
    answer = asked(http, "GET", sound(url, url), "directory")
    if answer.status >= REFUSED:
        raise refusal(answer, "directory", account.clock(), http.shown)
    found = read(answer)
    if not isinstance(found, dict):
        raise Rejected(f"{url} is no ACME directory")
    return found
