"""The clouds of an inventory's world: its machines, each of its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.kinds.server import Server

#: The token of every cloud; fake, and good nowhere else.
TOKENS: Final = {
    "hetzner": "sandbox-hetzner-token",
    "digitalocean": "sandbox-digitalocean-token",
}
_TEAM: Final = "5df3e3004a17e242b7c20ca6c9fc25b701a47ece"
_GIB: Final = 1024**3


def cloud_part(
    vendor: str,
    servers: Sequence[Server],
    declared: str | None,
    oddities: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """
    Return a cloud's part of the world.

    Args:
        vendor: Which one.
        servers: What the inventory wants there.
        declared: Whose the token must be.
        oddities: How single machines differ, by name: fields of the cloud's seed, or
            ``absent``.
    """
    machines: dict[str, dict[str, Any]] = {}
    for one in servers:
        odd = dict(oddities.get(one.name, {}))
        if not odd.pop("absent", False):
            machines[one.machine] = {**_seed(one), **odd}
    return {
        "token": TOKENS[vendor],
        "account": declared or _TEAM,
        "machines": machines,
    }


def instances(
    servers: Sequence[Server], oddities: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the instances of EC2, for its part of the world; nothing without any."""
    found = []
    for one in servers:
        odd = dict(oddities.get(one.name, {}))
        if odd.pop("absent", False):
            continue
        seed = _seed(one)
        region = {"region": one.spec.region} if one.spec.region else {}
        kind = {"name": one.machine, "type": seed.pop("size")}
        found.append({**kind, **region, **seed, **odd})
    return {"instances": found} if found else {}


def _seed(one: Server) -> dict[str, Any]:
    """Return a machine as it is wanted: of the smallest size it may have."""
    seed: dict[str, Any] = {"size": one.spec.ladder[0]}
    if one.spec.disk is not None:
        seed["disk"] = int(one.spec.disk // _GIB)
    volumes = {name: int(size // _GIB) for name, size in one.spec.volumes.items()}
    return {**seed, **({"volumes": volumes} if volumes else {})}
