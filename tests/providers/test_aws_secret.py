"""Certificates as secrets of AWS: the contract, versions, and no key read back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.certificate import Certificate, InstalledState
from reconciler.model import Material
from reconciler.providers.aws_secret import AwsSecret
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.aws_places import PART, SECRETS, Bench, change
from tests.support.certificates import (
    InstallContract,
    certificate,
    mark,
    material,
    only,
    place,
)
from tests.support.contract import NOW

NAMES = ("new.example", "www.new.example")
NEW = material(*NAMES)
LATER = material(*NAMES, days=95)


class TestAwsSecret(InstallContract):
    driver = AwsSecret
    vendor = "aws"
    part = PART
    secrets = SECRETS
    listing = "ListSecrets"
    operations = {"install": "CreateSecret"}
    deeds = {"install": "CreateSecret"}

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW}

    def wants(self) -> list[Certificate]:
        return [certificate("new.example", [place("Provider/main", "secret")])]

    def missing(self) -> Certificate:
        return certificate("missing.example", [place("Provider/main", "secret")])

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """A secret that is not there is a place where nothing is installed yet."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert only(seen.states["missing.example"]).fingerprint is None
        assert not seen.unmanaged


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, AwsSecret)
    yield made
    made.close()


def value(bench: Bench, name: str, region: str = "us-east-1") -> dict[str, str]:
    """
    Return what a consumer of the secret gets.

    AWS gives the current version to who names none; moto only to who asks for it.
    """
    calls = bench.driver._aws.calls("secretsmanager", region)
    found: dict[str, str] = json.loads(
        calls.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
    )
    return found


def test_a_consumer_gets_all_three_parts(bench: Bench) -> None:
    want = bench.want(at="tls/new", region="eu-west-1")
    bench.put(NEW, want)
    got = value(bench, "tls/new", "eu-west-1")
    assert set(got) == {"certificate", "chain", "key"}
    whole = (got["certificate"] + got["chain"]).encode()
    assert Material(got["key"].encode(), whole) == NEW
    assert bench.site(want).fingerprint == mark(NEW)


def test_no_key_is_read_back(bench: Bench) -> None:
    want = bench.want()
    bench.put(NEW, want)
    seen = bench.driver.observe([want])
    assert dict(seen.requests) == {"list_secrets": 1}
    assert "GetSecretValue" not in bench.sandbox.ledger.requests()["aws"]


def test_the_next_version_and_the_one_before_again(bench: Bench) -> None:
    want = bench.want()
    bench.put(NEW, want)
    bench.put(LATER, want)
    assert bench.site(want).fingerprint == mark(LATER)
    bench.put(NEW, want)
    assert bench.site(want).fingerprint == mark(NEW)
    assert value(bench, "new.example")["key"].encode() == NEW.key
    done = [e.operation for e in bench.sandbox.ledger.effects("aws")]
    assert done == ["CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"]


def test_an_answer_that_was_lost_is_asked_for_again(bench: Bench) -> None:
    want = bench.want()
    bench.put(NEW, want)
    bench.keys.fill("new.example", LATER)
    one = change(want, LATER)
    bench.fault("PutSecretValue", "lost-after")
    with pytest.raises(Ambiguous):
        bench.driver.apply(want, one, "k")
    assert bench.driver.happened(want, one, "k", NOW) is True
    bench.driver.apply(want, one, "k")
    assert bench.site(want).fingerprint == mark(LATER)


def test_what_somebody_else_put_there_is_replaced_and_named(bench: Bench) -> None:
    calls = bench.driver._aws.calls("secretsmanager")
    calls.create_secret(Name="new.example", SecretString="{}")
    want = bench.want()
    assert "place-in-trouble" in bench.findings(want, NEW)
    assert bench.site(want).fingerprint not in {None, mark(NEW)}
    bench.put(NEW, want)
    assert bench.site(want).fingerprint == mark(NEW)


def test_one_region_that_cannot_be_read_takes_no_other_along(bench: Bench) -> None:
    there = [
        place("Provider/main", "secret", region=r) for r in ("eu-west-1", "us-east-1")
    ]
    want = certificate("new.example", there)
    bench.fault("ListSecrets", "status", times=3)
    state = bench.driver.observe([want]).states["new.example"]
    assert isinstance(state, InstalledState)
    assert sorted(site.reads for site in state.sites.values()) == [False, True]


def test_its_key_is_nowhere_in_what_is_said(bench: Bench) -> None:
    text = f"bad: {NEW.key.decode()}"
    bench.fault("CreateSecret", "status", status=400, text=text)
    with pytest.raises(Rejected) as refused:
        bench.put(NEW, bench.want())
    assert "PRIVATE" not in str(refused.value)
