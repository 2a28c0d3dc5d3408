"""What all SMS providers have in common: one short text to one number."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from reconciler.kinds.notification_channel import NUMBER
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Answer, Line, Lost, NotSent
from reconciler.notify.message import Message

#: An SMS says at most so much: two or three of the old 140 bytes.
LONGEST_SMS: Final = 300
#: So long after it was going to be sent a list may not have it yet.
FRESH: Final = timedelta(minutes=2)
_SERVER = 500
_REFERENCE = 10
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLM"
    "NOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


def number(value: str) -> str:
    """Return *value* if it is a phone number; raises ValueError without it."""
    if not NUMBER.fullmatch(value):
        raise ValueError("the phone number is none: write it as in +31612345678")
    return value


def reference(message: str) -> str:
    """Return what a message says to be found by."""
    return f"#{message[:_REFERENCE]}"


def short(message: Message) -> str:
    """Return the text of an SMS: the subject, what to type, the reference."""
    mark = reference(message.id)
    room = LONGEST_SMS - len(mark) - 1
    said = message.subject[:room]
    command = message.data.get("command")
    if isinstance(command, str) and len(said) + len(command) + 1 <= room:
        said = f"{said}\n{command}"
    return f"{said}\n{mark}"


def plain(text: str) -> bool:
    """Say whether *text* fits into the alphabet of GSM 03.38, or needs Unicode."""
    return _GSM.issuperset(text)


def basic(name: str, secret: str) -> str:
    """Return the header of Basic authentication (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"


def asked(
    line: Line,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    judge: Callable[[Answer], Delivery | None],
) -> Delivery | None:
    """Send a request and return what *judge* makes of the answer."""
    try:
        answer = line.ask(method, url, {"User-Agent": "reconciler", **headers}, body)
    except NotSent as error:
        return Delivery(Status.FAILED, str(error))
    except Lost as error:
        return Delivery(Status.UNKNOWN, str(error))
    return judge(answer)


def refused(answer: Answer) -> Status:
    """Return what an answer that is no success means: it may have been taken."""
    return Status.UNKNOWN if answer.status >= _SERVER else Status.FAILED


def content(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer; empty where it is none."""
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def rows(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list in an answer."""
    found = data.get(key)
    return (
        [one for one in found if isinstance(one, dict)]
        if isinstance(found, list)
        else []
    )
