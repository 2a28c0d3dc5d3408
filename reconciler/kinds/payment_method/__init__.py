"""A payment method: what is written of it, what its gateway says, what follows."""

from reconciler.kinds.payment_method.payment_method import (
    PaymentMethod,
    as_payment_methods,
)
from reconciler.kinds.payment_method.spec import REQUEST, PaymentMethodSpec
from reconciler.kinds.payment_method.state import (
    FAMILY,
    Owner,
    PaymentMethodState,
    SetDefault,
)

KIND = PaymentMethod

__all__ = [
    "FAMILY",
    "KIND",
    "REQUEST",
    "Owner",
    "PaymentMethod",
    "PaymentMethodSpec",
    "PaymentMethodState",
    "SetDefault",
    "as_payment_methods",
]
