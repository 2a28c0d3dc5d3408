"""
Many certificates for some years, in seconds: who renews when, and what expires.

The decisions are the product's own. The issuers are a model: they suggest windows,
keep limits, are down for days, and take back what they issued.
"""

from reconciler.sandbox.certifying.authority import Authority, Outage, Recall
from reconciler.sandbox.certifying.estate import Estate, Outcome, Setup
from reconciler.sandbox.certifying.rules import thirty_days

__all__ = [
    "Authority",
    "Estate",
    "Outage",
    "Outcome",
    "Recall",
    "Setup",
    "thirty_days",
]
