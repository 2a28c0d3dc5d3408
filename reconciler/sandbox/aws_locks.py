"""
What S3 does about locks and moto does not.

Sources: Amazon S3 User Guide, "Object Lock considerations" (versioning of a bucket with
a lock cannot be suspended; a retention period in compliance mode is not made shorter,
and its mode is not changed; one in governance mode only by who may bypass it and says
so) and "Enable Object Lock on an existing S3 bucket" (since 2023 one that has objects,
too, if it has versions). moto lets versioning be suspended, makes every period shorter,
and refuses a lock where there are objects.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from starlette.types import Scope

from reconciler.sandbox.aws_stores import Stores, operation

_BYPASS = b"x-amz-bypass-governance-retention"


class Told(NamedTuple):
    """What is answered in moto's place; ``code`` is empty where it was done."""

    status: int
    code: str = ""
    text: str = ""


def answer(stores: Stores, scope: Scope, body: bytes) -> Told | None:
    """Return what S3 would answer; None where moto answers as it does."""
    name = operation(scope)
    where, _, key = unquote(str(scope["path"]).lstrip("/")).partition("/")
    bucket = stores.bucket(where)
    if bucket is None:
        return None
    if name.partition(":")[0] in getattr(bucket, "denies", ()):
        return Told(403, "AccessDenied", "Access Denied")
    if name == "PutBucketVersioning":
        return _suspended(bucket, body)
    if name == "PutObjectLockConfiguration":
        return _locked(bucket, body)
    if name == "PutObjectRetention":
        return _retained(bucket, key, scope, body)
    return None


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


def _retained(bucket: Any, key: str, scope: Scope, body: bytes) -> Told | None:
    asked = parse_qs(scope["query_string"].decode())
    version = asked.get("versionId", [None])[0]
    kept = [
        one
        for one in bucket.keys.getlist(key) or ()
        if version is None or str(one.version_id) == version
    ]
    if not kept or not getattr(kept[-1], "lock_until", None):
        return None
    was, until = kept[-1].lock_mode, _moment(kept[-1].lock_until)
    told = _word(body, "RetainUntilDate")
    if until < datetime.now(UTC):
        return None
    weaker = not told or _moment(told) < until or _word(body, "Mode") != was
    bypass = dict(scope["headers"]).get(_BYPASS, b"").lower() == b"true"
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
