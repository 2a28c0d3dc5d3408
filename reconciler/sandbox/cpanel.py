"""
UAPI of one cPanel account, as far as its certificates go; stateful, in its wire format.

After the vendor's reference (api.docs.cpanel.net, UAPI). Kept:
``/execute/Module/function``, ``Authorization: cpanel user:token``, HTTP 200 with
``status`` 0 and ``errors`` for a failure, 401 for who is not let in. ``nested``: the
answer is inside of ``result``, as the reference shows it. The world's part is::

    cpanel: {user: agency, token: "...", domain: a.example, addons: [...], ...}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import panel_sites, whm_ssl
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

Serve = Callable[[Call, dict[str, Any]], Any]


class CpanelSeed(panel_sites.SitesSeed):
    """
    One account.

    Attributes:
        nested: Answers are inside of ``result``.
        off: The server's roles have its functions turned off.
        half: An installation is made, and answered as a failure.
    """

    user: str
    token: str
    domain: str
    nested: bool = False
    off: bool = False
    half: bool = False


class _No(Exception):
    """A failure, which is an answer 200."""


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = CpanelSeed.model_validate(bench.world)
    except ValidationError as error:
        raise ReconcilerError(
            f"the sandbox world of {bench.vendor} cannot be read: {error}"
        ) from error
    if not bench.state:
        now = bench.clock()
        bench.state.update(
            autossl=True,
            clobbers=False,
            fights=False,
            autossl_ran=now.timestamp(),
            autossl_logs=[],
            account={
                **seed.model_dump(exclude={"certificates"}),
                "sites": panel_sites.sites(seed, seed.domain, now),
                "problems": [],
            },
        )
    table: Mapping[tuple[str, str], Serve] = {
        ("Variables", "get_user_information"): _who,
        ("WebVhosts", "list_domains"): _domains,
        ("SSL", "installed_hosts"): _hosts,
        ("SSL", "install_ssl"): _install,
        ("SSL", "start_autossl_check"): _check,
        ("SSL", "is_autossl_check_in_progress"): _in_progress,
        ("SSL", "get_autossl_problems"): _problems,
        ("SSL", "get_autossl_excluded_domains"): _excluded,
        ("Features", "has_feature"): _feature,
    }
    operations = [
        Operation(
            function, ("GET", "POST"), f"/execute/{module}/{function}", _let_in(serve)
        )
        for (module, function), serve in table.items()
    ]
    return rest(bench, operations, Answer(404, {"errors": ["not found"], "status": 0}))


def _let_in(serve: Serve) -> Callable[[Call], Answer]:
    def serving(call: Call) -> Answer:
        account = call.state["account"]
        who = f"cpanel {account['user']}:{account['token']}"
        if call.headers.get("authorization") != who:
            said = {"errors": ["The login is invalid."], "status": 0}
            return Answer(401, said)
        panel_sites.nightly(call.bench, _accounts(call))
        errors: list[str] | None = None
        data, status = None, 1
        try:
            if account["off"]:
                raise _No("This feature is disabled by the server's roles.")
            data = serve(call, account)
        except _No as no:
            errors, status = [str(no)], 0
        body: dict[str, Any] = {
            "data": data,
            "errors": errors,
            "messages": None,
            "metadata": {},
            "status": status,
            "warnings": None,
        }
        if account["nested"]:
            module, function = call.where.split("/")[-2:]
            head = {"apiversion": 3, "func": function, "module": module}
            return Answer(200, {**head, "result": body})
        return Answer(200, body)

    return serving


def _accounts(call: Call) -> dict[str, Any]:
    account = call.bench.state["account"]
    return {account["user"]: account}


def _who(call: Call, account: dict[str, Any]) -> Any:
    user = "stranger" if call.faulty == "wrong-account" else account["user"]
    return {"user": user, "domain": account["domain"]}


def _domains(call: Call, account: dict[str, Any]) -> Any:
    del call
    return [
        {
            "domain": name,
            "proxy_subdomains": [],
            "vhost_is_ssl": int(bool(row["pem"])),
            "vhost_name": site,
        }
        for site, row in account["sites"].items()
        for name in panel_sites.domains(site)
    ]


def _hosts(call: Call, account: dict[str, Any]) -> Any:
    del call
    return whm_ssl.hosts(account)


def _install(call: Call, account: dict[str, Any]) -> Any:
    if call.query.get("key") or call.method != "POST":
        call.bench.state["leaked"] = True
    asked = whm_ssl.given(call)
    form = {
        "domain": asked.get("domain", ""),
        "crt": asked.get("cert", ""),
        "key": asked.get("key", ""),
        "cab": asked.get("cabundle", ""),
    }
    done = panel_sites.install(account, form)
    if done.problem:
        raise _No(done.problem)
    call.bench.effect("install_ssl", done.site, asked=form["domain"])
    if account["half"]:
        raise _No("The web server could not be restarted.")
    about = panel_sites.described(account["sites"][done.site])
    told = panel_sites.told(account, done.site, account["user"])
    return {**told, "cert_id": about["id"], "key_id": about["id"][:32]}


def _check(call: Call, account: dict[str, Any]) -> Any:
    panel_sites.run(call.bench, _accounts(call), account["user"])
    call.bench.effect("autossl-check", account["domain"])


def _in_progress(call: Call, account: dict[str, Any]) -> Any:
    del account
    logs = call.state["autossl_logs"]
    now = call.bench.clock().strftime("%Y-%m-%dT%H:%M")
    return int(any(row["start_time"].startswith(now) for row in logs))


def _problems(call: Call, account: dict[str, Any]) -> Any:
    del call
    return account["problems"]


def _excluded(call: Call, account: dict[str, Any]) -> Any:
    del call
    return [{"excluded_domain": name} for name in account["excluded"]]


def _feature(call: Call, account: dict[str, Any]) -> Any:
    asked = whm_ssl.given(call).get("name")
    if asked != "autossl" or not account["autossl"]:
        raise _No(f"The feature “{asked}” exists but is not enabled.")


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change the account by hand: ``{<field>: value, ...}`` of its seed.

    What is installed at its sites stays where it is not given.

    Raises:
        ReconcilerError: There is no such thing, or no such field.
    """
    if thing != "account":
        raise ReconcilerError("post {<field>: value} to account")
    was = bench.state["account"]
    known = CpanelSeed.model_fields
    old = {key: value for key, value in was.items() if key in known}
    try:
        given = CpanelSeed.model_validate({**old, **data})
    except ValidationError as error:
        raise ReconcilerError(f"cannot change an account so: {error}") from error
    made = panel_sites.sites(given, given.domain, bench.clock())
    for site, row in was["sites"].items():
        if site in made and site not in given.certificates:
            made[site] = row
    was.update(given.model_dump(exclude={"certificates"}), sites=made)
    bench.effect("by-hand", given.domain)


EMULATOR = Emulator("cpanel", "", 18721, make, edit)
