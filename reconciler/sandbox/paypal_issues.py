"""The issues that PayPal publishes for what is emulated here, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ISSUES: Final[Mapping[str, str]] = {
    "ACTION_DOES_NOT_MATCH_INTENT": (
        "Order was created with an intent to 'CAPTURE'. Please use "
        "v2/checkout/orders/order_id/capture to complete the transaction or "
        "alternately Create an order with an intent of 'AUTHORIZE'."
    ),
    "AUTHORIZATION_ALREADY_CAPTURED": "Authorization has previously been captured.",
    "AUTHORIZATION_DENIED": "An denied authorization cannot be captured.",
    "AUTHORIZATION_EXPIRED": "An expired authorization cannot be captured.",
    "AUTHORIZATION_VOIDED": (
        "A voided authorization cannot be captured or reauthorized. "
    ),
    "AUTH_CAPTURE_CURRENCY_MISMATCH": (
        "Currency of capture must be the same as currency of authorization."
    ),
    "AUTH_CAPTURE_NOT_ENABLED": (
        "Authorization and Capture feature is not enabled for the merchant. Make "
        "sure that the recipient of the funds is a verified business account."
    ),
    "CANCEL_URL_REQUIRED": (
        "The cancel url is required when attempting to vault this source."
    ),
    "CANNOT_BE_ZERO_OR_NEGATIVE": (
        "Must be greater than zero. If the currency supports decimals, only two "
        "decimal place precision is supported."
    ),
    "CANNOT_CANCEL_DRAFT_INVOICE": "Draft invoice cannot be canceled.",
    "CANNOT_CANCEL_PAID_INVOICE": "Cannot cancel a paid or partially paid invoice.",
    "CANNOT_PROCESS_PAYMENTS": (
        "Current invoice state does not support payment processing."
    ),
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
    "CARD_EXPIRED": "The card is expired",
    "DECIMAL_PRECISION": (
        "If the currency supports decimals, only two decimal place precision is "
        "supported."
    ),
    "DUPLICATE_INVOICE_ID": (
        "Requested invoice_id has been previously captured. Possible duplicate "
        "transaction."
    ),
    "INSTRUMENT_DECLINED": (
        "The instrument presented  was either declined by the processor or bank, or "
        "it can't be used for this payment."
    ),
    "INVALID_CURRENCY_CODE": (
        "Currency code is invalid or is not currently supported. Please refer "
        "https://developer.paypal.com/docs/api/reference/currency-codes/ for list of "
        "supported currency codes."
    ),
    "INVALID_PARAMETER_SYNTAX": (
        "The value of a field does not conform to the expected format."
    ),
    "INVALID_PARAMETER_VALUE": "The value of a field is invalid.",
    "INVALID_RESOURCE_ID": (
        "Specified resource ID does not exist. Please check the resource ID and try "
        "again."
    ),
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long.",
    "INVOICE_CANCELED_ALREADY": "Invoice is already cancelled.",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": (
        "Capture amount exceeds allowable limit. Please contact customer service or "
        "your account manager to request the change to your overage limit. The "
        "default overage limit is 115%, which allows the sum of all captures to be "
        "up to 115% of the order amount. The ability to over capture is subjected to "
        "regulatory approvals."
    ),
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": (
        "You have exceeded the maximum number of payment attempts."
    ),
    "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE": (
        "The vault_id does not match the payment_source provided. Please verify that "
        "the vault_id token used refers to the matching payment_source and try "
        "again. For example, a PayPal token cannot be passed in the vault_id field "
        "in the payment_source.card object."
    ),
    "MISSING_REQUIRED_PARAMETER": "A required field / parameter is missing.",
    "ORDER_ALREADY_AUTHORIZED": (
        "Order already authorized.If 'intent=AUTHORIZE' only one authorization per "
        "order is allowed."
    ),
    "ORDER_ALREADY_CAPTURED": (
        "Order already captured. If 'intent=CAPTURE' only one capture per order is "
        "allowed."
    ),
    "ORDER_EXPIRED": (
        "Order is expired and hence cannot be authorized. Please contact Customer "
        "Support if you need to increase your order validity period."
    ),
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": (
        "The payer account cannot be used for this transaction."
    ),
    "PAYER_ACCOUNT_RESTRICTED": "PAYER_ACCOUNT_RESTRICTED",
    "PAYER_ACTION_REQUIRED": (
        "Transaction cannot complete successfully, instruct the buyer to return to "
        "PayPal."
    ),
    "PAYER_CANNOT_PAY": (
        "Combination of payer and payee settings mean that this buyer cannot pay "
        "this seller."
    ),
    "PAYPAL_REQUEST_ID_REQUIRED": (
        "A PayPal-Request-Id is required if you are trying to process payment for an "
        "Order. Please specify a PayPal-Request-Id or Create the Order without a "
        "'payment_source' specified."
    ),
    "PREVIOUSLY_CAPTURED": (
        "Authorization has been previously captured and hence cannot be voided."
    ),
    "PREVIOUSLY_VOIDED": (
        "Authorization has been previously voided and hence cannot be voided again."
    ),
    "REFUND_AMOUNT_EXCEEDED": (
        "The refund amount must be less than or equal to the capture amount that has "
        "not yet been refunded."
    ),
    "REQUIRED_PARAMETER_FOR_CUSTOMER_INITIATED_PAYMENT": (
        "This parameter is required when the customer is present. If the customer "
        "is not present, indicate so by sending payment_initiator=`MERCHANT`. For "
        'details, see <a href="https://developer.paypal.com/docs/api/orders/v2/'
        '#definition-card_stored_credential">Stored Credential</a>.'
    ),
    "RETURN_URL_REQUIRED": (
        "The return url is required when attempting to vault this source."
    ),
    "TOKEN_ID_NOT_FOUND": (
        "Specified token was not found. Verify the token and try the request again."
    ),
    "TRANSACTION_REFUSED": (
        "PayPal's internal controls prevent authorization from being captured."
    ),
    "UNSUPPORTED_INTENT": (
        "`intent=AUTHORIZE` is not supported for multiple purchase units. Only "
        "`intent=CAPTURE` is supported."
    ),
}
