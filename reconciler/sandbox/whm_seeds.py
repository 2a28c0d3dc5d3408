"""What a WHM server of the sandbox is made from, and what it keeps of an account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import Field

from reconciler.sandbox import panel_sites
from reconciler.sandbox.registrar import Seed
from reconciler.sandbox.rest import Call
from reconciler.sandbox.whm_backups import config_of
from reconciler.sandbox.whm_use import UseSeed
from reconciler.sandbox.wordpress import WordpressSeed

ROOT: Final = "root"
#: All that changes accounts, except to delete them: that right is given by hand.
RIGHTS: Final = (
    "acct-summary",
    "basic-system-info",
    "cpanel-api",
    "create-acct",
    "limit-bandwidth",
    "list-accts",
    "list-pkgs",
    "quota",
    "show-bandwidth",
    "suspend-acct",
    "upgrade-account",
)
#: The right to delete accounts.
KILL: Final = "kill-acct"

Mib = Annotated[int, Field(ge=0)]


class PackageSeed(Seed):
    """
    One package, as in "Packages".

    Attributes:
        quota: MiB of disk; 0 is unlimited, and so is ``bandwidth``, of one month.
    """

    quota: Mib = 0
    bandwidth: Mib = 0


class HostedSeed(panel_sites.SitesSeed):
    """
    One account; its user name is its key.

    Attributes:
        plan: Its package.
        owner: The reseller who sees it; root sees all.
        suspended: The reason of a suspension; None: it runs.
        locked: Only root lifts it.
        half: A change of it is made, and answered as a failure.
        quota: MiB of disk that were set by hand; 0 is unlimited, None is as its
            package has it. ``bandwidth`` likewise.
        php: The package of PHP that its sites run on; ``inherit`` is the server's.
        restoring: A backup is being restored into it.
        wordpress: The WordPress that its site is made with.
        use: What it uses.
        files: What is in its home, by path; ``databases``: name -> a dump of it.
        takes: Seconds for which a backup that is asked for goes on; ``spoils``: it
            fails then.
    """

    domain: str
    plan: str = "default"
    owner: str = ROOT
    email: str = "hidden@customer.example"
    suspended: str | None = None
    locked: bool = False
    half: bool = False
    quota: Mib | None = None
    bandwidth: Mib | None = None
    php: str = "inherit"
    restoring: bool = False
    wordpress: WordpressSeed | None = None
    use: UseSeed = UseSeed()
    files: dict[str, str] = {"public_html/index.html": "<h1>It works</h1>"}
    databases: dict[str, str] = {}
    takes: float = 0.0
    spoils: bool = False


class BackupSeed(Seed):
    """
    What the server backs up by its own schedule; so many of each are kept, 0: none.

    Attributes:
        type: ``compressed`` or ``incremental``.
        mount: The folder here in which its backup folder is; None: nowhere.
    """

    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    type: str = "compressed"
    mount: str | None = None


class TokenSeed(Seed):
    """
    One API token.

    Attributes:
        user: Root or a reseller.
        expires: In days from the start of the sandbox; None is never.
        rights: Its privileges; ``all`` is every one.
    """

    user: str
    token: str
    name: str = "reconciler"
    expires: float | None = 90.0
    rights: tuple[str, ...] = RIGHTS


class PanelSeed(Seed):
    """
    The panel itself.

    Attributes:
        newest: Of its tier; its own version if left out.
        takes: Seconds for which an update goes on after its answer.
    """

    version: str = "11.134.0.5"
    newest: str = ""
    tier: str = "release"
    takes: float = 0.0


class WhmSeed(Seed):
    """
    One server.

    Attributes:
        text_numbers: Numbers in answers are texts, as some versions have it.
        autossl: A provider of AutoSSL is enabled.
        clobbers: It may replace certificates that somebody else signed.
        packages: By their names; an unlimited one is made for each account that is
            on one which is not named here.
        free: MiB of disk that the owner of new accounts may still give away.
        half: The next account is made, and answered as a failure.
        lve: It runs CloudLinux, which measures what accounts use.
        php: What is installed of PHP, the server's own first.
        cores: How many it has.
        panel: Its version, and what there is newer.
        backup: What it backs up.
    """

    hostname: str
    tokens: Annotated[list[TokenSeed], Field(min_length=1)]
    accounts: dict[str, HostedSeed] = {}
    text_numbers: bool = True
    autossl: bool = False
    clobbers: bool = False
    packages: dict[str, PackageSeed] = {}
    free: Mib | None = None
    half: bool = False
    lve: bool = True
    php: Annotated[tuple[str, ...], Field(min_length=1)] = ("ea-php82", "ea-php83")
    cores: Annotated[int, Field(ge=1)] = 8
    panel: PanelSeed = PanelSeed()
    backup: BackupSeed = BackupSeed()


#: What an engineer sets for the whole server.
SERVER: Final = ("free", "half", "lve", "packages", "php", "cores")


def state_of(seed: WhmSeed, now: datetime) -> dict[str, Any]:
    """Return all that a server knows at its beginning."""
    plans = {one.plan for one in seed.accounts.values()} | {"default"}
    packages = {name: PackageSeed() for name in plans} | seed.packages
    return {
        "hostname": seed.hostname,
        "texts": seed.text_numbers,
        "tokens": [one.model_dump(mode="json") for one in seed.tokens],
        "begun": now.timestamp(),
        "autossl": seed.autossl,
        "clobbers": seed.clobbers,
        "fights": False,
        "autossl_ran": now.timestamp(),
        "autossl_logs": [],
        **seed.model_dump(mode="json", include=set(SERVER) - {"packages"}),
        "packages": {name: one.model_dump() for name, one in packages.items()},
        "panel": {
            **seed.panel.model_dump(),
            "newest": seed.panel.newest or seed.panel.version,
            "until": None,
        },
        "backup_config": config_of(seed.backup.model_dump()),
        "backups": {
            "night": now.timestamp(),
            "mount": seed.backup.mount,
            "dates": {},
        },
        "packed": [],
        "accounts": {
            user: kept(user, one, now.timestamp())
            for user, one in seed.accounts.items()
        },
    }


def kept(user: str, seed: HostedSeed, at: float) -> dict[str, Any]:
    """Return what a server keeps of an account that is made at *at*."""
    since = int(at) - 86400 if seed.suspended is not None else None
    now = datetime.fromtimestamp(at, UTC)
    return {
        **seed.model_dump(exclude={"certificates"}),
        "user": user,
        "since": since,
        "made": at,
        "sites": panel_sites.sites(seed, seed.domain, now),
        "problems": [],
    }


def own(call: Call, user: str) -> dict[str, dict[str, Any]]:
    """Return the accounts that *user* may see."""
    return {
        name: row
        for name, row in sorted(call.state["accounts"].items())
        if user in {ROOT, row["owner"], name}
    }


def most(state: Mapping[str, Any], row: Mapping[str, Any], what: str) -> int:
    """Return an account's limit in MiB, by hand or of its package; 0 is unlimited."""
    by_hand: int | None = row[what]
    if by_hand is not None:
        return by_hand
    package = state["packages"].get(row["plan"])
    return int(package[what]) if package else 0


def may(call: Call, user: str, right: str) -> bool:
    """Say whether a token of *user* that is sent with *call* gives *right*."""
    sent = call.headers.get("authorization", "").rpartition(":")[2]
    return any(
        {"all", right} & set(one["rights"])
        for one in call.state["tokens"]
        if (one["user"], one["token"]) == (user, sent)
    )
