"""What is told, kept and proposed of what scales, whatever its sizes are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from reconciler.model.adoption import Edit, Proposal
from reconciler.model.change import Change
from reconciler.model.follow import Chapter, Ended
from reconciler.model.money import Money
from reconciler.model.scaling_rules import DOUBTED, decide
from reconciler.model.sizing import Decision, Moved, Sizing, lent, pictured, remembered


class Said(NamedTuple):
    """A finding: how urgent is left to whoever tells it."""

    code: str
    message: str


def said(sizing: Sizing) -> Iterator[Said]:
    """Yield what a person should know, whether anything is done or not."""
    found = decide(sizing)
    for note in found.notes:
        if note.code != DOUBTED:
            yield Said(note.code, note.said)
    if found.outside is not None or (found.because and found.way is None):
        ready = "; `reconciler propose` has the patch" if found.outside else ""
        yield Said("scaling-outside", f"{found.because}{ready}")
    if found.way is not None and not found.acts:
        message = f"{found.because}; `reconciler propose` has the patch"
        yield Said("scaling-recommended", message)


def asked(sizing: Sizing, policy: str, found: Decision) -> dict[str, JsonValue]:
    """Return what a change says of itself that *policy* asks for."""
    here = sizing.ladder[sizing.at].name
    loan = lent(sizing.past, here) if found.way == "burst" else None
    told: dict[str, JsonValue] = {
        "scaling": policy,
        "way": found.way,
        # Where a burst goes back to, else where it is.
        "from": loan.was if loan else here,
        "rise": str(found.rise) if found.rise else "",
    }
    if found.outlook is not None:
        told["chart"] = pictured(found.outlook.metric, found.outlook)
    return told


def kept(
    change: Change, to: str, ended: Ended, recorded: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return what the record keeps of a move to what ``details[to]`` names."""
    if ended.status != "applied":
        return {}
    match [change.details.get(key) for key in ("scaling", "way", "from", to)]:
        case [str(), "up" | "burst" | "back" | "down" as way, str(was), str(name)]:
            rise = str(change.details.get("rise") or "")
            more = Money.read(rise) if rise else None
            return remembered(recorded, Moved(ended.at, way, was, name, more))
        case _:
            return {}


def proposals(
    sizing: Sizing, field: str, now: tuple[str, str] | None
) -> Iterator[Proposal]:
    """
    Yield what git could say, where the policy may not act itself.

    *now* is the range that *field* (of the spec) has; None: it is a single name.
    """
    found = decide(sizing)
    low, high = sizing.ladder[0].name, sizing.ladder[-1].name

    def between(low: str, high: str) -> Edit:
        return _range(field.removeprefix("spec."), now, low, high)

    if found.outside is not None:
        yield Proposal(field, between(low, found.outside.name), found.because)
    elif found.to is not None and not found.acts:
        to = found.to.name
        up = found.way in {"up", "burst"}
        narrow = between(to, high) if up else between(low, to)
        yield Proposal(field, narrow, found.because)


def _range(key: str, now: tuple[str, str] | None, low: str, high: str) -> Edit:
    """Return the smallest edit that makes the range go from *low* to *high*."""
    if low == high:
        return Edit((key,), low)
    if now is None:
        return Edit((key,), {"min": low, "max": high})
    return Edit((key, "min"), low) if now[0] != low else Edit((key, "max"), high)


def story(sizing: Sizing, policy: str) -> Chapter:
    """Return how it was moved, and what the policy thinks of it now."""
    found, here = decide(sizing), sizing.ladder[sizing.at].name
    lines = [
        f"{each.at:%Y-%m-%d %H:%M}  {each.way} from {each.was} to {each.to}"
        + (f", {each.rise} a month more" if each.rise else "")
        for each in sizing.past
    ]
    lines.append(found.because or f"{here} is enough")
    lines += [note.said for note in found.notes]
    return Chapter(f"scaled by {policy}  now on {here}", tuple(lines))
