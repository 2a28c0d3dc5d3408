"""SMS adapters over real sockets: what is taken, what becomes of it, what leaks."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from reconciler.notify import Status
from reconciler.notify import line as line_module
from reconciler.notify.message import Message, message
from reconciler.notify.phone import LONGEST_SMS, number, plain, short
from reconciler.notify.twilio import Twilio
from reconciler.notify.vonage import Vonage
from reconciler.sandbox import Fault
from tests.support.phones import (
    ACCOUNT,
    KEY,
    OURS,
    PHONE,
    REGION,
    SECRET,
    SID,
    TOKEN,
    Phones,
    line,
    sns,
)
from tests.support.receivers import Receiver
from tests.unit.notify.test_webhook import notice, one
from tests.unit.notify.world import NOW

HOUR = timedelta(hours=1)
ONE = one()


@pytest.fixture(scope="module")
def running():
    with Phones(NOW) as phones:
        yield phones


@pytest.fixture
def phones(running):
    running.reset(NOW)
    return running


def later(phones, **delta):
    return phones.clock.advance(timedelta(**delta))


def inject(phones, vendor, kind, **more):
    phones.sandbox.inject(Fault(vendor=vendor, kind=kind, **more))


@pytest.mark.parametrize("vendor", ["twilio", "vonage"])
class TestBoth:
    def sender(self, phones, vendor):
        return getattr(phones, vendor)()

    def test_what_is_taken_is_followed_until_it_is_there(self, phones, vendor):
        sender = self.sender(phones, vendor)
        taken = sender.send(ONE, NOW)
        assert taken.status is Status.ACCEPTED
        assert sender.check(taken.id, NOW).status is Status.ACCEPTED
        there = sender.check(taken.id, later(phones, minutes=5))
        assert (there.status, there.id) == (Status.DELIVERED, taken.id)
        assert len(phones.sent(vendor)) == 1

    def test_what_does_not_arrive_is_said(self, phones, vendor):
        sender = self.sender(phones, vendor)
        phones.fate(vendor, "failed")
        taken = sender.send(ONE, NOW)
        assert taken.status is Status.ACCEPTED
        lost = sender.check(taken.id, later(phones, minutes=5))
        assert lost.status is Status.FAILED
        assert "failed" in lost.said

    def test_what_was_sent_is_found_by_our_id(self, phones, vendor):
        sender = self.sender(phones, vendor)
        before = later(phones, minutes=1)
        taken = sender.send(ONE, before)
        found = sender.find(ONE.id, before, later(phones, minutes=30))
        assert (found.status, found.id) == (Status.DELIVERED, taken.id)

    def test_what_was_not_sent_is_certainly_not(self, phones, vendor):
        sender = self.sender(phones, vendor)
        sender.send(ONE, NOW)
        assert sender.find("e" * 32, NOW, later(phones, minutes=30)) is None

    def test_so_soon_nobody_can_tell(self, phones, vendor):
        found = self.sender(phones, vendor).find(ONE.id, NOW, later(phones, minutes=1))
        assert found.status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("fault", "status", "sent"),
        [
            ({"kind": "status", "status": 503}, Status.UNKNOWN, 0),
            ({"kind": "status-after", "status": 502}, Status.UNKNOWN, 1),
            ({"kind": "lost-before"}, Status.UNKNOWN, 0),
            ({"kind": "lost-after"}, Status.UNKNOWN, 1),
            ({"kind": "throttle"}, Status.FAILED, 0),
            ({"kind": "malformed"}, Status.UNKNOWN, 1),
            ({"kind": "wrong-account"}, Status.FAILED, 0),
        ],
    )
    def test_whatever_goes_wrong_is_no_success(
        self, phones, vendor, fault, status, sent
    ):
        inject(phones, vendor, **fault)
        assert self.sender(phones, vendor).send(ONE, NOW).status is status
        assert len(phones.sent(vendor)) == sent

    @pytest.mark.parametrize("kind", ["status", "lost-after", "malformed", "throttle"])
    def test_a_question_without_an_answer_says_nothing(self, phones, vendor, kind):
        sender = self.sender(phones, vendor)
        taken = sender.send(ONE, NOW)
        for ask in (
            lambda: sender.check(taken.id, NOW),
            lambda: sender.find(ONE.id, NOW, NOW + HOUR),
        ):
            inject(phones, vendor, kind)
            assert ask().status is Status.UNKNOWN
            assert phones.sandbox.faults.waiting() == []

    def test_too_late_is_unknown(self, phones, vendor, monkeypatch):
        monkeypatch.setattr(line_module, "TIMEOUT", 0.1)
        inject(phones, vendor, "slow", seconds=0.3)
        assert self.sender(phones, vendor).send(ONE, NOW).status is Status.UNKNOWN

    def test_nobody_there_is_a_failure(self, phones, vendor):
        with Receiver() as gone:
            url = f"http://127.0.0.1:{gone.port}"
        sender = getattr(phones, vendor)(endpoint=url)
        assert sender.send(ONE, NOW).status is Status.FAILED
        assert sender.check("S" * 34, NOW).status is Status.UNKNOWN
        assert sender.find(ONE.id, NOW, NOW + HOUR).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        "url", ["https://10.0.0.1", "http://1.1.1.1", f"https://{'x' * 64}.example"]
    )
    def test_an_inner_an_open_and_an_unknown_address_are_refused(
        self, phones, vendor, url
    ):
        sender = getattr(phones, vendor)(endpoint=url)
        assert sender.trouble()
        assert sender.send(ONE, NOW).status is Status.FAILED

    def test_no_number_and_no_secret_is_shown(self, phones, vendor):
        secret = {"twilio": TOKEN, "vonage": SECRET}[vendor]
        words = f"no {PHONE} {PHONE[1:]} {secret}"
        sender = self.sender(phones, vendor)
        inject(phones, vendor, "status", status=400, text=words)
        said = sender.send(ONE, NOW).said
        shown = f"{said} {sender!r} {sender.identity}"
        for hidden in (PHONE[1:], secret):
            assert hidden not in shown

    def test_the_identity_is_that_of_the_phone(self, phones, vendor):
        make = {
            "twilio": lambda to: Twilio(SID, (SID, TOKEN), OURS, to, line()),
            "vonage": lambda to: Vonage((KEY, SECRET), "Agency", to, line()),
        }[vendor]
        ids = [make(to).identity for to in (PHONE, PHONE, PHONE[:-1] + "9")]
        assert ids[0] == ids[1] != ids[2]

    def test_a_wrong_number_is_refused_without_being_shown(self, phones, vendor):
        make = {
            "twilio": lambda to: Twilio(SID, (SID, TOKEN), OURS, to, line()),
            "vonage": lambda to: Vonage((KEY, SECRET), "Agency", to, line()),
        }[vendor]
        for wrong in ("0612345678", "+0612345678", "+31 6 12345678", "+31612345678x"):
            with pytest.raises(ValueError, match="the phone number is none") as found:
                make(wrong)
            assert wrong not in str(found.value)


class TestTwilio:
    def test_201_that_says_failed_is_a_failure(self, phones):
        """Apprise 2.2 calls it a success."""
        phones.fate("twilio", "failed-at-once")
        delivery = phones.twilio().send(ONE, NOW)
        assert delivery.status is Status.FAILED
        assert delivery.said == "failed, error 30008"

    def test_wrong_credentials_are_a_failure(self, phones):
        delivery = phones.twilio(token="wrong").send(ONE, NOW)
        assert delivery[:2] == (Status.FAILED, "401 20003 Authenticate")

    def test_sent_is_not_delivered(self, phones):
        phones.fate("twilio", "sent")
        taken = phones.twilio().send(ONE, NOW)
        asked = phones.twilio().check(taken.id, later(phones, days=3))
        assert asked[:2] == (Status.ACCEPTED, "sent")

    def test_a_messaging_service_sends(self, phones):
        phones.twilio(sender="MG" + "1" * 32).send(ONE, NOW)
        (row,) = phones.sandbox.bench("twilio").state["accounts"][SID]["messages"]
        assert (row["service"], row["from"]) == ("MG" + "1" * 32, None)

    def test_a_name_that_looks_like_a_service_is_a_name(self, phones):
        phones.twilio(sender="MGAgency").send(ONE, NOW)
        rows = phones.sandbox.bench("twilio").state["accounts"][SID]["messages"]
        # One that another test gave up waiting for may arrive here, late.
        (row,) = [row for row in rows if row["from"] == "MGAgency"]
        assert row["service"] is None

    def test_a_list_that_does_not_go_back_far_enough_proves_nothing(self, phones):
        sender = phones.twilio()
        for _ in range(50):
            sender.send(ONE, NOW)
        found = sender.find("e" * 32, NOW, later(phones, minutes=30))
        assert found.status is Status.UNKNOWN
        assert sender.find("e" * 32, NOW + HOUR, NOW + 2 * HOUR) is None

    @pytest.mark.parametrize("identity", ["", "../x", "SM1", "SM" + "g" * 32])
    def test_only_a_sid_is_asked_for(self, phones, identity):
        assert phones.twilio().check(identity, NOW).status is Status.UNKNOWN
        assert phones.sandbox.ledger.requests().get("twilio", {}) == {}

    def test_the_text_is_the_subject_the_command_and_the_mark(self, phones):
        phones.twilio().send(ONE, NOW)
        (effect,) = phones.sent("twilio")
        assert effect.details["body"] == (
            "[reconciler main] CRITICAL Domain/a.example: ends sööner\n"
            f"reconciler explain Domain/a.example\n#{ONE.id[:10]}"
        )


class TestVonage:
    @pytest.mark.parametrize("status", [1, 5, 6, 7, 9, 29])
    def test_200_that_says_no_is_a_failure(self, phones, status):
        """Apprise 2.2 calls it a success."""
        phones.fate("vonage", f"status-{status}")
        delivery = phones.vonage().send(ONE, NOW)
        assert delivery.status is Status.FAILED
        assert delivery.said.startswith(f"{status} ")

    def test_wrong_credentials_are_a_failure(self, phones):
        delivery = phones.vonage(secret="wrong").send(ONE, NOW)
        assert delivery[:2] == (Status.FAILED, "4 Bad Credentials")

    @pytest.mark.parametrize("fate", ["rejected", "expired"])
    def test_other_ends_are_failures(self, phones, fate):
        phones.fate("vonage", fate)
        taken = phones.vonage().send(ONE, NOW)
        asked = phones.vonage().check(taken.id, later(phones, minutes=5))
        assert asked[:2] == (Status.FAILED, fate)

    def test_buffered_is_not_there(self, phones):
        phones.fate("vonage", "buffered")
        taken = phones.vonage().send(ONE, NOW)
        asked = phones.vonage().check(taken.id, later(phones, days=2))
        assert asked[:2] == (Status.ACCEPTED, "buffered")

    def test_a_part_that_is_refused_fails_the_whole(self, phones):
        parts = [{"status": "0", "message-id": "A" * 16}, {"status": "1"}]
        said = json.dumps({"message-count": "2", "messages": parts})
        with Receiver((200, said)) as receiver:
            sender = phones.vonage(endpoint=f"http://127.0.0.1:{receiver.port}")
            assert sender.send(ONE, NOW).status is Status.FAILED

    def test_every_part_has_to_arrive(self, phones):
        sender = phones.vonage()
        ids = [sender.send(ONE, NOW).id for _ in range(2)]
        asked = sender.check(",".join(ids), later(phones, minutes=5))
        assert asked.status is Status.DELIVERED
        strange = sender.check(f"{ids[0]},{'F' * 16}", later(phones, minutes=5))
        assert strange.status is Status.ACCEPTED

    @pytest.mark.parametrize(
        ("summary", "kind"), [("ends soon", "text"), ("endet — bald", "unicode")]
    )
    def test_the_alphabet_is_said(self, phones, summary, kind):
        with Receiver((200, "{}")) as receiver:
            sender = phones.vonage(endpoint=f"http://127.0.0.1:{receiver.port}")
            made = message("ops", [notice(summary=summary, command=None)], context())
            sender.send(made, NOW)
            assert f"type={kind}".encode() in receiver.got[0][2]


def context():
    from reconciler.notify import Context

    return Context("main", "run-1", None, None, NOW)


@pytest.fixture(scope="module")
def aws():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    keys = {
        "region_name": REGION,
        "endpoint_url": url,
        "aws_access_key_id": "x",
        "aws_secret_access_key": "x",
    }
    yield SimpleNamespace(url=url, logs=boto3.client("logs", **keys))
    server.stop()


class TestSns:
    """SNS and CloudWatch Logs by moto."""

    def logged(self, aws, group, identity, status):
        name = f"sns/{REGION}/{ACCOUNT}/DirectPublishToPhoneNumber{group}"
        found = aws.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if name not in {one["logGroupName"] for one in found}:
            aws.logs.create_log_group(logGroupName=name)
            aws.logs.create_log_stream(logGroupName=name, logStreamName="a")
        said = {
            "notification": {"messageId": identity, "timestamp": "2026-11-22 00:40:34"},
            "delivery": {
                "destination": PHONE,
                "providerResponse": f"Unknown error attempting to reach {PHONE}",
                "smsType": "Transactional",
            },
            "status": status,
        }
        event = {"timestamp": self.now_ms(), "message": json.dumps(said)}
        aws.logs.put_log_events(logGroupName=name, logStreamName="a", logEvents=[event])

    @staticmethod
    def now_ms():
        from datetime import UTC, datetime

        return int(datetime.now(UTC).timestamp() * 1000)

    @pytest.mark.parametrize(
        ("group", "word", "status"),
        [("", "SUCCESS", Status.DELIVERED), ("/Failure", "FAILURE", Status.FAILED)],
    )
    def test_what_became_of_it_is_in_the_log(self, aws, group, word, status):
        sender = sns(aws.url)
        taken = sender.send(ONE, NOW)
        assert taken.status is Status.ACCEPTED
        assert sender.check(taken.id, NOW).status is Status.ACCEPTED
        self.logged(aws, group, taken.id, word)
        came = sender.check(taken.id, NOW)
        assert (came.status, came.id) == (status, taken.id)
        assert PHONE[1:] not in came.said

    def test_nobody_can_tell_after_a_death(self, aws):
        assert sns(aws.url).find(ONE.id, NOW, NOW + HOUR).status is Status.UNKNOWN

    def test_nobody_there(self):
        with Receiver() as gone:
            url = f"http://127.0.0.1:{gone.port}"
        assert sns(url).send(ONE, NOW).status is Status.FAILED
        assert sns(url).check("x", NOW).status is Status.UNKNOWN

    @pytest.mark.parametrize(
        ("answer", "status"),
        [
            ((403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"), Status.FAILED),
            ((400, f"<ErrorResponse><Error><Code>InvalidParameter</Code><Message>{PHONE}</Message></Error></ErrorResponse>"), Status.FAILED),
            ((500, "no"), Status.UNKNOWN),
            ((200, "<PublishResponse/>"), Status.UNKNOWN),
        ],
    )  # fmt: skip
    def test_other_answers(self, answer, status):
        with Receiver(answer) as receiver:
            sender = sns(f"http://127.0.0.1:{receiver.port}")
            delivery = sender.send(ONE, NOW)
            assert delivery.status is status
            assert PHONE[1:] not in delivery.said
            assert len(receiver.got) == 1  # botocore asks no second time
            assert not sender.check("x" * 36, NOW).arrived


class TestText:
    def test_it_is_short_whatever_it_says(self):
        made = message("ops", [notice(summary="x" * 5000)], context())
        assert len(short(made)) <= LONGEST_SMS
        assert short(made).endswith(f"\n#{made.id[:10]}")
        long = Message("a" * 32, (), "s" * 290, "", "", {"command": "c" * 9})
        assert short(long) == f"{'s' * 288}\n#{'a' * 10}"

    def test_it_holds_one_command_at_most(self):
        both = [notice(), notice(summary="other")]
        assert "explain" not in short(message("ops", both, context()))

    @pytest.mark.parametrize(
        ("text", "fits"), [("a@£€{}\n", True), ("ö", True), ("·", False), ("—", False)]
    )
    def test_the_alphabet(self, text, fits):
        assert plain(text) is fits

    def test_numbers(self):
        assert number("+31612345678") == "+31612345678"
