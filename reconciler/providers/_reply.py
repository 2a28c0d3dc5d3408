"""What one answer of a vendor is, before anybody knows what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import loads
from typing import Any, Final, NamedTuple

import httpx

from reconciler.errors import ProviderError, Rejected
from reconciler.model.driver import Answered


class Reply(NamedTuple):
    """
    One answer of the vendor.

    Attributes:
        data: The JSON body; None where there is none.
        headers: By lower-case name.
        request_id: The vendor's name for this very request, for its support.
    """

    status: int
    data: Any
    headers: Mapping[str, str]
    request_id: str | None


class Words(NamedTuple):
    """
    How one vendor says things; plain functions over its JSON bodies.

    Attributes:
        said: Its error text.
        refused: The error a final answer stands for, or None where it is a success.
            Gets the text to use, already cut and redacted.
        wait: In how many seconds it will listen again, where the body says so.
    """

    said: Callable[[Any], str]
    refused: Callable[[Reply, str], ProviderError | None]
    request_id: Callable[[Any], str | None] = lambda _: None
    wait: Callable[[Any], float | None] = lambda _: None


class Moved(Rejected):
    """
    A read was told to ask elsewhere, which this module never does by itself.

    Attributes:
        location: Where; as it was sent, so possibly relative.
    """

    def __init__(self, what: str, location: str, request_id: str | None) -> None:
        super().__init__(what, request_id=request_id)
        self.location = location


#: Stands for a body that is no JSON.
UNREADABLE: Final = object()


def says_nothing(reply: Reply) -> bool:
    """Whether an answer leaves open what happened: a server error, a broken body."""
    code = httpx.codes
    if code.is_client_error(reply.status):
        return reply.status == code.REQUEST_TIMEOUT
    broken = reply.data is UNREADABLE and not code.is_redirect(reply.status)
    return broken or code.is_server_error(reply.status)


def reply_of(answer: Answered, words: Words, *, plain: bool) -> Reply:
    """Return what came back; the body as text where it is *plain* and a success."""
    status, given, body = answer
    headers = {name.lower(): value for name, value in given.items()}
    data: Any = None
    if plain and httpx.codes.is_success(status):
        data = body.decode("utf-8", "replace")
    elif status != httpx.codes.NO_CONTENT:
        try:
            data = loads(body)
        except ValueError:
            data = UNREADABLE
    named = None if data is UNREADABLE else words.request_id(data)
    number = named or headers.get("x-request-id") or headers.get("request-id")
    return Reply(status, data, headers, number)


def retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3)."""
    if value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())
