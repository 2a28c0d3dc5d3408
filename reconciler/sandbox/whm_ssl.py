"""What a WHM server answers about certificates and AutoSSL, in its wire format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.errors import ReconcilerError
from reconciler.sandbox import panel_sites as panel
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer, Call

Accounts = Mapping[str, dict[str, Any]]
Serve = Callable[[Call, Accounts], Answer]


def answered(data: Any = None) -> Answer:
    """Return a success with *data*."""
    meta = {"command": "", "reason": "OK", "result": 1, "version": 1}
    body: dict[str, Any] = {"metadata": meta}
    return Answer(200, body if data is None else {"data": data, **body})


def failed(reason: str) -> Answer:
    """Return a failure, which is an answer 200."""
    meta = {"command": "", "reason": reason, "result": 0, "version": 1}
    return Answer(200, {"metadata": meta})


def given(call: Call) -> Mapping[str, str]:
    """Return the parameters of a call, wherever they were sent."""
    return {**call.query, **call.form}


def _vhosts(call: Call, accounts: Accounts) -> Answer:
    rows = [
        {
            "crt": panel.described(site),
            "docroot": f"/home/{user}/public_html",
            "domains": panel.domains(name),
            "ip": "192.0.2.20",
            "iptype": "shared",
            "ipv6": None,
            "is_primary_on_ip": 0,
            "mail_sni_status": 1,
            "needs_sni": 1,
            "servername": name,
            "type": "main" if name == account["domain"] else "sub",
            "user": user,
        }
        for user, account in accounts.items()
        for name, site in account["sites"].items()
        if site["pem"]
    ]
    if call.faulty == "duplicate-page":
        rows = [*rows, *rows[:1]]
    return answered({"vhosts": rows})


def _domains(call: Call, accounts: Accounts) -> Answer:
    del call
    rows = [
        {
            "docroot": f"/home/{user}/public_html",
            "domain": name,
            "domain_type": "main" if name == account["domain"] else "addon",
            "ipv4": "192.0.2.20",
            "ipv4_ssl": "192.0.2.20",
            "parent_domain": account["domain"],
            "port": 80,
            "port_ssl": 443,
            "user": user,
            "user_owner": account["owner"],
        }
        for user, account in accounts.items()
        for name in account["sites"]
    ]
    return answered({"domains": rows})


def hosts(account: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the ``data`` of ``SSL::installed_hosts``."""
    return [
        {
            "certificate": {
                **panel.described(site),
                "is_autossl": int(site["automatic"]),
                **({"auto_ssl_provider": "cPanel"} if site["automatic"] else {}),
            },
            "certificate_text": site["pem"],
            "docroot": f"/home/{account['user']}/public_html",
            "domains": panel.domains(name),
            "fqdns": [*panel.domains(name), f"webmail.{name}"],
            "ip": "192.0.2.20",
            "is_primary_on_ip": 0,
            "mail_sni_status": 1,
            "needs_sni": 1,
            "servername": name,
        }
        for name, site in account["sites"].items()
        if site["pem"]
    ]


def _uapi(call: Call, accounts: Accounts) -> Answer:
    asked = given(call)
    account = accounts.get(asked.get("cpanel.user", ""))
    if account is None:
        return failed("You do not own that user.")
    what = (asked.get("cpanel.module"), asked.get("cpanel.function"))
    if what != ("SSL", "installed_hosts"):
        return failed(f"The module or the function does not exist: {what}")
    said: dict[str, Any] = {
        "data": hosts(account),
        "errors": None,
        "messages": None,
        "metadata": {"transformed": 1},
        "status": 1,
        "warnings": None,
    }
    if call.faulty == "empty":
        said |= {"data": None, "status": 0, "errors": ["The account is locked."]}
    return answered({"uapi": said})


def _install(call: Call, accounts: Accounts) -> Answer:
    if call.query.get("key") or call.method != "POST":
        # The vendor would take it; a key in a URL is in its logs from then on.
        call.bench.state["leaked"] = True
    asked = given(call)
    user, account = next(
        ((u, a) for u, a in accounts.items() if panel.at(a, asked.get("domain", ""))),
        ("", None),
    )
    if account is None:
        return failed("The domain does not belong to a user you control.")
    done = panel.install(account, asked)
    if done.problem:
        return failed(done.problem)
    call.bench.effect("installssl", done.site, asked=asked["domain"])
    if account["half"]:
        return failed("The web server could not be restarted.")
    said = answered(panel.told(account, done.site, user))
    said.data["metadata"]["output"] = said.data["data"]["html"]
    return said


def _restart(call: Call, accounts: Accounts) -> Answer:
    service = given(call).get("service", "")
    if service != "httpd":
        return failed(f"Unknown service: {service}")
    call.bench.state["restarts"] = call.bench.state.get("restarts", 0) + 1
    for account in accounts.values():
        for name in account["sites"]:
            call.bench.effect("restart", name)
    text = "Waiting for httpd to restart........finished.\n\nhttpd started ok\n"
    return answered({"output": text, "service": service})


def _providers(call: Call, accounts: Accounts) -> Answer:
    del accounts
    enabled = int(call.state["autossl"])
    row = {"display_name": "Sectigo", "enabled": enabled, "module_name": "cPanel"}
    return answered({"payload": [row]})


def _metadata(call: Call, accounts: Accounts) -> Answer:
    del accounts
    clobbers = int(call.state["clobbers"])
    return answered({"payload": {"clobber_externally_signed": clobbers}})


def _features(call: Call, accounts: Accounts) -> Answer:
    user, feature = given(call).get("user", ""), given(call).get("feature", "")
    if user not in accounts:
        return failed("You do not own that user.")
    row = {
        "cpuser_setting": None,
        "feature": feature,
        "feature_list": "default",
        "feature_list_setting": int(accounts[user]["autossl"]),
        "user": user,
    }
    return answered({"users_features_settings": [row]})


def _excluded(call: Call, accounts: Accounts) -> Answer:
    account = accounts.get(given(call).get("username", ""))
    if account is None:
        return failed("You do not own that user.")
    rows = [{"excluded_domain": name} for name in account["excluded"]]
    return answered({"payload": rows})


def _problems(call: Call, accounts: Accounts) -> Answer:
    account = accounts.get(given(call).get("username", ""))
    if account is None:
        return failed("You do not own that user.")
    rows = [{**row, "log": row["time"]} for row in account["problems"]]
    return answered({"problems_by_domain": rows})


def _check(call: Call, accounts: Accounts) -> Answer:
    user = given(call).get("username", "")
    if user not in accounts:
        return failed("You do not own that user.")
    panel.run(call.bench, accounts, user)
    call.bench.effect("autossl-check", accounts[user]["domain"])
    return answered({"pid": 12345})


def _logs(call: Call, accounts: Accounts) -> Answer:
    rows = [
        {**row, "provider": "cPanel", "in_progress": 0}
        for row in call.state["autossl_logs"]
        if row["username"] in accounts
    ]
    return answered({"payload": rows})


TABLE: Final[Mapping[str, Serve]] = {
    "fetch_ssl_vhosts": _vhosts,
    "get_domain_info": _domains,
    "uapi_cpanel": _uapi,
    "installssl": _install,
    "restartservice": _restart,
    "get_autossl_providers": _providers,
    "get_autossl_metadata": _metadata,
    "get_users_features_settings": _features,
    "get_autossl_user_excluded_domains": _excluded,
    "get_autossl_problems_for_user": _problems,
    "start_autossl_check_for_one_user": _check,
    "get_autossl_logs_catalog": _logs,
}
#: What an engineer sets for AutoSSL of the whole server.
SETTINGS: Final = ("autossl", "clobbers", "fights")


def edit(bench: Bench, data: Mapping[str, Any]) -> None:
    """
    Change AutoSSL of the server by hand: ``{autossl, clobbers, fights}``.

    ``fights``: it replaces whatever it finds, every night.

    Raises:
        ReconcilerError: There is no such setting.
    """
    unknown = sorted(set(data) - set(SETTINGS))
    if unknown:
        raise ReconcilerError(f"AutoSSL has no setting {unknown[0]}")
    bench.state.update({name: bool(value) for name, value in data.items()})
