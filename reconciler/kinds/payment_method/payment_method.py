"""
A payment method at a gateway: until when it is good, and whether it is the one used.

Nothing here can charge, attach or detach, and there is no field that could hold a card:
a gateway's token is all that is ever written (PCI DSS, SAQ A).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Literal, Self

from pydantic import JsonValue

from reconciler.kinds.payment_method.spec import REQUEST, PaymentMethodSpec
from reconciler.kinds.payment_method.state import (
    FAMILY,
    Owner,
    PaymentMethodState,
    SetDefault,
)
from reconciler.model import (
    Absent,
    Adoption,
    Beside,
    Due,
    FieldChange,
    Finding,
    Have,
    Left,
    Refuse,
    Severity,
    Share,
    Spec,
    State,
    duration_text,
)
from reconciler.model.resource import Resource

_ERROR = timedelta(days=14)
_CRITICAL = timedelta(days=7)
_PRIMARY: Final = "spec.payment.primary"
_LANGUAGE_LENGTHS = (2, 3)


class PaymentMethod(Resource[SetDefault]):
    """A stored card or account at a gateway; it pays for us, or for a customer."""

    kind: ClassVar[str] = "PaymentMethod"
    changes: ClassVar[tuple[type[SetDefault], ...]] = (SetDefault,)
    states: ClassVar[Mapping[str, type[State]]] = {FAMILY: PaymentMethodState}
    listed_by_name: ClassVar[bool] = False
    spec: PaymentMethodSpec

    @property
    def listed_as(self) -> str:
        """Return the token: gateways know no names."""
        return self.spec.token

    @property
    def share(self) -> Share:
        """The gateway's account."""
        return Share(self.spec.provider, FAMILY)

    def shares(self) -> tuple[Share, ...]:
        """Return the gateway's share; none while there is no token."""
        return () if self.spec.token == REQUEST else (self.share,)

    def funds(self) -> tuple[str, ...]:
        """Return the accounts that take their money from it."""
        refs = (one.ref for one in self.named_by)
        return tuple(ref.name for ref in refs if ref.kind == "Provider")

    @property
    def primary(self) -> bool:
        """Whether its own customer is charged by it."""
        return any(
            one.field == _PRIMARY and one.ref.name == self.spec.customer
            for one in self.named_by
        )

    def called(self, have: Have) -> str:
        """Return its brand and last digits, as its owner knows them."""
        state = self._state(have)
        brand = (state.brand or state.type).replace("_", " ") if state else ""
        end = f" ...{state.last4}" if state and state.last4 else ""
        return brand.capitalize() + end

    @property
    def used(self) -> bool:
        """Whether somebody pays with it: if it ends, something goes unpaid."""
        return self.primary or bool(self.funds())

    def _state(self, have: Have) -> PaymentMethodState | None:
        state = have.get(self.share)
        return state if isinstance(state, PaymentMethodState) else None

    def diff(self, have: Have, now: datetime) -> Iterator[SetDefault]:
        """Yield that it becomes the default of its customer, where it is primary."""
        state = self._state(have)
        if state is None or state.customer is None or not self.primary:
            return
        if not state.defaults or state.default == state.token:
            return
        if _ended(state, now) or self._foreign():
            return
        live = state.default or "none"
        yield SetDefault(
            share=self.share,
            fields=(
                FieldChange(field="default", before=state.default, after=state.token),
            ),
            because=f"{state.label} is primary, and the default is {live}",
            hold="changes which method is charged for a customer",
            details={"customer": state.customer},
        )

    def done(self, change: SetDefault, have: Have) -> bool | None:
        """Say whether it is the default now."""
        state = self._state(have)
        if state is None:
            return None
        return state.customer is not None and state.default == change.fields[0].after

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what keeps it from paying."""
        if self.spec.token == REQUEST:
            message = (
                "has no token yet: send the customer the gateway's hosted page, and "
                "write the id it gives here"
            )
            yield self._found("requested", Severity.WARNING, message, "spec.token")
        yield from self._foreign()
        if not self.named_by:
            message = "is used by nothing: no fundedBy and no payment names it"
            yield self._found("unused", Severity.INFO, message)
        match have.get(self.share):
            case Absent():
                message = f"is not at {self.spec.provider}"
                yield self._found("missing", self._loud(), message, "spec.token")
            case PaymentMethodState() as state:
                yield from self._live(state, now)
            case _:
                pass

    def _foreign(self) -> list[Finding]:
        """Return who names it that must not: nobody pays with what is not theirs."""
        found = []
        for one in self.named_by:
            wrong = None
            if one.ref.kind == "Provider" and self.spec.customer is not None:
                wrong = f"is Customer/{self.spec.customer}'s, and {one.ref} takes it"
            elif one.ref.kind == "Customer" and one.ref.name != self.spec.customer:
                whose = f"Customer/{self.spec.customer}'s"
                whose = whose if self.spec.customer else "our own"
                wrong = f"is {whose}, and {one.ref} names it"
            if wrong:
                found.append(
                    self._found("foreign", Severity.ERROR, wrong, "spec.customer")
                )
        return found

    def _live(self, state: PaymentMethodState, now: datetime) -> Iterator[Finding]:
        if state.customer is None:
            message = f"{state.label} is detached: it can never be charged again"
            yield self._found("detached", self._loud(), message, "spec.token")
        elif self.primary and state.defaults and state.default != state.token:
            other = state.default or "none"
            message = f"{state.label} is primary, but the gateway's default is {other}"
            yield self._found("not-default", Severity.WARNING, message, "spec.token")
        ends = state.ends
        if ends is None:
            return
        if ends <= now:
            message = f"{state.label} ended on {ends.date()}"
            where = "spec.token"
            yield self._found("expired", self._loud(), message, where, "end/over")
        elif reached := [w for w in self.spec.warn_at if ends - now <= w]:
            message = f"{state.label} ends on {ends.date()}, in {(ends - now).days} d"
            severity = self._soon(ends - now)
            lead = f"end/{duration_text(min(reached))}"
            yield self._found("expires", severity, message, "spec.warnAt", lead)

    def _soon(self, left: timedelta) -> Severity:
        if not self.used or left > _ERROR:
            return Severity.WARNING
        return Severity.CRITICAL if left <= _CRITICAL else Severity.ERROR

    def _loud(self) -> Severity:
        return Severity.CRITICAL if self.used else Severity.WARNING

    def _found(
        self,
        code: str,
        severity: Severity,
        message: str,
        field: str = "",
        lead: str = "",
    ) -> Finding:
        return self.found(f"payment-method-{code}", severity, message, field, lead)

    def due(self, have: Have, now: datetime) -> Iterator[Due]:
        """Yield its last day, and what it pays for."""
        state = self._state(have)
        if state is None or state.ends is None or state.ends <= now:
            return
        pays = [f"Provider/{name}" for name in self.funds()]
        pays += [f"Customer/{self.spec.customer}"] if self.primary else []
        what = f"{state.label} ends"
        what += f"; pays for {', '.join(pays)}" if pays else "; nothing uses it"
        by: Literal["you", "nobody"] = "you" if pays else "nobody"
        yield Due(state.ends, self.kind, self.name, what, by=by)

    def deadline(self, have: Have) -> datetime | None:
        """Return when it stops paying; None while nothing is paid with it."""
        state = self._state(have)
        return state.ends if state is not None and self.used else None

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether it ends within two weeks."""
        return deadline - now <= _ERROR

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Return *now*: it depends on who names it, which its digest does not tell."""
        del have
        return now

    @classmethod
    def provisional(cls, name: str, shares: Sequence[Share]) -> Self | None:
        """Return one that is only looked at; its name is the gateway's token."""
        if len(shares) != 1:
            held = " and ".join(share.provider for share in shares)
            raise ValueError(f"{held} both say that they have it")
        spec = PaymentMethodSpec(provider=shares[0].provider, token=name)
        return cls.model_validate({"metadata": {"name": name}, "spec": spec})

    @classmethod
    def adopted(cls, have: Have, usual: Spec, refuse: Refuse) -> Adoption:
        """Return the document of a live one and, with it, that of its customer."""
        del usual
        ((share, state),) = have.items()
        assert isinstance(state, PaymentMethodState)  # noqa: S101  (see the port)
        if state.customer is None:
            return Adoption(None, left=(Left("", "it is attached to no customer"),))
        note = f"{state.label}, of {state.customer}"
        if state.ends is not None:
            note += f"; ends on {state.ends.date()}"
        return Adoption(
            {
                "customer": state.customer,
                "provider": share.provider,
                "token": state.token,
            },
            (note,),
            beside=(_customer(state, refuse),),
        )


def _ended(state: PaymentMethodState, now: datetime) -> bool:
    return state.ends is not None and state.ends <= now


def _customer(state: PaymentMethodState, refuse: Refuse) -> Beside:
    """Return the document of who owns it: nothing in it can be charged."""
    owner = state.owner or Owner()
    spec: dict[str, JsonValue] = {}
    payment: dict[str, JsonValue] = {"collect": "none"}
    if state.default == state.token:
        payment["primary"] = state.token
    if owner.name and not refuse(owner.name):
        spec["legalName"] = owner.name
    if owner.country:
        spec["country"] = owner.country
    if owner.currency:
        spec["currency"] = owner.currency
    if owner.language and _plain(owner.language):
        spec["language"] = owner.language
    whole = {**spec, "payment": payment}
    return Beside("Customer", str(state.customer), "customer", whole)


def _plain(language: str) -> bool:
    return len(language) in _LANGUAGE_LENGTHS and language.isalpha()


def as_payment_methods(wants: Iterable[object]) -> tuple[PaymentMethod, ...]:
    """Return *wants* as the payment methods they are (a driver's first line)."""
    return tuple(want for want in wants if isinstance(want, PaymentMethod))
