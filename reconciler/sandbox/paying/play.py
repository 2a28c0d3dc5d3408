"""Where stories are played: the parts that are dear to make, and the way in."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from reconciler.sandbox.clock import SandboxClock
from reconciler.sandbox.emulator import Bench, emulator
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.inside import inside
from reconciler.sandbox.ledger import Ledger as Effects
from reconciler.sandbox.paying.act import START, Act, Played
from reconciler.sandbox.paying.faults import Fault
from reconciler.sandbox.paying.scene import Choice, Keep, Rehearsal, Scene
from reconciler.sandbox.paying.story import Story
from reconciler.sandbox.paying.wire import Way


class Stage:
    """The parts that are dear to make, used for one story after the other."""

    def __init__(self) -> None:
        self.clock = SandboxClock(START, frozen=True)
        self.benches: dict[str, Bench] = {}
        self._ways: dict[str, Way] = {}
        self._known: dict[Story, Rehearsal] = {}

    def play(
        self,
        story: Story,
        faults: Iterable[Fault] = (),
        *,
        down: timedelta | None = None,
    ) -> Played:
        """Play *story* with the faults that are named; see ``acted``."""
        by_number = dict(faults)
        return self.acted(story, by_number.get, down=down)

    def acted(
        self, story: Story, choice: Choice, *, down: timedelta | None = None
    ) -> Played:
        """
        Play *story* with the faults that *choice* makes.

        *down*: for so long nothing runs at all after the first of them.
        """
        self._begin(story)
        return Act(self, story, choice, down).played()

    def known(self, story: Story) -> Rehearsal:
        """Return *story* as it goes where nothing goes wrong; it is kept."""
        found = self._known.get(story)
        if found is None:
            found = self._known[story] = self.rehearsed(story)
        return found

    def rehearsed(self, story: Story, faults: Iterable[Fault] = ()) -> Rehearsal:
        """Return *story* with *faults*, of which more may be added."""
        return Rehearsal(self, story, faults)

    def taken_up(
        self,
        story: Story,
        scene: Scene | None,
        choice: Choice,
        *,
        down: timedelta | None,
        keep: Keep | None,
    ) -> Played:
        """Play *story* from *scene* on; from its beginning without one."""
        if scene is None:
            self._begin(story)
            return Act(self, story, choice, down, keep).played()
        self.clock.set(scene.now, frozen=True)
        for vendor, side in scene.sides.items():
            bench = self.benches[vendor]
            bench.world, bench.ledger = side.world, side.ledger.copy()
            bench.state.clear()
            bench.state.update(pickle.loads(side.state))  # noqa: S301  (our own)
            self._ways[vendor] = side.way
        act = Act(self, story, choice, down, keep)
        act.take_up(scene)
        return act.played()

    def _begin(self, story: Story) -> None:
        self.clock.set(START, frozen=True)
        self._set("stripe", story.stripe)
        self._set("paypal", story.paypal)

    def way(self, vendor: str) -> Way:
        """Return the way to an emulator."""
        return self._ways[vendor]

    def _set(self, vendor: str, world: Mapping[str, Any]) -> None:
        found = emulator(vendor)
        bench = self.benches.get(vendor)
        if bench is None:
            bench = Bench(vendor, {}, self.clock, Faults(), Effects())
            self.benches[vendor] = bench
        bench.world = world
        bench.state.clear()
        bench.ledger = Effects()
        way = inside(found, bench)
        self._ways[vendor] = way


__all__ = ["Choice", "Played", "Stage"]
