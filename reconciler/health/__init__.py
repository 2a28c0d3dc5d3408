"""
What looks at our things add up to: phases, incidents, uptime, budgets. Pure.

Times are whole seconds since 1970 in UTC: no clock on any wall, so that neither the
change to summer time nor a leap day is anything special.
"""

from reconciler.health.budget import spent
from reconciler.health.incidents import Turn, turned
from reconciler.health.memory import Book, Incident, Memory, Watch
from reconciler.health.places import Places
from reconciler.health.shown import ill, state_of

__all__ = [
    "Book",
    "Incident",
    "Memory",
    "Places",
    "Turn",
    "Watch",
    "ill",
    "spent",
    "state_of",
    "turned",
]
