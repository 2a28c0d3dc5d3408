"""What a Plesk server knows: plans, subscriptions, their use; shared by its doors."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from reconciler.sandbox import panel_sites
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.wordpress import WordpressSeed
from reconciler.sandbox.wordpress import begun as wordpress_begun

#: Why a subscription does not run; the reasons of one are added up.
BUSY, ADMIN = 4, 16
MIB: Final = 1024**2
NO_LIMIT: Final = -1
#: The machine's disk, and its memory as it is always used; in bytes.
DISK: Final = 100 * 1024 * MIB
MEMORY: Final = {
    "total": 8192 * MIB,
    "used": 6144 * MIB,
    "free": 2048 * MIB,
    "shared": 0,
    "buffer": 1024 * MIB,
    "cached": 2048 * MIB,
}
_DAY: Final = timedelta(days=1)
#: The namespace of the ids that this server gives.
_SPACE: Final = uuid.UUID("b623e93d-dc72-4102-b5f0-ded427cf0fb1")
#: What the server can run PHP with: id -> version, way, enabled.
HANDLERS: Final = {
    "plesk-php74-fpm": ("7.4", "fpm", False),
    "plesk-php82-fpm": ("8.2", "fpm", True),
    "plesk-php82-fastcgi": ("8.2", "fastcgi", True),
    "plesk-php83-fpm": ("8.3", "fpm", True),
    "plesk-php83-fastcgi": ("8.3", "fastcgi", True),
}


class PlanSeed(Seed):
    """
    One service plan; its name is its key.

    Attributes:
        disk: In MiB; -1: no limit. ``traffic``, of a month, likewise.
        addon: It is an add-on plan, which no subscription is on alone.
    """

    disk: int = 5 * 1024
    traffic: int = NO_LIMIT
    addon: bool = False


class SubscriptionSeed(Seed):
    """
    One subscription; its system user is its key.

    Attributes:
        plan: Its service plan; None: it is a custom one.
        addons: Add-on plans it has beside.
        status: Why it does not run, added up; 0: it runs.
        note: What the administrator wrote about it.
        disk: Its limit, in MiB, where it is not its plan's; ``traffic`` likewise.
        locked: It was customised, and does not follow its plan.
        used: MiB on disk at the beginning; ``grows`` by so many each day.
        spends: MiB of traffic a day.
        half: A change of it is made, and answered as a failure.
        slow: A command answers nothing, and is done so many seconds later.
        sites: Further sites of it.
        certificates: Site -> what is installed there.
        wordpress: The WordPress that its site is made with.
        files: What is in its folder, by path; ``databases``: name -> a dump of it.
        takes: Seconds that a backup of it takes; with ``spoils`` it ends as nothing,
            with ``cut`` what is fetched breaks off.
    """

    domain: str
    plan: str | None = "Default Domain"
    addons: tuple[str, ...] = ()
    status: int = 0
    note: str = ""
    description: str = ""
    disk: int | None = None
    traffic: int | None = None
    locked: bool = False
    php: str = "plesk-php82-fpm"
    used: float = 120.0
    grows: float = 0.0
    spends: float = 30.0
    half: bool = False
    slow: float = 0.0
    sites: tuple[str, ...] = ()
    certificates: dict[str, panel_sites.CertificateSeed] = {}
    wordpress: WordpressSeed | None = None
    files: dict[str, str] = {"httpdocs/index.html": "<h1>It works</h1>"}
    databases: dict[str, str] = {}
    takes: float = 0.0
    spoils: bool = False
    cut: bool = False


class KeySeed(Seed):
    """
    One secret key.

    Attributes:
        address: Where it is good from; None: everywhere.
    """

    key: str
    description: str = ""
    address: str | None = "192.0.2.50"


class PleskSeed(Seed):
    """
    One server.

    Attributes:
        nightly: So many backups of each night are kept of every subscription.
    """

    hostname: str
    nightly: int = 0
    keys: Annotated[list[KeySeed], Field(min_length=1)]
    plans: dict[str, PlanSeed] = {"Default Domain": PlanSeed()}
    subscriptions: dict[str, SubscriptionSeed] = {}


def guid(name: str) -> str:
    """Return the id that this server has for *name*; always the same."""
    return str(uuid.uuid5(_SPACE, name))


def begun(seed: PleskSeed, now: datetime) -> dict[str, Any]:
    """Return what the server knows at its beginning."""
    state: dict[str, Any] = {
        "hostname": seed.hostname,
        "keys": [one.model_dump() for one in seed.keys],
        "plans": {name: one.model_dump() for name, one in seed.plans.items()},
        "begun": now.timestamp(),
        "last_id": 0,
        "pending": [],
        "nightly": seed.nightly,
        "wide": {"max-backup-files": seed.nightly or -1, "keep-local-backup": "true"},
        "accounts": {},
    }
    for login, one in seed.subscriptions.items():
        state["accounts"][login] = kept(state, login, one, now)
    return state


def kept(
    state: dict[str, Any],
    login: str,
    seed: SubscriptionSeed,
    now: datetime,
    number: int | None = None,
) -> dict[str, Any]:
    """Return a subscription as state; *number* is its id where it has one."""
    if number is None:
        state["last_id"] += 1
        number = state["last_id"]
    plan = state["plans"].get(seed.plan or "")
    limits = {
        "disk_space": seed.disk if seed.disk is not None else plan and plan["disk"],
        "max_traffic": (
            seed.traffic if seed.traffic is not None else plan and plan["traffic"]
        ),
    }
    return {
        **seed.model_dump(exclude={"certificates", "sites", "wordpress"}),
        "wordpress": wordpress_begun(seed.wordpress),
        "user": login,
        "id": number,
        "guid": guid(f"{seed.domain}/{number}"),
        "created": now.timestamp(),
        "limits": {
            name: NO_LIMIT if size in {None, NO_LIMIT} else int(size) * MIB
            for name, size in limits.items()
        },
        "pool": {},
        "backups": [],
        "tasks": [],
        "night": now.timestamp(),
        "sites": {
            name: _site(state, name, seed.certificates.get(name), now)
            for name in (seed.domain, *seed.sites)
        },
    }


def _site(
    state: dict[str, Any],
    name: str,
    given: panel_sites.CertificateSeed | None,
    now: datetime,
) -> dict[str, Any]:
    state["last_id"] += 1
    row = {"id": state["last_id"], "certificate": "", **EMPTY}
    if given is None:
        return row
    names = given.names or (name, f"www.{name}")
    issuer = panel_sites.AUTHORITY if given.automatic else "Somebody Else's Authority"
    pem, key = panel_sites.issued(names, now + timedelta(days=given.ends), issuer)
    called = f"Lets Encrypt {name}" if given.automatic else f"Bought for {name}"
    made = {"certificate": called, "pem": pem, "key": key, "cab": ""}
    return {**row, **made, "automatic": given.automatic}


#: A site at which nothing is installed.
EMPTY: Final[Mapping[str, Any]] = {"pem": "", "key": "", "cab": "", "automatic": False}


def called(state: Mapping[str, Any], domain: str) -> dict[str, Any] | None:
    """Return the subscription whose name is *domain*."""
    for row in state["accounts"].values():
        if row["domain"] == domain:
            found: dict[str, Any] = row
            return found
    return None


def owner(state: Mapping[str, Any], site: str) -> dict[str, Any] | None:
    """Return the subscription that has *site*."""
    for row in state["accounts"].values():
        if site in row["sites"]:
            found: dict[str, Any] = row
            return found
    return None


def on_disk(row: Mapping[str, Any], now: datetime) -> int:
    """Return bytes on disk as the last nightly statistics counted them."""
    return int((row["used"] + row["grows"] * _nights(row["created"], now)) * MIB)


def traffic(row: Mapping[str, Any], now: datetime) -> int:
    """Return bytes of traffic of this month, as the last nightly statistics."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    since = max(month.timestamp(), row["created"])
    return int(row["spends"] * _nights(since, now) * MIB)


def _nights(since: float, now: datetime) -> int:
    return max(0, (now - datetime.fromtimestamp(since, UTC)) // _DAY)


def follow(state: Mapping[str, Any], row: dict[str, Any]) -> None:
    """Give *row* the limits of its plan, as a sync does."""
    plan = state["plans"].get(row["plan"] or "")
    if plan is not None:
        sizes = {"disk_space": plan["disk"], "max_traffic": plan["traffic"]}
        row["limits"] = {
            name: NO_LIMIT if size == NO_LIMIT else size * MIB
            for name, size in sizes.items()
        }


def lets_in(state: Mapping[str, Any], key: str) -> bool:
    """Say whether *key* is one of the server's."""
    return any(one["key"] == key for one in state["keys"])


def changed(bench: Bench, row: Mapping[str, Any], what: str, **told: Any) -> None:
    """Write down that *row* was changed."""
    bench.effect(what, row["domain"], **told)
