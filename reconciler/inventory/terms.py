"""
On which terms a Subscription is paid, from everything that decides about it. Pure.

A subscription names its customer, what it covers and its policies; what that comes to
stands in those. It is put into the subscription while the inventory is read, as the
names of packages are put into accounts: a changed price, payment method or consent
changes the subscriptions that follow it, and their plan can be reviewed.

Nobody pays with what is not theirs: a payment method of somebody else, or one for
other purposes, is an error and never part of the terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, NamedTuple, TypeVar

from reconciler.inventory.node import Path
from reconciler.inventory.sentences import Said
from reconciler.inventory.shared import (
    ACCOUNT,
    DUNNING,
    INVOICING,
    METHOD,
    PAYER,
    PLAN,
    SERVER,
    SUBSCRIPTION,
    Shared,
    SpecT,
)
from reconciler.kinds.customer import CustomerPayment, CustomerSpec
from reconciler.kinds.hosting_plan import HostingPlanSpec
from reconciler.kinds.payment_method import REQUEST, PaymentMethodSpec
from reconciler.kinds.subscription import Subscription, SubscriptionSpec
from reconciler.model import AnyResource, Period, Price, Ref
from reconciler.model.terms import (
    ATTEMPTS,
    STANDARD,
    Agreed,
    Dunning,
    Invoicing,
    Method,
    Terms,
)

#: The field that is filled in, and that nobody writes.
TERMS: Final = "terms"
_MONTHS: Final = {"month": 1, "year": 12}
_OURS: Final = "reconciler"

Find = Callable[[Ref], Shared | None]
T = TypeVar("T")


class Elsewhere(NamedTuple):
    """Something wrong in what a subscription is made from."""

    of: Shared
    said: Said


class Settled(NamedTuple):
    """
    The terms, what they were made from, and what is wrong with them.

    Attributes:
        terms: As the model takes them; None where they could not be made.
        used: The address of each document, with its digest; empty for one that may be
            there and is not.
        whole: Whether everything that is named is there; what is not is refused as a
            reference, and as a document.
    """

    terms: dict[str, Any] | None = None
    used: tuple[tuple[str, str], ...] = ()
    said: tuple[Said, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    whole: bool = True


class _NotThere(Exception):
    """Something is named that is not there, or is not valid."""


def settled(want: AnyResource | None, find: Find) -> Settled:
    """Return the terms of *want*; nothing for other kinds."""
    if not isinstance(want, Subscription):
        return Settled()
    deal = _Deal(want.spec, find)
    terms = deal.terms()
    dumped = None
    if terms is not None:
        dumped = terms.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    used = tuple(sorted(deal.used.items()))
    said, elsewhere = tuple(deal.said), tuple(deal.elsewhere)
    return Settled(dumped, used, said, elsewhere, deal.whole)


class _Payer(NamedTuple):
    """The Customer: its document, and what that says."""

    document: Shared
    says: CustomerSpec


class _Usual(NamedTuple, Generic[SpecT]):
    """The policy that needs no document."""

    kind: str
    name: str
    says: SpecT


_INVOICING: Final = _Usual(INVOICING, "default", Invoicing())
_DUNNING: Final = _Usual(DUNNING, "standard", STANDARD)


class _Deal:
    """What one subscription comes to, and what stands in the way."""

    def __init__(self, want: SubscriptionSpec, find: Find) -> None:
        self.want = want
        self.used: dict[str, str] = {}
        self.said: list[Said] = []
        self.elsewhere: list[Elsewhere] = []
        self.whole = True
        self._find = find

    def terms(self) -> Terms | None:
        """Return the terms, as far as everything is there that they are made from."""
        want = self.want
        price = want.price or self._tried(self._price_of_the_plan)
        payer = self._tried(lambda: self._payer(want.customer))
        invoicing = self._tried(lambda: self._policy(_INVOICING, want.invoicing))
        dunning = self._tried(lambda: self._policy(_DUNNING, want.dunning))
        if payer is None or invoicing is None or dunning is None:
            return None
        methods = self._tried(lambda: list(self._methods(payer)))
        if want.state != "terminated":
            self._collectible(payer, invoicing, dunning)
        if price is None or methods is None:
            return None
        customer = payer.says
        self._currencies(price, customer, invoicing)
        term = want.term or Period(months=_MONTHS[price.per])
        consent = customer.payment.consent
        return Terms(
            price=price.over(term.months),
            term=term,
            customer=want.customer,
            country=customer.country,
            currency=customer.currency,
            language=customer.language,
            time_zone=customer.time_zone or "UTC",
            collect=customer.payment.collect,
            methods=tuple(methods),
            agreed=Agreed(**dict(consent)) if consent else None,
            holds=customer.holds,
            invoicing=invoicing,
            dunning=dunning,
        )

    def _tried(self, make: Callable[[], T]) -> T | None:
        """Return what can be made; what is missing is refused where it is named."""
        try:
            return make()
        except _NotThere:
            self.whole = False
            return None

    # -- what it is made from ----------------------------------------------------

    def _found(self, kind: str, name: str) -> Shared:
        found = self._find(Ref(kind, name))
        if found is None:
            raise _NotThere
        self.used[str(found.ref)] = found.digest
        return found

    def _read(self, shared: Shared, model: type[SpecT]) -> SpecT:
        found = shared.read(model)
        if found is None:
            raise _NotThere
        return found

    def _payer(self, name: str) -> _Payer:
        found = self._found(PAYER, name)
        return _Payer(found, self._read(found, CustomerSpec))

    def _policy(self, usual: _Usual[SpecT], name: str) -> SpecT:
        if name == usual.name and self._find(Ref(usual.kind, name)) is None:
            self.used[f"{usual.kind}/{name}"] = ""
            return usual.says
        return self._read(self._found(usual.kind, name), type(usual.says))

    def _price_of_the_plan(self) -> Price | None:
        """Return what the plan of the one covered account costs."""
        named = [each.partition("/") for each in self.want.covers]
        accounts = [name for kind, _, name in named if kind == ACCOUNT]
        if len(accounts) != 1:
            many = f"covers {len(accounts)} accounts" if accounts else "covers none"
            self._unpriced(f"the plan of an account gives it, and this {many}")
            return None
        account = self._found(ACCOUNT, accounts[0])
        plan = account.spec.get("plan")
        if isinstance(plan, dict):
            self._unpriced(f"{account.ref} may be on several plans")
            return None
        if not isinstance(plan, str):
            raise _NotThere
        return self._read(self._found(PLAN, plan), HostingPlanSpec).price

    def _unpriced(self, why: str) -> None:
        hint = "add price: an amount, a currency and an interval, as in 9.00 EUR/month"
        what = f"there is no price: {why}"
        self.said.append(Said("E143", ("spec", "price"), what, hint))

    def _methods(self, payer: _Payer) -> Iterator[Method]:
        """Yield what the customer may be charged by, the primary first."""
        payment = payer.says.payment
        places: list[tuple[str | None, Path]] = [
            (payment.primary, ("spec", "payment", "primary")),
            *(
                (name, ("spec", "payment", "backup", number))
                for number, name in enumerate(payment.backup)
            ),
        ]
        for name, path in places:
            if name is None:
                continue
            method = self._read(self._found(METHOD, name), PaymentMethodSpec)
            if wrong := _unfit(name, method, self.want.customer):
                said = Said("E145", path, *wrong)
                self.elsewhere.append(Elsewhere(payer.document, said))
            elif method.token != REQUEST:
                yield Method(name=name, provider=method.provider, token=method.token)

    # -- what stands in the way --------------------------------------------------

    def _currencies(
        self, price: Price, customer: CustomerSpec, invoicing: Invoicing
    ) -> None:
        pays = f"Customer/{self.want.customer} pays in {customer.currency}"
        if price.money.currency != customer.currency:
            what = f"{price} is the price, and {pays}"
            hint = f"write a price in {customer.currency}"
            self.said.append(Said("E144", ("spec", "price"), what, hint))
        most = invoicing.max_charge
        if most is not None and most.currency != customer.currency:
            policy = f"{INVOICING}/{self.want.invoicing}"
            what = f"maxCharge of {policy} is {most}, and {pays}"
            hint = f"name a policy with a maxCharge in {customer.currency}"
            self.said.append(Said("E144", ("spec", "invoicing"), what, hint))

    def _collectible(
        self, payer: _Payer, invoicing: Invoicing, dunning: Dunning
    ) -> None:
        payment = payer.says.payment
        if payment.collect == "none":
            return
        ours = invoicing.collector == _OURS
        if payment.collect == "auto":
            lacks = [] if payment.primary else ["a primary payment method"]
            if ours and payment.consent is None:
                lacks.append("a consent")
            if lacks:
                what = f"collect: auto needs {' and '.join(lacks)}"
                hint = "add what is missing, or collect: invoice for who pays by itself"
                said = Said("E145", ("spec", "payment"), what, hint)
                self.elsewhere.append(Elsewhere(payer.document, said))
        if not ours:
            self._one_engine(invoicing.collector, dunning)
            self._tried(lambda: self._at_its_vendor(invoicing.collector, payment))

    def _one_engine(self, collector: str, dunning: Dunning) -> None:
        """Two engines that try by themselves are how somebody pays twice."""
        does = {deed for step in dunning.steps for deed in step.do}
        both = [deed for deed in ATTEMPTS if deed in does]
        if both:
            name = f"{DUNNING}/{self.want.dunning}"
            what = f"{name} has {' and '.join(both)}, and {collector} tries by itself"
            hint = f"name a {DUNNING} whose steps have none of {', '.join(ATTEMPTS)}"
            self.said.append(Said("E147", ("spec", "dunning"), what, hint))

    def _at_its_vendor(self, collector: str, payment: CustomerPayment) -> None:
        vendor = collector.partition("-")[0]
        wrong = f"Customer/{self.want.customer} has no primary payment method"
        if payment.primary is not None:
            found = self._found(METHOD, payment.primary)
            method = self._read(found, PaymentMethodSpec)
            server = self._found(SERVER, method.provider)
            if server.spec.get("type") == vendor:
                return
            wrong = f"{found.ref} is at {server.ref} ({server.spec.get('type')})"
        what = f"{collector} collects at {vendor} alone, and {wrong}"
        hint = f"name a policy with another collector, or a primary method at {vendor}"
        self.said.append(Said("E147", ("spec", "invoicing"), what, hint))


def _unfit(
    name: str, method: PaymentMethodSpec, customer: str
) -> tuple[str, str] | None:
    """Say why *customer* is not charged by *method*, and how to mend it."""
    if method.customer != customer:
        whose = f"Customer/{method.customer}'s" if method.customer else "our own"
        what = f"{METHOD}/{name} is {whose}: nobody pays with what is not theirs"
        return what, f"name a method whose customer is {customer}"
    if "renewal" not in method.purposes:
        what = f"{METHOD}/{name} is for {' and '.join(method.purposes)} alone"
        return what, f"add renewal to purposes of {METHOD}/{name}"
    return None


def without_terms(kind: str, spec: Any) -> tuple[Any, tuple[Said, ...]]:
    """Return *spec* without what nobody writes, and the complaint about it."""
    if kind != SUBSCRIPTION or not isinstance(spec, dict) or TERMS not in spec:
        return spec, ()
    what = "is not written: customer, plan and policies say it"
    by_hand = Said("E120", ("spec", TERMS), what, "remove it")
    return {key: value for key, value in spec.items() if key != TERMS}, (by_hand,)
