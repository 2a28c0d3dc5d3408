"""
Amazon Route 53 Domains: registrations, their flags, delegation and renewal.

Source: the service's API reference (and botocore's model of it). What it has:

* ``RenewDomain`` takes no idempotency key, but ``CurrentExpiryYear`` must be that of
  the paid date, a second renewal while one is open is a ``DuplicateRequest``, and
  ``Consent.MaxPrice`` refuses a higher price. ``ListOperations`` shows what became of
  a request whose answer was lost: the verb is ``probe``.
* Changes are operations that end later. One that has not ended after some questions
  is *unknown* (Ambiguous, with its id), neither done nor failed: the next run asks.
* The listing lacks nameservers, privacy and status: ``GetDomainDetail``, once a day,
  and always when a renewal is due or the listing shows a change.
* The service answers in us-east-1 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    TooEarly,
    Transient,
    Unsupported,
)
from reconciler.kinds.domain import (
    AutoRenew,
    Delegate,
    Domain,
    DomainChange,
    Lock,
    Phase,
    Privacy,
    RegistrationState,
    Renew,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.kinds.domain.registration import opens
from reconciler.model import Account, Driver, Money, Observation, OpClass, Receipt
from reconciler.model.driver import Advice
from reconciler.providers import _registrar
from reconciler.providers._aws import CREDENTIALS, Aws, Calls, Refusal, pages
from reconciler.providers._detail import Details
from reconciler.providers._registrar import Pages, Row

_SERVICE: Final = "route53domains"
_PAGE: Final = 100
_PER_SECOND: Final = 5.0
_POLLS: Final = 10
_PAUSE: Final = 3.0
#: The clocks of two machines may differ by this much.
_SKEW: Final = timedelta(minutes=5)
_UNPRICED: Final = frozenset({"UnsupportedTLD", "TLDInMaintenance"})
_REDEMPTION: Final = frozenset({"redemptionperiod", "pendingrestore"})


class Route53Domains(Driver[Domain, DomainChange]):
    """The registrations of one AWS account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "privacy": OpClass.PROBE,
        "delegate": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS

    def __init__(self, account: Account) -> None:
        self._account = account
        self._aws = Aws(account, _PER_SECOND)
        self._details = Details(account, account.endpoint or _SERVICE)

    def __repr__(self) -> str:
        return f"Route53Domains({self._account.name})"

    def identity(self) -> str | None:
        """Return the number of the AWS account."""
        return self._aws.identity()

    def examine(self) -> Iterable[Advice]:
        """Say what is unwise about the keys."""
        return self._aws.examine()

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()

    # -- observe ---------------------------------------------------------------

    def observe(self, wants: Sequence[Domain]) -> Observation:
        """Report all *wants*: the listing, and once a day what it does not say."""
        domains = as_domains(wants)
        before = dict(self._aws.counts)
        try:
            listed = _registrar.complete("", self._page)
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(domains, listed, self._state)
        unmanaged = tuple(
            u._replace(provider=self._account.name) for u in seen.unmanaged
        )
        counts = {
            name: number - before.get(name, 0)
            for name, number in self._aws.counts.items()
            if number > before.get(name, 0)
        }
        return seen._replace(unmanaged=unmanaged, requests=counts)

    def _page(self, marker: str) -> Pages[str]:
        more = {"Marker": marker} if marker else {}
        said = self._ask("Domains", "list_domains", MaxItems=_PAGE, **more)
        rows = [
            Row(
                str(row["DomainName"]).lower(),
                {
                    "expires": row["Expiry"].astimezone(UTC).isoformat(),
                    "auto_renew": bool(row["AutoRenew"]),
                    "locked": bool(row["TransferLock"]),
                },
            )
            for row in said["Domains"]
        ]
        following = said.get("NextPageMarker") or None
        if following == marker:
            raise Rejected("the listing gave the same page twice")
        return Pages(rows, following)

    def _state(self, want: Domain, raw: Mapping[str, Any]) -> RegistrationState:
        now = self._account.clock()
        listed = RegistrationState(
            expires=datetime.fromisoformat(raw["expires"]),
            auto_renew=raw["auto_renew"],
            locked=raw["locked"],
        )
        start = opens(want.spec, listed)
        if start is not None and now >= start:
            self._details.forget("detail", want.name)
        detail = self._details.ask(
            "detail", want.name, dict(raw), lambda: self._detail(want.name)
        )
        assert isinstance(detail, dict)  # noqa: S101  (made by _detail alone)
        hosts, status = detail["nameservers"], detail["status"]
        assert isinstance(hosts, list)  # noqa: S101
        assert isinstance(status, list)  # noqa: S101
        privacy = detail["privacy"]
        return listed.model_copy(
            update={
                "nameservers": frozenset(map(str, hosts)),
                "privacy": privacy if isinstance(privacy, bool) else None,
                "phase": _phase(map(str, status), listed.expires, now),
                "renew_price": self._quote(want, listed.expires, now),
                "renew_from": _registrar.not_before(now, listed.expires, want.years()),
            }
        )

    def _detail(self, name: str) -> dict[str, Any]:
        said = self._ask("DomainName", "get_domain_detail", DomainName=name)
        kinds = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
        flags = {bool(said[kind]) for kind in kinds if kind in said}
        hosts = (str(host["Name"]) for host in said.get("Nameservers", ()))
        return {
            "nameservers": sorted(host.lower().rstrip(".") for host in hosts),
            "privacy": all(flags) if flags else None,
            "status": sorted(map(str, said.get("StatusList", ()))),
        }

    def _quote(self, want: Domain, expires: datetime, now: datetime) -> Money | None:
        """Return the price of the wanted term, asked once a day near the window."""
        if not want.renewal_near(expires, now):
            return None
        kept = self._details.ask("price", want.name, None, lambda: self._price(want))
        if not isinstance(kept, str) or not kept:
            return None
        return Money.model_validate(kept).times(want.years())

    def _price(self, want: Domain) -> str:
        """Return one year's price as money; empty where there is none."""
        try:
            said = self._ask("DomainPrice", "get_domain_prices", DomainName=want.name)
        except Refusal as refusal:
            if refusal.aws_code in _UNPRICED:
                return ""
            raise
        price = said["DomainPrice"].get("RenewalPrice")
        if not price:
            return ""
        amount = Decimal(str(price["Price"])).quantize(Decimal("0.01"))
        return f"{amount} {price['Currency']}"

    def _ask(self, expected: str, operation: str, **values: Any) -> dict[str, Any]:
        """Return an answer that has what is *expected*: botocore lets any JSON pass."""
        said = self._calls()(operation, **values)
        if expected not in said:
            raise Rejected(f"{operation}: the answer has no {expected}")
        return said

    def _calls(self) -> Calls:
        return self._aws.calls(_SERVICE)

    # -- apply -----------------------------------------------------------------

    def apply(self, want: Domain, change: DomainChange, key: str) -> Receipt:
        """Carry out one change; see ``Driver.apply``."""
        del key
        operation, values = _request(change)
        self._details.forget("detail", want.name)
        self._details.forget("price", want.name)
        calls = self._calls()
        try:
            said = calls(operation, DomainName=want.name, **values)
        except Refusal as refusal:
            raise _meaning(refusal) from None
        request_id = calls.request_id
        if isinstance(change, AutoRenew):
            return Receipt(reference=operation, request_id=request_id)
        if "OperationId" not in said:
            what = f"{operation}: the answer names no operation"
            raise Ambiguous(what, request_id=request_id)
        self._await(calls, str(said["OperationId"]), request_id)
        return Receipt(
            reference=str(said["OperationId"]),
            paid=change.cost if isinstance(change, Renew) else None,
            request_id=request_id,
            details={"status": "SUCCESSFUL"},
        )

    def _await(self, calls: Calls, operation: str, request_id: str | None) -> None:
        """Return when *operation* has ended well; raise Ambiguous if it has not yet."""
        for poll in range(_POLLS):
            if poll:
                self._account.sleep(_PAUSE)
            try:
                said = calls("get_operation_detail", OperationId=operation)
            except ProviderError:
                continue
            status = said.get("Status")
            if status == "SUCCESSFUL":
                return
            if status in {"FAILED", "ERROR"}:
                raise Rejected(
                    f"operation {operation} failed: {str(said.get('Message'))[:200]}",
                    request_id=request_id,
                )
        raise Ambiguous(
            f"operation {operation} has begun and has not ended yet",
            request_id=request_id,
        )

    def happened(
        self, want: Domain, change: DomainChange, key: str, since: datetime
    ) -> bool | None:
        """
        Say from the account's books what became of a lost *change*.

        A renewal is an operation that stays listed; everything else is read again.
        """
        del key
        if not isinstance(change, Renew):
            return self._shown(want, change, since)
        try:
            statuses = list(self._renewals(want.name, since - _SKEW))
        except ProviderError:
            return None
        if "SUCCESSFUL" in statuses:
            return True
        if any(status not in {"FAILED", "ERROR"} for status in statuses):
            return None
        settled = self._account.clock() - since >= self.settles
        return False if statuses or settled else None

    def _shown(
        self, want: Domain, change: DomainChange, since: datetime
    ) -> bool | None:
        self._details.forget("detail", want.name)
        state = self.observe([want]).states[want.name]
        if not isinstance(state, RegistrationState):
            return None
        if want.done(change, {change.share: state}):
            return True
        return False if self._account.clock() - since >= self.settles else None

    def _renewals(self, name: str, since: datetime) -> Iterator[str]:
        for page in pages(
            lambda **more: self._ask("Operations", "list_operations", **more),
            "Marker<NextPageMarker",
            SubmittedSince=since,
            Type=["RENEW_DOMAIN"],
            MaxItems=_PAGE,
        ):
            for operation in page["Operations"]:
                if str(operation.get("DomainName", "")).lower() == name:
                    yield str(operation.get("Status"))


def _request(change: DomainChange) -> tuple[str, dict[str, Any]]:
    """Return the operation and its values; the same change gives the same."""
    match change:
        case Renew():
            return "renew_domain", _renewal(change)
        case AutoRenew():
            on = "enable" if _registrar.flag(change) else "disable"
            return f"{on}_domain_auto_renew", {}
        case Lock():
            on = "enable" if _registrar.flag(change) else "disable"
            return f"{on}_domain_transfer_lock", {}
        case Privacy():
            kinds = ("AdminPrivacy", "RegistrantPrivacy", "TechPrivacy")
            values = dict.fromkeys(kinds, _registrar.flag(change))
            return "update_domain_contact_privacy", values
        case Delegate():
            hosts = [{"Name": host} for host in _registrar.hosts(change)]
            return "update_domain_nameservers", {"Nameservers": hosts}
        case _:
            raise Unsupported(f"Route 53 Domains cannot {change.verb} a domain")


def _renewal(change: Renew) -> dict[str, Any]:
    """Never without a ceiling: ``Consent`` is what makes AWS refuse a higher price."""
    if change.ceiling is None:
        raise Rejected("a renewal needs a ceiling: renewal.maxPrice")
    expires = datetime.fromisoformat(str(change.details["expires"])).astimezone(UTC)
    ceiling = change.ceiling
    return {
        "DurationInYears": change.years,
        "CurrentExpiryYear": expires.year,
        "Consent": {
            "MaxPrice": float(ceiling.amount),
            "Currency": ceiling.currency,
        },
    }


def _meaning(refusal: Refusal) -> ProviderError:
    """Return what a refusal means for the caller."""
    what, request_id = refusal.what, refusal.request_id
    match refusal.aws_code:
        case "DuplicateRequest":
            return Ambiguous(f"one is in progress: {what}", request_id=request_id)
        case "UnsupportedTLD":
            return Unsupported(what, request_id=request_id)
        case "TLDInMaintenance":
            return Transient(what, request_id=request_id)
        case "TLDRulesViolation" if "window" in what or "early" in what:
            return TooEarly(what, request_id=request_id)
    return refusal


def _phase(status: Iterator[str], expires: datetime, now: datetime) -> Phase:
    """Return the phase by the EPP status codes (RFC 3915), else by the date."""
    codes = {code.partition(" ")[0].lower() for code in status}
    if "pendingdelete" in codes and not codes & _REDEMPTION:
        return Phase.PENDING_DELETE
    if codes & _REDEMPTION:
        return Phase.REDEMPTION
    return _registrar.phase_by_date(expires, now)


DRIVER = Route53Domains
