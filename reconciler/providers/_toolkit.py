"""
WP Toolkit: the WordPress sites of a server, what is installed, and what is newer.

The same program on cPanel and on Plesk; only the way to it differs. Sources: the
vendors' references ("WP Toolkit Command Line Interface" of docs.cpanel.net,
"wp-toolkit" of docs.plesk.com: ``--list`` and ``-format json``, ``--wp-cli
-instance-id ID -- COMMAND``), and WP-CLI's (developer.wordpress.org/cli: ``core
check-update``, ``core update``, ``core update-db``, ``plugin list``, ``plugin update``,
``plugin install --force``, and those of themes). What follows:

* One listing names all sites of the server; what is installed at one is asked once a
  day, and always before something is done and after.
* WordPress marks no update as one of security. A minor release of the core is one:
  that is what the project makes them for, and sites install them by themselves unless
  they are told not to. Of plugins and themes nothing tells, so that none of theirs is
  called one: another main version is major, everything else minor.
* When a version was published is not told either: our own records say since when it
  is known.
* A version is put back by installing it over the newer one. That changes files, and no
  data: what an update did to the data only a backup brings back.
* Names come from the site, and become arguments: one that is no name is left alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from pydantic import JsonValue

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Account, Observed, Unknown
from reconciler.model.updates import (
    Component,
    Patch,
    RollBack,
    Sort,
    UpdatesState,
)
from reconciler.providers._answers import rows
from reconciler.providers._detail import Details

CORE: Final = "core/wordpress"
_KINDS: Final = ("plugin", "theme")
_NAME: Final = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")
_VERSION: Final = re.compile(r"^[0-9][0-9A-Za-z.+_-]{0,63}$")
_FIELDS: Final = "--fields=name,status,version,update_version"
_WHAT: Final = "installed"
_AGAIN: Final = "plan again"


class Run(Protocol):
    """The way to the program: runs it with these arguments, returns what it wrote."""

    def __call__(self, *arguments: str, effect: bool) -> str:
        """
        Run it once.

        Raises:
            Rejected: It said that it failed, perhaps half-way.
            Ambiguous: *effect*, and nobody knows.
            Transient: It was not run, or only read.
        """


class Instance(NamedTuple):
    """One WordPress site; *host* without www."""

    number: int
    host: str
    version: str


class Toolkit:
    """The WordPress sites of one server."""

    def __init__(self, account: Account, run: Run) -> None:
        self._account = account
        self._run = run
        self._details = Details(account, f"{account.endpoint}|toolkit")

    # -- reading -----------------------------------------------------------------------

    def observe(self, wants: Sequence[HostingAccount]) -> dict[str, Observed]:
        """Return what is installed at the sites of each account."""
        try:
            listed = self.instances() if wants else []
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            return {want.name: lost for want in wants}
        return {want.name: self._state(want, listed) for want in wants}

    def _state(self, want: HostingAccount, listed: Iterable[Instance]) -> Observed:
        found: list[Component] = []
        try:
            for one in listed:
                if of(want, one.host):
                    found += self._kept(one)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)
        return UpdatesState(components=tuple(found))

    def instances(self) -> list[Instance]:
        """Return every site of the server; raise Rejected where that proves nothing."""
        said = _json(self._run("--list", "-format", "json", effect=False), "--list")
        found: dict[str, Instance] = {}
        for row in rows(said, "sites"):
            number, host = row.get("id"), _host(str(row.get("siteUrl") or ""))
            if not isinstance(number, int) or not host:
                raise Rejected("wp-toolkit --list: a line of it is no site")
            if host in found:
                raise Rejected(f"wp-toolkit --list: {host} is there twice")
            found[host] = Instance(number, host, str(row.get("version") or ""))
        return sorted(found.values())

    def _kept(self, one: Instance) -> list[Component]:
        """Return what is installed, as it was read in the last day."""
        said = self._details.ask(
            _WHAT,
            one.host,
            [one.number, one.version],
            lambda: [c.model_dump(mode="json") for c in self.installed(one)],
        )
        listed = said if isinstance(said, list) else []
        return [Component.model_validate(row) for row in listed]

    def installed(self, one: Instance) -> list[Component]:
        """Return what is installed now, from the site itself."""
        version = self._wp(one, "core", "version", effect=False).strip()
        if not _VERSION.fullmatch(version):
            raise Rejected(f"{one.host}: its core tells no version")
        offers = self._read(one, "core", "check-update", "--format=json")
        found = [*_core(one.host, version, offers)]
        for kind in _KINDS:
            listed = self._read(one, kind, "list", "--format=json", _FIELDS)
            found += _parts(one.host, kind, listed)
        return found

    # -- doing -------------------------------------------------------------------------

    def apply(self, want: HostingAccount, change: Patch | RollBack) -> str:
        """Install the version that *change* names, once; return what was done."""
        details = change.details
        site, name = str(details["site"]), str(details["id"])
        was, version = str(details["from"]), str(details["to"])
        if not of(want, site):
            raise Rejected(f"{site} is no site of {want.domain}: nothing is done to it")
        if not _VERSION.fullmatch(version):
            raise Rejected(f"{version!r} is no version")
        one = next((one for one in self.instances() if one.host == site), None)
        if one is None:
            raise Rejected(f"{site} is no WordPress site there", hint=_AGAIN)
        # Before it is sent: a run that is killed after that must not believe this.
        self._details.forget(_WHAT, site)
        here = self._current(one, name)
        if here != was:
            raise Rejected(f"{name} of {site} is {here or 'gone'} by now", hint=_AGAIN)
        try:
            self._install(one, change, name, version)
        except Rejected as refusal:
            raise self._after(refusal, one, name, was) from None
        if self._shown(one, name) not in {version, None}:
            raise Ambiguous("it said yes, and the site does not show it")
        return f"{one.number}/{name}@{version}"

    def _install(
        self, one: Instance, change: Patch | RollBack, name: str, version: str
    ) -> None:
        kind, _, slug = name.partition("/")
        back = isinstance(change, RollBack)
        chosen = f"--version={version}"
        if name == CORE:
            force = ("--force",) if back else ()
            self._wp(one, "core", "update", chosen, *force, effect=True)
            self._wp(one, "core", "update-db", effect=True)
        elif kind not in _KINDS or not _NAME.fullmatch(slug):
            raise Rejected(f"{name[:80]!r} is nothing that can be updated")
        elif back:
            self._wp(one, kind, "install", slug, chosen, "--force", effect=True)
        else:
            self._wp(one, kind, "update", slug, chosen, "--format=json", effect=True)

    def _current(self, one: Instance, name: str) -> str | None:
        """Return the version of *name* that is installed now; None: it is not there."""
        found = [c.current for c in self.installed(one) if c.id == name]
        return found[0] if found else None

    def _shown(self, one: Instance, name: str) -> str | None:
        """Return the version that is installed by now; None where nobody can read."""
        try:
            return self._current(one, name) or ""
        except ProviderError:
            return None  # it said yes; the look after each action decides

    def _after(
        self, refusal: Rejected, one: Instance, name: str, was: str
    ) -> ProviderError:
        """Return what a refusal means, once the site was read again."""
        if self._shown(one, name) == was:
            return refusal
        return Ambiguous(f"{refusal.what}; and yet something seems to have happened")

    def shown(self, change: Patch | RollBack) -> bool | None:
        """Say from a fresh reading whether *change* took effect; raise if it fails."""
        site = str(change.details["site"])
        self._details.forget(_WHAT, site)
        one = next((one for one in self.instances() if one.host == site), None)
        here = None if one is None else self._current(one, str(change.details["id"]))
        if here == change.details["to"]:
            return True
        return False if here == change.details["from"] else None

    # -- asking ------------------------------------------------------------------------

    def _wp(self, one: Instance, *arguments: str, effect: bool) -> str:
        number = str(one.number)
        whole = ("--wp-cli", "-instance-id", number, "--", *arguments)
        return self._run(*whole, effect=effect)

    def _read(self, one: Instance, *arguments: str) -> Any:
        said = self._wp(one, *arguments, effect=False)
        return _json(said, f"wp {arguments[0]} {arguments[1]}")


def of(want: HostingAccount, host: str) -> bool:
    """Say whether *host* is the site of an account, or one below it."""
    return host == want.domain or host.endswith(f".{want.domain}")


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.")


def _json(text: str, what: str) -> Any:
    """Return the JSON in *text*: programs may write a warning before it."""
    start = min((at for at in map(text.find, "[{") if at >= 0), default=-1)
    if start < 0:
        return []  # "Success: WordPress is at the latest version."
    try:
        return json.JSONDecoder().raw_decode(text[start:])[0]
    except ValueError:
        raise Rejected(f"{what}: what it wrote cannot be read") from None


def _core(host: str, version: str, offers: JsonValue) -> Iterator[Component]:
    """Yield the core once for each version that is offered; once without any."""
    found = 0
    for row in rows(offers, "versions"):
        target = str(row.get("version") or "")
        if not _VERSION.fullmatch(target) or target == version:
            continue
        sort: Sort = "security" if row.get("update_type") == "minor" else "major"
        found += 1
        yield Component(id=CORE, site=host, current=version, target=target, sort=sort)
    if not found:
        yield Component(id=CORE, site=host, current=version)


def _parts(host: str, kind: str, listed: JsonValue) -> Iterator[Component]:
    for row in rows(listed, f"{kind}s"):
        name, version = str(row.get("name") or ""), str(row.get("version") or "")
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
            continue  # a single file, a must-use plugin: it has no version of its own
        target = str(row.get("update_version") or "")
        newer = bool(_VERSION.fullmatch(target)) and target != version
        yield Component(
            id=f"{kind}/{name}",
            site=host,
            current=version,
            target=target if newer else None,
            sort=_sort(version, target) if newer else "minor",
        )


def _sort(version: str, target: str) -> Sort:
    """Return ``major`` where the main version is another one."""
    return "minor" if _main(version) == _main(target) else "major"


def _main(version: str) -> str:
    return version.partition(".")[0]
