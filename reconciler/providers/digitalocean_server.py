"""
Droplets at DigitalOcean.

Sources: the vendor's specification (github.com/digitalocean/openapi: ``droplets``,
``droplet_actions``, ``actions``, ``sizes``, ``volumes``, ``tags``, ``account``) and its
guide to resizing. What it has and what follows from it:

* Whatever takes time is an *action*: ``in-progress``, ``completed`` or ``errored``; why
  it errored is told nowhere. Meanwhile the droplet is ``locked``.
* ``resize`` needs a droplet that is off. With ``disk: false`` it can be taken back;
  with ``disk: true`` "this is a permanent change". A size with a smaller disk is
  refused.
* ``shutdown`` asks the operating system and "guarantees that the command is issued, not
  that it succeeds"; ``power_off`` cuts the power, and is never used.
* Prices are in US dollars, as numbers; what a GiB of a volume costs is said nowhere:
  ``settings: {price.volume: 0.10 USD}`` of the account says it.
* There is no text on a droplet that one may write but its tags: the mark is a tag of
  its own, with the droplet and the moment in its name.
* ``identity`` is the team of the token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.server import Offer, Server, ServerState
from reconciler.model import Account, Advice, Money
from reconciler.providers._answers import mapping, money, rows
from reconciler.providers._digitalocean import CREDENTIALS, DigitalOcean
from reconciler.providers._machines import GIB, MARK, Machines, wrong_settings

_STATUS: Final = {"active": "running", "off": "off"}
_MIB: Final = 1024**2
_DROPLET: Final = "droplet"
_OPEN: Final = "in-progress"


class DigitalOceanServer(Machines):
    """The droplets of one team."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = DigitalOcean(account)
        self._volumes: dict[str, dict[str, tuple[str, int]]] = {}
        self._sizes: dict[str, Mapping[str, Any]] | None = None

    def close(self) -> None:
        """Let go of connections."""
        self._api.http.close()

    def identity(self) -> str | None:
        """Return the team that the token is for."""
        return self._api.identity()

    def examine(self) -> Iterator[Advice]:
        """Name prices that cannot be read."""
        for name in wrong_settings(self._account):
            yield Advice(f"settings: {name} is no amount", "write it as 0.10 USD")

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        return self._api.http.counts()

    # -- reading -----------------------------------------------------------------------

    def listed(self, wants: Sequence[Server]) -> Iterator[ServerState]:
        """Yield every droplet of the team."""
        self._sizes = None
        droplets = [*self._api.all("listDroplets", "/v2/droplets", "droplets")]
        self._read_volumes(needed=any(want.spec.volumes for want in wants))
        for row in droplets:
            yield self._state(row)

    def _read_volumes(self, *, needed: bool) -> None:
        self._volumes = {}
        listed = self._api.all("listVolumes", "/v2/volumes", "volumes")
        for row in listed if needed else ():
            for droplet in row.get("droplet_ids") or ():
                found = self._volumes.setdefault(str(droplet), {})
                size = int(row["size_gigabytes"]) * GIB
                found[str(row["name"])] = str(row["id"]), size

    def fresh(self, at: ServerState) -> ServerState:
        """Return a new reading of one droplet, and of its volumes."""
        said = self._api.get("getDroplet", f"/v2/droplets/{at.machine}")
        row = mapping(said.get("droplet"))
        if row.get("volume_ids"):
            self._read_volumes(needed=True)
        return self._state(row)

    def _state(self, row: Mapping[str, Any]) -> ServerState:
        try:
            since = self._marked_at(row)
            machine, status = str(row["id"]), str(row["status"])
            volumes = self._volumes.get(machine, {})
            return ServerState(
                machine=machine,
                name=str(row["name"]),
                size=str(row["size_slug"]),
                status=_STATUS.get(status, "other"),  # type: ignore[arg-type]
                region=str(row["region"]["slug"]),
                disk=int(row["disk"]) * GIB,
                volumes={name: size for name, (_, size) in volumes.items()},
                busy=self._busy(machine, status, locked=bool(row["locked"])),
                since=since,
                ours=since is not None,
            )
        except (KeyError, TypeError, ValueError) as error:
            what = f"a droplet cannot be read: {type(error).__name__}"
            raise Rejected(what) from None

    def _marked_at(self, row: Mapping[str, Any]) -> datetime | None:
        prefix = f"{MARK}:{row['id']}:"
        tags = [str(tag) for tag in row["tags"] if str(tag).startswith(prefix)]
        found = [self.stopped_by_us(tag.removeprefix(prefix)) for tag in tags]
        return max((one for one in found if one is not None), default=None)

    def _busy(self, machine: str, status: str, *, locked: bool) -> str | None:
        """Say what a locked droplet is busy with; asked for those alone."""
        if not locked:
            return None if status in _STATUS else status
        try:
            path = f"/v2/droplets/{machine}/actions"
            said = self._api.get("listDropletActions", path)
            found = [
                one
                for one in rows(said.get("actions"), "actions")
                if one.get("status") == _OPEN
            ]
        except ProviderError:
            return "something that cannot be read"
        if not found:
            return "something"
        return f"{found[0].get('type')} (action {found[0].get('id')})"

    # -- what it costs -----------------------------------------------------------------

    def offers(self, at: ServerState, names: Iterable[str]) -> dict[str, Offer]:
        """Return the sizes *names*, with their prices."""
        if self._sizes is None:
            listed = self._api.all("listSizes", "/v2/sizes", "sizes")
            self._sizes = {str(row["slug"]): row for row in listed}
        found = {}
        for name in names:
            row = self._sizes.get(name)
            if row is None:
                continue
            try:
                found[name] = Offer(
                    cores=int(row["vcpus"]),
                    memory=int(row["memory"]) * _MIB,
                    disk=int(row["disk"]) * GIB,
                    monthly=money(row["price_monthly"], "USD"),
                    available=bool(row["available"]) and at.region in row["regions"],
                )
            except (KeyError, TypeError, ValueError) as error:
                what = f"the size {name} cannot be read: {type(error).__name__}"
                raise Rejected(what) from None
        return found

    def storage(self, at: ServerState) -> Money | None:
        """Return the price of a GiB of a volume, as the account's settings have it."""
        del at
        return self.priced("volume")

    # -- acting ------------------------------------------------------------------------

    def mark(self, at: ServerState, text: str) -> None:
        """Make a tag for this very stop, and put it on the droplet."""
        tag = f"{MARK}:{at.machine}:{text.partition('.')[0]}"
        self._api.effect("POST", "/v2/tags", "createTag", {"name": tag})
        one = {"resource_id": at.machine, "resource_type": _DROPLET}
        path = f"/v2/tags/{tag}/resources"
        self._api.effect("POST", path, "tagResource", {"resources": [one]})

    def unmark(self, at: ServerState) -> None:
        """Delete every tag that was made so for this droplet: nobody else has it."""
        path = f"/v2/droplets/{at.machine}"
        row = mapping(self._api.get("getDroplet", path).get("droplet"))
        for tag in row.get("tags") or ():
            if str(tag).startswith(f"{MARK}:{at.machine}:"):
                self._api.effect("DELETE", f"/v2/tags/{tag}", "deleteTag")

    def stop(self, at: ServerState) -> str | None:
        """Ask the operating system to shut down."""
        return self._act(at, "shutdown")

    def start(self, at: ServerState) -> str | None:
        """Turn it on."""
        return self._act(at, "power_on")

    def retype(self, at: ServerState, size: str, *, disk: bool) -> str | None:
        """Resize it; refused while it runs, by the vendor and here."""
        return self._act(at, "resize", size=size, disk=disk)

    def _act(self, at: ServerState, action: str, **more: Any) -> str:
        path = f"/v2/droplets/{at.machine}/actions"
        task, self.request_id = self._api.task(action, path, {"type": action, **more})
        return task

    def grow(self, at: ServerState, volume: str, gib: int) -> str | None:
        """Make a volume larger; the disk of a droplet has the size of its size."""
        number = self._volumes.get(at.machine, {}).get(volume)
        if number is None:
            raise Rejected(f"{at.name} has no volume {volume}")
        path = f"/v2/volumes/{number[0]}/actions"
        body = {"type": "resize", "size_gigabytes": gib, "region": at.region}
        task, self.request_id = self._api.task("resizeVolume", path, body)
        return task

    def failed(self, at: ServerState, task: str) -> str | None:
        """Return that an action errored; DigitalOcean does not say why."""
        del at
        said = mapping(self._api.get("getAction", f"/v2/actions/{task}").get("action"))
        if said.get("status") != "errored":
            return None
        return self._api.http.shown(f"{said.get('type')} errored (action {task})")

    def _quoted(self, at: ServerState, change: Any) -> None:
        """Ask for the sizes anew first."""
        self._sizes = None
        super()._quoted(at, change)


DRIVER = DigitalOceanServer
