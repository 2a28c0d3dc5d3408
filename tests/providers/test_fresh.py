"""How fresh repositories are: in buckets and folders, whole or not known."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Account
from reconciler.providers._archive_bucket import Bucket
from reconciler.providers._fresh import Spot, fresh
from tests.support.buckets import KEYS, by_hand, place, serving
from tests.support.buckets import fresh as new_bucket
from tests.support.contract import NOW, MemoryCache

EMPTY = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'


def spot(url: str, name: str = "a", folder: str = "snapshots/", **more: Any) -> Spot:
    told: dict[str, Any] = {"secrets": KEYS, "sleep": lambda seconds: None, **more}
    account = Account(
        name=name,
        endpoint=None,
        identity=None,
        clock=lambda: NOW,
        cache=MemoryCache(),
        settings={"url": url, "path": told.pop("path", "")},
        **told,
    )
    return Spot(account, folder)


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


def test_it_says_what_a_listing_says(server, bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(8):
        bucket.put(f"snapshots/{number}", b"x")
    bucket.put("data/1", b"x")
    bucket.put("snapshots/a b+c%20&d", b"x")
    folder = tmp_path / "kept" / "site" / "index" / "f0"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text("x")
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    os.utime(folder / "1.json", (at.timestamp(), at.timestamp()))
    url = f"s3:{server}/{bucket._bucket}/below"
    seen = fresh(
        [
            spot(url),
            spot(f"s3:{server}/{bucket._bucket}", "b", path="below"),
            spot(f"s3:{server}/{bucket._bucket}/elsewhere", "c"),
            spot(f"file://{tmp_path}/kept", "d", "index/", path="site"),
        ]
    )
    expected = {
        one.name.removeprefix("snapshots/"): one.at
        for one in bucket.names("snapshots/")
    }
    assert len(expected) == 9
    assert seen["a"].at == seen["b"].at == expected
    assert seen["a"].newest == max(expected.values())
    assert (seen["c"].at, seen["c"].newest, seen["c"].why) == ({}, None, "")
    assert seen["d"].at == {"1.json": at}


def test_what_cannot_be_read_is_neither_fresh_nor_stale(server, tmp_path):
    seen = fresh(
        [
            spot(f"s3:{server}/nowhere-at-all", "gone"),
            spot("s3:http://127.0.0.1:9/b", "down"),
            spot(f"s3:{server}/b", "keyless", secrets={}),
            spot(f"file://{tmp_path}/nowhere", "folder"),
            spot("rest:http://127.0.0.1:9/x", "rest"),
        ]
    )
    assert {name: one.newest for name, one in seen.items()} == dict.fromkeys(seen)
    why = {name: one.why for name, one in seen.items()}
    assert "NoSuchBucket" in why["gone"]
    assert "not sent" in why["down"]
    assert "needs keys" in why["keyless"]
    assert "is not there" in why["folder"]
    assert "only a folder or a bucket" in why["rest"]


class _Answers(BaseHTTPRequestHandler):
    said: list[tuple[int, dict[str, str], bytes]]
    asked: list[Any]

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        status, headers, body = self.said.pop(0) if self.said else (200, {}, EMPTY)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
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
    assert fresh([spot(answers.url, sleep=slept.append)])["a"] == ({}, "")
    assert slept == [7.0, 1.0]
    answers.said += [busy] * 9
    found = fresh([spot(answers.url, sleep=slept.append)])["a"]
    assert found.why == "list_objects_v2: 503 SlowDown"
    assert len(answers.asked) == 6


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"", "cannot be read"),
        (200, b"<ListBucketResult><Contents>", "cannot be read"),
        (200, b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult/>', "cannot be read"),
        (200, b"<html>welcome</html>", "another one"),
        (200, b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", "same page twice"),
        (200, b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>", "without Size"),
        (403, b"<Error><Code>AccessDenied</Code><Message>s-3 is wrong</Message></Error>", "AccessDenied"),
        (403, b"<Error><Code>reads:s-3</Code></Error>", "list_objects_v2: 403"),
        (301, b"", "list_objects_v2: 301"),
    ],
)  # fmt: skip
def test_half_an_answer_proves_nothing(answers, status, body, why):
    answers.said += [(status, {}, body)]
    found = fresh([spot(answers.url)])["a"]
    assert why in found.why
    assert found.at == {}
    assert "s-3" not in found.why


def test_each_is_asked_by_who_may_only_read(answers):
    fresh([spot(answers.url)])
    (asked,) = answers.asked
    told = asked[1]["Authorization"]
    assert "Credential=reads/" in told
    assert "s-3" not in str(asked)
    fresh([spot(answers.url, secrets={"write": "adds:s-1"})])
    assert "Credential=adds/" in answers.asked[1][1]["Authorization"]


def test_an_endpoint_has_one_set_of_connections(answers, tmp_path: Path):
    many = [spot(answers.url, f"r{number}", path=f"p{number}") for number in range(40)]
    seen = fresh(many, threads=4)
    assert len(seen) == 40
    assert not [one for one in seen.values() if one.why]
    assert min(asked[0].partition("prefix=")[2] for asked in answers.asked) == "p0%2Fsnapshots%2F"  # fmt: skip
