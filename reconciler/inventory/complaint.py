"""What is wrong, before it is an error: placed, and joined with its like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from reconciler.errors import InventoryError
from reconciler.inventory.codes import TABLE
from reconciler.model.location import Location

_SHOWN = 120


class Complaint(NamedTuple):
    """
    One thing wrong at one place.

    Attributes:
        at: Where it was written.
        what: What is wrong; begins with the address, where there is one.
        user: Who inherits it, where it was written in defaults, in a RecordSet or in
            a SiteProfile.
        cause: What makes it one and the same for all who inherit it; the text, where
            it is empty.
    """

    code: str
    at: Location
    what: str
    hint: str | None = None
    user: str | None = None
    cause: str = ""


def errors_of(
    complaints: Iterable[Complaint], secrets: Sequence[str] = ()
) -> list[InventoryError]:
    """
    Return one error for each cause, in the order of their places.

    Complaints of one code, place and cause are one error; *secrets* are cut out of
    every message.
    """
    causes: dict[tuple[str, Location, str], list[Complaint]] = {}
    for complaint in complaints:
        key = (complaint.code, complaint.at, complaint.cause or complaint.what)
        causes.setdefault(key, []).append(complaint)
    ordered = sorted(causes.values(), key=lambda same: (same[0].at, same[0].code))
    return [_error(same, secrets) for same in ordered]


def _error(same: Sequence[Complaint], secrets: Sequence[str]) -> InventoryError:
    first = min(same, key=lambda one: (one.user or "", one.what))
    users = sorted({complaint.user for complaint in same if complaint.user})
    what = first.what
    if users:
        more = f" and {len(users) - 1} more (-v)" if len(users) > 1 else ""
        what = f"{what}, used by {users[0]}{more}"
    hint = first.hint or TABLE[first.code].mend
    error = InventoryError(
        _clean(what, secrets),
        at=first.at,
        hint=_clean(hint, secrets),
        code=first.code,
    )
    error.users = tuple(_clean(user, secrets) for user in users)
    return error


def _clean(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return "".join(char if char.isprintable() else "?" for char in text)


def shown(word: object) -> str:
    """Return *word*, which somebody wrote, short enough and printable."""
    text = str(word)
    if text != text.strip():
        text = repr(text)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def did_you_mean(word: str, words: Iterable[str], otherwise: str) -> str:
    """Return a hint that names the nearest of *words*, else *otherwise*."""
    lower = {each.lower(): each for each in words}
    near = get_close_matches(word.lower().replace("_", "")[:64], lower, 1)
    return f"did you mean {lower[near[0]]}?" if near else otherwise


def listing(words: Iterable[str]) -> str:
    """Return *words* as a person lists them."""
    rows = list(words)
    return " or ".join(filter(None, [", ".join(rows[:-1]), rows[-1]])) if rows else ""
