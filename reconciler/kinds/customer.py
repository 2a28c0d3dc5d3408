"""Who pays: plain data that other documents name. Nothing acts on it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from reconciler.model import Change, Day, Money, Personal, Spec, To
from reconciler.model.resource import Resource

#: Checked for existence: a payment method waits for its customer, not the reverse.
_METHOD: Final = To("PaymentMethod", edge=False)


class Contacts(Spec):
    """
    Whom to write to; each is kept elsewhere, because git cannot forget.

    Attributes:
        billing: For invoices and failed payments.
        technical: For outages and changes.
        postal: The address that our invoices show, line by line.
        phone: For a short message about money, where mail does not arrive.
    """

    billing: Personal | None = None
    technical: Personal | None = None
    postal: Personal | None = None
    phone: Personal | None = None


class Consent(Spec):
    """
    What the customer agreed to be charged, and how that can be proven.

    Attributes:
        reference: Where the agreement is kept.
        date: When it was given.
        max: The most that one charge may be.
        backup: Whether it covers the backup payment methods too.
    """

    reference: str
    date: Day
    max: Money
    backup: bool = False


class CustomerPayment(Spec):
    """
    How the customer pays.

    Attributes:
        collect: ``auto``: charged when it is due; ``invoice``: pays by itself;
            ``none``: nothing is asked for.
        primary: The payment method that is charged.
        backup: Those that are tried after it, in this order.
    """

    collect: Literal["auto", "invoice", "none"] = "auto"
    primary: Annotated[str | None, _METHOD] = None
    backup: tuple[Annotated[str, _METHOD], ...] = ()
    consent: Consent | None = None

    @field_validator("backup")
    @classmethod
    def _each_once(
        cls, backup: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        if len(set(backup)) != len(backup):
            raise ValueError("the same payment method is named twice")
        if info.data.get("primary") in backup:
            raise ValueError("the primary payment method is no backup of itself")
        return backup


class CustomerSpec(Spec):
    """
    A customer's name, country and terms.

    Attributes:
        country: Two letters of ISO 3166-1.
        currency: Three letters of ISO 4217: what invoices are in.
        tax_ids: Numbers that invoices show.
        language: Of notices and invoices, as in ``en`` or ``nl-BE``.
        time_zone: Whose office hours notices keep, as in ``Europe/Amsterdam``.
        holds: Reasons why nothing is charged, suspended or deleted.
    """

    legal_name: Annotated[str, Field(min_length=1, max_length=200)]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["NL"])]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    tax_ids: tuple[str, ...] = ()
    contacts: Contacts = Contacts()
    language: Annotated[
        str, Field(pattern="^[a-z]{2,3}(-[A-Z]{2})?$", examples=["nl-BE"])
    ] = "en"
    time_zone: str | None = None
    payment: CustomerPayment = CustomerPayment()
    holds: tuple[Literal["dispute", "legal", "fraud-review"], ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                raise ValueError("write a time zone, as in Europe/Amsterdam") from None
        return value

    @field_validator("payment")
    @classmethod
    def _one_currency(
        cls, payment: CustomerPayment, info: ValidationInfo
    ) -> CustomerPayment:
        consent, currency = payment.consent, info.data.get("currency")
        if consent and currency and consent.max.currency != currency:
            raise ValueError(
                f"consent.max is {consent.max}, and invoices are in {currency}"
            )
        return payment


class Customer(Resource[Change]):
    """Somebody the agency works for; sites and subscriptions name it."""

    kind: ClassVar[str] = "Customer"
    spec: CustomerSpec


KIND = Customer
