"""The inbox's log: whoever knocks a thousand times a second does not fill the disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

_QUIET: Final = 60.0


class Log:
    """
    Says each line at most once a minute, and then how often it was.

    The lines are few: they are made of words of ours and of the accounts' names.
    """

    def __init__(self, say: Callable[[str], None], quiet: float = _QUIET) -> None:
        self._say = say
        self._quiet = quiet
        self._said: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def __call__(self, text: str) -> None:
        """Say *text*, or count it."""
        with self._lock:
            now = time.monotonic()
            since, more = self._said.get(text, (-self._quiet, 0))
            if now - since < self._quiet:
                self._said[text] = since, more + 1
                return
            self._said[text] = now, 0
        self._say(f"{text} (and {more} times more)" if more else text)
