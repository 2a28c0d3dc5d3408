"""The postman of Stripe's webhooks: a thread beside the emulator's server."""

from __future__ import annotations

from threading import Event, Thread
from typing import Final

import httpx

from reconciler.sandbox.emulator import Bench, Server
from reconciler.sandbox.stripe_events import posted, returned, signature

_ROUND: Final = 0.02
_ASLEEP: Final = 0.5
#: "Your endpoint must quickly return a successful status code."
_PATIENCE: Final = 10.0


class Posting:
    """A server, and what it sends by itself; never while it holds the bench's lock."""

    def __init__(self, inner: Server, bench: Bench) -> None:
        self._inner = inner
        self.app = getattr(inner, "app", None)
        self._bench = bench
        self._leave = Event()
        self._thread: Thread | None = None

    def start(self, host: str, port: int) -> int:
        """Listen, and begin to deliver; see ``Server``."""
        bound = self._inner.start(host, port)
        self._leave.clear()
        self._thread = Thread(target=self._deliver, daemon=True)
        self._thread.start()
        return bound

    def stop(self) -> None:
        """Stop both."""
        self._leave.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._inner.stop()

    def _deliver(self) -> None:
        waited = _ASLEEP
        while not self._leave.wait(waited):
            told = any(
                one["endpoints"] for one in self._bench.state.get("accounts", [])
            )
            waited = _ROUND if told else _ASLEEP
            due = posted(self._bench) if told else []
            if due:
                self._post(due)

    def _post(self, due: list[dict[str, object]]) -> None:
        with httpx.Client(trust_env=False, timeout=_PATIENCE) as client:
            for letter in due:
                if not _taken(client, self._bench, letter):
                    returned(self._bench, letter)


def _taken(client: httpx.Client, bench: Bench, letter: dict[str, object]) -> bool:
    body, moment = str(letter["body"]), int(bench.clock().timestamp())
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signature(str(letter["secret"]), moment, body),
    }
    try:
        answer = client.post(str(letter["url"]), content=body, headers=headers)
    except httpx.HTTPError:
        return False
    return answer.is_success
