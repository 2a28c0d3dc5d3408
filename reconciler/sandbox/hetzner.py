"""
Hetzner Cloud's API v1, as far as servers go; stateful, in its wire format.

After the vendor's specification. Kept: Bearer tokens of one project, pages of 25 (50 at
most) with ``meta.pagination``, ``{error: {code, message, details}}``, actions that take
their time and lock the server (``locked``, 423), ``change_type`` of stopped servers
alone (``server_not_stopped``) to types with a disk as large, ``upgrade_disk``, types
that are out of stock (``resource_unavailable``), labels that are replaced as a whole,
net prices by location, volumes that grow, 3,600 requests an hour that come back one a
second with ``RateLimit-*``, metrics of the last 30 days in at most 500 samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.sandbox import cloud_machines
from reconciler.sandbox.cloud_machines import Machine, SizeSeed, begin, find, settle
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.hetzner_metrics import metrics
from reconciler.sandbox.hetzner_words import (
    action,
    error,
    limited,
    ok,
    paged,
    server,
    server_type,
    volume,
)
from reconciler.sandbox.rest import Answer, Call, Operation, rest

BASE: Final = "/v1"
PLACE: Final = "nbg1"
SIZES: Final = {
    "cx22": SizeSeed(cores=2, memory=4, disk=40, monthly="3.7900"),
    "cx32": SizeSeed(cores=4, memory=8, disk=80, monthly="6.8000"),
    "cx42": SizeSeed(cores=8, memory=16, disk=160, monthly="16.4000"),
    "cx52": SizeSeed(cores=16, memory=32, disk=320, monthly="32.4000"),
}
Serve = Callable[[Call], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    cloud_machines.seeded(bench, SIZES, PLACE)
    one = "/servers/{server}"
    table: list[tuple[str, str, str, Serve]] = [
        ("listServers", "GET", "/servers", _servers),
        ("getServer", "GET", one, _own(_server)),
        ("updateServer", "PUT", one, _own(_update)),
        ("listServerActions", "GET", one + "/actions", _own(_server_actions)),
        ("getServerMetrics", "GET", one + "/metrics", _own(metrics)),
        ("shutdown", "POST", one + "/actions/shutdown", _own(_shutdown)),
        ("poweron", "POST", one + "/actions/poweron", _own(_poweron)),
        ("change_type", "POST", one + "/actions/change_type", _own(_change_type)),
        ("getAction", "GET", "/actions/{action}", _action),
        ("listServerTypes", "GET", "/server_types", _types),
        ("getPricing", "GET", "/pricing", _pricing),
        ("listVolumes", "GET", "/volumes", _volumes),
        ("resizeVolume", "POST", "/volumes/{volume}/actions/resize", _grow),
    ]
    operations = [
        Operation(name, (method,), BASE + path, _known(serve))
        for name, method, path, serve in table
    ]
    return rest(bench, operations, error(404, "not_found", "endpoint not found"))


def _known(serve: Serve) -> Serve:
    """Serve whoever has the token, as often as that is allowed."""

    def known(call: Call) -> Answer:
        headers = limited(call)
        if headers is None:
            return error(429, "rate_limit_exceeded", "limit of 3600 requests per hour")
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token != call.bench.state["token"]:
            said = error(401, "unauthorized", "unable to authenticate")
        elif call.bench.state["read_only"] and call.method != "GET":
            said = error(403, "token_readonly", "only GET requests are allowed")
        else:
            settle(call.bench)
            said = serve(call)
        return said._replace(headers={**said.headers, **headers})

    return known


def _own(serve: Callable[[Call, Machine], Answer]) -> Serve:
    def own(call: Call) -> Answer:
        found = find(call.bench, call.path["server"])
        if found is None or call.faulty == "wrong-account":
            return error(
                404, "not_found", f"server with ID '{call.path['server']}' not found"
            )
        return serve(call, found)

    return own


def _servers(call: Call) -> Answer:
    gone = call.faulty in {"empty", "wrong-account"}
    rows = [] if gone else [*call.state["machines"].values()]
    if name := call.query.get("name"):
        rows = [row for row in rows if row["name"] == name]
    return paged(call, "servers", [server(call.state, row) for row in rows])


def _server(call: Call, row: Machine) -> Answer:
    seen = call.state["machines"].get(str(row["id"]), row)
    return ok(200, {"server": server(call.state, seen)})


def _update(call: Call, row: Machine) -> Answer:
    labels = (call.json or {}).get("labels")
    if not isinstance(labels, dict):
        return error(422, "invalid_input", "invalid input in field 'labels'")
    row["labels"] = labels
    call.bench.effect("updateServer", row["name"], labels=labels)
    return ok(200, {"server": server(call.state, row)})


def _server_actions(call: Call, row: Machine) -> Answer:
    wanted = call.query.get("status")
    rows = [
        action(task)
        for task in call.state["tasks"]
        if task["machine"] == str(row["id"]) and wanted in {None, task["status"]}
    ]
    return paged(call, "actions", rows)


def _action(call: Call) -> Answer:
    for task in call.state["tasks"]:
        if str(task["id"]) == call.path["action"]:
            return ok(200, {"action": action(task)})
    return error(404, "not_found", "action not found")


def _locked(row: Machine) -> Answer | None:
    if row["task"] is None:
        return None
    return error(423, "locked", "server is locked, another action is running")


def _shutdown(call: Call, row: Machine) -> Answer:
    if (refusal := _locked(row)) is not None:
        return refusal
    effect = {"status": "off"} if row["heeds"] else {}
    return _begun(begin(call.bench, "shutdown_server", row, effect))


def _poweron(call: Call, row: Machine) -> Answer:
    if (refusal := _locked(row)) is not None:
        return refusal
    return _begun(begin(call.bench, "start_server", row, {"status": "running"}))


def _change_type(call: Call, row: Machine) -> Answer:
    asked = call.json or {}
    name, disk = asked.get("server_type"), asked.get("upgrade_disk")
    if not isinstance(name, str) or not isinstance(disk, bool):
        return error(422, "invalid_input", "invalid input in fields")
    if (refusal := _locked(row)) is not None:
        return refusal
    if row["status"] != "off":
        return error(422, "server_not_stopped", "server must be stopped")
    size = call.bench.state["sizes"].get(name)
    if size is None or size["disk"] < row["disk"]:
        return error(422, "invalid_server_type", "server type does not fit the server")
    if row["place"] in size["out"]:
        return error(412, "resource_unavailable", "server type is not available now")
    effect: dict[str, Any] = {"size": name}
    if disk:
        effect["disk"] = size["disk"]
    if call.bench.state["starts"]:
        effect["status"] = "running"
    return _begun(begin(call.bench, "change_server_type", row, effect))


def _begun(task: Mapping[str, Any]) -> Answer:
    return ok(201, {"action": action(task)})


def _types(call: Call) -> Answer:
    sizes = call.state["sizes"]
    rows = [server_type(call.state, name) for name in sizes]
    return paged(call, "server_types", rows)


def _pricing(call: Call) -> Answer:
    state = call.state
    types = [server_type(state, name) for name in state["sizes"]]
    kept = ("id", "name", "prices")
    net = {"net": state["storage"], "gross": state["storage"]}
    return ok(
        200,
        {
            "pricing": {
                "currency": state["currency"],
                "vat_rate": "19.00",
                "volume": {"price_per_gb_month": net},
                "server_types": [{key: one[key] for key in kept} for one in types],
            }
        },
    )


def _volumes(call: Call) -> Answer:
    rows = [
        volume(name, one, row)
        for row in call.state["machines"].values()
        for name, one in row["volumes"].items()
    ]
    return paged(call, "volumes", rows)


def _grow(call: Call) -> Answer:
    size = (call.json or {}).get("size")
    for row in call.bench.state["machines"].values():
        for name, one in row["volumes"].items():
            if str(one["id"]) != call.path["volume"]:
                continue
            if not isinstance(size, int) or size <= one["size"]:
                return error(422, "invalid_input", "size must be larger than before")
            effect = {"volume": name, "size": size}
            about = [{"id": one["id"], "type": "volume"}]
            task = begin(call.bench, "resize_volume", row, effect, resources=about)
            return _begun(task)
    return error(404, "not_found", "volume not found")


EMULATOR = Emulator("hetzner", BASE, 18741, make, cloud_machines.edit)
