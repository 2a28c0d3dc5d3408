"""Letters: sent once, by the first channel that takes it, whatever dies in between."""

from __future__ import annotations

import ssl
from itertools import product

import pytest

from reconciler.kinds.subscription import DAYS, PLACEHOLDERS, TEXTS
from reconciler.notify import Status, Words
from reconciler.notify.bounces import Bounces, Box
from reconciler.notify.phone import short
from reconciler.notify.samples import LETTER_SAMPLES, SENT
from reconciler.notify.smtp import Server, WatchedMail
from reconciler.notify.spelling import spelled
from reconciler.notify.wording import LETTERS, SHIPPED, check
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.phones import OURS, PHONE, SID, TOKEN, line
from tests.support.phones import WORLD as PHONES
from tests.unit.notify.post_office import (
    ACME,
    CONTACT,
    SAID,
    VALUES,
    Office,
    letter,
    to_customers,
)
from tests.unit.notify.world import NOW, Phone
from tests.unit.notify.world import Box as Slot

TO = "ann-canary@acme.example"
LOGIN = ("bot@agency.example", "secret-canary")


def pair(mail, sms, **more):
    return Office(
        mail=(to_customers("mail", "sms"), mail),
        sms=(to_customers("sms", kind="twilio"), sms),
        **more,
    )


# -- once --------------------------------------------------------------------------------


def test_a_letter_is_sent_once_and_then_its_key_alone_is_left():
    box = Slot()
    office = pair(box, Phone())
    office.run(letter())
    fact = {"at": NOW.isoformat(), "channel": "mail", "state": "accepted"}
    assert office.acme == {"told/2026-12-04/renewal/first-failure": fact}
    assert box.subjects() == ["We could not charge 12.10 EUR for acme.example"]
    assert office.pushes == 2  # before it is sent, and after


def test_nothing_to_send_writes_nothing():
    office = pair(Slot(), Phone())
    assert office.run().pushes == 0
    assert office.acme == {}


def test_many_are_written_down_together():
    box = Slot()
    office = pair(box, Phone())
    many = [
        (ACME._replace(uid=f"uid-{n}", name=f"{n}.example"), letter())
        for n in range(60)
    ]
    office.run(*many)
    assert len(box.got) == len(set(box.ids())) == 60
    assert office.pushes == 6  # 25 at a time, before and after


def test_two_letters_about_one_subscription():
    box = Slot()
    office = pair(box, Phone())
    office.run(letter("receipt"), letter("lifted"))
    assert len(box.got) == 2
    assert {key.rpartition("/")[2] for key in office.acme} == {"receipt", "lifted"}


def test_what_there_is_no_time_for_is_left_to_the_next_run():
    box = Slot()
    office = pair(box, Phone())
    answers = iter([True, False, False])
    office.run(letter("receipt"), letter("lifted"), in_time=lambda: next(answers))
    assert box.got == []
    assert all("waits" not in entry for entry in office.open.values())
    office.run(letter("receipt"), letter("lifted"))
    assert len(box.got) == 2


# -- the second channel -------------------------------------------------------------------


def test_what_nobody_takes_is_said_and_tried_again():
    mail, sms = Slot(Status.FAILED), Phone(Status.FAILED)
    office = pair(mail, sms)
    office.run(letter())
    assert office.fact() is None
    missed = {"since": NOW.isoformat(), "tried": NOW.isoformat()}
    assert office.acme["unreached"] == {"2026-12-04/renewal/first-failure": missed}
    office.later(hours=1).run(letter())
    assert office.fact()["channel"] == "mail"
    assert "unreached" not in office.acme
    assert office.open == {}


def test_a_dead_address_is_tried_ever_more_seldom():
    mail, sms = Slot(), Phone()
    office = pair(mail, sms)
    tried = []
    for hour in range(24 * 4):
        mail.statuses, sms.statuses = [Status.FAILED], [Status.FAILED]
        before = len(mail.got)
        office.run(letter()).later(hours=1)
        tried += [hour] if len(mail.got) > before else []
    assert tried == [0, 1, 2, 4, 8, 16, 32, 56, 80]
    assert len(sms.got) == len(tried)
    assert office.acme["unreached"]["2026-12-04/renewal/first-failure"]["since"] == (
        NOW.isoformat()
    )


def test_a_customer_whom_no_channel_reaches():
    office = pair(None, None)
    office.run(letter())
    assert office.fact() is None
    assert office.acme["unreached"]
    assert office.last[0].arrived is False


def test_without_an_address_the_phone_rings():
    sms = Phone(fates=[Status.DELIVERED])
    office = pair(None, sms)
    office.run(letter())
    assert office.fact() is None  # nobody knows yet
    office.later(minutes=5).run(letter())
    assert office.fact() == {
        "at": NOW.isoformat(),
        "channel": "sms",
        "state": "delivered",
    }
    assert len(sms.got) == 1


def test_what_is_under_way_at_night_waits_for_the_morning():
    """The kind yields nothing then: a failure must not wake anybody, nor be lost."""
    sms = Phone(fates=[Status.FAILED])
    mail = Slot()
    office = Office(
        sms=(to_customers("sms", "mail", "twilio"), sms),
        mail=(to_customers("mail"), mail),
    )
    office.run(letter())
    other = letter("receipt", period="2025-12-04")
    office.later(hours=3).run(other)  # something else is told meanwhile
    assert office.open
    assert len(mail.got) == 0
    office.later(hours=8).run(letter())
    assert (len(sms.got), len(mail.got)) == (2, 1)
    assert office.fact()["channel"] == "mail"


def test_what_was_overtaken_goes_by_no_second_channel():
    sms, mail = Phone(fates=[Status.FAILED] * 9), Slot()
    office = Office(
        sms=(to_customers("sms", "mail", "twilio"), sms),
        mail=(to_customers("mail"), mail),
    )
    office.run(letter())
    office.later(hours=1).run(letter("receipt"))
    assert [one.data["command"] for one in mail.got] == []
    office.later(days=8).run(letter("lifted"))
    assert "told/2026-12-04/renewal/first-failure" not in office.open
    assert office.fact() is None


@pytest.mark.parametrize("firm", [False, True])
def test_an_sms_that_nobody_confirms_and_no_second_channel(firm):
    sms = Phone()
    office = Office(sms=(to_customers("sms", kind="twilio"), sms))
    one = letter("final-warning", firm=firm)
    for _ in range(4):
        office.run(one).later(minutes=31)
    assert len(sms.got) == 1
    assert office.fact("final-warning")["state"] == "unconfirmed"
    assert ("unreached" in office.acme) is firm


def test_a_promise_is_recorded_before_it_is_made():
    box = Slot()
    office = pair(box, Phone())
    promise = {"promised/2026-12-04/renewal": {"suspends": "2026-12-17T08:00:00Z"}}
    office.run(letter("final-warning", firm=True, facts=promise), dies=2)
    assert len(box.got) == 1
    assert office.acme["promised/2026-12-04/renewal"] == {
        "suspends": "2026-12-17T08:00:00Z"
    }
    assert office.fact("final-warning") is None


# -- deaths ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dies", [1, 2])
def test_a_death_sends_nothing_twice_by_one_channel(dies):
    """Before anything is pushed: nothing left. After: the other channel has it."""
    mail, sms = Slot(), Phone(fates=[Status.DELIVERED])
    office = pair(mail, sms)
    office.run(letter(), dies=dies)
    for _ in range(3):
        office.later(minutes=31).run(letter())
    if dies == 1:
        assert (len(mail.got), len(sms.got)) == (1, 0)
        assert office.fact()["channel"] == "mail"
    else:
        assert (len(mail.got), len(sms.got)) == (1, 1)
        assert office.fact()["channel"] == "sms"
    assert office.open == {}


@pytest.mark.parametrize("dies", [1, 2])
def test_with_one_channel_a_death_repeats_the_same_message(dies):
    mail = Slot()
    office = Office(mail=(to_customers("mail"), mail))
    office.run(letter(), dies=dies)
    for _ in range(2):
        office.later(hours=1).run(letter())
    assert len(mail.got) == dies
    assert len(set(mail.ids())) == 1
    assert office.fact()["channel"] == "mail"


def test_what_nobody_knows_to_be_sent_counts_from_when_it_is():
    """A warning that its run died with, and that is sent days later, warns then."""
    mail = Slot()
    office = Office(mail=(to_customers("mail"), mail))
    office.run(letter("final-warning"), dies=2)
    office.later(days=4).run(letter("final-warning"))
    assert office.fact("final-warning")["at"] == office.now.isoformat()
    phone = Phone(fates=[Status.DELIVERED])
    both = pair(Slot(), phone).run(letter("final-warning"), dies=2)
    rang = both.later(days=4).run(letter("final-warning")).now
    both.later(minutes=31).run(letter("final-warning"))
    assert len(phone.got) == 1
    assert both.fact("final-warning")["at"] == rang.isoformat()


def test_nothing_is_sent_without_the_lock():
    mail = Slot()
    office = pair(mail, Phone())
    office.run(letter(), dies=1)
    assert mail.got == []


# -- over real sockets ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running():
    world = {
        "mail": {},
        "mailbox": dict(zip(("user", "password"), LOGIN, strict=True)),
        "twilio": PHONES["twilio"],
    }
    with Sandbox(World(world), SandboxClock(NOW, frozen=True)) as sandbox:
        sandbox.again = World(world)
        yield sandbox


@pytest.fixture
def sandbox(running):
    running.clock.set(NOW, frozen=True)
    running.reset(running.again)
    return running


def port(sandbox, vendor):
    return int(sandbox.endpoint(vendor).rpartition(":")[2])


def posted(sandbox, *, at=None, host="127.0.0.1", login=LOGIN):
    server = Server(host, at or port(sandbox, "mail"), "none", _context, None, 0.4)
    box = Box("127.0.0.1", port(sandbox, "mailbox"), "none", _context, login, 2)
    return WatchedMail(server, "bot@agency.example", [TO], Bounces(box))


def _context():
    return ssl.create_default_context()


def ringing(sandbox, token=TOKEN):
    from reconciler.notify.twilio import Twilio

    at = sandbox.endpoint("twilio")
    return Twilio(SID, (SID, token), OURS, PHONE, line(), endpoint=at)


def fault(operation, kind, **more):
    def inject(sandbox):
        sandbox.inject(
            Fault(vendor="mail", operation=operation, kind=kind, times=0, **more)
        )

    return inject


def fate(fate, **more):
    return lambda sandbox: sandbox.edit(
        "mail", "fate", {"address": TO, "fate": fate, **more}
    )


MAIL_FAULTS = {
    "nobody there": None,
    "no such host": None,
    "hangs up at once": fault("connect", "lost-before"),
    "421 at once": fault("connect", "throttle"),
    "550 at MAIL": fault("mail", "status", status=550),
    "550 at RCPT": fault("rcpt", "status", status=550),
    "451 at RCPT": fault("rcpt", "status", status=451),
    "554 after the message": fault("data", "status-after", status=554),
    "hangs up after the message": fault("data", "lost-after"),
    "answers too late": fault("data", "slow", seconds=0.8),
    "taken, then bounced": fate("bounced"),
    "taken, then bounced later": fate("bounced", after=1700),
    "the mailbox cannot be read": None,
}


def mail_of(sandbox, name):
    if inject := MAIL_FAULTS[name]:
        inject(sandbox)
    if name == "nobody there":
        return posted(sandbox, at=9)
    if name == "no such host":
        return posted(sandbox, host=f"{'x' * 64}.example")
    if name == "the mailbox cannot be read":
        return posted(sandbox, login=(LOGIN[0], "guess-canary"))
    return posted(sandbox)


def runs(sandbox, office, mail, number=6, died=None, one=None):
    """
    Half an hour apart, each with a look into the mailbox of its own.

    The first one may die at the push with the number *died*.
    """
    for count in range(number):
        sandbox.clock.set(office.now, frozen=True)
        office.channels["mail"] = office.channels["mail"]._replace(sender=mail())
        office.run(one or letter(), dies=None if count else died)
        office.later(minutes=31)


@pytest.mark.parametrize("died", [None, 1, 2, 3])
@pytest.mark.parametrize("name", MAIL_FAULTS)
def test_the_phone_rings_once_where_the_mail_does_not_arrive(sandbox, name, died):
    mail = mail_of(sandbox, name)
    office = Office(
        mail=(to_customers("mail", "sms", bounces=True, confirmWithin="30m"), mail),
        sms=(to_customers("sms", kind="twilio"), ringing(sandbox)),
    )
    runs(sandbox, office, lambda: mail_of(sandbox, name), died=died)
    (sent,) = sandbox.ledger.effects("twilio")
    assert "We could not charge 12.10 EUR for acme.example" in sent.details["body"]
    assert office.fact()["channel"] == "sms"
    assert office.fact()["state"] == "delivered"
    assert len(sandbox.ledger.effects("mail")) <= 1
    assert office.open == {}
    assert "unreached" not in office.acme


@pytest.mark.parametrize("one", ["delivered", "delayed"])
def test_the_phone_does_not_ring_where_the_mail_stays(sandbox, one):
    fate(one)(sandbox)
    office = Office(
        mail=(to_customers("mail", "sms", bounces=True, confirmWithin="1h"), None),
        sms=(to_customers("sms", kind="twilio"), ringing(sandbox)),
    )
    runs(sandbox, office, lambda: posted(sandbox), number=1)
    assert office.fact() is None  # it may come back
    runs(sandbox, office, lambda: posted(sandbox), number=3)
    assert office.fact() == {
        "at": NOW.isoformat(),
        "channel": "mail",
        "state": "accepted",
    }
    assert sandbox.ledger.effects("twilio") == []
    (mail,) = sandbox.bench("mail").state["messages"]
    assert mail["to"] == [TO]
    assert f"Ask us: {CONTACT}" in mail["text"]


@pytest.mark.parametrize("died", [None, 2])
def test_a_warning_that_comes_back_counts_only_once_the_phone_rang(sandbox, died):
    fate("bounced")(sandbox)
    office = Office(
        mail=(to_customers("mail", "sms", bounces=True, confirmWithin="30m"), None),
        sms=(to_customers("sms", kind="twilio"), ringing(sandbox)),
    )
    one = letter("final-warning", firm=True)
    seen = []
    for number in range(4):
        seen.append((office.fact("final-warning") or {}).get("channel"))
        dies = None if number else died
        runs(sandbox, office, lambda: posted(sandbox), 1, dies, one)
    assert seen[0] is None
    assert "mail" not in seen
    assert office.fact("final-warning")["channel"] == "sms"


def test_neither_arrives(sandbox):
    fate("bounced")(sandbox)
    sandbox.edit("twilio", "fate", {"number": PHONE, "fate": "undelivered"})
    office = Office(
        mail=(to_customers("mail", "sms", bounces=True, confirmWithin="30m"), None),
        sms=(to_customers("sms", kind="twilio"), ringing(sandbox)),
    )
    runs(sandbox, office, lambda: posted(sandbox), number=3)
    assert office.fact() is None
    assert office.acme["unreached"]
    assert len(sandbox.ledger.effects("mail")) == 1
    assert len(sandbox.ledger.effects("twilio")) == 1
    said = str([told.sent for told in office.last])
    assert "canary" not in said.replace("Example", "")
    assert PHONE not in said


# -- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", SHIPPED)
@pytest.mark.parametrize("text", TEXTS)
def test_every_letter_says_what_and_whom_to_ask(text, language):
    words = Words(language)
    for sample, page in product(LETTER_SAMPLES, ("", "https://pay.example/1")):
        subject, said = words.say(f"letter-{text}", {**sample, "page": page})
        assert "acme.example" in subject
        assert len(subject) <= 160
        assert sample["customer"] in said
        assert sample["contact"] in said
        assert "{" not in subject + said
        assert max(map(len, said.splitlines())) <= 260
        asks = text not in {"receipt", "lifted"}
        assert (page in said) is (asks or not page)


def test_languages_say_days_and_amounts_their_own_way():
    said = {"due": "2027-03-01", "amount": "1234.50 EUR", "covers": "a.b", "paid": ""}
    assert spelled(said, "en") == {**said, "due": "1 March 2027"}
    nl = {**said, "due": "1 maart 2027", "amount": "1234,50 EUR"}
    assert spelled(said, "nl-BE") == nl
    assert spelled(said, "de") == {**said, "amount": "1234,50 EUR"}


@pytest.mark.parametrize(
    ("language", "begins", "day"),
    [
        ("nl", "Beste", "3 december 2026"),
        ("nl-BE", "Beste", "3 december 2026"),
        ("de", "Dear", "3 December 2026"),
        ("en-GB", "Dear", "3 December 2026"),
    ],
)
def test_a_language_without_texts_reads_english(language, begins, day):
    box = Slot()
    office = Office(language, mail=(to_customers("mail"), box))
    office.run(letter())
    assert box.got[0].text.startswith(f"{begins} Example Bakery BV,")
    assert day in box.got[0].text


def test_a_text_of_ones_own_comes_first_and_a_broken_one_costs_no_letter():
    own = {
        "de/letter-receipt": ("de.txt", "Danke: {{ amount }}\nBis {{ ends }}."),
        "en/letter-lifted": ("en.txt", "{{ nobody }}\n"),
    }
    box = Slot()
    office = Office("de", own, mail=(to_customers("mail"), box))
    office.run(letter("receipt"), letter("lifted"))
    said = {one.subject: one.text for one in box.got}
    assert said["Danke: 12,10 EUR"] == "Bis 2027-12-03."
    assert "acme.example is online again" in said
    assert [str(one) for one in office.words.troubles]


def test_own_letters_are_checked_with_what_letters_get():
    good = {"nl/letter-receipt": ("a.txt", "{{ amount }} {{ contact }}\n{{ page }}")}
    assert [*check(good)] == []
    bad = {"nl/letter-receipt": ("a.txt", "{{ resource }}\n")}
    (one,) = check(bad)
    assert "there is no resource" in one.why
    assert "suspends" in one.why
    assert len(LETTERS) == len(TEXTS)


def test_samples_have_every_placeholder():
    for sample in LETTER_SAMPLES:
        assert set(sample) == {*PLACEHOLDERS, *SENT}
    assert set(PLACEHOLDERS) > DAYS
    assert set(VALUES) < set(PLACEHOLDERS)
    assert set(SAID) < set(SENT)


def test_an_sms_has_the_page_to_pay_on():
    sms = Phone()
    office = Office(sms=(to_customers("sms", kind="twilio"), sms))
    office.run(letter(), said={"page": "https://pay.example/i/1"})
    lines = short(sms.got[0]).split("\n")
    assert lines[:2] == [
        "We could not charge 12.10 EUR for acme.example",
        "https://pay.example/i/1",
    ]


def test_a_name_cannot_make_a_header_or_a_line():
    box = Slot()
    office = Office(mail=(to_customers("mail"), box))
    office.run(letter(), said={"customer": "A\r\nBcc: thief@evil.example\r\n\r\nB"})
    assert "\n\n\n" not in box.got[0].text
    assert "Dear A Bcc: thief@evil.example B," in box.got[0].text
    assert "<" not in box.got[0].html.replace("<pre>", "").split("</pre>")[0][-40:]
