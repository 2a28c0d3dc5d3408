"""No policy of theirs gets lost on its way, and what is said otherwise is told."""

from __future__ import annotations

import pytest

from reconciler.errors import InventoryErrors
from reconciler.model.backing import Backing
from tests.unit.cli.test_carrying import NEAR, carried, left, specs

BACKEND = "backends: {near: {type: local, path: /srv/near}}\n"
BORG = "source_directories: [/srv/a]\nrepositories: [{path: /x}]\n"
PROFILE = "a:\n  repository: /srv/near\n  backup: {source: /srv/a}\n"


def test_locations_of_names_that_become_one_are_all_there(tmp_path):
    names = ["müller", "möller", "日本", "東京", "web site", "web-site"]
    rows = "".join(
        f"  {n}: {{from: /srv/{i}, to: near}}\n" for i, n in enumerate(names)
    )
    load = carried(tmp_path, "autorestic", f"{BACKEND}locations:\n{rows}")
    found = specs(load)
    paths = {
        name.removeprefix("BackupPolicy/"): spec["sources"]["files"]["paths"]
        for name, spec in found.items()
        if name.startswith("BackupPolicy/")
    }
    assert paths == {
        "m-ller": ["0"], "m-ller-2": ["1"], "unnamed": ["2"], "unnamed-2": ["3"],
        "web-site": ["4"], "web-site-2": ["5"],
    }  # fmt: skip
    why = left(load)
    assert why["4 its name"] == "is m-ller-2 here"
    assert why["8 its name"] == "is web-site-2 here"


def test_a_name_of_theirs_comes_before_one_that_is_made(tmp_path):
    """A second place of ``home`` would be called as the other location is."""
    text = (
        "backends: {near: {type: local, path: /n}, hdd: {type: local, path: /h}}\n"
        "locations:\n"
        "  home: {from: /srv/a, to: [near, hdd]}\n"
        "  home-hdd: {from: /srv/b, to: near}\n"
    )
    load = carried(tmp_path, "autorestic", text)
    found = specs(load)
    assert found["BackupPolicy/home-hdd"]["sources"]["files"]["paths"] == ["b"]
    assert found["BackupPolicy/home-hdd-2"]["sources"]["files"]["paths"] == ["a"]
    assert found["BackupPolicy/home-hdd-2"]["copies"] == ["hdd"]
    assert "is home-hdd-2 here" in left(load).values()


def test_profiles_of_names_that_become_one_are_all_there(tmp_path):
    text = PROFILE.replace("a:", "müller:", 1)
    text += PROFILE.replace("a:", "möller:", 1).replace("/srv/a", "/srv/b")
    found = specs(carried(tmp_path, "resticprofile", text))
    assert found["BackupPolicy/m-ller"]["sources"]["files"]["paths"] == ["a"]
    assert found["BackupPolicy/m-ller-2"]["sources"]["files"]["paths"] == ["b"]


def test_backups_of_names_that_become_one_are_all_there(tmp_path):
    text = (
        "backends: {x: {type: local, path: /n}}\n"
        "locations:\n"
        "  x: {from: /srv/a, to: x}\n"
        "  x-backup: {from: /srv/b, to: x}\n"
    )
    of = {"x": "Domain/a.example", "x-backup": "Domain/b.example"}
    found = specs(carried(tmp_path, "autorestic", text, of=of))
    backups = {
        spec["of"]: spec["policy"]
        for name, spec in found.items()
        if name.startswith("Backup/")
    }
    assert backups == {"Domain/a.example": "x", "Domain/b.example": "x-backup"}


@pytest.mark.parametrize("key", ["files-from", "files-from-raw", "files-from-verbatim"])
def test_a_profile_that_names_its_files_elsewhere_is_told(tmp_path, key):
    text = f"a:\n  repository: /srv/near\n  backup: {{{key}: /etc/list}}\n"
    load = carried(tmp_path, "resticprofile", text)
    assert specs(load) == {}
    assert [(str(ref), why) for ref, why in load.without] == [
        ("BackupPolicy/a", "nothing of what it backs up can be named here")
    ]
    assert f"3 a.backup.{key}" in left(load)


def test_profiles_of_which_none_backs_anything_up_are_an_error(tmp_path):
    text = "a:\n  repository: /srv/near\n  backup: {exclude: ['*~']}\n"
    with pytest.raises(InventoryErrors, match="E663 no profile in it backs anything"):
        carried(tmp_path, "resticprofile", text)


def test_what_changes_what_is_kept_is_told(tmp_path):
    text = PROFILE.replace("}", ", one-file-system: true}")
    text += "  retention: {keep-daily: 7, tag: true, host: true, path: [/srv/a]}\n"
    text += "  forget: {keep-weekly: 9}\n"
    text += "  copy: {repository: /srv/far, tag: [x]}\n"
    load = carried(tmp_path, "resticprofile", text)
    assert specs(load)["BackupPolicy/a"]["keep"]["daily"] == 7
    assert specs(load)["BackupPolicy/a"]["keep"]["weekly"] == 0
    why = left(load)
    assert why["5 a.forget.keep-weekly"] == "retention counts here"
    for line in (
        "3 a.backup.one-file-system", "4 a.retention.tag", "4 a.retention.host",
        "4 a.retention.path", "6 a.copy.tag",
    ):  # fmt: skip
        assert why[line] == "has no counterpart here"


def test_retention_that_nothing_runs_does_not_count(tmp_path):
    text = PROFILE + "  retention: {after-backup: false, keep-daily: 7}\n"
    load = carried(tmp_path, "resticprofile", text + "  forget: {keep-weekly: 9}\n")
    kept = specs(load)["BackupPolicy/a"]["keep"]
    assert (kept["daily"], kept["weekly"]) == (0, 9)
    assert left(load)["4 a.retention.keep-daily"] == "forget counts here"
    load = carried(tmp_path, "resticprofile", text)
    assert specs(load)["BackupPolicy/a"]["keep"]["last"] == 10_000
    assert left(load)["4 a.retention.keep-daily"] == "nothing runs it"
    before = text.replace("{after", "{before-backup: true, after")
    load = carried(tmp_path, "resticprofile", before)
    assert specs(load)["BackupPolicy/a"]["keep"]["daily"] == 7


@pytest.mark.parametrize(
    ("program", "text", "keep"),
    [
        ("resticprofile", "forget: {keep-within: 9999y}", {"within": "36500d"}),
        ("resticprofile", "forget: {keep-within: 99999999999y}", {"within": "36500d"}),
        ("resticprofile", "forget: {keep-last: unlimited}", {"last": 10_000}),
        ("autorestic", "forget: {keep-last: unlimited}", {"last": 10_000}),
        ("borgmatic", "keep_within: 999999y", {"within": "36500d"}),
        ("borgmatic", "keep_within: 999999S", {"within": "999999s"}),
        ("borgmatic", "keep_daily: 999999999999", {"daily": 10_000}),
    ],
)
def test_what_is_kept_for_good_is_kept_for_good(tmp_path, program, text, keep):
    whole = {
        "resticprofile": f"{PROFILE}  {text}\n",
        "borgmatic": f"{BORG}{text}\n",
        "autorestic": f"{BACKEND}locations:\n  a: {{from: /srv/a, to: near, options: "
        f"{{{text}}}}}\n",
    }[program]
    load = carried(tmp_path, program, whole, mapped=NEAR)
    (spec,) = specs(load).values()
    assert spec["keep"].items() >= keep.items()
    Backing.model_validate(spec)


BAD = {
    "superscript": ("borgmatic", f'{BORG}keep_daily: "²"\n', "keep_daily has to be a"),
    "digits": ("borgmatic", f"{BORG}keep_daily: {'9' * 5000}\n", "keep_daily has to be"),
    "span": ("resticprofile", f"{PROFILE}  forget: {{keep-within: {'9' * 5000}y}}\n",
             "keep-within has to be a time as restic writes it"),
    "inherit": ("resticprofile", f"{PROFILE}  inherit: [b]\n",
                "a.inherit: there is no other profile of that name"),
    "unlimited-of-borg": ("borgmatic", f"{BORG}keep_daily: unlimited\n", "keep_daily has"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_number_or_name_is_told_with_its_place(tmp_path, case):
    program, text, said = BAD[case]
    with pytest.raises(InventoryErrors) as caught:
        carried(tmp_path, program, text)
    line = len(text.splitlines())
    assert f":{line}:" in str(caught.value)
    assert f"E663 {said}" in str(caught.value)


NEVER = {
    "resticprofile": PROFILE.replace("}", ', schedule: "*-02-30 02:00"}'),
    "autorestic": f"""{BACKEND}locations:
  a: {{from: /srv/a, to: near, cron: '0 3 30 2 *'}}
""",
}


@pytest.mark.parametrize("program", NEVER)
def test_a_schedule_that_is_never_due_is_told_with_its_place(tmp_path, program):
    load = carried(tmp_path, program, NEVER[program])
    spec = specs(load)["BackupPolicy/a"]
    assert spec["schedule"]["cron"] == "0 0 * * *"
    assert any(line.startswith("3 ") for line in left(load))


def test_of_several_schedules_the_first_that_is_cron_counts(tmp_path):
    rows = '["Mon *-*-1..7 04:00", "03:05", "daily"]'
    text = PROFILE.replace("}", f", schedule: {rows}}}")
    load = carried(tmp_path, "resticprofile", text)
    assert specs(load)["BackupPolicy/a"]["schedule"]["cron"] == "5 3 * * *"
    told = [one.what for rows in load.left.values() for one in rows]
    columns = [
        int(one.rstrip(")").rpartition(":")[2])
        for one in told
        if one.startswith("a sch")
    ]
    assert columns == [
        text.splitlines()[2].index(each) + 1 for each in ('"Mon', '"daily')
    ]


def test_a_database_that_cannot_be_named_leaves_the_others(tmp_path):
    text = BORG + "sqlite_databases:\n  - {name: a, path: '/var/lib/my db.sqlite'}\n"
    text += "  - {name: b, path: /var/lib/b.sqlite}\n"
    text += "postgresql_databases: [{name: 'my db'}]\n"
    load = carried(tmp_path, "borgmatic", text, mapped=NEAR)
    (spec,) = specs(load).values()
    assert [*spec["sources"]] == ["files", "b"]
    why = left(load)
    assert why["4 a database"].startswith("is in a file that has no name of letters")
    assert why["6 a database"].startswith("has a name of more than letters")


def test_a_path_or_pattern_that_no_document_has_leaves_the_others(tmp_path):
    long = "x" * 1100
    secret = "AKIA" + "Q3EGRFXV7KLMNP2A"
    text = f'source_directories: [/srv/a, "/srv/b\\u0007c", /srv/{long}, /x/{secret}]\n'
    text += f"repositories: [x]\nexclude_patterns: ['', {long}, '*.tmp']\n"
    load = carried(tmp_path, "borgmatic", text, mapped=NEAR)
    (spec,) = specs(load).values()
    assert spec["sources"]["files"] == {
        "root": "/srv", "paths": ["a"], "exclude": ["*.tmp"],
    }  # fmt: skip
    told = [one.why for rows in load.left.values() for one in rows]
    assert told.count("is empty, too long, or not printable") == 4
    assert told.count("looks like a secret") == 1


HOOKS = """\
before_backup:
  - FOO=1 /usr/bin/true
  - cd /srv
  - export A=b
  - ./prepare
  - /usr/bin/true ""
  - /usr/bin/env FOO=1 /usr/bin/true
commands:
  - {after: action, when: [create], states: [fail, finish], run: [start both]}
  - {after: action, when: [create], states: [finish], run: [start well]}
  - {after: action, when: [create], states: [fail], run: [start bad]}
  - {after: action, run: [start any]}
  - {after: everything, run: [start all]}
  - {before: repository, run: [start each]}
  - {run: [start never]}
  - {after: action, states: [odd], run: [start odd]}
"""


def test_commands_of_borgmatic_do_what_they_did(tmp_path):
    load = carried(tmp_path, "borgmatic", BORG + HOOKS, mapped=NEAR)
    (spec,) = specs(load).values()
    runs = {
        when: [" ".join(one["run"]) for one in rows]
        for when, rows in spec["hooks"].items()
    }
    assert runs == {
        "before": ["/usr/bin/env FOO=1 /usr/bin/true", "start each"],
        "after": ["start both", "start well", "start any", "start all"],
        "failed": ["start both", "start bad", "start any", "start all"],
    }
    assert {one["timeout"] for rows in spec["hooks"].values() for one in rows} == {"1h"}
    why = left(load)
    for line in (4, 5, 6):
        assert why[f"{line} a command before"].startswith("needs a shell")
    assert why["7 a command before"].startswith("is below a folder")
    assert why["8 a command before"].startswith("has an empty")
    for line in (11, 14, 15):
        assert why[f"{line} a command after"].startswith("runs after a failure too")
    assert why["15 commands"].startswith("run around each backup here, and around all")
    assert why["16 commands"].startswith("run around each backup here, and around all")
    assert why["17 commands"] == why["18 commands"] == "runs around no backup"


def test_commands_of_autorestic_and_resticprofile_run_after_a_failure_too(tmp_path):
    text = f"{BACKEND}locations:\n  a:\n    from: /srv/a\n    to: near\n    hooks:\n"
    text += "      {after: [start any], success: [start well], failure: [start bad]}\n"
    found = specs(carried(tmp_path, "autorestic", text))["BackupPolicy/a"]["hooks"]
    assert [one["run"][1] for one in found["after"]] == ["any", "well"]
    assert [one["run"][1] for one in found["failed"]] == ["any", "bad"]
    text = PROFILE + "  run-finally: start any\n  run-after-fail: start bad\n"
    found = specs(carried(tmp_path, "resticprofile", text))["BackupPolicy/a"]["hooks"]
    assert [one["run"][1] for one in found["after"]] == ["any"]
    assert [one["run"][1] for one in found["failed"]] == ["bad", "any"]


def test_commands_that_cannot_be_run_are_each_told_once(tmp_path):
    """In TOML every item of a list stands where the list does."""
    text = '[a]\nrepository = "/srv/near"\nrun-finally = ["cd /a", "cd /b"]\n'
    text += '[a.backup]\nsource = "/srv/a"\n'
    load = carried(tmp_path, "resticprofile", text, file="profiles.toml")
    told = [one.what for rows in load.left.values() for one in rows]
    assert len([one for one in told if one.startswith("a command after (")]) == 2


def test_tables_without_a_header_have_a_place(tmp_path):
    text = '\nversion = "2"\n# all of them\n[groups.all]\nprofiles = ["a"]\n'
    text += '[profiles.a]\nrepository = "/srv/near"\nbackup.source = ["/srv/a"]\n'
    text += "backup.nonsense = 1\n"
    load = carried(tmp_path, "resticprofile", text, file="v2.toml")
    why = left(load)
    assert "4 groups" in why
    assert "9 a.backup.nonsense" in why
