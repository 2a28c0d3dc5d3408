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
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import panel_sites, whm_ssl
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_ROOT: Final = "root"
_FIRST_DAY: Final = 1388534400

Serve = Callable[[Call, str], Answer]


class HostedSeed(panel_sites.SitesSeed):
    """
    One account; its user name is its key.

    Attributes:
        plan: Its package.
        owner: The reseller who sees it; root sees all.
        suspended: The reason of a suspension; None: it runs.
        locked: Only root lifts it.
        half: A change of it is made, and answered as a failure.
    """

    domain: str
    plan: str = "default"
    owner: str = _ROOT
    email: str = "hidden@customer.example"
    suspended: str | None = None
    locked: bool = False
    half: bool = False


class TokenSeed(Seed):
    """
    One API token.

    Attributes:
        user: Root or a reseller.
        expires: In days from the start of the sandbox; None is never.
        rights: Its privileges; ``all`` is every one.
    """

    user: str
    token: str
    name: str = "reconciler"
    expires: float | None = 90.0
    rights: tuple[str, ...] = ("list-accts", "acct-summary", "suspend-acct")


class WhmSeed(Seed):
    """
    One server.

    Attributes:
        text_numbers: Numbers in answers are texts, as some versions have it.
        autossl: A provider of AutoSSL is enabled.
        clobbers: It may replace certificates that somebody else signed.
    """

    hostname: str
    tokens: Annotated[list[TokenSeed], Field(min_length=1)]
    accounts: dict[str, HostedSeed] = {}
    text_numbers: bool = True
    autossl: bool = False
    clobbers: bool = False


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = WhmSeed.model_validate(bench.world)
    except ValidationError as error:
        raise ReconcilerError(
            f"the sandbox world of {bench.vendor} cannot be read: {error}"
        ) from error
    if not bench.state:
        now = bench.clock()
        bench.state.update(
            hostname=seed.hostname,
            texts=seed.text_numbers,
            tokens=[one.model_dump(mode="json") for one in seed.tokens],
            begun=now.timestamp(),
            autossl=seed.autossl,
            clobbers=seed.clobbers,
            fights=False,
            autossl_ran=now.timestamp(),
            autossl_logs=[],
            accounts={
                user: _kept(user, one, now.timestamp())
                for user, one in seed.accounts.items()
            },
        )
    table: Mapping[str, Serve] = {
        "gethostname": _hostname,
        "listaccts": _list,
        "accountsummary": _summary,
        "suspendacct": _suspend,
        "unsuspendacct": _unsuspend,
        "api_token_list": _tokens,
    }
    more = {name: _with_sites(serve) for name, serve in whm_ssl.TABLE.items()}
    operations = [
        Operation(name, ("GET", "POST"), f"/json-api/{name}", _let_in(name, serve))
        for name, serve in {**table, **more}.items()
    ]
    return rest(bench, operations, whm_ssl.failed("Unknown app requested"))


def _kept(user: str, seed: HostedSeed, at: float) -> dict[str, Any]:
    since = int(at) - 86400 if seed.suspended is not None else None
    now = datetime.fromtimestamp(at, UTC)
    return {
        **seed.model_dump(exclude={"certificates"}),
        "user": user,
        "since": since,
        "sites": panel_sites.sites(seed, seed.domain, now),
        "problems": [],
    }


def _with_sites(serve: whm_ssl.Serve) -> Serve:
    def serving(call: Call, user: str) -> Answer:
        panel_sites.nightly(call.bench, call.bench.state["accounts"])
        return serve(call, _own(call, user))

    return serving


def _let_in(name: str, serve: Serve) -> Callable[[Call], Answer]:
    def serving(call: Call) -> Answer:
        user = _user(call)
        if user is None:
            denied = {"reason": "Access denied", "result": "0"}
            result = {
                "apiversion": "2",
                "error": "Access denied",
                "data": denied,
                "type": "text",
            }
            return Answer(403, {"cpanelresult": result})
        if whm_ssl.given(call).get("api.version") != "1":
            return Answer(200, {"status": 0, "statusmsg": "API 0 is not played here"})
        answer = serve(call, user)
        answer.data["metadata"]["command"] = name
        return answer._replace(data=_numbers(call, answer.data))

    return serving


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


def _own(call: Call, user: str) -> dict[str, dict[str, Any]]:
    """Return the accounts that *user* may see."""
    return {
        name: row
        for name, row in sorted(call.state["accounts"].items())
        if user in {_ROOT, row["owner"], name}
    }


def _list(call: Call, user: str) -> Answer:
    rows = [_line(name, row) for name, row in _own(call, user).items()]
    if call.faulty == "empty":
        rows = []
    elif call.faulty == "wrong-account":
        rows = [
            _line(
                "stranger", _kept("stranger", HostedSeed(domain="stranger.example"), 0)
            )
        ]
    elif call.faulty == "duplicate-page":
        rows = [*rows, *rows[:1]]
    call.bench.state["wanted"] = call.query.get("want", "")
    wanted = [word for word in call.query.get("want", "").split(",") if word]
    if wanted:
        rows = [{key: row[key] for key in wanted if key in row} for row in rows]
    return whm_ssl.answered({"acct": rows})


def _line(user: str, row: Mapping[str, Any]) -> dict[str, Any]:
    runs = row["suspended"] is None
    return {
        "backup": 0,
        "child_nodes": [],
        "disklimit": "unlimited",
        "diskused": "14M",
        "domain": row["domain"],
        "email": row["email"],
        "has_backup": 0,
        "inodeslimit": "unlimited",
        "inodesused": 102,
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
    own = _own(call, user)
    name = call.query.get("user") or next(
        (n for n, row in own.items() if row["domain"] == call.query.get("domain")), ""
    )
    if name not in own:
        return whm_ssl.failed("Account does not exist.")
    if call.faulty == "wrong-account":
        name = next((other for other in own if other != name), name)
    return whm_ssl.answered({"acct": [_line(name, own[name])]})


def _suspend(call: Call, user: str) -> Answer:
    row = _own(call, user).get(call.query.get("user", ""))
    if row is None:
        return whm_ssl.failed("Account does not exist.")
    if row["suspended"] is not None:
        return whm_ssl.failed("The account is already suspended.")
    row["suspended"] = call.query.get("reason") or "Unknown"
    row["since"] = int(call.bench.clock().timestamp())
    row["locked"] = call.query.get("disallowun") == "1"
    return _done(call, row, "suspend", "Suspending websites... Suspending FTP...")


def _unsuspend(call: Call, user: str) -> Answer:
    row = _own(call, user).get(call.query.get("user", ""))
    if row is None:
        return whm_ssl.failed("Account does not exist.")
    if row["suspended"] is None:
        return whm_ssl.failed("The account is not suspended.")
    if row["locked"] and user != _ROOT:
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


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change an account by hand, as in the panel: ``{user, <field>: value, ...}``.

    ``remove: true`` terminates it; one that is not there is created. What is
    installed at its sites stays where it is not given. ``autossl`` takes the server's
    own settings.

    Raises:
        ReconcilerError: There is no such thing, or no such field.
    """
    if thing == "autossl":
        whm_ssl.edit(bench, data)
        return
    match thing, dict(data):
        case "account", {"user": str() as user, **fields}:
            pass
        case _:
            raise ReconcilerError("post {user, ...} to account")
    accounts = bench.state["accounts"]
    was = accounts.get(user, {})
    if fields.pop("remove", False):
        accounts.pop(user, None)
    else:
        known = HostedSeed.model_fields
        old = {key: value for key, value in was.items() if key in known}
        try:
            given = HostedSeed.model_validate({**old, **fields})
        except ValidationError as error:
            raise ReconcilerError(f"cannot change an account so: {error}") from error
        made = _kept(user, given, bench.clock().timestamp())
        for site, row in was.get("sites", {}).items():
            if site in made["sites"] and site not in given.certificates:
                made["sites"][site] = row
        accounts[user] = {**made, "problems": was.get("problems", [])}
    name = str(fields.get("domain") or was.get("domain") or user)
    bench.effect("by-hand", name, **{k: str(v) for k, v in fields.items()})


EMULATOR = Emulator("whm", "", 18709, make, edit)
