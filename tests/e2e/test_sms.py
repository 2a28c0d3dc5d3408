"""SMS through whole runs: followed, lost, across deaths, in Dutch; nothing leaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reconciler.audit import Query, log, verify
from reconciler.cli.apply_command import carry_out
from reconciler.cli.sandbox_command import ports
from reconciler.engine import Journal
from reconciler.errors import LostLock
from reconciler.notify.twilio import Twilio
from reconciler.sandbox import Fault, Sandbox, World
from reconciler.sandbox.example import Oddity
from reconciler.sandbox.example_notices import SECRETS, notice_parts
from tests.support.agency import START, Agency, domain, inventory
from tests.support.crash import Killed, Saved, Steps, watch
from tests.support.phones import OURS, PHONE, SID, TOKEN, Phones, line
from tests.support.receivers import Receiver
from tests.support.shell import at

ROOT = Path(__file__).parents[2]
FILES = inventory(
    domain("gone.example", spec="renewal: {mode: manual}"),
    domain("calm.example"),
)
ODDITIES = {"gone.example": Oddity({"expires": 4, "autoRenew": False})}
CHANNELS = f"""\
apiVersion: reconciler/v1
NotificationChannel/phone:
  type: twilio
  fallback: hook
  language: nl
  twilio:
    account: {SID}
    from: "{OURS}"
    to: {{{{file: .sandbox/secrets/phone}}}}
    credentials:
      username: {{{{file: .sandbox/secrets/sid}}}}
      password: {{{{file: .sandbox/secrets/token}}}}
    endpoint: {{twilio}}
NotificationChannel/hook:
  type: webhook
  events: []
  language: nl
  webhook: {{{{url: {{{{file: .sandbox/secrets/hook}}}}}}}}
NotificationChannel/deadman:
  type: heartbeat
  heartbeat: {{{{url: {{{{file: .sandbox/secrets/beat}}}}}}}}
"""


class Outside:
    """A phone, a webhook behind it, and somebody who waits for a heartbeat."""

    def __init__(self, tmp):
        self.agency = Agency(tmp, FILES, ODDITIES)
        self.phones = Phones(self.agency.clock())
        self.phones.sandbox.clock = self.phones.clock = self.agency.clock
        for _, bench in self.phones.sandbox.benches.values():
            bench.clock = self.agency.clock
        self.hook, self.watchdog = Receiver(), Receiver()
        self._all = (self.phones, self.hook, self.watchdog, self.agency)

    def __enter__(self):
        for one in self._all:
            one.__enter__()
        secrets = self.agency.root / ".sandbox" / "secrets"
        values = {"phone": PHONE, "sid": SID, "token": TOKEN, "hook": self.hook.url}
        for name, value in {**values, "beat": self.watchdog.url}.items():
            (secrets / name).write_text(value)
        text = CHANNELS.format(twilio=self.phones.sandbox.endpoint("twilio"))
        self.agency.write("inventory/channels.yaml", text)
        self.agency.commit()
        return self

    def __exit__(self, *_):
        for one in reversed(self._all):
            one.__exit__(*_)

    def apply(self, *argv):
        return at(self.agency, "-q", "apply", "--auto-approve", "--held-ok", *argv)

    def runs(self, number):
        for _ in range(number):
            self.agency.later(minutes=31)
            done = self.apply()
        return done

    @property
    def texts(self):
        return [effect.details["body"] for effect in self.phones.sent("twilio")]

    @property
    def posted(self):
        return [json.loads(body) for _, _, body in self.hook.got]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Outside(tmp_path_factory.mktemp("sms")) as outside:
        outside.saved = Saved(outside.agency)
        yield outside


@pytest.fixture
def outside(world):
    world.saved.restore()
    world.agency.git("reset", "-q", "--hard")  # files of a commit that is undone
    world.phones.reset(world.agency.clock())
    world.hook.got.clear()
    world.watchdog.got.clear()
    return world


def last_commit(outside, before=0):
    """The number of the step before the last record of a run, or one before it."""
    steps = Steps()
    carry_out(watch(outside.agency.project(), steps))
    all_of = [n for n, s in enumerate(steps.names, 1) if s == "before store.commit"]
    found = all_of[-1 - before]
    outside.saved.restore()
    outside.phones.reset(outside.agency.clock())
    outside.hook.got.clear()
    return found


def test_the_phone_rings_once_in_dutch(outside):
    done = outside.apply()
    assert done.code == 0, done.out + done.err
    assert (
        "under way   phone  [reconciler main] KRITIEK Domain/gone.example" in done.out
    )
    (text,) = outside.texts
    assert text.startswith("[reconciler main] KRITIEK Domain/gone.example: expires on")
    assert "\nreconciler explain Domain/gone.example\n#" in text
    outside.runs(2)
    assert len(outside.texts) == 1
    assert outside.posted == []
    assert len(outside.watchdog.got) == 3
    requests = outside.phones.sandbox.ledger.requests()["twilio"]
    assert requests == {"createMessage": 1, "fetchMessage": 1}
    assert verify(outside.agency.project().store) == []


def test_the_second_channel_has_it_once(outside):
    outside.phones.fate("twilio", "undelivered")
    outside.apply()
    outside.runs(2)
    assert len(outside.texts) == 1
    (body,) = outside.posted
    assert body["resource_name"] == "gone.example"
    assert "Dit is ernstig: kijk er meteen naar." in body["text"]
    assert len(outside.watchdog.got) == 3


def test_nobody_reached_is_no_heartbeat_and_tried_again(outside):
    outside.phones.fate("twilio", "undelivered")
    outside.hook.answers[:] = [503]
    try:
        outside.apply()
        done = outside.runs(1)
        assert done.code == 0
        assert "NOT TOLD" in done.out
        assert "phone failed: undelivered, error 30003" in done.out
        assert len(outside.watchdog.got) == 1
    finally:
        outside.hook.answers[:] = [200]
    outside.runs(1)
    assert len(outside.texts) == 1
    assert len({body["event_id"] for body in outside.posted}) == 1
    assert len(outside.watchdog.got) == 2


def test_a_death_before_sending_loses_nothing(outside):
    step = last_commit(outside, 1)
    with pytest.raises(Killed):
        carry_out(watch(outside.agency.project(), Steps(step)))
    assert outside.texts == []
    outside.runs(1)
    assert len(outside.texts) == 1


def test_a_killed_process_rings_no_second_time(outside):
    step = last_commit(outside)
    argv = [sys.executable, "-m", "tests.support.kill_at", str(step)]
    done = subprocess.run(
        [*argv, "-C", str(outside.agency.root), "apply", "--auto-approve"],
        cwd=ROOT,
        env=os.environ | outside.agency.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert len(outside.texts) == 1
    outside.runs(1)
    assert len(outside.texts) == 1
    assert outside.posted == []
    assert outside.phones.sandbox.ledger.requests()["twilio"]["listMessages"] == 1


def test_what_cannot_be_written_down_is_not_sent(outside, monkeypatch):
    record = Journal.record

    def lost(self, batch):
        if batch.phase == "noticed":
            raise LostLock("run x no longer holds the lock")
        record(self, batch)

    monkeypatch.setattr(Journal, "record", lost)
    done = outside.apply()
    assert done.code == 0
    assert "the notices are not recorded: run x no longer holds the lock" in done.out
    assert outside.texts == []


def test_a_text_of_ones_own_is_sent_and_a_broken_one_is_told(outside):
    outside.agency.write("templates/nl/incident.txt", "Help: {{ name }} {{ due }}\n")
    outside.agency.commit("texts: ours")
    outside.apply()
    (text,) = outside.texts
    assert text.startswith("Help: gone.example 2026-11-26\n")
    outside.agency.write("templates/nl/healed.txt", "{{ oops }}\n")
    outside.agency.commit("texts: broken")
    outside.agency.sandbox.edit(
        "porkbun", "domain", {"name": "gone.example", "expires": 400}
    )
    outside.agency.later(days=2)
    done = outside.apply()
    assert "warning     templates/nl/healed.txt:1: 'oops' is undefined" in done.out
    assert "[reconciler main] opgelost Domain/gone.example" in outside.texts[-1]
    assert at(outside.agency, "validate").code == 1


def test_a_test_message_and_the_doctor(outside):
    done = at(outside.agency, "notify", "--test", "phone")
    assert (done.code, done.out) == (0, "accepted    phone: queued\n")
    doctor = at(outside.agency, "doctor")
    assert "NotificationChannel/phone" in doctor.out
    assert "could be used now; nothing was sent" in doctor.out
    assert len(outside.texts) == 1


def test_no_number_and_no_secret_is_anywhere(outside):
    said = f"no {PHONE} with {TOKEN}"
    fault = Fault(vendor="twilio", kind="status", status=400, text=said)
    outside.phones.sandbox.inject(fault)
    shown = [outside.apply("--format", "json"), outside.runs(2)]
    shown.append(at(outside.agency, "doctor"))
    lines = json.dumps(list(log(outside.agency.project().store, Query())))
    bare = subprocess.run(
        ["git", "-C", str(outside.agency.remote), "log", "--all", "-p", "--format=%B"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    everything = [lines, bare, *(done.out + done.err for done in shown)]
    everything += [json.dumps(body) for body in outside.posted]
    assert outside.posted
    for text in everything:
        for secret in (PHONE[1:], TOKEN):
            assert secret not in text


def test_the_sandbox_of_an_inventory_has_its_phones(outside):
    """`reconciler sandbox up` serves what loopback endpoints of channels name."""
    project = outside.agency.project()
    channels = [project.inventory.get(ref) for ref in project.inventory.refs()]
    phones = [one for one in channels if one.kind == "NotificationChannel"]
    parts = notice_parts(phones)
    port = urlsplit(outside.phones.sandbox.endpoint("twilio")).port
    assert ports(project)["twilio"] == port
    (account,) = parts["twilio"]["accounts"]
    assert (account["sid"], account["numbers"]) == (SID, [OURS])
    with Sandbox(World({"twilio": parts["twilio"]}), outside.agency.clock) as sandbox:
        login = (SECRETS["twilio-user"], SECRETS["twilio-token"])
        at_sandbox = sandbox.endpoint("twilio")
        to = SECRETS["ops-phone"]
        phone = Twilio(SID, login, OURS, to, line(), endpoint=at_sandbox)
        assert phone.find("e" * 32, START, START + timedelta(hours=1)) is None
