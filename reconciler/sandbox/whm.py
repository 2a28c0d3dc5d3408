"""
A WHM server's API 1: accounts, their suspension and (``whm_ssl.py``) certificates.

Stateful, in its wire format.

After the vendor's reference (api.docs.cpanel.net) and answers that public clients show.
Kept: every function is a GET and takes a POST as well, ``Authorization: whm
user:token``, ``data`` and ``metadata``, HTTP 200 with ``result`` 0 for a failure, HTTP
403 in the older envelope for who is not let in, numbers as texts where ``textNumbers``
says so, ``want``, resellers who see their own accounts alone, locks that only root
lifts. Not documented, and played as a refusal: to suspend what is suspended, to lift
what is not, an account that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import (
    panel_sites,
    whm_accounts,
    whm_backups,
    whm_measures,
    whm_pkgacct,
    whm_ssl,
    whm_updates,
)
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest
from reconciler.sandbox.whm_hand import edit
from reconciler.sandbox.whm_seeds import (
    ROOT,
    HostedSeed,
    WhmSeed,
    kept,
    may,
    most,
    own,
    state_of,
)

_FIRST_DAY: Final = 1388534400
_STRANGER: Final = HostedSeed(domain="stranger.example")
#: What every token may call.
_ALWAYS: Final = ("accountsummary", "gethostname", "listaccts", "suspendacct")

Serve = Callable[[Call, str], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = WhmSeed.model_validate(bench.world)
    except ValidationError as error:
        raise ReconcilerError(
            f"the sandbox world of {bench.vendor} cannot be read: {error}"
        ) from error
    if not bench.state:
        bench.state.update(state_of(seed, bench.clock()))
    table: Mapping[str, Serve] = {
        "gethostname": _hostname,
        "listaccts": _list,
        "accountsummary": _summary,
        "suspendacct": _suspend,
        "unsuspendacct": _unsuspend,
        "api_token_list": _tokens,
        "applist": _functions,
        **whm_accounts.TABLE,
        **whm_measures.TABLE,
        **whm_updates.TABLE,
        **whm_backups.TABLE,
        **whm_pkgacct.TABLE,
    }
    more = {name: _with_sites(serve) for name, serve in whm_ssl.TABLE.items()}
    more["uapi_cpanel"] = whm_measures.measured(more["uapi_cpanel"])
    operations = [
        Operation(name, ("GET", "POST"), f"/json-api/{name}", _let_in(name, serve))
        for name, serve in {**table, **more}.items()
    ]
    return rest(bench, operations, whm_ssl.failed("Unknown app requested"))


def _with_sites(serve: whm_ssl.Serve) -> Serve:
    def serving(call: Call, user: str) -> Answer:
        panel_sites.nightly(call.bench, call.bench.state["accounts"])
        return serve(call, own(call, user))

    return serving


def _let_in(name: str, serve: Serve) -> Callable[[Call], Answer]:
    def serving(call: Call) -> Answer:
        user = _user(call)
        if user is None:
            return Answer(403, _denied("Access denied"))
        if whm_ssl.given(call).get("api.version") != "1":
            return Answer(200, {"status": 0, "statusmsg": "API 0 is not played here"})
        needs = whm_accounts.NEEDS.get(name)
        if needs is not None and not may(call, user, needs):
            return Answer(403, _denied("Permission denied"))
        answer = serve(call, user)
        answer.data["metadata"]["command"] = name
        return answer._replace(data=_numbers(call, answer.data))

    return serving


def _denied(why: str) -> dict[str, Any]:
    data = {"reason": why, "result": "0"}
    result = {"apiversion": "2", "error": why, "data": data, "type": "text"}
    return {"cpanelresult": result}


def _user(call: Call) -> str | None:
    """Return whose token it is, if it is one that has not ended."""
    scheme, _, rest_of_it = call.headers.get("authorization", "").partition(" ")
    user, _, token = rest_of_it.partition(":")
    for one in call.state["tokens"] if scheme.lower() == "whm" else ():
        if (one["user"], one["token"]) == (user, token):
            ended = _ends(call, one)
            alive = ended is None or ended > call.bench.clock().timestamp()
            return user if alive else None
    return None


def _ends(call: Call, token: Mapping[str, Any]) -> float | None:
    if token["expires"] is None:
        return None
    life = timedelta(days=token["expires"]).total_seconds()
    return float(call.state["begun"]) + life


def _numbers(call: Call, data: Any) -> Any:
    """Return *data* with its numbers as this server writes them."""
    if isinstance(data, dict):
        return {key: _numbers(call, value) for key, value in data.items()}
    if isinstance(data, list):
        return [_numbers(call, value) for value in data]
    is_number = isinstance(data, int) and not isinstance(data, bool)
    return str(data) if is_number and call.state["texts"] else data


def _hostname(call: Call, _: str) -> Answer:
    if call.faulty == "wrong-account":
        return whm_ssl.answered({"hostname": "another.server.example"})
    return whm_ssl.answered({"hostname": call.state["hostname"]})


def _list(call: Call, user: str) -> Answer:
    rows = [_line(call, name, row) for name, row in own(call, user).items()]
    if call.faulty == "empty":
        rows = []
    elif call.faulty == "wrong-account":
        rows = [_line(call, "stranger", kept("stranger", _STRANGER, 0))]
    elif call.faulty == "duplicate-page":
        rows = [*rows, *rows[:1]]
    call.bench.state["wanted"] = call.query.get("want", "")
    wanted = [word for word in call.query.get("want", "").split(",") if word]
    if wanted:
        rows = [{key: row[key] for key in wanted if key in row} for row in rows]
    return whm_ssl.answered({"acct": rows})


def _line(call: Call, user: str, row: Mapping[str, Any]) -> dict[str, Any]:
    runs = row["suspended"] is None
    quota = most(call.state, row, "quota")
    return {
        "backup": 0,
        "child_nodes": [],
        "disklimit": f"{quota}M" if quota else "unlimited",
        "diskused": f"{whm_measures.disk(call, row)}M",
        "domain": row["domain"],
        "email": row["email"],
        "has_backup": 0,
        "inodeslimit": "unlimited",
        "inodesused": whm_measures.files(call, row),
        "ip": "192.0.2.20",
        "ipv6": [],
        "is_locked": int(row["locked"]),
        "maxaddons": "*unknown*",
        "maxpop": "unlimited",
        "outgoing_mail_hold": 0,
        "outgoing_mail_suspended": 0,
        "owner": row["owner"],
        "partition": "home",
        "plan": row["plan"],
        "shell": "/usr/local/cpanel/bin/noshell",
        "startdate": "14 Jan 01 00:00",
        "suspended": int(not runs),
        "suspendreason": "not suspended" if runs else row["suspended"],
        "suspendtime": row["since"],
        "theme": "jupiter",
        "uid": 1001,
        "unix_startdate": _FIRST_DAY,
        "user": user,
    }


def _summary(call: Call, user: str) -> Answer:
    """Return one account by ``user`` or ``domain``."""
    mine = own(call, user)
    name = call.query.get("user") or next(
        (n for n, row in mine.items() if row["domain"] == call.query.get("domain")), ""
    )
    if name not in mine:
        return whm_ssl.failed("Account does not exist.")
    if call.faulty == "wrong-account":
        name = next((other for other in mine if other != name), name)
    return whm_ssl.answered({"acct": [_line(call, name, mine[name])]})


def _suspend(call: Call, user: str) -> Answer:
    row = own(call, user).get(call.query.get("user", ""))
    if row is None:
        return whm_ssl.failed("Account does not exist.")
    if row["suspended"] is not None:
        return whm_ssl.failed("The account is already suspended.")
    row["suspended"] = call.query.get("reason") or "Unknown"
    row["since"] = int(call.bench.clock().timestamp())
    row["locked"] = call.query.get("disallowun") == "1"
    return _done(call, row, "suspend", "Suspending websites... Suspending FTP...")


def _unsuspend(call: Call, user: str) -> Answer:
    row = own(call, user).get(call.query.get("user", ""))
    if row is None:
        return whm_ssl.failed("Account does not exist.")
    if row["suspended"] is None:
        return whm_ssl.failed("The account is not suspended.")
    if row["locked"] and user != ROOT:
        return whm_ssl.failed(
            "The account is locked, and cannot be unsuspended by a reseller."
        )
    row.update(suspended=None, since=None, locked=False)
    return _done(call, row, "unsuspend", "Unsuspending websites... Done")


def _done(call: Call, row: Mapping[str, Any], what: str, said: str) -> Answer:
    call.bench.effect(what, row["domain"], reason=str(row["suspended"]))
    if row["half"]:
        return whm_ssl.failed("FTP password files could not be updated.")
    answer = whm_ssl.answered()
    answer.data["metadata"]["output"] = {"raw": said}
    return answer


def _tokens(call: Call, user: str) -> Answer:
    """Return the tokens of this user; those without a right to it are refused."""
    mine = [one for one in call.state["tokens"] if one["user"] == user]
    if not any("all" in one["rights"] for one in mine):
        return whm_ssl.failed("You do not have the privileges to do that.")
    tokens = {
        one["name"]: {
            "acls": dict.fromkeys(one["rights"], 1),
            "create_time": int(call.state["begun"]),
            "expires_at": None if (end := _ends(call, one)) is None else int(end),
            "name": one["name"],
            "whitelist_ips": None,
        }
        for one in mine
    }
    return whm_ssl.answered({"tokens": tokens})


def _functions(call: Call, user: str) -> Answer:
    """Return what this token may call."""
    needs = whm_accounts.NEEDS
    table = (*_ALWAYS, *whm_accounts.TABLE, *whm_measures.TABLE, *whm_ssl.TABLE)
    found = [n for n in table if n not in needs or may(call, user, needs[n])]
    return whm_ssl.answered({"app": sorted(found)})


EMULATOR = Emulator("whm", "", 18706, make, edit)
