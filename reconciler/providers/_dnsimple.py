"""DNSimple's API v2: how it says things, whose token it is, and its pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected, TooEarly
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words

BASE: Final = "https://api.dnsimple.com/v2"
#: "The number of entries to return per page (default: 30, maximum: 100)."
PAGE: Final = 100
#: "For authenticated requests, you can make up to 2400 requests per hour."
_LIMITS: Final = {"requestsPerHour": 2400.0}
#: What a renewal is answered that the registry does not take yet.
_TOO_EARLY: Final = "may not be renewed at this time"


class Dnsimple:
    """
    One account's connection; all paths are below the account that the token is for.

    An *account token* belongs to one account. A *user token* reaches all accounts of
    a person: the declared one is used, or the only one there is.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.http = Http(
            account,
            BASE,
            _WORDS,
            headers={"Authorization": f"Bearer {account.secrets['token']}"},
            limits=_LIMITS,
        )
        self._number: str | None = None

    def __repr__(self) -> str:
        return f"Dnsimple({self._account.name})"

    def number(self) -> str | None:
        """Return the account's id by asking; None where the token is for several."""
        own = mapping(self.get("whoami", "/whoami")).get("account")
        if own is not None:
            return str(mapping(own)["id"])
        listed = rows(self.get("listAccounts", "/accounts"), "accounts")
        numbers = [str(one["id"]) for one in listed]
        if self._account.identity in numbers:
            return self._account.identity
        return numbers[0] if len(numbers) == 1 else None

    def path(self, rest: str) -> str:
        """Return the path of *rest* in the account; asked once for each connection."""
        if self._number is None:
            self._number = self.number()
        if self._number is None:
            raise Rejected(
                "the token is for several accounts",
                hint="name one of them in `account`, or use an account token",
            )
        return f"/{self._number}{rest}"

    def registrar(self, name: str, rest: str) -> str:
        """Return the path of *rest* of a registration."""
        return self.path(f"/registrar/domains/{name}/{rest}")

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """Return the ``data`` of an answer."""
        return self.read(operation, path, params)["data"]

    def read(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Return a whole answer: ``data``, and ``pagination`` where it is a list."""
        reply = self.http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    def all(
        self, operation: str, path: str, **params: str | int
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every row of a listing; raise Rejected where it is not whole."""
        page: int | None = 1
        found = total = 0
        while page is not None:
            asked = {**params, "per_page": PAGE, "page": page}
            answer = self.read(operation, path, asked)
            listed = rows(answer["data"], operation)
            total, page = paged(answer, page)
            found += len(listed)
            yield from listed
        if found != total:
            raise Rejected(f"{operation}: {found} of {total} announced rows")

    def effect(
        self,
        method: str,
        path: str,
        operation: str,
        body: Mapping[str, Any] | Sequence[Any] | None = None,
    ) -> Reply:
        """Change something."""
        return self.http.call(method, path, operation=operation, effect=True, json=body)


def paged(answer: Mapping[str, Any], page: int) -> tuple[int, int | None]:
    """Return how many rows there are in all, and the next page."""
    said = mapping(answer.get("pagination"))
    more = page < int(said["total_pages"])
    return int(said["total_entries"]), page + 1 if more else None


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    wrong = data.get("errors")
    fields = ", ".join(wrong) if isinstance(wrong, dict) else ""
    return f"{data.get('message') or ''} {fields}".strip()


def _refused(reply: Reply, text: str) -> ProviderError | None:
    number = reply.request_id
    if reply.status < 300:  # noqa: PLR2004
        whole = isinstance(reply.data, dict) and "data" in reply.data
        known = whole or reply.status == 204  # noqa: PLR2004
        return None if known else Ambiguous(text, request_id=number)
    message = reply.data.get("message") if isinstance(reply.data, dict) else ""
    if _TOO_EARLY in str(message):
        return TooEarly(text, request_id=number)
    return Rejected(text, request_id=number)


_WORDS: Final = Words(_said, _refused)
