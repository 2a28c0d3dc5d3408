"""
Stripe's API: how it is asked, and what its answers mean; shared by its drivers.

Source: docs.stripe.com/api (errors, idempotent requests, versioning, pagination), the
published fixtures (``stripe/openapi``) and the official SDK's types.

* A restricted key (``rk_``) is enough, and wanted: read for customers and payment
  methods; write for customers only where a default is to be set. The version of the API
  is pinned to the SDK's, so that an answer never changes its form by itself.
* Reads are plain requests: the SDK's objects cost ten times what the JSON costs, and
  listings are long. What has an effect goes through the SDK, whose types and encoding
  are the vendor's own, over the same connection and with *no retries of its own*.
* A refusal of money is a 402 with the bank's reason: ``Declined``; see
  ``_stripe_declines``.
* A key is remembered for 24 hours at least, with the answer (a 500, too). The same key
  with other parameters is a 400 ``idempotency_error``; one that is in use is a 409, and
  nobody knows yet: Ambiguous.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._stripe_declines import declined

if TYPE_CHECKING:
    from stripe import StripeClient

BASE: Final = "https://api.stripe.com"
#: What the installed SDK speaks; a test holds the two together.
VERSION: Final = "2026-10-28.endive"
PAGE: Final = 100
#: Documented: 100 a second in live mode, 25 in a sandbox of theirs, for everything.
_LIMITS: Final = {"requestsPerSecond": 20.0}
_CONFLICT: Final = 409
_MISSING: Final = 404
_FORBIDDEN: Final = 403
_NOT_PAID: Final = 402


class NotThere(Rejected):
    """The account has nothing of that id (``resource_missing``)."""


class Forbidden(Rejected):
    """The key is good, and may not do that."""


def _error(data: Any) -> Mapping[str, Any]:
    error = data.get("error") if isinstance(data, dict) else None
    return error if isinstance(error, dict) else {}


def _said(data: Any) -> str:
    error = _error(data)
    code = error.get("code") or error.get("type") or ""
    return f"{code} {error.get('message') or ''}".strip()


def _refused(reply: Reply, text: str) -> ProviderError | None:
    code, number = _error(reply.data).get("code"), reply.request_id
    if reply.status == _CONFLICT:
        return Ambiguous(text, request_id=number)
    if reply.status == _NOT_PAID:
        return declined(_error(reply.data), text, number)
    if reply.status == _MISSING and code == "resource_missing":
        return NotThere(text, request_id=number)
    if reply.status == _FORBIDDEN:
        return Forbidden(text, request_id=number)
    if reply.status >= 400:  # noqa: PLR2004  (every other refusal)
        return Rejected(text, request_id=number)
    return None


WORDS: Final = Words(_said, _refused)


class Stripe:
    """One account's way to Stripe."""

    def __init__(self, account: Account) -> None:
        self._key = account.secrets["key"]
        self.http = Http(
            account,
            BASE,
            WORDS,
            headers={
                "Authorization": f"Bearer {self._key}",
                "Stripe-Version": VERSION,
            },
            limits=_LIMITS,
        )

    def identity(self) -> str | None:
        """Return the account's id; None where the key may not ask."""
        try:
            return str(self.get("account", "/v1/account")["id"])
        except Forbidden:
            return None

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Return one object; raises NotThere, Forbidden and what ``Http.call`` does."""
        reply = self.http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    def each(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """
        Yield a whole list, page by page.

        Raises:
            Rejected: It is none, or a page brings something a second time, so that
                nobody knows what is missing.
        """
        after: dict[str, str | int] = {}
        seen: set[str] = set()
        while True:
            asked = {"limit": PAGE, **(params or {}), **after}
            data = self.get(operation, path, asked)
            found = rows(data.get("data"), operation)
            for row in found:
                if str(row["id"]) in seen:
                    raise Rejected(f"{operation}: the list has {row['id']} twice")
                seen.add(str(row["id"]))
                yield row
            if not data.get("has_more"):
                return
            if not found:
                raise Rejected(f"{operation}: a page that is not the last is empty")
            after = {"starting_after": str(found[-1]["id"])}

    def sdk(self, operation: str) -> StripeClient:
        """
        Return the vendor's client for one *operation* that has an effect.

        It speaks over this account's own connection: what is sent counts against its
        limits, and an error is one of ours before the SDK sees it.
        """
        import stripe  # noqa: PLC0415  (a second; only where something is done)

        stripe.enable_telemetry = False
        http = self.http

        class Connection(stripe.HTTPClient):
            name = "reconciler"

            def request(
                self,
                method: str,
                url: str,
                headers: Mapping[str, str] | None,
                post_data: Any = None,
                *,
                _usage: list[str] | None = None,
            ) -> tuple[str, int, Mapping[str, str]]:
                """Send what the SDK has encoded; its own headers say too much."""
                del _usage
                reply = http.call(
                    method.upper(),
                    url.removeprefix(http.base),
                    operation=operation,
                    effect=True,
                    key=(headers or {})["Idempotency-Key"],
                    form=str(post_data or ""),
                )
                return json.dumps(reply.data), reply.status, reply.headers

        return stripe.StripeClient(
            self._key,
            stripe_version=VERSION,
            base_addresses={"api": http.base},
            max_network_retries=0,
            http_client=Connection(),
        )

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()
