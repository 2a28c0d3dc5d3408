"""Whoever waits sees that something still happens."""

from types import SimpleNamespace

from reconciler.cli.progress import alive, reading
from reconciler.engine import Accounts
from reconciler.model import Share


def test_it_is_said_again_until_it_ends():
    said = []
    again = SimpleNamespace(say=said.append)
    with alive(again, "reading", pause=0.01):
        while len(said) < 3:
            pass
    assert said[0] == "reading …"
    assert all(
        line.startswith("reading … ") and line.endswith(" s") for line in said[1:]
    )


def test_an_account_with_several_parts_is_one():
    said = []
    drivers = dict.fromkeys([Share("aws", "dns"), Share("aws", "domain")])
    with reading(SimpleNamespace(say=said.append), Accounts(drivers, {})):
        pass
    assert said == ["reading 1 account …"]
