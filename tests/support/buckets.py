"""A server of S3 over a real socket (moto), and hands on what it keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import boto3
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from reconciler.model import Account
from reconciler.providers._archive_bucket import Bucket
from tests.support.contract import NOW, MemoryCache

KEYS = {"write": "adds:s-1", "maintain": "deletes:s-2", "drill": "reads:s-3"}
_MOTO = "123456789012"


@contextmanager
def serving() -> Iterator[str]:
    """Yield the address of a server."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL + 1)
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    try:
        yield f"http://127.0.0.1:{running.get_host_and_port()[1]}"
    finally:
        running.stop()


@contextmanager
def by_hand(server: str) -> Iterator[Any]:
    """Yield what speaks to *server* as anybody with keys may."""
    made = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    try:
        yield made
    finally:
        made.close()


def fresh(s3: Any, lock: bool = True) -> str:
    """Make a bucket that keeps versions; return its name."""
    name = f"b-{mock_random.get_random_hex(12)}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
    on = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=on)
    return name


def place(server: str, name: str, **more: Any) -> Bucket:
    """Return the folder ``below`` of a bucket, as the product uses it."""
    account = Account(
        name="near",
        endpoint=server,
        identity=None,
        secrets=KEYS,
        clock=lambda: NOW,
        sleep=lambda seconds: None,
        cache=MemoryCache(),
        **more,
    )
    return Bucket(account, f"s3:{server}/{name}/below", "", KEYS["maintain"])


def age(bucket: str, by: timedelta) -> None:
    """Have everything in a bucket have been there for longer."""
    kept = s3_backends[_MOTO]["aws"].buckets[bucket].keys
    for _, versions in kept.iterlists():
        for one in versions:
            one.last_modified -= by


def bodies(s3: Any, bucket: str) -> set[tuple[str, str]]:
    """Return every version that has content: key, id."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    return {
        (one["Key"], one["VersionId"])
        for page in pages
        for one in page.get("Versions", ())
    }


def visible(s3: Any, bucket: str) -> dict[str, bytes]:
    """Return what anybody sees."""
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for one in page.get("Contents", ()):
            said = s3.get_object(Bucket=bucket, Key=one["Key"])
            found[one["Key"]] = said["Body"].read()
    return found
