"""Certificates in ACM: the contract, what may be imported again, what renews itself."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.certificate import Certificate
from reconciler.model import Material, Unknown
from reconciler.providers._acm_rules import another, refused
from reconciler.providers.aws_acm import TAG, AwsAcm
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.aws_acm import Acm
from tests.support.aws_places import PART, SECRETS, Bench, change
from tests.support.certificates import (
    InstallContract,
    certificate,
    have,
    issued_with,
    leaf,
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
RSA = material(*NAMES, days=99, rsa=True)
LB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/shop/1"


class TestAwsAcm(InstallContract):
    driver = AwsAcm
    vendor = "aws"
    part = PART
    secrets = SECRETS
    listing = "ListCertificates"
    operations = {"install": "ImportCertificate"}
    deeds = {"install": "ImportCertificate"}

    def kept(self) -> dict[str, Material]:
        return {"new.example": NEW}

    def wants(self) -> list[Certificate]:
        return [certificate("new.example", [place("Provider/main", "acm")])]

    def missing(self) -> Certificate:
        there = place("Provider/main", "acm")
        return certificate("missing.example", [there], mode="provider")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, AwsAcm)
    yield made
    made.close()


def rows(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = bench.sandbox.bench("aws").state["certificates"]
    return found


def test_imported_once_and_again_under_the_same_arn(bench: Bench) -> None:
    want = bench.want(region="eu-west-1")
    assert bench.site(want).fingerprint is None
    first = bench.put(NEW, want)
    assert ":eu-west-1:" in first.reference
    assert first.details["arn"] == first.reference
    (row,) = rows(bench).values()
    assert row["tags"] == {TAG: "new.example"}
    again = bench.put(LATER, want)
    assert again.reference == first.reference
    assert bench.site(want).fingerprint == mark(LATER)
    assert bench.site(want).not_after == leaf(LATER).not_valid_after_utc


def test_each_region_has_its_own(bench: Bench) -> None:
    there = [
        place("Provider/main", "acm", region=r) for r in ("eu-west-1", "us-east-1")
    ]
    want = certificate("new.example", there)
    bench.keys.fill("new.example", NEW)
    state = bench.driver.observe([want]).states["new.example"]
    assert [s.fingerprint for s in state.sites.values()] == [None, None]
    for one in want.diff(have(want, state, NEW), NOW):
        bench.driver.apply(want, one, "k")
    state = bench.driver.observe([want]).states["new.example"]
    assert {s.fingerprint for s in state.sites.values()} == {mark(NEW)}
    assert {row["region"] for row in rows(bench).values()} == {"eu-west-1", "us-east-1"}
    bench.fault("ListCertificates", "status", times=3)
    sites = bench.driver.observe([want]).states["new.example"].sites
    assert sorted(s.reads for s in sites.values()) == [False, True]


def test_what_may_not_take_its_place_gets_an_arn_of_its_own(bench: Bench) -> None:
    want = bench.want(region="eu-west-1")
    old = bench.put(NEW, want).reference
    bench.sandbox.edit("aws", "certificate", {"arn": old, "inUseBy": [LB]})
    bench.sandbox.clock.advance(timedelta(minutes=1))
    done = bench.put(RSA, want)
    assert done.reference != old
    assert done.details["replaces"] == old
    assert done.details["because"] == "its key was EC_prime256v1 and is RSA_2048"
    assert bench.site(want).fingerprint == mark(RSA)
    said = bench.findings(want, RSA)["place-in-trouble"]
    assert said.endswith(f"{LB} still uses {old}: bind it to {done.reference}")
    bench.sandbox.edit("aws", "certificate", {"arn": old, "inUseBy": []})
    assert "place-in-trouble" not in bench.findings(want, RSA)
    # What is no longer used by anybody is left there: nothing is deleted from here.
    assert old in rows(bench)


def test_one_tag_for_each_and_one_text_while_its_dates_are_the_same(
    bench: Bench,
) -> None:
    want = bench.want()
    bench.put(NEW, want)
    bench.driver.observe([want])
    assert dict(bench.driver.observe([want]).requests) == {"list_certificates": 1}
    bench.put(LATER, want)
    asked = dict(bench.driver.observe([want]).requests)
    assert asked == {"list_certificates": 1, "get_certificate": 1}


def test_another_ones_certificate_for_the_same_name_is_not_ours(bench: Bench) -> None:
    fields = {"names": [*NAMES], "type": "IMPORTED", "tags": {TAG: "other.example"}}
    bench.sandbox.edit("aws", "certificate", fields)
    want = bench.want()
    assert bench.site(want).fingerprint is None
    bench.put(NEW, want)
    assert len(rows(bench)) == 2


def test_the_same_page_twice_proves_nothing(bench: Bench) -> None:
    bench.fault("ListCertificates", "duplicate-page", times=0)
    assert isinstance(
        bench.driver.observe([bench.want()]).states["new.example"], Unknown
    )


def test_the_key_is_nowhere_in_what_is_said(bench: Bench) -> None:
    text = f"the key {NEW.key.decode()} is bad"
    bench.fault("ImportCertificate", "status", status=400, text=text)
    with pytest.raises(Rejected) as refusal:
        bench.put(NEW, bench.want())
    assert "PRIVATE" not in str(refusal.value)


# -- what ACM takes: the same in our checks and in the emulator --------------------------


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ({}, {}, None),
        ({}, {"rsa": 2048}, "its key was EC_prime256v1 and is RSA_2048"),
        ({"rsa": 2048}, {"rsa": 3072}, "its key was RSA_2048 and is RSA_3072"),
        (
            {"rsa": 2048, "uses": ("digital_signature", "key_encipherment")},
            {"rsa": 2048, "uses": ("digital_signature",)},
            "its key usage has no key_encipherment any more",
        ),
        (
            {"uses": ("digital_signature", "key_encipherment")},
            {"uses": ("digital_signature",)},
            None,
        ),
        (
            {"purposes": ("server", "client")},
            {"purposes": ("server",)},
            None,
        ),
        (
            {"purposes": ("server", "mail")},
            {"purposes": ("server",)},
            "its extended key usage has no emailProtection any more",
        ),
        ({}, {"uses": ("digital_signature", "key_agreement")}, None),
    ],
)
def test_the_rules_of_a_second_import(
    bench: Bench, old: Any, new: Any, why: str | None
) -> None:
    """Ours say the same as the emulator does, which has them from the vendor."""
    was, will = issued_with(NAMES, 80, **old), issued_with(NAMES, 90, **new)
    assert another(leaf(was), leaf(will)) == why
    want = bench.want()
    first = bench.put(was, want).reference
    with_arn = {"CertificateArn": first}
    status, _ = _import(bench, will, with_arn)
    assert (status == 200) is (why is None)
    assert _import(bench, will, {**with_arn, "Tags": [{"Key": "a"}]})[0] == 400


def test_what_acm_does_not_take_is_not_sent(bench: Bench) -> None:
    one = leaf(NEW)
    assert refused(one, NEW.key, NEW.chain) is None
    assert "at most 5120 bytes" in (refused(one, b"x" * 5121, NEW.chain) or "")
    assert "who signed it" in (refused(one, NEW.key, b"") or "")
    for number, change_ in enumerate(
        (
            {"PrivateKey": LATER.key},
            {"CertificateChain": None},
            {"CertificateChain": LATER.chain},
            {"Certificate": NEW.chain},
            {"Certificate": b"no"},
            {"PrivateKey": b"x" * 5121},
        )
    ):
        status, said = _import(bench, NEW, {}, **change_)
        assert (number, status) == (number, 400), said


def _import(bench: Bench, one: Material, more: Any, **parts: Any) -> tuple[int, Any]:
    """Import without any check of ours."""
    end = b"-----END CERTIFICATE-----\n"
    first, second = (part + end for part in one.chain.split(end)[:2])
    asked = {"Certificate": first, "PrivateKey": one.key, "CertificateChain": second}
    blobs = {
        name: base64.b64encode(value).decode()
        for name, value in {**asked, **parts}.items()
        if value is not None
    }
    acm = Acm(bench.sandbox.bench("aws"))
    return acm.answer("ImportCertificate", {**blobs, **more}, "us-east-1", None)


# -- what ACM renews itself ------------------------------------------------------------


def managed(bench: Bench, **fields: Any) -> str:
    bench.sandbox.edit("aws", "certificate", {"names": [*NAMES], **fields})
    return max(rows(bench))


def test_what_acm_issued_and_uses_renews_itself(bench: Bench) -> None:
    arn = managed(bench, ends=40, inUseBy=[LB])
    want = bench.want(mode="provider")
    site = bench.site(want)
    assert (site.renews, site.trouble) == ("acm", None)
    assert site.fingerprint
    assert "own-renewal-fails" not in bench.findings(want)
    bench.sandbox.edit("aws", "certificate", {"arn": arn, "inUseBy": []})
    assert "only while something uses it" in bench.findings(want)["own-renewal-fails"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (
            {"renewal": {"RenewalStatus": "PENDING_VALIDATION"}},
            "its renewal waits for a proof: _d930b28b.sandbox.example. CNAME",
        ),
        (
            {
                "renewal": {
                    "RenewalStatus": "FAILED",
                    "RenewalStatusReason": "CAA_ERROR",
                }
            },
            "its renewal failed: caa error",
        ),
        ({"status": "FAILED"}, "failed: caa error"),
        (
            {"status": "PENDING_VALIDATION"},
            "pending validation: _d930b28b.sandbox.example. CNAME",
        ),
    ],
)
def test_what_keeps_acm_from_it(bench: Bench, fields: Any, why: str) -> None:
    managed(bench, inUseBy=[LB], **fields)
    assert why in bench.findings(bench.want(mode="provider"))["own-renewal-fails"]


def test_what_acm_never_issued_cannot_be_read(bench: Bench) -> None:
    want = bench.want(mode="provider")
    (said,) = unreadable(bench.driver.observe([want]).states[want.name])
    assert said == "ACM has issued nothing for new.example, www.new.example"


def test_a_lost_import_is_found_by_its_tag(bench: Bench) -> None:
    want = bench.want()
    bench.keys.fill("new.example", NEW)
    one = change(want, NEW)
    bench.fault("ImportCertificate", "lost-after")
    with pytest.raises(Ambiguous, match="no answer"):
        bench.driver.apply(want, one, "k")
    assert bench.driver.happened(want, one, "k", NOW) is True
    assert len(rows(bench)) == 1
    assert only(bench.driver.observe([want]).states["new.example"]).fingerprint
