"""
SMS by Vonage's SMS API, and what became of it by its Reports API.

The SMS API answers ``200`` whatever happens: each part of the text has a ``status`` of
its own, and only ``0`` means that it was taken (developer.vonage.com/messaging/sms/
guides/troubleshooting-sms). What became of it is in the records of the Reports API
(developer.vonage.com/reports), which took the place of the message search; they carry
our ``client-ref``, so that a message can be found again after a death.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Answer, Line, shown
from reconciler.notify.message import Message
from reconciler.notify.phone import (
    asked,
    basic,
    content,
    number,
    plain,
    refused,
    rows,
    short,
)

SENDS: Final = "https://rest.nexmo.com"
REPORTS: Final = "https://api.nexmo.com"
_TAKEN = "0"
_LOST = frozenset({"failed", "rejected", "expired", "deleted"})
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
_PARTS = 20
#: A record may come so much later than the message.
_LAG = timedelta(minutes=15)
_AROUND = timedelta(minutes=10)


class Vonage:
    """
    One phone.

    Args:
        login: The account's API key and its secret.
        sender: A number, or a name.
        to: The phone; never shown.
        endpoint: Serves both APIs, where they are not the usual ones.

    Raises:
        ValueError: *to* is no phone number.
    """

    def __init__(
        self,
        login: tuple[str, str],
        sender: str,
        to: str,
        line: Line,
        *,
        endpoint: str | None = None,
    ) -> None:
        self._to = number(to)
        self._key, self._secret = login
        self._sender = sender
        self._line = line
        self._sends = (endpoint or SENDS).rstrip("/")
        self._reports = (endpoint or REPORTS).rstrip("/")
        self._hidden = (to, to[1:], *login)

    def __repr__(self) -> str:
        return "Vonage()"

    @property
    def identity(self) -> str:
        """Changes with the account and the phone, and does not tell them."""
        return sha256(["vonage", self._key, self._to])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Have *message* sent; see ``Sender.send``."""
        del now
        text = short(message)
        form = {
            "api_key": self._key,
            "api_secret": self._secret,
            "from": self._sender.lstrip("+"),
            "to": self._to[1:],
            "text": text,
            "type": "text" if plain(text) else "unicode",
            "client-ref": message.id,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url, body = f"{self._sends}/sms/json", urlencode(form).encode()
        made = asked(self._line, "POST", url, headers, body, self._judged)
        return made or Delivery(Status.UNKNOWN, "no answer")

    def check(self, identity: str, now: datetime) -> Delivery:
        """Ask for the records of the message's parts; see ``Tracked.check``."""
        del now
        wanted = identity.split(",")
        if not all(map(_ID.fullmatch, wanted)):
            return Delivery(Status.UNKNOWN, "this is no id of a message")
        found = self._records({"id": identity})
        if isinstance(found, Delivery):
            return found
        of = {str(one.get("message_id")): one for one in found[0]}
        return self._fate([of[one] for one in wanted if one in of], wanted)

    def find(self, message: str, since: datetime, now: datetime) -> Delivery | None:
        """Look for the record with our reference; see ``Tracked.find``."""
        if now - since < _LAG:
            return Delivery(Status.UNKNOWN, "it is too fresh to be in the records")
        around = {"date_start": _moment(since - _AROUND)}
        around["date_end"] = _moment(since + _AROUND)
        found = self._records(around)
        if isinstance(found, Delivery):
            return found
        listed, whole = found
        ours = [one for one in listed if one.get("client_ref") == message]
        if ours:
            return self._fate(ours, [str(one.get("message_id")) for one in ours])
        return None if whole else Delivery(Status.UNKNOWN, "the list is too long")

    def trouble(self) -> str | None:
        """Return why Vonage cannot be reached; nothing is sent."""
        return self._line.trouble(self._sends) or self._line.trouble(self._reports)

    def _records(
        self, query: dict[str, str]
    ) -> Delivery | tuple[list[dict[str, Any]], bool]:
        """Return records, and whether those are all; a Delivery where none came."""
        whole = {"account_id": self._key, "product": "SMS", "direction": "outbound"}
        url = f"{self._reports}/v2/reports/records?{urlencode({**whole, **query})}"
        found: list[dict[str, Any]] = []
        ends: list[bool] = []

        def judged(answer: Answer) -> Delivery | None:
            data = content(answer)
            if answer.status != 200 or "records" not in data:  # noqa: PLR2004
                return Delivery(Status.UNKNOWN, self._shown(answer, data))
            found.extend(rows(data, "records"))
            links = data.get("_links")
            ends.append(not (isinstance(links, dict) and "next" in links))
            return None

        headers = {"Authorization": basic(self._key, self._secret)}
        failed = asked(self._line, "GET", url, headers, b"", judged)
        if failed is not None:
            # That a question was not sent says nothing about the message.
            return failed._replace(status=Status.UNKNOWN)
        return found, ends[0]

    def _fate(self, records: list[dict[str, Any]], wanted: list[str]) -> Delivery:
        said = {str(one.get("status")) for one in records}
        words = shown(", ".join(sorted(said)) or "not in the records yet", self._hidden)
        if said & _LOST:
            return Delivery(Status.FAILED, words, id=",".join(wanted))
        there = said == {"delivered"} and len(records) == len(wanted)
        status = Status.DELIVERED if there else Status.ACCEPTED
        return Delivery(status, words, id=",".join(wanted))

    def _judged(self, answer: Answer) -> Delivery:
        data = content(answer)
        if answer.status != 200:  # noqa: PLR2004
            return Delivery(refused(answer), self._shown(answer, data))
        parts = rows(data, "messages")
        if not parts:
            return Delivery(Status.UNKNOWN, "the answer names no message")
        wrong = [one for one in parts if str(one.get("status")) != _TAKEN]
        if wrong:
            text = f"{wrong[0].get('status')} {wrong[0].get('error-text', '')}"
            return Delivery(Status.FAILED, shown(text, self._hidden))
        names = [str(one.get("message-id")) for one in parts]
        if len(names) > _PARTS or not all(map(_ID.fullmatch, names)):
            return Delivery(Status.UNKNOWN, "the answer names no message")
        return Delivery(Status.ACCEPTED, "taken", id=",".join(names))

    def _shown(self, answer: Answer, data: dict[str, Any]) -> str:
        text = f"{answer.status} {data.get('title', '')} {data.get('detail', '')}"
        return shown(text, self._hidden)


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")
