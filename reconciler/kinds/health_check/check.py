"""A health check: what is looked at from outside, and when it is down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final

from reconciler.kinds.health_check.spec import HealthCheckSpec
from reconciler.kinds.health_check.state import (
    Budget,
    HealthState,
    Uptime,
    moment,
)
from reconciler.model import Change as AnyChange
from reconciler.model import Chapter, Finding, Have, Severity, Share, State, Unknown
from reconciler.model.calendar import duration_text
from reconciler.model.resource import Resource
from reconciler.model.usage import HEALTH, USAGE

#: Who remembers what the looks have shown.
KEPT: Final = Share(USAGE, HEALTH)
#: Nobody came for so many times the promised while: it is said.
LATE: Final = 3
_PAGES: Final = {"fast": "2% of it in an hour", "slow": "5% of it in six hours"}


class HealthCheck(Resource[AnyChange]):
    """A look at something of ours, as visitors have it; nothing acts on it."""

    kind: ClassVar[str] = "HealthCheck"
    states: ClassVar[Mapping[str, type[State]]] = {HEALTH: HealthState}
    spec: HealthCheckSpec

    def witnesses(self) -> tuple[Share, ...]:
        """Return the books of all looks: no plan looks itself."""
        return (KEPT,)

    def relies_on(self, witness: Share) -> bool:
        """Say no: that nobody looks is a finding, and no reason to plan less."""
        del witness
        return False

    @property
    def patience(self) -> timedelta:
        """How long after a look it is known how it is."""
        return self.spec.every * LATE

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what is down, what burns, and of what nobody knows."""
        match have.get(KEPT):
            case HealthState() as state:
                yield from self._told(state, now)
            case _:
                pass

    def _told(self, state: HealthState, now: datetime) -> Iterator[Finding]:
        if now - (state.seen or state.since) > self.patience:
            message = f"nobody knows how {self.spec.of} is {_since_when(state)}"
            yield self.found("check-unknown", Severity.WARNING, message, "spec.every")
        elif state.phase == "flapping":
            message = f"{self.spec.of} comes and goes since {moment(state.since)}"
            message += _because(state)
            yield self.found("site-flapping", self._loudness(state), message)
        elif state.ill:
            yield self.found("site-down", self._loudness(state), self._down(state))
        if state.budget is not None and state.budget.burning:
            yield self._burning(state.budget)

    def _loudness(self, state: HealthState) -> Severity:
        """Return how loud it is; one check speaks for all of an incident."""
        if not state.lead or state.maintenance:
            return Severity.INFO
        if state.phase == "flapping":
            return Severity.WARNING
        return Severity(self.spec.severity)

    def _down(self, state: HealthState) -> str:
        root = state.root or self.spec.of
        where = root if state.lead else self.spec.of
        said = f"{where} is down since {moment(state.since)}{_because(state)}"
        if state.phase == "recovering":
            said += "; it begins to answer again"
        if not state.lead:
            return f"{said}; a part of {root}"
        if state.others:
            said += f"; {state.others} more checks with it"
        return said

    def _burning(self, budget: Budget) -> Finding:
        what = _PAGES.get(budget.burning, "10% of it in three days")
        said = (
            f"its error budget burns {budget.rate / 100:.1f} times faster than it may "
            f"({what}); {_left(budget.allowed - budget.spent)} left"
        )
        severity = Severity.WARNING if budget.burning == "steadily" else Severity.ERROR
        return self.found("slo-burning", severity, said, "spec.slo")

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return when nobody will have come for too long."""
        state = have.get(KEPT)
        if not isinstance(state, HealthState):
            return None
        late = (state.seen or state.since) + self.patience
        return late + timedelta(seconds=1) if late >= now else None

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield how it is, since when, and how it was."""
        match have.get(KEPT):
            case HealthState() as state:
                yield from self._chapters(state, now)
            case Unknown() as unknown:
                yield Chapter("nobody looked", (unknown.why,))
            case _:
                yield Chapter("nobody looked", ("reconciler health check",))

    def _chapters(self, state: HealthState, now: datetime) -> Iterator[Chapter]:
        spec = self.spec
        seen = "never" if state.seen is None else moment(state.seen)
        lines = [f"{spec.of}, by {spec.type}; seen last {seen}"]
        if state.why:
            lines.append(state.why)
        if now - (state.seen or state.since) > self.patience:
            lines.append(f"promised every {duration_text(spec.every)}: nobody came")
        yield Chapter(
            f"{state.phase.upper()} since {moment(state.since)}", tuple(lines)
        )
        if state.incident is not None:
            more = f" and {state.others} more checks" if state.others else ""
            yield Chapter(
                f"incident {state.incident}",
                (f"at {state.root}{more}", "reconciler health incidents"),
            )
        yield Chapter("thirty days", tuple(said(state.month)))
        if state.budget is not None and spec.slo is not None:
            left = _left(state.budget.allowed - state.budget.spent)
            yield Chapter("error budget", (f"{left} of {_span(state.budget.allowed)}",))


def said(uptime: Uptime) -> Iterator[str]:
    """Yield what people want to know of a time: no figure without what is unknown."""
    if uptime.share is None or uptime.least is None:
        yield "nothing is known"
        return
    yield f"up {percent(uptime.share)} of the time that is known"
    if uptime.unknown:
        least = percent(uptime.least)
        yield f"unknown for {_span(uptime.unknown)}: at least {least} in all"
    if uptime.maintenance:
        yield f"maintenance for {_span(uptime.maintenance)}, which does not count"


def percent(share: float) -> str:
    """Return *share*, never rounded up to all of it."""
    thousandths = int(share * 100_000)
    return f"{thousandths / 1000:.3f}%"


def _span(seconds: int) -> str:
    minutes, hours = seconds // 60, seconds // 3600
    return f"{hours}h {minutes % 60}m" if hours else f"{minutes}m {seconds % 60}s"


def _left(seconds: int) -> str:
    return f"{_span(seconds)}" if seconds > 0 else "nothing"


def _since_when(state: HealthState) -> str:
    return "at all" if state.seen is None else f"since {moment(state.seen)}"


def _because(state: HealthState) -> str:
    return f": {state.why}" if state.why else ""
