"""
Keys in Vault: one secret for each certificate, in a key/value engine of version 2.

Source: the HTTP API of the engine (``/v1/<mount>/data/<path>``). What follows from it:

* ``options.cas`` is compared with the current version; 0 is *there is none*. A mismatch
  is an answer 400 whose text begins with ``check-and-set parameter``.
* A secret that was deleted answers 404 *with* its metadata; its version goes on.
* A token without the right to read is told 403 whether or not there is something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account, Advice
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._keys_document import Found, moved_on

CREDENTIALS: Final = frozenset({"token"})
_DEFAULT: Final = "https://127.0.0.1:8200"
_COMPARED: Final = "check-and-set"
_STRANGE: Final = "what Vault answers is no secret of version 2: is it the mount?"


class Vault:
    """The secrets below *path*, whose first part is the engine's mount."""

    def __init__(self, account: Account, path: str) -> None:
        mount = account.settings.get("mount", path.partition("/")[0])
        self._mount = mount.strip("/")
        self._below = path.removeprefix(self._mount).strip("/")
        headers = {
            "X-Vault-Token": account.secrets["token"],
            "X-Vault-Request": "true",
        }
        if namespace := account.settings.get("namespace"):
            headers["X-Vault-Namespace"] = namespace
        words = Words(said=lambda _: "", refused=_refused, request_id=_request)
        self._name = account.name
        self._http = Http(account, _DEFAULT, words, headers=headers)

    def __repr__(self) -> str:
        return f"Vault({self._name}, {self._mount}/{self._below})"

    def read(self, name: str) -> Found | None:
        """Return the current version."""
        said: Any = None
        try:
            said = self._http.call(
                "GET", self._at(name), operation="read the keys", effect=False
            ).data
        except _NotThere as none:
            said = none.said
        if isinstance(said, dict) and said.get("errors") == []:
            return None
        match said:
            case {
                "data": {"data": dict() as data, "metadata": {"version": int() as n}}
            }:
                return Found(json.dumps(data).encode(), str(n))
            case {"data": {"metadata": {"version": int() as n}}}:
                return Found(None, str(n))
            case _:
                raise Rejected(_STRANGE)

    def write(self, name: str, raw: bytes, version: str) -> str:
        """Keep *raw* as the next version; see ``Store.write``."""
        if version and not version.isdigit():
            raise moved_on(name)  # it was read from a store of another kind
        body = {"options": {"cas": int(version or 0)}, "data": json.loads(raw)}
        operation = "write the keys"
        moved = False
        said: Any = None
        try:
            said = self._http.call(
                "POST", self._at(name), operation=operation, effect=True, json=body
            ).data
        except _Compared:
            moved = True
        if moved:
            raise moved_on(name)
        match said:
            case {"data": {"version": int() as n}}:
                return str(n)
            case _:
                raise Rejected(_STRANGE)

    def examine(self) -> Iterator[Advice]:
        """Say what is unwise about the token; see ``Driver.examine``."""
        said = self._http.call(
            "GET",
            "/v1/auth/token/lookup-self",
            operation="look at the token",
            effect=False,
        ).data
        about = said.get("data") if isinstance(said, dict) else None
        if not isinstance(about, dict):
            raise Rejected(_STRANGE)
        if "root" in (about.get("policies") or ()):
            yield Advice(
                "it is a root token: no policy limits it",
                "make a policy with create, read and update on the path below data/, "
                "and a token of that policy alone",
            )

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _at(self, name: str) -> str:
        parts = (self._mount, "data", self._below, name)
        return "/v1/" + "/".join(part for part in parts if part)


class _NotThere(Rejected):
    """There is none, or it was deleted."""

    said: Any = None


class _Compared(Rejected):
    """It has another version."""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    """Say what an answer means in our own words: its text may repeat what was sent."""
    number = reply.request_id
    match reply.status:
        case 404:
            none = _NotThere(text, request_id=number)
            none.said = reply.data
            return none
        case 403:
            why = "Vault: permission denied"
            hint = "the token needs create, read and update on the path below data/"
            return Rejected(why, hint=hint, request_id=number)
        case 412 | 472 | 473:
            return Transient("Vault: this server cannot answer now", request_id=number)
        case 400 if _says_compared(reply.data):
            return _Compared(text, request_id=number)
        case status if status >= 400:  # noqa: PLR2004
            return Rejected(text, request_id=number)
    return None


def _says_compared(data: Any) -> bool:
    errors = data.get("errors") if isinstance(data, dict) else None
    return isinstance(errors, list) and any(_COMPARED in str(one) for one in errors)


def _request(data: Any) -> str | None:
    found = data.get("request_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) else None
