"""One period, run after run, until it is over: what was paid, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from reconciler.audit import MemoryStore, Run
from reconciler.engine import Accounts, Journal, Order, Scope, Setting, apply
from reconciler.errors import AuditError, ReconcilerError
from reconciler.kinds.subscription import BILLING, Books, Case
from reconciler.model import Account, AnyDriver, Money, Plan, Ref, Share
from reconciler.policy import Context, judge
from reconciler.providers import driver_class
from reconciler.sandbox.emulator import emulator
from reconciler.sandbox.paying.faults import Crash, Fault, FaultKind
from reconciler.sandbox.paying.scene import Choice, Keep, Scene, sides
from reconciler.sandbox.paying.story import CARDS, PAYPAL, Story
from reconciler.sandbox.paying.tree import NAME, OneSubscription
from reconciler.sandbox.paying.wire import Wire

if TYPE_CHECKING:
    from reconciler.sandbox.paying.play import Stage

START: Final = datetime(2026, 2, 20, 6, 0, tzinfo=UTC)
END: Final = timedelta(days=45)
#: A run that follows one whose end is not known: after its lease, and later still.
_AGAIN: Final = (
    timedelta(minutes=40),
    timedelta(hours=2),
    timedelta(hours=11),
    timedelta(hours=15),
    timedelta(days=2),
)
#: When the next run is, after one that did something.
_SOON: Final = timedelta(hours=1)
_OVERSLEPT: Final = timedelta(minutes=45)
_MOST_RUNS: Final = 60
_SECRETS: Final = {"key": "rk_sandbox", "clientId": "client", "secret": "sandbox"}


class Played(NamedTuple):
    """
    How a story ended.

    Attributes:
        taken: Every amount that was taken from the customer, by whatever gateway.
        paid: Whether the records say that the period was paid.
        open: What a person, or time, still has to settle.
        reused: Keys that were sent with two different bodies.
        met: The faults that were met, so that the story can be told again.
        runs: How many runs it took.
        effects: How many requests with an effect were sent.
    """

    story: Story
    taken: tuple[Money, ...]
    paid: bool
    open: tuple[str, ...]
    reused: tuple[str, ...]
    met: tuple[Fault, ...]
    runs: int
    effects: int = 0

    @property
    def wrong(self) -> str | None:
        """Say what must never happen and did; None where all is well."""
        if len(self.taken) > 1:
            return f"charged {len(self.taken)} times: {self.taken}"
        if any(not one <= _MOST for one in self.taken):
            return f"charged more than was agreed: {self.taken}"
        if self.taken and not self.paid and not self.open:
            return "was paid, and the records know nothing of it"
        if self.reused:
            return f"one key was sent with two bodies: {self.reused}"
        if self.paid and not self.taken:
            return "the records say paid, and nobody was charged"
        return None

    @property
    def test(self) -> str:
        """A test that shows it again."""
        met = ", ".join(f"Fault({f.at}, FaultKind.{f.kind.name})" for f in self.met)
        comma = "," if len(self.met) == 1 else ""
        return (
            f"def test_again() -> None:\n"
            f"    story = {self.story!r}\n"
            f"    met = ({met}{comma})\n"
            f"    assert Stage().play(story, met).wrong is None\n"
        )


_MOST: Final = Money.model_validate("120.00 EUR")


class Act:
    """One story, from before its first run to its end."""

    def __init__(
        self,
        stage: Stage,
        story: Story,
        choice: Choice,
        down: timedelta | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.stage, self.story, self._down = stage, story, down
        self._keep = keep
        self.clock = stage.clock
        self.store = MemoryStore()
        self.tree = OneSubscription(story.terms)
        self.wire = Wire(self.clock, choice, self._beside)
        self._blind = False
        self._nested = False
        self._runs = 0
        self._did = False
        self._since = 0
        self._turn = 0

    def take_up(self, scene: Scene) -> None:
        """Go on from *scene*, and leave it as it is: others do so too."""
        self.store, self.tree = scene.store.copy(), OneSubscription(scene.terms)
        self.wire.take_up(scene.carried)
        self._turn, self._runs, self._since = scene.turn, scene.runs, scene.since
        self._did, self._blind = scene.did, scene.blind

    def _scene(self) -> Scene:
        terms = self.tree.want.spec.terms
        assert terms is not None  # noqa: S101  (made with them)
        return Scene(
            self.clock(),
            sides(self.stage),
            self.store.copy(),
            terms,
            self.wire.carried(),
            self._turn,
            self._runs,
            self._since,
            self._did,
            self._blind,
        )

    def played(self) -> Played:
        """Run until nothing is left to do, or the time is over."""
        ends = START + END
        while self._runs < _MOST_RUNS:
            if self._keep:
                self._keep(self.wire, self._turn, self._scene)
            self._turn += 1
            self._run()
            unknown = bool(self.store.read().open)
            self._since = self._since + 1 if unknown else 0
            if not unknown and self._over() and not self.wire.late:
                break
            moment = self._next(self._since)
            if moment is None or moment > ends:
                break
            self.clock.set(moment, frozen=True)
        self._last()
        return Played(
            self.story,
            tuple(self._taken()),
            self._paid(),
            tuple(self.store.read().open),
            tuple(sorted(self.wire.reused)),
            tuple(self.wire.met),
            self._runs,
            self.wire.effects,
        )

    def _run(self) -> None:
        self.wire.arrive(self.clock())
        self.wire.blind, self._blind = self._blind, False
        self._runs += 1
        before = self.store.read().lines
        with suppress(Crash):
            self._apply()
        self._did = self.store.read().lines != before
        self.wire.blind = False

    def _apply(self) -> None:
        """Do what one scheduled run does, short of reading files."""
        number = self._runs
        run = Run(f"20260220T060000Z-{number:08x}", "main", "ci", None, self.clock())
        accounts = Accounts(dict(self._drivers()), {}, threads=1)
        scope = Scope("main", self.tree, _no_base, frozenset({"Subscription"}), _judged)
        try:
            with Journal(self.store, run, self.clock) as journal:
                setting = Setting("main", journal, accounts, self.clock)
                apply(setting, Order(scope))
        except (AuditError, ReconcilerError):
            return  # lost the lock, or could not take it: the next one looks

    def _drivers(self) -> Iterable[tuple[Share, AnyDriver]]:
        for provider, vendor in ((CARDS, "stripe"), (PAYPAL, "paypal")):
            account = Account(
                provider,
                f"http://{vendor}.invalid",
                None,
                _SECRETS,
                self.clock,
                lambda _seconds: None,
                _NoCache(),
                {"requestsPerSecond": 1e9, "stepsPerPayment": self.story.steps},
                self.wire.to(self.stage.way(vendor)),
            )
            yield Share(provider, BILLING), driver_class(vendor, BILLING)(account)

    # -- what happens beside -------------------------------------------------------

    def _beside(self, kind: FaultKind) -> None:
        match kind:
            case FaultKind.OVERLAP:
                self._overlap()
            case FaultKind.CUSTOMER:
                self._pay_by_hand()
            case FaultKind.NEW_METHOD:
                self._another_method()
            case FaultKind.BLIND:
                self._blind = True
            case _:
                pass

    def _overlap(self) -> None:
        """Let the lease end, and another run do everything meanwhile."""
        if self._nested:
            return
        self._nested = True
        self.clock.advance(_OVERSLEPT)
        self._run()
        self._nested = False

    def _pay_by_hand(self) -> None:
        bench = self.stage.benches["stripe"]
        edit = emulator("stripe").edit
        for account in bench.state["accounts"]:
            for name, invoice in list(account["invoices"].items()):
                if invoice["status"] == "open" and edit is not None:
                    with suppress(ReconcilerError):
                        edit(
                            bench,
                            "invoice",
                            {"id": name, "pay": True, "method": "pm_new"},
                        )

    def _another_method(self) -> None:
        tokens = {"pm_first": "pm_new", "tok1": "tok2"}
        terms = self.tree.want.spec.terms
        assert terms is not None  # noqa: S101  (made with them)
        methods = tuple(
            m.model_copy(update={"token": tokens.get(m.token, m.token)})
            for m in terms.methods
        )
        self.tree.want = self.tree.named(terms.model_copy(update={"methods": methods}))

    # -- time ------------------------------------------------------------------------

    def _next(self, since: int) -> datetime | None:
        """Return when the next run that matters is."""
        now, found = self.clock(), []
        if self._down and self.wire.met:
            down, self._down = self._down, None
            return now + down
        if self._did:
            found.append(now + _SOON)
        if since:
            found.append(now + _AGAIN[min(since, len(_AGAIN)) - 1])
        found += [one.at for one in self.wire.late]
        found += self._moments()
        later = [moment for moment in found if moment > now]
        return min(later, default=None)

    def _moments(self) -> list[datetime]:
        """Return the moments at which a step of the period may come due."""
        terms = self.tree.want.spec.terms
        assert terms is not None  # noqa: S101  (made with them)
        case = Case(self.tree.want.spec, terms, self._books, {}, self.clock())
        found = [case.create_at(case.coming)] if case.coming else []
        for one in case.invoiced:
            found.append(case.charge_at(one.begins))
            tries = case.books.tries(one.of)
            if tries:
                steps = terms.dunning.steps
                found += [case.after(tries[0].at, step.after) for step in steps]
                found += [t.at + timedelta(days=d) for t in tries for d in (1, 3)]
        bank = self.clock() + timedelta(days=1)
        return [*found, bank] if self._processing() else found

    def _processing(self) -> bool:
        return self.story.primary == "processing" and bool(self.store.read().open)

    def _over(self) -> bool:
        """Say whether the first period is paid, or nothing will be tried any more."""
        return self._paid()

    def _last(self) -> None:
        """Let everything arrive that is still under way, and look twice more."""
        for pause in (timedelta(hours=20), timedelta(hours=30)):
            if not self.wire.late and not self.store.read().open:
                break
            self.clock.advance(pause)
            self._run()

    # -- what is true ------------------------------------------------------------------

    @property
    def _books(self) -> Books:
        return Books(self.store.read().record("Subscription", NAME).facts)

    def _paid(self) -> bool:
        books = self._books
        first = [one for one in books.invoiced() if one.begins.isoformat() == _FIRST]
        return any(books.paid(one.of) for one in first)

    def _taken(self) -> Iterable[Money]:
        for account in self.stage.benches["stripe"].state["accounts"]:
            for charge in account["charges"].values():
                if charge["status"] == "succeeded":
                    yield Money.of_minor(charge["amount"], charge["currency"].upper())
        for account in self.stage.benches["paypal"].state["accounts"]:
            for capture in account["captures"].values():
                shown = capture.get("shown", capture)
                if shown["status"] == "COMPLETED":
                    amount = shown["amount"]
                    text = f"{amount['value']} {amount['currency_code']}"
                    yield Money.model_validate(text)


_FIRST: Final = "2026-03-01"


class _NoCache:
    """Nothing is kept between runs."""

    def get(self, key: str) -> None:
        """Know nothing."""
        del key

    def put(self, key: str, value: object, until: datetime) -> None:
        """Forget it."""
        del key, value, until


def _no_base(commit: str) -> OneSubscription:
    raise AssertionError(f"nothing was ever applied: {commit}")


class _Nothing:
    """What was spent and charged before: nothing that a budget would count."""

    def spent(self, currency: str, account: str | None, scope: str) -> Money:
        """Return nothing."""
        del account, scope
        return Money.of_minor(0, currency)

    charged = spent


def _judged(plan: Plan, _ledger: object, now: datetime) -> Plan:
    """Return *plan* with what is built in, as where nobody wrote a policy."""
    context = Context(now, "main", _Nothing(), {}, _no_labels, {}, "ci", loopback=False)
    return judge(plan, (), context)


def _no_labels(_ref: Ref) -> Mapping[str, str]:
    return {}
