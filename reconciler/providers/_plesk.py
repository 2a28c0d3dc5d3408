"""
A Plesk server as a connection: REST, its gateway to command lines, and its XML API.

One key opens all three. What each is for, and why, is in ADR 0045:

* **REST v2** (``/api/v2``, ``X-API-Key``) knows the server and makes subscriptions; it
  has no call that tells of plans, limits, locks or suspensions.
* **The gateway** (``POST /api/v2/cli/<utility>/call``) runs the panel's own command
  lines. It answers 200 whatever happened: ``code`` alone decides, 0 is a success.
* **The XML API** (``POST /enterprise/control/agent.php``, ``KEY``) tells of every
  subscription in one answer, and takes a certificate with its key in the body. It
  answers 200 too: ``status`` alone decides, of the packet and of each result.

None of them has an idempotency key, and a long command outlives its answer (the web
server in front gives up first). What has an effect is sent again only where it never
left this machine.

Sources: the OpenAPI of REST v2; docs.plesk.com, "Plesk API RPC" ("Handling Errors",
"Managing Secret Keys", "Reduced List of Error Codes") and "Using Command Line
Utilities".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any, Final
from xml.etree.ElementTree import Element

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account, AnyResource, Observation, Observed, Unknown
from reconciler.model.driver import Answered
from reconciler.providers._answers import mapping
from reconciler.providers._http import Http, Reply, Words
from reconciler.providers._plesk_xml import failure, parsed, written

CREDENTIALS: Final = frozenset({"key"})
#: The vendor names no limit. A command that takes longer than this has lost its answer,
#: and what came of it is read.
_LIMITS: Final = {"requestsPerSecond": 5.0, "timeoutSeconds": 60.0}
_AGENT: Final = "/enterprise/control/agent.php"
#: "Object does not exist."
_MISSING: Final = 1013


class SaidNo(Rejected):
    """The panel itself said that it failed, perhaps half-way."""


class Missing(SaidNo):
    """The panel says that there is no such thing."""


class Plesk:
    """One server, with the key of its administrator."""

    def __init__(self, account: Account) -> None:
        if account.endpoint is None:
            raise Rejected(
                "a Plesk account needs its endpoint",
                hint="endpoint: https://plesk1.agency.example:8443",
            )
        self._key = account.secrets["key"]
        self.http = Http(
            account,
            account.endpoint,
            _WORDS,
            headers={"X-API-Key": self._key, "Accept": "application/json"},
            limits=_LIMITS,
        )

    def close(self) -> None:
        """Let go of connections."""
        self.http.close()

    def identity(self) -> str | None:
        """Return the server's host name."""
        reply = self.http.call(
            "GET", "/api/v2/server", operation="server", effect=False
        )
        return str(mapping(reply.data).get("hostname") or "").lower() or None

    def create(self, domain: Mapping[str, Any]) -> str:
        """Make a subscription with its site; return the id of that."""
        reply = self.http.call(
            "POST", "/api/v2/domains", operation="domains", effect=True, json=domain
        )
        return str(mapping(reply.data).get("id") or "")

    def command(
        self,
        utility: str,
        *params: str,
        effect: bool,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """
        Run one of the panel's command lines and return what it wrote.

        Secrets go into *env* alone: what is in *params* is seen by whoever lists the
        server's processes.

        Raises:
            SaidNo: Its code is not 0.
            Ambiguous: The answer has no code.
        """
        operation = f"{utility} {params[0]}"
        reply = self.http.call(
            "POST",
            f"/api/v2/cli/{utility}/call",
            operation=operation,
            effect=effect,
            json={"params": list(params), **({"env": dict(env)} if env else {})},
        )
        said = mapping(reply.data)
        match said.get("code"):
            case bool():
                pass
            case 0:
                return str(said.get("stdout") or "")
            case int() as code:
                raise SaidNo(self._shown(f"{operation}: code {code} {_told(said)}"))
            case _:
                pass
        what = f"{operation}: it says neither yes nor no"
        raise Ambiguous(what) if effect else Transient(what)

    def packet(
        self, *operators: Element, operation: str, effect: bool = False
    ) -> Element:
        """
        Send a packet of *operators*; return the answer, all of whose results are ok.

        Raises:
            Missing: There is no such thing.
            SaidNo: A result of it is a failure.
            Rejected: The whole packet was refused.
            Ambiguous: *effect*, and the answer is no packet.
        """
        reply = self.http.call(
            "POST",
            _AGENT,
            operation=operation,
            effect=effect,
            text=written(operators),
            headers={"KEY": self._key, "Content-Type": "text/xml"},
            plain=True,
        )
        try:
            found = parsed(str(reply.data))
        except ValueError as error:
            lost = Ambiguous if effect else Transient
            raise lost(f"{operation}: the answer is no packet: {error}") from None
        wrong = failure(found)
        if wrong is None:
            return found
        what = self._shown(f"{operation}: error {wrong.code} {wrong.text}")
        if wrong.whole:
            raise Rejected(what)
        raise (Missing if wrong.code == _MISSING else SaidNo)(what)

    def fetched(self, packet: str, into: IO[bytes], most: int) -> Answered:
        """Send a packet whose answer is a file; write that *into*, cut after *most*."""
        return self.http.save(
            f"{self.http.base}{_AGENT}",
            into,
            operation="download-file",
            body=packet.encode(),
            headers={"KEY": self._key, "Content-Type": "text/xml"},
            most=most,
        )

    def shown(self, text: str) -> str:
        """Return what may be shown of *text*, on one line."""
        return self._shown(text)

    def _shown(self, text: str) -> str:
        return self.http.shown(" ".join(text.split()))


def nobody_knows(
    wants: Iterable[AnyResource], error: ProviderError, requests: Mapping[str, int]
) -> Observation:
    """Return what is known of *wants* where the server could not be read."""
    lost = Unknown(why=error.what, request_id=error.request_id)
    states: dict[str, Observed] = {want.name: lost for want in wants}
    return Observation(states, requests=requests)


def _told(said: Mapping[str, Any]) -> str:
    return str(said.get("stderr") or said.get("stdout") or "it says nothing")


def _said(data: Any) -> str:
    match data:
        case {"message": str() as message}:
            return message
        case _:
            return ""


def _refused(reply: Reply, text: str) -> ProviderError | None:
    return Rejected(text) if reply.status >= 300 else None  # noqa: PLR2004


_WORDS: Final = Words(_said, _refused)
