"""What a listing shows: of buckets and folders, whole or not known."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from reconciler.errors import ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._archive_store import Gone, Stored
from reconciler.providers._archive_where import WRITE, store_of
from reconciler.providers._outline import Outline, outline_of
from reconciler.providers._s3_signed import signed
from tests.support.buckets import KEYS, by_hand, place, serving
from tests.support.buckets import fresh as new_bucket
from tests.support.contract import NOW, MemoryCache

EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
PARTS = ("keys/", "locks/", "snapshots/")


def outline(url: str, path: str = "", **more: Any) -> Outline:
    told: dict[str, Any] = {"secrets": KEYS, "sleep": lambda seconds: None, **more}
    account = Account(
        name="a",
        endpoint=None,
        identity=None,
        clock=lambda: NOW,
        cache=MemoryCache(),
        settings={"url": url, "path": path},
        **told,
    )
    return outline_of(account, WRITE, store_of(account, WRITE))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def bucket(server: str) -> Iterator[Bucket]:
    with by_hand(server) as s3:
        made = place(server, new_bucket(s3))
    yield made
    made.close()


def plain(rows: list[Stored]) -> list[Stored]:
    return [one._replace(mark="") for one in rows]


@pytest.mark.parametrize("page", ["1", "3", "1000"])
def test_it_says_what_a_listing_says(server, bucket, monkeypatch, page):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", page)
    for name in (*map(str, range(5)), "a b+c%20&d", "é"):
        bucket.put(f"snapshots/{name}", b"x")
        bucket.put(f"index/{name}", b"x")
    for name in ("config", "data/1", "keys/1", "keys-of-old/1", "locks", "snapshots2"):
        bucket.put(name, b"xyz")
    url = f"s3:{server}/{bucket._bucket}"
    for one in (outline(f"{url}/below"), outline(url, "below")):
        found = one.within(*PARTS)
        assert plain(found) == [*bucket.names("keys/"), *bucket.names("snapshots/")]
        assert len(found) == 8
        assert all(each.mark for each in found)
        assert one.within("index/") == sorted(one.within("index/"))
        assert plain(one.within("config", "data/")) == [bucket.about("config"), *bucket.names("data/")]  # fmt: skip
        assert plain([one.about("config")]) == [bucket.about("config")]
        assert one.about("config").mark == one.within("config")[0].mark
        assert one.versioned() is True
        with pytest.raises(Gone):
            one.about("snapshots/none")
        one.close()
    assert outline(f"{url}/elsewhere").within(*PARTS) == []


def test_a_mark_is_another_one_where_the_content_is(server, bucket, tmp_path):
    url = f"s3:{server}/{bucket._bucket}/below"
    bucket.put("keys/1", b"one")
    before = outline(url).within("keys/")
    with bucket.writing("keys/1") as file:
        file.write(b"two")
    (after,) = outline(url).within("keys/")
    assert after.mark != before[0].mark
    for folder in ("keys", "data/00"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1").write_text("one")
    shelf = outline(f"file://{tmp_path}")
    key, data = shelf.within("keys/", "data/", "config")[::-1]
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for folder in ("keys", "data/00"):
        (tmp_path / folder / "1").write_text("two")
        os.utime(tmp_path / folder / "1", (at.timestamp(), at.timestamp()))
    assert shelf.within("keys/")[0].mark != key.mark
    assert shelf.within("data/") == [data._replace(at=at, mark="")]
    assert shelf.about("keys/1").at == at
    assert shelf.versioned() is None


def test_what_cannot_be_read_is_told_with_why(server, tmp_path):
    found = [
        (f"s3:{server}/nowhere-at-all", Rejected, "NoSuchBucket"),
        ("s3:http://127.0.0.1:9/b", Transient, "not sent"),
        (f"file://{tmp_path}/nowhere/at/all", Transient, "is it mounted"),
    ]
    for url, kind, why in found:
        with pytest.raises(kind, match=why):
            _ = (one := outline(url)).there() and one.within(*PARTS)
    assert outline(f"file://{tmp_path}/nowhere").there() is False
    assert outline("s3:http://127.0.0.1:9/b").versioned() is None
    with pytest.raises(Rejected, match="needs keys"):
        outline(f"s3:{server}/b", secrets={"write": "keyless"}).within("a/")


class _Answers(BaseHTTPRequestHandler):
    said: list[tuple[int, dict[str, str], bytes]]
    asked: list[Any]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        status, headers, body = self.said.pop(0) if self.said else (200, {}, EMPTY)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def answers() -> Iterator[Any]:
    class Handler(_Answers):
        said, asked = [], []

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    Handler.url = f"s3:http://127.0.0.1:{running.server_port}/b"
    yield Handler
    running.shutdown()
    running.server_close()


def test_it_waits_as_long_as_it_is_told_and_not_for_ever(answers):
    slept: list[float] = []
    busy = (503, {"Retry-After": "7"}, b"<Error><Code>SlowDown</Code></Error>")
    answers.said += [busy, (429, {}, b""), (200, {}, EMPTY)]
    assert outline(answers.url, sleep=slept.append).within("a/") == []
    assert slept == [7.0, 1.0]
    answers.said += [busy] * 9
    with pytest.raises(Transient, match=r"list_objects_v2: 503 SlowDown$"):
        outline(answers.url, sleep=slept.append).within("a/")
    assert len(answers.asked) == 6
    answers.said.clear()
    answers.said.append((503, {"Retry-After": "86400"}, b""))
    with pytest.raises(Transient, match="503"):
        outline(answers.url, sleep=slept.append).within("a/")
    assert max(slept) == 7.0


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"", "cannot be read"),
        (200, b"<ListBucketResult><Contents>", "cannot be read"),
        (200, b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult/>', "cannot be read"),
        (200, b"<html>welcome</html>", "another one"),
        (200, b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "same page twice"),
        (200, b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", "without Size"),
        (403, b"<Error><Code>AccessDenied</Code><Message>s-1 is wrong</Message></Error>", "AccessDenied"),
        (403, b"<Error><Code>adds:s-1</Code></Error>", "list_objects_v2: 403"),
        (301, b"", "list_objects_v2: 301"),
    ],
)  # fmt: skip
def test_half_an_answer_proves_nothing(answers, status, body, why):
    answers.said += [(status, {}, body)]
    with pytest.raises(ProviderError, match=why) as caught:
        outline(answers.url).within("a/")
    assert "s-1" not in str(caught.value)


def test_half_a_head_proves_nothing(answers):
    answers.said += [(403, {}, b""), (200, {"Last-Modified": "yesterday"}, b"x")]
    for kind, why in ((Rejected, "head_object: 403"), (Transient, "cannot be read")):
        with pytest.raises(kind, match=why):
            outline(answers.url).about("config")


def rows(*names: str, more: bool = False, token: str = "") -> tuple[int, Any, bytes]:
    told = "".join(
        f"<Contents><Key>{name}</Key><Size>1</Size>"
        "<LastModified>2026-11-01T12:00:00Z</LastModified></Contents>"
        for name in names
    )
    then = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    said = f"<IsTruncated>{str(more).lower()}</IsTruncated>{then}{told}"
    return 200, {}, f"<ListBucketResult>{said}</ListBucketResult>".encode()


@pytest.mark.parametrize(
    "first", [rows("data/1", more=True), rows("keys/2", "keys/1", more=True)]
)
def test_who_cannot_pass_over_or_has_no_order_is_asked_for_each(answers, first):
    answers.said += [
        first,
        rows("keys/2", more=True, token="t"),
        rows("keys/1"),
        rows("snapshots/1"),
    ]
    found = outline(answers.url).within("keys/", "snapshots/")
    assert [one.name for one in found] == ["keys/1", "keys/2", "snapshots/1"]
    asked = [path.partition("?")[2] for path, _ in answers.asked]
    assert "start-after=key" in asked[0]
    assert ["prefix=keys%2F" in one for one in asked] == [False, True, True, False]
    assert "continuation-token=t" in asked[2]


def test_what_lies_between_is_passed_over(answers):
    answers.said += [
        rows("keys/1", "keys/2", "keys2/1", more=True),
        rows("snapshots/1", more=True),
        rows("snapshots/2"),
    ]
    found = outline(answers.url).within(*PARTS)
    assert [one.name for one in found] == ["keys/1", "keys/2", "snapshots/1", "snapshots/2"]  # fmt: skip
    after = [path.partition("start-after=")[2] for path, _ in answers.asked]
    assert after == ["keys", "locks", "snapshots%2F1"]


def test_it_is_asked_by_who_adds_and_signed(answers):
    outline(answers.url).within("a/")
    (asked,) = answers.asked
    assert "Credential=adds/" in asked[1]["Authorization"]
    assert "s-1" not in str(asked)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "url",
    [
        "https://s3.eu-west-1.amazonaws.com/b?list-type=2&prefix=a%20b%2Fc&start-after=k",
        "https://s3.eu-west-1.amazonaws.com/b?versioning=",
        "http://127.0.0.1:9000/b/p/a%20b%2Bc/~config",
        "https://S3.agency.example:443/b/c",
        "http://[::1]:9000/b/c",
    ],
)
def test_it_signs_as_botocore_does(method, url):
    now = datetime.now(UTC)
    mine = signed(method, url, "key:secret/+", "eu-west-1", now)
    request = AWSRequest(method=method, url=url)
    request.context["payload_signing_enabled"] = True
    auth = S3SigV4Auth(Credentials("key", "secret/+"), "s3", "eu-west-1")
    with patch("botocore.auth.get_current_datetime", lambda: now.replace(tzinfo=None)):
        auth.add_auth(request)
    assert dict(request.headers.items()) == mine
