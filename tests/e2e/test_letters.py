"""Letters through whole runs: one course of dunning, deaths, failover; nothing leaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reconciler.audit import Query, log, verify
from reconciler.cli.apply_command import carry_out
from reconciler.sandbox import Fault
from tests.support.agency import Agency
from tests.support.crash import Killed, Saved, Steps, watch
from tests.support.shell import at

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Europe/Amsterdam")
MAIL, PHONE = "ann-canary@acme.example", "+31612345678"
ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/stripe:
  type: stripe
  account: acct_sandbox
  endpoint: {stripe}
  credentials: {{key: {{file: .sandbox/secrets/stripe-key}}}}
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {whm}
  credentials:
    user: {{file: .sandbox/secrets/whm-user}}
    token: {{file: .sandbox/secrets/whm-token}}
"""
MONEY = """\
apiVersion: reconciler/v1
HostingPlan/care-5: {price: 120.00 EUR/year, packages: {whm: care_5g}}
HostingAccount/acme.example: {provider: whm-1, plan: care-5}
PaymentMethod/acme-visa: {customer: acme, provider: stripe, token: pm_acme}
Customer/acme:
  legalName: Example Bakery BV
  country: NL
  language: nl
  timeZone: Europe/Amsterdam
  contacts:
    billing: {file: .sandbox/secrets/acme-mail}
    phone: {file: .sandbox/secrets/acme-phone}
  payment: {collect: invoice, primary: acme-visa}
Subscription/acme.example:
  customer: acme
  since: 2026-12-18
  covers: [HostingAccount/acme.example]
"""
CHANNELS = """\
apiVersion: reconciler/v1
NotificationChannel/letters:
  type: smtp
  audience: customers
  contact: Agency, +31 20 123 4567
  fallback: letters-sms
  confirmWithin: 1h
  smtp:
    host: 127.0.0.1
    port: {mail}
    tls: none
    from: billing@agency.example
    bounces:
      host: 127.0.0.1
      port: {mailbox}
      tls: none
      credentials:
        username: {{file: .sandbox/secrets/mailbox-user}}
        password: {{file: .sandbox/secrets/mailbox-password}}
NotificationChannel/letters-sms:
  type: twilio
  audience: customers
  contact: Agency, +31 20 123 4567
  twilio:
    account: AC0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
    from: "+15557122661"
    endpoint: http://127.0.0.1:{twilio}
    credentials:
      username: {{file: .sandbox/secrets/twilio-user}}
      password: {{file: .sandbox/secrets/twilio-token}}
"""
FILE = "inventory/channels.yaml"
CANARIES = [MAIL, PHONE, PHONE[1:], "sandbox-mailbox-password"]


class Course:
    """One customer and the ways to it."""

    def __init__(self, tmp):
        anywhere = CHANNELS.format(mail=1, mailbox=2, twilio=3)
        files = {"inventory/money.yaml": MONEY, FILE: anywhere}
        self.agency = Agency(tmp, files, accounts=ACCOUNTS, remote=False)

    def __enter__(self):
        self.agency.__enter__()
        secrets = self.agency.root / ".sandbox" / "secrets"
        (secrets / "acme-mail").write_text(MAIL)
        (secrets / "acme-phone").write_text(PHONE)
        ends = self.agency.sandbox.endpoints()
        ports = {name: int(url.rpartition(":")[2]) for name, url in ends.items()}
        self.agency.write(FILE, CHANNELS.format(**ports))
        self.agency.commit()
        return self

    def __exit__(self, *_):
        self.agency.__exit__()

    def apply(self, *argv):
        done = at(self.agency, "-q", *argv, "apply", "--auto-approve", "--held-ok")
        assert done.code in {0, 3}, done.out + done.err
        return done

    def at(self, when):
        here = datetime.fromisoformat(when).replace(tzinfo=ZONE)
        self.agency.clock.set(here, frozen=True)

    def run(self, *moments):
        """Apply at each local moment; return what was printed."""
        out = ""
        for when in moments:
            self.at(when)
            done = self.apply()
            out += done.out + done.err
        return out

    @property
    def mails(self):
        return self.agency.sandbox.bench("mail").state["messages"]

    @property
    def told(self):
        """(local time, subject) of everything that was mailed."""
        return [
            (
                f"{datetime.fromisoformat(m['at']).astimezone(ZONE):%m-%d %H:%M}",
                m["subject"],
            )
            for m in self.mails
        ]

    @property
    def texts(self):
        return [e.details["body"] for e in self.agency.sandbox.ledger.effects("twilio")]

    def facts(self):
        record = (
            self.agency.project().store.read().record("Subscription", "acme.example")
        )
        return record.facts

    def pays(self):
        bench = self.agency.sandbox.bench("stripe")
        (invoice,) = bench.state["accounts"][0]["invoices"]
        self.agency.sandbox.edit("stripe", "invoice", {"id": invoice, "pay": True})

    def suspended(self):
        done = self.agency.sandbox.ledger.effects("whm", "acme.example")
        return [effect.operation for effect in done]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Course(tmp_path_factory.mktemp("letters")) as course:
        course.run("2026-11-24T09:00")
        course.saved = Saved(course.agency)
        yield course


@pytest.fixture
def course(world):
    world.saved.restore()
    return world


#: After the quiet hours of a working day.
FIRST = "2026-12-04T10:00"


def test_one_course_over_the_year_s_end_from_the_invoice_to_the_receipt(course):
    """Each letter once, in order, in Dutch, at times of the customer's own clock."""
    out = course.run(
        FIRST,
        "2026-12-04T12:00",
        "2026-12-11T10:00",
        "2026-12-17T10:00",
        "2026-12-18T10:00",
        "2026-12-19T10:00",  # a Saturday
        "2026-12-21T22:00",  # at night
        "2026-12-22T10:00",
        "2026-12-28T10:00",
        "2027-01-01T10:00",
        "2027-01-01T10:30",
    )
    course.pays()
    out += course.run("2027-01-02T10:00", "2027-01-02T12:00")
    bill, due = "120,00 EUR", "te betalen op 18 december 2026"
    assert course.told == [
        (
            "12-04 10:00",
            f"Factuur CUS_ACME-0001 voor acme.example: {bill}, {due}",
        ),
        (
            "12-11 10:00",
            f"acme.example wordt verlengd: {bill}, {due}",
        ),
        (
            "12-17 10:00",
            f"acme.example wordt verlengd: {bill}, {due}",
        ),
        (
            "12-18 10:00",
            f"Factuur CUS_ACME-0001 voor acme.example is nog niet betaald: {bill}",
        ),
        ("12-22 10:00", f"Herinnering: {bill} voor acme.example is nog niet betaald"),
        (
            "12-28 10:00",
            f"acme.example gaat op 1 januari 2027 offline: {bill} is niet betaald",
        ),
        ("01-01 10:30", f"acme.example is offline: {bill} is niet betaald"),
        ("01-02 10:00", f"Bedankt: {bill} voor acme.example is betaald"),
        ("01-02 12:00", "acme.example is weer online"),
    ]
    assert course.suspended() == ["suspend", "unsuspend"]
    assert course.texts == []
    assert {to for mail in course.mails for to in mail["to"]} == {MAIL}
    assert "Neem contact op: Agency, +31 20 123 4567" in course.mails[0]["text"]
    assert "Betalen kan hier: http" in course.mails[0]["text"]
    assert verify(course.agency.project().store) == []
    leaks(course, out)


def leaks(course, *said):
    """Nothing that leads to the customer is printed, or recorded."""
    project = course.agency.project()
    lines = [json.dumps(line, default=str) for line in log(project.store, Query())]
    assert any('"event": "letters"' in line for line in lines)
    records = json.dumps(course.facts())
    for canary in CANARIES:
        assert canary not in "".join((*said, *lines, records))
    pages = {
        word
        for mail in course.mails
        for word in mail["text"].split()
        if word.startswith("http")
    }
    assert pages
    assert not any(page in "".join((*said, *lines, records)) for page in pages)


def commits(course):
    """Return the steps before the two records of the letters of a run."""
    steps = Steps()
    course.at(FIRST)
    carry_out(watch(course.agency.project(), steps))
    course.saved.restore()
    found = [
        n for n, name in enumerate(steps.names, 1) if name == "before store.commit"
    ]
    return found[-2:]


def test_a_death_tells_nothing_twice_by_one_channel_and_loses_nothing(course):
    claimed, settled = commits(course)
    for step, mails, texts in ((claimed, 1, 0), (settled, 1, 1)):
        course.saved.restore()
        course.at(FIRST)
        with pytest.raises(Killed):
            carry_out(watch(course.agency.project(), Steps(step)))
        assert len(course.mails) == (0 if step == claimed else 1)
        course.run("2026-12-04T12:00", "2026-12-04T14:00", "2026-12-07T10:00")
        assert (len(course.mails), len(course.texts)) == (mails, texts)
        told = course.facts()["told/2026-12-18/renewal/invoice"]
        assert told["channel"] == ("letters-sms" if texts else "letters")
        assert "letters" not in course.facts()


def test_a_killed_process_tells_nothing_twice_by_one_channel(course):
    _, settled = commits(course)
    course.at(FIRST)
    argv = [sys.executable, "-m", "tests.support.kill_at", str(settled)]
    done = subprocess.run(
        [*argv, "-C", str(course.agency.root), "apply", "--auto-approve"],
        cwd=ROOT,
        env=os.environ | course.agency.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert len(course.mails) == 1
    course.run("2026-12-04T12:00", "2026-12-04T14:00")
    assert (len(course.mails), len(course.texts)) == (1, 1)


def test_mail_that_comes_back_goes_by_the_phone_once(course):
    course.agency.sandbox.edit("mail", "fate", {"address": MAIL, "fate": "bounced"})
    out = course.run(FIRST)
    assert "under way   Subscription/acme.example  2026-12-18/renewal/invoice" in out
    out += course.run("2026-12-04T11:30", "2026-12-04T13:00", "2026-12-04T15:00")
    assert "letters failed: came back: 5.1.1" in out
    (text,) = course.texts
    subject, page, mark = text.split("\n")
    assert subject.startswith("Factuur CUS_ACME-0001 voor acme.example: 120,00 EUR")
    assert page.startswith("http")
    assert mark.startswith("#")
    told = course.facts()["told/2026-12-18/renewal/invoice"]
    assert told["channel"] == "letters-sms"
    assert told["state"] == "delivered"
    leaks(course, out)


def test_a_customer_whom_nobody_reaches_is_said_and_never_suspended(course):
    secrets = course.agency.root / ".sandbox" / "secrets"
    kept = {name: (secrets / name).read_text() for name in ("acme-mail", "acme-phone")}
    for name in kept:
        (secrets / name).unlink()
    try:
        out = course.run(FIRST, "2026-12-18T10:00", "2026-12-28T10:00")
        out += course.run("2027-01-08T10:00", "2027-02-08T10:00")
        assert "NOT TOLD    Subscription/acme.example" in out
        assert course.suspended() == []
        (found,) = (
            one
            for one in course.agency.plan().findings
            if one.code == "customer-unreached" and "final-warning" in one.message
        )
        assert "2026-12-18" in found.message
    finally:
        for name, value in kept.items():
            (secrets / name).write_text(value)
    course.run("2027-02-09T10:00", "2027-02-10T12:00")
    assert [subject for _, subject in course.told][-1].startswith("acme.example gaat")
    assert course.suspended() == []


def test_notify_shows_and_sends_what_a_run_would(course):
    course.agency.sandbox.inject(
        Fault(vendor="mail", operation="connect", kind="status", status=421, times=0)
    )
    course.agency.sandbox.edit(
        "twilio", "fate", {"number": PHONE, "fate": "failed-at-once"}
    )
    course.run(FIRST)
    assert course.mails == course.told == []
    course.agency.sandbox.faults.clear()
    shown = at(course.agency, "-q", "notify", "--dry-run")
    assert (
        "to Customer/acme: Subscription/acme.example  2026-12-18/renewal/invoice"
        in (shown.out)
    )
    assert course.mails == []
    done = at(course.agency, "-q", "notify", "--format", "json")
    assert done.code == 0, done.out + done.err
    (letter,) = json.loads(done.out)["letters"]
    assert letter["resource"] == "Subscription/acme.example"
    assert letter["channel"] == letter["by"] == "letters"
    assert len(course.mails) == 1
    test = at(course.agency, "notify", "--test", "letters")
    assert test.code == 64
    assert "is for customers" in test.err
    leaks(course, shown.out, done.out)


def test_the_doctor_looks_at_the_ways_to_customers(course):
    done = at(course.agency, "doctor")
    assert "NotificationChannel/letters" in done.out
    assert "could be used now" in done.out
    course.agency.sandbox.inject(
        Fault(vendor="mailbox", operation="login", kind="status", times=0)
    )
    done = at(course.agency, "doctor")
    assert "the mailbox of bounces" in done.out
