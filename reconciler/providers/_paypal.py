"""
PayPal's REST API: how it is asked, and what its answers mean; shared by its drivers.

Source: developer.paypal.com/api/rest (authentication, responses, idempotency) and the
published OpenAPI (``paypal/paypal-rest-api-specifications``, 2024-02).

* A client id and its secret bring an access token (OAuth client credentials); it is
  asked for anew at 80 % of its life, and once where it is not taken (401). Neither it
  nor the secret is ever shown.
* The token tells an ``app_id``, which in PayPal's own sandbox is the same for everyone,
  so it says nothing. Whose credentials these are is said by ``account_id`` of
  ``GET /v1/reporting/balances`` (the merchant's payer id), which needs *transaction
  search* to be switched on for the app; else nobody can say.
* Errors have a ``debug_id`` and, in ``details``, an ``issue``: the code that counts.
* ``PayPal-Request-Id`` (108 characters at most) brings "the latest status of the
  previous request that used that same header". Nothing is documented about another
  body under the same id: who sends one compares what comes back with what was asked.
* There is no official SDK for all of this: theirs has neither invoices nor webhooks,
  cannot be pointed at a server of ours, and is not under an open licence.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words

BASE: Final = "https://api-m.paypal.com"
CREDENTIALS: Final = frozenset({"clientId", "secret"})
_WHOLE: Final = {"Prefer": "return=representation"}
#: PayPal publishes no figure; it asks to be asked moderately.
_LIMITS: Final = {"requestsPerSecond": 10.0}
#: The part of an access token's life that it is used for.
_USED: Final = 0.8
_UNAUTHORIZED, _FORBIDDEN, _MISSING, _CONFLICT, _UNPROCESSABLE = 401, 403, 404, 409, 422


class NotThere(Rejected):
    """The account has nothing of that id."""


class Forbidden(Rejected):
    """The credentials are good, and the app may not do that."""


class Refused(Rejected):
    """
    What was asked is well-formed, and was not done (422).

    Attributes:
        issue: PayPal's code for why.
    """

    def __init__(self, what: str, issue: str, request_id: str | None) -> None:
        super().__init__(what, request_id=request_id)
        self.issue = issue


class _NotTaken(Rejected):
    """The access token (or the client's secret) is not accepted."""


class _Access(NamedTuple):
    """An access token, and until when it is used."""

    token: str
    until: datetime


def _first(data: Any) -> Mapping[str, Any]:
    details = data.get("details") if isinstance(data, dict) else None
    found = details[0] if isinstance(details, list) and details else None
    return found if isinstance(found, dict) else {}


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    detail = _first(data)
    code = detail.get("issue") or data.get("name") or data.get("error") or ""
    said = detail.get("description") or data.get("message")
    return f"{code} {said or data.get('error_description') or ''}".strip()


def _refused(reply: Reply, text: str) -> ProviderError | None:
    number = reply.request_id
    match reply.status:
        case status if status == _UNAUTHORIZED:
            return _NotTaken(text, request_id=number)
        case status if status == _FORBIDDEN:
            return Forbidden(text, request_id=number)
        case status if status == _MISSING:
            return NotThere(text, request_id=number)
        case status if status == _CONFLICT:
            return Ambiguous(text, request_id=number)
        case status if status == _UNPROCESSABLE:
            return Refused(text, str(_first(reply.data).get("issue", "")), number)
        case status if status >= 400:  # noqa: PLR2004  (every other refusal)
            return Rejected(text, request_id=number)
    return None


def _debug_id(data: Any) -> str | None:
    found = data.get("debug_id") if isinstance(data, dict) else None
    return str(found) if found else None


WORDS: Final = Words(_said, _refused, request_id=_debug_id)


class PayPal:
    """One account's way to PayPal; thread-safe."""

    def __init__(self, account: Account) -> None:
        client, secret = account.secrets["clientId"], account.secrets["secret"]
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        self._basic = {"Authorization": f"Basic {basic}"}
        self._clock = account.clock
        self._lock = Lock()
        self._access: _Access | None = None
        self.http = Http(
            account,
            BASE,
            WORDS,
            headers={"Accept": "application/json"},
            limits=_LIMITS,
            hidden=(basic,),
        )

    def close(self) -> None:
        """Let go of connections; the access token ends by itself."""
        self.http.close()

    def identity(self) -> str | None:
        """
        Return the merchant's payer id; None where the app may not search transactions.

        Raises:
            ProviderError: The credentials are not taken, or the question failed.
        """
        try:
            found = self.get("getBalances", "/v1/reporting/balances")
        except Forbidden:
            return None
        return str(found["account_id"]) if found.get("account_id") else None

    # -- asking ----------------------------------------------------------------

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Return one object; raises NotThere, Forbidden and what ``Http.call`` does."""
        return mapping(self._call("GET", path, operation, params=params).data)

    def each(
        self,
        operation: str,
        path: str,
        part: str,
        params: Mapping[str, str | int] | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        """
        Yield the rows of *part* of every page, as the links to the next ones say.

        Raises:
            Rejected: It is no list, or a page comes a second time, so that nobody
                knows what is missing.
        """
        asked: Mapping[str, str | int] | None = params
        been = set()
        while True:
            data = self.get(operation, path, asked)
            yield from rows(data.get(part) or [], operation)
            found = _next(data)
            if found is None:
                return
            if found in been:
                raise Rejected(f"{operation}: the list has a page twice")
            been.add(found)
            path, asked = found, None  # of the link only the path counts, not the host

    def post(
        self,
        operation: str,
        path: str,
        body: Mapping[str, Any] | str,
        *,
        key: str | None = None,
        effect: bool = True,
    ) -> Reply:
        """
        Send *body* (a text is JSON already), and return the whole answer.

        *key* is sent as ``PayPal-Request-Id``.

        Raises:
            Refused: PayPal understood, and said no (422).
            Ambiguous: Nobody knows what happened.
            ProviderError: As ``Http.call``.
        """
        more = {**_WHOLE, **({"PayPal-Request-Id": key} if key else {})}
        return self._call(
            "POST", path, operation, body=body, headers=more, effect=effect
        )

    def _call(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
        effect: bool = False,
    ) -> Reply:
        """Ask with an access token, and once more where it had ended meanwhile."""
        for again in (False, True):
            token = self._token()
            sent = {**(headers or {}), "Authorization": f"Bearer {token}"}
            try:
                reply = self.http.call(
                    method,
                    path,
                    operation=operation,
                    effect=effect,
                    json=body if isinstance(body, Mapping) else None,
                    text=body if isinstance(body, str) else None,
                    params=params,
                    headers=sent,
                )
            except _NotTaken:
                self._forget(token)
                if again:
                    raise
            else:
                number = self.http.shown(reply.headers.get("paypal-debug-id", ""))
                return reply._replace(request_id=reply.request_id or number or None)
        raise AssertionError  # pragma: no cover  (the second round returns or raises)

    def _token(self) -> str:
        with self._lock:
            if self._access is None or self._access.until <= self._clock():
                self._access = self._new_access()
            return self._access.token

    def _new_access(self) -> _Access:
        asked = self._clock()
        reply = self.http.call(
            "POST",
            "/v1/oauth2/token",
            operation="getToken",
            effect=False,
            form="grant_type=client_credentials",
            headers=self._basic,
        )
        data = mapping(reply.data)
        token, life = data.get("access_token"), data.get("expires_in")
        if not isinstance(token, str) or not isinstance(life, int):
            raise Rejected("getToken: the answer has no access token")
        self.http.hide(token)
        return _Access(token, asked + timedelta(seconds=life) * _USED)

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._access is not None and self._access.token == token:
                self._access = None


def _next(data: Mapping[str, Any]) -> str | None:
    """Return path and query of the link to the next page; whose host never counts."""
    for one in data.get("links") or ():
        if isinstance(one, dict) and one.get("rel") == "next":
            url = urlsplit(str(one.get("href")))
            return f"{url.path}?{url.query}" if url.query else url.path
    return None
