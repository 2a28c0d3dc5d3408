"""
What a renewal at Porkbun would cost, and whether its API sells it at all.

``checkDomain`` answers once in ten seconds and account, ``pricing/get`` at once and
for all TLDs. So the price is the TLD's, read anew whenever a wanted name is near its
renewal; and each look checks one near name, the next to expire that was not checked
in the last weeks, for being premium or sold for several years only. Neither can
lead to a wrong payment: the vendor refuses every price but its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import JsonValue

from reconciler.errors import ProviderError
from reconciler.kinds.domain import Domain
from reconciler.model import Money
from reconciler.providers._detail import Details
from reconciler.providers._http import Http
from reconciler.providers._porkbun_words import mapping, on
from reconciler.providers._registrar import dollars, utc

_CHECK: Final = "check"
_CHECKED_FOR: Final = timedelta(days=30)


class Quotes:
    """The quotes of one look at one account."""

    def __init__(self, http: Http, details: Details) -> None:
        self._http = http
        self._details = details
        self._prices: Mapping[str, JsonValue] = {}
        self._failed: ProviderError | None = None

    def prepare(
        self,
        wants: Sequence[Domain],
        listed: Mapping[str, Mapping[str, Any]],
        now: datetime,
    ) -> None:
        """Read what will be needed for *wants*; must not raise ProviderError."""
        expiries = {
            want.name: expires
            for want in wants
            if (expires := _expiry(listed.get(want.name))) is not None
        }
        near = [
            want
            for want in wants
            if want.name in expiries and want.renewal_near(expiries[want.name], now)
        ]
        endings = sorted({end for name in expiries for end in _endings(name)})
        try:
            self._prices = self._table(endings, fresh=bool(near))
        except ProviderError as error:
            self._failed = error
        self._check_one(sorted(near, key=lambda want: expiries[want.name]))

    def of(self, want: Domain, expires: datetime, now: datetime) -> Money | None:
        """
        Return the price of one renewal of the wanted term, if it can be had.

        Raises:
            ProviderError: It is needed now, and could not be read.
        """
        if self._failed and want.renewal_near(expires, now):
            raise self._failed
        if not self.allowed(want):
            return None
        for ending in _endings(want.name):
            if price := self._prices.get(ending):
                return dollars(str(price)).times(want.years())
        return None

    def allowed(self, want: Domain) -> bool:
        """Whether the API sells this very renewal, as far as it is known."""
        said = self._details.kept(_CHECK, want.name, "")
        known = said if isinstance(said, dict) else {}
        return not known.get("premium") and want.years() == known.get("years", 1)

    def _table(self, endings: list[str], *, fresh: bool) -> Mapping[str, JsonValue]:
        def read() -> JsonValue:
            reply = self._http.call(
                "POST", "/pricing/get", operation="pricing", effect=False
            )
            table = mapping(mapping(reply.data).get("pricing"))
            return {e: table[e]["renewal"] for e in endings if e in table}

        if not endings:
            return {}
        if fresh:
            self._details.forget("pricing", "*")
        return mapping(self._details.ask("pricing", "*", list(endings), read))

    def _check_one(self, near: Sequence[Domain]) -> None:
        for want in near:
            if self._details.kept(_CHECK, want.name, "") is None:
                try:
                    self._check(want.name)
                except ProviderError:
                    return  # it is asked again next time, and the price guards
                return

    def _check(self, name: str) -> None:
        def read() -> JsonValue:
            reply = self._http.call(
                "POST",
                f"/domain/checkDomain/{name}",
                operation="checkDomain",
                effect=False,
            )
            said = mapping(mapping(reply.data).get("response"))
            years = int(said.get("minDuration") or 1)
            return {"premium": on(said.get("premium")), "years": years}

        self._details.ask(_CHECK, name, "", read, _CHECKED_FOR)


def _expiry(raw: Mapping[str, Any] | None) -> datetime | None:
    """Return a line's paid date; one that cannot be read is not asked about."""
    try:
        return utc(str((raw or {}).get("expireDate", "")))
    except ValueError:
        return None


def _endings(name: str) -> list[str]:
    """Return every ending of *name* that could be a TLD, the longest first."""
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels))]
