"""
Waking: however often it is asked for, one run at a time, and with a pause between.

What was asked for during a run, or a pause, is one more run after it. Nothing is kept:
who dies with a run asked for is helped by the next event, or by the schedule.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Condition, Thread


class Waker:
    """
    Runs one thing whenever it was asked for.

    Args:
        run: What is run; what it raises is said, and the next wake tries again.
        pause: How long nothing is run after a run.
        say: Where that is said.
    """

    def __init__(
        self, run: Callable[[], None], pause: timedelta, say: Callable[[str], None]
    ) -> None:
        self._run = run
        self._pause = pause.total_seconds()
        self._say = say
        self._asked = self._ending = False
        self._free_at = 0.0
        self._changed = Condition()
        self._thread = Thread(target=self._loop, name="waker", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether somebody would wake."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def wake(self) -> None:
        """Ask for a run; returns at once. From any thread."""
        with self._changed:
            self._asked = True
            self._changed.notify()

    def stop(self) -> None:
        """Run nothing more, and wait for the run that is under way."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    def _loop(self) -> None:
        while self._due():
            try:
                self._run()
            except Exception as error:  # noqa: BLE001  (a run may break in any way)
                name = type(error).__name__
                self._say(f"the run failed: {name}; the next event tries again")
            self._free_at = time.monotonic() + self._pause

    def _due(self) -> bool:
        """Wait until a run is asked for and the pause is over; False at the end."""
        with self._changed:
            while not self._ending:
                left = self._free_at - time.monotonic()
                if self._asked and left <= 0:
                    self._asked = False
                    return True
                self._changed.wait(left if self._asked else None)
            return False
