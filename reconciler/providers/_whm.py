"""WHM API 1 as a connection: its tokens, its envelope, and its way to say no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._answers import mapping
from reconciler.providers._http import Http, Reply, Words

CREDENTIALS: Final = frozenset({"user", "token"})
#: The vendor names no limit. A large account takes its time to be suspended; an answer
#: that takes longer than this is lost, and what came of it is read.
_LIMITS: Final = {"requestsPerSecond": 5.0, "timeoutSeconds": 45.0}


class SaidNo(Rejected):
    """The function itself failed, perhaps half-way."""


class Whm:
    """
    One server, as the user of one token.

    Every function is a GET in the vendor's reference, and takes a POST as well; a
    failure is an answer 200: ``metadata.result`` alone decides. There is no
    idempotency key. What has an effect is sent again only where it never left.
    """

    def __init__(self, account: Account) -> None:
        if account.endpoint is None:
            raise Rejected(
                "a WHM account needs its endpoint",
                hint="endpoint: https://whm1.agency.example:2087",
            )
        user, token = account.secrets["user"], account.secrets["token"]
        self.http = Http(
            account,
            account.endpoint,
            _WORDS,
            headers={"Authorization": f"whm {user}:{token}"},
            limits=_LIMITS,
        )

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        name = str(self.read("gethostname").get("hostname") or "")
        return name.lower() or None

    def read(self, function: str, **params: str) -> Mapping[str, Any]:
        """Return the ``data`` of a function that changes nothing."""
        reply = self.call(function, params, effect=False)
        return mapping(mapping(reply.data).get("data"))

    def call(self, function: str, params: Mapping[str, str], *, effect: bool) -> Reply:
        """Return the answer of *function*; raise SaidNo where it says it failed."""
        return self.http.call(
            "GET",
            f"/json-api/{function}",
            operation=function,
            effect=effect,
            params={"api.version": 1, **params},
        )

    def post(self, function: str, params: Mapping[str, str], *, effect: bool) -> Reply:
        """Do the same with *params* in the body: what is in a URL ends in logs."""
        return self.http.call(
            "POST",
            f"/json-api/{function}",
            operation=function,
            effect=effect,
            form=urlencode({"api.version": 1, **params}),
        )


def _said(data: Any) -> str:
    """Return the reason of a failure; where nobody was let in it is another shape."""
    match data:
        case {"metadata": {"reason": reason}} if not _succeeded(data):
            return str(reason)
        case {"cpanelresult": {"error": error}}:
            return str(error)
        case _:
            return ""


def _succeeded(data: Any) -> bool | None:
    match data:
        case {"metadata": {"result": 0 | 1 | "0" | "1" as result}}:
            return str(result) == "1"
        case _:
            return None


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status >= 300:  # noqa: PLR2004
        return Rejected(text)
    match _succeeded(reply.data):
        case True:
            return None
        case False:
            return SaidNo(text)
        case None:
            return Ambiguous(f"{text}: it says neither yes nor no")


_WORDS: Final = Words(_said, _refused)
