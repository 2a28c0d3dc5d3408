"""What all witnesses have in common: whom to look at in one run, and what to keep."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic import JsonValue, ValidationError

from reconciler.errors import ProviderError
from reconciler.model import (
    Account,
    AnyResource,
    Observation,
    Observed,
    State,
    Unknown,
)
from reconciler.providers._detail import DAY, Details, life

#: Looked at again this soon: what failed, what is in trouble, what was just changed.
SOON: Final = timedelta(hours=1)
#: No new look begins this long after the first: witnesses do not hold plans up.
PATIENCE: Final = timedelta(seconds=90)
#: How many things one run looks at, where the account's limits say nothing else.
LOOKUPS: Final = 500
_KEPT: Final = timedelta(days=14)
_THREADS: Final = 16

StateT = TypeVar("StateT", bound=State)
WantT = TypeVar("WantT", bound=AnyResource)


class NotNow(ProviderError):
    """Whom to ask does not listen in this run: the thing's turn comes later."""


class Habits(NamedTuple, Generic[StateT]):
    """
    What one kind of witness does its own way.

    Attributes:
        state: What a look returns.
        mark: What of a want decides what is looked at: another mark, another look.
        deadline: Until when the thing is good; the nearest is looked at first.
        in_trouble: Whether it should be looked at again soon.
        worth: An older answer is worth nothing, even where there is no newer one.
        lane: Whom a look asks: so many looks of one lane happen at once.
        width: How many those are.
    """

    what: str
    state: type[StateT]
    mark: Callable[[Any], JsonValue] = lambda _: None
    deadline: Callable[[StateT], datetime | None] = lambda _: None
    in_trouble: Callable[[StateT], bool] = lambda _: False
    worth: timedelta = DAY
    lane: Callable[[Any], str] = lambda _: ""
    width: int = _THREADS


class _Kept(NamedTuple, Generic[StateT]):
    """
    What is remembered of one thing.

    Attributes:
        seen: When the state was seen.
        good: Until when nobody looks again.
        since: Since when looks fail; None where the last one did not.
    """

    seen: datetime | None
    good: datetime
    state: StateT | None
    since: datetime | None = None
    why: str = ""


class Looks(Generic[StateT]):
    """The looks of one witness at many things; thread-safe."""

    def __init__(self, account: Account, where: str, habits: Habits[StateT]) -> None:
        self._account = account
        self._habits = habits
        self._details = Details(account, where)
        self._most = int(account.limits.get("lookups", LOOKUPS))

    def observe(
        self, wants: Sequence[WantT], look: Callable[[WantT], StateT]
    ) -> Observation:
        """
        Return what is known of each want, after looking at those whose time it is.

        *look* may raise ProviderError; whatever else it raises is its own fault and
        proves nothing either. Names are looked at once, however many wants share one.
        """
        now = self._account.clock()
        kept = {want.name: self._worth(self._read(want), now) for want in wants}
        due = [w for w in wants if (k := kept[w.name]) is None or k.good <= now]
        chosen = self._chosen(due, kept)
        found = self._looked(chosen, kept, look, now + PATIENCE)
        states = {name: self._told(found.get(name, old)) for name, old in kept.items()}
        return Observation(states, requests={self._habits.what: len(found)})

    def forget(self, want: AnyResource) -> None:
        """Look again, and for a day soon again after each look."""
        self._details.forget(self._habits.what, want.name)
        self._details.keep(f"{self._habits.what}-changed", want.name, None, "yes")

    def _chosen(
        self, due: Sequence[WantT], kept: Mapping[str, _Kept[StateT] | None]
    ) -> list[WantT]:
        """
        Return whom to look at now.

        What was never seen comes first, then the nearest deadline; but a half goes to
        those that have waited longest, so that everybody's turn comes.
        """
        if len(due) <= self._most:
            return sorted(due, key=lambda want: _urgency(self._habits, kept[want.name]))
        near = sorted(due, key=lambda want: _urgency(self._habits, kept[want.name]))
        chosen = near[: self._most - self._most // 2]
        rest = sorted(near[len(chosen) :], key=lambda want: _waiting(kept[want.name]))
        return [*chosen, *rest[: self._most // 2]]

    def _looked(
        self,
        chosen: Iterable[WantT],
        kept: Mapping[str, _Kept[StateT] | None],
        look: Callable[[WantT], StateT],
        until: datetime,
    ) -> dict[str, _Kept[StateT]]:
        lanes: dict[str, deque[WantT]] = {}
        for want in chosen:
            lanes.setdefault(self._habits.lane(want), deque()).append(want)
        if not lanes:
            return {}
        found: dict[str, _Kept[StateT]] = {}

        def drain(lane: deque[WantT]) -> None:
            while self._account.clock() < until:
                try:
                    want = lane.popleft()
                except IndexError:
                    return
                if (seen := self._once(want, kept[want.name], look)) is not None:
                    found[want.name] = seen

        with ThreadPoolExecutor(_THREADS) as pool:
            tasks = [
                pool.submit(drain, lane)
                for lane in lanes.values()
                for _ in range(min(self._habits.width, len(lane)))
            ]
        for task in tasks:
            task.result()
        return found

    def _once(
        self,
        want: WantT,
        old: _Kept[StateT] | None,
        look: Callable[[WantT], StateT],
    ) -> _Kept[StateT] | None:
        """Look at one thing and keep what came of it; None: its turn comes later."""
        now = self._account.clock()
        try:
            state = look(want)
        except NotNow:
            return None
        except ProviderError as error:
            seen = self._failed(want, old, error.what, now)
        except (ValueError, KeyError, TypeError, OSError) as error:
            why = f"what was answered cannot be read: {type(error).__name__}"
            seen = self._failed(want, old, why, now)
        else:
            again = SOON if self._restless(want, state) else life(want.name, DAY)
            seen = _Kept(now, now + again, state)
        self._write(want, seen)
        return seen

    def _failed(
        self, want: WantT, old: _Kept[StateT] | None, why: str, now: datetime
    ) -> _Kept[StateT]:
        good = now + life(want.name, SOON)
        since = (old.since if old else None) or now
        if old is None or old.state is None:
            return _Kept(None, good, None, since, why)
        return _Kept(old.seen, good, old.state, since, why)

    def _restless(self, want: WantT, state: StateT) -> bool:
        changed = self._details.kept(f"{self._habits.what}-changed", want.name, None)
        return changed is not None or self._habits.in_trouble(state)

    def _worth(self, kept: _Kept[StateT] | None, now: datetime) -> _Kept[StateT] | None:
        """Return what is still worth something of what is kept."""
        if kept is None or kept.seen is None:
            return kept
        if now - kept.seen <= self._habits.worth:
            return kept
        return kept._replace(seen=None, state=None) if kept.since else None

    def _told(self, kept: _Kept[StateT] | None) -> Observed:
        if kept is None:
            return Unknown(why="not looked at yet", later=True)
        if kept.state is not None:
            return kept.state
        return Unknown(why=kept.why, since=kept.since)

    # -- keeping -----------------------------------------------------------------

    def _read(self, want: WantT) -> _Kept[StateT] | None:
        said = self._details.kept(self._habits.what, want.name, self._habits.mark(want))
        try:
            match said:
                case {"good": str() as good, "state": state, **rest}:
                    seen, since = rest.get("seen"), rest.get("since")
                    return _Kept(
                        datetime.fromisoformat(str(seen)) if seen else None,
                        datetime.fromisoformat(good),
                        self._habits.state.model_validate(state) if state else None,
                        datetime.fromisoformat(str(since)) if since else None,
                        str(rest.get("why", "")),
                    )
                case _:
                    pass
        except (ValueError, ValidationError):
            pass  # written by another version: looked at anew
        return None

    def _write(self, want: WantT, kept: _Kept[StateT]) -> None:
        state = kept.state
        said: JsonValue = {
            "seen": kept.seen.isoformat() if kept.seen else None,
            "good": kept.good.isoformat(),
            "state": state.model_dump(mode="json", exclude_defaults=True)
            if state
            else None,
            "since": kept.since.isoformat() if kept.since else None,
            "why": kept.why,
        }
        mark = self._habits.mark(want)
        self._details.keep(self._habits.what, want.name, mark, said, _KEPT)


def _urgency(
    habits: Habits[StateT], kept: _Kept[StateT] | None
) -> tuple[bool, float, float]:
    if kept is None:
        return False, 0.0, 0.0
    deadline = habits.deadline(kept.state) if kept.state is not None else None
    return True, deadline.timestamp() if deadline else 9e12, _waiting(kept)


def _waiting(kept: _Kept[StateT] | None) -> float:
    return kept.seen.timestamp() if kept is not None and kept.seen else 0.0
