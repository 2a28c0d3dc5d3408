"""What follows from a resource beside its changes: memories, others, letters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import JsonValue

from reconciler.model.observed import Share
from reconciler.model.ref import Ref


class Ended(NamedTuple):
    """
    How one action ended, for what a resource remembers of it.

    Attributes:
        status: ``applied``, or ``failed`` and ``not_applied``: there was no effect.
        at: When that became known.
        attempt: Which attempt at it.
        evidence: What the vendor handed back; of money that was refused, ``declined``
            (``soft``, ``hard`` or ``action``) and ``code``.
        error: What failed, in the words of the audit log; empty where nothing did.
    """

    status: Literal["applied", "not_applied", "failed"]
    at: datetime
    attempt: int
    evidence: Mapping[str, JsonValue] = {}
    error: str = ""


class Sway(NamedTuple):
    """
    What one resource wants of another that leaves it open (``state: follow``).

    Attributes:
        of: Whom it is about.
        by: Who wants it.
        says: The word that the other kind knows, as in ``suspended``.
        why: What is wrong; empty where nothing is.
        about: What it follows from, the same for as long as it does; part of an id.
        since: From when on.
        not_before: Nobody is disturbed earlier: what follows from it waits till then.
    """

    of: Ref
    by: Ref
    says: str
    why: str
    about: str = ""
    since: datetime | None = None
    not_before: datetime | None = None


class Chapter(NamedTuple):
    """
    A part of what happened to a resource, or of what comes next, for people.

    Attributes:
        title: As in ``2026-12-01 to 2026-12-31  39.00 EUR  UNPAID``.
        lines: In the order of time.
        follows: Of what comes: what will be done about what is wrong now, and when;
            nobody has to do anything for it.
    """

    title: str
    lines: tuple[str, ...] = ()
    follows: str = ""


class Letter(NamedTuple):
    """
    Something that a customer has to be told, once.

    Attributes:
        key: What it is remembered by in the record of who sends it: once there,
            it is not sent again.
        text: The name of its text.
        customer: The name of the Customer.
        values: What the text says, by the names of its placeholders; never a secret.
        about: The Share and id of the bill whose hosted page or document goes along.
        update: The Share and its token of a method, where the page goes along on which
            its owner enters another one.
        names: Placeholders that say what another resource is called (``called``).
        shown: It is only said once all of these look so: whom, and the word of a Sway.
        facts: What is recorded the moment it is sent: what it promises.
        firm: It only counts as told where it was taken, and did not come back.
    """

    key: str
    text: str
    customer: str
    values: Mapping[str, str] = {}
    about: tuple[Share, str] | None = None
    update: tuple[Share, str] | None = None
    names: Mapping[str, Ref] = {}
    shown: tuple[tuple[Ref, str], ...] = ()
    facts: Mapping[str, JsonValue] = {}
    firm: bool = False
