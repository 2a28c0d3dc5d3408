"""The world as a dated file, to plan where no secret may be (pull requests)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reconciler.engine.document import moment
from reconciler.engine.observe import World
from reconciler.engine.sections import Section, sections
from reconciler.errors import ReconcilerError
from reconciler.model import (
    Absent,
    AnyResource,
    Observation,
    Observed,
    Share,
    State,
    Unknown,
    Unmanaged,
)

FORMAT = "reconciler.observed/v1"
_PROOFS: dict[str, type[Absent | Unknown]] = {"absent": Absent, "unknown": Unknown}
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, ValidationError)


def snapshot(world: World, at: datetime, *, partial: bool = False) -> dict[str, Any]:
    """
    Return *world* as data; states hold neither secrets nor personal data.

    A *partial* look (a selection) says nothing about what it was not asked for.
    """
    return {
        "format": FORMAT,
        "at": moment(at),
        "shares": [
            {
                "provider": share.provider,
                "family": share.family,
                "states": {
                    name: _as_data(state) for name, state in sorted(seen.states.items())
                },
                "unmanaged": [u._asdict() for u in seen.unmanaged],
                **({"whole": True} if seen.whole and not partial else {}),
            }
            for share, seen in sorted(world.shares.items())
        ],
    }


def _as_data(state: Observed) -> dict[str, Any]:
    kind = type(state).__name__.lower() if not isinstance(state, State) else "state"
    data = state.model_dump(mode="json", exclude_defaults=True)
    sets = {name for name, value in state if isinstance(value, frozenset)}
    in_order = {name: sorted(data[name]) for name in sets & data.keys()}
    return {"is": kind, **data, **in_order}


def written(data: Mapping[str, Any]) -> str:
    """
    Return a snapshot as its file: JSON with sorted keys, one state on each line.

    That way one state is found and read without the others, and two snapshots can
    be compared line by line.
    """
    parts = [f'{{"at":{_json(data["at"])},"format":{_json(data["format"])},"shares":[']
    last = len(data["shares"]) - 1
    for number, share in enumerate(data["shares"]):
        head = {k: share[k] for k in ("family", "provider", "whole") if k in share}
        parts.append(f'{_json(head)[:-1]},"states":{{')
        rows = [f"{_json(k)}:{_json(v)}" for k, v in sorted(share["states"].items())]
        parts.extend(f"{row}," for row in rows[:-1])
        parts.extend(rows[-1:])
        comma = "," if number < last else ""
        parts.append(f'}},"unmanaged":{_json(share["unmanaged"])}}}{comma}')
    return "\n".join([*parts, "]}", ""])


def _json(data: Any) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Snapshot:
    """
    One snapshot's file; a state is decoded when it is asked for.

    Args:
        path: The file.
        kinds: The kinds whose states may be in it.

    Raises:
        ReconcilerError: It is no snapshot. A single state that cannot be read
            raises the same, when it is asked for.
    """

    def __init__(self, path: Path, kinds: Iterable[type[AnyResource]]) -> None:
        self._name = path.name
        self._states = {
            family: state for kind in kinds for family, state in kind.states.items()
        }
        try:
            self._data = path.read_bytes()
            head, self._sections = sections(self._data)
            if head["format"] != FORMAT:
                raise ValueError
            self.at = datetime.fromisoformat(head["at"])
        except (OSError, *_BROKEN):
            raise self._broken() from None

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the file, in hex."""
        return hashlib.sha256(self._data).hexdigest()

    @cached_property
    def world(self) -> World:
        """What every account said."""
        try:
            return World(dict(map(self._share, self._sections)))
        except _BROKEN:
            raise self._broken() from None

    def _share(self, section: Section) -> tuple[Share, Observation]:
        share = Share(section.head["provider"], section.head["family"])
        unmanaged = tuple(Unmanaged(**one) for one in section.unmanaged)
        wanted = self._states.get(share.family)
        states = _States(section, wanted, self) if wanted else {}
        whole = section.head.get("whole") is True
        return share, Observation(states, unmanaged, whole=whole)

    def decoded(self, raw: dict[str, Any], wanted: type[State]) -> Observed:
        """Return one state; raises ReconcilerError."""
        try:
            fields = {key: value for key, value in raw.items() if key != "is"}
            made: Observed = _PROOFS.get(raw["is"], wanted).model_validate(fields)
        except _BROKEN:
            raise self._broken() from None
        return made

    def _broken(self) -> ReconcilerError:
        return ReconcilerError(
            f"{self._name} is no {FORMAT} file",
            hint="make one with `reconciler observe --out FILE`",
            code="E206",
        )


class _States(Mapping[str, Observed]):
    """The states of one share; nothing that was decoded is kept."""

    def __init__(self, section: Section, wanted: type[State], file: Snapshot) -> None:
        self._section = section
        self._wanted = wanted
        self._file = file

    def __getitem__(self, name: str) -> Observed:
        raw = self._section.find(name)
        return self._file.decoded(raw, self._wanted)

    def __iter__(self) -> Iterator[str]:
        return iter(self._section.names())

    def __len__(self) -> int:
        return len(self._section.names())
