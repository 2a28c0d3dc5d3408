"""The notices of one run: channels with their secrets, one round, its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from reconciler.errors import ReconcilerError
from reconciler.model import Ref, Unknown

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.audit import Ledger, Outcome, Run
    from reconciler.cli.letters import Writer
    from reconciler.cli.project import Project
    from reconciler.engine import Accounts, Journal, Scope, World
    from reconciler.kinds.notification_channel import NotificationChannel
    from reconciler.model import Plan
    from reconciler.notify import (
        Books,
        Channel,
        Condition,
        Context,
        Message,
        Over,
        Seen,
        Subject,
        Told,
        Words,
    )

KIND = "NotificationChannel"
#: Seconds that all messages of one run may take together.
BUDGET = 120.0
#: With less of the lease left it is renewed before anything is sent.
LEASE = timedelta(seconds=2 * BUDGET)
#: The fact that a receiver said: never again. Its value names the receiver.
GONE = "gone"


class Saw(NamedTuple):
    """What a run saw and did: what is left, what came of it, what there is."""

    plan: Plan
    world: World
    outcomes: Sequence[Outcome] = ()


class Post:
    """
    What one run tells, and how.

    Nothing here stops a run: what cannot be told is said, and tried again by the
    next one.

    Attributes:
        wants: The channels of the inventory.
        told: Every message that was tried.
        troubles: What went wrong with the telling itself.
        broken: The texts of one's own that could not be said.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.wants: list[NotificationChannel] = []
        self.told: tuple[Told, ...] = ()
        self.troubles: list[str] = []
        self.broken: list[str] = []
        self._channels: dict[str, Channel] = {}
        self._writer: Writer | None = None

    def prepare(self) -> None:
        """Resolve the channels' secrets: from here on they are masked everywhere."""
        found = self._project.inventory.of(KIND)
        self.wants = [cast("NotificationChannel", one) for one in found]
        if self.wants:
            from reconciler.cli.channels import opened
            from reconciler.cli.letters import Writer

            ours = [want for want in self.wants if not want.to_customers]
            self._channels = opened(self._project, ours)
            self._writer = Writer(self._project, self.wants)

    @property
    def writes(self) -> bool:
        """Whether there is a channel to customers at all."""
        return any(want.to_customers for want in self.wants)

    def write(
        self, journal: Journal, run: Run, scope: Scope, world: World, accounts: Accounts
    ) -> None:
        """Send customers what they have to be told; see ``Writer``."""
        if self._writer is not None and self.writes:
            now = self._project.clock()
            context = self.context(run, now)
            self._writer.write(journal, scope, world, accounts, context)

    def tell(
        self,
        journal: Journal,
        run: Run,
        scope: Scope,
        saw: Saw,
    ) -> None:
        """Tell every channel what is new, and record who was told."""
        if not any(
            want.spec.type != "heartbeat" and not want.to_customers
            for want in self.wants
        ):
            return
        try:
            self._tell(journal, run, scope, saw)
        except ReconcilerError as error:
            self.troubles.append(f"the notices are not recorded: {error.what}")

    def _tell(
        self,
        journal: Journal,
        run: Run,
        scope: Scope,
        saw: Saw,
    ) -> None:
        from reconciler.notify import Books, over

        self._hold_on(journal)
        before = Books.read(journal.ledger.records())
        seen = self.seen(scope, saw, before)
        self._send(journal, run, before, (self.conditions(seen), over(seen)))

    def announce(
        self,
        journal: Journal,
        run: Run,
        found: Sequence[Condition],
        over: Over,
        silent: Over,
    ) -> None:
        """Tell of *found* and what is *over*, no more; *silent* ends without a word."""
        from reconciler.notify import Books

        try:
            self._hold_on(journal)
            before = Books.read(journal.ledger.records())
            holds = (self.masked(found), over)
            self._send(journal, run, before, holds, before.without(silent))
        except ReconcilerError as error:
            self.troubles.append(f"the notices are not recorded: {error.what}")

    @staticmethod
    def _hold_on(journal: Journal) -> None:
        """Renew the lock: who lost it must not speak."""
        from reconciler.audit import Batch

        if journal.left < LEASE:
            journal.record(Batch())

    def _send(
        self,
        journal: Journal,
        run: Run,
        before: Books,
        holds: tuple[list[Condition], Over],
        books: Books | None = None,
    ) -> None:
        from reconciler.audit import Batch, Note
        from reconciler.notify import deliver, turn

        ledger, now = journal.ledger, self._project.clock()
        found, over = holds
        self._switch_off(ledger)
        recorded = before

        def record(books: Books) -> None:
            """Push what is going to be sent: a death must not send it twice."""
            nonlocal recorded
            notes = tuple(books.notes(recorded))
            if notes:
                journal.record(Batch(entries=notes, phase="noticed"))
            recorded = books

        done = deliver(
            turn(books or before, found, over, now),
            found,
            self._channels,
            self.context(run, now),
            _budget(),
            record,
        )
        self.told = done.told
        self._hear()
        notes = list(done.books.notes(recorded))
        for name in sorted(done.gone):
            sender = self._channels[name].sender
            facts: dict[str, Any] = {GONE: sender.identity if sender else None}
            uid = self._channels[name].want.uid
            notes.append(
                Note(event="gone", data={"kind": KIND, "uid": uid, "facts": facts})
            )
        if notes:
            journal.record(Batch(entries=tuple(notes), phase="noticed"))

    def _hear(self) -> None:
        """Say which texts of one's own broke: what was sent was the shipped one."""
        channels = self._channels.values()
        words = [channel.words for channel in channels if channel.words]
        self.broken = sorted({str(one) for each in words for one in each.troubles})

    def planned(
        self, scope: Scope, saw: Saw, ledger: Ledger, run: Run
    ) -> list[tuple[str, Message]]:
        """Return what ``tell`` would send now: (channel, message)."""
        from reconciler.notify import Books, due, messages, over, turn

        now = self._project.clock()
        before = Books.read(ledger.records())
        seen = self.seen(scope, saw, before)
        found = self.conditions(seen)
        books = turn(before, found, over(seen), now)
        context = self.context(run, now)
        return [
            (want.name, one)
            for want in self._project.inventory.of(KIND)
            if not cast("NotificationChannel", want).to_customers
            for one in messages(
                want.name,
                due(books, found, cast("NotificationChannel", want), context),
                context,
                self.words(want.name),
            )
        ]

    def words(self, name: str) -> Words | None:
        """Return what the channel *name* says, in its language."""
        from reconciler.cli.texts import texts
        from reconciler.notify import Words

        if name in self._channels:
            return self._channels[name].words
        wants = {one.name: one for one in self._project.inventory.of(KIND)}
        want = cast("NotificationChannel", wants[name])
        return Words(want.spec.language, texts(self._project.root))

    def seen(self, scope: Scope, saw: Saw, books: Books) -> Seen:
        """Return what the run saw, in the terms of the notices."""
        from reconciler.notify import Seen

        inventory, whole = self._project.inventory, not self._project.partial

        def uid(ref: Ref) -> str:
            return inventory.uid(ref) if ref in inventory else ref.name

        def looked(ref: Ref) -> bool:
            return whole or (ref in inventory and scope.selected(ref))

        def blind(subject: Subject) -> bool:
            want = inventory.find(Ref(subject.kind, subject.name))
            states = saw.world.have(want).values() if want else ()
            return any(isinstance(state, Unknown) for state in states)

        return Seen(
            saw.plan,
            saw.outcomes,
            uid,
            books.since,
            looked,
            blind,
            self._project.loopback,
        )

    def conditions(self, seen: Seen) -> list[Condition]:
        """Return what holds, with every secret masked."""
        from reconciler.notify import conditions

        return self.masked(conditions(seen))

    def masked(self, found: Sequence[Condition]) -> list[Condition]:
        """Return *found* with every secret masked."""
        from reconciler.audit import redactor

        redact = redactor(self._project.secrets)
        return [
            one._replace(
                summary=redact(one.summary),
                details=tuple(map(redact, one.details)),
            )
            for one in found
        ]

    def context(self, run: Run, now: datetime) -> Context:
        """Return who speaks."""
        from reconciler.notify import Context

        return Context(run.env, run.id, run.commit, _log_url(self._project), now)

    def _switch_off(self, ledger: Ledger) -> None:
        """Leave out the channels whose receiver said: never again."""
        for name, channel in self._channels.items():
            said = ledger.record(KIND, channel.want.uid).facts.get(GONE)
            if channel.sender is not None and said == channel.sender.identity:
                why = "its receiver said 410 (gone): give it another url"
                self._channels[name] = channel._replace(sender=None, why=why)

    @property
    def arrived(self) -> bool:
        """Whether everything that had to be told reached somebody."""
        return not self.troubles and all(told.arrived for told in self.told)

    def lines(self) -> list[str]:
        """Return a line for each message and each trouble, with no secret of any."""
        letters = self._writer.lines() if self._writer else ()
        shown: list[str] = self._redact([*self._lines(), *letters])
        return shown

    def data(self) -> dict[str, Any]:
        """Return what came of every notice and every letter, as JSON data."""
        found = list(self._writer.report()) if self._writer else []
        return {"notices": self.report(), "letters": self._redact(found)}

    def owed(self, scope: Scope, saw: Saw, ledger: Ledger) -> list[dict[str, str]]:
        """Return which letters ``write`` would send now, and to whom."""
        wants = self._project.inventory.of(KIND)
        if not any(cast("NotificationChannel", want).to_customers for want in wants):
            return []
        from reconciler.engine import letters

        now = self._project.clock()
        return [
            {
                "resource": str(want.ref),
                "letter": letter.key.partition("/")[2],
                "customer": f"Customer/{letter.customer}",
            }
            for want, letter in letters(scope, saw.world, lambda: ledger, now)
        ]

    def _redact(self, data: Any) -> Any:
        """Mask the secrets of all channels: one may repeat what another one holds."""
        from reconciler.audit import redactor

        return redactor(self._project.secrets)(data)

    def _lines(self) -> Iterator[str]:
        for told in self.told:
            by = f" by {told.sent.channel}" if told.sent.channel != told.channel else ""
            word = _word(told)
            yield f"{word:<11} {told.channel}{by}  {told.message.subject}"
            for channel, why in told.sent.tried:
                yield f"        {channel} failed: {why}"
            if not told.arrived:
                yield f"        {told.sent.channel} failed: {told.sent.delivery.said}"
            elif told.sent.delivery.refused:
                yield f"        {told.sent.delivery.said}"
        for trouble in self.troubles:
            yield f"{'NOT TOLD':<11} {trouble}"
        for broken in self.broken:
            yield f"{'warning':<11} {broken}; the shipped text was sent"

    def report(self) -> list[dict[str, Any]]:
        """Return the same as JSON data."""
        shown: list[dict[str, Any]] = self._redact(list(self._report()))
        return shown

    def _report(self) -> Iterator[dict[str, Any]]:
        for told in self.told:
            yield {
                "channel": told.channel,
                "by": told.sent.channel if told.arrived else None,
                "id": told.message.id,
                "events": [notice.id for notice in told.message.notices],
                "subject": told.message.subject,
                "status": str(told.sent.delivery.status),
                "said": told.sent.delivery.said,
                "tried": [list(each) for each in told.sent.tried],
            }


def _word(told: Told) -> str:
    if not told.arrived:
        return "NOT TOLD"
    return "told" if told.sent.delivery.arrived else "under way"


def _budget() -> Callable[[], bool]:
    ends = time.monotonic() + BUDGET
    return lambda: time.monotonic() < ends


def _log_url(project: Project) -> str | None:
    """Return where the log of this job is, where GitHub runs it."""
    server, repository, run = (
        project.environ.get(f"GITHUB_{name}")
        for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    if not (server and repository and run):
        return None
    return f"{server}/{repository}/actions/runs/{run}"
