"""A year of 200 accounts: breaches prevented, needless moves, lead, and cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Final

from benchmarks.accounts import SIZES, Account, Kind
from benchmarks.replaying import (
    HORIZON,
    PRICES,
    START,
    Asked,
)
from reconciler.audit.usage_store import Hour
from reconciler.cli.usage_forecast import predict
from reconciler.engine.foresee import Case, foresee
from reconciler.model import Price, Ref
from reconciler.model.scaling import Scaling
from reconciler.model.scaling_rules import decide
from reconciler.model.sizing import Moved, Rung, Sizing
from reconciler.model.usage import Bounds

#: For developing; nothing that is reported comes from them.
TRIED: Final = (1, 2, 3)
_METRICS: Final[dict[Kind, tuple[str, float]]] = {
    "fill": ("disk", 10.0 * 1024**3),
    "level": ("memory", 2.0 * 1024**3),
}
_HISTORY: Final = 60 * 24
POLICY: Final = {
    "mode": "auto",
    "maxIncrease": "1000.00 EUR",
    "target": "100%",
    "horizon": f"{HORIZON}d",
    "down": "never",
}


class Foreseeing:
    """
    The forecasts and the rules of the product, day by day; nothing is left out.

    What an account was moved by is remembered, as the records remember it.
    """

    def __init__(self, **policy: str) -> None:
        self._rules = Scaling.model_validate({**POLICY, **policy})
        self._past: dict[int, list[Moved]] = {}

    def __call__(self, asked: Asked) -> int:
        """Return the size that the account shall have."""
        metric, unit = _METRICS[asked.account.kind]
        ladder = _ladder(asked.account.kind)
        hours = _hours(asked.number, asked.account)
        known = hours[max(asked.hour - _HISTORY, 0) : asked.hour]
        past = self._past.setdefault(asked.number, [])
        bounds = Bounds(ladder[asked.rung].limits)
        name = Ref("HostingAccount", f"a{asked.number}.example")
        case = Case(name, self._rules, bounds, "whm-1", {metric: known})
        sizing = Sizing(
            ladder=ladder,
            at=asked.rung,
            rules=self._rules,
            seen=foresee(case, predict, asked.now),
            now=asked.now,
            past=past,
        )
        found = decide(sizing)
        if found.to is None or found.hold is not None or found.not_before is not None:
            return asked.rung
        here = ladder[asked.rung].name
        past.append(Moved(asked.now, "up", here, found.to.name, found.rise))
        return ladder.index(found.to)


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
