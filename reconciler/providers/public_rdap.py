"""
RDAP: what registries and registrars tell anyone about a name.

Sources: RFC 7480 (HTTP: 404 is *no such name*, redirects, 429), RFC 9082 (queries),
RFC 9083 (answers), RFC 9224 (bootstrap); what they mean: ``_rdap``. What follows:

* The server is that of the longest suffix in IANA's list. It is read once a week from
  the account's ``endpoint`` (IANA's own where there is none), below which it has IANA's
  path, ``/rdap/dns.json``. Where that fails, the list that is shipped is used, which is
  older; never so where the endpoint is on this machine.
* The registry is asked, then the registrar that it links to. Both words are kept
  apart: during the auto-renew grace period the registry's date has moved already,
  whether anybody has paid or not.
* Two requests at once for each host, and what it says about waiting is done. A host
  that does not answer is not asked again in this run.
* Only ``404`` with an RDAP error (or nothing at all) in it says that a name is free.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import resources
from ipaddress import ip_address
from threading import BoundedSemaphore, Lock
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.kinds.domain import Domain, RdapState, Standing
from reconciler.kinds.domain.domain import as_domains
from reconciler.kinds.provider import is_loopback
from reconciler.model import Account, Change, Observation, Witness
from reconciler.providers._detail import Details
from reconciler.providers._http import Http, Moved, Reply, Words
from reconciler.providers._looks import Habits, Looks, NotNow
from reconciler.providers._rdap import Bootstrap, View, standing, view
from reconciler.providers._said import shown

IANA: Final = "https://data.iana.org"
PATH: Final = "/rdap/dns.json"
WEEK: Final = timedelta(days=14)  # an answer lives for a half to all of it
#: Dates move once a year: an answer of last week is better than none.
_WORTH: Final = timedelta(days=7)
_HOPS: Final = 3
_LIMITS: Final = {"requestsPerSecond": 5.0, "timeoutSeconds": 10.0}
_AT_ONCE: Final = 2
#: What a change of these verbs does is no business of the registry.
_ELSEWHERE: Final = frozenset({"records", "prune", "privacy", "auto-renew"})


class _NotFound(Rejected):
    """The server says that it has no such name."""


def _said(data: Any) -> str:
    return str(data.get("title", "")) if isinstance(data, dict) else ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status == 404:  # noqa: PLR2004
        if reply.headers.get("content-length") == "0":
            return _NotFound(text)
        known = isinstance(reply.data, dict) and reply.data.get("errorCode") == 404  # noqa: PLR2004
        return _NotFound(text) if known else Rejected(text)
    return Rejected(text) if reply.status >= 400 else None  # noqa: PLR2004


WORDS: Final = Words(said=_said, refused=_refused)


class _Host:
    """One RDAP server: so many requests at once, and none after it fell silent."""

    def __init__(self, account: Account, base: str) -> None:
        headers = {"Accept": "application/rdap+json, application/json"}
        at = account._replace(endpoint=base)
        self._http = Http(at, base, WORDS, headers=headers, limits=_LIMITS)
        self._name = urlsplit(base).hostname or base
        self._turn = BoundedSemaphore(int(account.limits.get("perHost", _AT_ONCE)))
        self._silent: str | None = None
        self.close = self._http.close

    def read(self, path: str) -> Any:
        """Return the JSON at *path*; raise NotNow where the host fell silent."""
        with self._turn:
            if self._silent is not None:
                raise NotNow(f"{self._name} does not answer in this run")
            try:
                return self._http.call(
                    "GET", path, operation=f"RDAP at {self._name}", effect=False
                ).data
            except Transient as error:
                self._silent = error.what
                raise


class PublicRdap(Witness[Domain]):
    """What RDAP says about names, whoever's they are."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._base = (account.endpoint or IANA).rstrip("/")
        self._local = is_loopback(account.endpoint)
        self._details = Details(account, self._base)
        self._hosts: dict[str, _Host] = {}
        self._lock, self._asking = Lock(), Lock()
        self._known: Bootstrap | None = None
        habits = Habits(
            "rdap",
            RdapState,
            deadline=_deadline,
            worth=_WORTH,
            lane=self._lane,
            width=int(account.limits.get("perHost", _AT_ONCE)),
        )
        self._looks = Looks(account, self._base, habits)

    def __repr__(self) -> str:
        return f"PublicRdap({self._account.name})"

    def close(self) -> None:
        """Let go of connections."""
        for host in self._hosts.values():
            host.close()

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report what the registries say, each name once a day."""
        return self._looks.observe(as_domains(wants), self._look)

    def touched(self, want: Domain, change: Change | None) -> None:
        """Ask again after what a registry can see; see ``Witness``."""
        if change is None or change.verb not in _ELSEWHERE:
            self._looks.forget(want)

    def _look(self, want: Domain) -> RdapState:
        now = self._account.clock()
        server = self._server(want.name)
        if server is None:
            return RdapState(seen=now, standing=Standing.UNPUBLISHED)
        try:
            registry = view(self._read(f"{server}domain/{want.name}"), want.name)
        except _NotFound:
            return RdapState(seen=now, standing=Standing.AVAILABLE)
        registrar, error = self._registrar(registry, want.name)
        return RdapState(
            seen=now,
            standing=standing(registry.statuses),
            registry_expires=registry.expires,
            registrar_expires=_paid(registry, registrar),
            registrar=registry.registrar,
            registrar_error=error,
            statuses=registry.statuses,
            nameservers=registry.nameservers,
        )

    def _registrar(self, registry: View, name: str) -> tuple[View | None, str | None]:
        """Return the registrar's own word, or why there is none."""
        if registry.related is None:
            return None, None
        try:
            return view(self._read(registry.related), name), None
        except ProviderError as error:
            return None, error.what
        except ValueError as error:
            return None, str(error)

    def _read(self, url: str) -> Any:
        """Return the JSON at *url*, after a few redirects at most."""
        for _ in range(_HOPS):
            parts = urlsplit(url)
            self._check(url)
            base = f"{parts.scheme}://{parts.netloc}"
            query = f"?{parts.query}" if parts.query else ""
            try:
                return self._host(base).read(f"{parts.path}{query}")
            except Moved as moved:
                url = urljoin(url, moved.location)
        raise Rejected("RDAP: redirected again and again")

    def _check(self, url: str) -> None:
        """Refuse to be sent anywhere but to a public server, by https."""
        parts = urlsplit(url)
        here = is_loopback(url)
        usual = parts.scheme == "https" and parts.hostname and not _is_address(url)
        if parts.username or (here != self._local) or not (here or usual):
            where = shown(parts.hostname or "nowhere")
            raise Rejected(f"RDAP: {where} is no server to ask")

    def _host(self, base: str) -> _Host:
        with self._lock:
            if base not in self._hosts:
                self._hosts[base] = _Host(self._account, base)
            return self._hosts[base]

    # -- which server ----------------------------------------------------------

    def _server(self, name: str) -> str | None:
        with self._asking:
            if self._known is None:
                self._known = self._bootstrap()
        return self._known.server(name)

    def _lane(self, want: Domain) -> str:
        try:
            return self._server(want.name) or ""
        except (ProviderError, ValueError):
            return ""

    def _bootstrap(self) -> Bootstrap:
        """
        Return the list of servers.

        Raises:
            ProviderError: It cannot be read, and none is shipped for this endpoint.
        """
        try:
            said = self._details.ask("bootstrap", "dns", None, self._listed, WEEK)
            return Bootstrap(said)
        except (ProviderError, ValueError):
            if self._local:
                raise
            return shipped()

    def _listed(self) -> JsonValue:
        said: JsonValue = self._host(self._base).read(PATH)
        Bootstrap(said)
        return said


def shipped() -> Bootstrap:
    """Return the list that comes with the package: IANA's, of the day it names."""
    found = resources.files("reconciler.providers") / "rdap_dns.json"
    return Bootstrap(json.loads(found.read_text(encoding="utf-8")))


def _is_address(url: str) -> bool:
    try:
        ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return False
    return True


def _paid(registry: View, registrar: View | None) -> datetime | None:
    """Return the registrar's date: its own word before what the registry passes on."""
    if registrar is not None:
        return registrar.registrar_expires or registrar.expires
    return registry.registrar_expires


def _deadline(state: RdapState) -> datetime | None:
    return state.registrar_expires or state.registry_expires


DRIVER = PublicRdap
