"""
A configuration of borgmatic, read as a policy.

Source: borgmatic's ``config/schema.yaml`` (2.1) and its documentation ("Configuration",
"Credentials", "Includes"); before 1.8 the options were in sections, which are read too.
borgmatic keeps its backups with Borg, which no engine here reads: where copies are is
said with ``--repository``. borgmatic has no schedule: a timer or cron runs it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from reconciler.cli.carrying.carried import (
    Load,
    Policy,
    files,
    keep,
    leave_rest,
    patterns,
    source_name,
    unsayable,
    variable,
)
from reconciler.cli.carrying.commands import hooks
from reconciler.cli.carrying.section import Section, Text, under
from reconciler.cli.carrying.values import Value, replaced
from reconciler.model import Ref

_SECTIONS: Final = (
    "location", "storage", "retention", "consistency", "output", "hooks",
)  # fmt: skip
#: What changes how it works, and nothing of what is kept.
_IDLE: Final = (
    "color", "verbosity", "syslog_verbosity", "log_file_verbosity", "log_file",
    "log_file_format", "monitoring_verbosity", "log_json", "progress", "statistics",
    "quick_statistics", "list_details", "local_path", "remote_path", "lock_wait",
    "umask", "retries", "retry_wait", "compression", "chunker_params", "ssh_command",
    "checkpoint_interval", "checkpoint_volume", "temporary_directory", "constants",
    "borg_base_directory", "borg_config_directory", "borg_cache_directory",
    "borg_security_directory", "borg_keys_directory", "borg_files_cache_ttl",
    "user_runtime_directory", "user_state_directory", "borgmatic_source_directory",
    "upload_rate_limit", "upload_buffer_size", "files_cache", "archive_name_format",
    "file_list_format", "archive_list_format", "compact_threshold",
    "relocated_repo_access_is_ok", "unknown_unencrypted_repo_access_is_ok",
    "source_directories_must_exist",
)  # fmt: skip
_WITHIN: Final = re.compile(r"([0-9]{1,6})([SMHdwmy])")
#: What a document can call a database.
_NAMED: Final = re.compile(r"[A-Za-z0-9_./-]{1,128}")
#: Borg counts months and years in days (``borg prune``, "--keep-within").
_SPANS: Final = {
    "S": timedelta(seconds=1), "M": timedelta(minutes=1), "H": timedelta(hours=1),
    "d": timedelta(days=1), "w": timedelta(weeks=1), "m": timedelta(days=31),
    "y": timedelta(days=365),
}  # fmt: skip
_DATABASES: Final = {
    "postgresql_databases": "postgres",
    "mysql_databases": "mysql",
    "mariadb_databases": "mysql",
}
_REACHED: Final = (
    "hostname", "port", "username", "password", "container", "socket_path",
)  # fmt: skip
_OLD_HOOKS: Final = {
    "before_backup": "before",
    "after_backup": "after",
    "on_error": "failed",
}
#: How it ended ("Command hooks", ``states``), and what runs then here.
_STATES: Final = {"finish": "after", "fail": "failed"}
#: What else commands run around there.
_SCOPES: Final = {
    "repository": "and around all that is done to a repository there",
    "configuration": "and around all that the file says there",
    "everything": "and around all files together there",
    "dump_data_sources": "and around dumps of databases there",
}
_ELSEWHERE: Final = (
    "Borg keeps it, which no engine here reads: --repository says where copies are"
)


def borgmatic(root: Section, load: Load) -> None:
    """Put what *root* says into *load*."""
    root = _flat(root)
    ref = load.policy(load.asked.name, root.at)
    _repositories(root, load, ref)
    sources = _sources(root, load, ref)
    found = hooks(load, ref, _commands(root, load, ref))
    counts = {
        "hourly": root.count("keep_hourly"),
        "daily": root.count("keep_daily"),
        "weekly": root.count("keep_weekly"),
        "monthly": root.count("keep_monthly"),
        "yearly": root.count("keep_yearly"),
    }
    kept = keep(counts, _within(root))
    for key in ("encryption_passphrase", "encryption_passcommand"):
        if root.has(key):
            root.ignore(key)
            load.leave(ref, root.place(key), key, "opens Borg's repository alone")
    for key in ("healthchecks", "cronitor", "uptime_kuma", "watchgoose"):
        if root.has(key):
            root.ignore(key)
            why = "borgmatic goes on calling it; heartbeat is for what is proven here"
            load.leave(ref, root.place(key), key, why)
    if root.has("checks"):
        root.ignore("checks", "check_last", "check_repositories")
        why = "what is kept here is proven by drills, which are on"
        load.leave(ref, root.place("checks"), "checks", why)
    root.ignore(*_IDLE)
    leave_rest(load, ref, root)
    if not sources:
        load.without.append((ref, "nothing of what it backs up can be named here"))
        return
    copies = list(dict.fromkeys(load.asked.mapped.values()))
    load.policies.append(Policy(ref.name, root.at, None, sources, kept, copies, found))


def _flat(root: Section) -> Section:
    """Return the options of all sections that borgmatic had before 1.8 as one."""
    data: dict[str, Value] = {}
    faults = root.faults
    for key in root.names():
        value = root.raw(key)
        if value is None:
            continue
        old = key in _SECTIONS and isinstance(value.data, dict)
        data = under(data, value.data if old else {key: value})
    constants = data.get("constants")
    told = constants.data if constants and isinstance(constants.data, dict) else {}
    words = {f"{{{key}}}": str(value.data) for key, value in told.items()}
    flat = {key: replaced(value, words) for key, value in data.items()}
    found = Section(Value(flat, root.at), faults)
    if not found.has("repositories"):
        hint = "name a file of borgmatic's, as /etc/borgmatic/config.yaml"
        found.fault(root.at, "repositories is missing: borgmatic needs it", hint)
    return found


def _repositories(root: Section, load: Load, ref: Ref) -> None:
    value = root.raw("repositories")
    rows = value.data if value and isinstance(value.data, list) else []
    if value is not None and not rows:
        root.fault(value.at, "repositories has to be a list with something in it")
    for row in rows:
        label = ""
        if isinstance(row.data, dict):
            one = Section(row, root.faults, "repositories.")
            path, named = one.text("path"), one.text("label")
            if path is None:
                one.fault(row.at, "repositories: path is missing")
            label = f" {named.text}" if named else ""
        load.leave(ref, row.at, f"the repository{label}", _ELSEWHERE)


def _sources(root: Section, load: Load, ref: Ref) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    working = root.text("working_directory")
    base = working.text if working else "/"
    found = files(load, ref, root.texts("source_directories"), base)
    excluded = root.texts("exclude_patterns")
    if found:
        made["files"] = {**found, **patterns(load, ref, excluded, found["root"])}
    for key, kind in _DATABASES.items():
        for one in root.sections(key):
            _database(one, kind, made, load, ref)
    for one in root.sections("sqlite_databases"):
        path, name = one.text("path"), one.text("name")
        if path is None or not path.text.startswith("/"):
            load.leave(ref, one.at, "a database", "has no path that begins with /")
            continue
        folder, _, file = path.text.rpartition("/")
        if not _NAMED.fullmatch(file) or unsayable(path.text):
            why = "is in a file that has no name of letters, digits and ._- alone"
            load.leave(ref, path.at, "a database", why)
            continue
        called = source_name(name.text if name else file, made)
        made[called] = {"type": "sqlite", "root": folder or "/", "database": file}
    return made


def _database(
    one: Section, kind: str, made: dict[str, dict[str, Any]], load: Load, ref: Ref
) -> None:
    name = one.text("name")
    if name is None:
        one.fault(one.at, f"{one.path.rstrip('.')}: name is missing")
        return
    if name.text == "all":
        why = "every database is a source of its own here: write them out"
        load.leave(ref, name.at, "a database", why)
        return
    if not _NAMED.fullmatch(name.text):
        why = "has a name of more than letters, digits and ._-"
        load.leave(ref, name.at, "a database", why)
        return
    source: dict[str, Any] = {"type": kind, "database": name.text}
    reached = [key for key in _REACHED if one.has(key)]
    called = source_name(f"db-{name.text}", made)
    if reached:
        one.ignore(*_REACHED)
        source["connection"] = variable(load.asked.name, name.text, "dsn")
        why = f"put how it is reached into {source['connection']['env']}, as one DSN"
        load.leave(ref, name.at, f"{', '.join(reached)} of a database", why)
    made[called] = source


def _commands(root: Section, load: Load, ref: Ref) -> dict[str, list[Text]]:
    """Return the commands around making backups; others are left."""
    found: dict[str, list[Text]] = {}
    for old, when in _OLD_HOOKS.items():
        found.setdefault(when, []).extend(root.texts(old))
    for one in root.sections("commands"):
        around = one.text("before") or one.text("after")
        actions = {each.text for each in one.texts("when")}
        run = one.texts("run")
        whens = _whens(one)
        if not whens or around is None or (actions and "create" not in actions):
            load.leave(ref, one.at, "commands", "runs around no backup")
            continue
        if why := _SCOPES.get(around.text):
            load.leave(ref, one.at, "commands", f"run around each backup here, {why}")
        for when in whens:
            found.setdefault(when, []).extend(run)
    return found


def _whens(one: Section) -> list[str]:
    """
    Return when a command runs, in our words; none where it never would.

    What runs after an action runs whatever came of it, unless ``states`` says less.
    """
    states = [each.text for each in one.texts("states")]
    if one.has("before"):
        return ["before"]
    after = one.text("after")
    if after is None:
        return []
    if after.text == "error":
        return ["failed"]
    return [when for state, when in _STATES.items() if not states or state in states]


def _within(root: Section) -> timedelta | None:
    text = root.text("keep_within")
    if text is None:
        return None
    match = _WITHIN.fullmatch(text.text)
    if match is None:
        root.fault(text.at, "keep_within has to be a time as Borg writes it", "as 2d")
        return None
    return int(match[1]) * _SPANS[match[2]]
