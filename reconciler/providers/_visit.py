"""Where a visit to a name leads, step by step, as far as the names are ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from reconciler.providers._web import Reply, Web

_MOVED: Final = {301, 302, 303, 307, 308}
_HOPS: Final = 5


class Step(NamedTuple):
    """
    One address of the web that a visitor was sent to.

    Attributes:
        reply: None where it is not ours to look at.
    """

    scheme: str
    host: str
    path: str
    reply: Reply | None


def visited(
    web: Web,
    scheme: str,
    host: str,
    own: Collection[str],
    known: Iterable[Step] = (),
) -> list[Step]:
    """
    Return every step from *host*'s front page on; never empty.

    Only names that *own* covers, at the usual ports, are asked: the last step may have
    no reply. What is *known* from another visit is not asked for again.

    Raises:
        ProviderError: The first one does not answer, or a later one of ours.
    """
    replies = {(one.scheme, one.host, one.path): one.reply for one in known}
    steps: list[Step] = []
    path = "/"
    for _ in range(_HOPS):
        ours = covered(host, own)
        reply = replies.get((scheme, host, path))
        if reply is None and ours:
            reply = web.get(scheme, host, path)
        steps.append(Step(scheme, host, path, reply))
        target = None if reply is None else reply.first("location")
        if reply is None or reply.status not in _MOVED or target is None:
            break
        here = f"{scheme}://{host}{path}"
        try:
            there = urlsplit(urljoin(here, target.strip()))
            port = there.port
        except ValueError:
            break  # nowhere: the answer stays what it is
        if there.scheme not in {"http", "https"} or not there.hostname:
            break
        usual = port in {None, 80 if there.scheme == "http" else 443}
        scheme, host = there.scheme, there.hostname.lower()
        path = _path(there.path, there.query)
        if not usual:
            steps.append(Step(scheme, host, path, None))
            break
    return steps


def covered(host: str, own: Collection[str]) -> bool:
    """Say whether *host* is one of *own*, or one of them with or without www."""
    parent = f"*.{host.partition('.')[2]}"
    return bool({host, parent, f"www.{host}", host.removeprefix("www.")} & {*own})


def _path(path: str, query: str) -> str:
    """Return a path that can be sent; what cannot be written in one is the front."""
    whole = (path or "/") + (f"?{query}" if query else "")
    plain = whole.isascii() and whole.isprintable() and " " not in whole
    return whole if plain and len(whole) <= 2048 else "/"  # noqa: PLR2004
