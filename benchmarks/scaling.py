"""A year of 200 accounts: breaches prevented, needless moves, lead, and cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import lru_cache, partial
from typing import Final, NamedTuple

from benchmarks.accounts import SIZES, YEAR, Account, Kind, accounts
from benchmarks.replaying import (
    BASELINES,
    DAILY,
    HORIZON,
    HOURLY,
    PRICES,
    START,
    Asked,
    Score,
    added,
    replayed_one,
)
from benchmarks.row import Row, Size
from reconciler.audit.usage_store import Hour
from reconciler.cli.usage_forecast import predict
from reconciler.engine.foresee import Case, foresee, renewable
from reconciler.model import Price, Ref
from reconciler.model.scaling import Scaling
from reconciler.model.scaling_occasions import pace
from reconciler.model.scaling_rules import decide
from reconciler.model.sizing import Moved, Rung, Sizing
from reconciler.model.usage import Bounds, OutlookState, Reading

#: For developing; nothing that is reported comes from them.
TRIED: Final = (1, 2, 3, 4)
#: Drawn after the last change to generator, forecasts, rules and scores.
HELD_OUT: Final = (66713,)
#: Accounts of one seed.
MANY: Final = 200
_METRICS: Final[dict[Kind, tuple[str, float]]] = {
    "fill": ("disk", 10.0 * 1024**3),
    "level": ("memory", 2.0 * 1024**3),
}
_HISTORY: Final = 60 * 24
#: The last reading was made so long before it is decided.
_A_MINUTE: Final = timedelta(minutes=1)
POLICY: Final = {
    "mode": "auto",
    "maxIncrease": "1000.00 EUR",
    "target": "100%",
    "horizon": f"{HORIZON}d",
    "down": "never",
}
#: Who decides each hour may decide again after a day, and needs no size for a week.
OFTEN: Final = {"coolDown": "1d"}


class Foreseeing:
    """
    The forecasts and the rules of the product, run by run; nothing is left out.

    What is foreseen is kept until the product wants it anew, what an account was moved
    by is remembered as the records remember it, and how often it is decided is what the
    runs before say.
    """

    def __init__(self, every: int = HOURLY, **policy: str) -> None:
        often = OFTEN if every < DAILY else {}
        self._rules = Scaling.model_validate({**POLICY, **often, **policy})
        runs = [START + timedelta(hours=hour) for hour in range(0, 3 * 24 + 1, every)]
        self._pace = pace(runs, runs[-1])
        self._past: dict[int, list[Moved]] = {}
        self._seen: dict[int, OutlookState] = {}
        self.looked = 0

    def __call__(self, asked: Asked) -> int:
        """Return the size that the account shall have."""
        ladder = _ladder(asked.account.kind)
        past = self._past.setdefault(asked.number, [])
        sizing = Sizing(
            ladder=ladder,
            at=asked.rung,
            rules=self._rules,
            seen=self._known(asked, ladder),
            now=asked.now,
            past=past,
        )
        found = decide(sizing)
        if found.to is None or found.hold is not None or found.not_before is not None:
            return asked.rung
        here = ladder[asked.rung].name
        past.append(Moved(asked.now, "up", here, found.to.name, found.rise))
        return ladder.index(found.to)

    def _known(self, asked: Asked, ladder: Sequence[Rung]) -> OutlookState:
        """Return what is foreseen, anew where ``usage probe`` would foresee it anew."""
        metric, unit = _METRICS[asked.account.kind]
        name = Ref("HostingAccount", f"a{asked.number}.example")
        case = Case(name, self._rules, Bounds(ladder[asked.rung].limits), "whm-1")
        old, used = self._seen.get(asked.number), asked.account.used[asked.hour - 1]
        last = Reading(metric, asked.now - _A_MINUTE, float(used) * unit)
        if renewable(case, old, {metric: last}, asked.now, self._pace):
            hours = _hours(asked.number, asked.account)
            known = hours[max(asked.hour - _HISTORY, 0) : asked.hour]
            case = case._replace(hours={metric: known})
            state = foresee(case, predict, asked.now)
            old = state.model_copy(update={"pace": self._pace})
            self._seen[asked.number] = old
            self.looked += 1
        assert old is not None  # noqa: S101  (what was never foreseen is renewable)
        return old


def scaling(size: Size) -> Iterator[Row]:
    """Replay a year of 200 accounts of seeds that were drawn after everything else."""
    quick = size.small < 1000
    seeds = HELD_OUT[:1] if quick else HELD_OUT
    tasks = [
        (seed, number)
        for seed in seeds
        for number in range(0, MANY, MANY // 8 if quick else 1)
    ]
    days = 90 if quick else YEAR
    before = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        rows = [*pool.map(partial(replay, days=days), tasks, chunksize=4)]
    took = time.perf_counter() - before
    for every, said in ((HOURLY, ""), (DAILY, ", one decision a day")):
        mine = [row[every] for row in rows]
        names = ["forecast and rules", *BASELINES]
        scores = {
            name: added(row.scores[at] for row in mine) for at, name in enumerate(names)
        }
        yield from _gates(scores, len(tasks), days, said)
        looked = sum(row.looked for row in mine) / len(tasks) / days
        yield Row(
            f"the same{said}: CPU of all forecasts and decisions of an account",
            sum(row.used for row in mine) / len(tasks) / days * 1000,
            "ms/day",
            note=f"{looked:.2f} forecasts a day; {took:.0f} s wall for both",
        )


class Replayed(NamedTuple):
    """The scores of all strategies, the CPU of ours, and how often it looked ahead."""

    scores: list[Score]
    used: float
    looked: int


def replay(task: tuple[int, int], days: int = YEAR) -> dict[int, Replayed]:
    """Return what came of one account, by the hours between two decisions."""
    seed, number = task
    account = drawn(seed)[number]

    def each(every: int) -> Replayed:
        ours = Foreseeing(every)
        before = time.process_time()
        found = [replayed_one(number, account, ours, days, every)]
        used = time.process_time() - before
        found += [
            replayed_one(number, account, one, days, every)
            for one in BASELINES.values()
        ]
        return Replayed(found, used, ours.looked)

    return {every: each(every) for every in (HOURLY, DAILY)}


def _gates(
    scores: Mapping[str, Score], many: int, days: int, said: str
) -> Iterator[Row]:
    for name, score in scores.items():
        gated = not said and name == next(iter(scores))
        what = f"a year of {many} accounts{said}, {name}"
        note = (
            f"{score.prevented} of {score.predictable}, {score.lead:.1f} d ahead; "
            f"{score.surprises_met} of {score.surprising} that could not be seen; "
            f"{score.spikes} days with a lone spike"
        )
        kept, wasted = 100 * score.kept, 100 * score.wasted
        told = f"{what}: predictable breaches prevented"
        yield Row(told, kept, "%", 95 if gated else None, least=True, note=note)
        note = (
            f"{score.needless} of {score.moves}; "
            f"{score.above * 30 / many / days:.2f} EUR a month above what was needed"
        )
        told = f"{what}: needless moves"
        yield Row(told, wasted, "%", 5 if gated else None, note=note)


@lru_cache(maxsize=1)
def drawn(seed: int) -> list[Account]:
    """Return the accounts of one seed."""
    return accounts(seed, MANY)


@lru_cache(maxsize=2)
def _ladder(kind: Kind) -> tuple[Rung, ...]:
    metric, unit = _METRICS[kind]
    return tuple(
        Rung(
            f"{kind}-{number}",
            {metric: size * unit},
            Price.model_validate(f"{price}.00 EUR/month"),
        )
        for number, (size, price) in enumerate(
            zip(SIZES[kind], PRICES[kind], strict=True)
        )
    )


_KEPT: dict[int, tuple[Account, Sequence[Hour]]] = {}


def _hours(number: int, account: Account) -> Sequence[Hour]:
    """Return the hours of *account* as the store has them; made once."""
    found = _KEPT.get(number)
    if found is None or found[0] is not account:
        unit = _METRICS[account.kind][1]
        rows = [
            Hour(START + timedelta(hours=hour), used * unit, used * unit, None)
            for hour, used in enumerate(account.used.tolist())
        ]
        found = _KEPT[number] = (account, rows)
    return found[1]
