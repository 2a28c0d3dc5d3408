"""
Order a certificate and die by SIGKILL at a step; then go on with it, undisturbed.

``kill_order.py FOLDER < CONFIG`` prints one line of JSON for each step there is. How
often an authority has to be asked differs from run to run, so that the number of a step
does: what is in ``phases`` and was missed by that is died after by its name. Every
run is a process of its own, forked before anything has a thread. As a plan does, the
second run orders only what is not kept.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reconciler.cli.challenges import _Notes
from reconciler.errors import ProviderError
from reconciler.model import Account
from reconciler.providers._authoritative import declared
from reconciler.providers._challenges import DnsChallenges, World, Zone
from reconciler.providers._http import Http
from reconciler.providers._keyring import Around, KeyStores
from reconciler.providers.acme_issuance import AcmeIssuance
from reconciler.providers.powerdns_dns import PowerDns
from tests.support.contract import MemoryCache
from tests.support.issuing import issue, want
from tests.support.pebble import now

Step = Callable[[str], None]
_DONE, _FAILED = 0, 7


class Steps:
    """Counts what a run has done, and ends it after one of them."""

    def __init__(self, at: int | str, told: int) -> None:
        self._at, self._told, self._count = at, told, 0

    def __call__(self, name: str) -> None:
        self._count += 1
        if self._at in {self._count, name}:
            os.write(self._told, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)


def watched(kind: Any, name: str, step: Step, label: str = "") -> None:
    """Make every call of a method a step, once it is done."""
    real = getattr(kind, name)

    def call(self: Any, *args: Any, **more: Any) -> Any:
        found = real(self, *args, **more)
        step(label or str(more.get("operation", name)))
        return found

    setattr(kind, name, call)


def account(config: Any, folder: Path) -> Account:
    secrets = {"apiKey": config["apiKey"]}
    pdns = Account(
        "pdns", config["pdns"], None, secrets, now, time.sleep, MemoryCache()
    )
    zone, dns = Zone(config["zone"], ("pdns",)), PowerDns(pdns)
    world = World(lambda _: zone, lambda _: dns, lambda _: declared(config["dns"]))
    notes = _Notes(folder / "notes.sqlite", now)

    def nobody(*_: Any) -> Any:
        raise AssertionError

    return Account(
        "main",
        config["directory"],
        None,
        {"accountKey": config["key"]},
        now,
        time.sleep,
        MemoryCache(),
        trust=config["trust"],
        keys=KeyStores(Around(folder, nobody, nobody, lambda _: None)),
        challenges=DnsChallenges(world, now, time.sleep, notes),
    )


def run(config: Any, folder: Path, name: str, at: int | str, told: int) -> int:
    """Order once, in this process."""
    step = Steps(at, told)
    watched(Http, "once", step)
    watched(KeyStores, "put", step)
    watched(PowerDns, "texts", step, "change the zone")
    watched(DnsChallenges, "present", step)
    watched(DnsChallenges, "remove", step)
    made = account(config, folder)
    driver, one = AcmeIssuance(made), want(name)
    if made.keys is not None and made.keys.open(one).current is not None:
        os.write(told, b"kept")
        return _DONE
    try:
        receipt = driver.apply(one, issue(one), "key")
    except ProviderError as error:
        os.write(told, f"failed: {error.what}".encode())
        return _FAILED
    os.write(told, json.dumps(receipt.details).encode())
    return _DONE


def forked(config: Any, folder: Path, name: str, at: int | str) -> tuple[int, str]:
    """Run it in a child; return how it ended and what it said last."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os._exit(run(config, folder, name, at, write))
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read, "rb") as told:
        return os.waitstatus_to_exitcode(status), told.read().decode()


def main() -> None:
    folder, config = Path(sys.argv[1]), json.load(sys.stdin)
    missed, last = set(config["phases"]), None
    for at in range(1, 60):
        line = lived(config, folder, at)
        missed.discard(line["first"][1])
        if line["first"][0] != -signal.SIGKILL:
            last = line
            break
        sys.stdout.write(json.dumps(line) + "\n")
    for phase in sorted(missed):
        sys.stdout.write(json.dumps(lived(config, folder, phase)) + "\n")
    sys.stdout.write(json.dumps(last) + "\n")


def lived(config: Any, folder: Path, at: int | str) -> dict[str, Any]:
    """Order and die, and order again; return what came of both."""
    name = f"k{str(at).replace(' ', '-')}.{config['zone']}"
    first = forked(config, folder, name, at)
    return {"name": name, "first": first, "again": forked(config, folder, name, 0)}


if __name__ == "__main__":
    main()
