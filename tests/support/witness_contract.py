"""What every witness promises: a suite to subclass, as ``DriverContract`` is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Literal

import pytest

from reconciler.model import (
    Absent,
    Account,
    AnyDriver,
    AnyResource,
    Change,
    Observation,
    Observed,
    Share,
    Unknown,
    Witness,
)


class WitnessContract(ABC):
    """
    The promises of ``reconciler.model.Witness``, as tests.

    Attributes:
        driver: The class under test.
    """

    driver: ClassVar[type[AnyDriver]]

    @abstractmethod
    def start(self) -> Account:
        """Make the world new and return an account in it, with an empty cache."""

    @abstractmethod
    def wants(self) -> Sequence[AnyResource]:
        """Return two or more wants, none of them in trouble."""

    @abstractmethod
    def asked(self) -> int:
        """Return how many questions were asked since the start."""

    @abstractmethod
    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        """Let everybody say nothing, or fail, from now on."""

    def seen(self, account: Account) -> Observation:
        """Look once, as one run does."""
        driver = self.driver(account)
        try:
            return driver.observe(self.wants())
        finally:
            driver.close()

    def test_it_only_looks(self) -> None:
        driver = self.driver(self.start())
        assert not driver.can
        assert driver.identity() is None
        with pytest.raises(NotImplementedError):
            driver.apply(self.wants()[0], self.change(), "key-1")

    def change(self) -> Change:
        """Return a change of somebody else, who did something to a want."""
        share = Share("main", "any")
        return Change(verb="touch", share=share, fields=(), because="a test")

    def test_every_want_gets_one_state(self) -> None:
        seen = self.seen(self.start())
        assert set(seen.states) == {want.name for want in self.wants()}
        assert not [s for s in seen.states.values() if isinstance(s, Absent | Unknown)]

    def test_one_look_is_good_for_a_day(self) -> None:
        account = self.start()
        first = self.seen(account)
        asked = self.asked()
        account.sleep(timedelta(hours=11).total_seconds())
        assert self.seen(account).states == first.states
        assert self.asked() == asked
        account.sleep(timedelta(hours=14).total_seconds())
        self.seen(account)
        assert self.asked() > asked

    @pytest.mark.parametrize("kind", ["silence", "refusal"])
    def test_a_look_that_fails_is_unknown(
        self, kind: Literal["silence", "refusal"]
    ) -> None:
        account = self.start()
        self.trouble(kind)
        seen = self.seen(account)
        states = [s for s in seen.states.values() if not _later(s)]
        assert states
        assert all(isinstance(s, Unknown) for s in seen.states.values())
        assert all(s.since is not None for s in states)

    def test_only_so_many_in_one_run_but_all_in_the_end(self) -> None:
        account = self.start()._replace(limits={"lookups": 1})
        for round_ in range(len(self.wants())):
            waiting = [s for s in self.seen(account).states.values() if _later(s)]
            assert len(waiting) == len(self.wants()) - 1 - round_

    def test_what_was_touched_is_looked_at_again(self) -> None:
        account = self.start()
        self.seen(account)
        asked = self.asked()
        driver = self.driver(account)
        assert isinstance(driver, Witness)
        driver.touched(self.wants()[0], self.change())
        driver.close()
        self.seen(account)
        assert self.asked() > asked


def _later(state: Observed) -> bool:
    return isinstance(state, Unknown) and state.later
