"""The buckets and secrets in moto's memory: made at the start, forgotten at the end."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from reconciler.sandbox.aws_zones import memory
from reconciler.sandbox.emulator import Bench

_OBJECTS: Final = {
    "PUT": "PutObject",
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "DELETE": "DeleteObject",
}
_BUCKETS: Final = {"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket"}
#: Words of a query that name another operation: word -> its noun.
_NOUNS: Final = {
    "versioning": "BucketVersioning",
    "object-lock": "ObjectLockConfiguration",
    "lifecycle": "BucketLifecycleConfiguration",
    "publicAccessBlock": "PublicAccessBlock",
    "encryption": "BucketEncryption",
    "replication": "BucketReplication",
    "retention": "ObjectRetention",
}
_OTHERS: Final = {
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "uploads"): "ListMultipartUploads",
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
#: The operations that change something, as the AWS documentation names them.
EFFECTS: Final = frozenset(
    {
        "PutObject",
        "DeleteObject",
        "DeleteObjects",
        "CompleteMultipartUpload",
        "CreateSecret",
        "PutSecretValue",
        "UpdateSecretVersionStage",
        *(f"Put{noun}" for noun in _NOUNS.values()),
    }
)
#: Folders and files whose requests are told apart.
_PLACES: Final = re.compile(
    r"/(index|data|manifest|snapshots)/[^?]*$|/(current|archive)\.json$"
)
_LOADED: Final = "moto.s3.models"
_SCOPE: Final = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


def signed_for(scope: Scope) -> tuple[str, str]:
    """Return the region and the service that a request was signed for."""
    given = dict(scope["headers"]).get(b"authorization", b"").decode()
    found = _SCOPE.search(given)
    return (found[1], found[2]) if found else ("us-east-1", "")


def operation(scope: Scope) -> str:
    """Name an operation of S3, and where: ``PutObject:index``."""
    method, path = scope["method"], str(scope["path"])
    asked = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    for word in asked:
        if (method, word) in _OTHERS:
            return _OTHERS[method, word]
        if word in _NOUNS:
            return _placed(f"{method.capitalize()}{_NOUNS[word]}", path)
    if "/" not in path.strip("/"):
        return _BUCKETS.get(method, "unknown")
    return _placed(_OBJECTS.get(method, "unknown"), path)


def _placed(name: str, path: str) -> str:
    found = _PLACES.search(path)
    return f"{name}:{found[1] or found[2]}" if found else name


class Stores:
    """
    What S3 and Secrets Manager have of one bench.

    moto's part for S3 is dear to load, so that it is not before it is needed.
    """

    def __init__(self, bench: Bench) -> None:
        self._account = memory(bench)

    def _backends(self, *, needed: bool) -> tuple[Any, ...]:
        if not (needed or _LOADED in sys.modules):
            return ()
        from moto.s3.models import s3_backends
        from moto.secretsmanager.models import secretsmanager_backends

        return s3_backends, secretsmanager_backends

    def restore(self, buckets: Iterable[str | Mapping[str, Any]]) -> None:
        """
        Forget everything and have *buckets*, empty and with versions.

        One that is written ``{name: ..., lock: true, denies: [...]}`` can lock objects,
        and has a policy that denies these operations.
        """
        self.forget()
        wanted = [{"name": one} if isinstance(one, str) else one for one in buckets]
        for s3 in self._backends(needed=bool(wanted))[:1]:
            here = s3[self._account]["aws"]
            for one in wanted:
                made = here.create_bucket(str(one["name"]), "us-east-1")
                made.versioning_status = "Enabled"
                made.object_lock_enabled = bool(one.get("lock"))
                made.denies = frozenset(one.get("denies", ()))
                # Since 2023 every new bucket has it, which moto does not know.
                usual = {
                    "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}
                }
                here.put_bucket_encryption(made.name, {"Rule": usual})

    def bucket(self, name: str) -> Any | None:
        """Return one bucket of moto's; None where there is none."""
        for s3 in self._backends(needed=False)[:1]:
            return s3[self._account]["aws"].buckets.get(name)
        return None

    def forget(self) -> None:
        """Give the memory back: nobody asks any more."""
        for backends in self._backends(needed=False):
            for backend in backends.pop(self._account, {}).values():
                backend.reset()
