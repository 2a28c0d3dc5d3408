"""The letters of one run: who gets them, by which way, with which links."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from reconciler.errors import ProviderError, ReconcilerError
from reconciler.model import OWN, Ref, SecretRef
from reconciler.model.billing import Collector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from reconciler.audit import Note
    from reconciler.cli.project import Project
    from reconciler.engine import Accounts, Journal, Owed, Scope, World
    from reconciler.kinds.customer import Customer
    from reconciler.kinds.notification_channel import NotificationChannel
    from reconciler.model import Letter, Share
    from reconciler.notify import Channel, Context, Told
    from reconciler.notify.bounces import Bounces
    from reconciler.notify.letters import Envelope
    from reconciler.notify.notice import Subject
    from reconciler.notify.wording import Broken

#: Seconds that all letters of one run may take together.
BUDGET = 300.0
#: With less of the lease left it is renewed before anything is sent.
LEASE = timedelta(seconds=2 * BUDGET)


class Writer:
    """
    Sends what customers have to be told.

    Whom it is to is resolved right before it is sent, and kept nowhere. Nothing here
    stops a run: what cannot be sent is said, and tried again by the next one.

    Attributes:
        told: Every letter that was tried.
        troubles: What kept letters from being sent.
    """

    def __init__(self, project: Project, wants: Sequence[NotificationChannel]) -> None:
        self._project = project
        self._wants = {want.name: want for want in wants if want.to_customers}
        self._bounces: dict[str, Bounces | None] = {}
        self.told: list[Told] = []
        self.troubles: list[str] = []
        self._heard: Sequence[Broken] = ()

    @cached_property
    def first(self) -> NotificationChannel | None:
        """The channel that is tried first: the one that stands in for no other."""
        spare = {want.spec.fallback for want in self._wants.values()}
        ways = [want for name, want in self._wants.items() if name not in spare]
        return ways[0] if len(ways) == 1 else None

    def write(
        self,
        journal: Journal,
        scope: Scope,
        world: World,
        accounts: Accounts,
        context: Context,
    ) -> None:
        """Send every letter that is owed, and record what came of each."""
        if not self._wants:
            return
        if self.first is None:
            ways = ", ".join(sorted(self._wants))
            self.troubles.append(f"which of {ways} comes first for customers?")
            return
        try:
            self._write(journal, scope, world, accounts, context)
        except ReconcilerError as error:
            self.troubles.append(f"the letters are not recorded: {error.what}")

    def _write(
        self,
        journal: Journal,
        scope: Scope,
        world: World,
        accounts: Accounts,
        context: Context,
    ) -> None:
        from reconciler.audit import Batch
        from reconciler.engine import letters
        from reconciler.notify import Books
        from reconciler.notify.letters import FACT, Mailroom

        owed = letters(scope, world, lambda: journal.ledger, context.now)
        if not owed:
            return
        if journal.left < LEASE:
            journal.record(Batch())  # renews: who lost the lock must not speak

        def known(subject: Subject) -> Mapping[str, JsonValue]:
            return journal.ledger.record(subject.kind, subject.uid).facts

        def record(notes: Sequence[Note]) -> None:
            journal.record(Batch(entries=tuple(notes), phase="letters"))

        kinds = {one.want.kind for one in owed}
        records = journal.ledger.records()
        mine = {key: one for key, one in records.items() if key[0] in kinds}
        room = Mailroom(Books.read(mine, FACT), known, context, record)
        ends = time.monotonic() + BUDGET
        try:
            envelopes = list(self._envelopes(owed, accounts))
            room.deliver(envelopes, lambda: time.monotonic() < ends)
        finally:
            self.told = room.told

    def _envelopes(
        self, owed: Sequence[Owed], accounts: Accounts
    ) -> Iterator[Envelope]:
        from reconciler.cli.texts import texts
        from reconciler.notify import Words
        from reconciler.notify.letters import Envelope
        from reconciler.notify.notice import Subject

        own = texts(self._project.root)
        words: dict[str, Words] = {}
        ways: dict[str, dict[str, Channel]] = {}
        for want, letter in owed:
            customer = self._customer(letter.customer)
            try:
                links = {**_links(letter, accounts), **self._to_account(letter)}
            except ProviderError as error:
                self.troubles.append(f"{want.ref}: {letter.text} waits: {error.what}")
                continue
            language = customer.spec.language
            if customer.name not in ways:
                ways[customer.name] = self._channels(customer)
            assert self.first is not None  # noqa: S101  (who calls has looked)
            yield Envelope(
                Subject(want.kind, want.uid, want.name),
                letter,
                words.setdefault(language, Words(language, own)),
                ways[customer.name],
                self.first.name,
                {
                    "customer": customer.spec.legal_name,
                    "contact": self.first.spec.contact or "",
                    **links,
                },
            )
        self._heard = [one for each in words.values() for one in each.troubles]

    def _to_account(self, letter: Letter) -> dict[str, str]:
        """Return where to transfer the money of an invoice of ours, if it is one."""
        if letter.about is None or letter.about[0].provider != OWN:
            return {}
        declared = self._project.accounts_declared.get(OWN)
        seller = declared.spec.seller if declared else None
        if seller is None:
            return {}
        number = letter.about[1]
        return {"page": ", ".join((*seller.account, seller.legal_name, number))}

    def _customer(self, name: str) -> Customer:
        return cast("Customer", self._project.inventory.get(Ref("Customer", name)))

    def _channels(self, customer: Customer) -> dict[str, Channel]:
        """Return every way to *customer*; what cannot be used says why."""
        from reconciler.notify import Channel

        made: dict[str, Channel] = {}
        for name, want in self._wants.items():
            try:
                made[name] = Channel(want, self._sender(want, customer))
            except (ReconcilerError, ValueError) as error:
                why = error.what if isinstance(error, ReconcilerError) else str(error)
                made[name] = Channel(want, None, why)
        return made

    def _sender(self, want: NotificationChannel, customer: Customer) -> Any:
        from reconciler.cli.channels import bounces, personal, sender

        mails = want.spec.type == "smtp"
        field = "billing" if mails else "phone"
        contact: SecretRef | str | None = getattr(customer.spec.contacts, field)
        if contact is None:
            raise ReconcilerError(f"{customer.ref} has no contacts.{field}")
        if want.name not in self._bounces:
            self._bounces[want.name] = bounces(self._project, want)
        to = (personal(self._project, contact),)
        return sender(self._project, want, to, self._bounces[want.name])

    # -- what is said about it ------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """Yield a line for each letter; no address, and nothing of what it says."""
        for told in self.told:
            yield f"{_word(told):<11} {_what(told)}{_by(told)}"
            for channel, why in told.sent.tried:
                yield f"        {channel} failed: {why}"
            if not told.arrived:
                yield f"        {told.sent.channel} failed: {told.sent.delivery.said}"
        for trouble in self.troubles:
            yield f"{'NOT TOLD':<11} {trouble}"
        for broken in sorted({str(one) for one in self._heard}):
            yield f"{'warning':<11} {broken}; the shipped text was sent"

    def report(self) -> Iterator[dict[str, Any]]:
        """Yield the same as data."""
        for told in self.told:
            condition = told.message.notices[0].condition
            yield {
                "resource": str(condition.subject),
                "letter": condition.about,
                "channel": told.channel,
                "by": told.sent.channel if told.arrived else None,
                "id": told.message.id,
                "status": str(told.sent.delivery.status),
                "said": told.sent.delivery.said,
                "tried": [list(each) for each in told.sent.tried],
            }


def _links(letter: Letter, accounts: Accounts) -> dict[str, str]:
    """Return the addresses that go along; raises ProviderError."""
    found: dict[str, str | None] = dict.fromkeys(("page", "document", "update"))
    if letter.about is not None:
        share, bill = letter.about
        if collector := _collector(accounts, share):
            found["page"], found["document"] = collector.links(bill)
    if letter.update is not None:
        share, token = letter.update
        if collector := _collector(accounts, share):
            found["update"] = collector.update_link(token).url
    return {name: link or "" for name, link in found.items()}


def _collector(accounts: Accounts, share: Share) -> Collector | None:
    driver: Any = accounts.drivers.get(share)
    return driver if isinstance(driver, Collector) else None


def _word(told: Told) -> str:
    if not told.arrived:
        return "NOT TOLD"
    return "told" if told.sent.delivery.arrived else "under way"


def _what(told: Told) -> str:
    condition = told.message.notices[0].condition
    return f"{condition.subject}  {condition.about}"


def _by(told: Told) -> str:
    return f" by {told.sent.channel}" if told.arrived else f" by {told.channel}"
