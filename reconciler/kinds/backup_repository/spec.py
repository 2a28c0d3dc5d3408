"""What YAML says of a place that keeps copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from reconciler.model import Duration, Price, SecretRef, Spec, To
from reconciler.model.repository import (
    PANELS,
    Engine,
    FailureDomain,
    Immutability,
    PanelKeep,
)

_FOLDER: Final = {"file": "file:///folder"}
_BUCKET: Final = {"s3": "s3:https://host/bucket"}
_PANEL: Final = {"https": "https://host:port"}
#: Engine -> what its URL begins with, and how that is written.
_REACHED: Final = {
    "archive": {**_FOLDER, **_BUCKET},
    "restic": {**_FOLDER, **_BUCKET, "rest": "rest:https://host/path"},
    "whm": _PANEL,
    "plesk": _PANEL,
}


class Credentials(Spec):
    """
    Three identities: whoever backs up cannot delete, whoever proves cannot write.

    Attributes:
        write: Adds snapshots, and nothing else. ``key`` and ``secret`` of S3 are one
            text ``KEY:SECRET``; of REST ``USER:PASSWORD``.
        maintain: Deletes and extends locks; left out: nothing is ever deleted.
        drill: Only reads; left out: ``write`` is used.
        password: Encrypts what is kept.
    """

    write: SecretRef | None = None
    maintain: SecretRef | None = None
    drill: SecretRef | None = None
    password: SecretRef | None = None


class Bucket(Spec):
    """
    How the bucket has to be set up; what is left out is not looked at.

    Attributes:
        expire: What is no longer current goes after so long: never before its lock.
        replicate: The bucket (ARN) that it is replicated to.
    """

    versioning: bool | None = None
    public_access_block: bool | None = None
    encryption: Literal["AES256", "aws:kms"] | None = None
    expire: Duration | None = None
    replicate: Annotated[str, Field(pattern=r"^arn:")] | None = None


class BackupRepositorySpec(Spec):
    """
    A place that keeps copies.

    Attributes:
        url: Where: ``file:///srv/backup``, ``s3:https://s3.eu-west-1.amazonaws.com/
            bucket/path``, ``rest:https://host/path`` or ``https://whm1:2087``.
        provider: The account whose cloud or panel it is: there it is set up.
        path: A folder within it, for many repositories of one place; of ``whm`` where
            the server's backup folder is mounted here.
        panel: How many the panel's own schedule keeps at least.
        escrow_key: A second password that opens it, kept elsewhere and tried in drills.
        price: What one TiB costs there; the ``budget`` of backups is judged by it.
    """

    engine: Engine
    url: str
    provider: Annotated[str, To("Provider")] | None = None
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]+$")] | None = None
    credentials: Credentials = Credentials()
    escrow_key: SecretRef | None = None
    failure_domain: FailureDomain | None = None
    immutability: Immutability = Immutability()
    bucket: Bucket | None = None
    panel: PanelKeep | None = None
    price: Price | None = None

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        bare = url.removeprefix("s3:").removeprefix("rest:")
        parts = urlsplit(bare)
        local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
            return url
        if parts.username or parts.password:
            raise ValueError("a URL has no user or password: they are credentials")
        if parts.scheme == "https" or (parts.scheme == "http" and local):
            return url
        raise ValueError(
            "write file:///folder, s3:https://host/bucket or rest:https://host/path "
            "(http only on loopback)"
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.engine in {"restic", "archive"} and self.credentials.password is None:
            raise ValueError(
                f"{self.engine} needs credentials.password: nothing is kept unencrypted"
            )
        if self.immutability.locks and not self.url.startswith("s3:"):
            raise ValueError("only S3 locks objects: mode is none or append-only")
        if self.panel and (self.engine not in PANELS or self.provider is None):
            raise ValueError(
                "panel is of engine whm or plesk, and needs provider: who sets it up"
            )
        if self.engine == "whm" and not (self.path or "/").startswith("/"):
            raise ValueError(
                "path of whm is a whole one: /mnt/whm1, where the server's backup "
                "folder is mounted"
            )
        lasts = self.immutability.lasts
        if (
            self.bucket
            and self.immutability.locks
            and self.bucket.expire is not None
            and self.bucket.expire < lasts
        ):
            raise ValueError(
                "bucket.expire is shorter than immutability.for: what is locked "
                "cannot go"
            )
        if self.immutability.locks and lasts < timedelta(days=1):
            raise ValueError("a lock lasts at least 1d")
        return self

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        begins = self.url.partition(":")[0]
        how = "https" if begins == "http" else begins
        if how not in _REACHED[self.engine]:
            forms = " or ".join(_REACHED[self.engine].values())
            raise ValueError(f"{self.engine} keeps copies at {forms}")
        if self.url.startswith("s3:") and not urlsplit(self.place).path.strip("/"):
            raise ValueError("write the bucket too, as in s3:https://host/bucket")
        keys = self.credentials
        if self.escrow_key is not None and self.escrow_key == keys.password:
            raise ValueError(
                "escrowKey is the password itself: who loses the one has lost both"
            )
        return self

    @model_validator(mode="after")
    def _settable(self) -> Self:
        bucket = self.bucket
        if bucket is None:
            return self
        if not self.url.startswith("s3:"):
            raise ValueError("bucket is of s3:https://host/bucket alone")
        if self.provider is None:
            raise ValueError("bucket needs provider: whose account sets it up?")
        if bucket.versioning is False and (self.immutability.locks or bucket.replicate):
            raise ValueError("locks and replication need versioning: it stays on")
        if bucket.expire is not None and bucket.expire < timedelta(days=1):
            raise ValueError("bucket.expire is at least 1d")
        return self

    @property
    def place(self) -> str:
        """The URL that a client connects to, or the folder."""
        return self.url.removeprefix("s3:").removeprefix("rest:")
