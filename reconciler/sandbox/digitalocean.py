"""
DigitalOcean's API v2, as far as droplets go; stateful, in its wire format.

After the vendor's specification. Kept: Bearer tokens of a team, pages of 20 (200 at
most) with ``links.pages`` and ``meta.total``, ``{id, message, request_id}``, actions
that take their time and lock the droplet ("Droplet already has a pending event."),
``resize`` of droplets that are off alone, to a disk as large, for good where ``disk``
is true, tags that are things of their own, prices as numbers of dollars, volumes that
grow, 5,000 requests an hour and 250 a minute with ``ratelimit-*`` and ``retry-after``,
metrics as matrices of text (CPU as counters of seconds by mode).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from starlette.types import Scope

from reconciler.sandbox import cloud_machines
from reconciler.sandbox.cloud_machines import Machine, SizeSeed, begin, find, settle
from reconciler.sandbox.digitalocean_metrics import SERIES, metrics
from reconciler.sandbox.digitalocean_words import (
    action,
    droplet,
    error,
    limited,
    ok,
    paged,
    size_of,
    volume,
)
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.rest import Answer, Api, Call, Operation
from reconciler.sandbox.server import AsgiServer

BASE: Final = ""
PLACE: Final = "fra1"
SIZES: Final = {
    "s-1vcpu-1gb": SizeSeed(cores=1, memory=1, disk=25, monthly="6.0"),
    "s-1vcpu-2gb": SizeSeed(cores=1, memory=2, disk=50, monthly="12.0"),
    "s-2vcpu-4gb": SizeSeed(cores=2, memory=4, disk=80, monthly="24.0"),
    "s-4vcpu-8gb": SizeSeed(cores=4, memory=8, disk=160, monthly="48.0"),
}
#: What is asked for -> what the emulator calls it, and what becomes of the droplet.
_POWER: Final = {"shutdown": "off", "power_off": "off", "power_on": "running"}
Serve = Callable[[Call], Answer]


def make(bench: Bench) -> Server:
    """Return the emulator's server over *bench*."""
    cloud_machines.seeded(bench, SIZES, PLACE)
    bench.state.setdefault("tags", [])
    one = "/v2/droplets/{droplet}"
    table: list[tuple[str, str, str, Serve]] = [
        ("getAccount", "GET", "/v2/account", _account),
        ("listDroplets", "GET", "/v2/droplets", _droplets),
        ("getDroplet", "GET", one, _own(_droplet)),
        ("listDropletActions", "GET", one + "/actions", _own(_droplet_actions)),
        ("getAction", "GET", "/v2/actions/{action}", _action),
        ("listSizes", "GET", "/v2/sizes", _sizes),
        ("listVolumes", "GET", "/v2/volumes", _volumes),
        ("resizeVolume", "POST", "/v2/volumes/{volume}/actions", _grow),
        ("createTag", "POST", "/v2/tags", _create_tag),
        ("deleteTag", "DELETE", "/v2/tags/{tag}", _delete_tag),
        ("tagResource", "POST", "/v2/tags/{tag}/resources", _tag),
    ]
    operations = [
        Operation(name, (method,), path, _known(serve))
        for name, method, path, serve in table
    ]
    operations += [
        Operation(f"metrics/{name}", ("GET",), path, _known(metrics(name)))
        for name in SERIES
        for path in (f"/v2/monitoring/metrics/droplet/{name}",)
    ]
    act = Operation("dropletAction", ("POST",), f"{one}/actions", _known(_own(_act)))
    return _Server([*operations, act], bench)


class _Server(AsgiServer):
    """Names what is begun by its type, so that faults can meet one of them."""

    def __init__(self, operations: Sequence[Operation], bench: Bench) -> None:
        api = Api(bench, operations, _nothing())

        def name(scope: Scope, body: bytes) -> str:
            found = api.name(scope, body)
            if found != "dropletAction":
                return found
            asked = json.loads(body or b"{}")
            return f"{found}:{asked.get('type')}"

        super().__init__(Gate(api, bench, name))


def _nothing() -> Answer:
    return error(404, "not_found", "The resource you requested could not be found.")


def _known(serve: Serve) -> Serve:
    """Serve whoever has the token, as often as that is allowed."""

    def known(call: Call) -> Answer:
        headers, allowed = limited(call)
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if not allowed:
            said = error(429, "too_many_requests", "API rate limit exceeded.")
        elif token != call.bench.state["token"]:
            said = error(401, "unauthorized", "Unable to authenticate you")
        else:
            settle(call.bench)
            said = serve(call)
        return said._replace(headers={**said.headers, **headers})

    return known


def _own(serve: Callable[[Call, Machine], Answer]) -> Serve:
    def own(call: Call) -> Answer:
        found = find(call.bench, call.path["droplet"])
        if found is None or call.faulty == "wrong-account":
            return _nothing()
        return serve(call, found)

    return own


def _account(call: Call) -> Answer:
    wrong = call.faulty == "wrong-account"
    team = "ffffffff" if wrong else call.state["account"]
    about = {
        "droplet_limit": 25,
        "floating_ip_limit": 5,
        "email": "ops@agency.example",
        "name": "Ops",
        "uuid": "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
        "email_verified": True,
        "status": "active",
        "status_message": "",
        "team": {"uuid": team, "name": "Agency"},
    }
    return ok(200, {"account": about})


def _droplets(call: Call) -> Answer:
    gone = call.faulty in {"empty", "wrong-account"}
    rows = [] if gone else [*call.state["machines"].values()]
    if name := call.query.get("name"):
        rows = [row for row in rows if row["name"].lower() == name.lower()]
    return paged(call, "droplets", [droplet(call.state, row) for row in rows])


def _droplet(call: Call, row: Machine) -> Answer:
    seen = call.state["machines"].get(str(row["id"]), row)
    return ok(200, {"droplet": droplet(call.state, seen)})


def _droplet_actions(call: Call, row: Machine) -> Answer:
    mine = [one for one in call.state["tasks"] if one["machine"] == str(row["id"])]
    return paged(call, "actions", [action(task, row) for task in reversed(mine)])


def _action(call: Call) -> Answer:
    for task in call.state["tasks"]:
        if str(task["id"]) == call.path["action"]:
            row = call.state["machines"].get(task["machine"], {"place": PLACE})
            return ok(200, {"action": action(task, row)})
    return _nothing()


def _act(call: Call, row: Machine) -> Answer:
    asked = call.json or {}
    kind = asked.get("type")
    if row["task"] is not None:
        return _unable("Droplet already has a pending event.")
    if kind in _POWER:
        heeds = row["heeds"] or kind != "shutdown"
        effect = {"status": _POWER[kind]} if heeds else {}
        return _begun(begin(call.bench, kind, row, effect), row)
    if kind == "resize":
        return _resize(call, row, asked)
    return _unable("You specified an invalid action type.")


def _resize(call: Call, row: Machine, asked: Any) -> Answer:
    size = call.bench.state["sizes"].get(asked.get("size"))
    if row["status"] != "off":
        said = "Droplet is currently on. Please power it off to run this event."
        return _unable(said)
    if size is None or row["place"] in size["out"]:
        return _unable("You specified an invalid size for Droplet resize.")
    if size["disk"] < row["disk"]:
        said = "This size is not available because it has a smaller disk."
        return _unable(said)
    effect: dict[str, Any] = {"size": asked["size"]}
    if asked.get("disk") is True:
        effect["disk"] = size["disk"]
    return _begun(begin(call.bench, "resize", row, effect), row)


def _unable(message: str) -> Answer:
    return error(422, "unprocessable_entity", message)


def _begun(task: dict[str, Any], row: Machine) -> Answer:
    return ok(201, {"action": action(task, row)})


def _sizes(call: Call) -> Answer:
    names = call.state["sizes"]
    return paged(call, "sizes", [size_of(call.state, name) for name in names])


def _volumes(call: Call) -> Answer:
    rows = [
        volume(name, one, row)
        for row in call.state["machines"].values()
        for name, one in row["volumes"].items()
    ]
    return paged(call, "volumes", rows)


def _grow(call: Call) -> Answer:
    asked = call.json or {}
    size = asked.get("size_gigabytes")
    for row in call.bench.state["machines"].values():
        for name, one in row["volumes"].items():
            if str(one["id"]) != call.path["volume"]:
                continue
            if asked.get("type") != "resize" or not isinstance(size, int):
                return _unable("You specified an invalid action type.")
            if size <= one["size"] or size > 16384:
                return _unable("Volumes can only be resized to a larger size.")
            effect = {"volume": name, "size": size}
            task = begin(call.bench, "resize_volume", row, effect, about="volume")
            return _begun(task, row)
    return _nothing()


def _create_tag(call: Call) -> Answer:
    name = (call.json or {}).get("name")
    letters = str(name).replace(":", "").replace("-", "").replace("_", "")
    if not isinstance(name, str) or not letters.isalnum() or len(name) > 255:
        return _unable("Tag name is invalid")
    if name not in call.bench.state["tags"]:
        call.bench.state["tags"].append(name)
    return ok(201, {"tag": {"name": name, "resources": {"count": 0}}})


def _tag(call: Call) -> Answer:
    name = call.path["tag"]
    if name not in call.bench.state["tags"]:
        return _nothing()
    for one in (call.json or {}).get("resources") or ():
        row = find(call.bench, str(one.get("resource_id")))
        if row is None or one.get("resource_type") != "droplet":
            return _nothing()
        row["tags"] = [*row["tags"], name]
        call.bench.effect("tagResource", row["name"], tag=name)
    return Answer(204, None)


def _delete_tag(call: Call) -> Answer:
    name, tags = call.path["tag"], call.bench.state["tags"]
    if name not in tags:
        return _nothing()
    tags.remove(name)
    for row in call.bench.state["machines"].values():
        row["tags"] = [tag for tag in row["tags"] if tag != name]
    return Answer(204, None)


EMULATOR = Emulator("digitalocean", BASE, 18742, make, cloud_machines.edit)
