"""
Vault: a token and one key/value engine of version 2, in its wire format.

After the engine's HTTP API reference. Kept: ``cas`` against the current version, 0 only
where nothing ever was; soft deletion, which answers 404 with its metadata and keeps the
version; ``cas_required``; 403 alike for a wrong token and for no right; 404 with no
errors for what was never there; a sealed server (503). The world's part is::

    vault: {token: "...", mount: secret, cas_required: false}
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.sandbox.emulator import Bench, Emulator, Server
from reconciler.sandbox.rest import Answer, Call, Operation, rest

_MISMATCH = "check-and-set parameter did not match the current version"
_REQUIRED = "check-and-set parameter required for this call"


def _said(data: Any) -> Answer:
    envelope = {
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }
    return Answer(200, envelope)


def _errors(status: int, *texts: str) -> Answer:
    return Answer(status, {"errors": list(texts)})


def _let_in(call: Call) -> Answer | None:
    if call.state["sealed"]:
        return _errors(503, "Vault is sealed")
    if call.headers.get("x-vault-token") != call.state["token"]:
        return _errors(403, "permission denied")
    return None


def _ours(call: Call) -> Answer | None:
    if (refused := _let_in(call)) is not None:
        return refused
    if call.path["mount"] != call.state["mount"]:
        return _errors(404, f"no handler for route {call.path['mount']!r}")
    return None


def _metadata(versions: list[Any]) -> dict[str, Any]:
    last = versions[-1]
    return {
        "created_time": last["created"],
        "custom_metadata": None,
        "deletion_time": last["deleted"],
        "destroyed": False,
        "version": len(versions),
    }


def _read(call: Call) -> Answer:
    if (refused := _ours(call)) is not None:
        return refused
    versions = call.state["secrets"].get(call.path["path"])
    if not versions:
        return _errors(404)
    metadata = _metadata(versions)
    if versions[-1]["deleted"]:
        return Answer(404, _said({"data": None, "metadata": metadata}).data)
    return _said({"data": versions[-1]["data"], "metadata": metadata})


def _write(call: Call) -> Answer:
    if (refused := _ours(call)) is not None:
        return refused
    body, path = call.json or {}, call.path["path"]
    if not isinstance(body.get("data"), dict):
        return _errors(400, "no data provided")
    cas = (body.get("options") or {}).get("cas")
    versions = call.state["secrets"].get(path, [])
    if cas is None and call.state["cas_required"]:
        return _errors(400, _REQUIRED)
    if cas is not None and cas != len(versions):
        return _errors(400, _MISMATCH)
    now = call.bench.clock().strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
    made = {"data": body["data"], "created": now, "deleted": ""}
    call.state["secrets"][path] = [*versions, made]
    call.bench.effect("write", path)
    return _said(_metadata(call.state["secrets"][path]))


def _delete(call: Call) -> Answer:
    if (refused := _ours(call)) is not None:
        return refused
    versions = call.state["secrets"].get(call.path["path"])
    if versions:
        now = call.bench.clock().strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
        versions[-1] |= {"data": None, "deleted": now}
        call.bench.effect("delete", call.path["path"])
    return Answer(204, None)


def _whose(call: Call) -> Answer:
    if (refused := _let_in(call)) is not None:
        return refused
    return _said(call.state["about"])


_OPERATIONS = (
    Operation("lookup-self", ("GET",), "/v1/auth/token/lookup-self", _whose),
    Operation("read", ("GET",), "/v1/{mount}/data/{path:path}", _read),
    Operation("write", ("POST", "PUT"), "/v1/{mount}/data/{path:path}", _write),
    Operation("delete", ("DELETE",), "/v1/{mount}/data/{path:path}", _delete),
)


def make(bench: Bench) -> Server:
    """Return the server of *bench*."""
    if not bench.state:
        world = bench.world
        bench.state.update(
            token=str(world.get("token", "sandbox-vault")),
            mount=str(world.get("mount", "secret")),
            cas_required=bool(world.get("cas_required", False)),
            sealed=False,
            about={
                "display_name": "approle-reconciler",
                "policies": ["default", "reconciler"],
                "ttl": 3600,
                "renewable": True,
            },
            secrets={},
        )
    return rest(bench, _OPERATIONS, _errors(404))


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change something by hand: ``seal: {sealed}``, ``token: {policies: [...], ttl}``.

    Raises:
        ReconcilerError: There is no such thing.
    """
    match thing:
        case "seal":
            bench.state["sealed"] = bool(data.get("sealed", True))
        case "token":
            bench.state["about"] |= dict(data)
        case _:
            raise ReconcilerError("post to seal or token")
    bench.effect("by-hand", thing)


EMULATOR = Emulator("vault", "", 18720, make, edit)
