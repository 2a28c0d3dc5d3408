"""
What goes wrong around one payment, played with the real parts and no socket.

The real engine, the real drivers, the real emulators and a journal in memory; between
them a wire that loses requests and answers, and a world that crashes, oversleeps and
pays by itself at the worst moment.
"""

from reconciler.sandbox.paying.act import Played
from reconciler.sandbox.paying.faults import APART, EVERY, Fault, FaultKind
from reconciler.sandbox.paying.play import Stage
from reconciler.sandbox.paying.search import Tally, after, at_random, singly, tallied
from reconciler.sandbox.paying.story import SHORT, STORIES, Story

__all__ = [
    "APART",
    "EVERY",
    "SHORT",
    "STORIES",
    "Fault",
    "FaultKind",
    "Played",
    "Stage",
    "Story",
    "Tally",
    "after",
    "at_random",
    "singly",
    "tallied",
]
