"""UAPI of one cPanel account as a connection: its token, its envelope, its no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._answers import mapping
from reconciler.providers._http import Http, Reply, Words

CREDENTIALS: Final = frozenset({"user", "token"})
_LIMITS: Final = {"requestsPerSecond": 5.0, "timeoutSeconds": 45.0}


class SaidNo(Rejected):
    """The function itself failed, perhaps half-way."""


class Cpanel:
    """
    One account, as its own user.

    Every function is ``/execute/Module/function``; a failure is an answer 200 with
    ``status`` 0 and ``errors``. The reference shows the answer inside of ``result``, as
    the command line prints it; over HTTP it comes bare. Both are read.
    """

    def __init__(self, account: Account) -> None:
        if account.endpoint is None:
            raise Rejected(
                "a cPanel account needs its endpoint",
                hint="endpoint: https://web1.agency.example:2083",
            )
        self.user = account.secrets["user"]
        token = account.secrets["token"]
        self.http = Http(
            account,
            account.endpoint,
            _WORDS,
            headers={"Authorization": f"cpanel {self.user}:{token}"},
            limits=_LIMITS,
        )

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    def read(self, module: str, function: str, **params: str) -> Any:
        """Return the ``data`` of a function that changes nothing."""
        path = f"/execute/{module}/{function}"
        reply = self.http.call(
            "GET", path, operation=function, effect=False, params=params or None
        )
        return _body(reply.data).get("data")

    def has(self, feature: str) -> bool:
        """Say whether the account has *feature*: here a ``status`` of 0 tells."""
        path = "/execute/Features/has_feature"
        try:
            self.http.call(
                "GET",
                path,
                operation="has_feature",
                effect=False,
                params={"name": feature},
            )
        except SaidNo:
            return False
        return True

    def post(self, module: str, function: str, params: Mapping[str, str]) -> Any:
        """Return the ``data`` of a function that does something; nothing in the URL."""
        reply = self.http.call(
            "POST",
            f"/execute/{module}/{function}",
            operation=function,
            effect=True,
            form=urlencode(params),
        )
        return _body(reply.data).get("data")


def _body(data: Any) -> Mapping[str, Any]:
    said = mapping(data)
    return mapping(said["result"]) if "result" in said else said


def _said(data: Any) -> str:
    if not isinstance(data, dict):
        return ""
    inner = data.get("result", data)
    errors = inner.get("errors") if isinstance(inner, dict) else None
    return "; ".join(map(str, errors)) if isinstance(errors, list) else ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    if reply.status >= 300:  # noqa: PLR2004
        return Rejected(text)
    inner = reply.data.get("result", reply.data) if reply.data else None
    match inner:
        case {"status": 1 | "1"}:
            return None
        case {"status": 0 | "0" | None}:
            return SaidNo(text)
        case _:
            return Ambiguous(f"{text}: it says neither yes nor no")


_WORDS: Final = Words(_said, _refused)
