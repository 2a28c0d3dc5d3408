"""Sixty customers, one leap year, four time zones: it comes out to the cent."""

from __future__ import annotations

import gc
import subprocess
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from reconciler.cli import RARELY
from tests.support.year import clients
from tests.support.year_checks import Checks
from tests.support.year_parts import Parts
from tests.support.year_run import Year, tip


@pytest.fixture
def as_main():
    """Have cycles looked for as seldom as the command line has it for each run."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    yield
    gc.set_threshold(*before)


# A year is longer than any other test, on a busy machine most of all.
@pytest.mark.timeout(1500)
def test_a_year_of_a_small_agency_comes_out_to_the_cent(tmp_path, as_main):
    year = Year(tmp_path, clients()).run()
    assert len(year.clients) == 60
    nobody_pays_twice_and_the_cents_agree(year)
    # A second run on the same day has nothing to do.
    again = [tick.again for tick in year.ticks if tick.again]
    assert again
    assert {said.partition(" ·")[0] for said, _ in again} == {"0 of 0 done"}
    assert "chain whole, 0 open intents" in year.verified
    checks = Checks(year)
    checks.what_is_due_is_said_to_the_hour()
    checks.charges_come_in_the_first_run_from_their_hour_on()
    checks.invoices_come_as_long_before_as_agreed()
    checks.reminders_come_as_long_before_as_agreed()
    checks.nobody_is_disturbed_at_night()
    checks.every_letter_is_sent_once()
    checks.what_is_recorded_comes_before_what_is_done()
    checks.who_pays_was_told_before_and_thanked_after()
    checks.a_final_warning_leaves_three_days()
    checks.our_own_numbers_have_no_gap()
    checks.the_books_are_clean()
    Parts(year).hold()


def test_where_a_branch_is_is_known_while_git_tidies_up(tmp_path):
    def git(*argv):
        made = ["git", "-C", tmp_path, *argv]
        done = subprocess.run(made, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    tree = git("hash-object", "-t", "tree", "-w", "/dev/null")
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]
    heads = [git(*who, "commit-tree", tree, "-m", name) for name in "ab"]
    mine, beside = "refs/heads/mine", "refs/heads/not-mine"
    git("update-ref", mine, heads[0])
    git("update-ref", beside, heads[1])
    assert tip(tmp_path / ".git", mine) == heads[0]
    git("pack-refs", "--all")
    assert tip(tmp_path / ".git", mine) == heads[0]
    git("update-ref", mine, heads[1])
    assert tip(tmp_path / ".git", mine) == heads[1]


def nobody_pays_twice_and_the_cents_agree(year):
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
