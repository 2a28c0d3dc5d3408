"""What every probe keeps, whoever is asked: a suite to subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from reconciler.model import METRICS, Absent, Account, AnyResource, Unknown
from reconciler.model.usage import UsageState
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, account


class ProbeContract(ABC):
    """
    The promises of ``reconciler.model.Probe``, as tests.

    Attributes:
        driver: The class under test.
    """

    driver: ClassVar[type[Any]]

    @abstractmethod
    def start(self) -> Account:
        """Make the world new and return an account in it."""

    @abstractmethod
    def wants(self) -> Sequence[AnyResource]:
        """Return what the source measures."""

    @abstractmethod
    def missing(self) -> AnyResource:
        """Return what it does not know."""

    @abstractmethod
    def breaks(self) -> None:
        """Let every further request fail."""

    @abstractmethod
    def later(self, span: timedelta) -> None:
        """Let the clock go on."""

    @pytest.fixture(autouse=True)
    def closing(self) -> Iterator[None]:
        self._made: list[Any] = []
        yield
        for one in self._made:
            one.close()

    def made(self, account: Account) -> Any:
        found = self.driver(account)
        self._made.append(found)
        return found

    def test_it_says_what_there_was_and_not_only_what_is(self) -> None:
        account = self.start()
        states = self.made(account).observe(self.wants()).states
        for want in self.wants():
            state = states[want.name]
            assert isinstance(state, UsageState), state
            moments = [one.at for one in state.readings]
            assert moments == sorted(moments)
            assert max(moments) <= account.clock()
            assert max(moments) - min(moments) >= timedelta(hours=1)
            assert {one.metric for one in state.readings} <= set(METRICS)
            assert all(one.value >= 0 for one in state.readings)
            assert state.source == account.name

    def test_the_next_time_it_says_what_is_new_and_an_hour_more(self) -> None:
        account = self.start()
        self.made(account).observe(self.wants())
        asked = account.clock()
        self.later(timedelta(hours=2))
        states = self.made(account).observe(self.wants()).states
        for want in self.wants():
            times = [one.at for one in states[want.name].readings]
            assert min(times) >= asked - timedelta(hours=1, minutes=10)
            assert max(times) > asked

    def test_a_reading_is_the_same_when_it_is_read_twice(self) -> None:
        account = self.start()
        first = self.made(account).observe(self.wants()).states
        self.later(timedelta(minutes=20))
        second = self.made(account).observe(self.wants()).states
        for want in self.wants():
            before = {(o.metric, o.at): o.value for o in first[want.name].readings}
            after = {(o.metric, o.at): o.value for o in second[want.name].readings}
            both = {key for key in set(before) & set(after) if key[0] != "bandwidth"}
            assert both
            for key in both:
                assert after[key] == pytest.approx(before[key], rel=1e-6), key

    def test_what_it_does_not_know_is_absent(self) -> None:
        states = self.made(self.start()).observe([*self.wants(), self.missing()]).states
        assert isinstance(states[self.missing().name], Absent)

    def test_what_fails_is_unknown(self) -> None:
        account = self.start()
        probe = self.made(account)
        self.breaks()
        for state in probe.observe([*self.wants(), self.missing()]).states.values():
            assert isinstance(state, Unknown)
            assert state.why
            for secret in account.secrets.values():
                assert secret not in state.why

    def test_it_does_nothing(self) -> None:
        assert self.driver.can == {}
        with pytest.raises(NotImplementedError):
            self.made(self.start()).apply(self.wants()[0], _Nothing(), "k")


class _Nothing:
    verb = "resize"


class InSandbox:
    """One sandbox for a class of tests."""

    vendor: ClassVar[str]
    part: ClassVar[Any]
    secrets: ClassVar[Any]
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        clock = SandboxClock(NOW, frozen=True)
        with Sandbox(World({cls.vendor: cls.part}), clock) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({self.vendor: self.part}))
        return account(self.sandbox, self.vendor, self.secrets)

    def breaks(self) -> None:
        fault = Fault(vendor=self.vendor, kind="status", status=500, times=0)
        self.sandbox.inject(fault)

    def later(self, span: timedelta) -> None:
        self.sandbox.clock.advance(span)
