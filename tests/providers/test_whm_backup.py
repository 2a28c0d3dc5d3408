"""Backups that a WHM server makes by its own schedule: seen, fetched, restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reconciler.errors import Rejected
from reconciler.kinds.backup import Backup, CopyState
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Absent, Account, Change, Unknown
from reconciler.model.backing import Backing
from reconciler.providers.whm_backup import WhmBackup
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support import panel_backups as panel
from tests.support.contract import NOW, SandboxContract, account
from tests.support.drill_servers import needed, open_folder

DAY = timedelta(days=1).total_seconds()
FILES = {"public_html/index.php": "<?php // WordPress", "mail/cur/1": "From: a"}
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "tokens": [
        {"user": "root", "token": "whm-sandbox-token", "rights": ["all"]},
        {"user": "root", "token": "small-token"},
    ],
    "accounts": {
        "shop": {
            "domain": "shop.example",
            "files": FILES,
            "databases": {"shop_wp": "CREATE TABLE a (b int);\n-- Dump completed\n"},
        },
        "other": {"domain": "other.example"},
    },
    "backup": {"daily": 3},
}
SECRETS = {"write": "root:whm-sandbox-token"}
EXPECT = {
    "expect": [
        {"path": "homedir/public_html/index.php", "contains": "WordPress"},
        {"path": "mysql/shop_wp.sql", "contains": "Dump completed"},
    ]
}
LISTED = "backup_set_list_combined"


def backing(scratch: Path | None = None, **more: Any) -> Backing:
    """Return a policy of what the server's own schedule makes."""
    by = {"cron": "0 2 * * *", "by": "panel"}
    return panel.backing(scratch, schedule=by, **more)


class TestWhmBackup(SandboxContract):
    driver = WhmBackup
    vendor = "whm"
    part = PART
    secrets: ClassVar = SECRETS
    extra = "nothing that is kept is listed by name"
    listing = LISTED
    operations: ClassVar = {}

    def wants(self) -> list[Backup]:
        policy = backing()
        return [panel.backup("shop.example", policy, "whm")]

    def missing(self) -> Backup:
        return panel.backup("missing.example", backing(), "whm")

    def wrong(self, account: Account) -> Account:
        return account._replace(secrets={"write": "root:not-a-token"})

    def other(self, change: Change) -> Change:
        return change

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["missing.example"], Absent)
        assert isinstance(seen.states["shop.example"], CopyState)
        assert not seen.unmanaged

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        """Drills want a receipt first: they have tests of their own below."""
        account = self.start()
        assert self.cases(self.made(account), account) == []


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


def opened(
    running: Sandbox, mount: Path | None = None, **more: Any
) -> tuple[WhmBackup, Account]:
    told = {"daily": 3, "mount": str(mount) if mount else None, **more}
    running.clock.set(NOW, frozen=True)
    running.reset(World({"whm": {**PART, "backup": told}}))
    settings = {"url": running.endpoint("whm")}
    if mount is not None:
        settings["path"] = str(mount)
    made = account(running, "whm", SECRETS, settings=settings)
    return WhmBackup(made), made


def wanted(tmp_path: Path, **more: Any) -> Backup:
    policy = backing(tmp_path / "scratch", source={**EXPECT, **more})
    return panel.backup("shop.example", policy, "whm", "shop")


def seen(driver: WhmBackup, want: Backup) -> CopyState:
    state = driver.observe([want]).states[want.name]
    assert isinstance(state, CopyState)
    return state


def test_one_listing_tells_of_every_account(running, tmp_path):
    driver, made = opened(running)
    wants = [wanted(tmp_path), panel.backup("other.example", backing(), "whm")]
    with closing(driver):
        made.sleep(5 * DAY)
        found = driver.observe([*wants, panel.repository("whm", made.endpoint or "")])
        assert found.requests == {"gethostname": 1, LISTED: 1, "listaccts": 1}
        shop = found.states["shop.example"]
        assert isinstance(shop, CopyState)
        assert [one.id for one in shop.snapshots] == [
            "shop.2026-11-25", "shop.2026-11-26", "shop.2026-11-27",
        ]  # fmt: skip
        # By its day alone, so that it is never thought younger than it is.
        assert f"{shop.snapshots[-1].at:%H:%M}" == "00:00"
        whole = found.states["main"]
        assert isinstance(whole, RepositoryState)
        assert (whole.identity, whole.snapshots) == ("whm1.agency.example", 6)
        assert driver.identity() == made.settings["url"]


def test_what_is_left_of_an_account_that_is_gone_is_still_there(running, tmp_path):
    driver, made = opened(running, tmp_path / "mount")
    want = wanted(tmp_path)
    with closing(driver):
        made.sleep(DAY)
        assert seen(driver, want).snapshots
        running.edit("whm", "account", {"user": "shop", "remove": True})
        (one,) = seen(driver, want).snapshots
        back = driver.restorer(want)
        assert [each.id for each in back.snapshots("drill")] == [one.id]
        paths = [each.path for each in back.listing("account", one.id, "drill")]
        assert "homedir/public_html/index.php" in paths
        assert [*(tmp_path / "scratch").iterdir()] != []
    assert [*(tmp_path / "scratch").iterdir()] == []  # closed: nothing stays


def test_what_is_too_large_for_the_drill_says_nothing_of_the_backup(running, tmp_path):
    driver, made = opened(running, tmp_path / "mount")
    told = {"drills": {"scratch": str(tmp_path / "scratch"), "most": "1KiB"}}
    policy = backing(source=EXPECT, **told)
    want = panel.backup("shop.example", policy, "whm", "shop")
    running.edit("whm", "account", {"user": "shop", "files": {"a": "b" * 2000}})
    with closing(driver):
        made.sleep(DAY)
        done = driver.apply(want, panel.drilling(made, seen(driver, want)), "d").details
        assert (done["verdict"], "1024 bytes" in done["why"]) == ("inconclusive", True)
        # Whoever restores by hand is not held up by it.
        back = driver.restorer(want)
        assert back.listing("account", seen(driver, want).snapshots[-1].id, "drill")


def test_a_token_that_may_not_see_backups_proves_nothing(running, tmp_path):
    _, made = opened(running)
    small = made._replace(secrets={"write": "root:small-token"})
    with closing(WhmBackup(small)) as driver:
        state = driver.observe([wanted(tmp_path)]).states["shop.example"]
    assert isinstance(state, Unknown)
    with pytest.raises(Rejected, match="USER:TOKEN"):
        WhmBackup(made._replace(secrets={"write": "only-a-token"}))


def test_a_drill_reads_the_archive_where_it_is_mounted(running, tmp_path):
    driver, made = opened(running, tmp_path / "mount")
    want = wanted(tmp_path)
    with closing(driver):
        made.sleep(DAY)
        done = driver.apply(want, panel.drilling(made, seen(driver, want)), "d").details
    assert (done["verdict"], done["why"]) == ("passed", "")
    assert done["files"] == 5
    assert done["engines"] == ["cpanel archive"]
    assert [*(tmp_path / "scratch").iterdir()] == []


def _cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _strangers(path: Path) -> None:
    path.write_bytes(path.with_name("other.tar.gz").read_bytes())


@pytest.mark.parametrize(
    ("harm", "verdict", "why"),
    [
        (_cut, "failed", "shop.2026-11-23: "),
        (_strangers, "failed", "is of other (cpanel), not of shop (cpanel)"),
        (Path.unlink, "failed", "is listed, and is not there"),
        (lambda path: path.parent.parent.rename(path.parents[2] / "x"), "inconclusive", "is it mounted?"),
    ],
)  # fmt: skip
def test_a_drill_finds_what_is_wrong_with_it(running, tmp_path, harm, verdict, why):
    driver, made = opened(running, tmp_path / "mount")
    want = wanted(tmp_path)
    with closing(driver):
        made.sleep(DAY)
        drill = panel.drilling(made, seen(driver, want))
        harm(tmp_path / "mount" / "2026-11-23" / "accounts" / "shop.tar.gz")
        done = driver.apply(want, drill, "d").details
    assert done["verdict"] == verdict, done
    assert why in done["why"]
    assert [*(tmp_path / "scratch").iterdir()] == []


SQL = {
    "database": "shop_wp",
    "expect": [{"sql": "select count(*) from a", "min": 0}],
}


@pytest.mark.parametrize("database", ["shop_wp", "lost"])
def test_a_dump_in_it_is_loaded_and_asked(running, database):
    needed("mysql")
    with open_folder() as folder:
        driver, made = opened(running, folder / "mount")
        policy = backing(folder / "scratch", source={**SQL, "database": database})
        want = panel.backup("shop.example", policy, "whm", "shop")
        with closing(driver):
            made.sleep(DAY)
            order = panel.drilling(made, seen(driver, want))
            done = driver.apply(want, order, "d").details
    if database == "shop_wp":
        assert (done["verdict"], done["why"]) == ("passed", "")
        assert any("mariadb" in one.lower() for one in done["engines"])
    else:
        assert done["verdict"] == "failed"
        assert "one lost.sql" in done["why"]


def test_archives_that_are_out_of_reach_tell_nothing(running, tmp_path):
    driver, made = opened(running)
    want = wanted(tmp_path)
    with closing(driver):
        made.sleep(DAY)
        done = driver.apply(want, panel.drilling(made, seen(driver, want)), "d").details
    assert done["verdict"] == "inconclusive"
    assert "not in reach" in done["why"]
