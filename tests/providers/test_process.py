"""A process that has ended is gone, whether or not somebody waited for it."""

from __future__ import annotations

import os
import time

from reconciler.providers._process import is_gone


def test_who_is_there_is_there():
    assert not is_gone(os.getpid())
    assert not is_gone(1)  # somebody else's


def test_who_has_ended_is_gone_before_and_after_it_is_waited_for():
    child = os.fork()
    if child == 0:
        os._exit(0)
    until = time.monotonic() + 10
    while not is_gone(child) and time.monotonic() < until:
        time.sleep(0.01)
    assert is_gone(child)
    os.waitpid(child, 0)
    assert is_gone(child)
