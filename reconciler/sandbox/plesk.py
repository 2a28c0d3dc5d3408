"""
A Plesk server: REST v2 with its gateway to command lines, and the XML API.

Stateful, in its wire formats; ``plesk_cli.py`` and ``plesk_xml.py`` have the other two
doors. After the OpenAPI of REST v2 (paths, fields, ``{code, message}`` for an error).
Kept: one key for all doors, 401 for who has none, 201 with ``{id, guid}`` for a new
domain, a new domain that is on its plan, the password that its system user must have.
Not documented, and played: the words of errors.

The world's part is ``plesk_words.PleskSeed``. ``edit`` takes ``account`` (``{user,
<field>: value}``, as in the panel; ``remove: true`` removes it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox import plesk_cli, plesk_xml
from reconciler.sandbox import plesk_words as words
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_API: Final = "/api/v2"
_TYPES: Final = {"virtual", "standard_forwarding", "frame_forwarding", "none"}


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    try:
        seed = words.PleskSeed.model_validate(bench.world)
    except ValidationError as error:
        raise ReconcilerError(
            f"the sandbox world of {bench.vendor} cannot be read: {error}"
        ) from error
    if not bench.state:
        bench.state.update(words.begun(seed, bench.clock()))
    doors = [
        ("server", ("GET",), f"{_API}/server", _server),
        ("domains list", ("GET",), f"{_API}/domains", _domains),
        ("domains", ("POST",), f"{_API}/domains", _create),
        ("domain", ("GET",), f"{_API}/domains/{{id}}", _domain),
        ("status", ("GET",), f"{_API}/domains/{{id}}/status", _status),
        ("commands", ("GET",), f"{_API}/cli/commands", _commands),
        ("reference", ("GET",), f"{_API}/cli/{{id}}/ref", plesk_cli.reference),
        ("call", ("POST",), f"{_API}/cli/{{id}}/call", plesk_cli.call),
    ]
    operations = [
        Operation(name, methods, path, _let_in(serve))
        for name, methods, path, serve in doors
    ]
    agent = _after_commands(plesk_xml.agent)
    path = "/enterprise/control/agent.php"
    operations.append(Operation("packet", ("POST",), path, agent))
    unknown = Answer(404, {"code": 404, "message": "Not found"})
    return rest(bench, operations, unknown, _named)


def _named(name: str, path: str, body: bytes) -> str:
    if name == "call":
        return plesk_cli.operation(path, body)
    return plesk_xml.operation(body) if name == "packet" else name


def _after_commands(serve: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    def serving(call: Call) -> Answer:
        plesk_cli.settle(call)
        return serve(call)

    return serving


def _let_in(serve: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
    def serving(call: Call) -> Answer:
        if not words.lets_in(call.state, call.headers.get("x-api-key", "")):
            return _failed(401, "You are not authorized to use this resource")
        return serve(call)

    return _after_commands(serving)


def _failed(code: int, message: str) -> Answer:
    return Answer(code, {"code": code, "message": message})


def _server(call: Call) -> Answer:
    other = call.faulty == "wrong-account"
    host = "another.server.example" if other else call.state["hostname"]
    meta = {
        "platform": "Unix",
        "hostname": host,
        "guid": words.guid(host),
        "panel_version": "18.0.73",
        "panel_revision": "1711e2bceff6fd6656c821b8cb6444c2726f3784",
        "panel_build_date": "2026-10-20",
        "panel_update_version": "4",
        "extension_version": "1.9.0",
        "extension_release": "90",
    }
    return Answer(200, meta)


def _shown(row: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    main = name == row["domain"]
    made = datetime.fromtimestamp(row["created"], UTC)
    return {
        "id": number,
        "created": f"{made:%Y-%m-%d}",
        "name": name,
        "ascii_name": name,
        "hosting_type": "virtual",
        "base_domain_id": 0 if main else row["id"],
        "www_root": f"/var/www/vhosts/{row['domain']}/httpdocs",
        "guid": row["guid"] if main else words.guid(name),
        "aliases": [],
    }


def _all(call: Call) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return every domain of the server, and the subscription that it is of."""
    return [
        (_shown(row, name, row["id"] if name == row["domain"] else site["id"]), row)
        for row in call.state["accounts"].values()
        for name, site in row["sites"].items()
    ]


def _domains(call: Call) -> Answer:
    asked = call.query.get("name")
    listed = [shown for shown, _ in _all(call)]
    return Answer(200, [one for one in listed if asked in {None, one["name"]}])


def _domain(call: Call) -> Answer:
    for shown, _ in _all(call):
        if str(shown["id"]) == call.path["id"]:
            return Answer(200, shown)
    return _failed(404, "Domain is not found")


def _status(call: Call) -> Answer:
    for shown, row in _all(call):
        if str(shown["id"]) == call.path["id"]:
            said = "active" if row["status"] & ~words.BUSY == 0 else "suspended"
            return Answer(200, {"status": said})
    return _failed(404, "Domain is not found")


def _create(call: Call) -> Answer:
    """Make a domain with hosting: a subscription of its own, on its plan."""
    given, state = call.json or {}, call.bench.state
    name = str(given.get("name") or "").lower()
    hosting = given.get("hosting_settings") or {}
    login = str(hosting.get("ftp_login") or "")
    plan = str((given.get("plan") or {}).get("name") or "")
    wrong = _wrong(state, given, name, login, plan)
    if wrong:
        return _failed(400, wrong)
    seed = words.SubscriptionSeed(domain=name, plan=plan or None, used=0.0, spends=0.0)
    row = words.kept(state, login, seed, call.bench.clock())
    state["accounts"][login] = row
    words.changed(call.bench, row, "create", plan=plan, login=login)
    return Answer(201, {"id": row["id"], "guid": row["guid"]})


def _wrong(
    state: Mapping[str, Any],
    given: Mapping[str, Any],
    name: str,
    login: str,
    plan: str,
) -> str:
    """Return why a domain cannot be made so; empty where it can."""
    if "." not in name or given.get("hosting_type") not in _TYPES:
        return "The domain name or the hosting type is invalid"
    if words.owner(state, name) is not None:
        return f"Domain {name} already exists"
    if not login or login in state["accounts"]:
        return f"User account {login} already exists"
    if len(str(given["hosting_settings"].get("ftp_password") or "")) < 8:
        return "The password is not strong enough"
    if plan and (plan not in state["plans"] or state["plans"][plan]["addon"]):
        return f"Unable to find the service plan {plan}"
    return ""


def _commands(call: Call) -> Answer:
    del call
    return Answer(200, list(plesk_cli.UTILITIES))


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change a subscription by hand, as in the panel: ``{user, <field>: value, ...}``.

    ``remove: true`` removes it; one that is not there is created. What is installed at
    its sites stays where it is not given, and so do the limits it has.

    Raises:
        ReconcilerError: There is no such thing, or no such field.
    """
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
        accounts[user] = _edited(bench, user, was, fields)
    name = str(fields.get("domain") or was.get("domain") or user)
    bench.effect("by-hand", name, **{k: str(v) for k, v in fields.items()})


def _edited(
    bench: Bench, user: str, was: Mapping[str, Any], fields: Mapping[str, Any]
) -> dict[str, Any]:
    known = words.SubscriptionSeed.model_fields
    old = {key: value for key, value in was.items() if key in known}
    sites = [name for name in was.get("sites", {}) if name != was.get("domain")]
    try:
        given = words.SubscriptionSeed.model_validate({**old, "sites": sites, **fields})
    except ValidationError as error:
        raise ReconcilerError(f"cannot change an account so: {error}") from error
    made = words.kept(bench.state, user, given, bench.clock(), was.get("id"))
    if was:
        sized = {"disk", "traffic", "plan"} & fields.keys()
        lasting = ("pool", "created", "backups", "tasks", "night")
        kept = (*lasting, *(() if sized else ("limits",)))
        made.update({key: was[key] for key in kept})
    for site, row in was.get("sites", {}).items():
        if site in made["sites"] and site not in given.certificates:
            made["sites"][site] = row
    return made


EMULATOR = Emulator("plesk", "", 18727, make, edit)
