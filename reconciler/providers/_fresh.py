"""
How fresh many repositories are, without opening any of them.

The name of a snapshot is in a listing, and so is when it came, by the clock of whoever
keeps it: nobody who backs up can forge that, and no password is needed to read it. A
program that opens a repository to tell (``restic snapshots``) takes half a second for
guessing-proof keys alone; a listing takes one request.

Sources: Amazon S3 API Reference (``ListObjectsV2``: 1,000 keys a page,
``LastModified``, ``encoding-type=url``; "Authenticating Requests: Using the
Authorization Header"). What follows: requests are signed one by one and sent over the
connections of their endpoint, which all repositories there share; a client of boto3 for
each would cost more than all it asks. What cannot be read is told with why, and is
neither fresh nor stale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, unquote_plus, urlsplit
from xml.etree.ElementTree import Element, ParseError, fromstring

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.driver import Answered
from reconciler.providers._archive_store import Folder, Stored
from reconciler.providers._http import Http, Words
from reconciler.providers._s3_place import S3Place, s3_place

#: So many repositories are asked at once.
THREADS: Final = 32
_TRIES: Final = 3
_PAUSE: Final = 1.0
_OK: Final = 200
_BUSY: Final = 429
_BROKEN: Final = 500
_MOST: Final = 4 << 20
_WORDS: Final = Words(lambda _: "", lambda _reply, _text: None)


class Spot(NamedTuple):
    """
    Where one repository lists its snapshots.

    Attributes:
        account: The repository's: its address, and keys that may list.
        folder: What its engine calls it: ``snapshots/`` of restic, ``index/`` of ours.
    """

    account: Account
    folder: str

    @property
    def keys(self) -> str:
        """``KEY:SECRET`` of who only reads, or of who writes."""
        told = self.account.secrets
        return told.get("drill") or told.get("write") or ""


class Fresh(NamedTuple):
    """
    What one listing shows.

    Attributes:
        at: Snapshot -> when it came, by the clock of whoever keeps it.
        why: Why nobody can tell; empty where the listing is whole.
    """

    at: Mapping[str, datetime]
    why: str = ""

    @property
    def newest(self) -> datetime | None:
        """When the last one came; None where there is none, or nobody can tell."""
        return max(self.at.values(), default=None)


def fresh(spots: Iterable[Spot], threads: int = THREADS) -> dict[str, Fresh]:
    """Return what the listings of all *spots* show, by the names of their accounts."""
    wanted = list(spots)
    lines = _Lines()
    try:
        with ThreadPoolExecutor(max(1, min(threads, len(wanted)))) as pool:
            seen = pool.map(lambda one: _looked(one, lines), wanted)
            return {
                one.account.name: found for one, found in zip(wanted, seen, strict=True)
            }
    finally:
        lines.close()


class _Lines:
    """The connections, one set for each endpoint."""

    def __init__(self) -> None:
        self._open: dict[str, Http] = {}

    def to(self, account: Account, endpoint: str) -> Http:
        """Return what speaks to *endpoint*."""
        asked = account._replace(endpoint=endpoint)
        # Who comes second finds what the first one put there: a dict does it at once.
        return self._open.setdefault(
            endpoint, Http(asked, endpoint, _WORDS, headers={})
        )

    def close(self) -> None:
        """Let go of them."""
        for one in self._open.values():
            one.close()


def _looked(spot: Spot, lines: _Lines) -> Fresh:
    url = spot.account.settings.get("url", "")
    below = spot.account.settings.get("path", "")
    rows: Iterable[Stored]
    try:
        if url.startswith("s3:"):
            rows = listed(spot, s3_place(url, below), lines.to)
        else:
            rows = _folder(url, below, spot.folder)
        at = {one.name.rpartition("/")[2]: one.at for one in rows}
    except ProviderError as error:
        return Fresh({}, error.what)
    return Fresh(at)


def _folder(url: str, below: str, folder: str) -> list[Stored]:
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise Rejected("only a folder or a bucket shows when something came")
    root = Folder(Path(unquote(parts.path)) / below)
    if not root.there():
        raise Transient("the repository is not there")
    return root.names(folder)


def listed(
    spot: Spot, place: S3Place, line: Callable[[Account, str], Http]
) -> Iterator[Stored]:
    """
    Yield what is in the folder of *spot*.

    Raises:
        Transient: There was no answer, or it broke off: nothing is known.
        Rejected: The listing was refused.
    """
    http, more = line(spot.account, place.endpoint), ""
    seen: set[str] = set()
    while True:
        page = _page(spot, place, http, more)
        for one in page.iterfind("{*}Contents"):
            yield Stored(
                unquote_plus(_text(one, "Key")).removeprefix(place.prefix),
                int(_text(one, "Size")),
                datetime.fromisoformat(_text(one, "LastModified")),
            )
        more = page.findtext("{*}NextContinuationToken") or ""
        if page.findtext("{*}IsTruncated") != "true":
            return
        if not more or more in seen:
            raise Rejected("the listing gave the same page twice")
        seen.add(more)


def _text(one: Element, name: str) -> str:
    found = one.findtext(f"{{*}}{name}")
    if not found:
        raise Transient(f"list_objects_v2: an entry without {name}")
    return found


def _page(spot: Spot, place: S3Place, http: Http, more: str) -> Element:
    """Ask for one page, again where the service has to rest."""
    query = {
        "encoding-type": "url",
        "list-type": "2",
        "prefix": f"{place.prefix}{spot.folder}",
        **({"continuation-token": more} if more else {}),
    }
    text = "&".join(f"{k}={quote(v, safe='')}" for k, v in sorted(query.items()))
    url = f"{place.endpoint}/{place.bucket}?{text}"
    for left in range(_TRIES - 1, -1, -1):
        said, failure = _asked(http, url, signed(url, spot.keys, place.region))
        if failure is None and said is not None:
            return _read(said)
        if not left:
            raise failure or Transient("list_objects_v2: no answer")
        after = said.headers.get("retry-after", "") if said else ""
        spot.account.sleep(float(after) if after.isdigit() else _PAUSE)
    raise AssertionError("unreachable")


def _asked(
    http: Http, url: str, headers: Mapping[str, str]
) -> tuple[Answered | None, Transient | None]:
    """Ask once; return the answer, and why it is none that counts."""
    try:
        said = http.once(
            "GET", url, operation="list", effect=False, headers=headers, most=_MOST
        )
    except Transient as error:
        return None, error
    if said.status == _BUSY or said.status >= _BROKEN:
        return said, Transient(f"list_objects_v2: {said.status} {_code(said)}")
    return said, None


def signed(url: str, keys: str, region: str) -> dict[str, str]:
    """Return the headers that sign a GET of *url*. Raises Rejected without keys."""
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    key, _, secret = keys.partition(":")
    if not secret:
        raise Rejected("a bucket needs keys", hint="a secret KEY:SECRET")
    request = AWSRequest(method="GET", url=url)
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials(key, secret), "s3", region).add_auth(request)
    return dict(request.headers.items())


def _read(said: Answered) -> Element:
    if said.status != _OK:
        raise Rejected(f"list_objects_v2: {_code(said) or said.status}")
    try:
        found = _parsed(said.body)
    except ValueError:
        raise Transient("list_objects_v2: the answer cannot be read") from None
    if not found.tag.endswith("ListBucketResult"):
        raise Transient("list_objects_v2: the answer is another one")
    return found


def _code(said: Answered) -> str:
    """Return the service's own word for a failure, and nothing of its text."""
    with suppress(ValueError):
        found = _parsed(said.body).findtext(".//{*}Code") or ""
        return found if found.isalnum() else ""
    return ""


def _parsed(body: bytes) -> Element:
    """Return an answer; raise ValueError where it is none, or declares entities."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("it declares entities")
    try:
        return fromstring(body)  # noqa: S314  (no declarations; see above)
    except ParseError as error:
        raise ValueError(str(error)) from None
