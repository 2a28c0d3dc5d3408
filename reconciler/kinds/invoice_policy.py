"""When invoices are made, charged and due; subscriptions name it."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change
from reconciler.model.resource import Resource
from reconciler.model.terms import Invoicing


class InvoicePolicy(Resource[Change]):
    """When invoices are made, charged and due; subscriptions name it."""

    kind: ClassVar[str] = "InvoicePolicy"
    spec: Invoicing


KIND = InvoicePolicy
