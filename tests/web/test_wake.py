"""However often a run is asked for: one at a time, none lost, none for nothing."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Event, Lock

import pytest

from reconciler.web.log import Log
from reconciler.web.wake import Waker


class Runs:
    """Runs that wait until they are let go; never two at a time."""

    def __init__(self, *errors):
        self.begun, self.errors = [], list(errors)
        self.go, self.started = Event(), Event()
        self._one = Lock()

    def __call__(self):
        assert self._one.acquire(blocking=False), "two runs at a time"
        try:
            self.begun.append(time.monotonic())
            self.started.set()
            assert self.go.wait(5)
            if self.errors:
                raise self.errors.pop(0)
        finally:
            self._one.release()

    def until(self, count):
        ends = time.monotonic() + 5
        while len(self.begun) < count and time.monotonic() < ends:
            time.sleep(0.002)
        return len(self.begun)


@pytest.fixture
def waker():
    made = []

    def make(run, pause=0.0, say=lambda _: None):
        made.append(Waker(run, timedelta(seconds=pause), say))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_many_wakes_during_a_run_are_one_more_run(waker):
    runs = Runs()
    one = waker(runs)
    one.wake()
    assert runs.started.wait(5)
    for _ in range(100):
        one.wake()
    runs.go.set()
    assert runs.until(2) == 2
    one.stop()
    assert len(runs.begun) == 2


def test_nothing_runs_unasked(waker):
    runs = Runs()
    waker(runs).stop()
    assert runs.begun == []


def test_between_two_runs_there_is_a_pause(waker):
    runs = Runs()
    runs.go.set()
    one = waker(runs, pause=0.15)
    one.wake()
    runs.until(1)
    one.wake()
    one.wake()
    assert runs.until(2) == 2
    assert runs.begun[1] - runs.begun[0] >= 0.15


def test_a_run_that_breaks_is_said_and_the_next_wake_tries_again(waker):
    said, runs = [], Runs(OSError("canary"))
    runs.go.set()
    one = waker(runs, say=said.append)
    one.wake()
    runs.until(1)
    while not said:
        time.sleep(0.002)
    assert said == ["the run failed: OSError; the next event tries again"]
    assert one.alive
    one.wake()
    assert runs.until(2) == 2


def test_the_end_waits_for_the_run_and_begins_no_other(waker):
    runs = Runs()
    one = waker(runs, pause=60)
    one.wake()
    assert runs.started.wait(5)
    one.wake()
    runs.go.set()
    one.stop()
    assert not one.alive
    assert len(runs.begun) == 1


def test_the_log_counts_what_repeats():
    said = []
    log = Log(said.append, quiet=0.05)
    for _ in range(1000):
        log("a: refused")
    log("b: refused")
    assert said == ["a: refused", "b: refused"]
    time.sleep(0.06)
    log("a: refused")
    assert said[2:] == ["a: refused (and 999 times more)"]
