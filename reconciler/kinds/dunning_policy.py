"""What follows when an invoice is not paid; subscriptions name it."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change
from reconciler.model.resource import Resource
from reconciler.model.terms import Dunning


class DunningPolicy(Resource[Change]):
    """What follows when an invoice is not paid; subscriptions name it."""

    kind: ClassVar[str] = "DunningPolicy"
    spec: Dunning


KIND = DunningPolicy
