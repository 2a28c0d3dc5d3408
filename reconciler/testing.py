"""
What every driver promises, whoever the vendor is: a suite to subclass.

``class TestMyVendor(DriverContract)`` with a handful of small methods, against the
vendor's sandbox or an honest emulator, brings all the tests with it. Needs pytest.
"""
# ruff: noqa: S101, D102  (tests assert, and their names say what they are about)

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal, NamedTuple

import pytest

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import (
    Absent,
    Account,
    AnyDriver,
    AnyResource,
    Change,
    Observation,
    OpClass,
    Unknown,
)

Trouble = Literal[
    "refuse", "lost-before", "lost-after", "error-after", "throttle", "listing", "echo"
]
_MARGIN = timedelta(minutes=1)
_RETRY_AFTER = 7


class Case(NamedTuple):
    """One thing to do: what is wanted, and a change that brings it about."""

    want: AnyResource
    change: Change


class DriverContract(ABC):
    """
    The promises of ``reconciler.model.Driver``, as tests.

    Attributes:
        driver: The class under test.
        extra: The name of something in the account that no want is about.
    """

    driver: ClassVar[type[AnyDriver]]
    extra: ClassVar[str]

    @abstractmethod
    def start(self) -> Account:
        """
        Make the vendor's world new and return an account in it.

        Its cache must be empty, its clock must move by what its ``sleep`` is told.
        """

    @abstractmethod
    def wrong(self, account: Account) -> Account:
        """Return *account* with credentials the vendor does not accept."""

    @abstractmethod
    def wants(self) -> Sequence[AnyResource]:
        """Return wants that differ from the new world by every verb there is."""

    @abstractmethod
    def missing(self) -> AnyResource:
        """Return a want that the account does not have."""

    @abstractmethod
    def effects(self, name: str) -> int:
        """Return how often the vendor changed or charged something of *name*."""

    @abstractmethod
    def trouble(self, kind: Trouble, case: Case | None, times: int = 1) -> None:
        """
        Make the next requests go wrong; 0 times is for ever.

        ``refuse``: the case's request is refused for good; ``lost-before`` and
        ``lost-after``: the connection breaks before or after its effect;
        ``error-after``: a server error after it; ``throttle``: told to wait seven
        seconds (of the case's request, or of the listing if None); ``listing``: a
        server error on the last page; ``echo``: as ``refuse``, and the text repeats
        the credentials.
        """

    def other(self, change: Change) -> Change:
        """Return *change* with another request body."""
        assert change.cost is not None, "override other() for keyed verbs without cost"
        dearer = change.cost.model_copy(update={"amount": change.cost.amount + 1})
        return change.model_copy(update={"cost": dearer})

    # -- what the tests share ----------------------------------------------------

    @pytest.fixture(autouse=True)
    def closing(self) -> Iterator[None]:
        """Close every driver that a test made."""
        self._made: list[AnyDriver] = []
        yield
        for driver in self._made:
            driver.close()

    def made(self, account: Account) -> AnyDriver:
        """Return a new driver for *account*."""
        driver = self.driver(account)
        self._made.append(driver)
        return driver

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        """Return one case for each verb that the wants ask for."""
        wants = self.wants()
        seen = driver.observe(wants)
        found: dict[str, Case] = {}
        for want in wants:
            for change in _changes(account, want, seen):
                found.setdefault(change.verb, Case(want, change))
        return list(found.values())

    def each(self, *classes: OpClass) -> Iterator[tuple[Case, AnyDriver, Account]]:
        """Yield every case of some operation classes, each in a new world."""
        account = self.start()
        verbs = [
            case.change.verb
            for case in self.cases(self.made(account), account)
            if self.driver.can.get(case.change.verb) in (classes or tuple(OpClass))
        ]
        for verb in verbs:
            account = self.start()
            driver = self.made(account)
            (case,) = (c for c in self.cases(driver, account) if c.change.verb == verb)
            yield case, driver, account

    def shows(self, driver: AnyDriver, case: Case) -> bool:
        """Whether the account shows the case's effect."""
        seen = driver.observe(self.wants())
        have = {case.change.share: seen.states[case.want.name]}
        return case.want.done(case.change, have) is True

    # -- observing -----------------------------------------------------------------

    def test_observing_changes_nothing(self) -> None:
        driver = self.made(self.start())
        wants = [*self.wants(), self.missing()]
        first, second = driver.observe(wants), driver.observe(wants)
        assert first.states == second.states
        assert first.unmanaged == second.unmanaged
        assert not any(self.effects(want.name) for want in wants)
        assert sum(first.requests.values()) > 0

    def test_every_want_gets_one_state(self) -> None:
        wants = self.wants()
        seen = self.made(self.start()).observe(wants)
        assert set(seen.states) == {want.name for want in wants}
        assert not [s for s in seen.states.values() if isinstance(s, Absent | Unknown)]

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states[self.missing().name], Absent)
        assert self.extra in {one.name for one in seen.unmanaged}

    def test_half_a_listing_proves_nothing(self) -> None:
        driver = self.made(self.start())
        self.trouble("listing", None, 0)
        _nobody_knows(driver.observe([*self.wants(), self.missing()]))

    def test_wrong_credentials_prove_nothing(self) -> None:
        driver = self.made(self.wrong(self.start()))
        _nobody_knows(driver.observe([*self.wants(), self.missing()]))

    # -- acting --------------------------------------------------------------------

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        account = self.start()
        cases = self.cases(self.made(account), account)
        assert {case.change.verb for case in cases} == set(self.driver.can)

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, account in self.each():
            receipt = driver.apply(case.want, case.change, "key-1")
            assert receipt.reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)
            left = _changes(account, case.want, driver.observe(self.wants()))
            assert case.change.verb not in {change.verb for change in left}

    def test_the_same_key_twice_has_one_effect(self) -> None:
        assert self.driver.key_life or OpClass.KEYED not in self.driver.can.values()
        for case, driver, _ in self.each(OpClass.KEYED):
            first = driver.apply(case.want, case.change, "same")
            again = driver.apply(case.want, case.change, "same")
            assert again.reference == first.reference
            assert self.effects(case.want.name) == 1

    def test_the_same_key_with_another_body_is_refused(self) -> None:
        for case, driver, _ in self.each(OpClass.KEYED):
            driver.apply(case.want, case.change, "same")
            with pytest.raises(Rejected):
                driver.apply(case.want, self.other(case.change), "same")
            assert self.effects(case.want.name) == 1

    def test_a_refusal_is_rejected_and_nothing_happened(self) -> None:
        for case, driver, _ in self.each():
            self.trouble("refuse", case)
            with pytest.raises(Rejected):
                driver.apply(case.want, case.change, "key-1")
            assert self.effects(case.want.name) == 0

    # -- not knowing -----------------------------------------------------------------

    def test_an_answer_lost_before_the_effect_is_resolved_to_one_effect(self) -> None:
        for case, driver, account in self.each():
            since = account.clock()
            self._lose("lost-before", case, driver, effects=0)
            self._resolve(case, account, since)

    def test_an_answer_lost_after_the_effect_is_resolved_to_one_effect(self) -> None:
        for case, driver, account in self.each():
            since = account.clock()
            self._lose("lost-after", case, driver, effects=1)
            self._resolve(case, account, since)

    def test_a_server_error_after_the_effect_is_resolved_to_one_effect(self) -> None:
        for case, driver, account in self.each():
            since = account.clock()
            self._lose("error-after", case, driver, effects=1)
            self._resolve(case, account, since)

    def _lose(
        self, kind: Trouble, case: Case, driver: AnyDriver, *, effects: int
    ) -> None:
        self.trouble(kind, case)
        with pytest.raises(Ambiguous):
            driver.apply(case.want, case.change, "key-1")
        assert self.effects(case.want.name) == effects

    def _resolve(self, case: Case, account: Account, since: Any) -> None:
        """Find out what happened as the engine does, in a new process."""
        driver = self.made(account)
        before, op_class = self.effects(case.want.name), self._class(case)
        if op_class is OpClass.BLIND:
            told = driver.happened(case.want, case.change, "key-1", since)
            assert told is not False, "a blind verb is never proven absent"
            assert self.effects(case.want.name) == before
            return
        if not self.shows(driver, case):
            if op_class is OpClass.PROBE:
                early = driver.happened(case.want, case.change, "key-1", since)
                assert early is None, "nothing is proven absent before it has settled"
                wait = driver.settled_after(case.change) + _MARGIN
                account.sleep(wait.total_seconds())
                assert self.effects(case.want.name) == 0
                late = driver.happened(case.want, case.change, "key-1", since)
                assert late is False
            driver.apply(case.want, case.change, "key-1")
            assert self.shows(driver, case)
        elif op_class is OpClass.PROBE:
            happened = driver.happened(case.want, case.change, "key-1", since)
            assert happened is not False
        assert self.effects(case.want.name) == 1

    def _class(self, case: Case) -> OpClass:
        return self.driver.can[case.change.verb]

    # -- waiting -----------------------------------------------------------------

    def test_waits_as_long_as_it_is_told(self) -> None:
        account, slept = _listening(self.start())
        self.trouble("throttle", None)
        seen = self.made(account).observe(self.wants())
        assert not [s for s in seen.states.values() if isinstance(s, Unknown)]
        assert max(slept) >= _RETRY_AFTER

    def test_what_was_told_to_wait_happens_once(self) -> None:
        for case, driver, _ in self.each():
            self.trouble("throttle", case)
            driver.apply(case.want, case.change, "key-1")
            assert self.effects(case.want.name) == 1

    def test_a_wait_without_end_is_transient_and_nothing_happened(self) -> None:
        for case, driver, _ in self.each():
            self.trouble("throttle", case, 0)
            with pytest.raises(Transient):
                driver.apply(case.want, case.change, "key-1")
            assert self.effects(case.want.name) == 0

    def test_keeps_to_the_accounts_own_limit(self) -> None:
        account, slept = _listening(self.start())
        driver = self.made(account._replace(limits={"requestsPerSecond": 2}))
        asked = 0
        for _ in range(4):
            asked += sum(driver.observe(self.wants()).requests.values())
        assert sum(slept) >= (asked - 2) / 2 - 0.001

    # -- keeping quiet --------------------------------------------------------------

    def test_shows_no_secret(self) -> None:
        for case, driver, account in self.each():
            self.trouble("echo", case)
            with pytest.raises(ProviderError) as refused:
                driver.apply(case.want, case.change, "key-1")
            wrong = self.made(self.wrong(account))
            said = [
                repr(driver),
                repr(account),
                *map(str, wrong.observe(self.wants()).states.values()),
                *_texts(refused.value),
            ]
            for secret in account.secrets.values():
                assert not [text for text in said if secret in text]
            assert max(map(len, refused.value.args[0].split("\n"))) <= 400  # noqa: PLR2004


def _changes(account: Account, want: AnyResource, seen: Observation) -> list[Change]:
    have = dict.fromkeys(want.shares(), seen.states[want.name])
    return [*want.diff(have, account.clock())]


def _nobody_knows(seen: Observation) -> None:
    for name, state in seen.states.items():
        assert isinstance(state, Unknown), f"{name} is {state}"
        assert state.why
    assert not seen.unmanaged


def _listening(account: Account) -> tuple[Account, list[float]]:
    slept = [0.0]
    sleep: Callable[[float], None] = account.sleep

    def listen(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    return account._replace(sleep=listen), slept


def _texts(error: BaseException | None) -> Iterator[str]:
    """Yield all that a traceback of *error* could show."""
    while error is not None:
        yield str(error)
        yield repr(error)
        error = error.__cause__ or (
            None if error.__suppress_context__ else error.__context__
        )
