"""A run whose machine sleeps in the middle of a wave begins nothing after it."""

from collections import Counter

import pytest

from reconciler.cli.apply_command import carry_out
from reconciler.errors import LostLock
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory

NAMES = ["one.example", "two.example", "three.example"]
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"


class Sleepy:
    """A driver on a machine that sleeps for a while after its first change."""

    def __init__(self, driver, nap):
        self._driver, self._nap = driver, nap

    def __getattr__(self, name):
        return getattr(self._driver, name)

    def apply(self, want, change, key):
        receipt = self._driver.apply(want, change, key)
        self._nap()
        return receipt


def sleepy(agency, **nap):
    project = agency.project("sleeper")
    accounts = project.accounts

    def woken(wants):
        found = accounts(wants)
        drivers = {
            share: Sleepy(driver, lambda: agency.later(**nap))
            for share, driver in found.drivers.items()
        }
        return found._replace(drivers=drivers)

    project.accounts = woken
    return project


@pytest.fixture
def agency(tmp_path):
    files = inventory(*(domain(n, "namecom-main", spec=RENEWED) for n in NAMES))
    odd = {name: Oddity({"expires": 20}) for name in NAMES}
    with Agency(tmp_path, files, odd) as made:
        yield made


def paid(agency):
    return Counter(e.name for e in agency.charges() if e.name in NAMES)


def test_past_its_lease_it_neither_acts_nor_records(agency):
    with pytest.raises(LostLock):
        carry_out(sleepy(agency, minutes=31))
    assert paid(agency).total() == 1
    assert len(agency.project().store.read().open) == len(NAMES)
    agency.later(hours=1)
    agency.apply()
    assert paid(agency) == dict.fromkeys(NAMES, 1)
    assert not agency.project().store.read().open


def test_near_its_end_it_records_and_begins_nothing_more(agency):
    result = carry_out(sleepy(agency, minutes=29, seconds=30))
    assert [done.status for done in result.done] == [
        "applied",
        "not_applied",
        "not_applied",
    ]
    assert paid(agency).total() == 1
    agency.later(minutes=31)
    agency.apply()
    assert paid(agency) == dict.fromkeys(NAMES, 1)
