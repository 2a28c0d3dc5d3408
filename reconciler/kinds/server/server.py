"""A machine of ours at a cloud: of its size, with its disks, and running."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import JsonValue

from reconciler.kinds.server import scaled, steps
from reconciler.kinds.server.changes import (
    GrowVolume,
    PowerOn,
    Resize,
    ServerChange,
)
from reconciler.kinds.server.spec import ROOT, ServerSpec
from reconciler.kinds.server.state import SERVER, ServerState
from reconciler.model import (
    OUTLOOK,
    Absent,
    Chapter,
    Ended,
    Finding,
    Have,
    OutlookState,
    Proposal,
    Severity,
    Share,
    State,
    patch_rules,
    patch_watch,
    scaling_told,
)
from reconciler.model.resource import Resource
from reconciler.model.updates import UPDATES, Patch, RollBack
from reconciler.model.usage import Bounds, doubted
from reconciler.model.windows import coming

_MEASURED = "usage"
#: Findings that are good to know, and ask for nothing.
_ASIDE = frozenset(
    {"scaling-no-skill", "scaling-spike", "scaling-waits", "usage-doubtful"}
)


class Server(Resource[ServerChange]):
    """A machine at a cloud."""

    kind: ClassVar[str] = "Server"
    changes: ClassVar[tuple[type[ServerChange], ...]] = (
        Resize,
        GrowVolume,
        PowerOn,
        Patch,
        RollBack,
    )
    states: ClassVar[Mapping[str, type[State]]] = {
        SERVER: ServerState,
        OUTLOOK: OutlookState,
        **patch_rules.STATES,
    }
    listed_by_name: ClassVar[bool] = False
    recalls: ClassVar[bool] = True
    spec: ServerSpec

    @property
    def machine(self) -> str:
        """What its cloud calls it: an id or a name."""
        return self.spec.machine or self.name

    @property
    def listed_as(self) -> str:
        """What its cloud lists it as."""
        return self.machine

    @property
    def share(self) -> Share:
        """The cloud that has it."""
        return Share(self.spec.provider, SERVER)

    def shares(self) -> tuple[Share, ...]:
        """Return the cloud's share, and the panel that tells what there is newer."""
        spec = self.spec
        if spec.patching is None or spec.panel is None:
            return (self.share,)
        return (self.share, Share(spec.panel, UPDATES))

    def witnesses(self) -> tuple[Share, ...]:
        """Return the books of forecasts and of checks, where policies read them."""
        foreseen = (scaled.OUTLOOKS,) if self.spec.scaling else ()
        return (*foreseen, patch_rules.TROUBLES) if self.spec.patching else foreseen

    def probes(self) -> tuple[Share, ...]:
        """Return everybody who measures it, each once."""
        spec = self.spec
        named = (spec.provider, spec.panel, spec.metrics)
        accounts = dict.fromkeys(one for one in named if one is not None)
        return tuple(Share(one, _MEASURED) for one in accounts)

    def meant(self, state: ServerState) -> bool:
        """Say whether *state* is of the very machine this is about."""
        named = self.machine in {state.machine, state.name}
        return named and self.spec.region in {None, state.region}

    def _case(self, now: datetime) -> steps.Case:
        return steps.Case(self.share, self.spec, now)

    def diff(self, have: Have, now: datetime) -> Iterator[ServerChange]:
        """Yield what is missing; nothing is done to another machine."""
        state = have.get(self.share)
        if not isinstance(state, ServerState) or not self.meant(state):
            return
        yield from steps.changes(self._case(now), state)
        if (one := self._scaled(have, now)) is not None:
            yield from scaled.move(one)
        if (case := self._patched(have, now)) is not None:
            yield from patch_rules.changes(case)

    def _patched(self, have: Have, now: datetime) -> patch_rules.Case | None:
        """Return what decides about its patches, where a policy and a panel do."""
        spec, state = self.spec, have.get(self.share)
        if spec.patching is None or spec.panel is None:
            return None
        if (rules := self.makings.patching) is None:
            return None
        runs = (
            isinstance(state, ServerState)
            and self.meant(state)
            and (state.status, state.busy) == ("running", None)
        )
        share = Share(spec.panel, UPDATES)
        return patch_rules.Case(
            share, rules, spec.patching, runs, have, self.recorded, now
        )

    def _scaled(self, have: Have, now: datetime) -> scaled.Scaled | None:
        """Return what decides about its size, where a policy does."""
        state = have.get(self.share)
        if self.spec.scaling is None or not isinstance(state, ServerState):
            return None
        if not self.meant(state):
            return None
        return scaled.scaled(self._case(now), self.makings, self.recorded, have, state)

    def bounds(self, have: Have) -> Bounds:
        """Return the limits of the size it has, and those of the next smaller one."""
        state = have.get(self.share)
        if not isinstance(state, ServerState) or not self.meant(state):
            return Bounds()
        return scaled.bounds(self.spec, state)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what differs and is a person's to mend."""
        outlook = have.get(scaled.OUTLOOKS)
        if isinstance(outlook, OutlookState):
            yield from doubted(outlook)
        match have.get(self.share):
            case Absent():
                message = (
                    f"is not at {self.spec.provider}; no machine is made from here"
                )
                yield self.found(
                    "server-missing", Severity.ERROR, message, steps.MACHINE
                )
            case ServerState() as state if not self.meant(state):
                where = f" in {state.region}" if state.region else ""
                message = (
                    f"{self.machine} is {state.name}{where}: nothing is done to it"
                )
                yield self.found(
                    "server-differs", Severity.ERROR, message, steps.MACHINE
                )
            case ServerState() as state:
                yield from self._power(state)
                yield from self._sizes(state, now)
                yield from self._disks(state, now)
                yield from self._sized(have, now)
                yield from self._outdated(have, now)
            case _:
                pass

    def _outdated(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what a patch broke, and what is left as it is."""
        case = self._patched(have, now)
        for said in patch_rules.findings(case) if case else ():
            yield self.found(said.code, said.severity, said.message, patch_rules.FIELD)

    def _power(self, state: ServerState) -> Iterator[Finding]:
        if state.busy is not None:
            message = f"{self.spec.provider} still works on it: {state.busy}"
            yield self.found("server-busy", Severity.INFO, message)
        elif state.status == "off" and state.ours:
            since = f" since {state.since:%Y-%m-%d %H:%M}" if state.since else ""
            message = f"is off{since}: it was stopped for a change that did not end"
            yield self.found("server-left-off", Severity.CRITICAL, message)
        elif state.status == "off":
            message = "is off, and not by this tool: it is left alone"
            yield self.found("server-off", Severity.ERROR, message)

    def _sizes(self, state: ServerState, now: datetime) -> Iterator[Finding]:
        target = steps.wanted(self._case(now), state)
        if target is not None and target not in state.offers:
            message = f"{self.spec.provider} knows no size {target}"
            yield self.found("size-unknown", Severity.ERROR, message, steps.SIZE)

    def _disks(self, state: ServerState, now: datetime) -> Iterator[Finding]:
        for name, place, has, size in steps.disks(self._case(now), state):
            if size < has:
                message = (
                    f"{name} has {steps.text(has)} and never shrinks: write that down"
                )
                yield self.found("disk-larger", Severity.WARNING, message, place)
            elif size > has and name == ROOT and not state.disk_grows:
                message = (
                    f"its disk of {steps.text(has)} comes with its size: it grows with "
                    "a larger one and irreversible: [disk]"
                )
                yield self.found("disk-fixed", Severity.ERROR, message, place)
        for name in sorted(set(self.spec.volumes) - set(state.volumes)):
            message = f"has no volume {name}; none is made from here"
            field = f"{steps.VOLUMES}.{name}"
            yield self.found("volume-missing", Severity.ERROR, message, field)

    def _sized(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what its policy would do and may not, and what it cannot tell."""
        one = self._scaled(have, now)
        for said in scaling_told.said(one.sizing) if one else ():
            severity = Severity.INFO if said.code in _ASIDE else Severity.WARNING
            yield self.found(said.code, severity, said.message, steps.SIZE)

    def proposals(self, have: Have, now: datetime) -> Iterator[Proposal]:
        """Yield the range that its policy would rather have."""
        if (one := self._scaled(have, now)) is not None:
            yield from scaled.proposals(one)

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield how its size was moved, and what is foreseen, where a policy does."""
        if (one := self._scaled(have, now)) is not None:
            yield scaling_told.story(one.sizing, one.policy)
        if (case := self._patched(have, now)) is not None:
            yield patch_rules.story(case)

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return when its window opens or closes; now where forecasts are looked at."""
        del have
        if self.spec.scaling is not None or self.spec.patching is not None:
            return now
        span = coming(self.spec.windows, now)
        return None if span is None else span.end if span.start <= now else span.start

    def done(self, change: ServerChange, have: Have) -> bool | None:
        """Say whether *have* shows the effect; nobody can while its cloud is busy."""
        state = have.get(change.share)
        if isinstance(change, Patch | RollBack):
            return patch_rules.done(change, state)
        if not isinstance(state, ServerState) or not self.meant(state):
            return None
        if state.busy is not None or state.machine != change.details["machine"]:
            return None
        match change:
            case Resize():
                return state.size == change.details["size"]
            case PowerOn():
                return state.status == "running"
            case GrowVolume():
                return _has(state, str(change.details["volume"])) >= int(
                    str(change.details["bytes"])
                )

    def remembers(
        self, change: ServerChange, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what a policy asked for: what it may cost is counted."""
        if isinstance(change, Patch | RollBack):
            case = self._patched(have, ended.at)
            return {} if case is None else patch_watch.remembered(change, ended, case)
        return scaled.kept(change, ended, self.recorded)

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return what there is newer since when, and what patches led to."""
        case = self._patched(have, now)
        return {} if case is None else patch_watch.noticed(case)

    def pending(self, change: ServerChange, have: Have) -> str | None:
        """Say that its cloud still works on it."""
        state = have.get(change.share)
        if isinstance(change, Patch | RollBack):
            return patch_rules.pending(change, state)
        busy = state.busy if isinstance(state, ServerState) else None
        return f"{change.share.provider} still works on it: {busy}" if busy else None


def _has(state: ServerState, volume: str) -> int:
    found = state.disk if volume == ROOT else state.volumes.get(volume)
    return found or 0
