"""Sixty customers, one leap year, four time zones: it comes out to the cent."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from tests.support.year import clients
from tests.support.year_run import DUNNING, Year


# A year is longer than any other test, on a busy machine most of all.
@pytest.mark.timeout(600)
def test_a_year_of_a_small_agency_comes_out_to_the_cent(tmp_path):
    year = Year(tmp_path, clients()).run()
    assert len(year.clients) == 60
    taken: dict[str, Decimal] = defaultdict(Decimal)
    for one in year.effects:
        if one.kind == "charge" and one.vendor in {"stripe", "paypal"}:
            amount, currency = one.amount.split()
            taken[currency] += Decimal(amount)
    recorded: dict[str, Decimal] = defaultdict(Decimal)
    paid = Counter()
    for uid, facts in year.facts.items():
        for key, fact in facts.items():
            if key.startswith("bill/") and key.endswith("/paid"):
                paid[uid, key.split("/")[1]] += 1
                if fact["how"] != "transfer":
                    amount, currency = fact["amount"].split()
                    recorded[currency] += Decimal(amount)
    assert len(paid) > 200
    assert set(paid.values()) == {1}  # no period twice
    assert taken == recorded
    # A second run on the same day has nothing to do.
    again = [tick.again[0] for tick in year.ticks if tick.again]
    assert again
    assert {said.partition(" ·")[0] for said in again} == {"0 of 0 done"}
    for one in year.clients:
        mails = year.mails[one.name]
        assert [mail.at for mail in mails] == sorted(mail.at for mail in mails)
        for mail in mails:
            local = one.local(mail.at)
            assert 8 <= local.hour < 21, (one.name, mail)
            assert mail.step not in DUNNING or local.weekday() < 5, (one.name, mail)
        steps = [mail.step for mail in mails]
        assert "receipt" not in steps or "invoice" in steps[: steps.index("receipt")]
        assert "suspended" not in steps or (
            "final-warning" in steps[: steps.index("suspended")]
        )
    assert {one.name for one in year.clients if "suspended" in _steps(year, one)}
    assert "chain whole, 0 open intents" in year.verified


def _steps(year, one):
    return [mail.step for mail in year.mails[one.name]]
