"""
What is patched when, and what follows where that broke something. Pure.

The same for accounts and machines: both name a PatchPolicy, and somebody tells what is
installed on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from pydantic import JsonValue

from reconciler.model.change import FieldChange
from reconciler.model.finding import Severity
from reconciler.model.follow import Chapter
from reconciler.model.observed import PUBLIC, Have, Observed, Share, State
from reconciler.model.patch_record import Entry, entries, known
from reconciler.model.patch_watch import verdict
from reconciler.model.patching import Patching, When
from reconciler.model.plan import sha256
from reconciler.model.updates import (
    FRONT,
    TROUBLE,
    UPDATES,
    Component,
    FrontState,
    Look,
    Patch,
    RollBack,
    TroubleState,
    UpdatesState,
)
from reconciler.model.usage import USAGE
from reconciler.model.windows import Span, coming

FIELD: Final = "spec.patching"
#: Who tells how sites look from outside, and what our own checks have found.
FRONTS: Final = Share(PUBLIC, FRONT)
TROUBLES: Final = Share(USAGE, TROUBLE)
WITNESSES: Final = (FRONTS, TROUBLES)
#: The states that a kind is told, which is patched.
STATES: Final[Mapping[str, type[State]]] = {
    UPDATES: UpdatesState,
    FRONT: FrontState,
    TROUBLE: TroubleState,
}
#: What is installed in the background is given so long.
SLOW: Final = timedelta(hours=2)
_FIRST: Final = ("security", "minor", "major")


class Case(NamedTuple):
    """
    One resource that a policy patches.

    Attributes:
        share: Who tells what is installed.
        policy: The name of the PatchPolicy.
        runs: It is in service: nothing is patched that is suspended, busy or ends.
        recorded: What the records remember of it.
    """

    share: Share
    rules: Patching
    policy: str
    runs: bool
    have: Have
    recorded: Mapping[str, JsonValue]
    now: datetime

    @property
    def state(self) -> UpdatesState | None:
        """What is installed; None where nobody knows."""
        found = self.have.get(self.share)
        return found if isinstance(found, UpdatesState) else None

    @property
    def trouble(self) -> TroubleState | None:
        """What our own checks say; None where there are none."""
        found: Observed | None = self.have.get(TROUBLES)
        return found if isinstance(found, TroubleState) else None

    def look(self, site: str) -> Look | None:
        """Return how *site* looks from outside; None where nobody knows."""
        found = self.have.get(FRONTS)
        return found.looks.get(site) if isinstance(found, FrontState) else None

    @property
    def last(self) -> Entry | None:
        """The last patch, with what is known of it by now."""
        found = entries(self.recorded)
        if not found:
            return None
        front, trouble = self.have.get(FRONTS), self.trouble
        seen = front if isinstance(front, FrontState) else None
        return verdict(found[-1], self.rules, seen, trouble, self.now)


class Said(NamedTuple):
    """A finding, before it is known whose."""

    code: str
    severity: Severity
    message: str


def changes(case: Case) -> Iterator[Patch | RollBack]:
    """Yield what has to be put back, else what may be newer; nothing in doubt."""
    state, last = case.state, case.last
    if state is None or state.busy is not None or not case.runs:
        return
    if last is not None and last.result == "broke":
        if _can_go_back(case, last):
            yield _back(case, last)
        return
    if last is not None and last.result == "left":
        return  # a finding says so: first it has to be mended
    for one in _pending(case):
        if (change := _patch(case, one, last)) is not None:
            yield change


def _can_go_back(case: Case, last: Entry) -> bool:
    """Say whether what broke is put back by itself: it is there, and may be."""
    here = case.state.of(last.site, last.id) if case.state else None
    is_there = here is not None and here.back and here.current == last.to
    return case.rules.roll_back and is_there


def _pending(case: Case) -> list[Component]:
    """Return what there is newer and may be installed, weaknesses first."""
    state = case.state
    found = [one for one in (state.components if state else ()) if one.target]
    chosen = [one for one in found if _leave(case, one) is None]
    return sorted(chosen, key=lambda one: (_FIRST.index(one.sort), one.site, one.id))


def _leave(case: Case, one: Component) -> str | None:
    """Say why *one* is not touched; None where it may be."""
    if one.id in case.rules.exclude:
        return "it is excluded"
    if not one.able:
        return "it cannot be updated from here"
    when = _when(case, one)
    if when == "never":
        return f"{one.sort}: never"
    if when != "now" and coming(case.rules.windows, case.now) is None:
        return f"{one.sort}: {when}, and there are no windows"
    return None


def _when(case: Case, one: Component) -> When:
    found: When = getattr(case.rules, one.sort)
    return found


def since(case: Case, one: Component) -> datetime | None:
    """Return when *one* became known, by its vendor or by our own records."""
    return one.since or known(case.recorded).get(one.mark)


def _patch(case: Case, one: Component, last: Entry | None) -> Patch | None:
    rules, now = case.rules, case.now
    seen = since(case, one)
    later: datetime | None = None
    if one.sort != "security":
        later = (seen or now) + rules.wait
    span = coming(rules.windows, max(now, later or now))
    when = _when(case, one)
    shut = _shut(span, now) if when == "approve" else None
    if when == "window" and span is not None:
        later = max(later or now, span.start)
    blocked = _blocked(case, last) or shut
    look = case.look(one.site) if one.site else None
    details: dict[str, JsonValue] = {
        "id": one.id,
        "site": one.site,
        "sort": one.sort,
        "from": one.current,
        "to": one.target,
        "policy": case.policy,
        "front": look.model_dump() if look else None,
    }
    if blocked:
        details["blocked"] = blocked
    if one.slow:
        details["until"] = (now + SLOW).isoformat()
    where = f" of {one.site}" if one.site else ""
    return Patch(
        share=case.share,
        fields=_fields(one.site, one.id, one.current, one.target),
        because=f"{one.sort} update of {one.id}{where}: PatchPolicy/{case.policy}",
        generation=sha256(["patch", one.site, one.id, one.target]),
        hold=blocked or _doubt(case, one, look, when),
        not_before=later if later and later > now else None,
        due=(seen or now) if one.sort == "security" else None,
        details=details,
    )


def _fields(
    site: str, name: str, before: str, after: str | None
) -> tuple[FieldChange, ...]:
    field = f"{FIELD} {site} {name}".replace("  ", " ")
    return (FieldChange(field=field, before=before, after=after),)


def _shut(span: Span | None, now: datetime) -> str | None:
    """Say that its window is closed, where it has to be agreed to in advance."""
    if span is None or span.start <= now:
        return None
    return f"waits for its window: {span.start:%Y-%m-%d %H:%M} UTC"


def _blocked(case: Case, last: Entry | None) -> str | None:
    """Say what has to be over first, whoever agrees."""
    trouble = case.trouble
    if trouble is not None and trouble.since is not None:
        return f"something is wrong with it already: {trouble.why}"
    if trouble is not None and trouble.doubt:
        return "its last look was bad: nobody knows yet whether it works"
    if last is not None and last.result == "watched":
        until = last.at + case.rules.watch
        return f"{last.said} is still watched, until {until:%Y-%m-%d %H:%M} UTC"
    if case.rules.check and (trouble is None or trouble.seen is None):
        return (
            f"HealthCheck/{case.rules.check} was never looked at: nobody would see "
            "that it broke"
        )
    return None


def _doubt(case: Case, one: Component, look: Look | None, when: When) -> str | None:
    """Say why a person looks first."""
    broke = [e for e in entries(case.recorded) if e.mark == one.mark and e.why]
    if broke:
        return f"it broke the site on {broke[-1].at.date()}: {broke[-1].why}"
    if when == "approve":
        return f"a {one.sort} update: a person agrees first"
    if case.rules.check or not one.site:
        return None
    if look is None:
        return "nobody sees from outside whether it works afterwards"
    if not look.good:
        said = f"answers {look.status}" if look.status else "answers nothing"
        return f"{one.site} {said} already: nobody could tell what an update does"
    return None


def _back(case: Case, last: Entry) -> RollBack:
    details: dict[str, JsonValue] = {
        "id": last.id,
        "site": last.site,
        "sort": last.sort,
        "from": last.to,
        "to": last.was,
        "at": last.at.isoformat(),
    }
    return RollBack(
        share=case.share,
        fields=_fields(last.site, last.id, last.to, last.was),
        because=f"{last.said} broke it: {last.why}",
        # Of one patch once: a second one would undo what somebody mended since.
        generation=sha256(["roll-back", last.mark, last.at.isoformat()]),
        details=details,
    )


def findings(case: Case) -> Iterator[Said]:
    """Yield what broke, and what is not installed although there is something newer."""
    last = case.last
    if last is not None and last.result in {"broke", "left"}:
        by_itself = last.result == "broke" and _can_go_back(case, last)
        then = "it is put back" if by_itself else "put it back, or mend it"
        message = f"{last.said} broke it: {last.why}; {then}; nothing else is patched"
        yield Said("patch-broke", Severity.CRITICAL, message)
    if last is not None and last.result == "put-back":
        message = (
            f"{last.said} broke it on {last.at.date()} ({last.why}) and was put back: "
            "it is not tried again without a person"
        )
        yield Said("patch-put-back", Severity.ERROR, message)
    state = case.state
    for one in state.components if state else ():
        why = _leave(case, one) if one.target else None
        if why is not None:
            where = f" of {one.site}" if one.site else ""
            message = (
                f"{one.id}{where} has a {one.sort} update, {one.current} to "
                f"{one.target}: {why}"
            )
            weak = one.sort == "security"
            severity = Severity.WARNING if weak else Severity.INFO
            yield Said("update-left", severity, message)


def story(case: Case) -> Chapter:
    """Return what was patched, and what came of it."""
    lines = [
        f"{one.at:%Y-%m-%d %H:%M}  {one.said}: {one.result}"
        + (f" ({one.why})" if one.why else "")
        for one in entries(case.recorded)
    ]
    lines += [f"{one.id} {one.current}: {one.target} waits" for one in _pending(case)]
    return Chapter(f"patched by {case.policy}", tuple(lines or ["nothing yet"]))


def done(change: Patch | RollBack, observed: Observed | None) -> bool | None:
    """Say whether *observed* shows what *change* installs; None if it cannot tell."""
    if not isinstance(observed, UpdatesState):
        return None
    details = change.details
    here = observed.of(str(details["site"]), str(details["id"]))
    if here is None:
        return None
    if here.current == details["to"]:
        return True
    return False if here.current == details["from"] else None


def pending(change: Patch | RollBack, observed: Observed | None) -> str | None:
    """Say that a slow one is still being installed, for as long as that may take."""
    until = change.details.get("until")
    if not isinstance(observed, UpdatesState) or not isinstance(until, str):
        return None
    if observed.at is None or observed.at >= datetime.fromisoformat(until):
        return None
    return f"{change.share.provider} still installs {change.details['id']}"
