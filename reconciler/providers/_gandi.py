"""Gandi's API v5: how it says things, whose token it is, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._answers import mapping, rows
from reconciler.providers._http import Http, Reply, Words

BASE: Final = "https://api.gandi.net/v5"
#: The documentation names no maximum; its own examples and clients use 100.
PAGE: Final = 100
#: "A maximum of 1000 requests per minute from the same IP address."
_LIMITS: Final = {"requestsPerMinute": 1000.0}

Page = tuple[int, int]
"""A page's number, and how many rows were on those before."""


class Missing(Rejected):
    """There is no such thing, or the token cannot see it."""


def at(name: str, rest: str = "") -> str:
    """Return the path of a registration, or of *rest* below it."""
    return f"/domain/domains/{name}" + (f"/{rest}" if rest else "")


class Gandi:
    """
    One account's connection.

    ``account`` of a Provider is the organization's id: Gandi's *sharing id*, by which
    listings are filtered and which says who pays.
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

    def __repr__(self) -> str:
        return f"Gandi({self._account.name})"

    @property
    def sharing(self) -> dict[str, str | int]:
        """The query that names the organization, where one is declared."""
        declared = self._account.identity
        return {"sharing_id": declared} if declared else {}

    def organization(self) -> str | None:
        """Return the organization by asking; None where the token is for several."""
        said = self.get("listOrganizations", "/organization/organizations")
        ids = [str(one["id"]) for one in rows(said, "organizations")]
        if self._account.identity in ids:
            return self._account.identity
        if len(ids) == 1 or (ids and self._account.identity):
            return ids[0]
        return None

    def get(
        self, operation: str, path: str, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """Return an answer."""
        return self._read(operation, path, params).data

    def page(
        self, operation: str, path: str, at: Page, params: Mapping[str, str | int]
    ) -> tuple[list[Mapping[str, Any]], Page | None, int]:
        """
        Return one page's rows, the next page, and how many there should be in all.

        "If the number is greater than the last page, an empty list is returned":
        only that, or as many rows as there are in total, is the end. ``Total-Count``
        counts everything, ``Filtered-Count`` what a filter leaves.
        """
        number, before = at
        asked = {**params, "page": number, "per_page": PAGE}
        reply = self._read(operation, path, asked)
        listed = rows(reply.data, operation)
        total, filtered = (_count(reply, f"{x}-count") for x in ("total", "filtered"))
        if total is None:
            raise Rejected(f"{operation}: the listing does not say how many there are")
        seen = before + len(listed)
        over = not listed or seen >= total
        announced = seen if over and seen == filtered else total
        return listed, None if over else (number + 1, seen), announced

    def _read(
        self, operation: str, path: str, params: Mapping[str, str | int] | None
    ) -> Reply:
        return self.http.call(
            "GET", path, operation=operation, effect=False, params=params
        )

    def check(self, path: str, operation: str, body: Mapping[str, Any]) -> None:
        """
        Have the parameters of a purchase checked (``Dry-Run``); nothing happens.

        Raises:
            Rejected: It would be refused.
        """
        reply = self.http.call(
            "POST",
            path,
            operation=f"{operation} (dry run)",
            effect=False,
            json=body,
            params=self.sharing,
            headers={"Dry-Run": "1"},
        )
        said = mapping(reply.data)
        if said.get("status") != "success":
            text = self.http.shown(f"{operation} (dry run): {_said(said)}")
            raise Rejected(text, request_id=reply.request_id)

    def effect(
        self,
        method: str,
        path: str,
        operation: str,
        body: Mapping[str, Any] | None = None,
        *,
        pays: bool = False,
    ) -> Reply:
        """Change something; what *pays* names the organization that does."""
        return self.http.call(
            method,
            path,
            operation=operation,
            effect=True,
            json=body,
            params=self.sharing if pays else None,
        )


def _count(reply: Reply, header: str) -> int | None:
    said = reply.headers.get(header, "")
    return int(said) if said.isdigit() else None


def _said(data: Any) -> str:
    """Return ``{code, message, object, cause}``, or what a check says of each field."""
    if not isinstance(data, dict):
        return ""
    wrong = data.get("errors")
    found = [one for one in wrong if isinstance(one, dict)] if wrong else []
    fields = [f"{one.get('name')}: {one.get('description')}" for one in found]
    return ", ".join(fields) or str(data.get("message") or data.get("cause") or "")


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status < 300:  # noqa: PLR2004
        known = isinstance(reply.data, dict | list) or reply.status == 204  # noqa: PLR2004
        return None if known else Ambiguous(text, request_id=reply.request_id)
    kind = Missing if reply.status == 404 else Rejected  # noqa: PLR2004
    return kind(text, request_id=reply.request_id)


_WORDS: Final = Words(_said, _refused)
