"""Hetzner Cloud's API v1: how it says things, and its pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words

BASE: Final = "https://api.hetzner.cloud/v1"
CREDENTIALS: Final = frozenset({"token"})
#: "The default value is 25, the maximum value is 50".
PAGE: Final = 50
#: "The default limit is 3600 requests per hour and per Project."
_LIMITS: Final = {"requestsPerHour": 3600.0}
#: Refusals that end by themselves: nothing was begun.
_LATER: Final = frozenset({"locked", "conflict", "maintenance", "rate_limit_exceeded"})


class Hetzner:
    """One project's connection: a token is for one project, and cannot name it."""

    def __init__(self, account: Account) -> None:
        token = account.secrets["token"]
        headers = {"Authorization": f"Bearer {token}"}
        self.http = Http(account, BASE, _WORDS, headers=headers, limits=_LIMITS)

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Return a whole answer."""
        reply = self.http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    def all(
        self, operation: str, path: str, key: str, **params: str
    ) -> Iterator[Mapping[str, Any]]:
        """Yield every row of a listing; raise Rejected where it is not whole."""
        page: Any = 1
        found = 0
        while page is not None:
            asked = {**params, "per_page": PAGE, "page": page}
            answer = self.get(operation, path, asked)
            listed = rows(answer.get(key), key)
            about = mapping(mapping(answer.get("meta")).get("pagination"))
            found += len(listed)
            yield from listed
            following, total = about.get("next_page"), about.get("total_entries")
            if following is None and total is not None and found != int(total):
                raise Rejected(f"{operation}: {found} of {total} announced rows")
            if following is not None and int(following) <= int(page):
                raise Rejected(f"{operation}: the listing gave the same page twice")
            page = following

    def task(
        self, operation: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[str, str | None]:
        """Begin something; return the id of its action, and of the request."""
        reply = self.http.call(
            "POST", path, operation=operation, effect=True, json=body
        )
        action = mapping(mapping(reply.data).get("action"))
        return str(action["id"]), _number(reply)


def _said(data: Any) -> str:
    match data:
        case {"error": {"code": str() as code, "message": str() as message}}:
            return f"{code}: {message}"
        case _:
            return ""


def code_of(data: Any) -> str:
    """Return the vendor's own word for an error."""
    match data:
        case {"error": {"code": str() as code}}:
            return code
        case _:
            return ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status < 300:  # noqa: PLR2004
        return None
    code = code_of(reply.data)
    kind = Transient if code in _LATER else Rejected
    return kind(text, request_id=_number(reply), reason=code or None)


def _number(reply: Reply) -> str | None:
    """Return the id of a request, which is in a header of its own name."""
    return reply.headers.get("x-correlation-id") or reply.request_id


_WORDS: Final = Words(_said, _refused)
