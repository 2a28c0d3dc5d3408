"""
What an authority's refusals mean: RFC 7807 documents with the types of RFC 8555, 6.7.

Every error has the type, without its URN prefix, as its ``reason``: the kind decides by
it whether another issuer would help. Our own words beside them: ``unreachable`` (nobody
answered), ``timeout`` (it is still at work), ``propagation`` (not all servers showed a
proof in time: it was not told to look), ``key-store`` (ours does not keep it),
``paused`` (it wants a person first: Let's Encrypt says that with the type of a rate
limit), and a status that came without a type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from reconciler.errors import ProviderError, Rejected, TooEarly, Transient
from reconciler.model.driver import Answered
from reconciler.providers._reply import retry_after

URN: Final = "urn:ietf:params:acme:error:"
UNREACHABLE: Final = "unreachable"
TIMEOUT: Final = "timeout"
PROPAGATION: Final = "propagation"
KEY_STORE: Final = "key-store"
_SERVER_ERROR: Final = 500
_THROTTLED: Final = 429
#: Where a rate limit does not say when it ends: as the shortest that is published.
_WAIT: Final = timedelta(hours=1)
_UNTIL: Final = re.compile(
    r"retry after (\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)", re.IGNORECASE
)
_PAUSED: Final = re.compile(
    r"unpause|temporarily prevented from requesting", re.IGNORECASE
)
_LONGEST: Final = 3


class Problem(NamedTuple):
    """
    One refusal.

    Attributes:
        kind: Its type without the URN prefix; the status where it has none.
        detail: What the authority says, with what it says of single names.
    """

    kind: str
    detail: str
    status: int = 0


def problem_of(said: Any, status: int = 0) -> Problem:
    """Return the problem that a JSON document is, whatever it holds."""
    row: Mapping[str, Any] = said if isinstance(said, dict) else {}
    kind = str(row.get("type") or "").removeprefix(URN)
    if not kind or kind == "about:blank":
        kind = str(status)
    parts = [str(row.get("detail") or row.get("title") or "")]
    parts += list(_subproblems(row))[:_LONGEST]
    return Problem(kind, "; ".join(part for part in parts if part), status)


def _subproblems(row: Mapping[str, Any]) -> Iterator[str]:
    found = row.get("subproblems")
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict):
            name = one.get("identifier")
            about = name.get("value") if isinstance(name, dict) else None
            detail = str(one.get("detail") or one.get("type") or "")
            yield f"{about}: {detail}" if about else detail


def read(answer: Answered) -> Any:
    """Return the JSON of *answer*; None where it has none."""
    try:
        return json.loads(answer.body) if answer.body else None
    except ValueError:
        return None


def refusal(
    answer: Answered, about: str, now: datetime, shown: Callable[[str], str]
) -> ProviderError:
    """Return the error that *answer* stands for; *about* says what was asked."""
    problem = problem_of(read(answer), answer.status)
    return error(problem, about, now, shown, wait(answer, now))


def error(
    problem: Problem,
    about: str,
    now: datetime,
    shown: Callable[[str], str],
    after: float | None = None,
) -> ProviderError:
    """Return the error of *problem*; *after* are the seconds it says to wait."""
    kind, status = problem.kind, problem.status
    text = shown(f"{about}: {kind}: {problem.detail}" if problem.detail else about)
    if kind == "rateLimited":
        if _PAUSED.search(problem.detail):
            hint = "the authority wants a person to lift this, at the address it names"
            return Rejected(text, hint=hint, reason="paused")
        early = TooEarly(text, until=_until(problem.detail, now, after))
        early.reason = kind
        return early
    if status == _THROTTLED and kind == str(_THROTTLED):
        return Transient(text, reason="rateLimited")  # a front door, by its own words
    if kind in {"serverInternal", "badNonce"} or status >= _SERVER_ERROR:
        return Transient(text, reason=kind)
    return Rejected(text, reason=kind)


def wait(answer: Answered, now: datetime) -> float | None:
    """Return the seconds that *answer* says to wait, if it does."""
    given = answer.headers.get("retry-after")
    return None if given is None else retry_after(given, now)


def _until(detail: str, now: datetime, after: float | None) -> datetime:
    """Return when a limit ends: by its header, by its text (Boulder), or in an hour."""
    if after is not None:
        return now + timedelta(seconds=after)
    if found := _UNTIL.search(detail):
        try:
            text = f"{found[1]}T{found[2]}+00:00"
            return max(now, datetime.fromisoformat(text)).astimezone(UTC)
        except ValueError:
            pass
    return now + _WAIT
