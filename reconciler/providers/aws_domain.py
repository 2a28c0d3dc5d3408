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
* DS records are made from keys, and a vendor's digest of them; glue is a part of the
  delegation. What leaves the account, or has left it: ``_aws_departures``. A transfer
  to another AWS account can be cancelled; no call refuses one to another registrar.
* The service answers in us-east-1 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.domain import (
    AutoRenew,
    BlockTransfer,
    Delegate,
    Dnssec,
    Domain,
    DomainChange,
    Glue,
    Phase,
    RegistrationState,
    Restore,
)
from reconciler.kinds.domain.domain import as_domains
from reconciler.kinds.domain.registration import opens
from reconciler.model import (
    Absent,
    Account,
    Driver,
    Money,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Risk,
)
from reconciler.model.driver import Advice
from reconciler.providers import (
    _aws_departures,
    _aws_detail,
    _delegation,
    _registrar,
)
from reconciler.providers._aws import CREDENTIALS, Aws, Calls, Refusal, pages
from reconciler.providers._aws_departures import Departure
from reconciler.providers._aws_request import meaning, request
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


class Route53Domains(Driver[Domain, DomainChange]):
    """The registrations of one AWS account."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "renew": OpClass.PROBE,
        "auto-renew": OpClass.PROBE,
        "lock": OpClass.PROBE,
        "privacy": OpClass.PROBE,
        "delegate": OpClass.PROBE,
        "ds": OpClass.PROBE,
        "glue": OpClass.PROBE,
        "restore": OpClass.PROBE,
        "block-transfer": OpClass.PROBE,
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
            left = self._departures(sorted({d.name for d in domains} - listed.keys()))
        except ProviderError as error:
            seen = _registrar.all_unknown(domains, error)
        else:
            seen = _registrar.observation(
                domains, listed, lambda want, raw: self._state(want, raw, left)
            )
            states = {d.name: self._left(d, seen.states[d.name], left) for d in domains}
            seen = seen._replace(states=states)
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

    def _departures(self, missing: Sequence[str]) -> Mapping[str, Departure]:
        now = self._account.clock()
        return _aws_departures.departures(self._details, self._ask, missing, now)

    def _left(
        self, want: Domain, state: Observed, left: Mapping[str, Departure]
    ) -> Observed:
        """Return what became of a name that is no longer listed, where it is known."""
        gone = left.get(want.name)
        phase = gone.phase(self._account.clock()) if gone else None
        if gone is None or phase is None or not isinstance(state, Absent):
            return state
        price: Money | None = None
        if phase is Phase.REDEMPTION and want.spec.renewal.restore == "approve":
            try:
                price = self._money(want, "RestorationPrice")
            except ProviderError as error:
                return _registrar.unknown(error)
        return RegistrationState(
            expires=gone.at, phase=phase, renewable=False, restore_price=price
        )

    def _state(
        self,
        want: Domain,
        raw: Mapping[str, Any],
        left: Mapping[str, Departure],
    ) -> RegistrationState:
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
        leaving = left.get(want.name)
        return listed.model_copy(
            update={
                **_aws_detail.seen(want, detail, listed.expires, now),
                "transfer": leaving.transfer if leaving else None,
                "renew_price": self._quote(want, listed.expires, now),
                "renew_from": _registrar.not_before(now, listed.expires, want.years()),
            }
        )

    def _detail(self, name: str) -> dict[str, Any]:
        said = self._ask("DomainName", "get_domain_detail", DomainName=name)
        return _aws_detail.kept(said)

    def _quote(self, want: Domain, expires: datetime, now: datetime) -> Money | None:
        """Return the price of the wanted term, asked once a day near the window."""
        if not want.renewal_near(expires, now):
            return None
        price = self._money(want, "RenewalPrice")
        return price.times(want.years()) if price else None

    def _money(self, want: Domain, which: str) -> Money | None:
        """Return one of the prices of a name, asked once a day."""
        kept = self._details.ask(
            "price", want.name, which, lambda: self._price(want, which)
        )
        return Money.model_validate(kept) if isinstance(kept, str) and kept else None

    def _price(self, want: Domain, which: str) -> str:
        """Return a price as money; empty where there is none."""
        try:
            said = self._ask("DomainPrice", "get_domain_prices", DomainName=want.name)
        except Refusal as refusal:
            if refusal.aws_code in _UNPRICED:
                return ""
            raise
        price = said["DomainPrice"].get(which)
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
        self._details.forget("detail", want.name)
        self._details.forget("price", want.name)
        _aws_departures.forget(self._details)
        if isinstance(change, Dnssec):
            return self._apply_ds(want, change)
        live = self._live_hosts(want, change)
        return self._do(want, change, *request(want, change, live))

    def _live_hosts(
        self, want: Domain, change: DomainChange
    ) -> Mapping[str, tuple[str, ...]]:
        """Return the delegation that is there, with its glue, where it is needed."""
        if not isinstance(change, Delegate | Glue):
            return {}
        detail = self._detail(want.name)
        if isinstance(change, Delegate):
            _delegation.guard(change, _delegation.texts(detail["ds"]))
        glue = _delegation.hosts_of(detail["glue"])
        return {host: glue.get(host, ()) for host in detail["nameservers"]}

    def _do(
        self, want: Domain, change: DomainChange, operation: str, values: dict[str, Any]
    ) -> Receipt:
        calls = self._calls()
        try:
            said = calls(operation, DomainName=want.name, **values)
        except Refusal as refusal:
            raise meaning(refusal) from None
        request_id = calls.request_id
        if isinstance(change, AutoRenew | BlockTransfer):
            return Receipt(reference=operation, request_id=request_id)
        if "OperationId" not in said:
            what = f"{operation}: the answer names no operation"
            raise Ambiguous(what, request_id=request_id)
        self._await(calls, str(said["OperationId"]), request_id)
        return Receipt(
            reference=str(said["OperationId"]),
            paid=change.cost if change.risk is Risk.MONEY else None,
            request_id=request_id,
            details={"status": "SUCCESSFUL"},
        )

    def _apply_ds(self, want: Domain, change: Dnssec) -> Receipt:
        """Add what is missing, then remove what is too many, one operation each."""
        said = self._ask("DomainName", "get_domain_detail", DomainName=want.name)
        steps = _aws_detail.ds_steps(change, said)
        done = _delegation.in_turn(
            partial(self._do, want, change, operation, values)
            for operation, values in steps
        )
        return done[-1] if done else Receipt(reference=f"ds/{want.name}")

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

        What costs money is an operation that stays listed; all else is read again.
        """
        del key
        if change.risk is not Risk.MONEY:
            return self._shown(want, change, since)
        kind = "RESTORE_DOMAIN" if isinstance(change, Restore) else "RENEW_DOMAIN"
        try:
            statuses = list(self._begun(kind, want.name, since - _SKEW))
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
        _aws_departures.forget(self._details)
        state = self.observe([want]).states[want.name]
        if not isinstance(state, RegistrationState):
            return None
        if want.done(change, {change.share: state}):
            return True
        return False if self._account.clock() - since >= self.settles else None

    def _begun(self, kind: str, name: str, since: datetime) -> Iterator[str]:
        for page in pages(
            lambda **more: self._ask("Operations", "list_operations", **more),
            "Marker<NextPageMarker",
            SubmittedSince=since,
            Type=[kind],
            MaxItems=_PAGE,
        ):
            for operation in page["Operations"]:
                if str(operation.get("DomainName", "")).lower() == name:
                    yield str(operation.get("Status"))


DRIVER = Route53Domains
