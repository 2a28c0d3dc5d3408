"""The buckets and secrets in moto's memory: made at the start, forgotten at the end."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any, Final

from starlette.types import Scope

from reconciler.sandbox.aws_zones import memory
from reconciler.sandbox.emulator import Bench

#: The operations that change something, as the AWS documentation names them.
EFFECTS: Final = frozenset(
    ["PutObject", "CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"]
)
_OBJECTS: Final = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject"}
_LOADED: Final = "moto.s3.models"
_SCOPE: Final = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")


def signed_for(scope: Scope) -> tuple[str, str]:
    """Return the region and the service that a request was signed for."""
    given = dict(scope["headers"]).get(b"authorization", b"").decode()
    found = _SCOPE.search(given)
    return (found[1], found[2]) if found else ("us-east-1", "")


def operation(scope: Scope) -> str:
    """Name an operation on a bucket; one that is about its last word says so."""
    name = _OBJECTS.get(scope["method"], "unknown")
    return f"{name}:current" if scope["path"].endswith("/current.json") else name


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

    def restore(self, buckets: Iterable[str]) -> None:
        """Forget everything and have *buckets*, empty and with versions."""
        self.forget()
        names = [*buckets]
        for s3 in self._backends(needed=bool(names))[:1]:
            for name in names:
                made = s3[self._account]["aws"].create_bucket(name, "us-east-1")
                made.versioning_status = "Enabled"

    def forget(self) -> None:
        """Give the memory back: nobody asks any more."""
        for backends in self._backends(needed=False):
            for backend in backends.pop(self._account, {}).values():
                backend.reset()
