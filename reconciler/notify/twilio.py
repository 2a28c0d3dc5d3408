"""
SMS by Twilio's Messages resource (twilio.com/docs/messaging/api/message-resource).

``201`` says that a message was made, not that it went: its ``status`` may be ``failed``
at once, and is ``queued`` or ``accepted`` otherwise. What became of it is asked later,
by its sid. There is no idempotency key: after a death the last messages to the number
are looked through for our reference.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Answer, Line, shown
from reconciler.notify.message import Message
from reconciler.notify.phone import (
    FRESH,
    asked,
    basic,
    content,
    number,
    reference,
    refused,
    rows,
    short,
)

USUAL: Final = "https://api.twilio.com"
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
#: So many of the last messages to a number are looked through.
_PAGE = 50
_LOST = frozenset({"failed", "undelivered", "canceled"})
_THERE = frozenset({"delivered", "read"})
_ON_ITS_WAY = frozenset({"accepted", "scheduled", "queued", "sending", "sent"})


class Twilio:
    """
    One phone.

    Args:
        account: The account's SID.
        login: User name and password: SID and token, or those of an API key.
        sender: A number, a name, or a messaging service's SID.
        to: The phone; never shown.

    Raises:
        ValueError: *to* is no phone number.
    """

    def __init__(
        self,
        account: str,
        login: tuple[str, str],
        sender: str,
        to: str,
        line: Line,
        *,
        endpoint: str | None = None,
    ) -> None:
        self._to = number(to)
        self._sender = sender
        self._line = line
        self._base = (endpoint or USUAL).rstrip("/")
        self._at = f"{self._base}/2010-04-01/Accounts/{account}/Messages"
        self._headers = {"Authorization": basic(*login)}
        self._hidden = (to, to[1:], *login)

    def __repr__(self) -> str:
        return "Twilio()"

    @property
    def identity(self) -> str:
        """Changes with the account and the phone, and does not tell them."""
        return sha256(["twilio", self._at, self._to])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Have *message* sent; see ``Sender.send``."""
        del now
        service = _SERVICE.fullmatch(self._sender)
        origin = "MessagingServiceSid" if service else "From"
        form = {"To": self._to, origin: self._sender, "Body": short(message)}
        headers = {
            **self._headers,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        url, body = f"{self._at}.json", urlencode(form).encode()
        made = asked(self._line, "POST", url, headers, body, self._judged)
        return made or Delivery(Status.UNKNOWN, "no answer")

    def check(self, identity: str, now: datetime) -> Delivery:
        """Ask for the status of the message; see ``Tracked.check``."""
        del now
        if not _SID.fullmatch(identity):
            return Delivery(Status.UNKNOWN, "this is no sid of a message")
        url = f"{self._at}/{identity}.json"
        came = asked(self._line, "GET", url, self._headers, b"", self._judged)
        # That a question was refused says nothing about the message.
        good = came is not None and (came.taken or came.id)
        said = came.said if came else ""
        return came if came and good else Delivery(Status.UNKNOWN, said)

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """Look for the reference of *message*; see ``Tracked.find``."""
        if now - since < FRESH:
            return Delivery(Status.UNKNOWN, "it is too fresh to be listed for certain")
        query = urlencode({"To": self._to, "PageSize": _PAGE})
        url = f"{self._at}.json?{query}"

        def judged(answer: Answer) -> Delivery | None:
            data = content(answer)
            if answer.status != 200 or "messages" not in data:  # noqa: PLR2004
                return Delivery(Status.UNKNOWN, self._shown(answer, data))
            listed = rows(data, "messages")
            mark = reference(message)
            for one in listed:
                if mark in str(one.get("body")):
                    return self._fate(one)
            whole = len(listed) < _PAGE or _made(listed[-1]) < since
            return None if whole else Delivery(Status.UNKNOWN, "the list is too long")

        found = asked(self._line, "GET", url, self._headers, b"", judged)
        if found is not None and found.status is Status.FAILED and not found.id:
            return found._replace(status=Status.UNKNOWN)
        return found

    def trouble(self) -> str | None:
        """Return why Twilio cannot be reached; nothing is sent."""
        return self._line.trouble(self._base)

    def _judged(self, answer: Answer) -> Delivery:
        data = content(answer)
        if not 200 <= answer.status < 300:  # noqa: PLR2004
            return Delivery(refused(answer), self._shown(answer, data))
        return self._fate(data)

    def _fate(self, data: dict[str, Any]) -> Delivery:
        status, sid = str(data.get("status")), str(data.get("sid"))
        error = data.get("error_code")
        words = f"{status}, error {error}" if error else status
        said = shown(words, self._hidden)
        if not _SID.fullmatch(sid):
            return Delivery(Status.UNKNOWN, "the answer names no message")
        if status in _LOST:
            return Delivery(Status.FAILED, said, id=sid)
        if status in _THERE:
            return Delivery(Status.DELIVERED, said, id=sid)
        known = status in _ON_ITS_WAY
        return Delivery(Status.ACCEPTED if known else Status.UNKNOWN, said, id=sid)

    def _shown(self, answer: Answer, data: dict[str, Any]) -> str:
        text = f"{answer.status} {data.get('code', '')} {data.get('message', '')}"
        return shown(text, self._hidden)


def _made(row: dict[str, Any]) -> datetime:
    return parsedate_to_datetime(str(row.get("date_created")))
