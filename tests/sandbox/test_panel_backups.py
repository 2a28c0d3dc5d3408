"""
What panels say of their backups, against what the vendors document.

cPanel: api.docs.cpanel.net, ``backup_set_list_combined``, ``backup_config_get``,
``backup_config_set``, ``start_background_pkgacct``, ``get_pkgacct_session_state``; and
"The pkgacct Script". Plesk: docs.plesk.com, "Plesk API RPC", "Managing Backups", with
the samples of "Retrieving a List of Local Backups", "Retrieving Backup Task Status",
"Creating Domain-level Backup Task", "Downloading Backup", "Removing Backup" and "Retrieving Server-wide
Backup Settings".
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from reconciler.kinds.backup_repository import BackupRepository
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.example import SECRETS
from reconciler.sandbox.example_backups import back_up
from tests.support.contract import NOW
from tests.support.web import web

WORLD: dict[str, Any] = {
    "whm": {
        "hostname": "hostname.example.com",
        "textNumbers": False,
        "tokens": [
            {"user": "root", "token": "ALL", "rights": ["all"]},
            {"user": "root", "token": "FEW"},
        ],
        "accounts": {
            "cpusername1": {"domain": "a.example"},
            "cpusername2": {"domain": "b.example"},
        },
        "backup": {"daily": 5},
    },
    "plesk": {
        "hostname": "plesk1.agency.example",
        "keys": [{"key": "KEY"}],
        "subscriptions": {"shop": {"domain": "shop.example", "takes": 60.0}},
    },
}
#: What the sample of ``backup_config_get`` has, of what is played.
CONFIG = {
    "backup_daily_enable", "backup_daily_retention", "backup_monthly_dates",
    "backup_monthly_enable", "backup_monthly_retention", "backup_weekly_day",
    "backup_weekly_enable", "backup_weekly_retention", "backupaccts", "backupdays",
    "backupdir", "backupenable", "backuptype", "keeplocal", "min_free_space",
    "min_free_space_unit", "mysqlbackup",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World(WORLD), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World(WORLD))
    return running


def whm(sandbox: Sandbox, function: str, token: str = "ALL", **params: Any) -> Any:
    url = f"{sandbox.endpoint('whm')}/json-api/{function}"
    headers = {"Authorization": f"whm root:{token}"}
    query = {"api.version": "1", **params}
    return web("GET", url, headers=headers, params=query)


def test_whm_lists_by_user_and_day(sandbox):
    assert whm(sandbox, "backup_set_list_combined").json()["data"]["backup_set"] == {}
    sandbox.clock.advance(timedelta(days=2))
    said = whm(sandbox, "backup_set_list_combined").json()
    assert said["metadata"] == {
        "command": "backup_set_list_combined", "reason": "OK", "result": 1, "version": 1,
    }  # fmt: skip
    assert set(said["data"]) == {"backup_set", "destination_legend"}
    assert said["data"]["backup_set"]["cpusername1"] == [
        {"when": "2026-11-23T00:00:00.000Z", "where": "local"},
        {"when": "2026-11-24T00:00:00.000Z", "where": "local"},
    ]


def test_whm_has_one_configuration_and_only_all_rights_see_it(sandbox):
    config = whm(sandbox, "backup_config_get").json()["data"]["backup_config"]
    assert set(config) >= CONFIG
    assert (config["backup_daily_enable"], config["backup_weekly_enable"]) == (1, 0)
    assert whm(sandbox, "backup_config_get", "FEW").status_code == 403
    done = whm(sandbox, "backup_config_set", backup_weekly_enable=1)
    assert done.json()["metadata"]["result"] == 1
    config = whm(sandbox, "backup_config_get").json()["data"]["backup_config"]
    assert config["backup_weekly_enable"] == 1
    done = whm(sandbox, "backup_config_set", backup_daily_retention="many")
    assert done.json()["metadata"]["result"] == 0


def test_whm_switched_off_makes_none(sandbox):
    whm(sandbox, "backup_config_set", backupenable=0)
    sandbox.clock.advance(timedelta(days=2))
    assert whm(sandbox, "backup_set_list_combined").json()["data"]["backup_set"] == {}


def packed(sandbox: Sandbox, folder: str = "one", **more: Any) -> Any:
    where = f"/backup/reconciler/cpusername1/{folder}"
    asked = {"user": "cpusername1", "tarroot": where, "compressionsetting": "compress"}
    return whm(sandbox, "start_background_pkgacct", **{**asked, **more})


def state(sandbox: Sandbox, answer: Any) -> str:
    """Return what the server says of a task; only of all rights."""
    session = {"session_id": answer.json()["data"]["session_id"]}
    few = whm(sandbox, "get_pkgacct_session_state", "FEW", **session)
    assert few.status_code == 403
    return str(
        whm(sandbox, "get_pkgacct_session_state", **session).json()["data"]["state"]
    )


def test_whm_packs_an_account_as_a_task_where_it_is_told(sandbox, tmp_path):
    world = {**WORLD["whm"], "backup": {"daily": 5, "mount": str(tmp_path)}}
    world["accounts"] = {"cpusername1": {"domain": "a.example", "takes": 60.0}}
    sandbox.reset(World({**WORLD, "whm": world}))
    (there := tmp_path / "reconciler/cpusername1/one").mkdir(parents=True)
    assert packed(sandbox, token="FEW").status_code == 403
    begun = packed(sandbox)
    assert set(begun.json()["data"]) == {
        "session_id", "complete_master_log", "complete_master_error_log",
    }  # fmt: skip
    assert re.fullmatch(r"cpusername1\d{14}\w{16}", begun.json()["data"]["session_id"])
    assert state(sandbox, begun) == "RUNNING"
    assert [one.name for one in there.iterdir()] == ["cpmove-cpusername1"]
    sandbox.clock.advance(timedelta(minutes=2))
    assert state(sandbox, begun) == "COMPLETED"
    (made,) = there.iterdir()
    assert made.name == "cpmove-cpusername1.tar.gz"
    with tarfile.open(made) as found:
        assert "cpmove-cpusername1/cp/cpusername1" in found.getnames()
    packed(sandbox, compressionsetting="")
    made.write_text("")
    packed(sandbox)  # what is there of the same name is written over
    sandbox.clock.advance(timedelta(minutes=2))
    assert state(sandbox, begun) == "COMPLETED"
    assert made.stat().st_size
    nowhere = packed(sandbox, "two")
    sandbox.clock.advance(timedelta(minutes=2))
    assert state(sandbox, nowhere) == "FAILED"
    assert {one.name for one in there.iterdir()} == {
        "cpmove-cpusername1.tar", "cpmove-cpusername1.tar.gz",
    }  # fmt: skip
    unknown = whm(sandbox, "get_pkgacct_session_state", session_id="cpusername1x")
    assert unknown.json()["metadata"]["result"] == 0
    assert packed(sandbox, user="nobody").json()["metadata"]["result"] == 0


def send(sandbox: Sandbox, inside: str) -> Any:
    url = f"{sandbox.endpoint('plesk')}/enterprise/control/agent.php"
    body = f"<packet><backup-manager>{inside}</backup-manager></packet>"
    headers = {"KEY": "KEY", "Content-Type": "text/xml"}
    return web("POST", url, headers=headers, content=body)


def packet(sandbox: Sandbox, inside: str) -> Element:
    answer = send(sandbox, inside)
    assert answer.status_code == 200
    found = fromstring(answer.content)  # noqa: S314  (from ourselves)
    assert re.fullmatch(r"1\.6\.\d\.\d", found.attrib["version"])
    (result,) = found.iter("result")
    return result


SITE = "<webspace-name>shop.example</webspace-name>"
BEGIN = (
    f"<backup-webspace>{SITE}<local/><description>Standard weekly backup</description>"
    "<split-size>0</split-size></backup-webspace>"
)
LIST = f"<get-local-backup-list>{SITE}</get-local-backup-list>"
TASKS = f"<get-tasks-info>{SITE}</get-tasks-info>"


def test_plesk_makes_one_as_a_task(sandbox):
    begun = packet(sandbox, BEGIN)
    assert [one.tag for one in begun] == ["status", "task-id"]
    (task,) = packet(sandbox, TASKS).findall("task")
    assert [one.tag for one in task] == [
        "webspace-id", "id", "status", "started", "prefix", "filename", "protocol",
    ]  # fmt: skip
    assert task.findtext("id") == begun.findtext("task-id")
    assert task.findtext("status") == "working"
    assert task.findtext("protocol") == "local"
    assert len(packet(sandbox, LIST).findall("backup")) == 1  # what is no backup
    sandbox.clock.advance(timedelta(minutes=2))
    (task,) = packet(sandbox, TASKS).findall("task")
    assert task.findtext("status") != "working"
    first, spare = packet(sandbox, LIST).findall("backup/file")
    assert [one.tag for one in first] == [
        "name",
        "creation-date",
        "description",
        "size",
    ]
    assert first.findtext("description") == "Standard weekly backup"
    assert int(first.findtext("creation-date") or 0) == int(NOW.timestamp())
    assert [one.tag for one in spare][-1] == "not-backup"


def test_plesk_gives_a_file_or_says_why_not(sandbox):
    packet(sandbox, BEGIN)
    sandbox.clock.advance(timedelta(minutes=2))
    name = packet(sandbox, LIST).findtext("backup/file/name")
    asked = f"<download-file>{SITE}<filename>{name}</filename></download-file>"
    answer = send(sandbox, asked)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f"attachment; filename={name}"
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as found:
        names = found.getnames()
    assert any(one.startswith("backup_info_") for one in names)
    gone = packet(sandbox, asked.replace(str(name), "MyBackup.bak"))
    assert gone.findtext("errcode") == "1013"
    assert gone.findtext("errtext") == "The file MyBackup.bak does not exist"


def test_plesk_takes_a_file_away_once(sandbox):
    packet(sandbox, BEGIN)
    sandbox.clock.advance(timedelta(minutes=2))
    name = packet(sandbox, LIST).findtext("backup/file/name")
    asked = f"<remove-file>{SITE}<filename>{name}</filename></remove-file>"
    done = packet(sandbox, asked)
    assert [(one.tag, one.text) for one in done] == [("status", "ok")]
    assert len(packet(sandbox, LIST).findall("backup")) == 1  # what is no backup
    assert packet(sandbox, asked).findtext("errcode") == "1013"


def test_plesk_knows_no_subscription_of_that_name(sandbox):
    for inside in (BEGIN, LIST, TASKS):
        said = packet(sandbox, inside.replace("shop.example", "no.example"))
        assert (said.findtext("status"), said.findtext("errcode")) == ("error", "1013")


def test_plesk_has_settings_of_the_whole_server(sandbox):
    found = packet(sandbox, "<get-server-wide-settings/>")
    assert found.findtext("settings/max-backup-files") == "-1"
    packet(
        sandbox,
        "<set-server-wide-settings><settings><max-backup-files>15</max-backup-files>"
        "</settings></set-server-wide-settings>",
    )
    found = packet(sandbox, "<get-server-wide-settings/>")
    assert found.findtext("settings/max-backup-files") == "15"
    assert found.findtext("settings/keep-local-backup") == "true"


def test_the_world_of_an_inventory_backs_up_what_it_keeps_at_panels(tmp_path):
    spec = {"engine": "whm", "url": "http://127.0.0.1:9", "path": str(tmp_path)}
    plesk = {**spec, "engine": "plesk", "provider": "p", "panel": {"daily": 3}}
    kept = [
        BackupRepository.model_validate({"metadata": {"name": "x"}, "spec": one})
        for one in (spec, plesk, {**spec, "engine": "plesk"})
    ]
    parts: dict[str, Any] = {"whm": dict(WORLD["whm"]), "plesk": dict(WORLD["plesk"])}
    back_up(kept, parts)
    assert parts["plesk"]["nightly"] == 3
    with Sandbox(World(parts), SandboxClock(NOW, frozen=True)) as sandbox:
        sandbox.clock.advance(timedelta(days=1))
        user, _, token = SECRETS["whm-root-token"].partition(":")
        assert user == "root"
        listed = whm(sandbox, "backup_set_list_combined", token).json()["data"]
        assert len(listed["backup_set"]) == 2
    assert len([*tmp_path.glob("*/accounts/*.tar.gz")]) == 2
