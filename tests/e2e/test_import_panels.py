"""What a panel's own schedule becomes: as often as what is on and due most often."""

from __future__ import annotations

import json

import pytest

from tests.e2e.test_panel_backups import ACCOUNTS, HOSTED, TOKEN, House
from tests.support.agency import Agency
from tests.support.shell import at

KINDS = ("apiVersion", "HostingPlan", "  {price", "HostingAccount")
SPARSE = {"backup_daily_enable": 0}
WEEKLY = {
    "backup_weekly_enable": 1,
    "backup_weekly_retention": 4,
    "backup_weekly_day": "6",
}
MONTHLY = {
    "backup_monthly_enable": 1, "backup_monthly_retention": 3,
    "backup_monthly_dates": "1,15",
}  # fmt: skip


@pytest.fixture
def house(tmp_path):
    accounts = ACCOUNTS.replace("PLACE", str(tmp_path)).partition("BackupRepository/")[
        0
    ]
    rows = [line for line in HOSTED.splitlines(keepends=True) if line.startswith(KINDS)]
    files = {"inventory/hosted.yaml": "".join(rows)}
    with Agency(tmp_path / "agency", files, accounts=accounts) as agency:
        yield House(agency, tmp_path)


def imported(house, patch, **settings):
    """Import what a WHM server with other *settings* has."""
    patch.setenv("WHM_1_BACKUP", f"root:{TOKEN}")
    with house.agency.sandbox.bench("whm").lock:
        state = house.agency.sandbox.bench("whm").state
        state["tokens"][0]["rights"] = ["all"]
        state["backup_config"].update(settings)
    return at(house.agency, "import", "--from", "whm", "Provider/whm-1")


@pytest.mark.parametrize(
    ("settings", "cron", "rpo", "panel"),
    [
        ({**SPARSE, **WEEKLY}, "0 2 * * 6", "194h", "{weekly: 4}"),
        ({**SPARSE, **MONTHLY}, "0 2 1,15 * *", "434h", "{monthly: 3}"),
        ({**SPARSE, **WEEKLY, **MONTHLY}, "0 2 * * 6", "194h", "{weekly: 4, monthly: 3}"),
        ({**WEEKLY, "backupdays": ""}, "0 2 * * 6", "194h", "{weekly: 4}"),
        ({**WEEKLY, "backupdays": "1,4"}, "0 2 * * 1,4", "122h", "{daily: 5, weekly: 4}"),
        ({"backupdays": "3"}, "0 2 * * 3", "194h", "{daily: 5}"),
        ({}, "0 2 * * *", "50h", "{daily: 5}"),
    ],
)  # fmt: skip
def test_the_schedule_is_that_of_what_is_on(
    house, monkeypatch, settings, cron, rpo, panel
):
    done = imported(house, monkeypatch, **settings)
    assert done.code == 0, done.out + done.err
    found = (house.agency.root / "inventory/imported/whm-1.yaml").read_text()
    assert f"schedule: {{cron: {cron}, by: panel}}" in found.replace('"', "")
    assert f"objectives: {{rpo: {rpo}, " in found
    assert f"panel: {panel}" in found
    assert at(house.agency, "validate").code == 0
    plan = json.loads(at(house.agency, "plan", "--format", "json").out)
    assert plan["actions"] == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"backupdays": ""}, "backs up nothing by its own schedule"),
        ({"backupenable": 0}, "backs up nothing by its own schedule"),
        ({"backupdays": "8"}, "the days of its daily backups cannot be read"),
    ],
)
def test_a_panel_without_a_day_has_no_policy(house, monkeypatch, settings, said):
    done = imported(house, monkeypatch, **settings)
    assert done.code == 1
    assert f"E664 Provider/whm-1{':' if 'days' in said else ''} {said}" in done.err
    assert not (house.agency.root / "inventory/imported").exists()
