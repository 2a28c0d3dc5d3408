"""Everything that is known of one resource: wanted, live, past and next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.audit import Ledger, Query, log
from reconciler.cli.offline import unplugged_accounts
from reconciler.cli.project import Project
from reconciler.engine import (
    Snapshot,
    World,
    based,
    document,
    observe,
    plan,
    resolve,
    situation,
)
from reconciler.engine.document import moment, place
from reconciler.engine.merge import UNSUPPORTED
from reconciler.engine.plan import under_way
from reconciler.errors import UsageError
from reconciler.inventory.complaint import did_you_mean
from reconciler.inventory.loaded import PERSON
from reconciler.inventory.origins import DEFAULT, Leaf
from reconciler.inventory.parts import SITE
from reconciler.inventory.rows import target
from reconciler.kinds import kinds
from reconciler.model import (
    Absent,
    AnyResource,
    Decision,
    Observed,
    Plan,
    Unknown,
)
from reconciler.model.ref import Ref

FORMAT = "reconciler.explain/v1"
#: Drift that the next apply does not set back: the other way is to keep it.
_KEPT = frozenset(("hold", "report", UNSUPPORTED))
_CONTACTS = "spec.contacts."
_HIDDEN = "(data about a person)"
_LINES = 8


class Look(NamedTuple):
    """
    What was looked at, and how.

    Attributes:
        refs: The address itself, or what a Site makes.
        acting: The kinds that something can happen to.
        seen: When a snapshot was made; None where the accounts were asked now.
        wants: The resources at *refs* of the kinds that act, with their past.
    """

    refs: tuple[Ref, ...]
    acting: frozenset[str]
    plan: Plan
    world: World
    ledger: Ledger
    now: datetime
    seen: datetime | None
    wants: Mapping[Ref, AnyResource]


def found(project: Project, word: str) -> Ref:
    """
    Return the address that *word* names.

    Raises:
        UsageError: Nothing in the inventory is called so.
    """
    kind, slash, name = word.partition("/")
    ref = Ref(kind, target(name).lower() if kind in {"Domain", SITE} else name)
    if slash and ref in project.inventory:
        return ref
    near = did_you_mean(
        word, map(str, project.inventory.refs()), "write Kind/name as a plan prints it"
    )
    raise UsageError(f"there is no {word} in the inventory", hint=near)


def looked(
    project: Project,
    ref: Ref,
    *,
    as_of: datetime | None,
    horizon: timedelta,
    observed: Path | None,
) -> Look:
    """Observe and plan what belongs to *ref*, and nothing else; change nothing."""
    inventory = project.inventory
    refs = tuple(inventory.made_by(ref)) if ref.kind == SITE else (ref,)
    whole = project.scope()
    scope = whole._replace(selected=frozenset(refs).__contains__)
    ledger = project.store.read()
    now = as_of or project.clock()
    was = based(scope.desired, ledger.base, scope.load, scope.kinds)
    wants = scope.wants()
    seen = Snapshot(observed, kinds().values()) if observed else None
    with closing(
        unplugged_accounts(project) if seen else project.accounts(wants)
    ) as accounts:
        world = seen.world if seen else observe(wants, accounts, known=was.resources)
        if not seen:
            project.cache.close()
        opened = scope.opened(ledger)
        resolved = resolve(opened, scope.by_uid(), world, accounts, now=now)
        built = situation(scope, ledger, was, resolved, now=now)
        planned = plan(built, world, accounts, now=now, horizon=horizon)
    own = _about(planned, refs)
    at, known = seen.at if seen else None, {want.ref: want for want in wants}
    return Look(refs, scope.kinds, own, world, ledger, now, at, known)


def _about(planned: Plan, refs: tuple[Ref, ...]) -> Plan:
    """Return the plan without what is about other things."""
    mine = {*map(str, refs)}
    accounts = {a.change.share.provider for a in planned.actions}
    return planned._replace(
        findings=tuple(
            finding
            for finding in planned.findings
            if f"{finding.kind}/{finding.name}" in mine
            or (finding.kind == "Provider" and finding.name in accounts)
        ),
        unmanaged=(),
    )


def data(project: Project, ref: Ref, look: Look) -> dict[str, Any]:
    """Return everything as plain data: what ``--format json`` prints."""
    inventory = project.inventory
    planned = document(look.plan)
    resource = inventory.get(ref)
    site = inventory.site(ref)
    return {
        "format": FORMAT,
        "address": str(ref),
        "source": place(inventory.at(ref)),
        "site": f"{SITE}/{site}" if site else None,
        "uid": inventory.uid(ref),
        "protected": resource.metadata.protected,
        "labels": dict(inventory.labels(ref)),
        "env": project.env,
        "as_of": moment(look.now),
        "observed": moment(look.seen) if look.seen else None,
        "values": [_value(ref, leaf) for leaf in inventory.origins(ref)],
        "parts": _parts(project, ref, look),
        "used_by": _users(project, ref),
        "acts": any(each.kind in look.acting for each in look.refs),
        "story": _story(look),
        "follows": _follows(look),
        "live": [row for each in look.refs for row in _live(project, each, look)],
        "based": _based(project, ref, look),
        "quiet_until": _quiet_until(project, look),
        **{
            key: planned[key]
            for key in ("actions", "findings", "drift", "unknown", "deferred", "due")
        },
        "open": [
            {**_begun(one.intent), "unknown": one.outcome_unknown}
            for one in look.ledger.open.values()
            if (one.intent.kind, one.intent.uid) in _uids(project, look.refs)
        ],
        "log": _log(project, look),
        "run": _commands(ref, look),
    }


def _value(ref: Ref, leaf: Leaf) -> dict[str, Any]:
    private = ref.kind == PERSON and leaf.source != DEFAULT
    plain = leaf.path.startswith(_CONTACTS) and leaf.path.count(".") == _DEPTH
    value = _HIDDEN if private and plain else leaf.value
    return {
        "path": leaf.path,
        "value": value,
        "from": leaf.source,
        "source": place(leaf.at),
    }


#: How many dots the path of a contact has that is no reference.
_DEPTH = 2


def _parts(project: Project, ref: Ref, look: Look) -> list[dict[str, Any]]:
    """Return what a Site makes."""
    if ref.kind != SITE:
        return []
    return [
        {
            "address": str(piece.ref),
            "source": place(piece.at),
            "says": _says(project, piece.ref, look),
        }
        for piece in project.inventory.expansion(ref)
    ]


def _says(project: Project, ref: Ref, look: Look) -> str:
    """Say in one line how one part stands."""
    actions = [a for a in look.plan.actions if a.want.ref == ref]
    if actions:
        return ", ".join(
            f"{'pending' if under_way(a) else a.decision} {a.change.verb}"
            for a in actions
        )
    have = look.world.have(look.wants.get(ref) or project.inventory.get(ref))
    unread = [state.why for state in have.values() if isinstance(state, Unknown)]
    if unread:
        return f"unknown: {unread[0]}"
    told = [f for f in look.plan.findings if (f.kind, f.name) == tuple(ref)]
    if told:
        return told[0].message
    due = [d for d in look.plan.due if (d.kind, d.name) == tuple(ref)]
    if due:
        return f"{due[0].what} {due[0].at:%Y-%m-%d}"
    return "as it should be"


def _users(project: Project, ref: Ref) -> list[str]:
    """Return what names *ref*, as far as somebody wrote it."""
    inventory = project.inventory
    return [str(user) for user in inventory.users(ref) if not inventory.site(user)]


def _story(look: Look) -> list[dict[str, Any]]:
    """Return what happened to each and what comes, as its kind tells it."""
    return [
        {"address": str(want.ref), "title": one.title, "lines": [*one.lines]}
        for want in look.wants.values()
        for one in want.story(look.world.have(want), look.now)
    ]


def _follows(look: Look) -> list[str]:
    """Return what will be done by itself about what is wrong, as its kind tells it."""
    return [
        one.follows
        for want in look.wants.values()
        for one in want.story(look.world.have(want), look.now)
        if one.follows
    ]


def _live(project: Project, ref: Ref, look: Look) -> list[dict[str, Any]]:
    want = look.wants.get(ref) or project.inventory.get(ref)
    return [
        {
            "address": str(ref),
            "provider": share.provider,
            "family": share.family,
            **_state(state),
        }
        for share, state in look.world.have(want).items()
    ]


def _state(state: Observed) -> dict[str, Any]:
    match state:
        case Absent():
            return {"is": "absent"}
        case Unknown():
            return {"is": "unknown", "why": state.why}
        case _:
            said = state.model_dump(mode="json", exclude_none=True)
            return {"is": "state", "state": said}


def _quiet_until(project: Project, look: Look) -> str | None:
    """Return the next moment at which time alone changes something."""
    wants = (look.wants.get(ref) or project.inventory.get(ref) for ref in look.refs)
    moments = [w.quiet_until(look.world.have(w), look.now) for w in wants]
    first = min((m for m in moments if m is not None and m > look.now), default=None)
    return moment(first) if first else None


def _based(project: Project, ref: Ref, look: Look) -> str | None:
    """Return the commit that was applied last for *ref*."""
    base = look.ledger.base
    commit = base.exceptions.get(str(ref), base.commit)
    if commit is None or ref not in project.at_commit(commit):
        return None
    return commit


def _uids(project: Project, refs: tuple[Ref, ...]) -> set[tuple[str, str]]:
    return {(ref.kind, project.inventory.uid(ref)) for ref in refs}


def _begun(intent: Any) -> dict[str, Any]:
    return {
        "id": intent.id,
        "kind": intent.kind,
        "name": intent.name,
        "verb": intent.verb,
        "time": moment(intent.time),
    }


def _log(project: Project, look: Look) -> list[dict[str, Any]]:
    names = tuple(map(str, look.refs))
    lines = list(log(project.store, Query(select=names))) if names else []
    return lines[-_LINES:]


def _commands(ref: Ref, look: Look) -> list[str]:
    """Return what a person can do about it, the first thing first."""
    address = str(ref)
    if ref.kind == SITE:
        address = f"site={ref.name}"
    held = [a for a in look.plan.actions if a.decision is Decision.HOLD and a.needs]
    commands = [
        f"reconciler settle {one.intent.id} --happened|--did-not-happen --evidence TEXT"
        for one in look.ledger.open.values()
        if one.outcome_unknown and Ref(one.intent.kind, one.intent.name) in look.refs
    ]
    if look.plan.allowed():
        commands.append(f"reconciler apply --select {address}")
    if held:
        commands.append(f"reconciler plan --select {address} --out plan.json")
        commands.append(
            f"reconciler apply --select {address} --approve DIGEST "
            "--approved-plan plan.json"
        )
    if any(drift.disposition in _KEPT for drift in look.plan.drift):
        commands.append(f"reconciler drift --write-back --select {address}")
    if look.plan.unknown:
        commands.append("reconciler doctor")
    return commands
