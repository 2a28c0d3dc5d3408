"""Where a name is served from: nameservers, DS records and glue, in order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cached_property

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


class Around:
    """
    What others than the registrar say about a delegation.

    Worked out when it is asked for: most names neither move nor have any of this.

    Attributes:
        seen: What the live DNS shows.
    """

    def __init__(
        self,
        name: str,
        nameservers: Callable[[], frozenset[str] | None],
        ds: Callable[[], frozenset[str] | None],
        seen: DelegationState = NOTHING_SEEN,
    ) -> None:
        self.name = name
        self.seen = seen
        self._nameservers = nameservers
        self._ds = ds

    @cached_property
    def nameservers(self) -> frozenset[str] | None:
        """The hosts that are wanted; None where nobody can say (yet)."""
        return self._nameservers()

    @cached_property
    def ds(self) -> frozenset[str] | None:
        """The DS records that the keys at those hosts answer for; None: not known."""
        return self._ds()


def diff(
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    around: Around,
    now: datetime,
) -> Iterator[DomainChange]:
    """Yield glue first, then DS records, then the delegation that waits for both."""
    if spec.glue and state.glue is not None:
        yield from _glue(spec, share, state, state.glue)
    moving = moves(state, around)
    if spec.dnssec != "unmanaged" and state.ds is not None:
        wanted = (staying if moving else _in_place)(spec, state, around)
        if wanted is not None and wanted != state.ds:
            yield _dnssec(spec, share, state.ds, wanted, around)
    if moving:
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
) -> frozenset[str]:
    """Return the DS records that may stay through a move."""
    if spec.dnssec == "off" or state.ds is None:
        return frozenset()
    return state.ds & (around.ds or frozenset())


def _in_place(
    spec: DomainSpec, state: RegistrationState, around: Around
) -> frozenset[str] | None:
    if spec.dnssec == "off":
        return frozenset()
    return dnssec.ds_wanted(around.name, around.seen, state)


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
            "for: write dnssec: sync or off, or remove it at the registrar and wait "
            "for two days"
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
    spec: DomainSpec,
    share: Share,
    state: RegistrationState,
    live: Mapping[str, tuple[str, ...]],
) -> Iterator[DomainChange]:
    served = state.nameservers or frozenset()
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
    if spec.dnssec == "sync" and _unproven(state, around):
        message = (
            "its nameservers were not all seen with one set of keys: "
            "its DS records are left as they are"
        )
        yield "dnssec-unproven", Severity.WARNING, message, "spec.dnssec"
    for host, addresses in sorted(spec.glue.items()) if spec.glue else ():
        if not addresses and host in (state.nameservers or ()):
            message = f"{host} is still a nameserver of the domain: it is not removed"
            yield "glue-in-use", Severity.WARNING, message, f"spec.glue[{host}]"


def _unproven(state: RegistrationState, around: Around) -> bool:
    if state.ds is None or moves(state, around):
        return False
    return dnssec.ds_wanted(around.name, around.seen, state) is None
