"""
What the sandbox's web sites answer, over http and https (RFC 9110 and 9112).

A site is sound unless its world says otherwise; what it says is, by name::

    sites:
      shop.example:
        http: redirect | plain | none | <a URL>     what http answers
        status: 200                                 of the front page
        location: <a URL>                           where https leads to
        headers: {name: value, or null for none, or [several]}
        body: <HTML>
        files: {.env: <text>, /.well-known/security.txt: null for none}
        everything: true                            any path is the front page
        mute: [/, ...]                              paths that are never answered
        raw: {/: <bytes, as latin-1>}               sent as they are
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple

from reconciler.sandbox import wordpress
from reconciler.sandbox.emulator import Bench

#: Whose WordPress sites are among those that are served.
_PANELS: Final = frozenset({"whm", "plesk"})
_LONGEST: Final = 16 * 1024
_SECURITY: Final = "/.well-known/security.txt"
#: What a sound site sends with every page.
SOUND: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
_BODY: Final = "<!doctype html><title>A site</title><script src=/site.js></script>"
_REASONS: Final = {200: "OK", 301: "Moved Permanently", 404: "Not Found"}


class Asked(NamedTuple):
    """One request of a visitor; header names in lower case."""

    scheme: str
    host: str
    path: str
    headers: Mapping[str, str]


class Sites:
    """All sites of one sandbox."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def has_http(self, name: str) -> bool:
        """Say whether anybody listens at port 80 for *name*."""
        return bool(self._site(name).get("http", "redirect") != "none")

    def answer(self, asked: Asked) -> bytes | None:
        """Return what is sent; None where nothing ever is."""
        bench = self._bench
        operation = f"web-{asked.scheme}"
        bench.ledger.count(bench.vendor, operation)
        fault = bench.faults.take(bench.vendor, operation)
        site = self._site(asked.host)
        if (fault and fault.kind != "status") or asked.path in site.get("mute", ()):
            return None
        if fault:
            return _sent(fault.status, {}, "")
        if raw := site.get("raw", {}).get(asked.path):
            return str(raw).encode("latin-1")
        if asked.scheme == "http":
            return self._plain(asked, site)
        return self._secure(asked, site)

    def _site(self, name: str) -> Mapping[str, Any]:
        sites: Mapping[str, Mapping[str, Any]] = self._bench.state.get("sites", {})
        broken = {"status": 500, "body": wordpress.BROKEN} if self._fails(name) else {}
        return {**sites.get(name, {}), **broken}

    def _fails(self, name: str) -> bool:
        """Say whether a panel of the same sandbox has a broken WordPress there."""
        for vendor in _PANELS & self._bench.beside.keys():
            panel = self._bench.beside[vendor]
            with panel.lock:
                found = [
                    site
                    for _, host, site in wordpress.sites(panel.state)
                    if host == name
                ]
                if any(map(wordpress.fails, found)):
                    return True
        return False

    def _plain(self, asked: Asked, site: Mapping[str, Any]) -> bytes:
        way = site.get("http", "redirect")
        if way == "plain":
            return self._page(asked, site)
        target = f"https://{asked.host}{asked.path}" if way == "redirect" else str(way)
        return _sent(301, {"Location": target}, "")

    def _secure(self, asked: Asked, site: Mapping[str, Any]) -> bytes:
        files = {_SECURITY: self._security(asked.host), **site.get("files", {})}
        path = asked.path.partition("?")[0]
        found = files.get(path, files.get(path.removeprefix("/")))
        if found is not None:
            return _sent(200, {"Content-Type": "text/plain"}, str(found))
        if path != "/" and not site.get("everything"):
            return _sent(404, {**SOUND}, "<title>Not here</title>")
        return self._page(asked, site)

    def _page(self, asked: Asked, site: Mapping[str, Any]) -> bytes:
        headers: dict[str, Any] = {**SOUND, **site.get("headers", {})}
        if "location" in site and asked.path == "/":
            return _sent(302, {**headers, "Location": site["location"]}, "")
        if headers.get("Access-Control-Allow-Origin") == "reflected":
            headers["Access-Control-Allow-Origin"] = asked.headers.get("origin")
        return _sent(
            int(site.get("status", 200)), headers, str(site.get("body", _BODY))
        )

    def _security(self, host: str) -> str:
        ends = self._bench.clock() + timedelta(days=200)
        return (
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
            f"Contact: mailto:security@{host}\n"
            f"Expires: {ends:%Y-%m-%dT%H:%M:%S}Z\n"
            "-----BEGIN PGP SIGNATURE-----\n\nc2FuZGJveA==\n"
            "-----END PGP SIGNATURE-----\n"
        )


def read(receive: Callable[[int], bytes], scheme: str) -> Asked | None:
    """Return the request that *receive* brings; None where there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = receive(4096)
        if not more or len(data) > _LONGEST:
            return None
        data += more
    first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    parts = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in parts}
    method, _, rest = first.partition(" ")
    if method != "GET":
        return None
    return Asked(scheme, headers.get("host", "").lower(), rest.split(" ")[0], headers)


def _sent(status: int, headers: Mapping[str, Any], body: str) -> bytes:
    """Return an answer as it is on the wire."""
    data = body.encode()
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}"]
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        lines += [f"{name}: {one}" for one in values if one is not None]
    lines += [f"Content-Length: {len(data)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8") + data
