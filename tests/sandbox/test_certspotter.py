"""The search of the public logs as its reference says it, without our driver."""

from __future__ import annotations

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.contract import NOW

PART = {
    "page": 2,
    "issuances": [
        {"names": ["a.example"], "days": 30},
        {"names": ["www.a.example", "b.example"], "days": 20},
        {"names": ["*.a.example"], "days": 10},
        {"names": ["a.example"], "days": 91},
    ],
}


@pytest.fixture(scope="module")
def sandbox():
    world = World({"certspotter": PART})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture
def client(sandbox):
    headers = {"Authorization": "Bearer sandbox-certspotter"}
    base = sandbox.endpoint("certspotter")
    with httpx.Client(base_url=base, headers=headers) as made:
        yield made


def ids(client, **asked):
    found = client.get("/v1/issuances", params={"domain": "a.example", **asked})
    return [one["id"] for one in found.json()]


def test_a_domain_alone_or_with_all_below_it(client):
    assert ids(client) == ["1"]
    assert ids(client, include_subdomains="true") == ["1", "2"]


def test_pages_follow_until_an_empty_one(client):
    below = {"include_subdomains": "true"}
    assert ids(client, after="2", **below) == ["3"]
    assert ids(client, after="3", **below) == []


def test_names_and_issuer_are_told_where_they_are_asked_for(client):
    plain = client.get("/v1/issuances", params={"domain": "a.example"}).json()[0]
    assert set(plain) == {
        "id",
        "tbs_sha256",
        "cert_sha256",
        "pubkey_sha256",
        "not_before",
        "not_after",
        "revoked",
        "revocation",
    }
    asked = [("domain", "a.example"), ("expand", "dns_names"), ("expand", "issuer")]
    full = client.get("/v1/issuances", params=asked).json()[0]
    assert full["dns_names"] == ["a.example"]
    assert full["issuer"]["friendly_name"] == "Let's Encrypt"
    assert full["not_after"].endswith("Z")


@pytest.mark.parametrize(
    ("headers", "domain", "status"),
    [({"Authorization": "Bearer wrong"}, "a.example", 401), ({}, "example", 400)],
)
def test_what_is_refused_has_a_code_and_a_message(client, headers, domain, status):
    refused = client.get("/v1/issuances", params={"domain": domain}, headers=headers)
    assert refused.status_code == status
    assert set(refused.json()) == {"code", "message"}
