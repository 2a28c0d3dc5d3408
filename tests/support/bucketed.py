"""A site whose first copy is in a bucket with locks, and what is done to such buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.cli.project import Project
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.aws_places import SECRETS
from tests.support.buckets import fresh
from tests.support.guarded import START, Alarm, Guarded, days, told, usual
from tests.support.vaults import WORLD, client


class Server(NamedTuple):
    """An S3: its address, hands on it, and its clock."""

    address: str
    hands: Any
    clock: SandboxClock


class Bucketed(Guarded):
    """
    As a Guarded, but for where ``near`` is.

    Args:
        at: S3; its clock is the one of this site.
        locks: Whether what is put there is locked.
    """

    def __init__(self, base: Path, at: Server, seed: int, *, locks: bool) -> None:
        self.server, self.s3, self.time = at
        self.locks = locks
        self.bucket = fresh(self.s3, lock=locks)
        super().__init__(base, "archive", seed)
        key, secret = SECRETS["accessKeyId"], SECRETS["secretAccessKey"]
        self.secrets |= {"KEYS": f"{key}:{secret}", "ID": key, "SECRET": secret}
        self._set_up()

    def _set_up(self) -> None:
        """Have the bucket be as it is declared."""
        every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")  # fmt: skip
        self.s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration=dict.fromkeys(every, True),
        )
        if self.locks:
            _lock(self, 35)

    def project(self) -> Project:
        """Return a new project; it is as late at the server as it is here."""
        self.time.set(self.now, frozen=True)
        return super().project()

    def extra(self) -> dict[str, Any]:
        """Return whose bucket it is."""
        keys = {"accessKeyId": {"env": "ID"}, "secretAccessKey": {"env": "SECRET"}}
        main = {"type": "aws", "endpoint": self.server, "credentials": keys}
        return {"Provider/main": {**main, "account": "123456789012"}}

    def place(self, name: str) -> dict[str, Any]:
        """Return a repository; the first one is in the bucket."""
        found = super().place(name)
        if name != "near":
            return found
        keys = {one: {"env": "KEYS"} for one in ("write", "maintain", "drill")}
        credentials = {**found["credentials"], **keys}
        mode = "governance" if self.locks else "none"
        return {
            **found,
            "url": f"s3:{self.server}/{self.bucket}/shop",
            "provider": "main",
            "credentials": credentials,
            "immutability": {"mode": mode},
            "bucket": {"versioning": True, "publicAccessBlock": True},
        }

    def names(self) -> list[str]:
        """Return the keys of all objects that are shown."""
        said = self.s3.list_objects_v2(Bucket=self.bucket)
        return [one["Key"] for one in said.get("Contents", ())]


class Deed(NamedTuple):
    """What is done to a bucket, and which layers are to find it."""

    name: str
    deed: Callable[[Bucketed], None]
    layers: frozenset[str]
    locks: bool = True


def _all_hidden(world: Bucketed) -> None:
    for key in world.names():
        world.s3.delete_object(Bucket=world.bucket, Key=key)


def _data_hidden(world: Bucketed) -> None:
    found = [key for key in world.names() if "/data/" in key]
    world.s3.delete_object(Bucket=world.bucket, Key=world.draw.choice(found))


def _overwritten(world: Bucketed) -> None:
    found = [key for key in world.names() if "/data/" in key]
    for key in found:
        body = world.draw.randbytes(300)
        world.s3.put_object(
            Bucket=world.bucket, Key=key, Body=body, ChecksumAlgorithm="SHA256"
        )


def _lock_shortened(world: Bucketed) -> None:
    for key in world.names():
        said = world.s3.head_object(Bucket=world.bucket, Key=key)
        until = said["ObjectLockRetainUntilDate"] - timedelta(days=33)
        world.s3.put_object_retention(
            Bucket=world.bucket,
            Key=key,
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until},
            BypassGovernanceRetention=True,
            ChecksumAlgorithm="SHA256",
        )


def _no_more_locks(world: Bucketed) -> None:
    _lock(world, 1)


def _lock(world: Bucketed, days: int) -> None:
    """Have what is put there be locked for so many days."""
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}}
    world.s3.put_object_lock_configuration(
        Bucket=world.bucket,
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        ChecksumAlgorithm="SHA256",
    )


def _suspended(world: Bucketed) -> None:
    off = {"Status": "Suspended"}
    world.s3.put_bucket_versioning(Bucket=world.bucket, VersioningConfiguration=off)


def _expires(world: Bucketed) -> None:
    rule = {
        "ID": "saves money",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 3},
    }
    world.s3.put_bucket_lifecycle_configuration(
        Bucket=world.bucket, LifecycleConfiguration={"Rules": [rule]}
    )


def _public(world: Bucketed) -> None:
    world.s3.delete_public_access_block(Bucket=world.bucket)


_TAMPER = frozenset({"tamper", "unreadable"})
_VAULT = frozenset({"vault", "set up again"})
DEEDS = (
    Deed("all is hidden by delete markers", _all_hidden, _TAMPER),
    Deed("some data is hidden by a delete marker", _data_hidden, _TAMPER),
    Deed("data is written over", _overwritten, _TAMPER | {"check", "drill"}),
    Deed("locks are shortened", _lock_shortened, _TAMPER | {"locks"}),
    Deed("new objects are locked for a day", _no_more_locks, _VAULT),
    Deed("versioning is suspended", _suspended, _VAULT | _TAMPER, locks=False),
    Deed("a rule deletes what is needed", _expires, _VAULT),
    Deed("the bucket is opened to all", _public, _VAULT),
)


@contextmanager
def server() -> Iterator[Server]:
    """Give an S3 that is as strict as Amazon's, and hands on it."""
    clock = SandboxClock(START, frozen=True)
    with Sandbox(World({"aws": WORLD}), clock) as sandbox:
        hands = client(sandbox.endpoint("aws"))
        try:
            yield Server(sandbox.endpoint("aws"), hands, clock)
        finally:
            hands.close()


def bucket_played(
    base: Path, at: Server, seed: int, one: Deed
) -> tuple[list[Alarm], list[Alarm]]:
    """Do it to a new site; return what told of it, and what was told before."""
    world = Bucketed(base, at, seed, locks=one.locks)
    before = [alarm for alarms in days(world, 2) for alarm in alarms]
    world.later(hours=6)
    one.deed(world)
    world.later(minutes=30)
    plan = world.plan()
    again = [
        Alarm("set up again", each.change.verb, each.change.because)
        for each in plan.actions
        if each.change.verb == "configure"
    ]
    found = [*again, *told(plan.findings), *world.alarms(world.apply())]
    if not any(each.layer in one.layers for each in found):
        usual(world)
        found += world.day()
    return [each for each in found if each.layer in one.layers], before
