"""Ten thousand accounts on fifty servers: what one plan asks of each, and takes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.estate import commit, take_base
from benchmarks.measure import RECONCILER, Used, child
from benchmarks.row import Row, Size
from reconciler.sandbox import Sandbox, SandboxClock, World

#: The servers; each is a server of its own, on its own port.
SERVERS = 50
#: What each of them allows, and is asked at most, in one second.
_RATE = 2
_HOUSE = """\
apiVersion: reconciler/v1
HostingPlan/care-5:
  price: 120.00 EUR/year
  limits: {disk: 5GiB, bandwidth: 100GiB}
  packages: {whm: care_5g}
  up: care-20
HostingPlan/care-20:
  price: 240.00 EUR/year
  limits: {disk: 20GiB, bandwidth: 400GiB}
  packages: {whm: care_20g}
"""
_PROVIDER = """\
Provider/whm-{number:02d}:
  type: whm
  account: whm{number}.agency.example
  endpoint: {endpoint}
  limits: {{requestsPerSecond: {rate}}}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
"""
_ACCOUNT = """\
HostingAccount/s{server:02d}-{number:04d}.example:
  provider: whm-{server:02d}
  account: u{number:04d}x
  plan: {{min: care-5, max: care-20}}
"""
_USER, _TOKEN = "reconciler-sandbox", "sandbox-whm-token"
_PACKAGES = {
    "care_5g": {"quota": 5120, "bandwidth": 102400},
    "care_20g": {"quota": 20480, "bandwidth": 409600},
}
#: Whose server it is, the listing, and the bandwidth that the plans limit.
_LISTS = 3


def hosting(size: Size) -> Iterator[Row]:
    """Plan so many accounts, every one as it is wanted."""
    each = size.middle // SERVERS
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        root = Path(folder) / "agency"
        with ExitStack() as stack:
            running = [
                stack.enter_context(_server(number, each)) for number in range(SERVERS)
            ]
            _written(root, running, each)
            _plan(root)  # reads the YAML for the first time
            for one in running:
                one.ledger.reset_requests()
            used = _plan(root)
            asked = [one.ledger.requests()["whm"] for one in running]
            peak = max(one.ledger.peak("whm") for one in running)
    what = f"plan of {each * SERVERS:,} accounts on {SERVERS} WHM servers"
    total = sum(sum(one.values()) for one in asked)
    shown = ", ".join(f"{name} {count}" for name, count in sorted(asked[0].items()))
    pages = _LISTS * SERVERS
    yield Row(f"{what}: requests", total, "", pages, note=f"of each: {shown}")
    bucket = f"a bucket of {_RATE} that refills by {_RATE} in a second"
    yield Row(f"{what}: most in a second, of one", peak, "", 2 * _RATE, note=bucket)
    yield Row(what, used.cpu, "s", 5, note=f"{used.wall:.1f} s wall")
    yield Row(f"{what}: memory", used.rss, "MB", 200)


def _server(number: int, accounts: int) -> Sandbox:
    part: dict[str, Any] = {
        "hostname": f"whm{number}.agency.example",
        "tokens": [{"user": _USER, "token": _TOKEN}],
        "packages": _PACKAGES,
        "accounts": {
            f"u{account:04d}x": {
                "domain": f"s{number:02d}-{account:04d}.example",
                "plan": "care_5g",
                "owner": _USER,
                "use": {"disk": 500, "grows": 3, "traffic": 40},
            }
            for account in range(accounts)
        },
    }
    return Sandbox(World({"whm": part}), SandboxClock(datetime.now(UTC)))


def _written(root: Path, running: list[Sandbox], each: int) -> None:
    folder, secrets = root / "inventory", root / ".sandbox" / "secrets"
    folder.mkdir(parents=True)
    secrets.mkdir(parents=True)
    (secrets / "whm-user").write_text(_USER, encoding="utf-8")
    (secrets / "whm-token").write_text(_TOKEN, encoding="utf-8")
    (root / ".gitignore").write_text(".sandbox/\n", encoding="utf-8")
    servers = "".join(
        _PROVIDER.format(number=number, endpoint=one.endpoint("whm"), rate=_RATE)
        for number, one in enumerate(running)
    )
    (folder / "house.yaml").write_text(_HOUSE + servers, encoding="utf-8")
    for server in range(SERVERS):
        text = "".join(
            _ACCOUNT.format(server=server, number=number) for number in range(each)
        )
        path = folder / f"whm-{server:02d}.yaml"
        path.write_text(f"apiVersion: reconciler/v1\n{text}", encoding="utf-8")
    commit(root)
    take_base(root)


def _plan(root: Path) -> Used:
    """Plan from the live servers; nothing may be left to do, nor be unknown."""
    argv = [*RECONCILER, "-q", "-C", str(root), "plan", "--format=json"]
    used = child(argv, root)
    plan = json.loads(used.out)
    if plan["actions"] or plan["unknown"] or not plan["complete"]:
        raise RuntimeError(f"the plan is not empty: {used.out[:2000]}")
    return used
