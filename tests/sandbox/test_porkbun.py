"""Porkbun's emulator against what the vendor documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEYS = {"X-API-Key": "pk1_sandbox", "X-Secret-API-Key": "sk1_sandbox"}
DOMAINS: dict[str, Any] = {
    "due.example": {"expires": 20},
    "also.example": {"expires": 25},
    "new.example": {"expires": 355, "created": -10},
    "gold.example": {"expires": 20, "premium": True, "price": "200.00 USD"},
    "shut.example": {"expires": 20, "apiAccess": False},
    "grace.example": {"expires": -5, "autoRenew": False},
    "lost.example": {"expires": -40, "autoRenew": False},
    "dying.example": {"expires": -62, "autoRenew": False},
    "gone.example": {"expires": -70, "autoRenew": False},
}
ACCOUNT = {"login": "pk1_sandbox", "secret": "sk1_sandbox", "domains": DOMAINS}
WORLD = World({"porkbun": {"accounts": [ACCOUNT]}})


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


def post(
    sandbox: Sandbox, path: str, key: str | None = None, **body: Any
) -> httpx.Response:
    headers = {**KEYS, **({"Idempotency-Key": key} if key else {})}
    url = sandbox.endpoint("porkbun") + path
    return web("POST", url, headers=headers, json=body)


def renew(
    sandbox: Sandbox, name: str = "due.example", key: str | None = None, **body: Any
) -> httpx.Response:
    sandbox.clock.advance(timedelta(seconds=11))
    return post(sandbox, f"/domain/renew/{name}", key, **{"cost": 1108, **body})


def code(answer: httpx.Response) -> str:
    said = answer.json()
    assert said["status"] == "ERROR"
    assert said["message"]
    assert said["requestId"]
    return str(said["code"])


def test_credentials_come_in_headers_or_in_the_body(sandbox: Sandbox) -> None:
    """porkbun.com/llms/guides/getting-started, section 2."""
    url = sandbox.endpoint("porkbun") + "/domain/listAll"
    body = {"apikey": "pk1_sandbox", "secretapikey": "sk1_sandbox"}
    assert web("POST", url, json=body).json()["status"] == "SUCCESS"
    assert web("GET", url, headers=KEYS).json()["status"] == "SUCCESS"
    wrong = {**body, "secretapikey": "sk1_wrong"}
    assert code(web("POST", url, json=wrong)) == "INVALID_API_KEYS_001"
    half = {"apikey": "pk1_sandbox", "secretkey": "sk1_sandbox"}
    assert code(web("POST", url, json=half)) == "MISSING_SECRETAPIKEY"
    assert code(web("POST", url, json={})) == "API_KEY_REQUIRED"


def test_the_listing_has_at_most_1000_from_start(sandbox: Sandbox) -> None:
    """``listAll``: zero-based ``start``, up to 1000 domains a call, ``count``."""
    own = sandbox.bench("porkbun").state["accounts"][0]["domains"]
    own.update({f"z{n:04}.example": own["due.example"] for n in range(1000)})
    first = post(sandbox, "/domain/listAll", start=0).json()
    second = post(sandbox, "/domain/listAll", start=1000).json()
    assert (first["count"], second["count"]) == (1000, 8)
    names = [row["domain"] for row in first["domains"] + second["domains"]]
    assert len(set(names)) == 1008


def test_a_line_looks_as_documented(sandbox: Sandbox) -> None:
    """``listAll`` and ``get``: local dates without offset, flags as 0/1 or "0"/"1"."""
    row = post(sandbox, "/domain/get/due.example").json()["domain"]
    assert row == {
        "domain": "due.example",
        "status": "ACTIVE",
        "tld": "example",
        "createDate": "2024-09-13 09:00:00",
        "expireDate": "2026-12-12 09:00:00",
        "securityLock": "1",
        "whoisPrivacy": "1",
        "autoRenew": 1,
        "apiAccess": 1,
        "notLocal": 0,
    }
    missing = post(sandbox, "/domain/get/none.example")
    assert (missing.status_code, code(missing)) == (404, "DOMAIN_NOT_FOUND")


def test_a_renewal_takes_the_exact_cost(sandbox: Sandbox) -> None:
    """``renew``: cost in pennies "must exactly match the current renewal price"."""
    for cost in (1107, 1109, "1108", None):
        assert code(renew(sandbox, cost=cost)) == "INVALID_COST"
    said = renew(sandbox).json()
    assert said["expirationDate"] == "2027-12-12"
    assert (said["cost"], said["balance"]) == (1108, 100_000 - 1108)
    assert said["orderId"]
    assert len(sandbox.charges()) == 1


def test_a_renewal_follows_the_price(sandbox: Sandbox) -> None:
    sandbox.edit("porkbun", "price", {"tld": "example", "price": "12.00 USD"})
    assert code(renew(sandbox)) == "INVALID_COST"
    prices = post(sandbox, "/pricing/get").json()["pricing"]
    assert prices["example"]["renewal"] == "12.00"
    assert renew(sandbox, cost=1200).status_code == 200


def test_prices_need_no_credentials(sandbox: Sandbox) -> None:
    """``pricing/get``: "No authentication required"."""
    url = sandbox.endpoint("porkbun") + "/pricing/get"
    assert web("POST", url).json()["pricing"]["com"]


def test_a_dry_run_does_nothing(sandbox: Sandbox) -> None:
    """``renew`` with ``dryRun``: "No order was created and no charge was made"."""
    assert renew(sandbox, dryRun=True).json()["wouldSucceed"] is True
    assert code(renew(sandbox, dryRun=True, cost=1)) == "INVALID_COST"
    assert sandbox.charges() == []


def test_a_renewal_is_refused_for_30_days_after_the_last(sandbox: Sandbox) -> None:
    """ "registered within the last 30 days, or already renewed": RENEWAL_TOO_SOON."""
    assert code(renew(sandbox, "new.example")) == "RENEWAL_TOO_SOON"
    assert renew(sandbox).status_code == 200
    assert code(renew(sandbox)) == "RENEWAL_TOO_SOON"
    sandbox.clock.advance(timedelta(days=30))
    assert renew(sandbox).status_code == 200


def test_premium_names_are_not_renewed(sandbox: Sandbox) -> None:
    """ "Premium domain renewals are not supported via API"."""
    assert code(renew(sandbox, "gold.example", cost=20000)) == "PREMIUM_NOT_SUPPORTED"
    said = post(sandbox, "/domain/checkDomain/gold.example").json()["response"]
    assert said["premium"] == "yes"
    assert said["additional"]["renewal"]["price"] == "200.00"


def test_a_key_is_answered_once_and_from_the_record_for_a_day(
    sandbox: Sandbox,
) -> None:
    """ "retries within 24 hours don't double-charge"; ``Idempotent-Replayed``."""
    first = renew(sandbox, key="k-1")
    again = renew(sandbox, key="k-1")
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(sandbox.charges()) == 1
    sandbox.clock.advance(timedelta(hours=25))
    assert code(renew(sandbox, key="k-1")) == "RENEWAL_TOO_SOON"


def test_a_key_with_another_request_is_a_mismatch(sandbox: Sandbox) -> None:
    """IDEMPOTENCY_KEY_MISMATCH: "Same key reused with a different body"."""
    renew(sandbox, key="k-1")
    assert code(renew(sandbox, key="k-1", cost=9)) == "IDEMPOTENCY_KEY_MISMATCH"
    other = renew(sandbox, "also.example", key="k-1")
    assert code(other) == "IDEMPOTENCY_KEY_MISMATCH"
    assert len(sandbox.charges()) == 1


def test_without_a_key_nothing_is_remembered(sandbox: Sandbox) -> None:
    """Two requests without a key are two renewals, 30 days apart."""
    renew(sandbox)
    sandbox.clock.advance(timedelta(days=30))
    renew(sandbox)
    assert len(sandbox.charges(name="due.example")) == 2


@pytest.mark.parametrize("what", ["renew", "checkDomain"])
def test_one_attempt_in_ten_seconds(sandbox: Sandbox, what: str) -> None:
    """``limits``: "1 out of 1 renewal attempts within 10 seconds used"."""
    path = f"/domain/{what}/due.example"
    assert post(sandbox, path, cost=1108).status_code == 200
    second = post(sandbox, path, cost=1108, key="k")
    assert (second.status_code, code(second)) == (429, "RATE_LIMIT_EXCEEDED")
    assert 0 < second.json()["ttlRemaining"] <= 10
    sandbox.clock.advance(timedelta(seconds=10))
    assert post(sandbox, path, cost=1, key="k").status_code in {200, 400}


def test_a_name_has_to_be_opted_in(sandbox: Sandbox) -> None:
    """ "The domain must be opted in to API access"."""
    assert code(renew(sandbox, "shut.example")) == "DOMAIN_NOT_ALLOWED"
    assert code(post(sandbox, "/domain/getNs/shut.example")) == "DOMAIN_NOT_ALLOWED"


def test_too_little_credit(sandbox: Sandbox) -> None:
    """INSUFFICIENT_FUNDS, and ``/account/balance`` in pennies."""
    sandbox.bench("porkbun").state["accounts"][0]["balance"] = 500
    assert code(renew(sandbox)) == "INSUFFICIENT_FUNDS"
    said = post(sandbox, "/account/balance").json()
    assert (said["balance"], said["display"]) == (500, "$5.00")


def test_auto_renew_and_nameservers(sandbox: Sandbox) -> None:
    """``updateAutoRenew`` {status: on|off} answers per domain; ``updateNs`` {ns}."""
    path = "/domain/updateAutoRenew/due.example"
    said = post(sandbox, path, status="off").json()
    assert said["results"]["due.example"]["status"] == "SUCCESS"
    assert post(sandbox, "/domain/get/due.example").json()["domain"]["autoRenew"] == 0
    assert code(post(sandbox, path, status="maybe")) == "INVALID_STATUS"
    hosts = ["ns1.x.example", "ns2.x.example"]
    post(sandbox, "/domain/updateNs/due.example", ns=hosts)
    assert post(sandbox, "/domain/getNs/due.example").json()["ns"] == hosts
    empty = post(sandbox, "/domain/updateNs/due.example", ns=[])
    assert code(empty) == "INVALID_NAMESERVERS"


def test_time_moves_a_name_through_its_phases(sandbox: Sandbox) -> None:
    rows = post(sandbox, "/domain/listAll").json()["domains"]
    status = {row["domain"]: row["status"] for row in rows}
    assert status["grace.example"] == "EXPIRED"
    assert status["lost.example"] == "REDEMPTION"
    assert status["dying.example"] == "PENDING DELETE"
    assert "gone.example" not in status
    assert code(renew(sandbox, "lost.example")) == "INVALID_DOMAIN"
    assert renew(sandbox, "grace.example").status_code == 200


def test_the_registrar_renews_by_itself(sandbox: Sandbox) -> None:
    sandbox.edit("porkbun", "domain", {"name": "also.example", "autoRenewFails": True})
    sandbox.clock.advance(timedelta(days=26))
    post(sandbox, "/ping")
    assert {charge.name for charge in sandbox.charges()} == {
        "due.example",
        "gold.example",
        "shut.example",
    }
    assert {charge.operation for charge in sandbox.charges()} == {"auto-renew"}


def test_an_unknown_path_is_not_found(sandbox: Sandbox) -> None:
    assert post(sandbox, "/domain/teleport/due.example").status_code == 404


DS = {"keyTag": "64087", "alg": "13", "digestType": "2", "digest": "15e445bd" * 8}


def test_ds_records_are_kept_by_key_tag(sandbox: Sandbox) -> None:
    """Answered in a map by key tag (none: an empty PHP array), deleted by it."""
    listing = "/dns/getDnssecRecords/due.example"
    create = "/dns/createDnssecRecord/due.example"
    assert post(sandbox, listing).json()["records"] == []
    assert post(sandbox, create, **DS).status_code == 200
    whole = {**DS, "digest": DS["digest"].upper()}
    assert post(sandbox, listing).json()["records"] == {"64087": whole}
    assert post(sandbox, create, **DS).status_code == 400
    assert post(sandbox, create, **{**DS, "keyTag": "x"}).status_code == 400
    delete = "/dns/deleteDnssecRecord/due.example"
    assert post(sandbox, f"{delete}/1").status_code == 400
    assert post(sandbox, f"{delete}/64087").json()["status"] == "SUCCESS"
    assert post(sandbox, listing).json()["records"] == []
    assert code(post(sandbox, "/dns/getDnssecRecords/shut.example"))


def test_glue_is_answered_in_pairs(sandbox: Sandbox) -> None:
    """``hosts: [[name, {v4: [...], v6: [...]}]]``, written by the first labels."""
    ips = ["192.0.2.1", "2001:db8::1"]
    host = "/domain/{}Glue/due.example/ns1"
    assert post(sandbox, host.format("update"), ips=ips).status_code == 400
    assert post(sandbox, host.format("create"), ips=ips).status_code == 200
    assert post(sandbox, host.format("create"), ips=ips).status_code == 400
    said = post(sandbox, "/domain/getGlue/due.example").json()["hosts"]
    both = {"v4": ["192.0.2.1"], "v6": ["2001:db8::1"]}
    assert said == [["ns1.due.example", both]]
    assert post(sandbox, host.format("update"), ips=[]).status_code == 400
    assert post(sandbox, host.format("update"), ips=ips[:1]).status_code == 200
    said = post(sandbox, "/domain/getGlue/due.example").json()["hosts"]
    assert said == [["ns1.due.example", {"v4": ["192.0.2.1"]}]]
    hosts = ["ns1.due.example", "ns2.due.example"]
    post(sandbox, "/domain/updateNs/due.example", ns=hosts)
    assert post(sandbox, host.format("delete")).status_code == 400
    post(sandbox, "/domain/updateNs/due.example", ns=["ns1.x.example", "ns2.x.example"])
    assert post(sandbox, host.format("delete")).status_code == 200
    assert post(sandbox, "/domain/getGlue/due.example").json()["hosts"] == []
