"""No card number stands in this repository, but for published ones in tests."""

from __future__ import annotations

import pytest

from reconciler.inventory.secrets import digits, leaks
from tests.house.tree import files, text
from tests.support.card_numbers import OTHERS, PUBLISHED

#: docs.stripe.com/testing: those that are declined, or ask for their owner.
DECLINED = """4000000000000002 4000000000009995 4000000000009987 4000000000009979
4000000000000069 4000000000000127 4000000000000119 4000000000000341 4000000000006975
4000002500003155 4000002760003184 4000008260003178 4000003800000446 4000000000000259
4100000000000019 4000000000009235 4000000000004954"""
#: Of other sandboxes, in tests that are older than this one.
MORE = ("30569309025904", "3530111333300000")
KNOWN = {*PUBLISHED, *OTHERS, *DECLINED.split(), *MORE}


@pytest.mark.parametrize("inside", [False, True])
def test_there_is_no_card_number_and_no_false_alarm(inside):
    found = {
        f"{name}:{leak.line}": digits(leak.text)
        for name in files()
        if name.startswith("tests/") is inside
        for leak in leaks(text(name))
        if leak.code == "E151"
    }
    assert bool(found) is inside
    strange = {at for at, number in found.items() if number not in KNOWN}
    assert strange == set(), "only the networks' published test numbers, and in tests/"
