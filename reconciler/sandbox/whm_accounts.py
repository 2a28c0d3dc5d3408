"""
What a WHM server does with accounts: creation, packages, limits, PHP, deletion.

After the vendor's reference (``createacct``, ``changepackage``, ``editquota``,
``limitbw``, ``removeacct``, ``listpkgs``, ``php_get_vhost_versions``,
``php_set_vhost_versions``, ``restore_queue_list_active``, ``applist``). Kept: a
password is made where none is given, and shown where nobody forbids it (``showpass``);
user names have at most sixteen small letters and digits, do not begin with a digit or
with ``test``, and differ in their first eight; a package's limits replace those set by
hand; 0 is unlimited; a new account has a zone, and one that is there is not overwritten
(``forcedns``); a reseller gives away no more disk than it has. Not documented, and
played: the words of a refusal, and which other names are reserved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.sandbox import panel_sites
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.whm_seeds import KILL, ROOT, HostedSeed, kept, may, most, own
from reconciler.sandbox.whm_ssl import answered, failed, given

Serve = Callable[[Call, str], Answer]

_RESERVED: Final = frozenset(
    ("root", "mail", "mysql", "nobody", "postgres", "cpanel", "ftp", "virtfs", "www")
)
_USER: Final = re.compile(r"^(?!test)[a-z][a-z0-9]{0,15}$")
_ALIKE: Final = 8
_NOT_THERE: Final = "Account does not exist."
#: What a password looks like that somebody lets the server show.
PASSWORD: Final = "sandbox-made-password"  # noqa: S105


def _create(call: Call, user: str) -> Answer:
    asked = given(call)
    name, domain = asked.get("username", "").lower(), asked.get("domain", "").lower()
    state = call.bench.state
    plan = asked.get("plan", "default")
    if problem := _refused(state, name, domain, asked):
        return failed(problem)
    seed = HostedSeed(domain=domain, plan=plan, owner=asked.get("owner", user))
    state["accounts"][name] = kept(name, seed, call.bench.clock().timestamp())
    shows = asked.get("showpass", "y") == "y"
    call.bench.effect("create", domain, user=name, plan=plan, shows=str(shows))
    if state["free"] is not None:
        state["free"] -= state["packages"][plan]["quota"]
    if state["half"]:
        state["half"] = False
        return failed("The FTP server could not be restarted.")
    shown = PASSWORD if shows else "HIDDEN"
    answer = answered(_created(plan))
    answer.data["metadata"] |= {
        "reason": "Account Creation Ok",
        "output": {"raw": f"| UserName: {name}\n| PassWord: {shown}\n...Done"},
    }
    return answer


def _refused(
    state: Mapping[str, Any], name: str, domain: str, asked: Mapping[str, str]
) -> str | None:
    """Return why no such account can be made."""
    plan = asked.get("plan", "default")
    if not _USER.fullmatch(name) or name in _RESERVED:
        return f"“{name}” is not a valid username on this system."
    accounts = state["accounts"]
    if any(other[:_ALIKE] == name[:_ALIKE] for other in accounts):
        return f"The name of another account on this server has the same initial 8 characters as the given username ({name})."  # noqa: E501
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
        return "The domain name is not valid."
    if any(panel_sites.at(row, domain) for row in accounts.values()):
        return f"The domain “{domain}” already exists in the userdata."
    if domain in state.get("zones", ()) and asked.get("forcedns") != "1":
        return f"A DNS entry for “{domain}” already exists."
    if plan not in state["packages"]:
        return f"The package “{plan}” does not exist."
    quota = state["packages"][plan]["quota"]
    if state["free"] is not None and not 0 < quota <= state["free"]:
        return "You do not have enough disk quota left to create this account."
    return None


def _created(plan: str) -> dict[str, Any]:
    second = {f"{key}{n}": None for key in ("nameservera", "nameserverentry")
              for n in ("", "2", "3", "4")}  # fmt: skip
    return {
        "ip": "192.0.2.20",
        "nameserver": "ns1.agency.example",
        "nameserver2": "ns2.agency.example",
        "nameserver3": "",
        "nameserver4": "",
        "package": plan,
        **second,
    }


def _change_package(call: Call, user: str) -> Answer:
    asked = given(call)
    row = own(call, user).get(asked.get("user", ""))
    package = call.bench.state["packages"].get(asked.get("pkg", ""))
    if row is None:
        return failed(_NOT_THERE)
    if package is None:
        return failed(f"Invalid package name: {asked.get('pkg', '')}")
    before = row["plan"]
    row["plan"] = asked["pkg"]
    call.bench.effect("change-package", row["domain"], plan=row["plan"], was=before)
    if row["half"]:
        # The package is written down first; what it limits would have come after.
        row["quota"] = most(call.bench.state, {**row, "plan": before}, "quota")
        return failed("The quota could not be set.")
    row.update(quota=None, bandwidth=None)
    answer = answered()
    said = f"<pre>\nChanging plan from {before} to {row['plan']}\n</pre>"
    answer.data["metadata"]["output"] = {"raw": said}
    return answer


def _mib(text: str) -> int | None:
    """Return a limit in MiB; None where it is none."""
    if text == "unlimited":
        return 0
    return int(text) if text.isascii() and text.isdigit() else None


def _edit_quota(call: Call, user: str) -> Answer:
    asked = given(call)
    row, quota = (
        own(call, user).get(asked.get("user", "")),
        _mib(asked.get("quota", "")),
    )
    if row is None:
        return failed(_NOT_THERE)
    if quota is None:
        return failed("The quota must be a whole number of megabytes, or unlimited.")
    free = call.bench.state["free"]
    more = quota - most(call.bench.state, row, "quota")
    if free is not None and (quota == 0 or more > free):
        return failed("You do not have enough disk quota left to make this change.")
    if free is not None:
        call.bench.state["free"] = free - more
    row["quota"] = quota
    call.bench.effect("edit-quota", row["domain"], quota=str(quota))
    if row["half"]:
        return failed("The quota cache could not be written.")
    answer = answered()
    answer.data["metadata"]["reason"] = f"Set quota for {row['user']}."
    return answer


def _limit_bandwidth(call: Call, user: str) -> Answer:
    asked = given(call)
    row = own(call, user).get(asked.get("user", ""))
    limit = _mib(asked.get("bwlimit", "unlimited"))
    if row is None:
        return failed(_NOT_THERE)
    if limit is None:
        return failed("The limit must be a whole number of megabytes, or unlimited.")
    row["bandwidth"] = limit
    call.bench.effect("limit-bandwidth", row["domain"], limit=str(limit))
    said = str(limit) if limit else "unlimited"
    line = {
        "bwlimit": limit,
        "bwlimitenable": 0,
        "domains": list(row["sites"]),
        "human_bwlimit": f"{limit} MB" if limit else "unlimited",
        "human_bwused": "none",
        "unlimited": int(not limit),
    }
    answer = answered({"bwlimits": [line]})
    who = row["user"]
    reason = f"Bandwidth Limit for {who} has been set to {said} megabytes"
    answer.data["metadata"]["reason"] = reason
    return answer


def _remove(call: Call, user: str) -> Answer:
    asked = given(call)
    name = asked.get("username") or asked.get("user", "")
    row = own(call, user).get(name)
    if row is None or name == user:
        return failed(f"System user {name} does not exist!")
    if not may(call, user, KILL):
        return failed("You do not have permission to terminate accounts.")
    state = call.bench.state
    del state["accounts"][name]
    if asked.get("keepdns") == "1":
        state["zones"] = sorted({*state.get("zones", ()), row["domain"]})
    call.bench.effect("remove", row["domain"], user=name, dns=asked.get("keepdns", "0"))
    if row["half"]:
        return failed("The databases could not be removed.")
    answer = answered()
    answer.data["metadata"]["output"] = {"raw": "Removing User & Group...Done"}
    return answer


def _packages(call: Call, user: str) -> Answer:
    """Return what can be given to accounts: a reseller's own begin with its name."""
    mine = {
        name: row
        for name, row in sorted(call.state["packages"].items())
        if user == ROOT or "_" not in name or not _of_another(call, user, name)
    }
    rows = [
        {
            "BWLIMIT": row["bandwidth"] or "unlimited",
            "CGI": "y",
            "CPMOD": "jupiter",
            "FEATURELIST": "default",
            "HASSHELL": "n",
            "IP": "n",
            "LANG": "en",
            "MAXADDON": 0,
            "MAXSQL": "unlimited",
            "QUOTA": row["quota"] or "unlimited",
            "_PACKAGE_EXTENSIONS": "",
            "name": name,
        }
        for name, row in mine.items()
    ]
    return answered({"pkg": rows})


def _of_another(call: Call, user: str, name: str) -> bool:
    owners = {one["user"] for one in call.state["tokens"]} - {user}
    return name.partition("_")[0] in owners


def _restores(call: Call, user: str) -> Answer:
    jobs = [
        {
            "options": {"destid": "local", "give_ip": 0, "mail_config": 1, "mysql": 1},
            "restore_point": "2026-11-20",
            "user": name,
        }
        for name, row in own(call, user).items()
        if row["restoring"]
    ]
    return answered({"restore_job": jobs})


# -- PHP ------------------------------------------------------------------------------


def _php(call: Call, user: str) -> Answer:
    rows = [
        {
            "account": name,
            "account_owner": row["owner"],
            "documentroot": f"/home/{name}/public_html",
            "homedir": f"/home/{name}",
            "is_suspended": int(row["suspended"] is not None),
            "main_domain": int(site == row["domain"]),
            "php_fpm": int(row.get("fpm", True)),
            "phpversion_source": [{"system_default": 1}]
            if row["php"] == "inherit"
            else [{"domain": site}],
            "version": row["php"],
            "vhost": site,
        }
        for name, row in own(call, user).items()
        for site in row["sites"]
    ]
    return answered({"versions": rows})


def _php_default(call: Call, _: str) -> Answer:
    return answered({"version": call.state["php"][0]})


def _php_installed(call: Call, _: str) -> Answer:
    return answered({"versions": list(call.state["php"])})


def _php_set(call: Call, user: str) -> Answer:
    """Set it for ``vhost``, ``vhost-1``...; ``php_fpm`` is 0 where it is left out."""
    asked = given(call)
    sites = [v for k, v in asked.items() if re.fullmatch(r"vhost(-\d+)?", k)]
    rows = [r for r in own(call, user).values() if set(sites) & set(r["sites"])]
    known = {site for row in rows for site in row["sites"]}
    if not sites or set(sites) - known:
        return failed("The virtual host does not exist.")
    if asked.get("version") not in {*call.state["php"], "inherit"}:
        return failed(f"PHP version “{asked.get('version')}” is not installed.")
    for row in rows:
        row.update(php=asked["version"], fpm=asked.get("php_fpm") == "1")
        call.bench.effect("set-php", row["domain"], version=row["php"])
    if any(row["half"] for row in rows):
        return failed("Apache could not be restarted.")
    return answered()


TABLE: Final[Mapping[str, Serve]] = {
    "createacct": _create,
    "changepackage": _change_package,
    "editquota": _edit_quota,
    "limitbw": _limit_bandwidth,
    "removeacct": _remove,
    "listpkgs": _packages,
    "restore_queue_list_active": _restores,
    "php_get_vhost_versions": _php,
    "php_get_system_default_version": _php_default,
    "php_get_installed_versions": _php_installed,
    "php_set_vhost_versions": _php_set,
}
#: Function -> the right that lets a token call it, as far as it is played.
NEEDS: Final[Mapping[str, str]] = {
    "backup_config_get": "all",
    "backup_config_set": "all",
    "backup_set_list_combined": "all",
    "changepackage": "upgrade-account",
    "createacct": "create-acct",
    "editquota": "quota",
    "get_pkgacct_session_state": "all",
    "limitbw": "limit-bandwidth",
    "listpkgs": "list-pkgs",
    "removeacct": KILL,
    "showbw": "show-bandwidth",
    "start_background_pkgacct": "all",
}
