"""Policies of other programs in our words: every file here is of their documentation."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.carrying import restic_places
from reconciler.cli.carrying.bring import loaded
from reconciler.cli.carrying.calendar import of_cron, of_systemd
from reconciler.cli.carrying.carried import Asked, Load, keep
from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.kinds.backup_repository import BackupRepositorySpec
from reconciler.model.backing import Backing, Keep
from tests.support import foreign_policies as foreign

NEAR = {"": "near"}


def carried(tmp_path: Path, program: str, text: str, **more: Any) -> Load:
    """Read *text* as what *program* has; the file is ``site`` with their extension."""
    file = tmp_path / more.pop("file", "site.yaml")
    file.write_text(text)
    asked = Asked(program, "site", Path("/etc/theirs"), **more)
    return loaded(file, asked)


def specs(load: Load) -> dict[str, Any]:
    """Return every document by its address; each is one that its kind accepts."""
    found = {str(ref): dict(one.spec) for ref, one in load.documents().items()}
    for address, spec in found.items():
        if address.startswith("BackupPolicy/"):
            Backing.model_validate(spec)
        if address.startswith("BackupRepository/"):
            BackupRepositorySpec.model_validate(spec)
    return found


def left(load: Load) -> dict[str, str]:
    """Return what is in no document, by its line, and why."""
    return {
        one.what.rpartition(":")[0].rpartition(":")[2] + " " + one.what.split(" (")[0]: one.why
        for rows in load.left.values()
        for one in rows
    }  # fmt: skip


def test_borgmatic(tmp_path):
    load = carried(tmp_path, "borgmatic", foreign.BORGMATIC, mapped=NEAR)
    assert specs(load) == {
        "BackupPolicy/site": {
            "objectives": {"rpo": "26h", "rto": "4h"},
            "schedule": {"cron": "0 0 * * *", "by": "host"},
            "sources": {
                "files": {
                    "root": "/",
                    "paths": ["home", "etc"],
                    "exclude": ["*.pyc", "/home/*/.cache"],
                },
                "db-users": {"type": "postgres", "database": "users"},
                "db-invoices": {
                    "type": "postgres",
                    "database": "invoices",
                    "connection": {"env": "SITE_INVOICES_DSN"},
                },
                "shop": {
                    "type": "sqlite",
                    "root": "/var/lib/shop",
                    "database": "shop.sqlite",
                },
            },
            "keep": {
                "daily": 7, "weekly": 4, "monthly": 6, "within": "2d", "least": 1,
            },
            "copies": ["near"],
            "hooks": {
                "before": [{"run": ["prepare-for-backup.sh"], "timeout": "1h"}],
                "failed": [{"run": ["tell-somebody"], "timeout": "1h"}],
            },
        }
    }  # fmt: skip
    why = left(load)
    assert why["5 a path"].startswith("stands for paths")
    assert why["9 the repository borgbase"].startswith("Borg keeps it")
    assert why["23 keep_13weekly"] == "has no counterpart here"
    assert why["35 a command before"].startswith("needs a shell")
    assert why["38 commands"] == "runs around no backup"
    assert why["45 hostname, username, password of a database"] == (
        "put how it is reached into SITE_INVOICES_DSN, as one DSN"
    )
    assert why["49 a database"].startswith("every database is a source of its own")
    assert not any("compression" in one for one in why)


def test_borgmatic_before_its_sections_went(tmp_path):
    load = carried(tmp_path, "borgmatic", foreign.BORGMATIC_OLD, mapped=NEAR)
    (spec,) = specs(load).values()
    assert spec["sources"] == {"files": {"root": "/srv", "paths": ["www"]}}
    assert spec["keep"]["daily"] == 3
    assert spec["hooks"] == {"before": [{"run": ["stop-it"], "timeout": "1h"}]}
    assert left(load)["10 a command failed"].startswith("may hold a secret")


def test_constants_of_borgmatic_are_written_out(tmp_path):
    text = "constants: {app: shop}\nsource_directories: ['/srv/{app}']\n"
    text += "repositories: [{path: x}]\n"
    (spec,) = specs(carried(tmp_path, "borgmatic", text, mapped=NEAR)).values()
    assert spec["sources"]["files"] == {"root": "/srv", "paths": ["shop"]}


def test_autorestic(tmp_path):
    load = carried(tmp_path, "autorestic", foreign.AUTORESTIC)
    found = specs(load)
    assert found["BackupRepository/remote"] == {
        "engine": "restic",
        "url": "s3:https://s3.amazonaws.com/bucket_name",
        "credentials": {
            "write": {"env": "AUTORESTIC_REMOTE_WRITE"},
            "password": {"env": "AUTORESTIC_REMOTE_RESTIC_PASSWORD"},
        },
    }
    assert (
        found["BackupRepository/hdd2"]["url"] == "rest:https://host.example:6969/path"
    )
    assert found["BackupRepository/hdd"]["url"] == "file:///mnt/my_external_storage"
    home = found["BackupPolicy/home"]
    assert home["schedule"] == {"cron": "0 3 * * 0", "by": "host"}
    assert home["objectives"]["rpo"] == "170h"
    assert home["keep"] == {
        "daily": 14, "weekly": 52, "monthly": 0, "within": "14d", "least": 1,
    }  # fmt: skip
    assert home["sources"]["files"]["exclude"] == ["*.nope", "/me/cache"]
    assert home["hooks"]["before"] == [{"run": ["echo", "Hello"], "timeout": "1h"}]
    # Each place is backed up to anew; only what ``copy`` says is a copy.
    assert found["BackupPolicy/important"]["copies"] == ["remote", "hdd2"]
    assert found["BackupPolicy/important-hdd"]["copies"] == ["hdd"]
    assert "BackupPolicy/important-b2" not in found
    assert {str(ref): why for ref, why in load.without} == {
        "BackupRepository/b2": "is at b2, which no engine here reaches",
        "BackupPolicy/important-b2": "b2 cannot be declared here: --repository b2=NAME",
    }


def test_autorestic_with_another_place_for_what_is_out_of_reach(tmp_path):
    load = carried(tmp_path, "autorestic", foreign.AUTORESTIC, mapped={"b2": "near"})
    assert specs(load)["BackupPolicy/important-b2"]["copies"] == ["near"]


def test_a_declared_repository_is_the_same_one_and_a_taken_name_is_not(tmp_path):
    text = foreign.AUTORESTIC
    known = {"s3:https://s3.amazonaws.com/bucket_name": "ours"}
    load = carried(tmp_path, "autorestic", text, known=known, taken={"ours", "hdd"})
    found = specs(load)
    assert "BackupRepository/remote" not in found
    assert found["BackupPolicy/home"]["copies"] == ["ours"]
    assert found["BackupPolicy/important-hdd"]["copies"] == ["hdd-2"]
    assert found["BackupRepository/hdd-2"]["url"] == "file:///mnt/my_external_storage"


def test_resticprofile(tmp_path):
    load = carried(tmp_path, "resticprofile", foreign.RESTICPROFILE)
    found = specs(load)
    assert found.keys() == {
        "BackupRepository/homes", "BackupRepository/copy", "BackupPolicy/homes",
    }  # fmt: skip
    assert found["BackupRepository/homes"] == {
        "engine": "restic",
        "url": "file:///backup/homes",
        "credentials": {"password": {"file": "/etc/theirs/key"}},
    }
    assert found["BackupRepository/copy"]["credentials"] == {
        "write": {"env": "COPY_WRITE"},
        "password": {"env": "COPY_PASSWORD"},
    }
    homes = found["BackupPolicy/homes"]
    assert homes["copies"] == ["homes", "copy"]
    assert homes["schedule"]["cron"] == "30 2 * * 1-5"
    assert homes["sources"] == {
        "files": {"root": "/", "paths": ["home", "srv/www"], "exclude": ["*~", ".git"]}
    }
    # What it inherits is merged: keep-last of the parent, keep-daily of its own.
    days = 365 + 5 * 28 + 7
    assert homes["keep"] == {
        "last": 2, "daily": 30, "weekly": 0, "monthly": 0,
        "within": f"{days * 24 + 2}h", "least": 1,
    }  # fmt: skip
    assert homes["hooks"] == {"before": [{"run": ["mount-it"], "timeout": "1h"}]}
    why = left(load)
    assert why["31 a command failed"].startswith("needs a shell")
    assert why["18 homes.retention.keep-tag"] == "has no counterpart here"


def test_resticprofile_in_toml_and_of_version_2(tmp_path):
    text = foreign.RESTICPROFILE_TOML
    load = carried(tmp_path, "resticprofile", text, file="profiles.toml")
    found = specs(load)
    assert found["BackupPolicy/root"]["sources"]["files"] == {
        "root": "/",
        "paths": ["etc", "var/mail"],
    }
    assert found["BackupPolicy/root"]["keep"]["last"] == 3
    assert left(load)["16 root.backup.exclude-caches"] == "has no counterpart here"
    load = carried(tmp_path, "resticprofile", foreign.RESTICPROFILE_2)
    found = specs(load)
    assert found["BackupRepository/site"]["url"] == "rest:http://127.0.0.1:8000/site"
    assert found["BackupPolicy/site"]["schedule"]["cron"] == "0/15 * * * *"
    assert left(load)["2 groups"] == "has no counterpart here"


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("borgmatic", foreign.BORGMATIC),
        ("borgmatic", foreign.BORGMATIC_OLD),
        ("autorestic", foreign.AUTORESTIC),
        ("resticprofile", foreign.RESTICPROFILE),
    ],
)
def test_no_secret_is_carried_over(tmp_path, program, text):
    load = carried(
        tmp_path, program, text, mapped=NEAR if program == "borgmatic" else {}
    )
    said = repr((load.documents(), dict(load.left), load.without))
    assert "canary" not in said


@pytest.mark.parametrize(
    ("text", "cron"),
    [  # systemd.time(7), and the examples of resticprofile
        ("daily", "0 0 * * *"),
        ("Weekly", "0 0 * * 1"),
        ("monthly", "0 0 1 * *"),
        ("quarterly", "0 0 1 1,4,7,10 *"),
        ("*:00,15,30,45", "0,15,30,45 * * * *"),
        ("*:*", "* * * * *"),
        ("*:00/15", "0/15 * * * *"),
        ("*-*-1", "0 0 1 * *"),
        ("*-*-* 03:00:00", "0 3 * * *"),
        ("03:05", "5 3 * * *"),
        ("Sat,Mon..Wed 18:00", "0 18 * * 6,1-3"),
        ("Sun 2:00", "0 2 * * 7"),
        ("Mon-Fri 02:30", "30 2 * * 1-5"),
        ("Monday,Wed-Friday 02:30", "30 2 * * 1,3-5"),
        ("Mon--Fri 02:30", None),
        ("Monkey 02:30", None),
        ("Mondayfriday 02:30", None),
        ("*-02-30 02:00", None),
        ("*-02-29 02:00", "0 2 29 2 *"),
        ("*-05-03 11:12", "12 11 3 5 *"),
        ("Mon *-*-1..7 04:00", None),
        ("2020-01-01", None),
        ("*-*~3 04:00", None),
        ("*:00:30", None),
        ("Fri..Mon 1:00", None),
        ("25:00", None),
        ("whenever", None),
        ("", None),
    ],
)
def test_calendar_events_are_cron(text, cron):
    assert of_systemd(text) == cron


@pytest.mark.parametrize(
    ("text", "cron"),
    [
        ("0 3 * * 0", "0 3 * * 0"),
        ("0 3 ? * MON-FRI", "0 3 * * 1-5"),
        ("0 3 1 jan *", "0 3 1 1 *"),
        ("@daily", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@every 1h", None),
        ("0 0 3 * * *", None),
        ("0 3 30 2 *", None),
    ],
)
def test_cron_of_go_is_cron(text, cron):
    assert of_cron(text) == cron


@given(
    st.dictionaries(
        st.sampled_from(["last", "hourly", "daily", "weekly", "monthly", "yearly"]),
        st.integers(0, 400),
    ),
    st.one_of(st.none(), st.integers(0, 90).map(lambda days: timedelta(days=days))),
)
def test_exactly_what_is_kept_there_is_kept(counts, within):
    found = Keep.model_validate(keep(counts, within))
    for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        if any(counts.values()) or within:
            assert getattr(found, name) == counts.get(name, 0)
    assert found.within == (within or timedelta(0))
    assert found.least == 1
    if not any(counts.values()) and not within:
        assert found.last == 10_000  # nothing is ever forgotten there


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/srv/backup", "file:///srv/backup"),
        ("local:/srv/backup", "file:///srv/backup"),
        ("backup", "file:///etc/theirs/backup"),
        ("s3:s3.amazonaws.com/bucket/a", "s3:https://s3.amazonaws.com/bucket/a"),
        ("s3:http://localhost:9000/bucket", "s3:http://localhost:9000/bucket"),
        ("rest:https://u:p@host:6969/path/", "rest:https://host:6969/path"),
        ("sftp:host:/path", None),
        ("azure:restic:/", None),
        ("/backup/{{ .Hostname }}", None),
        ("rest:https://[bad", None),
        ("rest:", None),
        ("~/backup", None),
    ],
)
def test_repositories_of_restic(text, url):
    assert restic_places.located(text, Path("/etc/theirs")).url == url


BAD = {
    "gone": ("borgmatic", None, "1:1: E663 cannot be read: no such file or directory"),
    "latin": ("borgmatic", b"a: b\nc: \xe9\n", "2:1: E663 the file is not UTF-8"),
    "large": ("borgmatic", b"#" * 1_048_577, "1:1: E663 the file is over 1 MiB"),
    "syntax": (
        "borgmatic",
        b"a: [1\nb: 2\n",
        "2:2: E663 not valid YAML: did not find expected ',' or ']'",
    ),
    "twice": ("borgmatic", b"a: 1\na: 2\n", "2:1: E663 a is written twice"),
    "include": (
        "borgmatic",
        b"<<: !include x.yaml\nrepositories: [x]\n",
        "1:5: E663 the tag !include cannot be followed from here",
    ),
    "list": ("borgmatic", b"- a\n", "1:1: E663 the file has to be a mapping"),
    "no-borgmatic": (
        "borgmatic",
        b"backup: 1\n",
        "1:1: E663 repositories is missing: borgmatic needs it",
    ),
    "empty": (
        "borgmatic",
        b"",
        "1:1: E663 repositories is missing: borgmatic needs it",
    ),
    "number": (
        "borgmatic",
        b"repositories: [x]\nkeep_daily: many\n",
        "2:1: E663 keep_daily has to be a whole number",
    ),
    "flag-as-text": (
        "borgmatic",
        b"repositories: [x]\nsource_directories: [true]\n",
        "2:22: E663 source_directories has to be text, or a list of texts",
    ),
    "within": (
        "borgmatic",
        b"repositories: [x]\nkeep_within: 2 days\n",
        "2:1: E663 keep_within has to be a time as Borg writes it",
    ),
    "database-without-name": (
        "borgmatic",
        b"repositories: [x]\nmysql_databases: [{username: a}]\n",
        "2:19: E663 mysql_databases[0]: name is missing",
    ),
    "nowhere": (
        "borgmatic",
        b"repositories: [x]\nsource_directories: [/srv/a]\n",
        "1:1: E664 site: no place that it keeps copies in can be declared here",
    ),
    "cycle": (
        "autorestic",
        b"a: &a [*a]\n",
        "1:4: E663 too much is nested, or repeated",
    ),
    "unknown-backend": (
        "autorestic",
        b"backends: {a: {type: local, path: /a}}\nlocations: {x: {from: /x, to: [b]}}\n",
        "2:32: E663 locations.x: there is no backend b",
    ),
    "backend-without-path": (
        "autorestic",
        b"backends: {a: {type: local}}\nlocations: {x: {from: /x, to: a}}\n",
        "1:12: E663 backends.a: path is missing",
    ),
    "no-autorestic": (
        "autorestic",
        b"locations: {}\n",
        "1:1: E663 locations or backends are missing",
    ),
    "inherits-itself": (
        "resticprofile",
        b"a: {inherit: b, backup: {source: /x}}\nb: {inherit: a}\n",
        "1:5: E663 a.inherit: there is no other profile of that name",
    ),
    "inherits-nobody": (
        "resticprofile",
        b"a: {inherit: z, backup: {source: /x}}\n",
        "1:5: E663 a.inherit: there is no other profile of that name",
    ),
    "no-profile": (
        "resticprofile",
        b"a: {repository: /x}\n",
        "1:1: E663 no profile in it backs anything up",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_with_its_place(tmp_path, case):
    program, data, said = BAD[case]
    file = tmp_path / "site.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(ReconcilerError) as caught:
        loaded(file, Asked(program, "site", tmp_path))
    wrong = caught.value
    first = wrong.errors[0] if isinstance(wrong, InventoryErrors) else wrong
    assert str(first).partition("\n")[0] == f"{file}:{said}"


def test_bad_toml_is_told_with_its_place(tmp_path):
    with pytest.raises(InventoryErrors) as caught:
        carried(tmp_path, "resticprofile", "a = 1\nb = [1\n", file="profiles.toml")
    assert ":2:1: E663 not valid TOML: unclosed array" in str(caught.value)
    text = '[root]\nrepository = "/x"\n[root.backup]\nsource = true\n'
    with pytest.raises(InventoryErrors) as caught:
        carried(tmp_path, "resticprofile", text, file="profiles.toml")
    assert ":4:1: E663 root.backup.source has to be text" in str(caught.value)
    with pytest.raises(InventoryErrors, match="E663 HCL cannot be read"):
        carried(tmp_path, "resticprofile", "a {}", file="profiles.hcl")


def test_aliases_of_aliases_end(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 9):
        rows = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} [{rows}]")
    with pytest.raises(InventoryErrors, match="too much is nested, or repeated"):
        carried(tmp_path, "autorestic", "\n".join(lines) + "\n")
