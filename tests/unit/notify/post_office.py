"""Letters and runs in as few words as the tests of the mailroom need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.audit import Record
from reconciler.kinds.notification_channel import NotificationChannel
from reconciler.model import Letter
from reconciler.notify import Books, Channel, Context, Words
from reconciler.notify.letters import FACT, Envelope, Mailroom
from reconciler.notify.notice import Subject
from tests.unit.notify.world import NOW

CONTACT = "Agency, +31 20 123 4567"
ACME = Subject("Subscription", "acme-uid", "acme.example")
VALUES = {
    "covers": "acme.example",
    "period": "2026-12-04",
    "ends": "2027-12-03",
    "amount": "12.10 EUR",
    "total": "12.10 EUR",
    "collect": "auto",
    "since": "2026-12-03",
    "due": "2026-12-04",
}
SAID = {"customer": "Example Bakery BV", "contact": CONTACT}
SMTP = {"host": "127.0.0.1", "tls": "none", "from": "bot@agency.example"}
TWILIO = {
    "account": "AC" + "a" * 32,
    "from": "+31612345678",
    "credentials": {"username": {"env": "A"}, "password": {"env": "B"}},
}
BOX = {
    "host": "127.0.0.1",
    "tls": "none",
    "credentials": {"username": {"env": "A"}, "password": {"env": "B"}},
}


def to_customers(name, fallback=None, kind="smtp", *, bounces=False, **spec):
    """Return a channel to customers."""
    block = TWILIO if kind == "twilio" else SMTP
    if bounces:
        block = {**block, "bounces": BOX}
    data = {
        "type": kind,
        "audience": "customers",
        "contact": CONTACT,
        "fallback": fallback,
        kind: block,
        **spec,
    }
    return NotificationChannel.model_validate(
        {"metadata": {"name": name}, "spec": data}, by_alias=True, by_name=True
    )


def letter(text="first-failure", step=None, period="2026-12-04", **more):
    from reconciler.kinds.subscription import PLACEHOLDERS

    key = f"told/{period}/renewal/{step or text}"
    values = dict.fromkeys(PLACEHOLDERS, "") | VALUES
    return Letter(key, text, "acme", values, **more)


class Office:
    """
    Runs one after the other; what is recorded is all that they know of each other.

    ``channels`` are (document, sender) by name; the first one comes first.
    """

    def __init__(self, language="en", own=None, **channels):
        self.channels = {n: Channel(want, box) for n, (want, box) in channels.items()}
        self.first = next(iter(channels))
        self.words = Words(language, own)
        self.facts, self.now = {}, NOW
        self.pushes, self.last = 0, None

    def run(self, *letters, record=True, in_time=lambda: True, dies=None, said=None):
        """Deliver; *dies* is the number of the push at which the run is killed."""
        records = {
            key: Record(kind=key[0], uid=key[1], name="x", facts=facts)
            for key, facts in self.facts.items()
        }
        pushed = 0

        def push(notes):
            nonlocal pushed
            pushed += 1
            if dies == pushed:
                raise Killed
            self.pushes += 1
            for note in notes:
                self._keep(note) if record else None

        room = Mailroom(
            Books.read(records, FACT),
            lambda subject: self.facts.get((subject.kind, subject.uid), {}),
            Context("main", "run-1", "c" * 40, None, self.now),
            push,
        )
        try:
            room.deliver([self._sealed(one, said) for one in letters], in_time)
        except Killed:
            pass
        finally:
            self.last = room.told
        return self

    def _keep(self, note):
        key = (note.data["kind"], note.data["uid"])
        merged = {**self.facts.get(key, {}), **note.data["facts"]}
        self.facts[key] = {k: v for k, v in merged.items() if v is not None}

    def _sealed(self, one, said):
        subject = ACME
        if not isinstance(one, Letter):
            subject, one = one
        links = dict.fromkeys(("page", "document", "update"), "")
        whole = {**links, **SAID, **(said or {})}
        return Envelope(subject, one, self.words, self.channels, self.first, whole)

    def later(self, **delta):
        self.now += timedelta(**delta)
        return self

    @property
    def acme(self):
        return self.facts.get(("Subscription", "acme-uid"), {})

    def fact(self, step="first-failure"):
        return self.acme.get(f"told/2026-12-04/renewal/{step}")

    @property
    def open(self):
        return self.acme.get(FACT, {}).get("open", {})


class Killed(BaseException):
    """The end of a run, at once."""


def moment(text):
    return datetime.fromisoformat(text).astimezone(UTC)
