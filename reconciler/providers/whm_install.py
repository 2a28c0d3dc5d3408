"""
Certificates of the sites of a WHM server, and its AutoSSL.

Sources: the vendor's reference (api.docs.cpanel.net, WHM API 1: ``get_domain_info``,
``fetch_ssl_vhosts``, ``uapi_cpanel``, ``installssl``, ``restartservice``,
``get_autossl_providers``, ``get_autossl_metadata``, ``get_users_features_settings``,
``get_autossl_user_excluded_domains``, ``get_autossl_problems_for_user``,
``start_autossl_check_for_one_user``, ``get_autossl_logs_catalog``). What follows:

* Two listings tell of the whole server which sites there are and what certificate (by
  the panel's id, which holds a hash of it) each has. Its text is asked for once for
  each account whose ids changed, by UAPI's ``SSL::installed_hosts``: ``fetchsslinfo``
  and ``fetch_vhost_ssl_components`` would send the private keys along.
* A key is sent in the body of a POST: what is in a URL ends in logs.
* ``installssl`` restarts Apache itself. "Installed" is its answer for one site; it
  names domains that did not get it, and is believed only where all did. A refusal may
  come half-way: the site is read again.
* ``start_autossl_check_for_one_user`` begins something; the catalog of logs shows that
  it began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.certificate import Certificate, Changes, Check, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._answers import mapping, rows
from reconciler.providers._detail import Details
from reconciler.providers._install import Installer, Pair
from reconciler.providers._panel import (
    AutoSsl,
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
from reconciler.providers._whm import CREDENTIALS, SaidNo, Whm

_HOSTS: Final = "installed-hosts"
_SERVER: Final = "autossl"
_USER: Final = "autossl-user"
_PROBLEMS: Final = "autossl-problems"
#: A certificate has an id that never means another one.
_FOR_LONG: Final = timedelta(days=30)
_WEB_SERVER: Final = "httpd"


class WhmInstall(Installer):
    """The sites of one WHM server, as places of certificates."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "install": OpClass.PROBE,
        "reload": OpClass.PROBE,
        "check": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._whm = Whm(account)
        self._details = Details(account, f"{account.endpoint}|install")
        self._users: dict[str, dict[str, frozenset[str]]] = {}
        self._ids: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """Let go of connections."""
        self._whm.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        return self._whm.identity()

    def requests(self) -> dict[str, int]:
        """Return how many requests were sent by function, and begin anew."""
        return self._whm.http.counts()

    # -- reading --------------------------------------------------------------------

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Read which sites the server has, and the id of each one's certificate."""
        del wants  # the listings are of the whole server
        users: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        ids: dict[str, dict[str, str]] = defaultdict(dict)
        known: set[str] = set()
        for row in rows(self._whm.read("fetch_ssl_vhosts").get("vhosts"), "sites"):
            name, user = _name(row.get("servername")), str(row.get("user") or "")
            domains = frozenset(map(_name, row.get("domains") or ())) | {name}
            if not user or name in users[user]:
                raise Rejected("the listing is not one of sites: it proves nothing")
            users[user][name] = domains
            ids[user][name] = str(mapping(row.get("crt")).get("id") or "")
            known |= domains
        for row in rows(self._whm.read("get_domain_info").get("domains"), "domains"):
            name, user = _name(row.get("domain")), str(row.get("user") or "")
            users.setdefault(user, {})
            if name not in known:
                users[user][name] = frozenset({name, f"www.{name}"})
        self._users, self._ids = dict(users), dict(ids)

    def look(self, want: Certificate, place: Place) -> Site:
        """Return what the sites of *place* have."""
        user, vhosts = self._sites(want, place)
        try:
            auto = self._auto(user, want)
        except ProviderError:
            auto = AutoSsl(on=None)  # a token that may not ask: nothing else is lost
        return site(vhosts, auto, want, self.account.clock())

    def _sites(self, want: Certificate, place: Place) -> tuple[str, list[Vhost]]:
        """Return whose sites of *place* answer to a name of *want*, and which."""
        for user in self._owners(want, place):
            bare = [Vhost(name, all_) for name, all_ in self._users[user].items()]
            found = fitting(bare, want)
            if found:
                have = self._installed(user)
                return user, [
                    one._replace(certificate=have.get(one.name)) for one in found
                ]
        raise Rejected(
            f"the server has no site of {place.account or place.site or want.name} "
            f"that answers to {want.spec.names[0]}"
        )

    def _owners(self, want: Certificate, place: Place) -> Iterable[str]:
        """Return the accounts that *place* may be about; in order."""
        if place.account is not None:
            return [place.account] if place.account in self._users else []
        named = {place.site} if place.site else {*want.spec.names}
        return sorted(
            user
            for user, sites in self._users.items()
            if any(named & domains for domains in sites.values())
        )

    def _installed(self, user: str) -> dict[str, Any]:
        """Return site -> certificate of one account, from its text."""
        ids: dict[str, JsonValue] = {**self._ids.get(user, {})}
        if not ids:
            return {}
        said = self._details.ask(
            _HOSTS, user, ids, lambda: self._hosts(user), _FOR_LONG
        )
        return {name: certificate(entry) for name, entry in mapping(said).items()}

    def _hosts(self, user: str) -> JsonValue:
        answer = mapping(self._uapi(user, "SSL", "installed_hosts"))
        return {**installed(answer.get("data"))}

    def _uapi(self, user: str, module: str, function: str) -> Any:
        """Return the answer of a function of the account's own interface."""
        asked = {
            "cpanel.user": user,
            "cpanel.module": module,
            "cpanel.function": function,
        }
        said = mapping(self._whm.read("uapi_cpanel", **asked).get("uapi"))
        if str(said.get("status")) != "1":
            told = "; ".join(map(str, said.get("errors") or ())) or "it says nothing"
            raise Rejected(self._whm.http.shown(f"{module}::{function}: {told}"))
        return said

    # -- AutoSSL --------------------------------------------------------------------

    def _auto(self, user: str, want: Certificate) -> AutoSsl:
        """Return what AutoSSL does for *user*; asked once a day."""
        server = self._details.ask(_SERVER, "*", None, self._server)
        assert isinstance(server, list)  # noqa: S101  (made by _server alone)
        enabled, clobbers = server
        if not enabled:
            return AutoSsl(on=False)
        said = self._details.ask(_USER, user, None, lambda: self._user(user))
        assert isinstance(said, list)  # noqa: S101  (made by _user alone)
        on, left_out = said
        assert isinstance(left_out, list)  # noqa: S101
        told: Mapping[str, str] = {}
        if want.spec.mode == "provider" and on:
            kept = self._details.ask(
                _PROBLEMS, user, None, lambda: self._problems(user)
            )
            told = {name: str(why) for name, why in mapping(kept).items()}
        bare = frozenset(map(str, left_out))
        return AutoSsl(bool(on), bare, bool(clobbers), told)

    def _server(self) -> JsonValue:
        """Return whether the server has AutoSSL, and whether it replaces others'."""
        listed = rows(
            self._whm.read("get_autossl_providers").get("payload"), "providers"
        )
        enabled = any(flag(row.get("enabled", 0)) for row in listed)
        about = mapping(self._whm.read("get_autossl_metadata").get("payload"))
        return [enabled, flag(about.get("clobber_externally_signed", 0))]

    def _user(self, user: str) -> JsonValue:
        """Return whether it is on for *user*, and for which domains it is not."""
        said = self._whm.read("get_users_features_settings", user=user, feature=_SERVER)
        on = False
        for row in rows(said.get("users_features_settings"), "features"):
            if row.get("user") == user and row.get("feature") == _SERVER:
                own = row.get("cpuser_setting")
                on = flag(own if own is not None else row.get("feature_list_setting"))
        data = self._whm.read("get_autossl_user_excluded_domains", username=user)
        return [on, excluded(data.get("payload"))]

    def _problems(self, user: str) -> JsonValue:
        data = self._whm.read("get_autossl_problems_for_user", username=user)
        shown = self._whm.http.shown
        found = problems(data.get("problems_by_domain"))
        return {name: shown(why) for name, why in found.items()}

    # -- acting ---------------------------------------------------------------------

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Install *pair* at each site of *place*; all of them must take it."""
        user, vhosts = self._sites(want, place)
        done: list[str] = []
        for vhost in vhosts:
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
        return Receipt(reference=f"{user}/{','.join(done)}")

    def _install(self, want: Certificate, vhost: Vhost, pair: Pair) -> None:
        params = {
            "domain": vhost.name,
            "crt": pair.leaf.decode(),
            "key": pair.key.decode(),
            "cab": pair.issuers.decode(),
        }
        reply = self._whm.post("installssl", params, effect=True)
        wrong = refusal(mapping(reply.data).get("data"), vhost, want)
        if wrong is not None:
            what = self._whm.http.shown(f"installssl: {wrong.what}")
            raise type(wrong)(what, reason=wrong.reason)

    def _again(self, want: Certificate, place: Place) -> Site:
        self.prepare([want])
        return self.look(want, place)

    def reload(self, want: Certificate, place: Place) -> Receipt:
        """Restart the web server of the whole machine, which reads all sites again."""
        del want, place
        self._whm.call("restartservice", {"service": _WEB_SERVER}, effect=True)
        return Receipt(reference=f"restartservice/{_WEB_SERVER}")

    def check(self, want: Certificate, place: Place) -> Receipt:
        """Have AutoSSL look at the account now."""
        user, _ = self._sites(want, place)
        self._details.forget(_PROBLEMS, user)
        reply = self._whm.call(
            "start_autossl_check_for_one_user", {"username": user}, effect=True
        )
        pid = mapping(mapping(reply.data).get("data")).get("pid")
        return Receipt(reference=f"autossl/{user}/{pid}")

    def happened(
        self,
        want: Certificate,
        change: Changes,
        key: str,
        since: datetime,
    ) -> bool | None:
        """Say from a fresh reading, or from AutoSSL's logs, what became of *change*."""
        if not isinstance(change, Check):
            return super().happened(want, change, key, since)
        try:
            place = self.place(want, change)
            self.prepare([want])
            user, _ = self._sites(want, place)
            logs = self._whm.read("get_autossl_logs_catalog").get("payload")
            begun = [
                datetime.fromisoformat(str(row.get("start_time")))
                for row in rows(logs, "logs")
                if row.get("username") in {user, "*"}
            ]
        except (ProviderError, ValueError):
            return None
        # The name of a log has no more than whole seconds.
        if any(at >= since.replace(microsecond=0) for at in map(_aware, begun)):
            return True
        return False if self.account.clock() - since >= self.settles else None


def _name(value: Any) -> str:
    return str(value or "").lower().rstrip(".")


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


DRIVER = WhmInstall
