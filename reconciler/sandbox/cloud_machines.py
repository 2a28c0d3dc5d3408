"""What a cloud of the sandbox has: machines, disks, sizes, and tasks that take time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, ValidationError

from reconciler.errors import ReconcilerError
from reconciler.sandbox.cloud_usage import Course, value
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.registrar import Seed

Machine = dict[str, Any]
Task = dict[str, Any]


class SizeSeed(Seed):
    """
    One size that is sold.

    Attributes:
        memory: In GiB, as ``disk``; ``monthly`` is an amount without a currency.
        out: Where it cannot be had now.
    """

    cores: int
    memory: float
    disk: int
    monthly: str
    out: list[str] = []


class MachineSeed(Seed):
    """
    One machine.

    Attributes:
        id: Given by the cloud if left out.
        place: The location, or the region, where it is.
        disk: In GB; that of its size if left out.
        volumes: Its other disks by name, in GB.
        heeds: It shuts down when it is asked to.
        usage: How much it uses, by metric.
    """

    id: int | None = None
    size: str
    status: Literal["running", "off"] = "running"
    place: str | None = None
    disk: int | None = None
    labels: dict[str, str] = {}
    tags: list[str] = []
    volumes: dict[str, int] = {}
    heeds: bool = True
    usage: dict[str, Course] = {}


class CloudSeed(Seed):
    """
    A cloud's part of the world.

    Attributes:
        account: Whose the token is.
        takes: How long each command takes, in seconds; ten where nothing is said.
        starts: A machine starts by itself when its size was changed.
    """

    token: str
    account: str = "0a1b2c3d"
    place: str
    sizes: dict[str, SizeSeed] = {}
    machines: dict[str, MachineSeed] = {}
    takes: dict[str, float] = {}
    starts: bool = True
    read_only: bool = False
    storage: str = "0.0440"
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")


def seeded(bench: Bench, sizes: Mapping[str, SizeSeed], place: str) -> None:
    """Fill the state from the world, if it is empty."""
    if bench.state:
        return
    try:
        seed = CloudSeed.model_validate({"place": place, **bench.world})
    except ValidationError as error:
        raise ReconcilerError(f"the world of {bench.vendor}: {error}") from None
    sold = {name: one.model_dump() for name, one in {**sizes, **seed.sizes}.items()}
    machines = {}
    for number, (name, one) in enumerate(sorted(seed.machines.items())):
        row = one.model_dump()
        row.update(
            id=one.id or 4711 + number,
            name=name,
            place=one.place or seed.place,
            disk=one.disk or sold[one.size]["disk"],
            task=None,
            created=bench.clock().isoformat(),
        )
        row["volumes"] = {
            volume: {"id": 9000 + 10 * number + each, "size": size}
            for each, (volume, size) in enumerate(sorted(one.volumes.items()))
        }
        machines[str(row["id"])] = row
    bench.state.update(
        token=seed.token,
        account=seed.account,
        sizes=sold,
        machines=machines,
        tasks=[],
        fails={},
        takes=dict(seed.takes),
        starts=seed.starts,
        read_only=seed.read_only,
        storage=seed.storage,
        currency=seed.currency,
        begun=bench.clock().isoformat(),
        hits=[],
    )


def begin(
    bench: Bench, command: str, machine: Machine, effect: dict[str, Any], **more: Any
) -> Task:
    """Begin *command*: the machine is locked until it has ended."""
    tasks, now = bench.state["tasks"], bench.clock()
    takes = timedelta(seconds=bench.state["takes"].get(command, 10.0))
    task: Task = {
        "id": 100 + len(tasks),
        "command": command,
        "machine": str(machine["id"]),
        "status": "running",
        "started": now.isoformat(),
        "due": (now + takes).isoformat(),
        "finished": None,
        "error": bench.state["fails"].pop(command, None),
        "effect": effect,
        **more,
    }
    tasks.append(task)
    machine["task"] = task["id"]
    shown = dict(task)  # what is answered is how it began
    settle(bench)
    return shown


def settle(bench: Bench) -> None:
    """Carry out the tasks whose time has come."""
    now = bench.clock()
    for task in bench.state["tasks"]:
        if task["status"] != "running" or now < datetime.fromisoformat(task["due"]):
            continue
        machine = bench.state["machines"].get(task["machine"])
        task["finished"] = task["due"]
        if machine is None:
            task["status"] = "error"
            continue
        machine["task"] = None
        if task["error"]:
            task["status"] = "error"
            continue
        task["status"] = "success"
        _done(bench, machine, task)


def _done(bench: Bench, machine: Machine, task: Task) -> None:
    effect = dict(task["effect"])
    volume = effect.pop("volume", None)
    if volume is not None:
        machine["volumes"][volume]["size"] = effect.pop("size")
    machine.update(effect)
    bench.effect(task["command"], machine["name"], **task["effect"])


def find(bench: Bench, number: str) -> Machine | None:
    """Return one machine by its id."""
    found: Machine | None = bench.state["machines"].get(number)
    return found


def edit(bench: Bench, thing: str, data: Mapping[str, Any]) -> None:
    """
    Change by hand.

    ``machine`` takes {name, ...fields, remove}, ``size`` {name, ...fields}, ``fails``
    {command: text}, ``takes`` {command: seconds}.
    """
    if thing in {"fails", "takes"}:
        bench.state[thing].update(data)
        return
    fields = {key: value for key, value in data.items() if key != "name"}
    if thing == "size":
        bench.state["sizes"][data["name"]].update(fields)
        return
    if thing != "machine":
        raise ReconcilerError(f"a cloud has no {thing!r} to change by hand")
    machines = bench.state["machines"]
    number = next(n for n, one in machines.items() if one["name"] == data["name"])
    if fields.pop("remove", False):
        del machines[number]
    else:
        machines[number].update(fields)
    bench.effect("by-hand", str(data["name"]))


def measured(
    bench: Bench, machine: Machine, metric: str
) -> Callable[[datetime], float] | None:
    """Return how much of *metric* a machine uses at a moment; None: it is unknown."""
    raw = machine["usage"].get(metric)
    if raw is None:
        return None
    course = Course.model_validate(raw)
    begun = datetime.fromisoformat(bench.state["begun"])
    return lambda at: value(course, f"{machine['name']}/{metric}", begun, at)
