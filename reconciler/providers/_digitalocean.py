"""DigitalOcean's API v2: how it says things, whose token it is, and its pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words

BASE: Final = "https://api.digitalocean.com"
CREDENTIALS: Final = frozenset({"token"})
#: "The maximum number of results per page is 200."
PAGE: Final = 200
#: "5,000 requests per hour; 250 requests per minute".
_LIMITS: Final = {"requestsPerHour": 5000.0, "requestsPerMinute": 250.0}
#: How a refusal begins that ends by itself: another action is under way.
_BUSY: Final = "droplet already has a pending event"


class DigitalOcean:
    """One team's connection."""

    def __init__(self, account: Account) -> None:
        token = account.secrets["token"]
        headers = {"Authorization": f"Bearer {token}"}
        self.http = Http(account, BASE, _WORDS, headers=headers, limits=_LIMITS)

    def identity(self) -> str | None:
        """Return the team that the token is for; the user where there is no team."""
        said = mapping(self.get("getAccount", "/v2/account").get("account"))
        team = said.get("team") or {}
        number = mapping(team).get("uuid") or said.get("uuid")
        return str(number) if number else None

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Mapping[str, Any]:
        """Return a whole answer."""
        reply = self.http.call(
            "GET", path, operation=operation, effect=False, params=params
        )
        return mapping(reply.data)

    def all(self, operation: str, path: str, key: str) -> Iterator[Mapping[str, Any]]:
        """Yield every row of a listing; raise Rejected where it is not whole."""
        page, found = 1, 0
        seen: set[str] = set()
        while True:
            answer = self.get(operation, path, {"per_page": PAGE, "page": page})
            listed = rows(answer.get(key), key)
            numbers = {str(row.get("id") or row.get("slug")) for row in listed}
            if numbers & seen:
                raise Rejected(f"{operation}: the listing gave the same page twice")
            seen |= numbers
            found += len(listed)
            yield from listed
            pages = mapping(answer.get("links") or {}).get("pages") or {}
            if not mapping(pages).get("next"):
                break
            page += 1
        total = mapping(answer.get("meta") or {}).get("total")
        if total is not None and found != int(total):
            raise Rejected(f"{operation}: {found} of {total} announced rows")

    def effect(
        self,
        method: str,
        path: str,
        operation: str,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Change something."""
        return self.http.call(method, path, operation=operation, effect=True, json=body)

    def task(
        self, operation: str, path: str, body: Mapping[str, Any]
    ) -> tuple[str, str | None]:
        """Begin something; return the id of its action, and of the request."""
        reply = self.effect("POST", path, operation, body)
        action = mapping(mapping(reply.data).get("action"))
        return str(action["id"]), reply.request_id


def _said(data: Any) -> str:
    match data:
        case {"id": str() as name, "message": str() as message}:
            return f"{name}: {message}"
        case _:
            return ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status < 300:  # noqa: PLR2004
        return None
    busy = _BUSY in text.lower()
    kind = Transient if busy else Rejected
    return kind(text, request_id=reply.request_id)


def _request(data: Any) -> str | None:
    match data:
        case {"request_id": str() as number}:
            return number
        case _:
            return None


_WORDS: Final = Words(_said, _refused, _request)
