"""
GitHub's REST API, as far as the workflows need it.

https://docs.github.com/en/rest (version 2022-11-28). The token goes to the API's own
host over verified TLS, never to where a redirect leads, and is masked in every error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

import httpx

from reconciler.audit.redact import redactor
from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient, UsageError

API: Final = "https://api.github.com"
VERSION: Final = "2022-11-28"
#: A read that was not answered is asked this often at most.
TRIES: Final = 3
#: The longest one waits, in seconds, until a rate limit lets a request through.
PATIENCE: Final = 180.0
#: Where a secondary limit does not say how long, GitHub wants a minute.
_MINUTE: Final = 60.0
_PAGES: Final = 50
_SAID: Final = 300
_LOCAL: Final = {"127.0.0.1", "::1", "localhost"}
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Repository(NamedTuple):
    """
    Where to speak to, and as whom.

    Attributes:
        name: ``owner/name``.
        api: The API's address, ``GITHUB_API_URL``.
    """

    name: str
    token: str
    api: str = API


class GitHub:
    """
    One repository at GitHub. Use as a context manager.

    Args:
        repository: Which, and with which token.
        clock: The time, to know how long a limit lasts.
        sleep: How to wait, in seconds.

    Raises:
        UsageError: The repository's name or the API's address cannot be used.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self.name = repository.name
        self._base = checked(repository).rstrip("/")
        self._token = repository.token
        self._mask = redactor([repository.token])
        self._clock, self._sleep = clock, sleep
        self._client = httpx.Client(
            verify=_tls(urlsplit(self._base).scheme),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(20.0, connect=10.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"GitHub({self.name})"

    def get(self, path: str, **query: str | int) -> Any:
        """
        Return the JSON at *path* below the repository.

        Raises:
            ProviderError: It cannot be read.
        """
        return self._json("GET", self._url(path), query=query)

    def pages(self, path: str, *, key: str = "", **query: str | int) -> Iterator[Any]:
        """
        Yield every entry of a list, page after page.

        Args:
            path: The list, below the repository.
            key: Where the entries are, in answers that are no plain list.
            query: What to filter by.

        Raises:
            ProviderError: A page cannot be read, or there are too many.
        """
        url, asked = self._url(path), {"per_page": 100, **query}
        for _ in range(_PAGES):
            answer = self._answer("GET", url, query=asked)
            found = _parsed(answer)
            yield from found[key] if key else found
            after = _NEXT.search(answer.headers.get("link", ""))
            if after is None:
                return
            # The link carries the whole query; it must lead to the same host.
            url, asked = self._same_host(after[1]), {}
        raise Rejected(f"GitHub's list {path} has more than {_PAGES} pages")

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        """
        Send *body* and return the JSON of the answer; None where there is none.

        Raises:
            Rejected: Nothing happened.
            Transient: Nothing happened; later it may.
            Ambiguous: It may have happened.
        """
        return self._json(method, self._url(path), body=body)

    def delete(self, path: str) -> None:
        """Delete what is at *path*; harmless where it is gone."""
        try:
            self._answer("DELETE", self._url(path))
        except Rejected as error:
            if "404" not in error.what:
                raise

    def download(self, path: str, most: int) -> bytes:
        """
        Return a file of at most *most* bytes; GitHub redirects to another host.

        Raises:
            ProviderError: It is larger, gone, or cannot be read.
        """
        answer = self._answer("GET", self._url(path))
        where = answer.headers.get("location")
        if answer.status_code not in {302, 307} or not where:
            raise Rejected(f"GitHub did not say where {path} is")
        where = urljoin(str(answer.url), where)
        _secure(where)
        data = bytearray()
        try:
            # Another host: it gets no token, the address is its permission.
            with self._client.stream("GET", where) as file:
                if not file.is_success:
                    raise Transient(f"the file answers with {file.status_code}")
                for part in file.iter_bytes():
                    data += part
                    if len(data) > most:
                        raise Rejected(f"the file has more than {most} bytes")
        except httpx.TransportError as error:
            raise Transient(
                f"the file cannot be read: {type(error).__name__}"
            ) from None
        return bytes(data)

    def _url(self, path: str) -> str:
        return f"{self._base}/repos/{self.name}{path}"

    def _same_host(self, url: str) -> str:
        if urlsplit(url)[:2] != urlsplit(self._base)[:2]:
            raise Rejected("GitHub's next page is on another host")
        return url

    def _json(self, method: str, url: str, **more: Any) -> Any:
        answer = self._answer(method, url, **more)
        return _parsed(answer) if answer.content else None

    def _answer(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        """Ask, and ask again where that is safe; never longer than is bearable."""
        waited, tries = 0.0, 0
        while True:
            tries += 1
            try:
                answer = self._client.request(
                    method, url, params=query or None, json=body, headers=self._headers
                )
            except _NOT_SENT as error:
                failure: ProviderError = Transient(
                    f"GitHub cannot be reached: {type(error).__name__}"
                )
                pause = float(2**tries)
            except httpx.TransportError as error:
                failure = _lost(method, type(error).__name__)
                pause = float(2**tries)
            else:
                limited = self._limited(answer)
                if limited is None and answer.status_code < 400:  # noqa: PLR2004
                    return answer
                failure = self._refused(method, answer, limited=limited is not None)
                pause = float(2**tries) if limited is None else limited
            again = tries < TRIES and isinstance(failure, Transient)
            if not again or waited + pause > PATIENCE:
                raise failure
            waited += pause
            self._sleep(pause)

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {self._token}",
            "x-github-api-version": VERSION,
            "user-agent": "reconciler",
        }

    def _limited(self, answer: httpx.Response) -> float | None:
        """In how many seconds a rate limit is over; None where there is none."""
        if answer.status_code not in {403, 429}:
            return None
        after = answer.headers.get("retry-after", "")
        if after.isdigit():
            return float(after)
        reset = answer.headers.get("x-ratelimit-reset", "")
        if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(1.0, int(reset) - self._clock().timestamp())
        if answer.status_code == 429 or "rate limit" in answer.text.lower():  # noqa: PLR2004
            return _MINUTE
        return None

    def _refused(
        self, method: str, answer: httpx.Response, *, limited: bool
    ) -> ProviderError:
        said = self._mask(_message(answer))[:_SAID]
        what = f"GitHub answers with {answer.status_code}: {said}"
        request = answer.headers.get("x-github-request-id")
        if limited:
            return Transient(what, request_id=request)
        if answer.status_code >= 500:  # noqa: PLR2004
            return _lost(method, what, request)
        hint = _HINTS.get(answer.status_code)
        return Rejected(what, hint=hint, request_id=request)


def approvers(
    github: GitHub, run: int, environment: str
) -> tuple[tuple[str, str], ...]:
    """
    Return (login, comment) of everybody who let *run* into *environment*.

    Somebody who rejected it is not among them, whatever they said before.

    Raises:
        ProviderError: The reviews cannot be read.
    """
    reviews = github.get(f"/actions/runs/{run}/approvals")
    said: dict[str, tuple[str, str]] = {}
    for review in reviews:
        named = {str(one["name"]) for one in review["environments"]}
        if environment in named and review.get("user"):
            login = str(review["user"]["login"])
            said[login] = (str(review["state"]), str(review.get("comment") or ""))
    return tuple(
        (login, comment)
        for login, (state, comment) in sorted(said.items())
        if state == "approved"
    )


def checked(repository: Repository) -> str:
    """
    Return the API's address, where a token may be sent to it.

    Raises:
        UsageError: It may not, or the repository's name is none.
    """
    if not _REPOSITORY.fullmatch(repository.name):
        raise UsageError(
            f"{repository.name!r} is no repository", hint="write it as owner/name"
        )
    if not repository.token or not repository.token.isascii():
        raise UsageError(
            "there is no token for GitHub",
            hint="set GITHUB_TOKEN; in a workflow: env: {GITHUB_TOKEN: "
            "${{ github.token }}}",
        )
    _secure(repository.api)
    return repository.api


def _secure(url: str) -> None:
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOCAL
    if (parts.scheme != "https" and not local) or not parts.hostname or parts.username:
        raise UsageError(
            f"{parts.scheme}://{parts.hostname} is no address for a token",
            hint="GITHUB_API_URL begins with https://",
        )


@cache
def _tls(scheme: str) -> SSLContext:
    if scheme == "http":  # a server on this machine: never used, trusts nobody
        return SSLContext(PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context(trust_env=False)


def _parsed(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        method = answer.request.method
        raise _lost(method, "GitHub's answer is no JSON") from None


def _message(answer: httpx.Response) -> str:
    try:
        data = answer.json()
    except ValueError:
        return answer.reason_phrase
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def _lost(method: str, what: str, request: str | None = None) -> ProviderError:
    if method == "GET":
        return Transient(f"GitHub did not answer well: {what}", request_id=request)
    return Ambiguous(
        f"it is not known whether GitHub did it: {what}",
        hint="run it again: it looks first, and does nothing twice",
        request_id=request,
    )


_HINTS = {
    401: "GITHUB_TOKEN is not valid (any more)",
    403: "give the job the permission it lacks; a fork's token can only read",
    404: "it does not exist, or the token may not see it",
}
