"""The sandbox's S3 where moto is laxer than Amazon's manual, and where it is stricter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW
from tests.support.vaults import WORLD, client

SOON = NOW + timedelta(days=20)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": WORLD}), SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture(scope="module")
def boto(running: Sandbox) -> Iterator[Any]:
    made = client(running.endpoint("aws"))
    yield made
    made.close()


@pytest.fixture
def s3(running: Sandbox, boto: Any) -> Any:
    running.reset(World({"aws": WORLD}))
    return boto


def code(call: Any, **values: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**values)
    return str(refused.value.response["Error"]["Code"])


def lock(mode: str, days: int) -> dict[str, Any]:
    rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
    return {"ObjectLockEnabled": "Enabled", "Rule": rule}


def test_versioning_of_a_bucket_that_locks_is_not_suspended(s3: Any) -> None:
    off = {"Status": "Suspended"}
    assert code(s3.put_bucket_versioning, Bucket="locking", VersioningConfiguration=off) == "InvalidBucketState"  # fmt: skip
    s3.put_bucket_versioning(Bucket="plain", VersioningConfiguration=off)


def test_a_lock_comes_to_a_bucket_with_objects_if_it_has_versions(s3: Any) -> None:
    s3.put_object(Bucket="plain", Key="a", Body=b"a", ChecksumAlgorithm="SHA256")
    s3.put_object_lock_configuration(
        Bucket="plain", ObjectLockConfiguration=lock("GOVERNANCE", 3)
    )
    found = s3.get_object_lock_configuration(Bucket="plain")["ObjectLockConfiguration"]
    assert found["ObjectLockEnabled"] == "Enabled"
    assert found["Rule"]["DefaultRetention"]["Days"] == 3
    off = {"Status": "Suspended"}
    s3.put_bucket_versioning(Bucket="denying", VersioningConfiguration=off)
    assert code(s3.put_object_lock_configuration, Bucket="denying", ObjectLockConfiguration=lock("GOVERNANCE", 3)) == "InvalidBucketState"  # fmt: skip


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_what_is_locked_is_locked_for_longer_alone(s3: Any, mode: str) -> None:
    s3.put_object(Bucket="locking", Key="a", Body=b"a", ChecksumAlgorithm="SHA256")

    def keep(until: datetime, mode: str = mode, **more: Any) -> None:
        s3.put_object_retention(
            Bucket="locking",
            Key="a",
            Retention={"Mode": mode, "RetainUntilDate": until},
            **more,
        )

    keep(SOON)
    keep(SOON + timedelta(days=1))
    shorter = SOON - timedelta(days=1)
    assert code(keep, until=shorter) == "AccessDenied"
    if mode == "COMPLIANCE":
        assert code(keep, until=shorter, BypassGovernanceRetention=True) == "AccessDenied"  # fmt: skip
        later = SOON + timedelta(days=9)
        assert code(keep, until=later, mode="GOVERNANCE") == "AccessDenied"
    else:
        keep(shorter, BypassGovernanceRetention=True)
        keep(SOON, mode="COMPLIANCE")
    said = s3.head_object(Bucket="locking", Key="a")
    assert said["ObjectLockRetainUntilDate"] >= SOON


def test_a_replication_is_given_back_as_it_was_put(s3: Any) -> None:
    rules = [
        {
            "ID": "a",
            "Priority": 7,
            "Filter": {"Prefix": "logs/"},
            "Status": "Disabled",
            "DeleteMarkerReplication": {"Status": "Enabled"},
            "Destination": {"Bucket": "arn:aws:s3:::other"},
        }
    ]
    told = {"Role": "arn:aws:iam::1:role/r", "Rules": rules}
    s3.put_bucket_replication(Bucket="locking", ReplicationConfiguration=told)
    said = s3.get_bucket_replication(Bucket="locking")
    assert said["ReplicationConfiguration"] == told


def test_every_bucket_encrypts(s3: Any) -> None:
    said = s3.get_bucket_encryption(Bucket="plain")
    (rule,) = said["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_a_policy_may_deny(s3: Any) -> None:
    assert code(s3.get_public_access_block, Bucket="denying") == "AccessDenied"
    assert code(s3.get_public_access_block, Bucket="plain") == "NoSuchPublicAccessBlockConfiguration"  # fmt: skip


def test_what_is_written_is_dated_by_the_clock_of_the_sandbox(
    running: Sandbox, s3: Any
) -> None:
    s3.put_object_lock_configuration(
        Bucket="locking", ObjectLockConfiguration=lock("GOVERNANCE", 3)
    )
    for body in (b"a", b"b"):  # in one moment, and still one after the other
        s3.put_object(Bucket="locking", Key="a", Body=body, ChecksumAlgorithm="SHA256")
    said = s3.head_object(Bucket="locking", Key="a")
    assert said["LastModified"] == NOW
    assert said["ObjectLockRetainUntilDate"] == NOW + timedelta(days=3)
    assert said["ResponseMetadata"]["HTTPHeaders"]["date"].startswith(
        "Sun, 22 Nov 2026"
    )
    running.clock.advance(timedelta(hours=5))
    s3.delete_object(Bucket="locking", Key="a")
    listed = s3.list_object_versions(Bucket="locking")
    (marker,) = listed["DeleteMarkers"]
    assert marker["LastModified"] == NOW + timedelta(hours=5)
    assert marker["IsLatest"]
    bodies = [one["ETag"] for one in listed["Versions"]]
    assert bodies[0] == said["ETag"] != bodies[1]
    running.clock.set(NOW, frozen=True)
