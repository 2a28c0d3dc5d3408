"""
Signed JSON to one address, by Standard Webhooks 1.0.0 (standardwebhooks.com).

``webhook-id`` is the message's, so that a receiver knows a repetition;
``webhook-signature`` is ``v1,`` and the base64 of HMAC-SHA256 over
``id.timestamp.body``. The body is one flat object: what Zapier, Make and the like map
without a script. 2xx is taken, 3xx is not followed, 410 means never again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Answer, Line, Lost, NotSent, shown
from reconciler.notify.message import Message

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64
_GONE: Final = 410
_NO: Final = frozenset({"error", "failed", "failure", "fail", "denied"})


def keys(secret: str) -> list[bytes]:
    """
    Return the keys of *secret*: one, or several separated by blanks.

    Raises:
        ValueError: It is not ``whsec_`` and 24 to 64 bytes in base64.
    """
    found = [_key(part) for part in secret.split()]
    if not found:
        raise ValueError("the webhook's secret is empty")
    return found


def _key(part: str) -> bytes:
    try:
        raw = base64.b64decode(part.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not part.startswith(_PREFIX) or not _SHORTEST <= len(raw) <= _LONGEST:
        raise ValueError(
            f"the webhook's secret is not {_PREFIX} and 24 to 64 bytes in base64"
        )
    return raw


def signature(keyring: Sequence[bytes], identity: str, stamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: one signature for each key."""
    signed = f"{identity}.{stamp}.".encode() + body
    made = (hmac.new(key, signed, hashlib.sha256).digest() for key in keyring)
    return " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made)


class Hook:
    """
    One receiver.

    Args:
        url: Where to post; never shown.
        secret: What to sign with; None does not sign.

    Raises:
        ValueError: The secret is none.
    """

    def __init__(self, url: str, secret: str | None, line: Line) -> None:
        self._url = url
        self._keys = keys(secret) if secret else []
        self._line = line
        self._hidden = (url, *(secret.split() if secret else ()))

    def __repr__(self) -> str:
        return "Hook()"

    @property
    def identity(self) -> str:
        """Changes with the address, and does not tell it."""
        return sha256(["webhook", self._url])[:16]

    def send(self, message: Message, now: datetime) -> Delivery:
        """Post *message*; see ``Sender.send``."""
        body = json.dumps(message.data, sort_keys=True).encode()
        stamp = int(now.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "reconciler",
            "webhook-id": f"msg_{message.id}",
            "webhook-timestamp": str(stamp),
        }
        if self._keys:
            signed = signature(self._keys, headers["webhook-id"], stamp, body)
            headers["webhook-signature"] = signed
        try:
            answer = self._line.post(self._url, headers, body)
        except NotSent as error:
            return Delivery(Status.FAILED, str(error))
        except Lost as error:
            return Delivery(Status.UNKNOWN, str(error))
        return self._judged(answer)

    def trouble(self) -> str | None:
        """Return why the address cannot be used; nothing is sent there."""
        return self._line.trouble(self._url)

    def _judged(self, answer: Answer) -> Delivery:
        text = answer.body.decode("utf-8", "replace")
        said = shown(f"{answer.status} {text}", self._hidden)
        if answer.status == _GONE:
            return Delivery(Status.GONE, said)
        taken = 200 <= answer.status < 300 and not _denies(answer.body)  # noqa: PLR2004
        return Delivery(Status.DELIVERED if taken else Status.FAILED, said)


def _denies(body: bytes) -> bool:
    """Whether an answer of 2xx says in its body that it was not taken after all."""
    try:
        said: Any = json.loads(body)
    except ValueError:
        return False
    if not isinstance(said, dict):
        return False
    status = said.get("status")
    words = isinstance(status, str) and status.lower() in _NO
    return said.get("ok") is False or said.get("success") is False or words
