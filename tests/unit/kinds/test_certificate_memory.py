"""Which orders are remembered, and as what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.kinds.certificate.memory import orders
from reconciler.model import Ended
from tests.support.issuing import issue, want

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "evidence", "failed"),
    [
        ("applied", {}, [None]),
        ("failed", {"reason": "unauthorized"}, ["unauthorized"]),
        ("failed", {}, ["unreachable"]),
        ("failed", {"not_sent": True, "reason": "503"}, ["503"]),
        ("not_applied", {"not_sent": True, "reason": "rateLimited"}, ["rateLimited"]),
        ("failed", {"not_sent": True}, []),
        # A run that died is nobody's failure: nothing waits, and no other is asked.
        ("not_applied", {}, []),
    ],
)
def test_what_counts_as_an_order(
    status: Any, evidence: dict[str, Any], failed: list[str | None]
) -> None:
    one = want()
    facts = one.remembers(issue(one), Ended(status, NOW, 1, evidence), {})
    assert [order.failed for order in orders(facts)] == failed
