"""
Machines at Hetzner Cloud.

Sources: the vendor's specification (docs.hetzner.cloud: ``servers``, ``server_types``,
``pricing``, ``volumes``, ``actions``). What it has and what follows from it:

* A token is for one project, and nothing tells which: an absence is never proven, and a
  machine is named best by its id, which no other project has.
* Whatever takes time is an *action*: ``running``, ``success`` or ``error``. Meanwhile
  the server is ``locked``, and refuses others (``locked``).
* ``change_type`` needs a server that is off (``server_not_stopped``) and a type whose
  disk is at least as large. ``upgrade_disk: false`` keeps the way back open. "This
  copies the content of its disk, and starts it again": whether it did is looked at.
* ``shutdown`` asks the operating system; ``poweroff`` cuts the power, and is never
  used.
* Labels are replaced as a whole, so that ours is written beside those that are there.
* Prices are ``net``, per location; the currency is the one of ``/pricing``.
* The disk comes with the type; volumes grow (``resize``) and never shrink. A "GB" of
  either is a GiB to the machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.server import Offer, Server, ServerState
from reconciler.model import Account, Advice, Money
from reconciler.providers._answers import mapping, money, rows
from reconciler.providers._detail import Details
from reconciler.providers._hetzner import CREDENTIALS, Hetzner
from reconciler.providers._machines import GIB, MARK, Machines

_STATUS: Final = {"running": "running", "off": "off"}
#: The catalogue changes rarely, and prices are asked anew before anything is bought.
_KEPT: Final = timedelta(hours=12)


class HetznerServer(Machines):
    """The machines of one project."""

    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._api = Hetzner(account)
        self._details = Details(account, self._api.http.base)
        self._volumes: dict[str, dict[str, tuple[str, int]]] = {}
        self._there: dict[str, frozenset[int]] = {}

    def close(self) -> None:
        """Let go of connections."""
        self._api.http.close()

    def identity(self) -> str | None:
        """Nothing tells whose a token is: None."""
        return None

    def examine(self) -> Iterator[Advice]:
        """Ask once; say what an absent identity means."""
        self._api.get("listServers", "/servers", {"per_page": 1})
        if self._account.identity:
            yield Advice(
                "account is declared, and Hetzner Cloud tells no token's project",
                "leave account out, and name machines by their id: machine: '4711'",
            )

    def counted(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""
        return self._api.http.counts()

    # -- reading -----------------------------------------------------------------------

    def listed(self, wants: Sequence[Server]) -> Iterator[ServerState]:
        """Yield every server of the project."""
        servers = [*self._api.all("listServers", "/servers", "servers")]
        disks = any(want.spec.volumes for want in wants)
        self._read_volumes(needed=disks)
        for row in servers:
            yield self._state(row)

    def _read_volumes(self, *, needed: bool) -> None:
        self._volumes = {}
        for row in (
            self._api.all("listVolumes", "/volumes", "volumes") if needed else ()
        ):
            found = self._volumes.setdefault(str(row.get("server")), {})
            found[str(row["name"])] = str(row["id"]), int(row["size"]) * GIB

    def fresh(self, at: ServerState) -> ServerState:
        """Return a new reading of one server, and of its volumes."""
        row = mapping(
            self._api.get("getServer", f"/servers/{at.machine}").get("server")
        )
        if row.get("volumes"):
            self._read_volumes(needed=True)
        return self._state(row)

    def _state(self, row: Mapping[str, Any]) -> ServerState:
        try:
            since = self.stopped_by_us(str(mapping(row["labels"]).get(MARK) or ""))
            machine, status = str(row["id"]), str(row["status"])
            volumes = self._volumes.get(machine, {})
            self._there[machine] = _within_reach(row)
            return ServerState(
                machine=machine,
                name=str(row["name"]),
                size=str(row["server_type"]["name"]),
                status=_STATUS.get(status, "other"),  # type: ignore[arg-type]
                region=_location(row),
                disk=int(row["primary_disk_size"]) * GIB,
                volumes={name: size for name, (_, size) in volumes.items()},
                busy=self._busy(machine, status, locked=bool(row["locked"])),
                since=since,
                ours=since is not None,
            )
        except (KeyError, TypeError, ValueError) as error:
            what = f"a server cannot be read: {type(error).__name__}"
            raise Rejected(what) from None

    def _busy(self, machine: str, status: str, *, locked: bool) -> str | None:
        """Say what a locked server is busy with; asked for those alone."""
        if not locked:
            return None if status in _STATUS else status
        try:
            path = f"/servers/{machine}/actions"
            said = self._api.get("listServerActions", path, {"status": "running"})
            found = rows(said.get("actions"), "actions")
        except ProviderError:
            return "something that cannot be read"
        if not found:
            return status if status not in _STATUS else "something"
        return f"{found[0].get('command')} (action {found[0].get('id')})"

    # -- what it costs -----------------------------------------------------------------

    def offers(self, at: ServerState, names: Iterable[str]) -> dict[str, Offer]:
        """Return the types *names*, with their prices where the server is."""
        known: Mapping[str, Any] = mapping(self._catalogue("types"))
        there = self._there.get(at.machine, frozenset())
        found = {}
        for name in names:
            if name not in known:
                continue
            number, cores, memory, disk, prices = known[name]
            price = prices.get(at.region or "")
            near = not there or number in there or name == at.size
            found[name] = Offer(
                cores=cores,
                memory=memory,
                disk=disk,
                monthly=Money.read(price) if price else None,
                available=price is not None and near,
            )
        return found

    def storage(self, at: ServerState) -> Money | None:
        """Return the price of a GB of a volume."""
        del at
        text = self._catalogue("storage")
        return Money.read(text) if isinstance(text, str) else None

    def _catalogue(self, what: str) -> JsonValue:
        """Return the types, or the price of storage; both come with one reading."""
        kept = self._details.kept(what, "catalogue", None)
        if kept is not None:
            return kept
        pricing = mapping(self._api.get("getPricing", "/pricing").get("pricing"))
        types = self._api.all("listServerTypes", "/server_types", "server_types")
        try:
            currency = str(pricing["currency"])
            net = pricing["volume"]["price_per_gb_month"]["net"]
            said: dict[str, JsonValue] = {
                "types": {str(row["name"]): _type(row, currency) for row in types},
                "storage": str(money(net, currency)),
            }
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            what = f"the price list cannot be read: {type(error).__name__}"
            raise Rejected(what) from None
        for each, value in said.items():
            self._details.keep(each, "catalogue", None, value, _KEPT)
        return said[what]

    def _quoted(self, at: ServerState, change: Any) -> None:
        """Ask for the price list anew first."""
        for each in ("types", "storage"):
            self._details.forget(each, "catalogue")
        super()._quoted(at, change)

    # -- acting ------------------------------------------------------------------------

    def mark(self, at: ServerState, text: str) -> None:
        """Write our label beside the others."""
        self._label(at, {MARK: text})

    def unmark(self, at: ServerState) -> None:
        """Take our label away, and leave the others."""
        self._label(at, {})

    def _label(self, at: ServerState, ours: Mapping[str, str]) -> None:
        path = f"/servers/{at.machine}"
        row = mapping(self._api.get("getServer", path).get("server"))
        others = {k: v for k, v in mapping(row.get("labels")).items() if k != MARK}
        self._api.http.call(
            "PUT",
            path,
            operation="updateServer",
            effect=True,
            json={"labels": {**others, **ours}},
        )

    def stop(self, at: ServerState) -> str | None:
        """Ask the operating system to shut down."""
        return self._act(at, "shutdown")

    def start(self, at: ServerState) -> str | None:
        """Turn it on."""
        return self._act(at, "poweron")

    def retype(self, at: ServerState, size: str, *, disk: bool) -> str | None:
        """Change its type."""
        return self._act(at, "change_type", server_type=size, upgrade_disk=disk)

    def _act(self, at: ServerState, action: str, **body: Any) -> str:
        path = f"/servers/{at.machine}/actions/{action}"
        task, self.request_id = self._api.task(action, path, body or None)
        return task

    def grow(self, at: ServerState, volume: str, gib: int) -> str | None:
        """Make a volume larger; the disk of a server has the size of its type."""
        number = self._volumes.get(at.machine, {}).get(volume)
        if number is None:
            raise Rejected(f"{at.name} has no volume {volume}")
        path = f"/volumes/{number[0]}/actions/resize"
        task, self.request_id = self._api.task("resizeVolume", path, {"size": gib})
        return task

    def failed(self, at: ServerState, task: str) -> str | None:
        """Return what the action says of its failure."""
        del at
        said = mapping(self._api.get("getAction", f"/actions/{task}").get("action"))
        if said.get("status") != "error":
            return None
        about = said.get("error") or {}
        what = f"{said.get('command')}: {about.get('code')}: {about.get('message')}"
        return self._api.http.shown(what)


def _location(row: Mapping[str, Any]) -> str | None:
    """Return the place of a server; newer answers have it beside the data centre."""
    place = row.get("location") or mapping(row.get("datacenter")).get("location")
    return str(place["name"]) if place else None


def _within_reach(row: Mapping[str, Any]) -> frozenset[int]:
    """Return the types that a server can change to now; empty where nobody says."""
    types = mapping(row.get("datacenter") or {}).get("server_types") or {}
    return frozenset(int(one) for one in types.get("available_for_migration") or ())


def _type(row: Mapping[str, Any], currency: str) -> JsonValue:
    """Return what is kept of a type: id, cores, memory, disk, prices by location."""
    prices: dict[str, JsonValue] = {
        str(one["location"]): str(money(one["price_monthly"]["net"], currency))
        for one in row["prices"]
    }
    memory = int(Decimal(str(row["memory"])) * GIB)
    return [int(row["id"]), int(row["cores"]), memory, int(row["disk"]) * GIB, prices]


DRIVER = HetznerServer
