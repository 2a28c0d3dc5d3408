"""A subscription: its periods, how each is paid, and what follows if it is not."""

from reconciler.kinds.subscription.case import Case
from reconciler.kinds.subscription.changes import (
    Authorize,
    BillingChange,
    Capture,
    Charge,
    Invoice,
    SubscriptionChange,
    Void,
)
from reconciler.kinds.subscription.facts import Books, Invoiced, Try
from reconciler.kinds.subscription.letters import TEXTS
from reconciler.kinds.subscription.spec import COVERED, SubscriptionSpec
from reconciler.kinds.subscription.state import BILLING, Bill, BillingState, Of
from reconciler.kinds.subscription.subscription import Subscription
from reconciler.kinds.subscription.words import DAYS, PLACEHOLDERS

KIND = Subscription

__all__ = [
    "BILLING",
    "COVERED",
    "DAYS",
    "KIND",
    "PLACEHOLDERS",
    "TEXTS",
    "Authorize",
    "Bill",
    "BillingChange",
    "BillingState",
    "Books",
    "Capture",
    "Case",
    "Charge",
    "Invoice",
    "Invoiced",
    "Of",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionSpec",
    "Try",
    "Void",
]
