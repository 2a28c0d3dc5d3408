"""What panels back up by themselves, from YAML to a restore that proves it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import whm_backups
from tests.support.agency import Agency
from tests.support.contract import NOW
from tests.support.shell import at

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {whm}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
Provider/plesk-1:
  type: plesk
  account: plesk1.agency.example
  endpoint: {plesk}
  credentials: {{key: {{file: .sandbox/secrets/plesk-key}}}}
BackupRepository/at-whm:
  engine: whm
  url: {whm}
  path: PLACE/mount
  credentials: {{write: {{file: .sandbox/secrets/root-token}}}}
BackupRepository/at-plesk:
  engine: plesk
  url: {plesk}
  credentials: {{write: {{file: .sandbox/secrets/plesk-key}}}}
"""
HOSTED = """\
apiVersion: reconciler/v1
HostingPlan/care-5:
  {price: 120.00 EUR/year, limits: {disk: 5GiB}, packages: {plesk: Care 5, whm: care_5g}}
BackupPolicy/nightly:
  objectives: {rpo: 50h, rto: 2h}
  schedule: {cron: 0 2 * * *, by: panel}
  sources: {account: {type: panel, expect: [{glob: "**/index.html", min: 1}]}}
  copies: [at-whm]
  drills: {scratch: PLACE/scratch}
HostingAccount/bakker.example: {provider: whm-1, account: bakker, plan: care-5}
HostingAccount/fiets.example: {provider: plesk-1, plan: care-5}
Backup/bakker.example: {of: HostingAccount/bakker.example, policy: nightly}
Backup/fiets.example:
  {of: HostingAccount/fiets.example, policy: nightly, copies: [at-plesk]}
"""
TOKEN = "whm-root-canary-token"


class House:
    """An agency whose two panels back up every night."""

    def __init__(self, agency: Agency, base: Path) -> None:
        self.agency, self.base = agency, base
        sandbox = agency.sandbox
        with sandbox.bench("whm").lock:
            state = sandbox.bench("whm").state
            state["tokens"].append(
                {
                    "user": "root",
                    "token": TOKEN,
                    "name": "backup",
                    "expires": 90.0,
                    "rights": ["all"],
                }
            )
            state["backup_config"].update(backupenable=1, backup_daily_enable=1)
            state["backups"]["mount"] = str(base / "mount")
        with sandbox.bench("plesk").lock:
            sandbox.bench("plesk").state["nightly"] = 5
        (agency.root / ".sandbox/secrets/root-token").write_text(f"root:{TOKEN}")

    def night(self, count: int = 1) -> None:
        self.agency.sandbox.clock.advance(timedelta(days=count))

    def plan(self) -> dict[str, Any]:
        done = at(self.agency, "plan", "--format", "json", "--select", "Backup/*")
        plan: dict[str, Any] = json.loads(done.out)
        return plan

    def apply(self) -> str:
        done = at(self.agency, "apply", "--auto-approve", "--held-ok")
        assert done.code in {0, 3}, done.err
        return str(done.out + done.err)


@pytest.fixture
def house(tmp_path):
    accounts = ACCOUNTS.replace("PLACE", str(tmp_path))
    files = {"inventory/hosted.yaml": HOSTED.replace("PLACE", str(tmp_path))}
    with Agency(tmp_path / "agency", files, accounts=accounts) as agency:
        yield House(agency, tmp_path)


def codes(plan: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["name"], one["code"]) for one in plan["findings"]}


def test_what_panels_make_is_proven_by_restores(house):
    plan = house.plan()
    assert [one["verb"] for one in plan["actions"]] == []
    assert ("bakker.example", "never-backed-up") in codes(plan)
    house.night()
    said = house.apply()  # it sees what was made, and then restores it
    said += house.apply()
    assert said.count("applied     drill") == 2, said
    plan = house.plan()
    assert plan["actions"] == []
    # A panel encrypts nothing: there is no password that could be lost.
    assert "escrow-missing" not in {code for _, code in codes(plan)}
    critical = [one for one in plan["findings"] if one["severity"] == "critical"]
    assert [one["message"] for one in critical] == []
    for name in ("bakker.example", "fiets.example"):
        told = at(house.agency, "explain", f"Backup/{name}").out
        assert "proven" in told
        assert "came back on" in told
    assert TOKEN not in said + json.dumps(plan)
    assert [*(house.base / "scratch").iterdir()] == []


def test_a_panel_is_two_accounts_each_with_its_own_key(house):
    """What changes accounts may see no backup, and the other way round."""
    found = at(house.agency, "doctor").out
    lines = {
        line.split()[1]: line for line in found.splitlines() if len(line.split()) > 1
    }
    assert lines["whm-1"].split()[0] == "ok"
    assert lines["at-whm"].split()[0] == "ok"
    assert lines["at-plesk"].split()[0] == "ok"
    assert "lacks the credential" not in found


def restored(house: House, *argv: object) -> Any:
    return at(house.agency, "-q", "restore", *map(str, argv))


def files_in(folder: Path) -> set[str]:
    found = (one for one in folder.rglob("*") if one.is_file())
    return {one.relative_to(folder).as_posix() for one in found}


def test_what_panels_keep_comes_back_by_hand_beside_production(house, tmp_path):
    house.night(3)
    house.apply()
    for name, one, inside in (
        ("bakker.example", "bakker.2026-11-", "homedir/public_html/index.html"),
        ("fiets.example", "fiets.example_2026.11.", "httpdocs/index.html"),
    ):
        listed = restored(house, f"Backup/{name}")
        assert listed.code == 0, listed.err
        rows = [line.split()[4] for line in listed.out.splitlines() if one in line]
        assert len(rows) == len(set(rows)) == 3  # no id is cut where they are alike
        assert "has a receipt" in listed.out
        assert listed.out.count("no receipt") == 2
        into = tmp_path / "back" / name
        done = restored(house, f"HostingAccount/{name}", "--into", into)
        # Nothing was written down when the panel made it: nobody calls it verified.
        assert done.code == 3, done.err
        assert "UNVERIFIED" in done.out
        assert rows[0] in done.out
        assert any(path.endswith(inside) for path in files_in(into))
        assert [*into.iterdir()] == [into / "account"]
        then = restored(
            house, f"Backup/{name}", "--snapshot", rows[2], "--only", "**/*.html",
            "--into", tmp_path / "then" / name, "--format", "json",
        )  # fmt: skip
        told = json.loads(then.out)
        assert [row["snapshot"] for row in told["restored"]] == [rows[2]]
        assert {Path(path).suffix for path in files_in(tmp_path / "then" / name)} == {
            ".html"
        }
        # Where it is told what was backed up, all of its name is.
        assert f"account {rows[0]}" in at(house.agency, "explain", f"Backup/{name}").out
    log = at(house.agency, "-q", "audit", "log", "--select", "Backup/*").out
    assert log.count("restored Backup/") == 4
    assert [*(house.base / "scratch").iterdir()] == []
    assert TOKEN not in log


def test_a_database_of_a_panels_archive_comes_back_alone(house, tmp_path):
    with house.agency.sandbox.bench("whm").lock:
        row = house.agency.sandbox.bench("whm").state["accounts"]["bakker"]
        row["databases"] = {"bakker_wp": "CREATE TABLE a (b int);\n-- Dump completed\n"}
    house.night()
    house.apply()
    argv = ("Backup/bakker.example", "--only", "mysql/*.sql")
    listed = restored(house, *argv)
    assert "mysql/bakker_wp.sql" in listed.out
    done = restored(house, *argv, "--into", tmp_path / "db")
    assert done.code == 3, done.err
    (path,) = files_in(tmp_path / "db")
    assert path == "account/mysql/bakker_wp.sql"
    assert "-- Dump completed" in (tmp_path / "db" / path).read_text()


def test_a_restore_is_never_put_where_the_panels_backups_are(house, tmp_path):
    house.night()
    house.apply()
    for there in (house.base / "mount" / "new", house.base):
        done = restored(house, "Backup/bakker.example", "--into", there)
        assert done.code == 1
        assert "E680" in done.err
    assert not (house.base / "mount" / "new").exists()


def _unmounted(house: House) -> None:
    (house.base / "mount").rename(house.base / "away")


def _cut(house: House) -> None:
    (path,) = (house.base / "mount").rglob("bakker.tar.gz")
    path.write_bytes(path.read_bytes()[:100])


def _strangers(house: House) -> None:
    with house.agency.sandbox.bench("whm").lock:
        rows = house.agency.sandbox.bench("whm").state["accounts"]
        other = whm_backups.archive("other", rows["bakker"], NOW)
    (path,) = (house.base / "mount").rglob("bakker.tar.gz")
    path.write_bytes(other)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_unmounted, "is it mounted?"),
        (_cut, "bakker.2026-11-23: "),
        (_strangers, "is of other (cpanel), not of bakker (cpanel)"),
    ],
)
def test_an_archive_that_is_not_given_back_is_said_with_its_code(
    house, tmp_path, harm, said
):
    house.night()
    house.apply()
    harm(house)
    into = tmp_path / "back"
    done = restored(house, "Backup/bakker.example", "--into", into)
    assert done.code == 1
    assert "E681" in done.err
    assert said in done.err
    assert "Traceback" not in done.err + done.out
    assert files_in(into) == set()
    assert [*(house.base / "scratch").glob("*")] == []


def test_where_the_token_is_lost_the_mounted_folder_is_enough(house, tmp_path):
    house.night()
    house.apply()
    (house.agency.root / ".sandbox/secrets/root-token").write_text("root:no")
    done = restored(house, "Backup/bakker.example", "--into", tmp_path / "back")
    assert done.code == 3, done.err
    assert "account/homedir/public_html/index.html" in files_in(tmp_path / "back")
    # Plesk gives everything by its API: without its key nothing can be had.
    (house.agency.root / ".sandbox/secrets/plesk-key").write_text("no")
    done = restored(house, "Backup/fiets.example", "--into", tmp_path / "other")
    assert done.code == 1
    assert "E681 at-plesk: " in done.err


def test_a_schedule_that_was_switched_off_is_found(house):
    house.night()
    house.apply()
    with house.agency.sandbox.bench("whm").lock:
        house.agency.sandbox.bench("whm").state["backup_config"]["backupenable"] = 0
    house.night(3)
    house.apply()
    found = codes(house.plan())
    assert ("bakker.example", "rpo-missed") in found
    assert ("fiets.example", "rpo-missed") not in found


def test_the_schedule_of_a_panel_is_imported_and_nothing_is_done(house):
    """Whoever has only accounts gets the rest, with every account in it."""
    agency = house.agency
    text = (agency.root / "inventory/accounts.yaml").read_text()
    bare = text.partition("BackupRepository/")[0]
    agency.write("inventory/accounts.yaml", bare)
    hosted = [
        line
        for line in HOSTED.splitlines(keepends=True)
        if line.startswith(("apiVersion", "HostingPlan", "  {price", "HostingAccount"))
    ]
    agency.write("inventory/hosted.yaml", "".join(hosted))
    agency.commit("nothing is said of backups")
    house.night(2)
    done = at(agency, "import", "--from", "whm", "Provider/whm-1")
    assert done.code == 1  # a token for accounts may not see backups
    assert "Provider/whm-1 cannot be asked: " in done.err
    done = at(agency, "import", "--from", "plesk", "Provider/plesk-1")
    assert done.code == 0, done.out + done.err
    assert "1 Backup, 1 BackupPolicy, 1 BackupRepository" in done.out
    with agency.sandbox.bench("whm").lock:
        token = agency.sandbox.bench("whm").state["tokens"][0]
        token["rights"] = ["all"]
        agency.sandbox.bench("whm").state["backup_config"]["backupdays"] = "1,4"
    done = at(agency, "import", "--from", "whm", "Provider/whm-1")
    assert done.code == 3  # its own credential is not there yet
    assert "the secret env:WHM_1_BACKUP is not there" in done.out
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WHM_1_BACKUP", f"root:{TOKEN}")
        done = at(agency, "import", "--from", "whm", "Provider/whm-1")
        assert done.code == 0, done.out + done.err
        assert at(agency, "validate").code == 0
        plan = json.loads(at(agency, "plan", "--format", "json").out)
    assert plan["actions"] == []
    found = (agency.root / "inventory/imported/whm-1.yaml").read_text()
    assert 'schedule: {cron: "0 2 * * 1,4", by: panel}' in found
    assert "panel: {daily: 5}" in found
    assert "write: {env: WHM_1_BACKUP}" in found
    assert "Backup/bakker.example:" in found
    assert TOKEN not in found
    other = (agency.root / "inventory/imported/plesk-1.yaml").read_text()
    assert "panel: {" not in other  # it is kept without an end: nobody promised that
    assert "write: {file: .sandbox/secrets/plesk-key}" in other


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["whm", "Provider/plesk-1"], "there is no whm server Provider/plesk-1"),
        (["plesk"], "a panel is asked for all of it"),
        (["plesk", "plesk-1", "--of", "HostingAccount/fiets.example"], "is asked for all"),
        (["whm", "whm-1"], "Provider/whm-1 cannot be asked: "),
    ],
)  # fmt: skip
def test_a_panel_that_cannot_be_imported_writes_nothing(house, argv, said):
    done = at(house.agency, "import", "--from", *argv)
    assert done.code in {1, 64}
    assert said in done.err
    assert not (house.agency.root / "inventory/imported").exists()


def _written_over(house: House) -> None:
    """Put another whole archive of the same account in the place of the newest one."""
    with house.agency.sandbox.bench("whm").lock:
        rows = house.agency.sandbox.bench("whm").state["accounts"]
        row = {**rows["bakker"], "files": {"public_html/index.html": "hacked"}}
        other = whm_backups.archive("bakker", row, NOW, "cpmove-bakker")
    newest = max((house.base / "mount/reconciler/bakker").iterdir())
    (newest / "cpmove-bakker.tar.gz").write_bytes(other)


ASKED = (
    "{of: HostingAccount/bakker.example, policy: nightly, "
    "schedule: {cron: 0 2 * * *, by: reconciler}, "
    "keep: {daily: 2, weekly: 0, monthly: 0, within: 1h, least: 1}, prune: {most: 100%}}"
)


def test_a_whm_server_makes_one_when_it_is_asked_and_is_kept_in_order(house, tmp_path):
    told = HOSTED.replace("PLACE", str(house.base))
    told = told.replace("{of: HostingAccount/bakker.example, policy: nightly}", ASKED)
    house.agency.write("inventory/hosted.yaml", told)
    key = "{file: .sandbox/secrets/root-token}"
    accounts = (house.agency.root / "inventory/accounts.yaml").read_text()
    both = accounts.replace(f"write: {key}", f"write: {key}, maintain: {key}")
    house.agency.write("inventory/accounts.yaml", both)
    house.agency.commit("the reconciler asks for it")
    house.night()
    # Nothing is asked for where nobody could see what came of it.
    done = house.plan()
    said = [one for one in done["findings"] if "is it mounted?" in one["message"]]
    assert said, done["findings"]
    assert done["actions"] == []
    (house.base / "mount" / "reconciler").mkdir()
    for _ in range(4):
        said = house.apply()
        assert "applied     back-up    Backup/bakker.example" in said, said
        house.apply()
        house.night()
    kept = sorted((house.base / "mount/reconciler/bakker").iterdir())
    # Two by the policy, and the one that a drill brought back last.
    assert len(kept) == 3, [one.name for one in kept]
    effects = house.agency.sandbox.ledger.effects("whm", "bakker.example")
    assert [one.operation for one in effects].count("back-up") == 4
    # What the server's own schedule made is as it was.
    nights = [*(house.base / "mount").glob("2026-*/accounts/bakker.tar.gz")]
    assert len(nights) == 4
    house.apply()
    into = tmp_path / "back"
    done = restored(house, "Backup/bakker.example", "--into", into)
    assert done.code == 0, done.out + done.err
    assert "VERIFIED" in done.out
    assert "account/homedir/public_html/index.html" in files_in(into)
    some = ("Backup/bakker.example", "--only", "**/*.html", "--into")
    done = restored(house, *some, tmp_path / "some")
    assert (done.code, "VERIFIED  1 file" in done.out) == (0, True), done.out
    _written_over(house)
    for argv in (some, ("Backup/bakker.example", "--into")):
        done = restored(house, *argv, tmp_path / f"over{len(argv)}")
        assert (done.code, "DIFFERS" in done.out) == (1, True), done.out
    found = codes(house.plan())
    assert not {code for name, code in found if name == "bakker.example"} & {
        "rpo-missed", "backup-tampered", "never-drilled",
    }  # fmt: skip
