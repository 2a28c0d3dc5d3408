"""
Where an archive's objects are: a bucket of S3, or of what speaks as it does.

``s3:https://s3.eu-west-1.amazonaws.com/BUCKET/FOLDER``: the bucket is in the path.
Sources: Amazon S3 API Reference (``PutObject``, ``CreateMultipartUpload``,
``ListObjectsV2``, ``PutObjectRetention``) and User Guide ("How to prevent object
overwrites with conditional writes", "Object Lock": what is put into a bucket with a
lock needs a checksum). What follows:

* An index is written on the condition that there is none (``If-None-Match: *``). Where
  the answer is lost, a read tells whose it is.
* Everything else has a name that nobody else has, and counts for nothing before its
  index is there: where its answer is lost, nothing happened.
* What is in parts is whole after ``CompleteMultipartUpload``, or is not there.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, BinaryIO, Final, NamedTuple, cast

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.providers._archive_store import Gone, Stored, Writing
from reconciler.providers._aws import Refusal, pages
from reconciler.providers._s3_place import s3_client, s3_place

_SERVICE: Final = "s3"
#: S3 takes 10,000 parts of at least 5 MiB.
_PART: Final = 16 << 20
_GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_COMPLIANCE: Final = "COMPLIANCE"
_THERE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class Held(NamedTuple):
    """
    The lock of an object.

    Attributes:
        until: Until when it cannot be deleted.
        firm: By nobody at all (compliance); else who may bypass it can.
    """

    until: datetime
    firm: bool


def first(locks: Iterable[Held | None]) -> Held | None:
    """Return how far all of something is locked; None where a part of it is not."""
    found = [*locks]
    held = [one for one in found if one is not None]
    if not held or len(held) < len(found):
        return None
    return Held(min(one.until for one in held), all(one.firm for one in held))


def is_held(lock: Held | None, mode: str) -> bool:
    """Say whether something is locked as *mode* wants it."""
    return lock is not None and (lock.firm or mode.upper() != _COMPLIANCE)


class Bucket:
    """
    A folder of a bucket.

    Args:
        account: The repository.
        keys: ``KEY:SECRET`` of who may do what is asked of it.
    """

    def __init__(self, account: Account, url: str, below: str, keys: str) -> None:
        place = s3_place(url, below)
        self._bucket, self._prefix = place.bucket, place.prefix
        self._aws = s3_client(account, place, keys)

    def ask(self, operation: str, **values: Any) -> dict[str, Any]:
        """Ask once, as a series of its own."""
        calls = self._aws.calls(_SERVICE)
        return calls(operation, Bucket=self._bucket, **values)

    def wait(self) -> None:
        """Return when one more request may be sent by other means than ``ask``."""
        self._aws.limit.wait()

    def _write(self, operation: str, **values: Any) -> dict[str, Any]:
        """Ask for what counts for nothing yet: a lost answer is no effect."""
        try:
            return self.ask(operation, **values)
        except Ambiguous as lost:
            raise Transient(lost.what, request_id=lost.request_id) from None

    def key(self, name: str) -> str:
        """Return what an object is called in all of the bucket."""
        return f"{self._prefix}{name}"

    def name(self, key: str) -> str:
        """Return what *key* is called in our folder."""
        return key.removeprefix(self._prefix)

    # -- reading -----------------------------------------------------------------------

    def there(self) -> bool:
        """See that the bucket can be listed; one that is not there is refused."""
        self.ask("list_objects_v2", Prefix=self._prefix, MaxKeys=1)
        return True

    def names(self, prefix: str) -> list[Stored]:
        """Return every object whose name begins so."""

        def page(**values: Any) -> dict[str, Any]:
            return self.ask("list_objects_v2", Prefix=self.key(prefix), **values)

        found: list[Stored] = []
        for one in pages(page, "ContinuationToken<NextContinuationToken"):
            found += (
                Stored(
                    str(row["Key"]).removeprefix(self._prefix),
                    int(row["Size"]),
                    row["LastModified"],
                )
                for row in one.get("Contents", ())
            )
        return sorted(found)

    def about(self, name: str) -> Stored:
        """Return what is so with one object."""
        said = self._head(name)
        return Stored(name, int(said["ContentLength"]), said["LastModified"])

    def _head(self, name: str, version: str | None = None) -> dict[str, Any]:
        which = {} if version is None else {"VersionId": version}
        with _gone(name):
            return self.ask("head_object", Key=self.key(name), **which)

    def told(self, name: str, version: str) -> Mapping[str, str]:
        """Return what was written beside one version of an object."""
        found: Mapping[str, str] = self._head(name, version).get("Metadata", {})
        return found

    @contextmanager
    def read(self, name: str, version: str | None = None) -> Iterator[BinaryIO]:
        """Open an object, or an older version of it."""
        which = {} if version is None else {"VersionId": version}
        with _gone(name):
            said = self.ask("get_object", Key=self.key(name), **which)
        body = said["Body"]
        try:
            yield cast("BinaryIO", _Body(body))
        finally:
            body.close()

    # -- writing -----------------------------------------------------------------------

    @contextmanager
    def writing(self, name: str, **told: str) -> Iterator[Writing]:
        """Write an object, in parts where it is large; *told* is kept beside it."""
        upload = _Upload(self, self.key(name), told)
        try:
            yield upload
            upload.complete()
        except BaseException:
            upload.abandon()
            raise

    def put(self, name: str, content: bytes) -> bool:
        """Write a small object where there is none."""
        try:
            self.ask(
                "put_object",
                Key=self.key(name),
                Body=content,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
            )
        except Refusal as refusal:
            if refusal.aws_code in _THERE:
                return False
            raise
        except Ambiguous as lost:
            return self._arrived(name, content, lost)
        return True

    def _arrived(self, name: str, content: bytes, lost: Ambiguous) -> bool:
        """Say whether what was put is what is there."""
        try:
            with self.read(name) as file:
                return file.read(len(content) + 1) == content
        except Gone:
            raise Transient(lost.what, request_id=lost.request_id) from None
        except ProviderError:
            raise lost from None

    def remove(self, name: str) -> None:
        """Take an object away; a bucket with versions hides it."""
        self.ask("delete_object", Key=self.key(name))

    def remove_many(self, wanted: Sequence[tuple[str, str | None]]) -> None:
        """
        Hide objects; or, where a version is named, take that one away: 1,000 at most.

        Raises:
            Rejected: One of them was refused; others may be done.
        """
        rows = [
            {"Key": self.key(name), **({"VersionId": version} if version else {})}
            for name, version in wanted
        ]
        said = self.ask("delete_objects", Delete={"Objects": rows, "Quiet": True})
        for one in said.get("Errors", ()):
            name = self.name(str(one.get("Key")))
            raise Rejected(f"delete_objects: {one.get('Code')}: {name}")

    def tidy(self, older_than: datetime) -> None:
        """Abort uploads that were never completed."""
        said = self.ask("list_multipart_uploads", Prefix=self._prefix)
        for one in said.get("Uploads", ()):
            if one["Initiated"] < older_than:
                self.ask(
                    "abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"]
                )

    # -- locks -------------------------------------------------------------------------

    def locked(self, name: str) -> Held | None:
        """Return the lock of an object; None where it has none. Raises Gone."""
        said = self._head(name)
        until: datetime | None = said.get("ObjectLockRetainUntilDate")
        firm = said.get("ObjectLockMode") == _COMPLIANCE
        return Held(until, firm) if until is not None else None

    def lock(self, name: str, until: datetime, mode: str) -> bool:
        """
        Lock an object until then; say whether that is more than it was. Raises Gone.

        A lock is never made shorter, and one of compliance stays one; where that is
        wanted, one of governance becomes one.
        """
        now = self.locked(name)
        firm = mode.upper() == _COMPLIANCE
        if now is not None and now.until >= until and (now.firm or not firm):
            return False
        kept = now is not None and now.firm
        if now is not None:
            until = max(until, now.until)
        self.ask(
            "put_object_retention",
            Key=self.key(name),
            Retention={
                "Mode": _COMPLIANCE if kept else mode.upper(),
                "RetainUntilDate": until,
            },
            ChecksumAlgorithm="SHA256",
        )
        return True

    def versioned(self) -> bool | None:
        """Say whether old versions are kept; None where that cannot be read."""
        try:
            return bool(self.ask("get_bucket_versioning").get("Status") == "Enabled")
        except ProviderError:
            return None

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()


class _Body:
    """What is in an object, as it comes in."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        try:
            found: bytes = self._body.read(size if size >= 0 else None)
        except Exception as error:  # noqa: BLE001  (a body that breaks off has many)
            name = type(error).__name__
            raise Transient(f"get_object: the answer was lost: {name}") from None
        return found


class _Upload:
    """An object on its way; one that is small goes at once."""

    def __init__(self, bucket: Bucket, key: str, told: Mapping[str, str]) -> None:
        self._bucket = bucket
        self._key = key
        self._about: dict[str, Any] = {"ChecksumAlgorithm": "SHA256"}
        if told:
            self._about["Metadata"] = dict(told)
        self._waiting = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> int:
        """Take more of it."""
        self._waiting += data
        if len(self._waiting) >= _PART:
            self._part()
        return len(data)

    def _part(self) -> None:
        write = self._bucket._write  # noqa: SLF001  (a part of it)
        if self._upload is None:
            said = write("create_multipart_upload", Key=self._key, **self._about)
            self._upload = str(said["UploadId"])
        content = bytes(self._waiting)
        sum_ = base64.b64encode(hashlib.sha256(content).digest()).decode()
        number = len(self._parts) + 1
        done = write(
            "upload_part",
            Key=self._key,
            UploadId=self._upload,
            PartNumber=number,
            Body=content,
            ChecksumSHA256=sum_,
        )
        part = {"PartNumber": number, "ETag": done["ETag"], "ChecksumSHA256": sum_}
        self._parts.append(part)
        self._waiting.clear()

    def complete(self) -> None:
        """Make it an object."""
        write = self._bucket._write  # noqa: SLF001  (a part of it)
        if self._upload is None:
            content = bytes(self._waiting)
            write("put_object", Key=self._key, Body=content, **self._about)
            return
        self._part()
        write(
            "complete_multipart_upload",
            Key=self._key,
            UploadId=self._upload,
            MultipartUpload={"Parts": self._parts},
        )

    def abandon(self) -> None:
        """Forget the parts; who may not do that leaves them to who tidies."""
        if self._upload is not None:
            with suppress(ProviderError):
                self._bucket.ask(
                    "abort_multipart_upload", Key=self._key, UploadId=self._upload
                )


@contextmanager
def _gone(name: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        if refusal.aws_code in _GONE:
            raise Gone(name) from None
        raise
