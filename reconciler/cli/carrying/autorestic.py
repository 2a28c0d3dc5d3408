"""
A configuration of autorestic, read as policies: one for each place of each location.

Source: autorestic's documentation (1.8: "Backends", "Locations", "Forget/Prune
Policies", "Environment"). It backs a location up to each of its places anew; what
``copy`` says is a copy. A password is in the file, or in
AUTORESTIC_NAME_RESTIC_PASSWORD.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from reconciler.cli.carrying.calendar import of_cron
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
from reconciler.cli.carrying.restic_places import located, spec
from reconciler.cli.carrying.restic_words import count, within
from reconciler.cli.carrying.section import Section, Text
from reconciler.model import Ref

_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key")
#: When here -> their keys: ``after`` runs whatever came of it ("Hooks", the flowchart).
_HOOKS: Final = {
    "before": ("before",),
    "after": ("after", "success"),
    "failed": ("after", "failure"),
}


def autorestic(root: Section, load: Load) -> None:
    """Put what *root* says into *load*."""
    root.ignore("version", "extras")
    if not root.has("locations") or not root.has("backends"):
        hint = "name a file of autorestic's, as .autorestic.yml"
        root.fault(root.at, "locations or backends are missing", hint)
        return
    backends, locations = root.section("backends"), root.section("locations")
    there = {
        name: _place(backends.section(name), name, load) for name in backends.names()
    }
    overall = root.section("global").section("forget")
    # Names that are theirs first: what is made of several parts gives way.
    refs = {
        name: load.policy(name, locations.place(name)) for name in locations.names()
    }
    for name, ref in refs.items():
        _location(locations.section(name), name, ref, there, overall, load)
    general = Ref(POLICY, name_of(load.asked.name))
    leave_rest(load, general, overall)
    for key, at in root.unread():
        if not key.startswith(("locations.", "backends.", "global.")):
            load.leave(general, at, key, "has no counterpart here")


def _place(one: Section, name: str, load: Load) -> str | None:
    """Return what the backend *name* is called here; None where it cannot be."""
    mapped = load.asked.mapped.get(name) or load.asked.mapped.get("")
    kind, path, called = one.text("type"), one.text("path"), load.free(name_of(name))
    ref = Ref(REPOSITORY, called)
    for key, found in (("type", kind), ("path", path)):
        if found is None:
            one.fault(one.at, f"backends.{name}: {key} is missing")
    one.ignore("key", "requireKey")
    user = one.section("rest")
    env = one.section("env")
    if mapped:
        return mapped
    if kind is None or path is None:
        return None
    text = path.text if kind.text == "local" else f"{kind.text}:{path.text}"
    where = located(text, load.asked.folder)
    if where.url is None:
        load.without.append((ref, where.why))
        return None
    if declared := load.asked.known.get(where.url):
        return declared
    prefix = f"AUTORESTIC_{re.sub('[^A-Za-z0-9]', '_', name.upper())}"
    write = None
    keys = [key for key in env.names() if key.lower() in _KEYS]
    user.ignore(*user.names())
    env.ignore(*keys)
    if kind.text != "local" and (keys or user.names() or where.user):
        write = variable(prefix, "write")
        form = "KEY:SECRET" if keys else "USER:PASSWORD"
        load.leave(ref, one.at, "its keys", f"put them into {write['env']}, as {form}")
    password = {"env": f"{prefix}_RESTIC_PASSWORD"}
    if one.has("key"):
        why = f"put it into {password['env']}, which autorestic reads too"
        load.leave(ref, one.place("key"), "its key", why)
    leave_rest(load, ref, one)
    load.places[called] = Place(called, spec(where.url, password, write))
    return called


def _location(
    one: Section,
    name: str,
    ref: Ref,
    there: dict[str, str | None],
    overall: Section,
    load: Load,
) -> None:
    one.ignore("forget")
    options = one.section("options")
    paths, wanted = one.texts("from"), one.texts("to")
    if not paths or not wanted:
        one.fault(one.at, f"locations.{name}: from or to is missing")
    kind = one.text("type")
    found: dict[str, Any] = {}
    if kind and kind.text == "volume":
        load.leave(ref, kind.at, "a volume", "is Docker's: name its folder")
    else:
        found = files(load, ref, paths, str(load.asked.folder))
    backup = options.section("backup")
    if found:
        found |= patterns(load, ref, backup.texts("exclude"), found["root"])
    backup.ignore("exclude")
    kept = _kept(options.section("forget"), overall)
    commands = hooks(load, ref, _around(one.section("hooks")))
    due = one.text("cron")
    cron = of_cron(due.text) if due else None
    if due and cron is None:
        load.leave(ref, due.at, "cron", "is none that can be written here")
    copying = one.section("copy")
    copies = {key: copying.texts(key) for key in copying.names()}
    leave_rest(load, ref, one)
    if not found:
        load.without.append((ref, "nothing of what it backs up can be named here"))
        return
    for number, place in enumerate(wanted):
        known = _known(place, name, there, one)
        also_theirs = f"{name}-{place.text}"
        called = ref if number == 0 else load.policy(also_theirs, place.at)
        also = [_known(each, name, there, one) for each in copies.get(place.text, ())]
        rows = [each for each in (known, *also) if each]
        if known is None:
            why = (
                f"{place.text} cannot be declared here: --repository {place.text}=NAME"
            )
            load.without.append((called, why))
            continue
        sources = {"files": found}
        policy = Policy(called.name, one.at, cron, sources, kept, rows, commands)
        load.policies.append(policy)


def _around(section: Section) -> dict[str, list[Text]]:
    """Return the commands around a backup, by when they run here."""
    found = {key: section.texts(key) for keys in _HOOKS.values() for key in keys}
    return {
        when: [one for key in keys for one in found[key]]
        for when, keys in _HOOKS.items()
    }


def _known(
    place: Text, name: str, there: dict[str, str | None], one: Section
) -> str | None:
    if place.text not in there:
        known = ", ".join(there) or "none"
        what = f"locations.{name}: there is no backend {place.text}"
        one.fault(place.at, what, f"backends are {known}")
        return None
    return there[place.text]


def _kept(own: Section, overall: Section) -> dict[str, Any]:
    """Return what is kept: a location's own options, else those of all."""
    told: Sequence[Section] = (own, overall)
    counts = {
        name: next(
            (count(s, f"keep-{name}") for s in told if s.has(f"keep-{name}")), None
        )
        for name in KEPT
    }
    span = next((s for s in told if s.has("keep-within")), own)
    length: timedelta | None = within(span, "keep-within")
    return keep(counts, length)
