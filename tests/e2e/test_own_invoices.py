"""A customer who transfers its money: invoiced, archived, paid, and once each."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from reconciler.audit import Query, log, verify
from reconciler.cli.archive import Archive
from reconciler.engine import Journal
from reconciler.errors import ReconcilerError
from reconciler.model import Ref
from tests.support.agency import ACCOUNTS, Agency, domain, inventory
from tests.support.crash import Killed
from tests.support.shell import at

OWN = """\
Provider/own:
  type: own
  credentials: {{}}
  seller:
    legalName: Example Hosting BV
    address: [Street 1, 1000 AA Amsterdam]
    country: NL
    iban: NL91 ABNA 0417 1643 00
    timeZone: {zone}
"""
CLIENT = """\
apiVersion: reconciler/v1
Customer/acme:
  legalName: Acme Łódź BV
  country: NL
  language: nl
  timeZone: Europe/Amsterdam
  contacts: {postal: {env: ACME_ADDRESS}}
  payment: {collect: invoice}
InvoicePolicy/plain: {tax: 21%}
Subscription/acme:
  customer: acme
  since: 2026-12-01
  covers: [Domain/acme.example]
  price: 10.00 EUR/month
  invoicing: plain
"""
ADDRESS = "Secret Street 7\n2000 BB Haarlem"
FILES = {**inventory(domain("acme.example")), "inventory/acme.yaml": CLIENT}
PERIOD = "2026-12-01"
PAY = ("paid", "Subscription/acme", "--period", PERIOD, "--evidence", "statement 48")
ALL = ("--amount", "12.10 EUR")
MONEY = {
    "money.yaml": "apiVersion: reconciler/v1\nGroup/money: {members: ['@treasurer']}\n"
}


def started(tmp_path, zone="Europe/Amsterdam", files=FILES):
    accounts = ACCOUNTS + OWN.replace("{zone}", zone)
    return Agency(tmp_path, files, accounts=accounts, policies=MONEY, remote=False)


@pytest.fixture
def agency(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_ADDRESS", ADDRESS)
    with started(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def owed(tmp_path_factory):
    """An agency with one open invoice; the tests that share it change nothing."""
    with started(tmp_path_factory.mktemp("owed")) as made:
        invoiced(made)
        yield made


def invoiced(agency, *more):
    """Take note of the subscription, invoice it, and return the second run."""
    agency.apply()
    return at(agency, "apply", *more)


def fact(agency, key):
    facts = agency.project().store.read().record("Subscription", "acme").facts
    return facts.get(key)


INVOICE, PAID = (f"bill/{PERIOD}/renewal/0/{step}" for step in ("invoice", "paid"))


def test_from_the_invoice_to_the_payment(agency, tmp_path):
    folder = tmp_path / "archive"
    first = invoiced(agency, "--archive", folder)
    assert first.code == 0, first
    assert "archived    INV-000001  2026/INV-000001.pdf" in first.out
    made = fact(agency, INVOICE)
    assert (made["number"], made["total"]) == ("INV-000001", "12.10 EUR")
    (file,) = folder.rglob("*.pdf")
    assert file.stat().st_mode & 0o077 == 0
    kept = fact(agency, "archived/INV-000001")
    assert kept["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()

    rows = json.loads(at(agency, "owed", "--format", "json").out)["owed"]
    assert [(row["number"], row["total"]) for row in rows] == [
        ("INV-000001", "12.10 EUR")
    ]
    agency.later(days=11)
    assert "1 d late" in at(agency, "owed").out
    paid = at(agency, *PAY, *ALL, "--date", "2026-12-02", actor="treasurer")
    assert paid.code == 0, paid
    assert "INV-000001  12.10 EUR on 2026-12-02" in paid.out
    assert fact(agency, PAID)["at"].startswith("2026-12-02")
    twice = at(agency, *PAY, *ALL, actor="treasurer")
    assert (twice.code, "is paid already" in twice.err) == (1, True)
    assert at(agency, "owed").out == "nothing is owed\n"

    # The next run has nothing to do, and writes no file again.
    before = file.stat().st_mtime_ns
    again = at(agency, "apply", "--archive", folder)
    assert (again.code, "archived" in again.out) == (0, False)
    assert file.stat().st_mtime_ns == before
    assert verify(agency.project().store) == []
    # And the address is in the file alone.
    said = json.dumps([*log(agency.project().store, Query())], default=str)
    for text in (first.out, first.err, again.out, said):
        assert "Secret Street" not in text
        assert "Haarlem" not in text


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("--amount", "12.09 EUR"), 1, "E614 12.10 EUR is left of INV-000001"),
        (("--amount", "12.11 EUR"), 1, "12.10 EUR is left of INV-000001"),
        (("--amount", "12.10 USD"), 1, "12.10 EUR is left of INV-000001"),
        (("--amount", "12.10"), 64, "is no amount"),
        (("--period", "2027-01-01", *ALL), 1, "2027-01-01 was not invoiced"),
        (("--period", "soon", *ALL), 64, "is no date"),
        ((*ALL, "--date", "2099-01-01"), 1, "is still to come"),
        ((*ALL, "--evidence", " "), 64, "say how you know"),
    ],
)
def test_what_is_said_wrongly_is_refused(owed, argv, code, said):
    refused = at(owed, *PAY, *argv, actor="treasurer")
    assert refused.code == code, refused
    assert said in refused.err
    assert "Traceback" not in refused.err
    assert fact(owed, PAID) is None


@pytest.mark.parametrize("name", ["Subscription/nobody", "Domain/acme.example", "acme"])
def test_who_is_not_there_cannot_pay(owed, name):
    refused = at(owed, "paid", name, *PAY[2:], *ALL)
    assert (refused.code, f"there is no {name}" in refused.err) == (64, True)


def test_nobody_but_the_group_money_says_what_was_paid(owed):
    refused = at(owed, *PAY, *ALL, actor="bo")
    assert (refused.code, "E609" in refused.err) == (1, True)
    assert fact(owed, PAID) is None


def test_what_cannot_be_archived_is_made_all_the_same_and_archived_later(
    agency, tmp_path, monkeypatch
):
    folder = tmp_path / "archive"
    file = folder / "2026" / "INV-000001.pdf"
    monkeypatch.delenv("ACME_ADDRESS")
    run = invoiced(agency, "--archive", folder)
    assert run.code == 3
    assert "the secret env:ACME_ADDRESS is not there" in run.out
    assert fact(agency, INVOICE)["number"] == "INV-000001"
    monkeypatch.setenv("ACME_ADDRESS", ADDRESS)

    # A file that is there is never written over.
    file.parent.mkdir(parents=True)
    file.write_bytes(b"mine")
    run = at(agency, "apply", "--archive", folder)
    assert run.code == 3
    assert "NOT ARCHIVED INV-000001" in run.out
    assert [(p.name, p.read_bytes()) for p in file.parent.iterdir()] == [
        (file.name, b"mine")
    ]
    file.unlink()

    # The process dies between the file and its record.
    record = Journal.record

    def dies(journal, batch):
        if batch.phase == "archived":
            raise Killed
        record(journal, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "record", dies)
        with pytest.raises(Killed):
            at(agency, "apply", "--archive", folder)
    assert fact(agency, "archived/INV-000001") is None
    monkeypatch.setenv("RECONCILER_ARCHIVE", str(folder))
    written = file.stat().st_mtime_ns
    assert "archived    INV-000001" in at(agency, "apply").out
    assert file.stat().st_mtime_ns == written
    assert fact(agency, "archived/INV-000001")["path"] == "2026/INV-000001.pdf"


class Gateway:
    """Draws its invoices itself, and never twice the same."""

    def __init__(self):
        self.drawn = 0

    def paper(self, bill):
        self.drawn += 1
        return b"%PDF-1.7 " + f"{bill} {self.drawn}".encode()


def test_what_a_gateway_draws_is_kept_as_it_was_first(owed, tmp_path):
    """What an earlier run got and did not record is not written over either."""
    project = owed.project()
    want = project.scope().get(Ref("Subscription", "acme"))
    one = want.books.invoiced()[0]._replace(provider="stripe")
    archive, gateway = Archive(project, tmp_path), Gateway()
    first = archive._written(want, one, "ABC-0001", gateway)
    again = archive._written(want, one, "ABC-0001", gateway)
    assert first == again
    assert (first[0], gateway.drawn) == ("2026/stripe-ABC-0001.pdf", 2)
    gateway.paper = lambda _bill: b"<html>sign in</html>"
    with pytest.raises(ReconcilerError, match="is no PDF"):
        archive._written(want, one, "ABC-0002", gateway)


def test_without_a_seller_nothing_is_invoiced(tmp_path):
    with Agency(tmp_path, FILES, remote=False) as agency:
        run = invoiced(agency)
        assert run.code == 3
        assert "an invoice of ours says who sells" in run.out
        assert agency.project().store.read().series("INV").last == 0


def test_an_invoice_of_new_year_is_dated_by_the_sellers_day(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_ADDRESS", ADDRESS)
    text = CLIENT.replace("since: 2026-12-01", "since: 2027-01-10")
    files = {**FILES, "inventory/acme.yaml": text}
    with started(tmp_path, "Pacific/Kiritimati", files) as agency:
        agency.apply()
        agency.clock.set(datetime(2026, 12, 31, 23, 30, tzinfo=UTC), frozen=True)
        run = at(agency, "apply", "--archive", "archive")
        assert "archived    INV-000001  2027/INV-000001.pdf" in run.out
