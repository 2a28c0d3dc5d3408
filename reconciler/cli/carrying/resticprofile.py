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
    keep,
    leave_rest,
    name_of,
    patterns,
    variable,
)
from reconciler.cli.carrying.commands import hooks
from reconciler.cli.carrying.restic_places import called, located, spec
from reconciler.cli.carrying.restic_words import count, within
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
    "no-error-on-warning", "schedule-permission", "schedule-log",
    "schedule-priority", "schedule-lock-mode", "schedule-lock-wait",
    "schedule-after-network-online", "initialize",
)  # fmt: skip
#: ``run-finally`` runs whatever came of it ("Command Hooks").
_HOOKS: Final = {
    "run-before": ("before",), "run-after": ("after",), "run-after-fail": ("failed",),
    "run-finally": ("after", "failed"),
}  # fmt: skip
#: What it backs up, where that is no path in the file.
_OTHERS: Final = (
    "stdin", "stdin-command", "files-from", "files-from-raw", "files-from-verbatim",
)  # fmt: skip
#: What says when and how something is forgotten, and nothing of what is kept.
_IDLE_KEPT: Final = (
    "after-backup", "before-backup", "compact", "prune", "schedule",
    "schedule-permission", "schedule-priority",
)  # fmt: skip
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
    for name, row in rows.items():
        if row is None:
            continue
        whole = _inherited(root, rows, name, ())
        words = dict.fromkeys(_NAME, name)
        own = {key: replaced(value, words) for key, value in whole.items()}
        _profile(Section(Value(own, row.at), root.faults, f"{name}."), name, load)
    if not (load.policies or load.without or root.faults):
        hint = "name a file of resticprofile's, as profiles.yaml or profiles.toml"
        root.fault(root.at, "no profile in it backs anything up", hint)


def _inherited(
    root: Section, rows: Mapping[str, Value | None], name: str, below: tuple[str, ...]
) -> dict[str, Value]:
    """Return all of the profile *name*, with what it inherits."""
    row = rows[name]
    own = mapping(row) if row else {}
    parent = own.get("inherit")
    if row is None or parent is None:
        return own
    above = str(parent.data) if isinstance(parent.data, (str, int)) else ""
    if above not in rows or above == name or above in below:
        root.fault(parent.at, f"{name}.inherit: there is no other profile of that name")
        return own
    return under(_inherited(root, rows, above, (*below, name)), own)


def _profile(profile: Section, name: str, load: Load) -> None:
    backup = profile.section("backup")
    if not any(backup.has(key) for key in ("source", *_OTHERS)):
        return  # others inherit from it
    ref = load.policy(name, profile.at)
    base = profile.text("base-dir")
    folder = base.text if base else str(load.asked.folder)
    found = files(load, ref, backup.texts("source"), folder)
    if found:
        found |= patterns(load, ref, backup.texts("exclude"), found["root"])
    backup.ignore("exclude")
    around = hooks(load, ref, _around(profile, backup))
    cron = _schedule(backup, load, ref)
    kept = _kept(profile, load, ref)
    copies = _copies(profile, name, ref, load)
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


def _around(*sections: Section) -> dict[str, list[Text]]:
    """Return the commands around a backup, by when they run here."""
    found: dict[str, list[Text]] = {}
    for section in sections:
        for key, whens in _HOOKS.items():
            commands = section.texts(key)
            for when in whens:
                found.setdefault(when, []).extend(commands)
    return found


def _copies(profile: Section, name: str, ref: Ref, load: Load) -> list[str] | None:
    """Return the repository, and the one it is copied to; None without the first."""
    first = _place(profile, name, ref, load)
    if first is None:
        return None
    other = profile.section("copy")
    other.ignore(
        "initialize",
        "initialize-copy-chunker-params",
        "schedule",
        "schedule-permission",
    )
    second = None
    if other.has("repository"):
        second = _place(other, f"{name}-copy", ref, load)
    return list(dict.fromkeys(one for one in (first, second) if one))


def _place(section: Section, name: str, policy: Ref, load: Load) -> str | None:
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
        load.leave(policy, where.at, "its repository", found.why)
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
    found: str | None = None
    for one in inner.texts("schedule" if inner is backup else "at"):
        cron = of_systemd(one.text)
        if found or cron is None:
            why = "is no one line of cron: the first that is one counts"
            load.leave(ref, one.at, "a schedule", why)
        found = found or cron
    return found


def _kept(profile: Section, load: Load, ref: Ref) -> dict[str, Any]:
    """
    Return what is kept, by ``retention``, else by ``forget``.

    Where ``retention`` is switched off nothing is forgotten by it. What does not count
    is told.
    """
    told = {name: profile.section(name) for name in ("retention", "forget")}
    running = [n for n, one in told.items() if n != "retention" or not _off(one)]
    counting = next((name for name in running if _keeps(told[name])), None)
    for name, section in told.items():
        section.ignore(*_IDLE_KEPT)
        if name != counting:
            why = f"{counting} counts here" if counting else "nothing runs it"
            for key in _keeps(section):
                load.leave(ref, section.place(key), f"{section.path}{key}", why)
                section.ignore(key)
    if counting is None:
        return keep({}, None)
    section = told[counting]
    counts = {name: count(section, f"keep-{name}") for name in KEPT}
    return keep(counts, within(section, "keep-within"))


def _keeps(section: Section) -> list[str]:
    return [key for key in section.names() if key.startswith("keep-")]


def _off(retention: Section) -> bool:
    """Say whether ``retention`` is applied neither before nor after a backup."""
    before, after = retention.raw("before-backup"), retention.raw("after-backup")
    told = after is not None and str(after.data).lower() == "false"
    return told and not (before is not None and str(before.data).lower() == "true")
