"""Made-up data, as texts get it: every text of one's own is tried with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.kinds.subscription import DAYS, PLACEHOLDERS

Data = Mapping[str, Any]


def _sample(count: int, *, full: bool) -> Data:
    block = {
        "word": "CRITICAL",
        "event": "incident",
        "severity": "critical",
        "names": [f"Domain/{n}.example" for n in range(min(count, 20))],
        "more": max(0, count - 20),
        "summary": "expires on 2026-12-01, in 9 d",
        "details": ["built-in: above 5 EUR, needs billing"] if full else [],
        "place": "clients/a.yaml:3:1" if full else None,
        "due": "2026-12-01" if full else None,
        "days": 9 if full else None,
        "money": "11.00 USD" if full else None,
        "commands": ["reconciler explain Domain/0.example"] if full else [],
        "count": count,
    }
    return {
        **{key: value for key, value in block.items() if key not in {"names", "more"}},
        "env": "main",
        "run": "20261122T060000Z-1a2b3c4d",
        "commit": "0123456789ab" if full else None,
        "url": "https://ci.example/1" if full else None,
        "kind": "Domain",
        "name": "0.example",
        "resource": "Domain/0.example",
        "command": "reconciler explain Domain/0.example" if full else None,
        "blocks": [block],
    }


#: Data as texts get them: with everything, with the least, of many.
SAMPLES: Final = (
    _sample(1, full=True),
    _sample(1, full=False),
    _sample(40, full=True),
)
#: What the sender knows beside the kind: whom it is to, whom to ask, where to click.
SENT: Final = ("customer", "contact", "page", "document", "update")


def _letter(*, full: bool, collect: str) -> Data:
    said = {name: f"some {name}" if full else "" for name in (*PLACEHOLDERS, *SENT)}
    days = dict.fromkeys(DAYS, "4 December 2026" if full else "")
    least = {
        "customer": "Example Bakery BV",
        "contact": "Agency, +31 20 123 4567",
        "covers": "acme.example",
        "period": "4 December 2026",
        "ends": "3 December 2027",
        "amount": "12.10 EUR",
        "total": "12.10 EUR",
        "due": "4 December 2026",
        "collect": collect,
    }
    return {**said, **days, **least}


#: The same of letters: to who is charged and to who pays, with everything or the least.
LETTER_SAMPLES: Final[Sequence[Data]] = tuple(
    _letter(full=full, collect=collect)
    for collect in ("auto", "invoice")
    for full in (True, False)
)
