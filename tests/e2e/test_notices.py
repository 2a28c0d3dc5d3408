"""Notices and heartbeats through whole runs: once each, across deaths, nothing leaks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.audit import Query, log, verify
from reconciler.audit.published import heartbeat, published
from reconciler.cli.apply_command import carry_out
from reconciler.engine import Journal
from reconciler.errors import LostLock
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.crash import Killed, Saved, Steps, watch
from tests.support.receivers import Inbox, Receiver
from tests.support.shell import at

ROOT = Path(__file__).parents[2]
SECRETS = {
    "to": "ops-canary@agency.example",
    "key": "whsec_" + "Y2FuYXJ5" * 5,
    "user": "robot-canary",
}
#: A held delegation (drift), an urgent manual renewal, one that nobody stops any more.
FILES = inventory(
    domain("held.example", spec="nameservers: [ns1.host.example, ns2.host.example]"),
    domain("urgent.example", spec="renewal: {mode: manual}"),
    domain("gone.example", spec="renewal: {mode: manual}"),
    domain("calm.example"),
)
ODDITIES = {
    "held.example": Oddity({"nameservers": ["ns1.thief.example", "ns2.thief.example"]}),
    "urgent.example": Oddity({"expires": 16, "autoRenew": False}),
    "gone.example": Oddity({"expires": 4, "autoRenew": False}),
}
EVENTS = {
    ("held", "held.example"),
    ("urgent", "urgent.example"),
    ("incident", "gone.example"),
}
BEATS = ["beat-canary", "loud-canary"]
UNREADABLE = Fault(vendor="porkbun", kind="status", operation="listAll", times=0)
CHANNELS = """\
apiVersion: reconciler/v1
NotificationChannel/mail:
  type: smtp
  fallback: hook
  smtp:
    host: 127.0.0.1
    port: {mail}
    tls: none
    from: reconciler@agency.example
    to: [{{file: .sandbox/secrets/to}}]
NotificationChannel/hook:
  type: webhook
  webhook: {{url: {{file: .sandbox/secrets/hook}}, secret: {{file: .sandbox/secrets/key}}}}
NotificationChannel/deadman:
  type: heartbeat
  heartbeat: {{url: {{file: .sandbox/secrets/beat}}}}
NotificationChannel/loud:
  type: heartbeat
  heartbeat: {{url: {{file: .sandbox/secrets/loud}}, incomplete: fail}}
"""


class Outside:
    """Who is told: a mail server, a webhook, and somebody who waits for a heartbeat."""

    def __init__(self, tmp):
        self.inbox, self.hook, self.watchdog = Inbox(), Receiver(), Receiver()
        self.agency = Agency(tmp, FILES, ODDITIES)

    def __enter__(self):
        for one in (self.inbox, self.hook, self.watchdog, self.agency):
            one.__enter__()
        secrets = self.agency.root / ".sandbox" / "secrets"
        beats = {
            name: f"{self.watchdog.url}/{name}-canary" for name in ("beat", "loud")
        }
        urls = {"hook": self.hook.url, **beats}
        for name, value in {**SECRETS, **urls}.items():
            (secrets / name).write_text(value)
        text = CHANNELS.format(mail=self.inbox.port)
        self.agency.write("inventory/channels.yaml", text)
        self.agency.commit()
        return self

    def __exit__(self, *_):
        for one in (self.agency, self.watchdog, self.hook, self.inbox):
            one.__exit__(*_)

    def apply(self, *argv):
        return at(self.agency, "-q", "apply", "--auto-approve", "--held-ok", *argv)

    def mailed(self):
        return Counter(self.inbox.subjects())

    def posted(self):
        bodies = [json.loads(body) for _, _, body in self.hook.got]
        return Counter((b["event_type"], b["resource_name"]) for b in bodies)

    def clear(self):
        self.inbox.mails.clear()
        self.hook.got.clear()
        self.watchdog.got.clear()

    def beats(self):
        return [path.rpartition("/")[2] for path, _, _ in self.watchdog.got]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Outside(tmp_path_factory.mktemp("notices")) as outside:
        outside.saved = Saved(outside.agency)
        yield outside


@pytest.fixture
def outside(world):
    world.saved.restore()
    world.clear()
    world.inbox.refuse.clear()
    world.inbox.at_mail = world.inbox.at_data = world.inbox.hang = None
    world.hook.answers[:] = world.watchdog.answers[:] = [200]
    return world


def test_two_runs_tell_each_thing_once(outside):
    first = outside.apply()
    assert first.code == 0, first.out + first.err
    outside.agency.later(hours=6)
    assert outside.apply().code == 0
    assert outside.posted() == dict.fromkeys(EVENTS, 1)
    assert len(outside.inbox.mails) == len(EVENTS)
    assert len(set(outside.inbox.ids())) == len(EVENTS)
    assert outside.beats() == BEATS * 2
    held = next(t for t in map(outside.inbox.text, range(3)) if "held.example" in t)
    assert "reconciler --select Domain/held.example apply --approve" in held
    assert "needs review" in held
    assert verify(outside.agency.project().store) == []


def test_the_command_in_a_notice_is_the_one_that_works(outside, tmp_path):
    """Copied from the message into a shell, it approves exactly that action."""
    outside.apply()
    (body,) = [json.loads(body) for _, _, body in outside.hook.got if b'"held"' in body]
    plan, apply = (part.split()[1:] for part in body["command"].split(" && "))
    file = tmp_path / "plan.json"
    words = [
        str(file) if word == "plan.json" else word for word in [*plan, "|", *apply]
    ]
    cut = words.index("|")
    assert at(outside.agency, *words[:cut]).code == 0
    done = at(outside.agency, *words[cut + 1 :], "--auto-approve")
    assert done.code == 0, done.out + done.err
    assert "delegate" in done.out
    assert "applied" in done.out


def test_what_is_mended_is_told_to_be_over(outside):
    outside.apply()
    outside.clear()
    outside.agency.sandbox.edit(
        "porkbun", "domain", {"name": "gone.example", "expires": 400}
    )
    outside.agency.later(days=2)
    outside.apply()
    assert outside.posted()["healed", "gone.example"] == 1
    assert any("healed Domain/gone.example" in s for s in outside.mailed())


def last_commit(outside):
    """The number of the step before the notices are recorded."""
    steps = Steps()
    carry_out(watch(outside.agency.project(), steps))
    return max(
        n for n, name in enumerate(steps.names, 1) if name == "before store.commit"
    )


def test_a_death_between_sending_and_recording_repeats_with_the_same_ids(outside):
    step = last_commit(outside)
    assert sum(outside.posted().values()) == len(EVENTS)
    outside.saved.restore()
    outside.clear()
    with pytest.raises(Killed):
        carry_out(watch(outside.agency.project(), Steps(step)))
    outside.agency.later(minutes=31)
    outside.apply()
    outside.agency.later(hours=1)
    outside.apply()
    assert outside.posted() == dict.fromkeys(EVENTS, 2)
    ids = Counter(headers["webhook-id"] for _, headers, _ in outside.hook.got)
    assert sorted(ids.values()) == [2] * len(EVENTS)
    assert sorted(Counter(outside.inbox.ids()).values()) == [2] * len(EVENTS)


def test_a_killed_process_repeats_with_the_same_ids(outside):
    step = last_commit(outside)
    outside.saved.restore()
    outside.clear()
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
    assert sum(outside.posted().values()) == len(EVENTS)
    outside.agency.later(minutes=31)
    outside.apply()
    outside.apply()
    assert outside.posted() == dict.fromkeys(EVENTS, 2)
    assert sorted(Counter(outside.inbox.ids()).values()) == [2] * len(EVENTS)


def test_a_death_before_sending_loses_nothing(outside):
    step = last_commit(outside)
    outside.saved.restore()
    outside.clear()
    with pytest.raises(Killed):
        carry_out(watch(outside.agency.project(), Steps(step - 1)))
    assert not outside.hook.got
    outside.agency.later(minutes=31)
    outside.apply()
    assert outside.posted() == dict.fromkeys(EVENTS, 1)


def test_nobody_reached_changes_no_exit_code_and_sends_no_heartbeat(outside):
    outside.inbox.at_mail = "451 later"
    outside.hook.answers[:] = [503]
    done = outside.apply()
    assert done.code == 0
    assert "NOT TOLD" in done.out
    assert outside.beats() == ["fail"]
    outside.inbox.at_mail, outside.hook.answers[:] = None, [200]
    outside.clear()
    again = outside.apply()
    assert again.code == 0
    assert "NOT TOLD" not in again.out
    assert outside.posted() == dict.fromkeys(EVENTS, 1)
    assert outside.beats() == BEATS


def test_gone_is_never_asked_again_until_the_address_is_another(outside):
    outside.hook.answers[:] = [410]
    outside.apply()
    asked = len(outside.hook.got)
    outside.hook.answers[:] = [200]
    outside.agency.later(hours=1)
    said = outside.apply()
    assert len(outside.hook.got) == asked
    assert "its receiver said 410 (gone)" in said.out
    secret = outside.agency.root / ".sandbox" / "secrets" / "hook"
    try:
        secret.write_text(outside.hook.url + "/new")
        outside.apply()
    finally:
        secret.write_text(outside.hook.url)
    assert len(outside.hook.got) == asked + len(EVENTS)


def test_a_run_that_is_not_about_everything_beats_nowhere(outside):
    selected = at(
        outside.agency,
        *("-q", "--select", "Domain/calm.example"),
        *("apply", "--auto-approve", "--held-ok"),
    )
    assert selected.code == 0
    assert outside.beats() == []
    assert outside.posted() == {}
    assert at(outside.agency, "doctor", "--last-run").code == 1


def test_a_run_that_could_not_read_everything_is_no_pulse(outside):
    """Not outside, not for the doctor; where it is wanted, it is called a failure."""
    outside.agency.sandbox.inject(UNREADABLE)
    assert outside.apply().code == 3
    assert outside.beats() == ["fail"]
    told = at(outside.agency, "doctor", "--last-run")
    assert told.code == 1
    assert "no complete run was ever seen" in told.out
    assert "ended with 3" in told.out
    outside.agency.sandbox.faults.clear()
    outside.clear()
    assert outside.apply().code == 0
    assert outside.beats() == BEATS
    good = heartbeat(published(outside.agency.project().store))
    assert good.complete
    assert good.commit == outside.agency.git("rev-parse", "HEAD")
    outside.agency.later(hours=1)
    outside.agency.sandbox.inject(UNREADABLE)
    assert outside.apply().code == 3
    bad = heartbeat(published(outside.agency.project().store))
    assert (bad.complete, bad.exit) == (False, 3)
    assert bad.last_complete == good.at


def test_the_scheduler_stops_and_both_tell(outside):
    """Silence at the receiver, which has a patience of its own; and the doctor."""
    patience, agency = timedelta(hours=26), outside.agency
    heard = []

    def night():
        before = len(outside.watchdog.got)
        outside.apply()
        heard.extend([agency.clock()] * (len(outside.watchdog.got) - before))

    def alarm():
        return agency.clock() - heard[-1] > patience

    night()
    agency.later(hours=24)
    night()
    assert len(heard) == 2 * len(BEATS)
    assert not alarm()
    assert at(agency, "doctor", "--last-run").code == 0
    agency.later(hours=27)  # nothing runs any more
    assert alarm()
    told = at(agency, "doctor", "--last-run")
    assert told.code == 1
    assert "the last complete run ended 27 h ago" in told.out
    assert "more than 26 h, the scheduler stopped" in told.out
    assert at(agency, "doctor", "--last-run", "--max-age", "2d").code == 0
    night()
    assert not alarm()
    assert at(agency, "doctor", "--last-run").code == 0


def test_notify_tells_alone_and_apply_does_not_tell_again(outside):
    dry = at(outside.agency, "-q", "notify", "--dry-run")
    assert dry.code == 0
    assert "to hook: [reconciler main] CRITICAL Domain/gone.example" in dry.out
    assert "6 messages would be sent" in dry.out
    assert outside.hook.got == outside.inbox.mails == []
    assert at(outside.agency, "-q", "notify").code == 0
    assert outside.posted() == dict.fromkeys(EVENTS, 1)
    outside.apply()
    assert outside.posted() == dict.fromkeys(EVENTS, 1)
    assert "0 messages would" in at(outside.agency, "-q", "notify", "--dry-run").out


def test_a_test_message_reaches_and_is_not_remembered(outside):
    for name in ("mail", "hook", "deadman"):
        done = at(outside.agency, "notify", "--test", name)
        assert done.code == 0, done.out + done.err
        assert done.out.startswith("delivered")
    assert "this is a test" in outside.inbox.text()
    assert outside.beats() == BEATS[:1]
    nobody = at(outside.agency, "notify", "--test", "nobody")
    assert nobody.code == 64
    assert "there is no NotificationChannel/nobody" in nobody.err


def test_no_secret_and_no_address_is_anywhere(outside):
    """Not in messages, output, the log, its records, or what is published."""
    outside.inbox.refuse[SECRETS["to"]] = f"550 no {SECRETS['to']} {SECRETS['key']}"
    outside.hook.answers[:] = [(500, f"{outside.hook.url} {SECRETS['key']}"), 200]
    said = [
        outside.apply("--format", "json"),
        outside.apply(),
        at(outside.agency, "doctor"),
    ]
    outside.inbox.refuse.clear()
    said.append(outside.apply())
    project = outside.agency.project()
    lines = json.dumps(list(log(project.store, Query())))
    bare = subprocess.run(
        ["git", "-C", str(outside.agency.remote), "log", "--all", "-p", "--format=%B"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    everything = [lines, bare]
    everything += [done.out + done.err for done in said]
    everything += [body.decode() for _, _, body in outside.hook.got]
    everything += [outside.inbox.text(n) for n in range(len(outside.inbox.mails))]
    for text in everything:
        for secret in ("canary@", SECRETS["key"], "secret-path-7f3a", "beat-canary"):
            assert secret not in text


def test_a_failing_record_is_said_and_stops_nothing(outside, monkeypatch):
    record = Journal.record

    def lost(self, batch):
        if batch.phase == "noticed":
            raise LostLock("run x no longer holds the lock")
        record(self, batch)

    monkeypatch.setattr(Journal, "record", lost)
    done = outside.apply()
    assert done.code == 0
    assert "the notices are not recorded: run x no longer holds the lock" in done.out
    assert outside.beats() == ["fail"]


def test_who_lost_the_lock_tells_nobody(outside, monkeypatch):
    """A lease that is nearly over is renewed first, and that shows it."""
    record = Journal.record

    def lost(self, batch):
        if not batch.entries and batch.base is None:
            raise LostLock("run x no longer holds the lock")
        record(self, batch)

    monkeypatch.setattr(Journal, "left", timedelta(minutes=3))
    monkeypatch.setattr(Journal, "record", lost)
    done = outside.apply()
    assert done.code == 0
    assert "the notices are not recorded: run x no longer holds the lock" in done.out
    assert outside.hook.got == outside.inbox.mails == []
