"""
What S3 does about locks, times and replications, and moto does not.

Sources: Amazon S3 User Guide, "Object Lock considerations" (versioning of a bucket with
a lock cannot be suspended; a retention period in compliance mode is not made shorter,
and its mode is not changed; one in governance mode only by who may bypass it and says
so) and "Enable Object Lock on an existing S3 bucket" (since 2023 one that has objects,
too, if it has versions). moto lets versioning be suspended, makes every period shorter,
and refuses a lock where there are objects. Its clock is this machine's: what is written
is dated by the sandbox's instead, and locked from then on. Of a replication moto gives
back no filter: here it is given back as it was put.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

from starlette.types import Message, Scope

from reconciler.sandbox.aws_stores import Stores, operation, signed_for
from reconciler.sandbox.emulator import Bench

_UNTIL: Final = b"x-amz-object-lock-retain-until-date"
_WRITES: Final = frozenset({"PutObject", "DeleteObject", "CompleteMultipartUpload"})
_OK: Final = 300
_BYPASS: Final = b"x-amz-bypass-governance-retention"


class Told(NamedTuple):
    """
    What is answered in moto's place; ``code`` is empty where it was done.

    Attributes:
        text: What is wrong, or what was asked for.
    """

    status: int
    code: str = ""
    text: str = ""


def answer(bench: Bench, scope: Scope, body: bytes) -> Told | None:
    """Return what S3 would answer; None where moto answers as it does."""
    name = operation(scope).partition(":")[0]
    bucket, key = _asked(bench, scope)
    if bucket is None:
        return None
    if name in getattr(bucket, "denies", ()):
        return Told(403, "AccessDenied", "Access Denied")
    if name == "PutBucketVersioning":
        return _suspended(bucket, body)
    if name == "PutObjectLockConfiguration":
        return _locked(bucket, body)
    if name == "PutBucketReplication":
        bucket.replication_put = body
    if name == "GetBucketReplication" and getattr(bucket, "replication", None):
        return Told(200, text=bucket.replication_put.decode())
    if name == "PutObjectRetention":
        return _retained(bucket.keys.getlist(key) or (), scope, body, bench.clock())
    return None


def _asked(bench: Bench, scope: Scope) -> tuple[Any | None, str]:
    """Return the bucket and the key that a request is about."""
    where, _, key = unquote(str(scope["path"]).lstrip("/")).partition("/")
    return Stores(bench).bucket(where), key


def stamp(bench: Bench, scope: Scope, said: Message) -> None:
    """Date an answer of S3, and what it has written, by the sandbox's clock."""
    if signed_for(scope)[1] != "s3":
        return
    now = bench.clock()
    said["headers"] = [
        *((name, value) for name, value in said["headers"] if name.lower() != b"date"),
        (b"date", format_datetime(now.astimezone(UTC), usegmt=True).encode()),
    ]
    name = operation(scope).partition(":")[0]
    bucket, key = _asked(bench, scope)
    if said["status"] >= _OK or name not in _WRITES or bucket is None:
        return
    versions = bucket.keys.getlist(key) or ()
    if not versions or b"versionId" in scope["query_string"]:
        return
    last, at = versions[-1], now.astimezone(UTC).replace(tzinfo=None)
    if len(versions) > 1:  # a clock that stands still puts nothing out of order
        at = max(at, versions[-2].last_modified + timedelta(milliseconds=1))
    last.last_modified = at
    if bucket.has_default_lock and _UNTIL not in _headers(scope):
        years = 365 * (bucket.default_lock_years or 0)
        until = at + timedelta(days=(bucket.default_lock_days or 0) + years)
        last.lock_until = until.strftime("%Y-%m-%dT%H:%M:%SZ")


def _headers(scope: Scope) -> Mapping[bytes, bytes]:
    return dict(scope["headers"])


def _suspended(bucket: Any, body: bytes) -> Told | None:
    if not bucket.object_lock_enabled or b"Suspended" not in body:
        return None
    text = (
        "An Object Lock configuration is present on this bucket, so the versioning "
        "state cannot be changed."
    )
    return Told(409, "InvalidBucketState", text)


def _locked(bucket: Any, body: bytes) -> Told:
    if not bucket.is_versioned:
        text = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"  # noqa: E501
        return Told(409, "InvalidBucketState", text)
    bucket.object_lock_enabled = True
    bucket.default_lock_mode = _word(body, "Mode")
    bucket.default_lock_days = int(_word(body, "Days") or 0)
    bucket.default_lock_years = int(_word(body, "Years") or 0)
    return Told(200)


def _retained(
    versions: Sequence[Any], scope: Scope, body: bytes, now: datetime
) -> Told | None:
    asked = parse_qs(scope["query_string"].decode())
    version = asked.get("versionId", [None])[0]
    kept = [
        one for one in versions if version is None or str(one.version_id) == version
    ]
    if not kept or not getattr(kept[-1], "lock_until", None):
        return None
    was, until = kept[-1].lock_mode, _moment(kept[-1].lock_until)
    told = _word(body, "RetainUntilDate")
    if until < now:
        return None
    weaker = not told or _moment(told) < until or _word(body, "Mode") != was
    bypass = _headers(scope).get(_BYPASS, b"").lower() == b"true"
    if not weaker or (was == "GOVERNANCE" and bypass):
        return None
    if was == "GOVERNANCE" and _word(body, "Mode") == "COMPLIANCE":
        return None if told and _moment(told) >= until else _denied()
    return _denied()


def _denied() -> Told:
    return Told(
        403, "AccessDenied", "Access Denied because object protected by object lock."
    )


def _word(body: bytes, name: str) -> str | None:
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), body)
    return found[1].decode() if found else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
