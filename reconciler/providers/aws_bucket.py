"""
Certificates as objects of an S3 bucket, for those who fetch theirs.

A place is ``at: BUCKET/FOLDER`` in a ``region``. In the folder there are::

    current.json                    which one it is: {"fingerprint", "notAfter",
                                    "certificate", "key"}, the names of the two objects
    5c81aa01.../fullchain.pem       the leaf and its issuers
    5c81aa01.../privkey.pem

Sources: Amazon S3 API Reference (``PutObject``, ``GetObject``) and User Guide ("How to
prevent object overwrites with conditional writes", "Specifying server-side encryption
with AWS KMS", "Amazon S3 data consistency model": a read after a write sees it). What
follows:

* Two objects cannot be written at once. Their names hold the fingerprint, so that they
  never change, and the one small object that says which of them counts is written last:
  nobody who reads it first meets the key of one with the certificate of another.
* It is written on the condition that nobody wrote it since it was read
  (``If-Match``, ``If-None-Match``): another run is refused, and plans again.
* Everything is encrypted with KMS: ``settings.kmsKey``, else the account's own key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from reconciler.errors import Rejected, Transient
from reconciler.kinds.certificate import Certificate, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._aws import REGION, Refusal
from reconciler.providers._aws_install import AwsInstaller
from reconciler.providers._install import Pair

BUCKET: Final = "bucket"
_SERVICE: Final = "s3"
_NOTHING: Final = frozenset({"NoSuchKey", "404"})
_OTHERS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class Pointer(NamedTuple):
    """What ``current.json`` says, and what has to be matched to write another."""

    fingerprint: str
    not_after: datetime
    etag: str


class AwsBucket(AwsInstaller):
    """The buckets of one AWS account, as places of certificates."""

    family: ClassVar[str] = BUCKET
    can: ClassVar[Mapping[str, OpClass]] = {"install": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    per_second: ClassVar[float | None] = None

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._read: dict[tuple[str, str], Pointer | None] = {}

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Forget what was read: there is no listing that would tell."""
        del wants
        self._read = {}

    def look(self, want: Certificate, place: Place) -> Site:
        """Return which certificate counts in the folder."""
        found = self._pointer(want, place)
        if found is None:
            return Site()
        return Site(fingerprint=found.fingerprint, not_after=found.not_after)

    def _where(self, want: Certificate, place: Place) -> tuple[str, str]:
        """Return the bucket and the folder of *place*."""
        bucket, _, folder = (place.at or "").partition("/")
        if not bucket:
            raise Rejected("at: name the bucket and its folder, as in tls/shop")
        return bucket, folder.strip("/") or want.name

    def _pointer(self, want: Certificate, place: Place) -> Pointer | None:
        """Return what counts; None where nothing does."""
        asked = self._where(want, place)
        if asked not in self._read:
            self._read[asked] = self._get(*asked, place.region or REGION)
        return self._read[asked]

    def _get(self, bucket: str, folder: str, region: str) -> Pointer | None:
        calls = self._aws.calls(_SERVICE, region)
        try:
            said = calls.get_object(Bucket=bucket, Key=f"{folder}/current.json")
        except Refusal as refusal:
            if refusal.aws_code in _NOTHING:
                return None
            raise
        try:
            body = json.loads(said["Body"].read())
            ends = datetime.fromisoformat(body["notAfter"])
            return Pointer(str(body["fingerprint"]), ends, str(said["ETag"]))
        except (ValueError, KeyError, TypeError):
            raise Rejected(
                f"{folder}/current.json is not what is written here"
            ) from None
        except Exception as error:  # noqa: BLE001  (a body that breaks off has many)
            name = type(error).__name__
            raise Transient(f"get_object: the answer was lost: {name}") from None

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Write the pair, and then that it is the one that counts."""
        bucket, folder = self._where(want, place)
        region, before = place.region or REGION, self._pointer(want, place)
        below = f"{folder}/{pair.fingerprint}"
        names = {"certificate": f"{below}/fullchain.pem", "key": f"{below}/privkey.pem"}
        for name, content in (
            (names["key"], pair.key),
            (names["certificate"], pair.fullchain),
        ):
            # A series of its own each: until the last one nothing has happened.
            self._put(self._aws.calls(_SERVICE, region), bucket, name, content)
        ends = pair.certificate.not_valid_after_utc.isoformat()
        said = {"fingerprint": pair.fingerprint, "notAfter": ends, **names}
        free: dict[str, Any] = {"IfNoneMatch": "*"}
        condition = {"IfMatch": before.etag} if before else free
        calls = self._aws.calls(_SERVICE, region)
        content = json.dumps(said, sort_keys=True).encode()
        try:
            done = self._put(
                calls, bucket, f"{folder}/current.json", content, **condition
            )
        except Refusal as refusal:
            if refusal.aws_code in _OTHERS:
                raise Rejected(
                    f"{bucket}/{folder} was written by somebody else just now",
                    hint="plan again",
                    request_id=refusal.request_id,
                ) from None
            raise
        version = done.get("VersionId")
        return Receipt(
            reference=f"s3://{bucket}/{below}",
            request_id=calls.request_id,
            details={"version": str(version)} if version else {},
        )

    def _put(
        self, calls: Any, bucket: str, name: str, content: bytes, **condition: Any
    ) -> Mapping[str, Any]:
        key = self.account.settings.get("kmsKey")
        done: Mapping[str, Any] = calls.put_object(
            Bucket=bucket,
            Key=name,
            Body=content,
            ServerSideEncryption="aws:kms",
            **({"SSEKMSKeyId": key} if key else {}),
            **condition,
        )
        return done


DRIVER = AwsBucket
