"""
The door of the ACME emulator: believes a request, serves it, and does what is due.

Every POST is verified first: content type, signature, ``url``, a nonce that was given
out and not used, ``kid`` or ``jwk`` as the resource wants it. Challenges are looked at
and certificates made after the answer and without the lock: by threads where there is a
socket, at once (or at the next request after they are due) where there is none.
"""

from __future__ import annotations

import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.sandbox import (
    acme_accounts,
    acme_finalize,
    acme_jws,
    acme_orders,
    acme_renewal,
    acme_validation,
)
from reconciler.sandbox.acme_seeds import AuthoritySeed
from reconciler.sandbox.acme_words import (
    Ask,
    Ca,
    Problem,
    Resource,
    Row,
    malformed,
    missing,
    unauthorized,
)
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.gate import Gate
from reconciler.sandbox.rest import Answer
from reconciler.sandbox.server import AsgiServer

_JOSE: Final = "application/jose+json"
_WORKERS: Final = 4
_SHARES: Final = 2**32
_GIVES_UP: Final = 503
_SURPRISE: Final = (
    "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417"
)


def _directory(ca: Ca, ask: Ask) -> Answer:
    """List what there is (RFC 8555, 7.1.1)."""
    meta: Row = {
        "caaIdentities": ca.seed.caa_identities,
        "website": ca.seed.website,
        "externalAccountRequired": ca.seed.external_account_required,
    }
    if ca.seed.terms:
        meta["termsOfService"] = ca.seed.terms
    if ca.seed.lists_profiles:
        meta["profiles"] = {name: one.says for name, one in ca.seed.profiles.items()}
    said = {
        # Let's Encrypt adds one that nobody can know, so that nobody minds another.
        ca.state[
            "surprise"
        ]: "https://community.letsencrypt.org/t/adding-random-entries-to-the-directory/33417",
        "newNonce": f"{ask.base}/acme/new-nonce",
        "newAccount": f"{ask.base}/acme/new-acct",
        "newOrder": f"{ask.base}/acme/new-order",
        "revokeCert": f"{ask.base}/acme/revoke-cert",
        "keyChange": f"{ask.base}/acme/key-change",
        "meta": meta,
    }
    if ca.seed.renewal_info:
        said["renewalInfo"] = f"{ask.base}/acme/renewal-info"
    return Answer(200, said)


def _nonce(ca: Ca, ask: Ask) -> Answer:
    """Give a nonce (RFC 8555, 7.2)."""
    headers = {"replay-nonce": ca.nonce(), "cache-control": "no-store"}
    return Answer(200 if ask.method == "HEAD" else 204, b"", headers)


_RESOURCES: Final = {
    resource.path: resource
    for resource in (
        Resource("directory", "directory", "none", _directory),
        Resource("newNonce", "new-nonce", "none", _nonce),
        *acme_accounts.RESOURCES,
        *acme_orders.RESOURCES,
        *acme_finalize.RESOURCES,
        *acme_renewal.RESOURCES,
    )
}
_WORK: Final = {"validate": acme_validation.validate, "issue": acme_validation.issue}


class Front:
    """An ASGI application over all authorities of a bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._seeds: dict[str, tuple[Row, AuthoritySeed]] = {}
        self._busy: set[str] = set()
        self.threads: ThreadPoolExecutor | None = None

    def name(self, scope: Scope, _: bytes) -> str:
        """Name the operation of a request, as in ``main/newOrder``."""
        authority, resource, _rest = _split(scope["path"])
        return f"{authority}/{resource.name}" if resource else "unknown"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and whatever is due."""
        parts: list[bytes] = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                break
        self._work()
        with self._bench.lock:
            answer = self._answer(scope, b"".join(parts))
        await _say(answer, scope["method"], send)
        self._work()

    def ca(self, name: str) -> Ca | None:
        """Return an authority as it is now; None where there is none so named."""
        state = self._bench.state["authorities"].get(name)
        if state is None:
            return None
        settings = state["settings"]
        known, seed = self._seeds.get(name, (None, None))
        if known is not settings or seed is None:
            seed = AuthoritySeed.model_validate(settings)
            self._seeds[name] = settings, seed
        return Ca(self._bench, name, seed, state)

    # -- work ----------------------------------------------------------------------

    def _work(self) -> None:
        """Begin what is due."""
        with self._bench.lock:
            now = self._bench.clock().timestamp()
            due = [
                (name, job)
                for name, job in self._bench.state["jobs"].items()
                if job["due"] <= now and name not in self._busy
            ]
            self._busy |= {name for name, _ in due}
        for name, job in due:
            if self.threads is None:
                self._do(name, job)
            else:
                self.threads.submit(self._do, name, job)

    def _do(self, name: str, job: Row) -> None:
        try:
            ca = self.ca(job["authority"])
            if ca is not None:
                _WORK[job["kind"]](ca, job["what"])
        finally:
            with self._bench.lock:
                self._bench.state["jobs"].pop(name, None)
                self._busy.discard(name)

    # -- one request ---------------------------------------------------------------

    def _answer(self, scope: Scope, body: bytes) -> Answer:
        authority, resource, rest = _split(scope["path"])
        ca = self.ca(authority)
        headers = {n.decode().lower(): v.decode("latin-1") for n, v in scope["headers"]}
        if ca is None:
            return missing(f"There is no authority {authority!r}").answer
        base = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
        try:
            answer = _served(ca, resource, rest, base, scope, headers, body)
        except Problem as problem:
            answer = problem.answer
        more = {}
        if scope["method"] == "POST" and ca.now.timestamp() >= ca.seed.down_until:
            more["replay-nonce"] = ca.nonce()
        if resource is None or resource.name != "directory":
            link = f'<{base}/{authority}/directory>;rel="index"'
            said = answer.headers.get("link")
            more["link"] = f"{link}, {said}" if said else link
        return answer._replace(headers={**answer.headers, **more})


def _split(path: str) -> tuple[str, Resource | None, tuple[str, ...]]:
    """Return the authority, the resource, and what follows."""
    _, authority, *rest = [*path.split("/"), ""][: path.count("/") + 1]
    if rest[:1] == ["acme"]:
        rest = rest[1:]
    return authority, _RESOURCES.get(rest[0] if rest else ""), tuple(rest[1:])


def _served(
    ca: Ca,
    resource: Resource | None,
    rest: tuple[str, ...],
    base: str,
    scope: Scope,
    headers: Row,
    body: bytes,
) -> Answer:
    if ca.now.timestamp() < ca.seed.down_until:
        raise _down(ca)
    method = scope["method"]
    if resource is None:
        raise missing("The requested resource does not exist")
    public = resource.auth == "none"
    if method != "POST" and not (public and method in {"GET", "HEAD"}):
        allowed = "GET, HEAD, POST" if public else "POST"
        raise Problem(
            "malformed", "Method not allowed", 405, headers={"allow": allowed}
        )
    sender = str((scope.get("client") or ("inside",))[0])
    ask = Ask(f"{base}/{ca.name}", rest, method, sender=sender)
    if method == "POST":
        query = scope.get("query_string", b"").decode()
        url = base + scope["path"] + (f"?{query}" if query else "")
        ask = _believed(ca, resource, ask._replace(url=url), headers, body)
    return resource.serve(ca, ask)


def _down(ca: Ca) -> Problem:
    wait = max(1, round(ca.seed.down_until - ca.now.timestamp()))
    said = "The service is down for maintenance or had an internal error."
    retry = {"retry-after": str(min(wait, 3600))}
    return Problem("serverInternal", said, _GIVES_UP, headers=retry)


def _believed(ca: Ca, resource: Resource, ask: Ask, headers: Row, body: bytes) -> Ask:
    """Return a POST with who signed it; raise Problem where it is not believed."""
    if headers.get("content-type", "").partition(";")[0].strip() != _JOSE:
        said = f'Invalid Content-Type header on POST. Content-Type must be "{_JOSE}"'
        raise malformed(said, 415)
    signed = acme_jws.opened(body)
    account, key = _signer(ca, resource, ask, signed.header)
    acme_jws.verify(signed, key)
    _fresh(ca, signed.header.get("nonce"))
    if signed.header.get("url") != ask.url:
        raise unauthorized(
            "JWS header parameter 'url' incorrect. "
            f'Expected "{ask.url}" got "{signed.header.get("url")}"'
        )
    if account is not None and account["status"] != "valid":
        said = f'Account is not valid, has status "{account["status"]}"'
        raise unauthorized(said, 401)
    if signed.payload and (resource.reads or resource.auth == "none"):
        raise malformed("POST-as-GET requests must have an empty payload")
    return ask._replace(payload=signed.payload, account=account, key=key)


def _signer(
    ca: Ca, resource: Resource, ask: Ask, header: Row
) -> tuple[Row | None, str]:
    """Return the account and the canonical key that a header names."""
    kid, jwk = header.get("kid"), header.get("jwk")
    if (kid is None) == (jwk is None):
        both = "jwk and kid header fields are mutually exclusive"
        raise malformed(both if jwk is not None else "signature missing kid and jwk")
    if jwk is not None:
        if resource.auth not in {"jwk", "either"}:
            raise malformed("No Key ID in JWS header")
        return None, acme_jws.canonical(jwk)
    if resource.auth == "jwk":
        raise malformed("No embedded JWK in JWS header")
    prefix = f"{ask.base}/acme/acct/"
    if not isinstance(kid, str) or not kid.startswith(prefix):
        raise malformed(f'KeyID header contained an invalid account URL: "{kid}"')
    account = ca.state["accounts"].get(kid.removeprefix(prefix))
    if account is None:
        raise Problem("accountDoesNotExist", f'Account "{kid}" not found')
    return account, account["key"]


def _fresh(ca: Ca, nonce: Any) -> None:
    """Use up a nonce; raise Problem where it is none, or a good one is refused."""
    if not nonce:
        raise Problem("badNonce", "JWS has no anti-replay nonce")
    good = isinstance(nonce, str) and ca.state["nonces"].pop(nonce, None) is not None
    if good and not _refused(ca):
        return
    raise Problem("badNonce", f'JWS has an invalid anti-replay nonce: "{nonce}"')


def _refused(ca: Ca) -> bool:
    """Whether a good nonce is refused this time: the next few, or a share of all."""
    if ca.state["refusing"]:
        ca.state["refusing"] -= 1
        return True
    share = ca.seed.refused_nonces
    if not share:
        return False
    roll = f"{ca.state['seed']}:roll:{ca.number('roll')}"
    return zlib.crc32(roll.encode()) < share * _SHARES


async def _say(answer: Answer, method: str, send: Send) -> None:
    headers = {"cache-control": "public, max-age=0, no-cache", **answer.headers}
    if isinstance(answer.data, bytes):
        body = answer.data
    else:
        headers.setdefault("content-type", "application/json")
        body = json.dumps(answer.data).encode()
    headers["content-length"] = str(len(body))
    if answer.status == 204:
        del headers["content-length"]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    start = {"type": "http.response.start", "status": answer.status, "headers": raw}
    await send(start)
    kept = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": kept})


class Acme:
    """The emulator's server: the door on a socket, and threads that look things up."""

    def __init__(self, bench: Bench) -> None:
        self.front = Front(bench)
        gate: ASGIApp = Gate(self.front, bench, self.front.name)
        self._server = AsgiServer(gate)
        self.app = self._server.app

    def start(self, host: str, port: int) -> int:
        """Listen; see ``Server``."""
        self.front.threads = ThreadPoolExecutor(_WORKERS, "acme")
        return self._server.start(host, port)

    def stop(self) -> None:
        """Stop listening, and wait for what is being looked at."""
        self._server.stop()
        if self.front.threads is not None:
            self.front.threads.shutdown(wait=True, cancel_futures=True)
        self.front.threads = None


def started(seed: AuthoritySeed, settings: Row, authority: Row, entropy: str) -> Row:
    """Return the state of an authority that has done nothing yet."""
    return {
        "settings": settings,
        "ca": authority,
        "seed": seed.seed or entropy,
        "surprise": f"r{zlib.crc32((seed.seed or entropy).encode()):08x}",
        "numbers": {},
        "nonces": {},
        "refusing": 0,
        "accounts": {},
        "keys": {},
        "orders": {},
        "open": {},
        "authorizations": {},
        "proven": {},
        "certificates": {},
        "sets": {},
        "buckets": {},
        "paused": {},
    }
