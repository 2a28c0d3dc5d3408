"""
Plesk's command lines, as its gateway runs them: ``{params, env}`` to ``{code, ...}``.

After docs.plesk.com, "Using Command Line Utilities" (``subscription``,
``subscription_settings``, ``php_handler``, ``secret_key``) and answers that public
clients show. Kept: HTTP 200 whatever happened, ``code`` 0 for a success; one that was
customised is locked, and keeps its limits when its plan changes or is synced; a command
that takes long is answered 504 by the web server in front and goes on. The words of
errors, and the layout of ``secret_key --list``, are not documented.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.sandbox import plesk_words as words
from reconciler.sandbox import wordpress
from reconciler.sandbox.rest import Answer, Call
from reconciler.sandbox.wordpress import No

Row = dict[str, Any]
_SIZES: Final = {"B": 1, "K": 1024, "M": words.MIB, "G": 1024 * words.MIB}
_GATEWAY: Final = b"<html><head><title>504 Gateway Time-out</title></head></html>"


def call(request: Call) -> Answer:
    """Run one command."""
    utility = request.path["id"]
    body = request.json or {}
    params = body.get("params") or []
    if utility not in UTILITIES:
        said = {"code": 404, "message": f"Command '{utility}' is not found"}
        return Answer(404, said)
    if not params or not all(isinstance(one, str) for one in params):
        return _ended(1, "", "Usage: <command> [options]")
    command, rest = params[0], params[1:]
    serve = _COMMANDS.get((utility, command))
    if serve is None:
        return _ended(2, "", f"Unrecognized option: {command}")
    return _run(request, serve, (utility, command), rest)


def _run(
    request: Call,
    serve: Callable[[Call, Sequence[str]], str],
    named: tuple[str, str],
    rest: Sequence[str],
) -> Answer:
    row = words.called(request.state, rest[0]) if rest else None
    if named == _TOOLKIT:
        row = wordpress.target(request.state, rest[1:])
    slow = row["slow"] if row is not None and named in _CHANGES else 0
    if slow:
        at = request.bench.clock().timestamp() + slow
        one = {"at": at, "named": list(named), "rest": list(rest)}
        request.bench.state["pending"].append(one)
        return Answer(504, _GATEWAY, {"content-type": "text/html"})
    half = row is not None and row.get("half") and named in _CHANGES
    try:
        said = serve(request, rest)
    except No as no:
        return _ended(1, "", f"{no}\nexit status 1\n")
    if half:
        return _ended(1, said, "Unable to reconfigure the web server.\nexit status 1\n")
    return _ended(0, said, "")


def settle(request: Call) -> None:
    """Do what outlived its answer, and is done by now."""
    state = request.bench.state
    now = request.bench.clock().timestamp()
    due = [one for one in state["pending"] if one["at"] <= now]
    state["pending"] = [one for one in state["pending"] if one["at"] > now]
    for one in due:
        serve = _COMMANDS[one["named"][0], one["named"][1]]
        try:
            serve(request, one["rest"])
        except No:
            continue  # nobody is left to be told


def reference(request: Call) -> Answer:
    """Return what a command takes."""
    utility = request.path["id"]
    if utility not in UTILITIES:
        said = {"code": 404, "message": f"Command '{utility}' is not found"}
        return Answer(404, said)
    commands: dict[str, list[str]] = {
        name: [] for known, name in _COMMANDS if known == utility
    }
    return Answer(200, {"allowed_commands": commands, "allowed_options": {}})


def _ended(code: int, out: str, error: str) -> Answer:
    return Answer(200, {"code": code, "stdout": out, "stderr": error})


def _mine(request: Call, rest: Sequence[str]) -> tuple[Row, dict[str, str]]:
    """Return the subscription a command is about, and its options."""
    if not rest:
        raise No("The name of the subscription is missing.")
    row = words.called(request.bench.state, rest[0])
    if row is None:
        raise No(f"Unable to find the subscription with the name {rest[0]}.")
    options = rest[1:]
    if len(options) % 2 or not all(one.startswith("-") for one in options[::2]):
        raise No("An option has no value.")
    return row, dict(zip(options[::2], options[1::2], strict=True))


def _switch(request: Call, rest: Sequence[str]) -> str:
    row, options = _mine(request, rest)
    plan = options.get("-service-plan", "")
    known = request.bench.state["plans"].get(plan)
    if known is None or known["addon"]:
        raise No(f"Unable to find the service plan {plan}.")
    row["plan"] = plan
    if not row["locked"]:
        words.follow(request.bench.state, row)
    words.changed(request.bench, row, "switch", plan=plan)
    return f"SUCCESS: Subscription '{row['domain']}' was switched.\n"


def _sync(request: Call, rest: Sequence[str]) -> str:
    row, _ = _mine(request, rest)
    if row["locked"]:
        raise No("The subscription is locked for syncing.")
    words.follow(request.bench.state, row)
    words.changed(request.bench, row, "sync")
    return f"SUCCESS: Subscription '{row['domain']}' was synced.\n"


def _lock(*, locked: bool) -> Callable[[Call, Sequence[str]], str]:
    def serve(request: Call, rest: Sequence[str]) -> str:
        row, _ = _mine(request, rest)
        row["locked"] = locked
        words.changed(request.bench, row, "lock" if locked else "unlock")
        return f"SUCCESS: Subscription '{row['domain']}' was updated.\n"

    return serve


def _turn(*, on: bool) -> Callable[[Call, Sequence[str]], str]:
    def serve(request: Call, rest: Sequence[str]) -> str:
        row, _ = _mine(request, rest)
        bit = words.ADMIN
        row["status"] = row["status"] & ~bit if on else row["status"] | bit
        words.changed(request.bench, row, "webspace-on" if on else "webspace-off")
        return f"SUCCESS: Updating of subscription '{row['domain']}' completed.\n"

    return serve


def _update(request: Call, rest: Sequence[str]) -> str:
    row, options = _mine(request, rest)
    handler = options.pop("-php_handler_id", None)
    if options or handler is None:
        raise No(f"Unrecognized option: {next(iter(options), '')}")
    if handler not in words.HANDLERS or not words.HANDLERS[handler][2]:
        raise No(f"The PHP handler {handler} is not available.")
    row.update(php=handler, locked=True)
    words.changed(request.bench, row, "php", handler=handler)
    return f"SUCCESS: Updating of subscription '{row['domain']}' completed.\n"


def _settings(request: Call, rest: Sequence[str]) -> str:
    row, options = _mine(request, rest)
    found = {
        name: _size(options.pop(f"-{name}"))
        for name in row["limits"]
        if f"-{name}" in options
    }
    if options or not found:
        raise No(f"Unrecognized option: {next(iter(options), '')}")
    row["limits"] |= found
    row["locked"] = True
    words.changed(request.bench, row, "limits", **found)
    return f"SUCCESS: Updating of subscription '{row['domain']}' completed.\n"


def _size(text: str) -> int:
    number, unit = text.rstrip("BKMG"), text[-1:]
    if text == str(words.NO_LIMIT):
        return words.NO_LIMIT
    if not number.isdigit():
        raise No(f"Invalid size: {text}")
    return int(number) * _SIZES.get(unit, 1)


def _remove(request: Call, rest: Sequence[str]) -> str:
    row, _ = _mine(request, rest)
    del request.bench.state["accounts"][row["user"]]
    words.changed(request.bench, row, "remove")
    return f"SUCCESS: Removal of subscription '{row['domain']}' completed.\n"


def _list(request: Call, rest: Sequence[str]) -> str:
    del rest
    names = sorted(row["domain"] for row in request.state["accounts"].values())
    return "".join(f"{name}\n" for name in names)


def _handlers(request: Call, rest: Sequence[str]) -> str:
    del request, rest
    listed = [
        {
            "id": name,
            "displayName": f"{version}.9",
            "fullVersion": f"{version}.9",
            "version": version,
            "type": way,
            "custom": "true",
            "status": "enabled" if enabled else "disabled",
        }
        for name, (version, way, enabled) in words.HANDLERS.items()
    ]
    return json.dumps(listed)


def _keys(request: Call, rest: Sequence[str]) -> str:
    del rest
    rows = ["ID\tIP address\tDescription"]
    for number, one in enumerate(request.state["keys"], 1):
        rows.append(f"{number}\t{one['address'] or ''}\t{one['description']}")
    return "\n".join(rows) + "\n"


def _extension(request: Call, rest: Sequence[str]) -> str:
    if rest[:1] != ["wp-toolkit"]:
        raise No(f"The extension {''.join(rest[:1])} is not installed.")
    bench, arguments = request.bench, list(rest[1:])
    changes = wordpress.target(bench.state, arguments) is not None
    state = bench.state if changes else request.state
    return wordpress.run(state, arguments, bench.effect)


_TOOLKIT: Final = ("extension", "--call")
_COMMANDS: Final[Mapping[tuple[str, str], Callable[[Call, Sequence[str]], str]]] = {
    ("subscription", "--list"): _list,
    ("subscription", "--switch-subscription"): _switch,
    ("subscription", "--sync-subscription"): _sync,
    ("subscription", "--lock-subscription"): _lock(locked=True),
    ("subscription", "--unlock-subscription"): _lock(locked=False),
    ("subscription", "--webspace-off"): _turn(on=False),
    ("subscription", "--webspace-on"): _turn(on=True),
    ("subscription", "--update"): _update,
    ("subscription", "--remove"): _remove,
    ("subscription_settings", "--update"): _settings,
    ("php_handler", "--list-json"): _handlers,
    ("secret_key", "--list"): _keys,
    _TOOLKIT: _extension,
}
_READS: Final = {"--list", "--list-json"}
_CHANGES: Final = {one for one in _COMMANDS if one[1] not in _READS}
UTILITIES: Final = sorted({utility for utility, _ in _COMMANDS})


def operation(path: str, body: bytes) -> str:
    """Return what people call a request to the gateway: utility and command."""
    try:
        params = json.loads(body).get("params") or [""]
    except (ValueError, AttributeError):
        params = [""]
    utility = path.split("/")[-2]
    if (utility, params[0]) == _TOOLKIT:
        return wordpress.called(params[2:])
    return f"{utility} {params[0]}"
