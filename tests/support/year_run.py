"""The year of the small agency, run: what happened, and what everybody has of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.audit.layout import HEAD, names
from reconciler.cli.apply_command import carry_out
from reconciler.cli.notices import Post
from reconciler.engine import Exit, Result
from reconciler.sandbox.ledger import Effect
from tests.support.customers import Paying
from tests.support.shell import at
from tests.support.year import BEGIN, FAST, HOUSE, Client, ticks
from tests.support.year_deeds import deeds

#: What each letter is, by its subject. A text that nothing here fits is a failure.
STEPS = {
    "invoice-replaced": r"Invoice \S+ for \S+ replaces the one before",
    "first-failure": r"We could not charge |Invoice \S+ for \S+ is not paid yet",
    "invoice": r"Invoice \S+ for ",
    "remind": r"\S+ is renewed: ",
    "reminder": r"Reminder: ",
    "update-card": r"Please give us another card",
    "confirm": r"Your bank asks you to confirm",
    "final-warning": r"\S+ goes offline on ",
    "suspended": r"\S+ is offline: ",
    "lifted": r"\S+ is online again",
    "receipt": r"Thank you: ",
}
#: Letters that disturb: in office hours of a working day.
DUNNING = ("first-failure", "reminder", "update-card", "confirm", "final-warning")


class Mail(NamedTuple):
    """A letter, as the mail server got it, and when by the sandbox's clock."""

    at: datetime
    step: str
    subject: str
    id: str


class Tick(NamedTuple):
    """
    One run of the schedule.

    Attributes:
        codes: All that it would exit with.
        again: What a second run right after it printed, and whether anything moved.
    """

    at: datetime
    codes: frozenset[Exit]
    done: Sequence[tuple[str, str, str]]
    again: tuple[str, bool] | None = None


class Year:
    """
    A whole year, looked at afterwards.

    Attributes:
        mails: What each customer got, by its name, in order.
        effects: What really happened at the vendors.
        facts: What the records have of each subscription, by uid.
        due: When ``due`` said that something is charged or to be paid: (uid, period)
            -> the moments, asked once a month.
        written: How many lines the journal had when an effect happened, by its number.
    """

    def __init__(self, tmp: Path, clients: Sequence[Client]) -> None:
        self.clients = clients
        self.ticks: list[Tick] = []
        self.due: dict[tuple[str, str], set[datetime]] = {}
        self._stamps: list[datetime] = []
        self._tips: dict[int, str] = {}
        files = {"inventory/house.yaml": HOUSE}
        more: Any = {"files": files, "start": BEGIN, "accounts": FAST}
        self.ours = Paying(tmp, clients, **more)  # type: ignore[arg-type]

    def run(self) -> Year:
        """Let the year pass."""
        todo, months = deeds(list(self.clients)), set()
        with self.ours as ours:
            ours.inbox.hang = lambda _: self._stamps.append(ours.clock())
            self._watch()
            # This server's token is one that never ends.
            ours.sandbox.bench("whm").state["tokens"][0]["expires"] = None
            for when in ticks(list(self.clients)):
                while todo and todo[0].at <= when:
                    ours.clock.set(todo[0].at, frozen=True)
                    todo.pop(0).do(ours)
                ours.clock.set(when, frozen=True)
                if (when.year, when.month) not in months:
                    months.add((when.year, when.month))
                    self._ask_what_is_due()
                self.ticks.append(self._tick(when))
            self._read()
        return self

    def _watch(self) -> None:
        """Remember where the audit branch was at each effect of a vendor."""
        effects, branch = self.ours.sandbox.ledger, names("main").audit
        add, git = effects.add, self.ours.root / ".git"

        def watched(effect: Effect) -> Effect:
            made = add(effect)
            self._tips[made.seq] = tip(git, branch)
            return made

        effects.add = watched  # type: ignore[method-assign]

    def _tick(self, when: datetime) -> Tick:
        """Run as the schedule does; a second time where it was a busy day."""
        project = self.ours.project()
        before = len(self.ours.sandbox.ledger.effects())
        result: Result = carry_out(project, post=Post(project))
        done = [
            (d.action.want.name, d.action.change.verb, d.status) for d in result.done
        ]
        tick = Tick(when, result.codes, done)
        new = self.ours.sandbox.ledger.effects()[before:]
        held = any(one.operation == "authorize" for one in new)
        # What did not get through is done by the second run, as it should be.
        lost = any(how != "applied" and verb != "charge" for _, verb, how in done)
        if len(done) >= _BUSY and not held and not lost:
            return tick._replace(again=self._again(result.head))
        return tick

    def _again(self, head: str | None) -> tuple[str, bool]:
        seen = (len(self._stamps), len(self.ours.sandbox.ledger.effects()))
        said = at(self.ours, "apply", "--auto-approve", "--held-ok")
        now = (len(self._stamps), len(self.ours.sandbox.ledger.effects()))
        moved = now != seen or str(head) not in said.out
        return said.out.strip().splitlines()[-1], moved

    def _ask_what_is_due(self) -> None:
        said = at(self.ours, "due", "--horizon", "35d", "--format", "json")
        for day in json.loads(said.out)["days"]:
            for one in day["items"]:
                found = _COLLECTED.match(one["what"])
                if found and one["kind"] == "Subscription":
                    moments = self.due.setdefault((one["name"], found[1]), set())
                    moments.add(datetime.fromisoformat(one["at"]))

    def _read(self) -> None:
        ours = self.ours
        self.effects: list[Effect] = ours.sandbox.ledger.effects()
        self.mails: dict[str, list[Mail]] = {one.name: [] for one in self.clients}
        known = {f"billing@{one.site}": one.name for one in self.clients}
        for when, mail in zip(self._stamps, ours.inbox.mails, strict=True):
            (to,) = mail.to
            subject = " ".join(mail["Subject"].split())
            letter = Mail(when, step_of(subject), subject, mail["Message-ID"])
            self.mails[known[to]].append(letter)
        project = ours.project()
        ledger = project.ledger
        self.facts: Mapping[str, Mapping[str, Any]] = {
            uid: record.facts
            for (kind, uid), record in ledger.records().items()
            if kind == "Subscription"
        }
        heads = {f"{tip}:{HEAD}" for tip in self._tips.values()}
        read = project.store.git.objects(heads)
        project.close()
        lines = {name.partition(":")[0]: json.loads(raw) for name, raw in read.items()}
        self.written = {n: lines[tip]["lines"] for n, tip in self._tips.items()}
        self.suspended = ours.suspended()
        self.verified = at(ours, "audit", "verify").out
        books = at(ours, "books", "--since", "2027-07-01", "--format", "json")
        assert books.code == 0, books.err
        self.books = json.loads(books.out)
        plan = json.loads(at(ours, "plan", "--format", "json").out)
        self.findings = {(one["code"], one["name"]) for one in plan["findings"]}
        log = at(ours, "audit", "log", "--format", "jsonl")
        self.log = [json.loads(line) for line in log.out.splitlines()]

    # -- what there is of one customer ----------------------------------------------

    def charges(self, one: Client) -> list[Effect]:
        """Return what was really taken from it, in order."""
        return [e for e in self.effects if e.kind == "charge" and _of(e) == one.site]

    def names(self, one: Client, which: str) -> str:
        """Return what its subscription was called in its first, or last, intent."""
        found = [line["name"] for line in self.log if line.get("uid") == one.site]
        return str(found[0 if which == "first" else -1])

    def deeds(self, one: Client, *operations: str) -> list[Effect]:
        """Return what its server did, in order."""
        mine = [e for e in self.effects if e.name == one.site]
        return [e for e in mine if e.operation in operations]


_BUSY = 12
_COLLECTED = re.compile(r"(\d{4}-\d\d-\d\d) is (?:charged|to be paid)")


def tip(git: Path, ref: str) -> str:
    """
    Return the commit a ref is at, from the files of the folder *git*.

    A commit of somebody's may begin to tidy the repository up, in the background: what
    is no file of its own any more has a line in ``packed-refs``, written before.
    """
    with suppress(FileNotFoundError):
        return (git / ref).read_text().strip()
    lines = (git / "packed-refs").read_text().splitlines()
    (found,) = (line.partition(" ")[0] for line in lines if line.endswith(f" {ref}"))
    return found


def step_of(subject: str) -> str:
    """Return which letter it is, of which this is the subject."""
    return next(step for step, how in STEPS.items() if re.match(how, subject))


def _of(effect: Effect) -> str:
    labels = effect.details.get("metadata", {})
    uid = labels.get("reconciler_subscription")
    return str(uid or effect.name.partition(",")[0])
