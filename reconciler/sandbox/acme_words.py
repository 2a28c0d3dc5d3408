"""What every part of the ACME emulator says: problems, times, and who asks whom."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from reconciler.sandbox.acme_seeds import AuthoritySeed
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.rest import Answer

NAMESPACE: Final = "urn:ietf:params:acme:error:"
_PROBLEM: Final = {"content-type": "application/problem+json"}
_MOST_NONCES: Final = 5000
#: Nothing is kept of a nonce but that it may still be used.
_UNUSED: Final = 1
Row = dict[str, Any]


class Problem(Exception):
    """
    A refusal, as RFC 8555, 6.7 and RFC 9457 write it.

    Args:
        kind: The last part of its type, as in ``badNonce``.
        detail: What a person reads.
        headers: What is sent with it.
        more: Further members of the document.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        status: int = 400,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.headers = dict(headers or {})
        self._more = more

    @property
    def document(self) -> Row:
        """The problem as JSON."""
        said = {"type": NAMESPACE + self.kind, "detail": str(self)}
        return {**said, "status": self.status, **self._more}

    @property
    def answer(self) -> Answer:
        """The problem as an answer."""
        return Answer(self.status, self.document, {**_PROBLEM, **self.headers})


def malformed(detail: str, status: int = 400) -> Problem:
    """Return the problem of a request that cannot be read."""
    return Problem("malformed", detail, status)


def unauthorized(detail: str, status: int = 403) -> Problem:
    """Return the problem of somebody who may not."""
    return Problem("unauthorized", detail, status)


def missing(detail: str) -> Problem:
    """Return the problem of a thing that is not there."""
    return malformed(detail, 404)


@dataclass(slots=True)
class Ca:
    """
    One authority of the sandbox, for one request.

    Attributes:
        name: The first part of its URLs.
        seed: How it behaves now.
        state: Everything it knows; JSON-able.
    """

    bench: Bench
    name: str
    seed: AuthoritySeed
    state: dict[str, Any]

    @property
    def now(self) -> datetime:
        """The sandbox's time."""
        return self.bench.clock()

    def number(self, what: str) -> int:
        """Return the next number of *what*, counted from 1."""
        found: int = self.state["numbers"].get(what, 0) + 1
        self.state["numbers"][what] = found
        return found

    def token(self, what: str, length: int = 16) -> bytes:
        """Return bytes that nobody guesses, and that a seed gives again."""
        text = f"{self.state['seed']}:{what}:{self.number(what)}"
        return hashlib.sha256(text.encode()).digest()[:length]

    def nonce(self) -> str:
        """Return a nonce that may be used once."""
        made = b64(self.token("nonce"))
        unused = self.state["nonces"]
        unused[made] = _UNUSED
        if len(unused) > _MOST_NONCES:
            del unused[next(iter(unused))]
        return made

    def job(self, kind: str, what: str, due: datetime) -> None:
        """Leave something for later: to ``validate`` a challenge, to ``issue``."""
        name = f"{self.name}/{self.number('job')}"
        self.bench.state["jobs"][name] = {
            "authority": self.name,
            "kind": kind,
            "what": what,
            "due": due.timestamp(),
        }


class Ask(NamedTuple):
    """
    One request, read and believed.

    Attributes:
        base: Where the authority's URLs begin.
        rest: What follows the resource's name in the path.
        payload: What was signed; empty for a POST-as-GET.
        account: Whose key signed it, where it was a ``kid``.
        key: The account's or the embedded key, canonical (RFC 7638).
        url: What the client signed as the URL.
        sender: The address it came from.
    """

    base: str
    rest: tuple[str, ...]
    method: str
    payload: bytes = b""
    account: Row | None = None
    key: str = ""
    url: str = ""
    sender: str = ""

    @property
    def owner(self) -> Row:
        """The account that asks; only of resources that need one."""
        assert self.account is not None  # noqa: S101  (``auth`` is "kid")
        return self.account

    @property
    def data(self) -> Row:
        """
        The payload as a JSON object.

        Raises:
            Problem: It is none.
        """
        try:
            found = json.loads(self.payload)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise malformed("The payload is no JSON object")
        return found


class Resource(NamedTuple):
    """
    What is served below one name.

    Attributes:
        name: Of the operation, for counting and for faults.
        path: The part of the path that names it.
        auth: Who must sign: an account by ``kid``, a key by ``jwk``, either, or
            nobody (a plain GET).
        reads: Every POST to it is a POST-as-GET.
    """

    name: str
    path: str
    auth: Literal["kid", "jwk", "either", "none"]
    serve: Callable[[Ca, Ask], Answer]
    reads: bool = False


def b64(data: bytes) -> str:
    """Return *data* in base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: object) -> bytes:
    """
    Read what ``b64`` writes; strictly.

    Raises:
        ValueError: It is no text, has padding, or another letter.
    """
    if not isinstance(text, str) or "=" in text or not text.isascii():
        raise ValueError("not base64url")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    return data


def stamp(when: datetime | float) -> str:
    """Return a time as RFC 3339 writes it, in whole seconds."""
    if not isinstance(when, datetime):
        when = datetime.fromtimestamp(when, UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
