"""Folders of backups that are in each other, and how far two backups are apart."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree, load
from reconciler.inventory.backups import longest, set_back
from reconciler.model.backing import Schedule
from reconciler.model.cron import Cron
from reconciler.model.production import standing
from tests.support.bad_case import HEAD

PLACE = (
    "BackupRepository/near: {{engine: archive, url: '{url}', "
    "credentials: {{password: {{env: P}}}}}}\n"
)
WHAT = """\
HostingPlan/q: {price: 1.00 EUR/month, packages: {w: x}}
Provider/w: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
HostingAccount/a.example: {provider: w, plan: q}
"""
POLICY = (
    "BackupPolicy/x: {{objectives: {{rpo: 26h, rto: 2h}}, copies: [near], "
    "sources: {{files: {files}}}}}\n"
)
BACKUP = "Backup/a.example: {{of: HostingAccount/a.example, policy: x, {more}}}\n"


def read(folder, url, files, more):
    path = folder / "inventory" / "x.yaml"
    path.parent.mkdir(exist_ok=True)
    text = PLACE.format(url=url) + POLICY.format(files=files)
    path.write_text(HEAD + WHAT + text + BACKUP.format(more=more))
    return load(WorkTree(folder))


@pytest.mark.parametrize(
    "url",
    ["file:///srv/a/www/bk", "file:///srv/a/www", "file:///srv/a/./www/../www/b%20k"],
)
def test_a_repository_in_what_it_keeps_is_refused(tmp_path, url) -> None:
    with pytest.raises(InventoryErrors, match="it is lost with it") as caught:
        read(tmp_path, url, "{paths: [www]}", "root: /srv/a")
    (one,) = caught.value.errors
    assert " E184 BackupRepository/near: spec.url: /srv/a/" in str(one)
    assert "of Backup/a.example" in str(one)


@pytest.mark.parametrize(
    ("url", "files"),
    [
        ("file:///srv/a/backup", "{paths: [www]}"),
        ("file:///srv/a/www2", "{paths: [www]}"),
        ("file:///srv/a/www/bk", "{paths: [www], exclude: [www/bk]}"),
        ("file:///srv/a/www/bk", "{paths: [www], exclude: ['www/bk/**']}"),
        ("file:///srv/backup", "{paths: [www], root: /srv/b}"),
    ],
)
def test_one_beside_it_or_left_out_is_none_of_it(tmp_path, url, files) -> None:
    assert read(tmp_path, url, files, "root: /srv/a").warnings == ()


def test_of_a_whole_machine_what_is_named_is_in_production(tmp_path) -> None:
    scratch = "root: /, drills: {scratch: /opt/drills}"
    assert read(tmp_path, "file:///bk", "{paths: [etc, home]}", scratch).warnings == ()
    with pytest.raises(InventoryErrors, match="/opt/drills and /opt of Backup"):
        read(tmp_path, "file:///bk", "{paths: [etc, opt]}", scratch)


def test_what_stands_where() -> None:
    assert standing("/srv/a", ["www"], ["x.db"]) == ["/srv/a"]
    assert standing("/", ["etc", "data/a/"], ["var/lib/x.db"]) == [
        "/data/a", "/etc", "/var/lib",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cron", "zone", "hours"),
    [
        ("0 */6 * * *", "Europe/Amsterdam", 7),
        ("0 * * * *", "Europe/Amsterdam", 2),
        ("*/15 * * * *", "America/New_York", 1.25),
        ("0 */12 * * *", "America/New_York", 13),
        ("15 2 * * *", "Europe/Amsterdam", 25),
        ("15 2 * * *", "Pacific/Auckland", 25),
        ("0 * * * *", "Australia/Lord_Howe", 1.5),
        ("0 */6 * * *", "UTC", 6),
        ("0 3 1 * *", "UTC", 31 * 24),
        ("0 3 * * 0", "Europe/Amsterdam", 7 * 24 + 1),
    ],
)
def test_a_day_may_have_25_hours(cron, zone, hours) -> None:
    schedule = Schedule(cron=Cron.of(cron), time_zone=zone)
    assert longest(schedule) == timedelta(hours=hours)


def test_clocks_go_back_where_they_do() -> None:
    assert [f"{at:%m-%d %H:%M}" for at in set_back("Europe/Amsterdam")] == [
        "10-25 01:00"
    ]
    assert [f"{at:%m-%d %H:%M}" for at in set_back("Pacific/Auckland")] == [
        "04-04 14:00"
    ]
    assert set_back("Asia/Tokyo") == ()
