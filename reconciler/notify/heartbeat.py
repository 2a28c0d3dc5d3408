"""
Saying outside that we are alive: silence is what raises the alarm.

The address is called as healthchecks.io and its like want it (healthchecks.io/docs/
http_api): ``POST <url>`` after a success, ``POST <url>/fail`` after a failure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from reconciler.model import sha256
from reconciler.notify.delivery import Delivery, Status
from reconciler.notify.line import Line, Lost, NotSent, shown

#: Seconds before each further try.
PAUSES: Final = (0.5, 2.0)


class Pulse:
    """One receiver of heartbeats."""

    def __init__(self, url: str, line: Line) -> None:
        self._url = url
        self._line = line

    def __repr__(self) -> str:
        return "Pulse()"

    @property
    def identity(self) -> str:
        """Changes with the address, and does not tell it."""
        return sha256(["heartbeat", self._url])[:16]

    def beat(
        self, body: str, sleep: Callable[[float], None], *, failed: bool = False
    ) -> Delivery:
        """Call the address (or its ``/fail``), again where that did not help."""
        url = _failing(self._url) if failed else self._url
        for pause in (*PAUSES, None):
            delivery = self._once(url, body)
            if delivery.arrived or pause is None:
                return delivery
            sleep(pause)
        raise AssertionError  # pragma: no cover  (the last round returns)

    def trouble(self) -> str | None:
        """Return why the address cannot be used; nothing is sent there."""
        return self._line.trouble(self._url)

    def _once(self, url: str, body: str) -> Delivery:
        headers = {"Content-Type": "text/plain", "User-Agent": "reconciler"}
        try:
            answer = self._line.post(url, headers, body.encode())
        except NotSent as error:
            return Delivery(Status.FAILED, str(error))
        except Lost as error:
            return Delivery(Status.UNKNOWN, str(error))
        text = answer.body.decode("utf-8", "replace")
        said = shown(f"{answer.status} {text}", (self._url,))
        good = 200 <= answer.status < 300  # noqa: PLR2004
        return Delivery(Status.DELIVERED if good else Status.FAILED, said)


def _failing(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
