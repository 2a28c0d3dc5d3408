"""
Certificates of the sites of one cPanel account, with the account's own token.

``endpoint`` is the server's address for its customers, as in
``https://web1.agency.example:2083``. Sources: the vendor's reference
(api.docs.cpanel.net, UAPI: ``WebVhosts::list_domains``, ``SSL::installed_hosts``,
``SSL::install_ssl``, ``SSL::start_autossl_check``,
``SSL::is_autossl_check_in_progress``, ``SSL::get_autossl_problems``,
``SSL::get_autossl_excluded_domains``, ``Features::has_feature``,
``Variables::get_user_information``, "Call UAPI's SSL::install_ssl Function in Custom
Code"). What follows:

* The listing of what is installed holds the certificates themselves, and no keys.
* A key is sent in the body of a POST: what is in a URL ends in logs.
* The server may have turned these functions off (its roles): that is an error to say.
* A customer cannot restart the web server; an installation does. Nothing here reloads.
* Of a check that was begun only one that still runs can be seen: a second one at once
  costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.certificate import Certificate, Changes, Check, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._answers import mapping, rows
from reconciler.providers._cpanel import CREDENTIALS, Cpanel, SaidNo
from reconciler.providers._detail import Details
from reconciler.providers._install import Installer, Pair
from reconciler.providers._panel import (
    AutoSsl,
    Installed,
    Vhost,
    after,
    certificate,
    excluded,
    fitting,
    flag,
    installed,
    problems,
    refusal,
    site,
)

_AUTO: Final = "autossl"


class CpanelInstall(Installer):
    """The sites of one account, as places of certificates."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "install": OpClass.PROBE,
        "check": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._cpanel = Cpanel(account)
        self._details = Details(account, f"{account.endpoint}|install")
        self._vhosts: list[Vhost] = []

    def close(self) -> None:
        """Let go of connections."""
        self._cpanel.close()

    def identity(self) -> str | None:
        """Return the user whose token it is."""
        said = mapping(self._cpanel.read("Variables", "get_user_information"))
        return str(said.get("user") or "") or None

    def requests(self) -> dict[str, int]:
        """Return how many requests were sent by function, and begin anew."""
        return self._cpanel.http.counts()

    # -- reading --------------------------------------------------------------------

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Read which sites there are, and what is installed at each."""
        del wants  # the listings are of the whole account
        domains: dict[str, set[str]] = defaultdict(set)
        for row in rows(self._cpanel.read("WebVhosts", "list_domains"), "domains"):
            name = str(row.get("domain") or "").lower()
            if not name or not row.get("vhost_name"):
                raise Rejected("the listing is not one of sites: it proves nothing")
            domains[str(row["vhost_name"]).lower()].add(name)
        found = installed(self._cpanel.read("SSL", "installed_hosts"))
        have: dict[str, Installed] = {n: certificate(e) for n, e in found.items()}
        self._vhosts = [
            Vhost(name, frozenset(all_), have.get(name))
            for name, all_ in domains.items()
        ]

    def look(self, want: Certificate, place: Place) -> Site:
        """Return what the sites of *place* have."""
        vhosts = self._sites(want, place)
        try:
            auto = self._auto(want)
        except ProviderError:
            auto = AutoSsl(on=None)
        return site(vhosts, auto, want, self.account.clock())

    def _sites(self, want: Certificate, place: Place) -> list[Vhost]:
        """Return the sites that answer to a name of *want*."""
        if place.account not in {None, self._cpanel.user}:
            raise Rejected(f"the token is of {self._cpanel.user}, not {place.account}")
        found = fitting(self._vhosts, want)
        if not found:
            raise Rejected(f"no site of the account answers to {want.spec.names[0]}")
        return found

    def _auto(self, want: Certificate) -> AutoSsl:
        """Return what AutoSSL does for the account; asked once a day."""
        said = self._details.ask(_AUTO, "*", None, self._automatic)
        assert isinstance(said, list)  # noqa: S101  (made by _automatic alone)
        on, left_out = said
        assert isinstance(left_out, list)  # noqa: S101
        told: Mapping[str, Any] = {}
        if want.spec.mode == "provider" and on:
            told = mapping(self._details.ask("problems", "*", None, self._problems))
        bare = frozenset(map(str, left_out))
        return AutoSsl(bool(on), bare, problems={n: str(p) for n, p in told.items()})

    def _automatic(self) -> JsonValue:
        on = self._cpanel.has(_AUTO)
        listed = self._cpanel.read("SSL", "get_autossl_excluded_domains")
        return [on, excluded(listed)]

    def _problems(self) -> JsonValue:
        found = problems(self._cpanel.read("SSL", "get_autossl_problems"))
        return {name: self._cpanel.http.shown(why) for name, why in found.items()}

    # -- acting ---------------------------------------------------------------------

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Install *pair* at each site of *place*; all of them must take it."""
        done: list[str] = []
        for vhost in self._sites(want, place):
            try:
                self._install(want, vhost, pair)
            except ProviderError as error:
                again = (
                    partial(self._again, want, place)
                    if isinstance(error, SaidNo)
                    else None
                )
                raise after(error, pair, done, again) from None
            done.append(vhost.name)
        return Receipt(reference=f"{self._cpanel.user}/{','.join(done)}")

    def _install(self, want: Certificate, vhost: Vhost, pair: Pair) -> None:
        params = {
            "domain": vhost.name,
            "cert": pair.leaf.decode(),
            "key": pair.key.decode(),
            "cabundle": pair.issuers.decode(),
        }
        wrong = refusal(self._cpanel.post("SSL", "install_ssl", params), vhost, want)
        if wrong is not None:
            what = self._cpanel.http.shown(f"install_ssl: {wrong.what}")
            raise type(wrong)(what, reason=wrong.reason)

    def _again(self, want: Certificate, place: Place) -> Site:
        self.prepare([want])
        return self.look(want, place)

    def check(self, want: Certificate, place: Place) -> Receipt:
        """Have AutoSSL look at the account now."""
        self._sites(want, place)
        self._details.forget("problems", "*")
        self._cpanel.post("SSL", "start_autossl_check", {})
        return Receipt(reference=f"autossl/{self._cpanel.user}")

    def happened(
        self, want: Certificate, change: Changes, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh reading what became of *change*."""
        if isinstance(change, Check):
            try:
                runs = self._cpanel.read("SSL", "is_autossl_check_in_progress")
                if flag(runs):
                    return True
            except (ProviderError, ValueError):
                return None
        return super().happened(want, change, key, since)


DRIVER = CpanelInstall
