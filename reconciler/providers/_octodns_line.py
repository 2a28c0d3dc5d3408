"""
The line between an octoDNS provider class and its vendor's HTTP API.

It takes the place of the ``requests`` session that the class made: it keeps the pace,
counts, asks again where that is safe, and knows what may have had an effect.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import requests

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers._limit import Limit
from reconciler.providers._said import named, shown

#: A question is asked this often at most, and so is what was told to wait.
_TRIES = 3
_THROTTLED = 429
_NOT_FOUND = 404
_REQUEST_IDS = ("CF-Ray", "X-Request-Id")

logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)


class Trunk:
    """All lines of one account: one connection pool, one pace, one count."""

    def __init__(self, account: Account, per_second: float | None) -> None:
        self.account = account
        own = {} if per_second is None else {"requestsPerSecond": per_second}
        self.limit = Limit({**own, **account.limits}, account.clock, account.sleep)
        self.counts: Counter[str] = Counter()
        self.session = requests.Session()
        self.session.trust_env = False
        for scheme in ("http://", "https://"):
            pool = requests.adapters.HTTPAdapter(pool_maxsize=8)
            self.session.mount(scheme, pool)

    def error(
        self, kind: type[ProviderError], what: str, request_id: str | None = None
    ) -> ProviderError:
        """Return an error that shows neither secrets nor long answers."""
        said = shown(what, self.account.secrets.values())
        return kind(said, request_id=request_id)

    def close(self) -> None:
        """Let go of the connections."""
        self.session.close()


class Line:
    """
    One reading or one change; quacks like a ``requests`` session.

    Attributes:
        effects: How many requests with an effect were answered well.
        answer: The last good answer, and ``request_id`` its id.
    """

    def __init__(
        self,
        trunk: Trunk,
        headers: Mapping[str, str],
        operation: Callable[[str, str], str],
    ) -> None:
        self._trunk = trunk
        self._headers = dict(headers)
        self._operation = operation
        self.effects = 0
        self.request_id: str | None = None
        self.answer: Any = None

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> Any:
        """
        Return the answer, if it is a good one or a 404 to a question.

        Raises:
            Transient: No answer to a question, or the effect was refused for now.
            Rejected: Refused.
            Ambiguous: It may have had an effect, or others before it had theirs.
        """
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(method, url, params, json, timeout)
            except _AskAgain as busy:
                if not left:
                    raise self._failed(Transient, busy.what, busy.request_id) from None
                self._trunk.account.sleep(busy.after)
        raise AssertionError("unreachable")

    def _once(
        self, method: str, url: str, params: Any, json: Any, timeout: float | None
    ) -> Any:
        trunk = self._trunk
        trunk.limit.wait()
        trunk.counts[self._operation(method, url)] += 1
        try:
            answer = trunk.session.request(
                method,
                url,
                params=params,
                json=json,
                timeout=timeout,
                headers=self._headers,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._unanswered(method, error) from None
        return self._judged(method, answer)

    def _unanswered(self, method: str, error: Exception) -> Exception:
        what = f"no answer: {_cause(error)}"
        if method == "GET":
            return _AskAgain(what, None, 1.0)
        sent = not isinstance(error, requests.ConnectTimeout) and not _refused(error)
        return self._failed(Ambiguous if sent else Transient, what, None)

    def _judged(self, method: str, answer: Any) -> Any:
        found = (answer.headers[n] for n in _REQUEST_IDS if n in answer.headers)
        secrets = self._trunk.account.secrets.values()
        self.request_id = named(next(found, None), secrets)
        status = answer.status_code
        if status < 300:  # noqa: PLR2004
            if method != "GET":
                self.effects += 1
            self.answer = answer
            return answer
        if method == "GET" and status == _NOT_FOUND:
            return answer
        raise self._refusal(method, status, answer)

    def _refusal(self, method: str, status: int, answer: Any) -> Exception:
        what = f"HTTP {status}: {_words(answer)}"
        busy = status == _THROTTLED
        if busy or (method == "GET" and status >= 500):  # noqa: PLR2004
            return _AskAgain(what, self.request_id, _retry_after(answer))
        kind = Ambiguous if status >= 500 else Rejected  # noqa: PLR2004
        return self._failed(kind, what, self.request_id)

    def _failed(
        self, kind: type[ProviderError], what: str, request_id: str | None
    ) -> ProviderError:
        if self.effects and kind is not Ambiguous:
            kind, what = Ambiguous, f"stopped half-way: {what}"
        return self._trunk.error(kind, what, request_id)


class _AskAgain(Exception):
    """Nothing happened, and the same may be asked again after a while."""

    def __init__(self, what: str, request_id: str | None, after: float) -> None:
        super().__init__(what)
        self.what = what
        self.request_id = request_id
        self.after = after


def _retry_after(answer: Any) -> float:
    given = answer.headers.get("Retry-After", "")
    return min(float(given), 60.0) if given.isdigit() else 1.0


def _refused(error: Exception) -> bool:
    """Whether the connection itself was refused, so that nothing was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _cause(error: Exception) -> str:
    return type(error).__name__


def _words(answer: Any) -> str:
    try:
        said = answer.json()
    except ValueError:
        return str(answer.reason)
    if isinstance(said, dict):
        errors = said.get("errors")
        if isinstance(errors, list) and errors:
            return "; ".join(
                f"{e.get('code')} {e.get('message')}" if isinstance(e, dict) else str(e)
                for e in errors
            )
        return str(said.get("error") or said.get("message") or answer.reason)
    return str(answer.reason)
