"""Certificates as objects of a bucket: never the key of one with another's chain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.certificate import Certificate
from reconciler.model import Material, Observation
from reconciler.providers._install import checked
from reconciler.providers.aws_bucket import AwsBucket
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.aws_places import PART, SECRETS, Bench, change
from tests.support.certificates import (
    InstallContract,
    certificate,
    mark,
    material,
    only,
    place,
    unreadable,
)
from tests.support.contract import NOW

NAMES = ("new.example", "www.new.example")
NEW = material(*NAMES)
LATER = material(*NAMES, days=95)
POINTER = "PutObject:current"


def at(name: str, where: str = "tls") -> Certificate:
    return certificate(name, [place("Provider/main", "bucket", at=where)])


class TestAwsBucket(InstallContract):
    driver = AwsBucket
    vendor = "aws"
    part = PART
    secrets = SECRETS
    listing = "GetObject:current"
    operations = {"install": POINTER}
    deeds = {"install": POINTER}

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW}

    def wants(self) -> list[Certificate]:
        return [at("new.example")]

    def missing(self) -> Certificate:
        return at("missing.example", "nowhere/x")

    def effects(self, name: str) -> int:
        found = self.sandbox.ledger.effects("aws", f"tls/{name}/current.json")
        return len(found)

    # There is no listing: each place is read by itself, and fails by itself.

    def test_half_a_listing_proves_nothing(self) -> None:
        driver = self.made(self.start())
        self.trouble("listing", None, 0)
        _nothing_is_known(driver.observe([*self.wants(), self.missing()]))

    def test_wrong_credentials_prove_nothing(self) -> None:
        driver = self.made(self.wrong(self.start()))
        _nothing_is_known(driver.observe([*self.wants(), self.missing()]))


def _nothing_is_known(seen: Observation) -> None:
    for state in seen.states.values():
        (why,) = unreadable(state)
        assert why


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, AwsBucket)
    yield made
    made.close()


def fetched(bench: Bench, folder: str) -> Material:
    """Return what a consumer gets, who reads ``current.json`` first."""
    calls = bench.driver._aws.calls("s3")

    def get(key: str) -> bytes:
        found: bytes = calls.get_object(Bucket="tls", Key=key)["Body"].read()
        return found

    says = json.loads(get(f"{folder}/current.json"))
    return Material(get(says["key"]), get(says["certificate"]))


def test_a_consumer_gets_a_pair(bench: Bench) -> None:
    want = at("new.example", "tls/shop/web")
    done = bench.put(NEW, want)
    assert done.reference == f"s3://tls/shop/web/{mark(NEW)}"
    assert done.details["version"]
    assert fetched(bench, "shop/web") == NEW
    bench.put(LATER, want)
    assert fetched(bench, "shop/web") == LATER
    site = bench.site(want)
    assert site.fingerprint == mark(LATER)
    assert site.not_after


def test_everything_is_encrypted_with_a_key_of_ours(running: Sandbox) -> None:
    bench = Bench(running, AwsBucket, settings={"kmsKey": "alias/tls"})
    bench.put(NEW, at("new.example"))
    calls = bench.driver._aws.calls("s3")
    for name in ("current.json", f"{mark(NEW)}/privkey.pem"):
        said = calls.head_object(Bucket="tls", Key=f"new.example/{name}")
        assert said["ServerSideEncryption"] == "aws:kms"
        assert said["SSEKMSKeyId"].endswith("alias/tls")
    bench.close()


@pytest.mark.parametrize("skip", [0, 1])
def test_what_breaks_off_before_the_last_object_has_changed_nothing(
    bench: Bench, skip: int
) -> None:
    want = at("new.example")
    bench.put(NEW, want)
    bench.keys.fill("new.example", LATER)
    bench.fault("PutObject", "lost-after", skip=skip)
    with pytest.raises(Ambiguous):
        bench.driver.apply(want, change(want, LATER), "k")
    assert fetched(bench, "new.example") == NEW
    assert bench.site(want).fingerprint == mark(NEW)
    bench.driver.apply(want, change(want, LATER), "k")
    assert fetched(bench, "new.example") == LATER


@pytest.mark.parametrize("before", [None, NEW])
def test_another_run_is_not_overwritten(bench: Bench, before: Any) -> None:
    """It wrote between our reading and our writing."""
    want = at("new.example")
    if before:
        bench.put(before, want)
    bench.keys.fill("new.example", LATER)
    driver = bench.driver
    driver.prepare([want])
    (where,) = want.makings.places
    driver.look(want, where)
    third = material(*NAMES, days=99)
    other = AwsBucket(bench.account)
    bench.keys.fill("new.example", third)
    other.apply(want, change(want, third), "k")
    other.close()
    with pytest.raises(Rejected, match="written by somebody else"):
        driver.install(want, where, checked(LATER, NAMES, NOW))
    assert fetched(bench, "new.example") == third


@pytest.mark.parametrize(
    ("where", "why"), [(None, "name the bucket"), ("nowhere/x", "NoSuchBucket")]
)
def test_a_place_that_is_none(bench: Bench, where: str | None, why: str) -> None:
    (said,) = unreadable(
        bench.driver.observe([at("new.example", where)]).states["new.example"]  # type: ignore[arg-type]
    )
    assert why in said


def test_what_somebody_else_wrote_is_not_overwritten(bench: Bench) -> None:
    calls = bench.driver._aws.calls("s3")
    calls.put_object(Bucket="tls", Key="new.example/current.json", Body=b"[]")
    want = at("new.example")
    (said,) = unreadable(bench.driver.observe([want]).states[want.name])
    assert "is not what is written here" in said


def test_a_body_that_breaks_off_is_a_read_that_failed(bench: Bench) -> None:
    want = at("new.example")
    bench.put(NEW, want)
    bench.sandbox.inject(
        Fault(vendor="aws", operation="GetObject:current", kind="malformed", times=0)
    )
    assert unreadable(bench.driver.observe([want]).states[want.name])


def test_two_certificates_in_one_folder_of_their_names(bench: Bench) -> None:
    bench.put(NEW, at("new.example"))
    other = at("other.example")
    bench.put(material("other.example", "www.other.example"), other)
    assert bench.site(at("new.example")).fingerprint == mark(NEW)
    assert only(bench.driver.observe([other]).states["other.example"]).fingerprint
