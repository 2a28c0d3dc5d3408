"""name.com's emulator against the vendor's specification (OpenAPI, version 1.7.0)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
BASIC = httpx.BasicAuth("agency-test", "sandbox-namecom-token")
DOMAINS: dict[str, Any] = {
    "due.example": {"expires": 20},
    "long.example": {"expires": 9 * 365},
    "grace.example": {"expires": -5, "autoRenew": False},
    "lost.example": {"expires": -40, "autoRenew": False},
    "gold.example": {"expires": 30, "premium": True, "price": "200.00 USD"},
    "two.example": {"expires": 30, "minYears": 2},
}
ACCOUNT = {
    "login": "agency-test",
    "secret": "sandbox-namecom-token",
    "domains": DOMAINS,
}
OTHER = {"login": "other-test", "secret": "sandbox-other-token"}
WORLD = World({"namecom": {"accounts": [ACCOUNT, OTHER]}})


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
    sandbox: Sandbox, method: str, path: str, body: Any = None, **query: Any
) -> httpx.Response:
    url = f"{sandbox.endpoint('namecom')}/core/v1{path}"
    return web(method, url, auth=BASIC, json=body, params=query)


def renew(sandbox: Sandbox, name: str = "due.example", **body: Any) -> httpx.Response:
    return ask(sandbox, "POST", f"/domains/{name}:renew", body)


def test_basic_authentication_or_401(sandbox: Sandbox) -> None:
    """ "Failure to authenticate properly will result in 401"; ``{message}``."""
    url = sandbox.endpoint("namecom") + "/core/v1/hello"
    for auth in (None, httpx.BasicAuth("agency-test", "wrong")):
        answer = web("GET", url, auth=auth)
        assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")
    garbled = web("GET", url, headers={"Authorization": "Basic %%%"})
    assert garbled.status_code == 401


def test_hello_says_who_one_is(sandbox: Sandbox) -> None:
    """HelloResponse: motd, serverName, serverTime, username are required."""
    said = ask(sandbox, "GET", "/hello").json()
    assert set(said) == {"motd", "serverName", "serverTime", "username"}
    assert said["username"] == "agency-test"


def test_pages_name_the_next_and_the_last(sandbox: Sandbox) -> None:
    """ListDomainsResponse: nextPage and lastPage "only if there is another page"."""
    first = ask(sandbox, "GET", "/domains", perPage=4).json()
    assert (first["from"], first["to"], first["totalCount"]) == (1, 4, 6)
    assert (first["nextPage"], first["lastPage"]) == (2, 2)
    last = ask(sandbox, "GET", "/domains", perPage=4, page=2).json()
    assert (last["from"], last["to"], last["totalCount"]) == (5, 6, 6)
    assert "nextPage" not in last
    assert "lastPage" not in last


def test_a_domain_has_every_required_field(sandbox: Sandbox) -> None:
    """DomainResponsePayload; date-times with an offset."""
    said = ask(sandbox, "GET", "/domains/due.example").json()
    assert said == {
        "domainName": "due.example",
        "createDate": "2024-09-13T09:00:00Z",
        "expireDate": "2026-12-12T09:00:00Z",
        "autorenewEnabled": True,
        "locked": True,
        "privacyEnabled": True,
        "contacts": {},
        "nameservers": ["ns1.registrar.example", "ns2.registrar.example"],
        "renewalPrice": 11.08,
    }
    assert ask(sandbox, "GET", "/domains/none.example").status_code == 404


def test_a_patch_sets_all_flags_or_none(sandbox: Sandbox) -> None:
    """UpdateDomain: any of three flags; at least one; "expired" is a 403."""
    flags = {"autorenewEnabled": False, "locked": False, "privacyEnabled": False}
    said = ask(sandbox, "PATCH", "/domains/due.example", flags).json()
    assert {flag: said[flag] for flag in flags} == flags
    wrong = ask(sandbox, "PATCH", "/domains/due.example", {"locked": "yes"})
    assert wrong.status_code == 400
    assert ask(sandbox, "PATCH", "/domains/due.example", {}).status_code == 400
    assert ask(sandbox, "PATCH", "/domains/due.example").status_code == 415
    expired = ask(sandbox, "PATCH", "/domains/grace.example", {"locked": True})
    assert expired.status_code == 403


def test_nameservers_are_set(sandbox: Sandbox) -> None:
    """SetNameservers answers the domain; 403 once it has expired."""
    body = {"nameservers": ["NS1.x.example", "ns2.x.example"]}
    said = ask(sandbox, "POST", "/domains/due.example:setNameservers", body).json()
    assert said["nameservers"] == ["ns1.x.example", "ns2.x.example"]
    path = "/domains/due.example:setNameservers"
    assert ask(sandbox, "POST", path, {"nameservers": []}).status_code == 400
    late = ask(sandbox, "POST", "/domains/grace.example:setNameservers", body)
    assert late.status_code == 403


def test_a_renewal_has_an_order_and_a_total(sandbox: Sandbox) -> None:
    """RenewDomainResponse: domain, order, totalPaid; ListOrders has the item."""
    said = renew(sandbox, years=2, purchasePrice=22.16).json()
    assert said["domain"]["expireDate"] == "2028-12-12T09:00:00Z"
    assert said["totalPaid"] == 22.16
    (order,) = ask(sandbox, "GET", "/orders").json()["orders"]
    (item,) = order["orderItems"]
    assert (order["id"], order["status"]) == (said["order"], "success")
    assert (item["name"], item["duration"], item["interval"]) == (
        "due.example",
        2,
        "year",
    )
    balance = ask(sandbox, "GET", "/accountinfo/balance").json()
    assert balance == {"balance": 977.84}


def test_two_equal_requests_are_two_renewals(sandbox: Sandbox) -> None:
    """RenewDomain has no X-Idempotency-Key, unlike CreateDomain."""
    headers = {"X-Idempotency-Key": "k", "Idempotency-Key": "k"}
    url = f"{sandbox.endpoint('namecom')}/core/v1/domains/due.example:renew"
    for _ in range(2):
        assert web("POST", url, auth=BASIC, json={}, headers=headers).status_code == 200
    assert len(sandbox.charges()) == 2


def test_the_purchase_price_is_checked(sandbox: Sandbox) -> None:
    """400 "Invalid purchase price"; required for premium names."""
    wrong = renew(sandbox, purchasePrice=10.99)
    assert (wrong.status_code, wrong.json()["message"]) == (400, "Invalid argument")
    premium = renew(sandbox, "gold.example")
    assert "required for premium domains" in premium.json()["details"]
    assert renew(sandbox, "gold.example", purchasePrice=200).status_code == 200
    assert renew(sandbox).status_code == 200


def test_years_have_limits(sandbox: Sandbox) -> None:
    """ "cannot be more than 10"; some TLDs want two; ten years in all."""
    for years in (0, 11, "1"):
        assert renew(sandbox, years=years).status_code == 400
    assert renew(sandbox, "two.example", years=1).status_code == 422
    two = renew(sandbox, "two.example", years=2, purchasePrice=22.16)
    assert two.status_code == 200
    assert renew(sandbox, "long.example", years=2).status_code == 400
    assert renew(sandbox, "lost.example").status_code == 403
    assert renew(sandbox, "grace.example").status_code == 200


def test_prices_by_years(sandbox: Sandbox) -> None:
    """GetPricing: renewalPrice is null where that term is not sold."""
    path = "/domains/due.example:getPricing"
    assert ask(sandbox, "GET", path, years=3).json()["renewalPrice"] == 33.24
    assert ask(sandbox, "GET", path, years=11).status_code == 400
    two = "/domains/two.example:getPricing"
    assert ask(sandbox, "GET", two, years=1).json()["renewalPrice"] is None
    assert ask(sandbox, "GET", two).json()["renewalPrice"] == 22.16


def test_the_limits_are_20_a_second_and_3000_an_hour(sandbox: Sandbox) -> None:
    """429 with ``x-ratelimit-reset``: the Unix time at which the limit resets."""
    found = [ask(sandbox, "GET", "/hello") for _ in range(21)]
    assert [answer.status_code for answer in found] == [200] * 20 + [429]
    reset = int(found[-1].headers["x-ratelimit-reset"])
    assert reset == int(NOW.timestamp()) + 1
    sandbox.clock.advance(timedelta(seconds=1))
    assert ask(sandbox, "GET", "/hello").status_code == 200
    sandbox.bench("namecom").state["hits"]["3600/agency-test"][1:] = [3000]
    hour = ask(sandbox, "GET", "/hello")
    assert hour.status_code == 429
    assert int(hour.headers["x-ratelimit-reset"]) % 3600 == 0


def test_orders_are_the_accounts_own(sandbox: Sandbox) -> None:
    renew(sandbox)
    url = f"{sandbox.endpoint('namecom')}/core/v1/orders"
    other = httpx.BasicAuth("other-test", "sandbox-other-token")
    assert web("GET", url, auth=other).json()["orders"] == []


def test_too_little_credit(sandbox: Sandbox) -> None:
    sandbox.bench("namecom").state["accounts"][0]["balance"] = 5
    assert renew(sandbox).status_code == 400
    assert sandbox.charges() == []


DS = {"keyTag": 30909, "algorithm": 13, "digestType": 2, "digest": "E2D3C916" * 8}


def test_ds_records_are_deleted_by_their_digest(sandbox: Sandbox) -> None:
    """CreateDNSSEC, ListDNSSECs, DeleteDNSSEC: 204 without a body."""
    path = "/domains/due.example/dnssec"
    assert ask(sandbox, "GET", path).json() == {"dnssec": []}
    made = ask(sandbox, "POST", path, DS)
    assert made.json() == {"domainName": "due.example", **DS}
    assert ask(sandbox, "GET", path).json()["dnssec"] == [made.json()]
    assert ask(sandbox, "POST", path, DS).status_code == 403
    assert ask(sandbox, "POST", path, {**DS, "keyTag": "x"}).status_code == 400
    assert ask(sandbox, "DELETE", f"{path}/ABCD").status_code == 404
    gone = ask(sandbox, "DELETE", f"{path}/{DS['digest'].lower()}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert ask(sandbox, "GET", path).json() == {"dnssec": []}
    assert ask(sandbox, "GET", "/domains/grace.example/dnssec").status_code == 403


def test_vanity_nameservers_are_made_by_their_first_labels(sandbox: Sandbox) -> None:
    """ "to create 'ns1.example.com', specify 'ns1'"; answered by the whole name."""
    path = "/domains/due.example/vanity_nameservers"
    ips = ["192.0.2.1", "2001:db8::1"]
    whole = {"domainName": "due.example", "hostname": "ns1.due.example", "ips": ips}
    assert ask(sandbox, "POST", path, {"hostname": "ns1"}).status_code == 400
    assert ask(sandbox, "POST", path, {"hostname": "ns1", "ips": ips}).json() == whole
    assert (
        ask(sandbox, "POST", path, {"hostname": "ns1", "ips": ips}).status_code == 400
    )
    assert ask(sandbox, "GET", path).json()["vanityNameservers"] == [whole]
    one = f"{path}/ns1.due.example"
    assert ask(sandbox, "GET", one).json() == whole
    moved = {"ips": ["192.0.2.9"]}
    assert ask(sandbox, "PUT", one, moved).json()["ips"] == ["192.0.2.9"]
    assert ask(sandbox, "PUT", one, {"ips": ["x"]}).status_code == 400
    assert ask(sandbox, "PUT", f"{path}/ns9.due.example", moved).status_code == 404
    hosts = {"nameservers": ["ns1.due.example", "ns2.x.example"]}
    ask(sandbox, "POST", "/domains/due.example:setNameservers", hosts)
    assert ask(sandbox, "DELETE", one).status_code == 400
    hosts = {"nameservers": ["ns1.x.example", "ns2.x.example"]}
    ask(sandbox, "POST", "/domains/due.example:setNameservers", hosts)
    assert ask(sandbox, "DELETE", one).status_code == 204
    assert ask(sandbox, "GET", one).status_code == 404
