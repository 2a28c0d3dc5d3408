"""
Many certificates for some years, in seconds: who renews when, and what expires.

The decisions are the product's own. The issuers are a model: they suggest windows,
keep limits, are down for days, and take back what they issued.
"""

from reconciler.sandbox.certifying.authority import Authority, Outage, Recall
from reconciler.sandbox.certifying.estate import START, Estate, Outcome, Setup
from reconciler.sandbox.certifying.rules import thirty_days
from reconciler.sandbox.certifying.stories import LIFETIMES, three_years

__all__ = [
    "LIFETIMES",
    "START",
    "Authority",
    "Estate",
    "Outage",
    "Outcome",
    "Recall",
    "Setup",
    "thirty_days",
    "three_years",
]
