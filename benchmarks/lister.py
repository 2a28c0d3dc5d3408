"""
``FOLDER SECONDS``: serves each folder of FOLDER as a bucket, after so long; reads only.

It answers what a plan and restic ask of S3, in the words of Amazon's API Reference
(``ListObjectsV2``, ``ListObjectVersions``, ``HeadObject``, ``GetObject``,
``GetBucketVersioning``). An object came when its file was written. ``GET /`` says how
much was asked since that was asked last. Prints its port.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_PAGE = 1000


class Kept(NamedTuple):
    """One object."""

    key: str
    body: bytes
    at: datetime
    etag: str

    def told(self) -> str:
        """Return what listings say of it."""
        at = f"{self.at:%Y-%m-%dT%H:%M:%S}.000Z"
        return (
            f"<Key>{quote(self.key, safe='')}</Key><LastModified>{at}</LastModified>"
            f"<ETag>{self.etag}</ETag><Size>{len(self.body)}</Size>"
        )


class Answer(NamedTuple):
    """What is said."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


class Buckets:
    """All that is there, read once."""

    def __init__(self, folder: Path) -> None:
        self.asked: Counter[str] = Counter()
        self._kept = {one.name: dict(_read(one)) for one in folder.iterdir()}

    def answer(self, method: str, target: str, headers: dict[str, str]) -> Answer:
        """Answer one question."""
        parts = urlsplit(target)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not bucket:
            told, self.asked = json.dumps(self.asked), Counter()
            return Answer(200, told.encode())
        kept = self._kept.get(bucket)
        if kept is None:
            return Answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
        if key:
            self.asked[method.lower()] += 1
            return _object(kept.get(key), method, headers.get("range", ""))
        for name in ("versioning", "location", "versions"):
            if name in query:
                self.asked[name] += 1
                return Answer(200, _about(name, kept, query).encode())
        self.asked["list"] += 1
        return Answer(200, _listing(kept, query).encode())


def _read(folder: Path) -> Iterator[tuple[str, Kept]]:
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        key, body = path.relative_to(folder).as_posix(), path.read_bytes()
        at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        yield key, Kept(key, body, at, f'"{md5(body).hexdigest()}"')  # noqa: S324  (S3's)


def _object(one: Kept | None, method: str, part: str) -> Answer:
    if one is None:
        return Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
    told = {"ETag": one.etag, "Last-Modified": format_datetime(one.at, usegmt=True)}
    if method == "HEAD":
        return Answer(200, b"", {**told, "Content-Length": str(len(one.body))})
    if not part:
        return Answer(200, one.body, told)
    first, _, last = part.removeprefix("bytes=").partition("-")
    end = min(int(last or len(one.body) - 1), len(one.body) - 1)
    span = f"bytes {first}-{end}/{len(one.body)}"
    return Answer(206, one.body[int(first) : end + 1], {**told, "Content-Range": span})


def _about(name: str, kept: dict[str, Kept], query: dict[str, str]) -> str:
    if name == "location":
        return f"<LocationConstraint {_XMLNS}/>"
    if name == "versioning":
        said = "<Status>Enabled</Status>"
        return f"<VersioningConfiguration {_XMLNS}>{said}</VersioningConfiguration>"
    only = "<VersionId>v1</VersionId><IsLatest>true</IsLatest>"
    rows = "".join(
        f"<Version>{one.told()}{only}</Version>"
        for key, one in kept.items()
        if key.startswith(query.get("prefix", ""))
    )
    said = f"<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>{rows}"
    return f"<ListVersionsResult {_XMLNS}>{said}</ListVersionsResult>"


def _listing(kept: dict[str, Kept], query: dict[str, str]) -> str:
    prefix, edge = query.get("prefix", ""), query.get("delimiter")
    after = max(query.get("start-after", ""), query.get("continuation-token", ""))
    rows, folders, last, more = list[str](), dict[str, None](), "", "false"
    for key, one in kept.items():
        if not key.startswith(prefix) or key <= after:
            continue
        if len(rows) == min(int(query.get("max-keys", _PAGE)), _PAGE):
            more = "true"
            break
        rest, last = key.removeprefix(prefix), key
        if edge and edge in rest:
            folders[prefix + rest.partition(edge)[0] + edge] = None
        else:
            rows.append(f"<Contents>{one.told()}</Contents>")
    named = (f"<Prefix>{quote(one, safe='')}</Prefix>" for one in folders)
    below = "".join(f"<CommonPrefixes>{one}</CommonPrefixes>" for one in named)
    token = f"<NextContinuationToken>{quote(last, safe='')}</NextContinuationToken>"
    return (
        f"<ListBucketResult {_XMLNS}><EncodingType>url</EncodingType>"
        f"<IsTruncated>{more}</IsTruncated>{token if more == 'true' else ''}"
        f"{''.join(rows)}{below}</ListBucketResult>"
    )


async def serve(buckets: Buckets, seconds: float) -> None:
    """Serve until the process is ended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            first, *lines = head.decode("latin-1").split("\r\n")
            method, target, _ = first.split(" ", 2)
            pairs = (line.partition(":") for line in lines if line)
            told = {name.lower(): value.strip() for name, _, value in pairs}
            await asyncio.sleep(seconds)
            said = buckets.answer(method, target, told)
            headers = {"Content-Length": str(len(said.body)), **said.headers}
            text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            now = format_datetime(datetime.now(UTC), usegmt=True)
            start = f"HTTP/1.1 {said.status} X\r\nDate: {now}\r\n{text}\r\n"
            writer.write(start.encode() + (b"" if method == "HEAD" else said.body))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Buckets(Path(sys.argv[1])), float(sys.argv[2])))
