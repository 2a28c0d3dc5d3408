"""One probe run: ask, judge the sources, keep, and foresee what has to be foreseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from reconciler.audit.outlooks import outlooks, renew
from reconciler.audit.usage_store import Archive, Measured, latest, refusal
from reconciler.cli.accounts import holding, probing
from reconciler.cli.progress import reading
from reconciler.cli.usage_books import paced, shelf, usage_store
from reconciler.engine import World, observe
from reconciler.engine.doubt import Two, by_source, doubt, judged
from reconciler.engine.foresee import HISTORY, Case, Sight, foresee, sort
from reconciler.engine.probing import Probed, probe
from reconciler.model import Absent, AnyResource, Finding, Ref, Unknown
from reconciler.model.usage import (
    DAY,
    OUTLOOK,
    Bounds,
    OutlookState,
    Reading,
    UsageState,
)

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.engine.foresee import Predict

Latest = Mapping[tuple[Ref, str], tuple[str, Reading]]


class Missed(NamedTuple):
    """What was not read, and why; ``gone``: its source does not know it."""

    ref: Ref
    source: str
    why: str
    gone: bool = False


class Result(NamedTuple):
    """
    What one run did.

    Attributes:
        read: How many resources were measured, ``readings`` how often.
        missed: What could not be read.
        doubts: Why a source is not believed.
        foreseen: What was foreseen anew, of so many that are ``scaled``.
        kept: Whether anything of it was new.
    """

    at: datetime
    sources: int
    read: int
    readings: int
    missed: tuple[Missed, ...]
    doubts: Mapping[str, str]
    findings: tuple[Finding, ...]
    foreseen: Mapping[Ref, OutlookState]
    scaled: int
    kept: bool

    @property
    def whole(self) -> bool:
        """Whether everything was read and is believed."""
        return not self.doubts and all(one.gone for one in self.missed)


def run(
    project: Project, wants: Sequence[AnyResource], predict: Predict, *, local: bool
) -> Result:
    """
    Measure what *wants* use, and keep it.

    Raises:
        ReconcilerError: What is kept cannot be read or written. What was measured
            waits on this machine then.
    """
    with closing(probing(project, wants)) as accounts, reading(project, accounts):
        probed = probe(wants, accounts)
    now = project.clock()
    store = usage_store(project, local=local)
    before = latest(store.files(), now)
    found = _read(probed, now)
    bounds = _bounds(project, wants)
    doubts, fine = _doubts(found.measured, before, bounds)
    measured = [
        one._replace(believed=one.source not in doubts) for one in found.measured
    ]
    kept = store.add(measured, now)
    project.cache.close()
    outlook = shelf(project, OUTLOOK, local=local)
    old = outlooks(outlook.files())
    every = paced(project) if bounds else DAY
    judged_fine = None if not project.partial else frozenset(fine)
    sight = Sight(doubts, judged_fine, now, every)
    due, new = sort(_cases(wants, bounds, measured), old, sight)
    archive = Archive(store.files(), now - HISTORY, due)
    for ref, case in due.items():
        new[ref] = foresee(case._replace(hours=archive.of(ref)), predict, now)
    if new:
        renew(outlook, new, now, _keep(project))
    return Result(
        at=now,
        sources=len({share for seen in probed.seen.values() for share in seen}),
        read=len({one.ref for one in measured}),
        readings=len(measured),
        missed=tuple(found.missed),
        doubts=doubts,
        findings=probed.findings,
        foreseen={ref: new[ref] for ref in due},
        scaled=len(bounds),
        kept=kept,
    )


def _keep(project: Project) -> Callable[[Ref], bool]:
    """Return whether a forecast is still of something that there is."""
    there = frozenset(project.inventory.addresses())
    return lambda ref: ref in there


class _Found(NamedTuple):
    measured: list[Measured]
    missed: list[Missed]


def _read(probed: Probed, now: datetime) -> _Found:
    """Return what was measured, as far as it can be kept, and what was not."""
    found = _Found([], [])
    for ref, seen in sorted(probed.seen.items()):
        for share, state in sorted(seen.items()):
            match state:
                case UsageState():
                    _sort(found, ref, state, now)
                case Absent():
                    why = f"{share.provider} does not know it"
                    found.missed.append(Missed(ref, share.provider, why, gone=True))
                case Unknown():
                    found.missed.append(Missed(ref, share.provider, state.why))
                case _:
                    why = f"{share.provider} measures nothing"
                    found.missed.append(Missed(ref, share.provider, why))
    return found


def _sort(found: _Found, ref: Ref, state: UsageState, now: datetime) -> None:
    refused: dict[str, None] = {}
    for one in state.readings:
        why = refusal(one, now)
        if why is None:
            found.measured.append(Measured(ref, state.source, one))
        else:
            refused[why] = None
    found.missed.extend(Missed(ref, state.source, why) for why in refused)


def _bounds(project: Project, wants: Sequence[AnyResource]) -> dict[Ref, Bounds]:
    """Return what bounds everything that is scaled; those in a range are looked at."""
    scaled = [want for want in wants if want.makings.scaling is not None]
    found = {want.ref: want.bounds({}) for want in scaled}
    unsure = [want for want in scaled if not found[want.ref].limits]
    if unsure:
        with closing(holding(project, unsure)) as accounts:
            world: World = observe(unsure, accounts)
        found |= {want.ref: want.bounds(world.have(want)) for want in unsure}
    return found


def _doubts(
    measured: Sequence[Measured], before: Latest, bounds: Mapping[Ref, Bounds]
) -> tuple[dict[str, str], list[str]]:
    """Return why sources are not believed, and which ones were judged and are."""

    def pairs() -> Iterator[tuple[str, Ref, Two]]:
        for one in measured:
            last, metric = before.get((one.ref, one.reading.metric)), one.reading.metric
            limit = one.reading.limit
            if limit is None and one.ref in bounds:
                limit = bounds[one.ref].limits.get(metric)
            now = one.reading._replace(limit=limit)
            yield one.source, one.ref, Two(now, last[1] if last else None)

    read = by_source(pairs())
    found = {source: doubt(of) for source, of in read.items()}
    fine = [source for source, of in read.items() if judged(of) and not found[source]]
    return {source: why for source, why in found.items() if why}, fine


def _cases(
    wants: Sequence[AnyResource],
    bounds: Mapping[Ref, Bounds],
    measured: Sequence[Measured],
) -> Iterator[tuple[Case, dict[str, Reading]]]:
    """Yield everything that is scaled and was measured now, with its last readings."""
    newest: dict[Ref, dict[str, Reading]] = {}
    sources: dict[Ref, str] = {}
    for one in sorted(measured, key=lambda one: one.reading.at):
        if one.ref in bounds:
            newest.setdefault(one.ref, {})[one.reading.metric] = one.reading
            sources.setdefault(one.ref, one.source)
            if not one.believed:
                sources[one.ref] = one.source
    for want in wants:
        policy = want.makings.scaling
        if policy is not None and want.ref in newest:
            case = Case(want.ref, policy, bounds[want.ref], sources[want.ref])
            yield case, newest[want.ref]
