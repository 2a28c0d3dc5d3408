"""Where a name is served from: nameservers, DS records and glue, in order. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.kinds.domain import dnssec
from reconciler.kinds.domain.changes import (
    DS_LASTS,
    Delegate,
    Dnssec,
    DomainChange,
    Glue,
)
from reconciler.kinds.domain.spec import DomainSpec
from reconciler.kinds.domain.state import DelegationState, RegistrationState
from reconciler.model import FieldChange, OnDrift, Severity, Share

Note = tuple[str, Severity, str, str]
NOTHING_SEEN = DelegationState()


class Around(NamedTuple):
    """
    What others say about a delegation.

    Attributes:
        nameservers: The hosts that are wanted; None where nobody can say (yet).
        ds: The DS records that the keys at those hosts answer for; None: not known.
        seen: What the live DNS shows.
    """

    name: str
    nameservers: frozenset[str] | None = None
    ds: frozenset[str] | None = None
    seen: DelegationState = NOTHING_SEEN


def diff(
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    around: Around,
    now: datetime,
) -> Iterator[DomainChange]:
    """Yield glue first, then DS records, then the delegation that waits for both."""
    yield from _glue(spec, share, state)
    if not moves(state, around):
        wanted = _ds_in_place(spec, state, around)
        if wanted is not None and state.ds is not None and wanted != state.ds:
            yield _dnssec(spec, share, state.ds, wanted, around)
        return
    stays = staying(spec, state, around)
    if stays is not None and state.ds is not None and stays != state.ds:
        yield _dnssec(spec, share, state.ds, stays, around)
    yield _delegate(spec, share, state, around, now)


def moves(state: RegistrationState, around: Around) -> bool:
    """Whether other nameservers are wanted than the registrar has."""
    wanted = around.nameservers
    return bool(wanted) and state.nameservers not in {None, wanted}


def published(state: RegistrationState, around: Around) -> frozenset[str] | None:
    """Return every DS that anybody may still believe; None where nobody knows."""
    said = [ds for ds in (state.ds, around.seen.parent_ds) if ds is not None]
    return frozenset().union(*said) if said else None


def staying(
    spec: DomainSpec, state: RegistrationState, around: Around
) -> frozenset[str] | None:
    """Return the DS records that may stay through a move; None: not ours to say."""
    if spec.dnssec == "unmanaged" or state.ds is None:
        return None
    if spec.dnssec == "off":
        return frozenset()
    return state.ds & (around.ds or frozenset())


def _ds_in_place(
    spec: DomainSpec, state: RegistrationState, around: Around
) -> frozenset[str] | None:
    match spec.dnssec:
        case "off":
            return frozenset()
        case "sync":
            return dnssec.ds_wanted(around.name, around.seen, state)
        case _:
            return None


def _dnssec(
    spec: DomainSpec,
    share: Share,
    there: frozenset[str],
    wanted: frozenset[str],
    around: Around,
) -> Dnssec:
    keys = around.seen.dnskeys
    details: dict[str, JsonValue] = {}
    if added := {ds: keys[ds] for ds in sorted(wanted - there) if ds in keys}:
        details["keys"] = {**added}
    if there - wanted:
        details["holds_off"] = {"delegate": int(DS_LASTS.total_seconds())}
    return Dnssec(
        share=share,
        fields=(
            FieldChange(
                field="spec.dnssec",
                before=tuple(sorted(there)),
                after=tuple(sorted(wanted)),
                on_drift=OnDrift.HOLD,
            ),
        ),
        because=_why_ds(spec, there, wanted, moving=bool(around.nameservers)),
        details=details,
    )


def _why_ds(
    spec: DomainSpec, there: frozenset[str], wanted: frozenset[str], *, moving: bool
) -> str:
    if spec.dnssec == "off":
        return "dnssec is off, and the parent has DS records"
    if wanted - there:
        return "the nameservers serve a key that has no DS at the parent"
    if moving and not wanted:
        return "no DS at the parent may outlive the keys it stands for"
    return "the parent has a DS for a key that no nameserver serves"


def _delegate(
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    around: Around,
    now: datetime,
) -> Delegate:
    assert state.nameservers is not None  # noqa: S101  (or nothing would move)
    assert around.nameservers is not None  # noqa: S101
    keeps = around.ds or frozenset()
    there = published(state, around)
    stale = (there or frozenset()) - keeps
    ours = spec.dnssec != "unmanaged"
    hold = None
    if stale and not ours:
        hold = (
            f"the parent has {_records(stale)} that the new nameservers do not answer "
            "for: write dnssec: sync or off, or remove it at the registrar first"
        )
    elif there is None and ours:
        hold = "nobody can say whether the parent has DS records: look there first"
    details: dict[str, JsonValue] = {"keeps_ds": [*sorted(keeps)]}
    if hold and stale:
        details["stale_ds"] = [*sorted(stale)]
    return Delegate(
        share=share,
        fields=(
            FieldChange(
                field="spec.nameservers",
                before=tuple(sorted(state.nameservers)),
                after=tuple(sorted(around.nameservers)),
                on_drift=OnDrift.HOLD,
            ),
        ),
        because="the registrar lists other nameservers",
        waits_for=("records", "ds", "glue"),
        hold=hold,
        not_before=now + DS_LASTS if stale and ours else None,
        details=details,
    )


def _records(stale: frozenset[str]) -> str:
    return "a DS" if len(stale) == 1 else f"{len(stale)} DS records"


def _glue(
    spec: DomainSpec, share: Share, state: RegistrationState
) -> Iterator[DomainChange]:
    if not spec.glue or state.glue is None:
        return
    live, served = state.glue, state.nameservers or frozenset()
    fields = tuple(
        FieldChange(
            field=f"spec.glue[{host}]",
            before=live.get(host),
            after=addresses or None,
            on_drift=OnDrift.HOLD,
        )
        for host, addresses in sorted(spec.glue.items())
        if (live.get(host) or ()) != addresses and (addresses or host not in served)
    )
    if fields:
        hosts = "1 host" if len(fields) == 1 else f"{len(fields)} hosts"
        yield Glue(
            share=share,
            fields=fields,
            because=f"the registry has other addresses for {hosts}",
        )


def host_of(field: str) -> str:
    """Return the host that a field of a ``Glue`` is about."""
    return field.removeprefix("spec.glue[").removesuffix("]")


def done(change: DomainChange, state: RegistrationState) -> bool | None:
    """Say whether *state* shows the effect of *change*."""
    match change:
        case Delegate() if state.nameservers is not None:
            return tuple(sorted(state.nameservers)) == change.fields[0].after
        case Dnssec() if state.ds is not None:
            return dnssec.alike(state.ds, change.wanted)
        case Glue() if state.glue is not None:
            live = state.glue
            return all(
                (live.get(host_of(f.field)) or None) == f.after for f in change.fields
            )
        case _:
            return None


def findings(
    spec: DomainSpec, state: RegistrationState, around: Around
) -> Iterator[Note]:
    """Yield (code, severity, message, field) for what a person should know."""
    if _unproven(spec, state, around):
        message = (
            "its nameservers were not all seen with one set of keys: "
            "its DS records are left as they are"
        )
        yield "dnssec-unproven", Severity.WARNING, message, "spec.dnssec"
    served = state.nameservers or frozenset()
    for host, addresses in sorted(spec.glue.items()):
        if not addresses and host in served:
            message = f"{host} is still a nameserver of the domain: it is not removed"
            yield "glue-in-use", Severity.WARNING, message, f"spec.glue[{host}]"


def _unproven(spec: DomainSpec, state: RegistrationState, around: Around) -> bool:
    if spec.dnssec != "sync" or state.ds is None or moves(state, around):
        return False
    return dnssec.ds_wanted(around.name, around.seen, state) is None
