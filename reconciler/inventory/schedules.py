"""
In which order an invoice is announced, and followed up while it is not paid.

Pure. A policy that contradicts itself is refused with every contradiction at once: the
person who wrote it is there now, and is not when the step is reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from reconciler.inventory.node import Path
from reconciler.inventory.sentences import Said
from reconciler.kinds.dunning_policy import DunningPolicy
from reconciler.kinds.invoice_policy import InvoicePolicy
from reconciler.model import AnyResource, duration_text
from reconciler.model.terms import (
    APART,
    ATTEMPTS,
    WARNED,
    Deed,
    Dunning,
    Invoicing,
    Step,
)

_FIRST, _WARNING = "first-failure", "final-warning"
_SUSPEND: Final = "suspend"
_END: Final = "propose-termination"
_HARSH: Final[tuple[Deed, ...]] = (_SUSPEND, _END)


def contradictions(want: AnyResource | None) -> list[Said]:
    """Return where the schedule of *want* contradicts itself; none for other kinds."""
    found: list[Said] = []
    if isinstance(want, DunningPolicy):
        found = list(_dunning(want.spec))
    elif isinstance(want, InvoicePolicy):
        found = list(_invoicing(want.spec))
    at_once: dict[Path, Said] = {}
    for said in found:  # one place is one error: nobody mends one to meet the next
        first = at_once.get(said.path)
        whole = said if first is None else _both(first, said)
        at_once[said.path] = whole
    return list(at_once.values())


def _both(one: Said, other: Said) -> Said:
    hint = f"{one.hint}; {other.hint}"
    return one._replace(text=f"{one.text}; and {other.text}", hint=hint)


def _said(place: Sequence[str | int], what: str, hint: str) -> Said:
    return Said("E146", ("spec", *place), what, hint)


def _invoicing(spec: Invoicing) -> Iterator[Said]:
    for number, (earlier, later) in enumerate(pairwise(spec.remind_at), 1):
        if later >= earlier:
            what = f"{duration_text(later)} comes after {duration_text(earlier)}"
            hint = "write each once, the longest time first, as in [14d, 7d, 1d]"
            yield _said(("remindAt", number), what, hint)


def _dunning(spec: Dunning) -> Iterator[Said]:
    steps = spec.steps
    for number, (earlier, later) in enumerate(pairwise(steps), 1):
        if later.after <= earlier.after:
            gap = f"{duration_text(later.after)} follows {duration_text(earlier.after)}"
            what = f"{gap}: each step is later than the one before"
            yield _said(("steps", number, "after"), what, "sort the steps by after")
    if _FIRST not in steps[0].notices:
        what = "the first step does not tell the customer that the payment failed"
        yield _said(("steps", 0, "do"), what, f"add {{notify: {_FIRST}}} to it")
    for number, step in enumerate(steps):
        yield from _step(number, step)
    yield from _attempts(spec)
    yield from _order(steps)


def _step(number: int, step: Step) -> Iterator[Said]:
    place = ("steps", number, "do")
    if len(set(step.do)) != len(step.do):
        yield _said(place, "the same is written twice", "keep one of the two")
    if number and step.does("charge"):
        what = "the first attempt is made once, before everything else"
        yield _said(place, what, "write retry, or move charge to the first step")


def _attempts(spec: Dunning) -> Iterator[Said]:
    """Yield what is wrong with how often, and how soon, somebody is charged."""
    count = sum(deed in {"charge", "retry"} for s in spec.steps for deed in s.do)
    if count > spec.max_attempts:
        what = f"the steps make {count} attempts, and {spec.max_attempts} are allowed"
        hint = "take out a retry, or raise maxAttempts (8 at most)"
        yield _said(("maxAttempts",), what, hint)
    last: Step | None = None
    for number, step in enumerate(spec.steps):
        made = [deed for deed in step.do if deed in ATTEMPTS]
        if len(made) > 1:
            what = f"{' and '.join(map(str, made))} at once: one attempt a day"
            yield _said(("steps", number, "do"), what, "move one to a later step")
        if not made:
            continue
        if last is not None and last.after < step.after < last.after + APART:
            what = f"the attempt before is at {duration_text(last.after)}"
            hint = f"leave {APART.total_seconds() // 3600:.0f} hours between two"
            yield _said(("steps", number, "after"), what, hint)
        last = step


def _order(steps: Sequence[Step]) -> Iterator[Said]:
    """Yield what is done to a customer before something milder was."""
    warned = _earliest(step for step in steps if _WARNING in step.notices)
    suspended = _earliest(step for step in steps if step.does(_SUSPEND))
    retried = _earliest(step for step in steps if step.does("retry"))
    for number, step in enumerate(steps):
        place = ("steps", number, "do")
        if step.does(_SUSPEND) and (
            warned is None or step.after < warned.after + WARNED
        ):
            what = f"suspend without a {_WARNING} {WARNED.days} days before"
            yield _said(place, what, f"add {{notify: {_WARNING}}} to an earlier step")
        if step.does(_END) and (suspended is None or step.after <= suspended.after):
            what = f"{_END} without a suspend before"
            yield _said(place, what, "suspend in an earlier step")
        harsh = next((deed for deed in _HARSH if step.does(deed)), None)
        if harsh and retried is not None and step.after <= retried.after:
            what = f"{harsh} before the first retry"
            yield _said(place, what, "retry in an earlier step")


def _earliest(steps: Iterable[Step]) -> Step | None:
    return next(iter(steps), None)
