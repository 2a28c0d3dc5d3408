"""Buckets that keep backups: the contract, every setting, and what is not weakened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.backup_repository import BackupRepository, Configure
from reconciler.model import Absent, FieldChange, OnDrift, Risk, Share, Unknown
from reconciler.providers.aws_vault import AwsVault
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.aws_places import SECRETS
from tests.support.contract import NOW, SandboxContract, account
from tests.support.vaults import WORLD, client, repository

VAULT = Share("main", "vault")
BLOCK = "PutPublicAccessBlock"


class TestAwsVault(SandboxContract):
    driver = AwsVault
    vendor = "aws"
    part = WORLD
    secrets = SECRETS
    listing = "GetBucketVersioning"
    operations = {"configure": BLOCK}
    extra = "other buckets are nobody's business"

    def repository(self, **more: Any) -> BackupRepository:
        return repository(self.sandbox.endpoint("aws"), **more)

    def wants(self) -> list[BackupRepository]:
        return [self.repository(bucket={"publicAccessBlock": True})]

    def missing(self) -> BackupRepository:
        url = f"s3:{self.sandbox.endpoint('aws')}/nowhere"
        return self.repository(name="far", url=url, bucket={"versioning": True})

    def cases(self, driver: Any, account: Any) -> Any:
        """The repository itself is another account's part."""
        found = super().cases(driver, account)
        return [case for case in found if case.change.share == VAULT]

    def effects(self, name: str) -> int:
        return sum(
            one.operation.startswith("Put")
            for one in self.sandbox.ledger.effects("aws", "plain")
        )

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["far"], Absent)
        assert not seen.unmanaged
        (said,) = self.missing().findings({VAULT: seen.states["far"]}, NOW)
        assert said.code == "vault-missing"

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, _ in self.each():
            assert driver.apply(case.want, case.change, "key-1").reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": WORLD}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


class Bench:
    """One bucket, its driver, and hands."""

    def __init__(self, sandbox: Sandbox, bucket: str, **more: Any) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"aws": WORLD}))
        self.sandbox, self.bucket = sandbox, bucket
        self.endpoint = sandbox.endpoint("aws")
        self.account = account(sandbox, "aws", SECRETS, **more)
        self.driver = AwsVault(self.account)
        self.s3 = client(self.endpoint)

    def want(self, **more: Any) -> BackupRepository:
        return repository(self.endpoint, self.bucket, **more)

    def have(self, want: BackupRepository) -> dict[Share, Any]:
        return {VAULT: self.driver.observe([want]).states[want.name]}

    def due(self, want: BackupRepository) -> list[Configure]:
        found = want.diff(self.have(want), NOW)
        return [one for one in found if isinstance(one, Configure)]

    def settle(self, want: BackupRepository) -> None:
        """Do all that is due, whoever has to agree; then there is nothing more."""
        for change in self.due(want):
            self.driver.apply(want, change, "k")
            assert want.done(change, self.have(want)) is True
        assert self.due(want) == []

    def findings(self, want: BackupRepository) -> dict[str, str]:
        return {f.field: f.message for f in self.said(want)}

    def said(self, want: BackupRepository) -> list[Any]:
        class Told:
            def __init__(self, one: Any) -> None:
                self.field, self.message = one.about, one.message
                self.code, self.severity = one.code, str(one.severity)

        return [Told(one) for one in want.findings(self.have(want), NOW)]

    def expires(self, after: int, **rule: Any) -> None:
        """Have somebody else's rule delete old versions."""
        told = {
            "ID": "theirs",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": after},
            **rule,
        }
        rules = {"Rules": [told]}
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=self.bucket, LifecycleConfiguration=rules
        )

    def close(self) -> None:
        self.driver.close()
        self.s3.close()


@pytest.fixture(params=["plain"])
def bench(running: Sandbox, request: Any) -> Iterator[Bench]:
    made = Bench(running, request.param, settings={"replicationRole": "arn:aws:iam::1:role/r"})  # fmt: skip
    yield made
    made.close()


LOCK = {"mode": "governance", "for": "30d"}
WHOLE = {
    "versioning": True, "publicAccessBlock": True, "encryption": "aws:kms",
    "expire": "60d", "replicate": "arn:aws:s3:::other",
}  # fmt: skip


def test_everything_is_set_and_then_there_is_nothing_to_do(bench: Bench) -> None:
    want = bench.want(bucket=WHOLE, immutability=LOCK)
    bench.settle(want)
    assert bench.said(want) == []
    # What was set is seen by others as it was meant.
    lock = bench.s3.get_object_lock_configuration(Bucket="plain")
    rule = lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert (rule["Mode"], rule["Days"]) == ("GOVERNANCE", 30)
    rules = bench.s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"]
    assert rules[0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 60}
    assert rules[0]["Filter"] == {"Prefix": "shop/"}
    to = bench.s3.get_bucket_replication(Bucket="plain")["ReplicationConfiguration"]
    assert to["Rules"][0]["DeleteMarkerReplication"]["Status"] == "Disabled"


def test_what_is_left_out_is_not_looked_at(bench: Bench) -> None:
    want = bench.want(bucket={"versioning": True})
    assert bench.due(want) == []
    assert set(bench.have(want)[VAULT].settings) == {
        "spec.bucket.versioning", "spec.bucket.expire", "spec.immutability.mode",
        "spec.immutability.for", "lockable", "others", "deletes",
    }  # fmt: skip


def test_the_sorts_of_difference_are_apart(bench: Bench) -> None:
    want = bench.want(bucket={**WHOLE, "replicate": None}, immutability={"mode": "compliance"})  # fmt: skip
    stronger, lasting = bench.due(want)
    assert {one.field for one in stronger.fields} == {
        "spec.bucket.publicAccessBlock", "spec.bucket.encryption",
    }  # fmt: skip
    assert (stronger.hold, stronger.risk) == (None, Risk.SECURITY)
    assert {one.field for one in lasting.fields} == {
        "spec.bucket.expire", "spec.immutability.mode", "spec.immutability.for",
    }  # fmt: skip
    assert lasting.risk is Risk.DESTRUCTIVE
    assert "nobody can take that back" in str(lasting.hold)
    assert {one.on_drift for one in stronger.fields} == {OnDrift.REVERT}
    assert {one.on_drift for one in lasting.fields} == {OnDrift.HOLD}


def test_what_makes_it_less_safe_waits_for_a_person(bench: Bench) -> None:
    bench.settle(bench.want(bucket=WHOLE))
    other = bench.want(bucket={"replicate": "arn:aws:s3:::elsewhere"})
    (moved,) = bench.due(other)
    assert moved.hold
    bench.s3.delete_bucket_replication(Bucket="plain")
    less = {
        "versioning": False, "publicAccessBlock": False, "encryption": "AES256",
        "expire": "30d",
    }  # fmt: skip
    weaker, lasting = bench.due(bench.want(bucket=less))
    assert len(weaker.fields) == 3
    assert "less safe than it is" in str(weaker.hold)
    assert [one.field for one in lasting.fields] == ["spec.bucket.expire"]
    bench.settle(bench.want(bucket=less))


def test_what_somebody_weakened_is_told_and_put_right(bench: Bench) -> None:
    want = bench.want(bucket={"versioning": True, "publicAccessBlock": True})
    bench.settle(want)
    off = {"Status": "Suspended"}
    bench.s3.put_bucket_versioning(Bucket="plain", VersioningConfiguration=off)
    bench.s3.delete_public_access_block(Bucket="plain")
    found = {one.field: (one.code, one.severity) for one in bench.said(want)}
    assert found == {
        "spec.bucket.versioning": ("vault-weak", "error"),
        "spec.bucket.publicAccessBlock": ("vault-weak", "warning"),
    }
    (change,) = bench.due(want)
    assert change.hold is None
    bench.settle(want)


def test_a_lock_of_governance_gets_longer_and_waits_to_get_shorter(
    bench: Bench,
) -> None:
    bench.settle(bench.want(immutability=LOCK))
    (longer,) = bench.due(bench.want(immutability={**LOCK, "for": "31d"}))
    assert longer.hold is None
    (shorter,) = bench.due(bench.want(immutability={**LOCK, "for": "9d"}))
    assert shorter.hold
    (promise,) = bench.due(bench.want(immutability={"mode": "compliance", "for": "9d"}))
    assert promise.risk is Risk.DESTRUCTIVE


@pytest.mark.parametrize(
    "less", [{"mode": "compliance", "for": "29d"}, {"mode": "governance", "for": "40d"}]
)
def test_a_promise_is_not_made_weaker(bench: Bench, less: dict[str, str]) -> None:
    bench.settle(bench.want(immutability={"mode": "compliance", "for": "30d"}))
    want = bench.want(immutability=less)
    assert bench.due(want) == []
    assert [one.code for one in bench.said(want)] == ["vault-stronger"]
    field = FieldChange(field="spec.immutability.for", before=30, after=29)
    change = Configure(share=VAULT, fields=(field,), because="somebody says so")
    with pytest.raises(Rejected, match="not made weaker"):
        bench.driver.apply(want, change, "k")


@pytest.mark.parametrize("bench", ["locking"], indirect=True)
def test_versioning_of_a_bucket_that_locks_stays(bench: Bench) -> None:
    want = bench.want(bucket={"versioning": False})
    assert bench.due(want) == []
    assert [one.code for one in bench.said(want)] == ["vault-stronger"]
    field = FieldChange(field="spec.bucket.versioning", before=True, after=False)
    change = Configure(share=VAULT, fields=(field,), because="somebody says so")
    with pytest.raises(Rejected, match="cannot be suspended"):
        bench.driver.apply(want, change, "k")
    assert bench.sandbox.ledger.effects("aws", "locking") == []


def test_a_lifecycle_that_is_shorter_than_the_lock_is_told(bench: Bench) -> None:
    want = bench.want(immutability=LOCK)
    bench.settle(want)
    assert bench.said(want) == []
    bench.expires(29)
    (found,) = bench.said(want)
    assert (found.code, found.severity) == ("vault-weak", "error")
    assert "after 29 days, and they are locked for 30" in found.message
    bench.expires(29, Filter={"Prefix": "elsewhere/"})
    assert bench.said(want) == []
    bench.expires(29, Status="Disabled")
    assert bench.said(want) == []


def test_a_lifecycle_that_deletes_what_is_needed_is_critical(bench: Bench) -> None:
    bench.expires(99, Expiration={"Days": 20})
    (found,) = bench.said(bench.want(bucket={"versioning": True}))
    assert (found.code, found.severity) == ("vault-weak", "critical")
    assert "deletes what is 20 days old" in found.message


def test_rules_of_others_stay_and_are_not_fought(bench: Bench) -> None:
    bench.expires(90, Filter={"Prefix": "sh"})
    want = bench.want(bucket={"expire": "60d"})
    bench.settle(want)
    rules = bench.s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"]
    assert {one["ID"] for one in rules} == {"theirs", "reconciler shop/"}
    bench.expires(30)
    assert bench.due(want) == []
    (found,) = bench.said(want)
    assert "not ours deletes old versions after 30 days" in found.message


def test_a_rule_of_the_old_form_is_kept_in_it(bench: Bench) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 9}}  # fmt: skip
    rules = {"Rules": [rule]}
    bench.s3.put_bucket_lifecycle_configuration(
        Bucket="plain", LifecycleConfiguration=rules
    )
    bench.settle(bench.want(bucket={"expire": "60d"}))
    found = bench.s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"]
    assert {one["ID"] for one in found} == {"old", "reconciler shop/"}


@pytest.mark.parametrize("bench", ["denying"], indirect=True)
def test_what_cannot_be_read_there_is_not_guessed(bench: Bench) -> None:
    """A service without such a setting says so; who may not ask is told so."""
    want = bench.want(bucket={"publicAccessBlock": True, "versioning": True})
    assert bench.due(want) == []
    (found,) = bench.said(want)
    assert (found.code, found.field) == ("vault-unread", "spec.bucket.publicAccessBlock")  # fmt: skip


def test_any_other_refusal_tells_nothing(bench: Bench) -> None:
    fault = Fault(vendor="aws", operation="GetBucketLifecycle*", kind="status", status=400)  # fmt: skip
    bench.sandbox.inject(fault)
    want = bench.want(bucket={"versioning": True})
    assert isinstance(bench.have(want)[VAULT], Unknown)
    assert bench.said(want) == []


def test_what_moved_meanwhile_is_not_overwritten(bench: Bench) -> None:
    bench.settle(bench.want(bucket={"expire": "60d"}))
    want = bench.want(bucket={"expire": "90d"})
    (change,) = bench.due(want)
    bench.settle(bench.want(bucket={"expire": "70d"}))
    with pytest.raises(Rejected, match="expire was changed just now"):
        bench.driver.apply(want, change, "k")


def test_what_breaks_off_half_way_is_found_out_later(bench: Bench) -> None:
    want = bench.want(bucket={"publicAccessBlock": True, "encryption": "aws:kms"})
    (change,) = bench.due(want)
    fault = Fault(vendor="aws", operation="PutBucketEncryption", kind="status", status=400)  # fmt: skip
    bench.sandbox.inject(fault)
    since = bench.account.clock()
    with pytest.raises(Ambiguous, match="half-way"):
        bench.driver.apply(want, change, "k")
    assert bench.driver.happened(want, change, "k", since) is None
    bench.account.sleep(16 * 60)
    assert bench.driver.happened(want, change, "k", since) is None
    bench.settle(want)


def test_replication_needs_its_role(running: Sandbox) -> None:
    bench = Bench(running, "plain")
    want = bench.want(bucket={"replicate": "arn:aws:s3:::other"})
    (change,) = bench.due(want)
    with pytest.raises(Rejected, match="replicationRole"):
        bench.driver.apply(want, change, "k")
    bench.close()
