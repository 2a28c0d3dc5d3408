"""
The emulator of ACM against AWS' API Reference and User Guide.

What it refuses of a certificate is in ``tests/providers/test_aws_acm.py``, where the
driver's own rules are held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import ReconcilerError, Rejected
from reconciler.providers._aws import Aws
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.aws_places import PART, SECRETS
from tests.support.certificates import material
from tests.support.contract import NOW, account

ONE = material("a.example", "www.a.example")
BIG = material("b.example", rsa=True)
SEEDS = [
    {"names": ["m.example", "*.m.example"], "region": "eu-west-1", "ends": 30},
    {"names": ["n.example"], "region": "eu-west-1", "inUseBy": ["arn:aws:cf:1"]},
]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    part = {**PART, "certificates": SEEDS}
    with Sandbox(World({"aws": part}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset(World({"aws": {**PART, "certificates": SEEDS}}))
    return running


@pytest.fixture
def aws(sandbox: Sandbox) -> Iterator[Aws]:
    made = Aws(account(sandbox, "aws", SECRETS))
    yield made
    made.close()


def put(calls: Any, one: Any, **more: Any) -> str:
    end = b"-----END CERTIFICATE-----\n"
    leaf, issuer = (part + end for part in one.chain.split(end)[:2])
    said = calls.import_certificate(
        Certificate=leaf, PrivateKey=one.key, CertificateChain=issuer, **more
    )
    return str(said["CertificateArn"])


def listed(calls: Any, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = calls.list_certificates(**more)[
        "CertificateSummaryList"
    ]
    return found


def test_only_small_rsa_keys_are_listed_unless_others_are_named(aws: Aws) -> None:
    calls = aws.calls("acm")
    elliptic, big = put(calls, ONE), put(calls, BIG)
    assert [row["CertificateArn"] for row in listed(calls)] == [big]
    kinds = {"keyTypes": ["RSA_2048", "EC_prime256v1"]}
    found = {row["CertificateArn"] for row in listed(calls, Includes=kinds)}
    assert found == {elliptic, big}


def test_a_listing_has_pages_and_its_region_alone(aws: Aws) -> None:
    kinds = {"keyTypes": ["EC_prime256v1"]}
    there = aws.calls("acm", "eu-west-1")
    page = there.list_certificates(Includes=kinds, MaxItems=1)
    assert len(page["CertificateSummaryList"]) == 1
    rest = there.list_certificates(
        Includes=kinds, MaxItems=1, NextToken=page["NextToken"]
    )
    assert "NextToken" not in rest
    (row,) = rest["CertificateSummaryList"]
    assert (row["InUse"], row["Type"], row["RenewalEligibility"]) == (
        True,
        "AMAZON_ISSUED",
        "ELIGIBLE",
    )
    assert listed(aws.calls("acm"), Includes=kinds) == []
    arn = page["CertificateSummaryList"][0]["CertificateArn"]
    with pytest.raises(Rejected, match="ResourceNotFoundException"):
        aws.calls("acm").get_certificate(CertificateArn=arn)


def test_what_is_told_of_one(aws: Aws) -> None:
    calls = aws.calls("acm")
    arn = put(calls, ONE, Tags=[{"Key": "team", "Value": "shop"}])
    said = calls.describe_certificate(CertificateArn=arn)["Certificate"]
    assert (said["Status"], said["Type"], said["KeyAlgorithm"], said["InUseBy"]) == (
        "ISSUED",
        "IMPORTED",
        "EC_prime256v1",
        [],
    )
    assert said["ImportedAt"].timestamp() == NOW.timestamp()
    assert set(said["SubjectAlternativeNames"]) == {
        "a.example",
        "www.a.example",
    }
    tags = calls.list_tags_for_certificate(CertificateArn=arn)["Tags"]
    assert tags == [{"Key": "team", "Value": "shop"}]
    got = calls.get_certificate(CertificateArn=arn)
    assert (got["Certificate"] + got["CertificateChain"]).encode() == ONE.chain
    assert "PRIVATE" not in str(got)


def test_it_goes_by_the_clock_of_the_sandbox(sandbox: Sandbox, aws: Aws) -> None:
    sandbox.clock.set(NOW.replace(year=2027), frozen=True)
    with pytest.raises(Rejected, match="ValidationException"):
        put(aws.calls("acm"), ONE)
    sandbox.clock.set(NOW, frozen=True)
    put(aws.calls("acm"), ONE)


def test_changes_by_hand(sandbox: Sandbox) -> None:
    with pytest.raises(ReconcilerError, match="there is no certificate"):
        sandbox.edit("aws", "certificate", {"arn": "arn:aws:acm:nowhere"})


def test_what_is_not_issued_yet_cannot_be_had(sandbox: Sandbox, aws: Aws) -> None:
    arn = min(sandbox.bench("aws").state["certificates"])
    fields = {"arn": arn, "status": "PENDING_VALIDATION"}
    sandbox.edit("aws", "certificate", fields)
    calls = aws.calls("acm", "eu-west-1")
    with pytest.raises(Rejected, match="RequestInProgressException"):
        calls.get_certificate(CertificateArn=arn)
    said = calls.describe_certificate(CertificateArn=arn)["Certificate"]
    (first, _) = said["DomainValidationOptions"]
    assert first["ValidationStatus"] == "PENDING_VALIDATION"
    assert set(first["ResourceRecord"]) == {"Name", "Type", "Value"}
