"""Policies of other programs by the command line: the first plan has nothing to do."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import foreign_policies as foreign
from tests.support.restic_snapshots import program
from tests.support.shell import shell

INVENTORY = """\
apiVersion: reconciler/v1
Provider/public: {{type: public, endpoint: 'http://127.0.0.1:9', credentials: {{}}}}
Domain/shop.example: {{provider: none}}
BackupRepository/near:
  engine: archive
  url: file://{base}/near
  credentials: {{password: {{env: NEAR}}}}
"""
SECRETS = {"NEAR": "near-secret-1"}
DIR = "inventory/imported"


class House:
    """A repository of documents, and the file of another program beside it."""

    def __init__(self, base: Path) -> None:
        self.base, self.root = base, base / "repository"
        (self.root / "inventory").mkdir(parents=True)
        text = INVENTORY.format(base=base)
        (self.root / "inventory" / "a.yaml").write_text(text)
        self.git("init", "-q", "-b", "main")
        for name, value in (("name", "ann"), ("email", "ann@house.example")):
            self.git("config", f"user.{name}", value)
        self.commit("backups")

    def git(self, *arguments: str) -> None:
        argv = ["git", "-C", str(self.root), *arguments]
        subprocess.run(argv, check=True, capture_output=True)

    def commit(self, why: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", why)

    def theirs(self, text: str, name: str = "site.yaml") -> Path:
        (self.base / name).write_text(text)
        return self.base / name

    def run(self, *argv: object, **environ: str) -> Any:
        return shell("-C", self.root, *argv, environ={**SECRETS, **environ})

    def apply(self) -> Any:
        done = self.run("apply", "--auto-approve", "--single-writer", "--held-ok")
        assert done.code in {0, 3}, done.err
        return done

    def plan(self) -> dict[str, Any]:
        done = self.run("plan", "--format", "json")
        assert done.code == 0, done.out + done.err
        plan: dict[str, Any] = json.loads(done.out)
        return plan

    def imported(self) -> str:
        folder = self.root / DIR
        return "".join(one.read_text() for one in sorted(folder.glob("*")))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_a_policy_of_borgmatic_is_looked_after_and_nothing_is_done(house):
    house.apply()  # the repository of ours is made
    file = house.theirs(foreign.BORGMATIC)
    done = house.run(
        "import", "--from", "borgmatic", file,
        "--repository", "near", "--of", "Domain/shop.example",
    )  # fmt: skip
    assert done.code == 0, done.out + done.err
    assert f"wrote {DIR}/borgmatic.yaml: 1 Backup, 1 BackupPolicy" in done.out
    text = house.imported()
    assert "canary" not in text + done.out + done.err
    assert "tee" not in text  # a command that was left is named by its place alone
    assert f"{file.name}:35:36" in text
    assert house.run("validate").code == 0
    assert house.plan()["actions"] == []
    house.commit("backups of borgmatic")
    house.apply()
    plan = house.plan()
    assert plan["actions"] == []
    found = {one["code"] for one in plan["findings"] if one["kind"] == "Backup"}
    assert "never-backed-up" in found  # what Borg keeps proves nothing here


def test_a_second_import_writes_nothing(house):
    house.apply()
    file = house.theirs(foreign.BORGMATIC)
    argv = ["import", "--from", "borgmatic", file, "--repository", "near"]
    assert house.run(*argv).code == 0
    before = house.imported()
    done = house.run(*argv)
    assert done.code == 0, done.err
    assert "BackupPolicy/site: is declared already (inventory/imported/" in done.out
    assert house.imported() == before


def test_what_nobody_could_look_at_is_not_imported(house):
    """Its first plan would tell something that nobody knows yet."""
    file = house.theirs(foreign.RESTICPROFILE.replace("/backup/", f"{house.base}/"))
    done = house.run("import", "--from", "resticprofile", file)
    assert done.code == 3
    assert "BackupRepository/homes: it could not be looked at: " in done.out
    assert not [*(house.root / DIR).glob("*.yaml")]
    assert house.plan()["actions"]  # the repository that was declared before


PROFILES = """\
version: "1"
default:
  repository: local:backup/{{ .Profile.Name }}
  password-file: key
site:
  inherit: default
  retention: {keep-daily: 7}
  backup:
    source: [PLACE/home/www]
    schedule: daily
    tag: [nightly]
"""


def _restic(house: House, *argv: str) -> None:
    environ = {
        "RESTIC_REPOSITORY": str(house.base / "backup" / "site"),
        "RESTIC_PASSWORD_FILE": str(house.base / "key"),
        "RESTIC_CACHE_DIR": str(house.base / "cache"),
        "PATH": "/usr/bin:/bin",
    }
    argv = (program(), *argv)
    subprocess.run(argv, env=environ, check=True, capture_output=True)


def test_what_resticprofile_makes_is_proven_by_restores(house):
    """With the real restic, as resticprofile runs it on its own timer."""
    (house.base / "key").write_text("canary-of-a-password\n")
    _restic(house, "init")
    www = house.base / "home" / "www"
    www.mkdir(parents=True)
    for number in range(20):
        (www / f"page-{number}.html").write_text(f"<h1>page {number}</h1>")
    text = PROFILES.replace("PLACE", str(house.base))
    file = house.theirs(text, "profiles.yaml")
    done = house.run(
        "import", "--from", "resticprofile", file, "--of", "Domain/shop.example"
    )
    assert done.code == 0, done.out + done.err
    house.apply()
    assert house.plan()["actions"] == []
    found = house.imported()
    name = "site-backup"
    assert f"add --host {name} --tag backup={name} --tag source=files: " in found
    assert "canary" not in found + done.out
    told = ["--host", name, "--tag", f"backup={name}", "--tag", "source=files"]
    _restic(house, "backup", *told, str(www))
    said = house.apply().out + house.apply().out
    assert "applied     drill" in said, said
    plan = house.plan()
    critical = [one["message"] for one in plan["findings"] if one["kind"] == "Backup"]
    assert not [one for one in critical if "nothing was backed up" in one], critical
    told = house.run("explain", f"Backup/{name}").out
    assert "full passed" in told
    assert "came back on" in told


def test_another_place_takes_theirs(house):
    house.apply()
    file = house.theirs(foreign.RESTICPROFILE)
    done = house.run(
        "import", "--from", "resticprofile", file,
        "--repository", "near", "--of", "homes=Domain/shop.example",
    )  # fmt: skip
    assert done.code == 3, done.out + done.err  # the profile "odd" is in no document
    assert "not imported: BackupPolicy/odd: nothing of what it backs up" in done.out
    assert "wrote inventory/imported/resticprofile.yaml: 1 Backup, 1 Backup" in done.out
    assert house.plan()["actions"] == []
    assert "copies: [near]" in house.imported()


def test_what_is_no_policy_here_is_told_in_full(house):
    """Nothing is written but the page, which has all the lines."""
    house.apply()
    text = "repositories: [x]\nsqlite_databases: [{path: '/var/lib/my db.sqlite'}]\n"
    text += "".join(f"odd_{number}: true\n" for number in range(9))
    text += '"[here](https://evil.example)": 1\n'
    argv = ["import", "--from", "borgmatic", house.theirs(text), "--repository", "near"]
    done = house.run(*argv)
    assert done.code == 3, done.out + done.err
    first = "not imported: BackupPolicy/site: nothing of what it backs up can be named"
    assert done.out.splitlines()[1].startswith(first)
    assert "all that is live is declared" not in done.out
    assert "nothing was imported: mend what is named" in done.out
    assert f"wrote {DIR}/import.md: what was left, and why" in done.out
    assert [one.name for one in (house.root / DIR).iterdir()] == ["import.md"]
    page = house.imported()
    assert "# Nothing was imported" in page
    assert "a database (" in page
    assert all(f"odd_{number} (" in page for number in range(9))
    assert "\n`[here](https://evil.example) (" in page  # shown, and no link
    assert house.run("validate").code == 0


def test_another_policy_of_the_same_name_is_not_the_one_that_is_declared(house):
    """Two hosts have a ``config.yaml`` each."""
    house.apply()
    one = "repositories: [x]\nsource_directories: [/srv/www/a]\n"
    argv = ["import", "--from", "borgmatic", house.theirs(one, "config.yaml")]
    argv += ["--repository", "near"]
    assert house.run(*argv).code == 0
    before = house.imported()
    house.theirs(one.replace("/srv/www/a", "/srv/www/b"), "config.yaml")
    done = house.run(*argv, "--of", "Domain/shop.example")
    assert done.code == 3, done.out + done.err
    assert "not imported: BackupPolicy/borgmatic: what is called so here (" in done.out
    assert house.imported() == before  # and no Backup by the policy of the other one
    house.theirs(one, "config.yaml")
    text = before.replace("rto: 4h", "rto: 8h")
    text = text.replace("      paths: [a]", "      paths: [a]\n      minFiles: 5")
    assert "rto: 8h" in text
    assert "minFiles" in text
    (house.root / DIR / "borgmatic.yaml").write_text(text.partition("# What was")[0])
    done = house.run(*argv)  # what was edited meanwhile is still the same one
    assert done.code == 0, done.out + done.err
    assert "BackupPolicy/borgmatic: is declared already (" in done.out


FAR = """\
apiVersion: reconciler/v1
BackupRepository/far:
  engine: restic
  url: rest:http://127.0.0.1:9/far
  credentials: {password: {env: NEAR}}
  immutability: {mode: append-only}
"""


def test_a_policy_that_the_loader_refuses_is_no_success(house):
    """What only the whole inventory shows: an attacker would push all of it out."""
    (house.root / "inventory" / "far.yaml").write_text(FAR)
    text = "repositories: [x]\nsource_directories: [/srv/www/a]\nkeep_daily: 7\n"
    argv = ["import", "--from", "borgmatic", house.theirs(text), "--repository", "far"]
    done = house.run(*argv)
    assert done.code == 3, done.out + done.err
    assert "not imported: BackupPolicy/site: E186" in done.out
    assert "nothing was imported: mend what is named" in done.out
    assert not (house.root / DIR).exists()  # all of it was said


BAD = {
    "nothing of 'duplicity' can be read": ["--from", "duplicity", "x"],
    "name the file": ["--from", "borgmatic"],
    "there is no BackupRepository/far": [
        "--from", "borgmatic", "x", "--repository", "far",
    ],
    "there is no Domain/a.example": ["--from", "borgmatic", "x", "--of", "Domain/a.example"],
    "write Kind/NAME": ["--from", "borgmatic", "x", "--of", "shop.example"],
    "--repository and --of go with --from": ["--all", "--repository", "near"],
    "do not go with --from": ["--from", "borgmatic", "x", "--all"],
    "--of z=...: no policy is called so": [
        "--from", "borgmatic", "FILE", "--repository", "near", "--of",
        "z=Domain/shop.example",
    ],
    "x:1:1: E663 cannot be read: no such file or directory": ["--from", "borgmatic", "x"],
}  # fmt: skip


@pytest.mark.parametrize("said", BAD)
def test_a_bad_command_line_or_file_writes_nothing(house, said):
    file = str(house.theirs(foreign.BORGMATIC))
    argv = [file if one == "FILE" else one for one in BAD[said]]
    done = house.run("import", *argv)
    assert done.code in {1, 64}
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (house.root / DIR).exists()


def test_all_that_is_wrong_is_told_at_once(house):
    text = "repositories: [x]\nkeep_daily: many\nkeep_within: 2 days\n"
    file = house.theirs(text)
    done = house.run("import", "--from", "borgmatic", file)
    assert done.code == 1
    assert f"{file}:2:1: E663 keep_daily has to be a whole number" in done.err
    assert f"{file}:3:1: E663 keep_within has to be a time" in done.err
