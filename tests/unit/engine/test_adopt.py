"""What is looked at, and what is passed over with its reason."""

from reconciler.engine import Accounts
from reconciler.engine.adopt import Listing, list_all, look, probes
from reconciler.kinds import kinds
from reconciler.kinds.domain import Domain
from reconciler.model import Share

HERE = Share("main", "domain")
THERE = Share("other", "domain")
HOST = Share("dns", "dns")
NOBODY = Accounts({}, {})


def passed(*listings):
    found = look(Domain, listings, NOBODY, lambda _name: True)
    assert found.candidates == ()
    return {one.ref.name: (one.why, one.unread) for one in found.passed}


def test_a_name_that_no_document_can_have_is_passed_over():
    why = passed(Listing(HOST, frozenset({"0/25.2.0.192.in-addr.arpa", "localhost"})))
    assert why["0/25.2.0.192.in-addr.arpa"] == (
        "'0/25.2.0.192.in-addr.arpa' is no domain name",
        False,
    )
    assert why["localhost"] == ("'localhost' is no domain name", False)


def test_a_name_at_two_registrars_is_for_a_person():
    names = frozenset({"a.example"})
    why = passed(Listing(HERE, names), Listing(THERE, names))
    assert why == {
        "a.example": ("main and other both say that it is registered there", False)
    }


def test_a_part_that_may_be_elsewhere_keeps_all_of_it_out():
    failed = Listing(HERE, failed="no answer")
    why = passed(failed, Listing(HOST, frozenset({"a.example"})))
    text = "it may be at main too, which could not be listed"
    assert why == {"a.example": (text, True)}


def test_what_is_not_read_is_unread():
    why = passed(Listing(HERE, frozenset({"a.example"})))
    assert why == {"a.example": ("main: no driver for domain", True)}


def test_an_account_without_a_driver_is_not_listed():
    accounts = Accounts({}, {}, {"main": "a secret is missing"})
    (listing,) = list_all(probes(Domain, [HERE]), accounts)
    assert listing == Listing(HERE, failed="a secret is missing")


def test_witnesses_and_kinds_without_import_are_not_asked():
    assert probes(Domain, [Share("public", "rdap")]) == []
    assert probes(kinds()["Certificate"], [HERE]) == []


def test_a_name_is_looked_at_in_its_one_spelling():
    (name,) = passed(Listing(HERE, frozenset({"Bücher.example"})))
    assert name == "xn--bcher-kva.example"


def test_a_name_that_is_too_long_is_said_in_words():
    name = "_." + "a" * 300
    why, unread = passed(Listing(HERE, frozenset({name})))[name]
    assert not unread
    assert "pattern" not in why
