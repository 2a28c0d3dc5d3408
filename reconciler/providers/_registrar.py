"""What all registrars have in common, whatever their wire format is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Generic, NamedTuple, TypeVar

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Domain,
    Lock,
    Phase,
    Privacy,
    RegistrationState,
    Renew,
    Restore,
)
from reconciler.model import (
    Absent,
    Change,
    Money,
    Observation,
    Observed,
    Period,
    Unknown,
    Unmanaged,
)

#: A gTLD may be renewed for 45 days after it expired at the longest (ICANN's
#: auto-renew grace period); after that it is in redemption or gone.
GRACE: Final = timedelta(days=45)
#: No registration may run for more than ten years (ICANN registry agreements).
LONGEST: Final = Period(months=120)

#: An order that was begun may be carried out, and charged, this much later (a registry
#: in maintenance, a payment that is looked at): sooner, no book proves that it is not.
CHARGED_BY: Final = timedelta(days=1)


class Row(NamedTuple):
    """
    One line of a registrar's listing.

    Attributes:
        raw: The line as the vendor sent it.
    """

    name: str
    raw: Mapping[str, Any]


PageT = TypeVar("PageT")


class Pages(NamedTuple, Generic[PageT]):
    """One page of a listing and how to ask for the next; None is *that was all*."""

    rows: Sequence[Row]
    following: PageT | None
    total: int | None = None


def complete(
    first: PageT, page: Callable[[PageT], Pages[PageT]]
) -> Mapping[str, Mapping[str, Any]]:
    """
    Return every line of a listing by name, or raise: half a listing proves nothing.

    Raises:
        ProviderError: A page could not be read, or the pages do not fit together
            (a name twice, another number than announced).
    """
    found: dict[str, Mapping[str, Any]] = {}
    at: PageT | None = first
    total: int | None = None
    while at is not None:
        rows, at, announced = page(at)
        for row in rows:
            if row.name in found:
                raise Rejected(f"the listing names {row.name} twice: it proves nothing")
            found[row.name] = row.raw
        total = announced if announced is not None else total
    if total is not None and total != len(found):
        raise Rejected(
            f"the listing has {len(found)} of {total} announced domains: "
            "it proves nothing"
        )
    return found


def observation(
    wants: Sequence[Domain],
    listed: Mapping[str, Mapping[str, Any]],
    state: Callable[[Domain, Mapping[str, Any]], RegistrationState],
) -> Observation:
    """Return what a complete listing says, asking *state* about each want in it."""
    states: dict[str, Observed] = {}
    provider = next((want.spec.provider for want in wants), "")
    for want in wants:
        raw = listed.get(want.name)
        states[want.name] = Absent() if raw is None else _one(want, raw, state)
    return Observation(
        states,
        tuple(
            Unmanaged(Domain.kind, name, provider)
            for name in sorted(listed.keys() - states.keys())
        ),
    )


def _one(
    want: Domain,
    raw: Mapping[str, Any],
    state: Callable[[Domain, Mapping[str, Any]], RegistrationState],
) -> Observed:
    try:
        return state(want, raw)
    except ProviderError as error:
        return unknown(error)
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        what = f"its line in the listing cannot be read: {type(error).__name__}"
        return Unknown(why=what)


def unknown(error: ProviderError) -> Unknown:
    """Return what a failed read proves: nothing."""
    return Unknown(why=error.what, request_id=error.request_id)


def all_unknown(wants: Iterable[Domain], error: ProviderError) -> Observation:
    """Return the observation of an account whose listing failed."""
    return Observation({want.name: unknown(error) for want in wants})


def utc(text: str) -> datetime:
    """Return a vendor's time; one without an offset is in UTC."""
    when = datetime.fromisoformat(text)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)


def phase_by_date(expires: datetime, now: datetime) -> Phase:
    """Return the phase where the vendor says nothing but the paid date."""
    if now < expires:
        return Phase.ACTIVE
    return Phase.GRACE if now < expires + GRACE else Phase.REDEMPTION


def not_before(
    now: datetime, expires: datetime, years: int, *others: datetime
) -> datetime | None:
    """Return when a renewal by *years* is first possible; None is *already*."""
    ten = Period(months=12 * years).after(expires) - (LONGEST.after(expires) - expires)
    start = max((ten, *others))
    return start if start > now else None


def known(read: Callable[[], Money]) -> Money | None:
    """Return what *read* returns, or None where it cannot: nothing hangs on it."""
    try:
        return read()
    except (ProviderError, ValueError, KeyError, TypeError):
        return None


def dollars(text: str | float | Decimal) -> Money:
    """Return an amount of US dollars; raise ValueError if it is none."""
    try:
        amount = Decimal(str(text).replace(",", "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount") from None
    return Money(amount=amount, currency="USD")


def guard(change: Renew | Restore, live: datetime) -> None:
    """
    Refuse to pay unless the paid date is still the one it was planned from.

    Raises:
        Rejected: Somebody has paid meanwhile; nothing was sent.
    """
    planned = change.details["expires"]
    if not isinstance(planned, str) or utc(planned).date() != live.date():
        raise Rejected(
            f"the expiry moved: planned from {str(planned)[:10]}, "
            f"now {live.date().isoformat()}",
            hint="plan again",
        )


def price(change: Renew | Restore, currency: str = "USD") -> Money:
    """Return what a purchase was planned to cost; raise Rejected if in another."""
    if change.cost is None or change.cost.currency != currency:
        raise Rejected(
            f"to {change.verb} needs the price in {currency} it was planned with"
        )
    return change.cost


def quoted(change: Renew | Restore, quote: Money | None) -> Money:
    """
    Return the price that is asked for now, for vendors who do not guard it themselves.

    Raises:
        Rejected: There is none, or it is more than was planned; nothing was sent.
    """
    if quote is None:
        raise Rejected(f"the vendor gives no price to {change.verb} it any more")
    planned = price(change, quote.currency)
    if not quote <= planned:
        raise Rejected(
            f"the price moved: planned with {planned}, now {quote}", hint="plan again"
        )
    return quote


def flag(change: Change) -> bool:
    """Return what a change of one flag wants."""
    assert isinstance(change, AutoRenew | Lock | Privacy)  # noqa: S101
    return change.fields[0].after is True


def hosts(change: Delegate) -> list[str]:
    """Return the nameservers a delegation wants, in one order."""
    after = change.fields[0].after
    assert isinstance(after, tuple)  # noqa: S101  (made in the kind alone)
    return sorted(after)


def paid(said: Any, planned: Money) -> Money:
    """Return what a vendor says was paid; what was planned if it cannot be read."""
    try:
        return planned if said is None else dollars(said)
    except ValueError:
        return planned
