"""What is remembered of patches: what was seen when, and what came of each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue, TypeAdapter, ValidationError

from reconciler.model.change import STOPS
from reconciler.model.updates import LANE, Look

#: ``watched``: it may still turn out to have broken something; ``unseen``: nobody could
#: look; ``left``: it broke, and could not be put back; ``mended``: somebody saw to it.
Result = Literal["watched", "good", "unseen", "broke", "put-back", "left", "mended"]
_RESULT: Final[TypeAdapter[Result]] = TypeAdapter(Result)
#: Names of the facts.
DONE: Final = "patches"
KNOWN: Final = "updates"
STOP: Final = f"{STOPS}{LANE}"
#: So many patches of one resource are remembered.
KEPT: Final = 20


class Entry(NamedTuple):
    """
    One patch, and what came of it.

    Attributes:
        at: When it was done; ``ended`` when it was known what came of it.
        was: The version before.
        to: The version that was installed.
        front: How the site looked before; None: nobody had looked.
    """

    at: datetime
    id: str
    site: str
    was: str
    to: str
    sort: str
    result: Result
    why: str = ""
    front: Look | None = None
    ended: datetime | None = None

    @property
    def mark(self) -> str:
        """What tells this very update from every other one."""
        return f"{self.site} {self.id}@{self.to}".strip()

    @property
    def said(self) -> str:
        """What it was, for people."""
        where = f" of {self.site}" if self.site else ""
        return f"{self.id}{where} from {self.was} to {self.to}"


def entries(recorded: Mapping[str, JsonValue]) -> tuple[Entry, ...]:
    """Return the patches that are remembered, the latest last."""
    rows = recorded.get(DONE)
    found = (_entry(row) for row in (rows if isinstance(rows, list) else ()))
    return tuple(one for one in found if one is not None)


def _entry(row: JsonValue) -> Entry | None:
    if not isinstance(row, dict):
        return None
    try:
        front = row.get("front")
        ended = row.get("ended")
        return Entry(
            at=datetime.fromisoformat(str(row["at"])),
            id=str(row["id"]),
            site=str(row["site"]),
            was=str(row["from"]),
            to=str(row["to"]),
            sort=str(row["sort"]),
            result=_RESULT.validate_python(row["result"]),
            why=str(row.get("why", "")),
            front=Look.model_validate(front) if front else None,
            ended=datetime.fromisoformat(str(ended)) if ended else None,
        )
    except (KeyError, ValueError, ValidationError):
        return None  # of another version: it is not remembered


def facts(found: Iterable[Entry], stop: str) -> dict[str, JsonValue]:
    """Return *found* as it is recorded, and why nothing else is patched."""
    rows: list[JsonValue] = [_row(one) for one in found]
    return {DONE: rows[-KEPT:], STOP: stop}


def _row(one: Entry) -> JsonValue:
    return {
        "at": one.at.isoformat(),
        "id": one.id,
        "site": one.site,
        "from": one.was,
        "to": one.to,
        "sort": one.sort,
        "result": one.result,
        "why": one.why,
        "front": one.front.model_dump() if one.front else None,
        "ended": one.ended.isoformat() if one.ended else None,
    }


def known(recorded: Mapping[str, JsonValue]) -> dict[str, datetime]:
    """Return when each update that still waits was first seen, by its mark."""
    rows = recorded.get(KNOWN)
    found = {}
    for mark, text in (rows if isinstance(rows, dict) else {}).items():
        try:
            found[mark] = datetime.fromisoformat(str(text))
        except ValueError:
            continue
    return found
