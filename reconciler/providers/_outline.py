"""
What a repository shows to who only lists it: what is there, how long, and since when.

Nobody who backs up can forge when something came, by the clock of whoever keeps it, and
no password is needed to see it. To open a repository takes half a second for keys that
are hard to guess; a listing takes one request.

Sources: Amazon S3 API Reference (``ListObjectsV2``: 1,000 keys a page in the order of
their UTF-8, ``StartAfter``, ``encoding-type=url``; ``HeadObject``;
``GetBucketVersioning``). What follows:

* Requests are signed one by one and sent as they are: a client of boto3 for each
  repository would cost more than all it asks.
* The folders that matter are asked for in one go: what lies between them is passed over
  by ``StartAfter``. Who does not know that, or does not list in order, is asked for
  each of them.
* The mark of an object changes with its content: it is the ETag in a bucket, and in a
  folder the SHA-256 of what is read there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol
from urllib.parse import quote, unquote_plus
from xml.etree.ElementTree import Element, ParseError, fromstring

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.driver import Answered
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Folder, Gone, Store, Stored
from reconciler.providers._http import PATIENCE, Http, Words
from reconciler.providers._s3_place import S3Place, s3_place
from reconciler.providers._s3_signed import signed

_TRIES: Final = 3
_PAUSE: Final = 1.0
_OK: Final = 200
_MISSING: Final = 404
_BUSY: Final = 429
_BROKEN: Final = 500
_MOST: Final = 4 << 20
_WORDS: Final = Words(lambda _: "", lambda _reply, _text: None)
#: What was listed so many seconds ago was listed just now.
JUST_NOW: Final = 10.0
#: What is large: nobody reads it to see whether it is as it was.
_LARGE: Final = ("data/", "manifest/")


class Outline(Protocol):
    """
    What a repository shows.

    All of it raises Transient where there was no answer and nothing is known, Rejected
    where it is refused.
    """

    def there(self) -> bool:
        """Say whether the place is there; what is no folder is refused when asked."""

    def within(self, *starts: str) -> list[Stored]:
        """Return every object whose name begins with one of *starts*, in order."""

    def about(self, name: str) -> Stored:
        """Return what is so with one object. Raises Gone."""

    def versioned(self) -> bool | None:
        """Say whether old versions are kept; None where that cannot be known."""

    def counted(self) -> int:
        """Return how often it was asked since this was asked last."""

    def close(self) -> None:
        """Let go of connections."""


def outline_of(account: Account, role: str, store: Store) -> Outline:
    """Return the listings of *store*, which is what *role* has of a repository."""
    if isinstance(store, Folder):
        return _Shelf(store)
    url = account.settings.get("url", account.endpoint or "")
    place = s3_place(url, account.settings.get("path", ""))
    wait = store.wait if isinstance(store, Bucket) else lambda: None
    return _Window(account, place, account.secrets[role], wait)


class _Shelf:
    """The listings of a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._looked = 0

    def there(self) -> bool:
        return self._folder.there()

    def within(self, *starts: str) -> list[Stored]:
        self._looked += 1
        found: list[Stored] = []
        for start in starts:
            with suppress(Gone):
                if start.endswith("/"):
                    found += self._marked(start)
                else:
                    found.append(self.about(start))
        return sorted(found)

    def _marked(self, start: str) -> Iterator[Stored]:
        for one in self._folder.names(start):
            with suppress(Gone):  # since it was listed
                yield one if start in _LARGE else self._read(one)

    def about(self, name: str) -> Stored:
        return self._read(self._folder.about(name))

    def _read(self, one: Stored) -> Stored:
        with self._folder.read(one.name) as file:
            digest = hashlib.sha256(file.read())
        return one._replace(mark=digest.hexdigest())

    def versioned(self) -> None:
        return None

    def counted(self) -> int:
        many, self._looked = self._looked, 0
        return many

    def close(self) -> None:
        pass


class _Window:
    """
    The listings of a bucket, as who has *keys* sees them.

    Args:
        wait: Returns when one more request may be sent: limits are the account's.
    """

    def __init__(
        self, account: Account, place: S3Place, keys: str, wait: Callable[[], None]
    ) -> None:
        self._wait = wait
        self._clock, self._sleep = account.clock, account.sleep
        self._place = place
        self._keys = keys
        asked = account._replace(endpoint=place.endpoint, limits={})
        self._http = Http(asked, place.endpoint, _WORDS, headers={})

    def there(self) -> bool:
        return True

    def within(self, *starts: str) -> list[Stored]:
        left, found = sorted(starts), list[Stored]()
        after = left[0][:-1]
        while True:
            page = self._page(**{"start-after": f"{self._place.prefix}{after}"})
            last = after
            for one in self._rows(page):
                if one.name <= last:
                    return self._one_by_one(starts)
                last = one.name
                if last.startswith(starts):
                    found.append(one)
            left = [one for one in left if one > last or last.startswith(one)]
            if not left or not _truncated(page):
                return found
            if last == after:
                raise Rejected("the listing gave the same page twice")
            after = max(last, left[0][:-1])

    def _one_by_one(self, starts: tuple[str, ...]) -> list[Stored]:
        found: list[Stored] = []
        for start in starts:
            prefix, more = f"{self._place.prefix}{start}", ""
            seen = {more}
            while True:
                token = {"continuation-token": more} if more else {}
                page = self._page(prefix=prefix, **token)
                found += self._rows(page)
                if not _truncated(page):
                    break
                more = page.findtext("{*}NextContinuationToken") or ""
                if more in seen:
                    raise Rejected("the listing gave the same page twice")
                seen.add(more)
        return sorted(found)

    def _page(self, **query: str) -> Element:
        asked = {
            "encoding-type": "url",
            "list-type": "2",
            "prefix": self._place.prefix,
            **query,
        }
        return _read(self._ask("GET", "list_objects_v2", query=asked))

    def _rows(self, page: Element) -> Iterator[Stored]:
        for one in page.iterfind("{*}Contents"):
            told = {part.tag.rpartition("}")[2]: part.text or "" for part in one}
            for name in ("Key", "Size", "LastModified"):
                if not told.get(name):
                    raise Transient(f"list_objects_v2: an entry without {name}")
            key = unquote_plus(told["Key"])
            yield Stored(
                key.removeprefix(self._place.prefix),
                int(told["Size"]),
                datetime.fromisoformat(told["LastModified"]),
                told.get("ETag", ""),
            )

    def about(self, name: str) -> Stored:
        said = self._ask("HEAD", "head_object", name)
        if said.status == _MISSING:
            raise Gone(name)
        if said.status != _OK:
            raise Rejected(f"head_object: {said.status}")
        told = said.headers
        try:
            at = parsedate_to_datetime(told["last-modified"])
            return Stored(name, int(told["content-length"]), at, told.get("etag", ""))
        except (KeyError, ValueError):
            raise Transient("head_object: the answer cannot be read") from None

    def versioned(self) -> bool | None:
        try:
            said = self._ask("GET", "get_bucket_versioning", query={"versioning": ""})
            page = _read(said, "get_bucket_versioning", "Versioning")
        except ProviderError:
            return None
        return page.findtext("{*}Status") == "Enabled"

    def counted(self) -> int:
        return sum(self._http.counts().values())

    def close(self) -> None:
        self._http.close()

    def _ask(
        self, method: str, what: str, name: str = "", query: Mapping[str, str] = {}
    ) -> Answered:
        """Ask, again where the service has to rest; return what is no failure of it."""
        path = quote(f"/{self._place.bucket}")
        if name:
            path += quote(f"/{self._place.prefix}{name}", safe="/~")
        text = "&".join(f"{k}={quote(v, safe='')}" for k, v in sorted(query.items()))
        url = f"{self._place.endpoint}{path}" + (f"?{text}" if text else "")
        for left in range(_TRIES - 1, -1, -1):
            said, failure = self._once(method, url, what)
            if failure is None and said is not None:
                return said
            if not left:
                raise failure or Transient(f"{what}: no answer")
            after = said.headers.get("retry-after", "") if said else ""
            pause = float(after) if after.isdigit() else _PAUSE
            if pause > PATIENCE:
                raise failure or Transient(f"{what}: it asks for {after} s of rest")
            self._sleep(pause)
        raise AssertionError("unreachable")

    def _once(
        self, method: str, url: str, what: str
    ) -> tuple[Answered | None, Transient | None]:
        """Ask once; return the answer, and why it is none that counts."""
        self._wait()
        now = self._clock()
        headers = signed(method, url, self._keys, self._place.region, now)
        try:
            said = self._http.once(
                method, url, operation=what, effect=False, headers=headers, most=_MOST
            )
        except Transient as error:
            return None, error
        if said.status == _BUSY or said.status >= _BROKEN:
            return said, Transient(f"{what}: {said.status} {_code(said)}")
        return said, None


def _truncated(page: Element) -> bool:
    return page.findtext("{*}IsTruncated") == "true"


def _read(
    said: Answered, what: str = "list_objects_v2", root: str = "ListBucketResult"
) -> Element:
    if said.status != _OK:
        raise Rejected(f"{what}: {_code(said) or said.status}")
    try:
        found = _parsed(said.body)
    except ValueError:
        raise Transient(f"{what}: the answer cannot be read") from None
    if root not in found.tag:  # test servers call some of them otherwise
        raise Transient(f"{what}: the answer is another one")
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
