"""
WordPress sites on a panel's server, and WP Toolkit's command line in front of them.

After the vendors' references (``--list -format json``, ``--wp-cli -instance-id ID --
COMMAND``) and WP-CLI's (``core version``, ``core check-update``, ``core update``,
``plugin list``, ``plugin update``, ``plugin install --force``). Kept: what is listed of
a site, a minor and a major version offered at once, an update to a version that is
installed already does nothing and is a success, an older one that is installed again is
offered the newer one again. Not documented, and played: the words of a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.sandbox.registrar import Seed

Row = dict[str, Any]
#: What the page of a site says whose program broke.
BROKEN: Final = "<!doctype html><title>WordPress &rsaquo; Error</title>"
_KINDS: Final = {"plugin": "plugins", "theme": "themes"}


class No(Exception):
    """A command that failed; its words go to stderr."""


class PartSeed(Seed):
    """
    A plugin or a theme.

    Attributes:
        latest: The newest version there is; its own if left out.
        refuses: It cannot be updated from here, as where it has to be paid for.
    """

    version: str
    latest: str = ""
    status: str = "active"
    refuses: bool = False


class WordpressSeed(Seed):
    """
    One WordPress site.

    Attributes:
        version: Of its core.
        offers: Newer versions of it.
        breaks: What makes its page fail while it is installed, as in
            ``plugin/shop@2.0.0`` or ``core/wordpress@6.5``.
        stays: What does, once it was ever installed: putting it back does not help.
        spoilt: That has happened.
        slow: An update answers nothing, and is done so many seconds later.
    """

    version: str = "6.4.1"
    offers: tuple[str, ...] = ()
    plugins: dict[str, PartSeed] = {}
    themes: dict[str, PartSeed] = {}
    breaks: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    spoilt: bool = False
    slow: float = 0.0


def begun(seed: WordpressSeed | None) -> Row | None:
    """Return a site as state; None where there is none."""
    return None if seed is None else seed.model_dump(mode="json")


def sites(state: Mapping[str, Any]) -> Iterator[tuple[int, str, Row]]:
    """Yield number, domain and site of every WordPress of a server."""
    rows = sorted(state.get("accounts", {}).values(), key=lambda row: row["user"])
    for number, row in enumerate(rows, 1):
        if row.get("wordpress"):
            yield number, row["domain"], row["wordpress"]


def fails(site: Row) -> bool:
    """Say whether the page of *site* fails, by what is installed."""
    here = {f"core/wordpress@{site['version']}"}
    for kind, name in _KINDS.items():
        here |= {f"{kind}/{n}@{one['version']}" for n, one in site[name].items()}
    return bool(here & set(site["breaks"])) or site["spoilt"]


def run(
    state: Mapping[str, Any], arguments: Sequence[str], effect: Callable[..., object]
) -> str:
    """
    Run WP Toolkit once; *effect* is told (operation, domain) of what was changed.

    Raises:
        No: It fails.
    """
    match arguments:
        case ["--list", "-format", "json"]:
            return json.dumps([_listed(*one) for one in sites(state)])
        case ["--wp-cli", "-instance-id", number, "--", *command]:
            for each, domain, site in sites(state):
                if str(each) == number:
                    return _wp(site, command, _about(domain, effect))
            raise No(f"Unable to find the WordPress installation with the ID {number}.")
        case _:
            raise No(f"Unknown command: {' '.join(arguments)[:80]}")


def _about(domain: str, effect: Callable[..., object]) -> Callable[[str], object]:
    return lambda what: effect(what, domain)


def target(state: Mapping[str, Any], arguments: Sequence[str]) -> Row | None:
    """Return the site that *arguments* change; None where they only read."""
    match arguments:
        case ["--wp-cli", "-instance-id", number, "--", _, "update" | "install", *_]:
            found = (site for each, _, site in sites(state) if str(each) == number)
            return next(found, None)
        case _:
            return None


def called(arguments: Sequence[str]) -> str:
    """Return what people call a request: its command without what it is about."""
    if "--" in arguments:
        command = arguments[list(arguments).index("--") + 1 :]
        return f"wp {' '.join(command[:2])}"
    return f"wp-toolkit {arguments[0] if arguments else ''}"


def _listed(number: int, domain: str, site: Row) -> dict[str, Any]:
    return {
        "id": number,
        "mainDomainId": number,
        "path": "/httpdocs",
        "ownerId": number,
        "name": "A site",
        "siteUrl": f"https://{domain}",
        "version": site["version"],
        "alive": True,
        "infected": False,
        "broken": False,
    }


def _wp(site: Row, command: Sequence[str], effect: Callable[[str], object]) -> str:
    match command:
        case ["core", "version"]:
            return f"{site['version']}\n"
        case ["core", "check-update", "--format=json"]:
            return json.dumps(_offers(site))
        case ["core", "update", version, *force] if version.startswith("--version="):
            return _core(site, version.partition("=")[2], force, effect)
        case ["core", "update-db"]:
            return "Success: WordPress database already at latest db version.\n"
        case [kind, "list", "--format=json", _] if kind in _KINDS:
            warning = "PHP Deprecated: somebody's plugin is old\n"
            return warning + json.dumps(_parts(site[_KINDS[kind]]))
        case [kind, "update", name, version, "--format=json"] if kind in _KINDS:
            return _update(site, kind, name, version.partition("=")[2], effect)
        case [kind, "install", name, version, "--force"] if kind in _KINDS:
            _part(site, kind, name)["version"] = version.partition("=")[2]
            effect(f"{kind}-install")
            return f"Success: Installed 1 of 1 {kind}s.\n"
        case _:
            raise No(f"Error: '{' '.join(command)[:80]}' is not a registered command.")


def _offers(site: Row) -> list[dict[str, str]]:
    found = []
    for version in site["offers"]:
        if _number(version) > _number(site["version"]):
            same = _number(version)[:2] == _number(site["version"])[:2]
            sort = "minor" if same else "major"
            url = f"https://downloads.wordpress.org/release/wordpress-{version}.zip"
            one = {"version": version, "update_type": sort, "package_url": url}
            found.append(one)
    return found


def _core(
    site: Row, version: str, force: Sequence[str], effect: Callable[[str], object]
) -> str:
    if _number(version) < _number(site["version"]) and "--force" not in force:
        return "Success: WordPress is up to date.\n"
    site["version"] = version
    _spoil(site, f"core/wordpress@{version}")
    effect("core-update")
    return "Success: WordPress updated successfully.\n"


def _parts(listed: Mapping[str, Row]) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "status": one["status"],
            "version": one["version"],
            "update_version": "" if one["latest"] in {"", one["version"]} else latest,
        }
        for name, one in listed.items()
        if (latest := one["latest"]) is not None
    ]


def _update(
    site: Row, kind: str, name: str, version: str, effect: Callable[[str], object]
) -> str:
    one = _part(site, kind, name)
    if one["refuses"]:
        raise No(f"Error: {name}: Update package not available.")
    was, one["version"] = one["version"], version
    _spoil(site, f"{kind}/{name}@{version}")
    effect(f"{kind}-update")
    told = {"name": name, "old_version": was, "new_version": version}
    return json.dumps([{**told, "status": "Updated"}])


def _part(site: Row, kind: str, name: str) -> Row:
    found: Row | None = site[_KINDS[kind]].get(name)
    if found is None:
        raise No(f"Warning: The '{name}' {kind} could not be found.")
    return found


def _spoil(site: Row, mark: str) -> None:
    site["spoilt"] = site["spoilt"] or mark in site["stays"]


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]
