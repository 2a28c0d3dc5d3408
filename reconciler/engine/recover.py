"""What became of the actions that an earlier run began and never saw end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import ValidationError

from reconciler.audit import Intent, OpenIntent
from reconciler.engine.observe import Accounts, World
from reconciler.errors import Declined, ProviderError
from reconciler.model import (
    Action,
    AnyDriver,
    AnyResource,
    Change,
    Money,
    OpClass,
    Risk,
    Unknown,
    sha256,
)

Fate = Literal["applied", "not_applied", "resend", "pending", "unknown"]


class Resolution(NamedTuple):
    """
    What is known now about one open intent.

    Attributes:
        fate: ``applied`` and ``not_applied`` close it; ``resend`` may be sent again
            under the same key; ``pending``: its account still works on it;
            ``unknown`` waits for time or for a person.
        why: For people.
        action: The action as the journal has it, where it can be rebuilt.
        declined: How it was refused, where the vendor's books tell.
    """

    intent: Intent
    fate: Fate
    why: str
    action: Action | None = None
    declined: Declined | None = None


def resolve(
    opened: Iterable[OpenIntent],
    wants: Mapping[tuple[str, str], AnyResource],
    world: World,
    accounts: Accounts,
    *,
    now: datetime,
) -> list[Resolution]:
    """Return what became of each open intent; reads only, never acts."""
    return [_resolved(one, wants, world, accounts, now) for one in opened]


def rebuilt(intent: Intent, want: AnyResource) -> Change | None:
    """
    Return the change exactly as it was journalled, or None if it cannot be trusted.

    A change whose hash is not the one recorded with the key is refused: the same
    key must never be sent with another body.
    """
    if sha256(intent.change) != intent.body:
        return None
    for kind in type(want).changes:
        if kind.model_fields["verb"].default == intent.verb:
            try:
                return kind.model_validate(intent.change)
            except ValidationError:
                return None
    return None


def _resolved(
    opened: OpenIntent,
    wants: Mapping[tuple[str, str], AnyResource],
    world: World,
    accounts: Accounts,
    now: datetime,
) -> Resolution:
    intent = opened.intent
    want = wants.get((intent.kind, intent.uid))
    if want is None:
        return Resolution(intent, "unknown", "its resource is no longer declared")
    change = rebuilt(intent, want)
    if change is None:
        return Resolution(intent, "unknown", "the journalled change cannot be rebuilt")
    driver = accounts.drivers.get(change.share)
    if driver is None:
        return Resolution(intent, "unknown", "its account is no longer declared")
    have = world.have(want)
    action = Action(
        intent.id,
        want,
        change,
        OpClass(intent.op_class),
        ceiling=Money.model_validate(intent.ceiling) if intent.ceiling else None,
        attempt=intent.attempt,
    )
    if isinstance(have.get(change.share, Unknown(why="")), Unknown):
        return Resolution(intent, "unknown", "its account cannot be read", action)
    if want.done(change, have):
        why = "the account shows its effect"
        return Resolution(intent, "applied", why, action)
    if pending := want.pending(change, have):
        return Resolution(intent, "pending", pending, action)
    return _unseen(opened, action, driver, now)


def _unseen(
    opened: OpenIntent, action: Action, driver: AnyDriver, now: datetime
) -> Resolution:
    """The account does not show the effect: not sent, refused, or not visible yet."""
    intent = opened.intent
    age, kept = now - intent.time, driver.remembered(action.change)
    if action.op_class is OpClass.KEYED and kept and age < kept / 2:
        why = "the vendor remembers its key: sending it again has one effect"
        return Resolution(intent, "resend", why, action)
    try:
        told = _happened(opened, action, driver)
    except Declined as no:
        return Resolution(intent, "not_applied", no.what, action, no)
    except ProviderError as error:
        return Resolution(intent, "unknown", error.what, action)
    if told:
        why = "the vendor's books show it"
        return Resolution(intent, "applied", why, action)
    if action.op_class is OpClass.BLIND:
        why = "its answer was lost, and nothing can tell what happened"
        return Resolution(intent, "unknown", why, action)
    if now - _last_sent(opened) < driver.settled_after(action.change):
        why = "its answer was lost, and a read may still be stale"
        return Resolution(intent, "unknown", why, action)
    if told is False or action.change.risk is not Risk.MONEY:
        why = "neither the account nor the vendor's books show it"
        return Resolution(intent, "not_applied", why, action)
    why = "its answer was lost, and the vendor cannot tell whether it was paid"
    return Resolution(intent, "unknown", why, action)


def _last_sent(opened: OpenIntent) -> datetime:
    """Return the last moment at which a run set out to send it."""
    return opened.again or opened.intent.time


def _happened(opened: OpenIntent, action: Action, driver: AnyDriver) -> bool | None:
    """
    Say whether it took effect, whenever it was sent.

    What was sent again may have had its effect hours after it was begun. So books that
    were fresh enough for the first time prove nothing: they have to be for the last.
    """
    want, change, key = action.want, action.change, action.key
    told = driver.happened(want, change, key, opened.intent.time)
    if told is False and opened.again is not None:
        return driver.happened(want, change, key, opened.again)
    return told
