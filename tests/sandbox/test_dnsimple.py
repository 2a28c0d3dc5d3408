"""DNSimple's emulator against the vendor's documentation and example answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TOKEN = "sandbox-dnsimple-token"
DOMAINS: dict[str, Any] = {
    "due.example": {"expires": 20},
    "grace.example": {"expires": -5, "autoRenew": False},
    "lost.example": {"expires": -40, "autoRenew": False},
    "gold.example": {"expires": 30, "premium": True, "price": "109.00 USD"},
    "two.tld": {"expires": 30, "minYears": 2},
    "alone.auto": {"expires": 30, "apiAccess": False},
}
ACCOUNT = {
    "login": "1385",
    "secret": TOKEN,
    "domains": DOMAINS,
    "hosted": ["hosted.example"],
}
OTHER = {"login": "2460", "secret": "other-token", "user": True, "scoped": True}
WORLD = World({"dnsimple": {"accounts": [ACCOUNT, OTHER]}})
RENEWALS = "/1385/registrar/domains/due.example/renewals"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(WORLD, SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(WORLD)
    return running


def ask(
    sandbox: Sandbox,
    method: str,
    path: str,
    body: Any = None,
    token: str = TOKEN,
    **query: Any,
) -> httpx.Response:
    url = sandbox.endpoint("dnsimple") + path
    headers = {"Authorization": f"Bearer {token}"}
    return web(method, url, headers=headers, json=body, params=query)


def test_a_token_or_401(sandbox: Sandbox) -> None:
    """401: ``{"message": "Authentication failed"}``."""
    answer = ask(sandbox, "GET", "/whoami", token="wrong")
    assert (answer.status_code, answer.json()) == (
        401,
        {"message": "Authentication failed"},
    )
    basic = web("GET", sandbox.endpoint("dnsimple") + "/whoami", auth=("a", TOKEN))
    assert basic.status_code == 401


def test_whoami_of_an_account_and_of_a_person(sandbox: Sandbox) -> None:
    """whoami/success-account.http and success-user.http; listAccounts."""
    account = ask(sandbox, "GET", "/whoami").json()["data"]
    assert account["user"] is None
    assert account["account"]["id"] == 1385
    person = ask(sandbox, "GET", "/whoami", token="other-token").json()["data"]
    assert person["account"] is None
    assert person["user"]["id"]
    own = ask(sandbox, "GET", "/accounts").json()["data"]
    assert [one["id"] for one in own] == [1385]
    both = ask(sandbox, "GET", "/accounts", token="other-token").json()["data"]
    assert sorted(one["id"] for one in both) == [1385, 2460]


def test_a_path_of_another_account_is_not_found(sandbox: Sandbox) -> None:
    """404: "or the authenticated account doesn't have permissions"."""
    answer = ask(sandbox, "GET", "/2460/domains")
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_pages(sandbox: Sandbox) -> None:
    """``pagination``; 30 rows by default, 100 at most, by ascending name."""
    first = ask(sandbox, "GET", "/1385/domains", per_page=4).json()
    assert first["pagination"] == {
        "current_page": 1,
        "per_page": 4,
        "total_entries": 7,
        "total_pages": 2,
    }
    names = [row["name"] for row in first["data"]]
    last = ask(sandbox, "GET", "/1385/domains", per_page=4, page=2).json()
    assert len(last["data"]) == 3
    assert names == sorted(names)
    usual = ask(sandbox, "GET", "/1385/domains").json()["pagination"]
    most = ask(sandbox, "GET", "/1385/domains", per_page=500).json()["pagination"]
    assert (usual["per_page"], most["per_page"]) == (30, 100)


def test_a_domain_has_every_required_field(sandbox: Sandbox) -> None:
    """The schema Domain; getDomain/success.http."""
    said = ask(sandbox, "GET", "/1385/domains/due.example").json()["data"]
    assert isinstance(said.pop("id"), int)
    assert said == {
        "account_id": 1385,
        "registrant_id": 2715,
        "name": "due.example",
        "unicode_name": "due.example",
        "state": "registered",
        "auto_renew": True,
        "private_whois": True,
        "trustee": False,
        "expires_on": "2026-12-12",
        "expires_at": "2026-12-12T09:00:00Z",
        "created_at": "2024-09-13T09:00:00Z",
        "updated_at": "2024-09-13T09:00:00Z",
    }
    missing = ask(sandbox, "GET", "/1385/domains/none.example")
    assert missing.status_code == 404
    assert missing.json() == {"message": "Domain `none.example` not found"}


def test_states(sandbox: Sandbox) -> None:
    """``hosted`` has neither a registrant nor an expiry (listDomains/success.http)."""
    rows = ask(sandbox, "GET", "/1385/domains").json()["data"]
    states = {row["name"]: row["state"] for row in rows}
    assert states["due.example"] == "registered"
    assert states["grace.example"] == states["lost.example"] == "expired"
    (hosted,) = (row for row in rows if row["state"] == "hosted")
    assert (hosted["registrant_id"], hosted["expires_at"]) == (None, None)


@pytest.mark.parametrize(
    ("what", "on", "status", "off_status"),
    [
        ("auto_renewal", "PUT", 204, 204),
        ("transfer_lock", "POST", 201, 200),
        ("whois_privacy", "PUT", 200, 200),
    ],
)
def test_flags(
    sandbox: Sandbox, what: str, on: str, status: int, off_status: int
) -> None:
    """The statuses of the three pages; 204 has no body."""
    path = f"/1385/registrar/domains/due.example/{what}"
    off = ask(sandbox, "DELETE", path)
    assert off.status_code == off_status
    back = ask(sandbox, on, path)
    assert back.status_code == status
    if status == 204:
        assert back.content == b""
    else:
        assert (back.json()["data"]["enabled"], off.json()["data"]["enabled"]) == (
            True,
            False,
        )
    gone = f"/1385/registrar/domains/grace.example/{what}"
    assert ask(sandbox, on, gone).status_code == 400


def test_the_delegation_is_a_bare_list(sandbox: Sandbox) -> None:
    """changeDomainDelegation: the body and the answer's ``data`` are lists."""
    path = "/1385/registrar/domains/due.example/delegation"
    hosts = ["ns1.example.com", "NS2.example.com"]
    said = ask(sandbox, "PUT", path, hosts)
    assert (said.status_code, said.json()) == (
        200,
        {"data": ["ns1.example.com", "ns2.example.com"]},
    )
    assert ask(sandbox, "GET", path).json() == said.json()
    wrong = ask(sandbox, "PUT", path, {"name_servers": hosts})
    assert wrong.status_code == 400
    assert set(wrong.json()) == {"message", "errors"}


def test_prices_are_dollars(sandbox: Sandbox) -> None:
    """getDomainPrices: numbers, and whether the name is premium; 400 for no TLD."""
    path = "/1385/registrar/domains/{}/prices"
    said = ask(sandbox, "GET", path.format("due.example")).json()["data"]
    assert (said["domain"], said["premium"]) == ("due.example", False)
    assert said["renewal_price"] == 11.08
    assert {"registration_price", "transfer_price", "restore_price"} < set(said)
    gold = ask(sandbox, "GET", path.format("gold.example")).json()["data"]
    assert (gold["premium"], gold["renewal_price"]) == (True, 109.0)
    fruit = ask(sandbox, "GET", path.format("a.pineapple"))
    assert fruit.status_code == 400
    assert fruit.json()["message"] == "TLD .PINEAPPLE is not supported"


def test_tlds(sandbox: Sandbox) -> None:
    """getTld/success.http: whether and for how long names are renewed."""
    said = ask(sandbox, "GET", "/tlds/tld").json()["data"]
    assert (said["tld"], said["minimum_registration"]) == ("tld", 2)
    assert said["renewal_enabled"]
    assert ask(sandbox, "GET", "/tlds/auto").json()["data"]["auto_renew_only"]
    assert ask(sandbox, "GET", "/tlds/none").status_code == 404


def test_a_renewal_is_an_order(sandbox: Sandbox) -> None:
    """renewDomain/success.http answers ``new``; getDomainRenewal ``renewed``."""
    said = ask(sandbox, "POST", RENEWALS, {"period": 2})
    assert said.status_code == 201
    order = said.json()["data"]
    assert set(order) == {
        "id",
        "domain_id",
        "period",
        "state",
        "created_at",
        "updated_at",
    }
    assert (order["period"], order["state"]) == (2, "new")
    later = ask(sandbox, "GET", f"{RENEWALS}/{order['id']}").json()["data"]
    assert later["state"] == "renewed"
    domain = ask(sandbox, "GET", "/1385/domains/due.example").json()["data"]
    assert domain["expires_at"] == "2028-12-12T09:00:00Z"
    assert ask(sandbox, "GET", f"{RENEWALS}/99").status_code == 404


def test_a_renewal_that_takes_a_while_is_202(sandbox: Sandbox) -> None:
    """202 "when renewal was processed but is pending completion"; charged then."""
    sandbox.bench("dnsimple").state["latency"] = 60
    said = ask(sandbox, "POST", RENEWALS)
    assert said.status_code == 202
    order = said.json()["data"]
    assert sandbox.charges() == []
    sandbox.clock.advance(timedelta(seconds=60))
    later = ask(sandbox, "GET", f"{RENEWALS}/{order['id']}").json()["data"]
    assert later["state"] == "renewed"
    assert len(sandbox.charges()) == 1


def test_two_equal_requests_are_two_renewals(sandbox: Sandbox) -> None:
    """No idempotency key is documented for any call."""
    url = sandbox.endpoint("dnsimple") + RENEWALS
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k"}
    for _ in range(2):
        assert web("POST", url, headers=headers, json={}).status_code == 201
    assert len(sandbox.charges()) == 2


def test_too_early_and_too_late(sandbox: Sandbox) -> None:
    """renewDomain/error-tooearly.http; a name in redemption is restored instead."""
    nine = ask(sandbox, "POST", RENEWALS, {"period": 9})
    assert nine.status_code == 201
    again = ask(sandbox, "POST", RENEWALS)
    assert again.status_code == 400
    assert again.json() == {
        "message": "due.example may not be renewed at this time",
        "errors": {},
    }
    lost = ask(sandbox, "POST", "/1385/registrar/domains/lost.example/renewals")
    assert lost.status_code == 400
    grace = ask(sandbox, "POST", "/1385/registrar/domains/grace.example/renewals")
    assert grace.status_code == 201
    for period in (0, 10, "1"):
        wrong = ask(sandbox, "POST", RENEWALS, {"period": period})
        assert wrong.json()["errors"] == {"period": ["is invalid"]}
    alone = ask(sandbox, "POST", "/1385/registrar/domains/alone.auto/renewals")
    assert alone.status_code == 400


def test_the_price_of_a_premium_name_is_confirmed(sandbox: Sandbox) -> None:
    """premium_price: "Required as confirmation of the price, only if [...] premium"."""
    path = "/1385/registrar/domains/gold.example/renewals"
    for wrong in ({}, {"premium_price": "19.00"}, {"premium_price": 109.0}):
        assert ask(sandbox, "POST", path, wrong).status_code == 400
    right = ask(sandbox, "POST", path, {"premium_price": "109.00"})
    assert right.status_code == 201


def test_the_book_of_charges(sandbox: Sandbox) -> None:
    """listCharges/success.http; ``start_date`` is a date; 403 without the scope."""
    ask(sandbox, "POST", RENEWALS)
    (charge,) = ask(sandbox, "GET", "/1385/billing/charges").json()["data"]
    assert charge == {
        "invoiced_at": "2026-11-22T09:00:00Z",
        "total_amount": "11.08",
        "balance_amount": "0.00",
        "reference": "1-2",
        "state": "collected",
        "items": [
            {
                "description": "Renew due.example",
                "amount": "11.08",
                "product_id": 1,
                "product_type": "domain-renewal",
                "product_reference": "due.example",
            }
        ],
    }
    path = "/1385/billing/charges"
    assert ask(sandbox, "GET", path, start_date="2026-11-22").json()["data"] == []
    assert ask(sandbox, "GET", path, start_date="2026-11-21").json()["data"]
    no = ask(sandbox, "GET", "/2460/billing/charges", token="other-token")
    assert (no.status_code, no.json()) == (
        403,
        {"message": "Permission Denied. Required Scope: billing:*:read"},
    )


def test_a_card_that_is_declined(sandbox: Sandbox) -> None:
    """400: "We were unable to authorize the payment [...]"."""
    sandbox.bench("dnsimple").state["accounts"][0]["balance"] = 5
    said = ask(sandbox, "POST", RENEWALS)
    assert said.status_code == 400
    assert "unable to authorize the payment" in said.json()["message"]
    assert sandbox.charges() == []


def test_the_limit_is_2400_an_hour(sandbox: Sandbox) -> None:
    """429 ``quota exceeded`` and X-RateLimit-*; the reset is in Unix time."""
    first = ask(sandbox, "GET", "/whoami")
    assert first.headers["x-ratelimit-limit"] == "2400"
    assert first.headers["x-ratelimit-remaining"] == "2399"
    assert int(first.headers["x-ratelimit-reset"]) == int(NOW.timestamp()) + 3600
    assert first.headers["x-request-id"]
    sandbox.bench("dnsimple").state["hits"]["1385"][1] = 2400
    over = ask(sandbox, "GET", "/whoami")
    assert (over.status_code, over.json()) == (429, {"message": "quota exceeded"})
    assert over.headers["x-ratelimit-remaining"] == "0"
    sandbox.clock.advance(timedelta(hours=1))
    assert ask(sandbox, "GET", "/whoami").status_code == 200


def test_a_restoration_is_an_order(sandbox: Sandbox) -> None:
    """restoreDomain/success.http: as a renewal, without a period."""
    path = "/1385/registrar/domains/lost.example/restores"
    said = ask(sandbox, "POST", path)
    assert said.status_code == 201
    order = said.json()["data"]
    assert set(order) == {"id", "domain_id", "state", "created_at", "updated_at"}
    later = ask(sandbox, "GET", f"{path}/{order['id']}").json()["data"]
    assert later["state"] == "restored"
    (charge,) = sandbox.charges()
    assert charge.amount == "91.08 USD"
    again = ask(sandbox, "POST", path)
    assert again.status_code == 400
    due = ask(sandbox, "POST", "/1385/registrar/domains/due.example/restores")
    assert due.status_code == 400


def test_ds_records(sandbox: Sandbox) -> None:
    """createDelegationSignerRecord/{created,validation-error}.http; numbers as text."""
    path = "/1385/domains/due.example/ds_records"
    body = {"algorithm": "13", "digest": "ab" * 32, "digest_type": "2", "keytag": "5"}
    said = ask(sandbox, "POST", path, body)
    assert said.status_code == 201
    made = said.json()["data"]
    assert {**body, "digest": made["digest"].lower()} == body
    assert {field: made[field] for field in ("algorithm", "digest_type", "keytag")} == {
        "algorithm": "13",
        "digest_type": "2",
        "keytag": "5",
    }
    assert made["public_key"] is None
    listed = ask(sandbox, "GET", path).json()
    assert [row["id"] for row in listed["data"]] == [made["id"]]
    assert listed["pagination"]["total_entries"] == 1
    one = ask(sandbox, "GET", f"{path}/{made['id']}").json()["data"]
    assert one["keytag"] == "5"
    wrong = ask(sandbox, "POST", path, {})
    assert wrong.status_code == 400
    blank = ["can't be blank"]
    assert wrong.json() == {
        "message": "Validation failed",
        "errors": dict.fromkeys(
            ("keytag", "algorithm", "digest_type", "digest"), blank
        ),
    }
    assert ask(sandbox, "POST", path, body).status_code == 400
    gone = ask(sandbox, "DELETE", f"{path}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ask(sandbox, "DELETE", f"{path}/{made['id']}").status_code == 404
