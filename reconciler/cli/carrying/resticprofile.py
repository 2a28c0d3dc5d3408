"""
A configuration of resticprofile, read as policies: one for each profile with a source.

Source: resticprofile's documentation ("Inheritance", "Copy command", "Schedule
Configuration", "Configuration v2 proposal", "Examples"), and its examples. Version 2
has profiles below ``profiles``; what a profile inherits is merged under it. Templates
are written out where they are the profile's own name, and left where they are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.cli.carrying.calendar import of_systemd
from reconciler.cli.carrying.carried import (
    KEPT,
    POLICY,
    REPOSITORY,
    Load,
    Place,
    Policy,
    files,
    hooks,
    keep,
    leave_rest,
    name_of,
    patterns,
    variable,
)
from reconciler.cli.carrying.restic_places import called, located, spec
from reconciler.cli.carrying.restic_words import within
from reconciler.cli.carrying.section import Section, Text, mapping, under
from reconciler.cli.carrying.values import Value, replaced
from reconciler.model import Ref

#: What a template calls the name of its profile.
_NAME: Final = ("{{ .Profile.Name }}", "{{.Profile.Name}}")
_NO_PROFILES: Final = frozenset({"version", "global", "groups", "includes", "mixins"})
#: What changes how it works, and nothing of what is kept.
_IDLE: Final = (
    "inherit", "description", "lock", "force-inactive-lock", "status-file", "verbose",
    "initialize", "quiet", "cleanup-cache", "no-cache", "cache-dir", "json", "priority",
    "prometheus-save-to-file", "prometheus-push", "prometheus-labels", "option",
    "systemd-drop-in-files", "snapshots", "prune", "ls", "mount", "stats", "init",
    "cat", "find", "diff", "dump", "restore", "unlock", "cache", "tag", "forget",
    "limit-upload", "limit-download", "compression",
)  # fmt: skip
_IDLE_BACKUP: Final = (
    "tag", "verbose", "check-before", "check-after", "extended-status", "host",
    "no-error-on-warning", "one-file-system", "schedule-permission", "schedule-log",
    "schedule-priority", "schedule-lock-mode", "schedule-lock-wait",
    "schedule-after-network-online", "initialize",
)  # fmt: skip
_HOOKS: Final = {
    "run-before": "before", "run-after": "after", "run-after-fail": "failed",
}  # fmt: skip
_REST: Final = frozenset({"restic_rest_username", "restic_rest_password"})


def resticprofile(root: Section, load: Load) -> None:
    """Put what *root* says into *load*."""
    version = root.text("version")
    if version and version.text == "2":
        profiles = root.section("profiles")
        rows = {name: profiles.raw(name) for name in profiles.names()}
    else:
        names = [name for name in root.names() if name not in _NO_PROFILES]
        rows = {name: root.raw(name) for name in names}
    root.ignore("global", "profiles")
    general = Ref(POLICY, name_of(load.asked.name))
    for key in ("groups", "includes", "mixins"):
        if root.has(key):
            root.ignore(key)
            why = "has no counterpart here"
            load.leave(general, root.place(key), key, why)
    if not any("backup" in mapping(row) for row in rows.values() if row):
        hint = "name a file of resticprofile's, as profiles.yaml or profiles.toml"
        root.fault(root.at, "no profile in it backs anything up", hint)
        return
    for name, row in rows.items():
        if row is None:
            continue
        whole = _inherited(root, rows, name, ())
        words = dict.fromkeys(_NAME, name)
        own = {key: replaced(value, words) for key, value in whole.items()}
        _profile(Section(Value(own, row.at), root.faults, f"{name}."), name, load)


def _inherited(
    root: Section, rows: Mapping[str, Value | None], name: str, below: tuple[str, ...]
) -> dict[str, Value]:
    """Return all of the profile *name*, with what it inherits."""
    row = rows[name]
    own = mapping(row) if row else {}
    parent = own.get("inherit")
    if row is None or parent is None:
        return own
    if parent.data not in rows or parent.data == name or parent.data in below:
        root.fault(parent.at, f"{name}.inherit: there is no other profile of that name")
        return own
    return under(_inherited(root, rows, str(parent.data), (*below, name)), own)


def _profile(profile: Section, name: str, load: Load) -> None:
    backup = profile.section("backup")
    if not any(backup.has(key) for key in ("source", "stdin", "stdin-command")):
        return
    ref = Ref(POLICY, name_of(name))
    base = profile.text("base-dir")
    folder = base.text if base else str(load.asked.folder)
    found = files(load, ref, backup.texts("source"), folder)
    if found:
        found |= patterns(load, ref, backup.texts("exclude"), found["root"])
    backup.ignore("exclude")
    commands: dict[str, list[Text]] = {}
    for section in (profile, backup):
        for key, when in _HOOKS.items():
            commands.setdefault(when, []).extend(section.texts(key))
    around = hooks(load, ref, commands)
    cron = _schedule(backup, load, ref)
    kept = _kept(profile)
    copies = _copies(profile, name, load)
    if profile.has("check"):
        why = "what is kept here is proven by drills, which are on"
        load.leave(ref, profile.place("check"), "check", why)
        profile.ignore("check")
    profile.ignore(*_IDLE)
    backup.ignore(*_IDLE_BACKUP)
    leave_rest(load, ref, profile)
    if not found:
        load.without.append((ref, "nothing of what it backs up can be named here"))
    elif copies is None:
        why = "its repository cannot be declared here: --repository NAME"
        load.without.append((ref, why))
    else:
        sources = {"files": found}
        policy = Policy(ref.name, profile.at, cron, sources, kept, copies, around)
        load.policies.append(policy)


def _copies(profile: Section, name: str, load: Load) -> list[str] | None:
    """Return the repository, and the one it is copied to; None without the first."""
    first = _place(profile, name, load)
    if first is None:
        return None
    other = profile.section("copy")
    other.ignore(
        "initialize",
        "initialize-copy-chunker-params",
        "schedule",
        "tag",
        "schedule-permission",
    )
    second = _place(other, f"{name}-copy", load) if other.has("repository") else None
    return list(dict.fromkeys(one for one in (first, second) if one))


def _place(section: Section, name: str, load: Load) -> str | None:
    """Return what the repository of *section* is called here."""
    where = section.text("repository")
    file, command = section.text("password-file"), section.text("password-command")
    env = section.section("env")
    env.ignore(*env.names())
    section.ignore("env-file")
    mapped = load.asked.mapped
    if where is None:
        return mapped.get(name) or mapped.get("")
    if ours := mapped.get(where.text) or mapped.get(name) or mapped.get(""):
        return ours
    found = located(where.text, load.asked.folder)
    if found.url is None:
        load.leave(Ref(POLICY, name_of(name)), where.at, "its repository", found.why)
        return None
    if declared := load.asked.known.get(found.url):
        return declared
    for place in load.places.values():
        if place.spec["url"] == found.url:
            return place.name
    here = load.free(called(found.url))
    ref = Ref(REPOSITORY, here)
    password = variable(here, "password")
    if file is not None and "{{" not in file.text and "~" not in file.text:
        password = {"file": str(load.asked.folder / file.text)}
    else:
        at = command or file
        why = f"put it into {password['env']}"
        load.leave(ref, at.at if at else where.at, "its password", why)
    write = None
    known = {key.lower() for key in env.names()}
    cloud = found.url.startswith("s3:")
    if cloud or found.user or (known & _REST and found.url.startswith("rest:")):
        write = variable(here, "write")
        form = "KEY:SECRET" if cloud else "USER:PASSWORD"
        load.leave(
            ref, where.at, "its keys", f"put them into {write['env']}, as {form}"
        )
    load.places[here] = Place(here, spec(found.url, password, write))
    return here


def _schedule(backup: Section, load: Load, ref: Ref) -> str | None:
    value = backup.raw("schedule")
    if value is None:
        return None
    inner = backup.section("schedule") if isinstance(value.data, dict) else backup
    if inner is not backup:
        inner.ignore(*(key for key in inner.names() if key != "at"))
    rows = inner.texts("schedule" if inner is backup else "at")
    found = [cron for one in rows if (cron := of_systemd(one.text))]
    for one in rows[len(found) and 1 :]:
        why = "is no one line of cron: the first that is one counts"
        load.leave(ref, one.at, "a schedule", why)
    return found[0] if found else None


def _kept(profile: Section) -> dict[str, Any]:
    """Return what is kept, by ``retention``, else by ``forget``."""
    told = [profile.section("retention"), profile.section("forget")]
    idle = ("after-backup", "before-backup", "compact", "prune", "host", "path", "tag")
    for one in told:
        one.ignore(*idle, "schedule", "schedule-permission", "schedule-priority")
    section = next(
        (o for o in told if any(k.startswith("keep-") for k in o.names())), None
    )
    if section is None:
        return keep({}, None)
    for one in told:
        if one is not section:
            one.ignore(*one.names())
    counts = {name: section.count(f"keep-{name}") for name in KEPT}
    return keep(counts, within(section, "keep-within"))
