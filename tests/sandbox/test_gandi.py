"""Gandi's emulator against the vendor's reference (api.gandi.net/docs)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.web import web

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TOKEN = "pat_sandbox-gandi-token"
ORGANIZATION = "fe0b931c-18c5-11e9-b9b5-00163ec4cb00"
DOMAINS: dict[str, Any] = {
    "due.example": {"expires": 20},
    "grace.example": {"expires": -5, "autoRenew": False},
    "lost.example": {"expires": -40, "autoRenew": False},
    "later.example": {"expires": 20, "begins": 3},
    "never.example": {"expires": 20, "prohibited": True, "apiAccess": False},
}
ACCOUNT = {
    "login": ORGANIZATION,
    "secret": TOKEN,
    "balance": "1000.00 EUR",
    "domains": DOMAINS,
}
OTHER = {"login": "other", "secret": "pat_other"}
WORLD = World({"gandi": {"accounts": [ACCOUNT, OTHER]}})
DUE = "/domain/domains/due.example"


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
    headers: dict[str, str] | None = None,
    **query: Any,
) -> httpx.Response:
    url = sandbox.endpoint("gandi") + path
    sent = {"Authorization": f"Bearer {TOKEN}", **(headers or {})}
    return web(method, url, headers=sent, json=body, params=query)


def test_a_token_or_401_or_403(sandbox: Sandbox) -> None:
    """The body of an error: code, message, object, cause."""
    url = sandbox.endpoint("gandi") + "/domain/domains"
    none = web("GET", url)
    wrong = ask(
        sandbox, "GET", "/domain/domains", headers={"Authorization": "Bearer x"}
    )
    old = ask(
        sandbox, "GET", "/domain/domains", headers={"Authorization": f"Apikey {TOKEN}"}
    )
    assert [a.status_code for a in (none, wrong, old)] == [401, 403, 403]
    assert wrong.json() == {
        "code": 403,
        "message": "Access was denied to this resource.",
        "object": "HTTPForbidden",
        "cause": "Forbidden",
    }


def test_organizations(sandbox: Sandbox) -> None:
    """A personal access token is for one organization."""
    (own,) = ask(sandbox, "GET", "/organization/organizations").json()
    assert own["id"] == ORGANIZATION
    assert {"name", "type"} < set(own)


def test_a_listing_is_a_bare_list_with_counts_and_links(sandbox: Sandbox) -> None:
    """Total-Count, Filtered-Count, and Link where there is a next page."""
    first = ask(sandbox, "GET", "/domain/domains", per_page=3)
    assert first.headers["total-count"] == first.headers["filtered-count"] == "4"
    links = first.links
    assert "page=2" in links["next"]["url"]
    assert "page=2" in links["last"]["url"]
    last = ask(sandbox, "GET", "/domain/domains", per_page=3, page=2)
    assert len(last.json()) == 1
    assert "link" not in last.headers
    beyond = ask(sandbox, "GET", "/domain/domains", per_page=3, page=3)
    assert (beyond.status_code, beyond.json()) == (200, [])


def test_the_sharing_id_filters(sandbox: Sandbox) -> None:
    """ "For GET requests on collections, it acts like a filter on returned data"."""
    own = ask(sandbox, "GET", "/domain/domains", sharing_id=ORGANIZATION)
    other = ask(sandbox, "GET", "/domain/domains", sharing_id="other")
    assert (len(own.json()), other.json()) == (4, [])
    counts = other.headers["total-count"], other.headers["filtered-count"]
    assert counts == ("4", "0")


def test_a_line_of_the_listing(sandbox: Sandbox) -> None:
    """The example of "List domains"; autorenew is a boolean here."""
    lines = {row["fqdn"]: row for row in ask(sandbox, "GET", "/domain/domains").json()}
    line = lines["due.example"]
    assert line["dates"] == {
        "created_at": "2024-09-13T09:00:00Z",
        "registry_created_at": "2024-09-13T09:00:00Z",
        "registry_ends_at": "2026-12-12T09:00:00Z",
        "updated_at": "2024-09-13T09:00:00Z",
    }
    assert line["status"] == ["clientTransferProhibited"]
    assert line["autorenew"] is True
    assert line["nameserver"] == {"current": "other"}
    assert {"tags", "id", "tld", "owner", "orga_owner", "domain_owner", "href"} < set(
        line
    )


def test_details(sandbox: Sandbox) -> None:
    """The example of "Domain details"; autorenew is an object, authinfo is there."""
    said = ask(sandbox, "GET", DUE).json()
    assert said["autorenew"]["enabled"] is True
    assert said["autorenew"]["org_id"] == ORGANIZATION
    assert said["can_tld_lock"] is True
    assert said["nameservers"] == ["ns1.registrar.example", "ns2.registrar.example"]
    assert {"authinfo", "contacts", "sharing_space", "trustee_roles"} < set(said)
    assert said["dates"]["hold_begins_at"] == said["dates"]["registry_ends_at"]
    assert said["dates"]["deletes_at"] == "2027-01-11T09:00:00Z"
    assert said["dates"]["renew_begins_at"] == "2012-01-01T00:00:00Z"
    missing = ask(sandbox, "GET", "/domain/domains/none.example")
    assert (missing.status_code, missing.json()["object"]) == (404, "HTTPNotFound")


def test_in_grace_a_name_is_on_hold_and_then_it_leaves(sandbox: Sandbox) -> None:
    """Late renewal for 30 days; then it "disappears from your Gandi account"."""
    grace = ask(sandbox, "GET", "/domain/domains/grace.example").json()
    assert "clientHold" in grace["status"]
    assert grace["dates"]["hold_begins_at"] == "2026-11-17T09:00:00Z"
    assert grace["dates"]["registry_ends_at"] == "2027-11-17T09:00:00Z"
    assert ask(sandbox, "GET", "/domain/domains/lost.example").status_code == 404


def test_renewal_information(sandbox: Sandbox) -> None:
    """Flat, with durations that end ten years from now at the latest."""
    said = ask(sandbox, "GET", f"{DUE}/renew").json()
    assert said == {
        "in_renew_period": True,
        "durations": [1, 2, 3, 4, 5, 6, 7, 8, 9],
        "maximum": 9,
        "minimum": 1,
        "prohibited": False,
        "begins_at": "2012-01-01T00:00:00Z",
        "ends_at": "2027-01-11T09:00:00Z",
    }
    later = ask(sandbox, "GET", "/domain/domains/later.example/renew").json()
    assert later["begins_at"] == "2026-11-25T09:00:00Z"
    never = ask(sandbox, "GET", "/domain/domains/never.example/renew").json()
    assert never["prohibited"]


def test_prices_are_ranges_with_and_without_taxes(sandbox: Sandbox) -> None:
    """The examples of "Domain availability", for the process renew."""
    asked = {"name": "due.example", "processes": "renew"}
    said = ask(sandbox, "GET", "/domain/check", **asked).json()
    assert (said["currency"], said["grid"]) == ("EUR", "A")
    (product,) = said["products"]
    assert product["process"] == "renew"
    assert product["prices"] == [
        {
            "duration_unit": "y",
            "min_duration": 1,
            "max_duration": 9,
            "discount": False,
            "price_after_taxes": 11.08,
            "price_before_taxes": 9.23,
        }
    ]
    created = ask(sandbox, "GET", "/domain/check", name="due.example").json()
    assert "prices" not in created["products"][0]


def test_a_dry_run_checks_and_does_nothing(sandbox: Sandbox) -> None:
    """Dry-Run: 1 answers 200 with ``status``, and ``errors`` where there are some."""
    dry = {"Dry-Run": "1"}
    good = ask(sandbox, "POST", f"{DUE}/renew", {"duration": 1}, dry)
    assert (good.status_code, good.json()) == (200, {"status": "success"})
    bad = ask(sandbox, "POST", f"{DUE}/renew", {"duration": 10}, dry)
    assert (bad.status_code, bad.json()["status"]) == (200, "error")
    assert set(bad.json()["errors"][0]) == {"location", "name", "description"}
    assert sandbox.charges() == []
    zero = ask(sandbox, "POST", f"{DUE}/renew", {"duration": 1}, {"Dry-Run": "0"})
    assert zero.status_code == 202


def test_a_renewal_is_accepted_debited_and_done_later(sandbox: Sandbox) -> None:
    """202 with a message and a Location."""
    sandbox.bench("gandi").state["latency"] = 60
    said = ask(sandbox, "POST", f"{DUE}/renew", {"duration": 2})
    assert said.status_code == 202
    assert set(said.json()) == {"message"}
    assert said.headers["location"].endswith(DUE)
    (charge,) = sandbox.charges()
    assert charge.amount == "22.16 EUR"
    ends = ask(sandbox, "GET", DUE).json()["dates"]["registry_ends_at"]
    assert ends == "2026-12-12T09:00:00Z"
    sandbox.clock.advance(timedelta(seconds=60))
    ends = ask(sandbox, "GET", DUE).json()["dates"]["registry_ends_at"]
    assert ends == "2028-12-12T09:00:00Z"


def test_two_equal_requests_are_two_renewals(sandbox: Sandbox) -> None:
    """No idempotency key is documented for any call."""
    for _ in range(2):
        said = ask(sandbox, "POST", f"{DUE}/renew", {}, {"Idempotency-Key": "k"})
        assert said.status_code == 202
    assert len(sandbox.charges()) == 2


@pytest.mark.parametrize(
    ("name", "duration"),
    [
        ("due.example", 0),
        ("due.example", 10),
        ("due.example", "1"),
        ("later.example", 1),
        ("never.example", 1),
    ],
)
def test_what_is_refused_names_the_parameter(
    sandbox: Sandbox, name: str, duration: Any
) -> None:
    path = f"/domain/domains/{name}/renew"
    said = ask(sandbox, "POST", path, {"duration": duration})
    assert (said.status_code, said.json()["status"]) == (400, "error")
    assert sandbox.charges() == []


def test_the_prepaid_account(sandbox: Sandbox) -> None:
    """``updated_at``: "last modification date of the prepaid account"."""
    said = ask(sandbox, "GET", "/billing/info").json()
    assert said["prepaid"]["amount"] == 1000.0
    assert said["prepaid"]["currency"] == "EUR"
    assert said["prepaid"]["updated_at"] == "2019-01-15T12:11:35Z"
    assert {"grid", "annual_balance", "outstanding_amount"} < set(said)
    ask(sandbox, "POST", f"{DUE}/renew", {"duration": 1})
    after = ask(sandbox, "GET", f"/billing/info/{ORGANIZATION}").json()["prepaid"]
    assert (after["amount"], after["updated_at"]) == (988.92, "2026-11-22T09:00:00Z")
    assert ask(sandbox, "GET", "/billing/info/other").status_code == 403


def test_auto_renewal(sandbox: Sandbox) -> None:
    """PATCH {enabled, duration 1 to 9, org_id}."""
    path = f"{DUE}/autorenew"
    assert ask(sandbox, "PATCH", path, {"enabled": False}).status_code == 202
    assert ask(sandbox, "GET", DUE).json()["autorenew"]["enabled"] is False
    for wrong in ({}, {"enabled": "yes"}, {"enabled": True, "duration": 10}):
        assert ask(sandbox, "PATCH", path, wrong).status_code == 400


def test_the_lock(sandbox: Sandbox) -> None:
    """PATCH status {clientTransferProhibited}; some extensions have none."""
    off = {"clientTransferProhibited": False}
    assert ask(sandbox, "PATCH", f"{DUE}/status", off).status_code == 202
    assert ask(sandbox, "GET", DUE).json()["status"] == []
    never = "/domain/domains/never.example"
    assert ask(sandbox, "GET", never).json()["can_tld_lock"] is False
    assert ask(sandbox, "PATCH", f"{never}/status", off).status_code == 400
    assert ask(sandbox, "PATCH", f"{DUE}/status", {}).status_code == 400


def test_nameservers(sandbox: Sandbox) -> None:
    """PUT {nameservers}."""
    path = f"{DUE}/nameservers"
    hosts = {"nameservers": ["NS1.x.example", "ns2.x.example"]}
    assert ask(sandbox, "PUT", path, hosts).status_code == 202
    said = ask(sandbox, "GET", DUE).json()["nameservers"]
    assert said == ["ns1.x.example", "ns2.x.example"]
    assert ask(sandbox, "PUT", path, {"nameservers": []}).status_code == 400


def test_the_limit_is_1000_a_minute(sandbox: Sandbox) -> None:
    """ "A maximum of 1000 requests per minute from the same IP address"."""
    ask(sandbox, "GET", "/billing/info")
    sandbox.bench("gandi").state["hits"]["address"][1] = 1000
    assert ask(sandbox, "GET", "/billing/info").status_code == 429
    sandbox.clock.advance(timedelta(minutes=1))
    assert ask(sandbox, "GET", "/billing/info").status_code == 200


def test_too_little_credit(sandbox: Sandbox) -> None:
    """ "Please ensure your prepaid account has enough credit"."""
    sandbox.bench("gandi").state["accounts"][0]["balance"] = 5
    assert ask(sandbox, "POST", f"{DUE}/renew", {}).status_code == 403
    assert sandbox.charges() == []


KEY = (
    "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
    "KkxLbxILfDLUT0rAK9iUzy1L53eKGQ=="
)


def test_keys_go_in_and_ds_records_come_out(sandbox: Sandbox) -> None:
    """ "DNSSEC Keys Management": algorithm, type and public_key are required."""
    path = f"{DUE}/dnskeys"
    body = {"algorithm": 13, "type": "ksk", "public_key": KEY}
    assert ask(sandbox, "POST", path, body).status_code == 202
    answer = ask(sandbox, "GET", path)
    (row,) = answer.json()
    assert answer.headers["total-count"] == "1"
    assert {
        "algorithm",
        "digest",
        "digest_type",
        "href",
        "id",
        "keytag",
        "type",
    } == set(row)
    assert (row["algorithm"], row["digest_type"], row["type"]) == (13, 2, "ksk")
    for wrong in ({**body, "type": "sep"}, {**body, "public_key": ""}, {}, body):
        assert ask(sandbox, "POST", path, wrong).status_code == 400
    assert ask(sandbox, "DELETE", f"{path}/{row['id']}").status_code == 202
    assert ask(sandbox, "DELETE", f"{path}/{row['id']}").status_code == 404


def test_glue(sandbox: Sandbox) -> None:
    """ "Glue Record Management": hosts without the domain, ``@`` for itself."""
    path = f"{DUE}/hosts"
    for name in ("ns1", "@"):
        body = {"name": name, "ips": ["203.0.113.2", "2001:db8:0:0:0:0:0:00ff"]}
        assert ask(sandbox, "POST", path, body).status_code == 202
    rows = {row["name"]: row for row in ask(sandbox, "GET", path).json()}
    assert set(rows) == {"ns1", "@"}
    assert rows["ns1"]["ips"] == ["203.0.113.2", "2001:db8::ff"]
    assert {"fqdn", "fqdn_unicode", "href"} < set(rows["@"])
    new = {"ips": ["203.0.113.3"]}
    assert ask(sandbox, "PUT", f"{path}/ns1", new).status_code == 202
    assert ask(sandbox, "PUT", f"{path}/ns9", new).status_code == 404
    assert ask(sandbox, "POST", path, {"name": "ns1", **new}).status_code == 400
    assert ask(sandbox, "POST", path, {"name": "x", "ips": ["no"]}).status_code == 400
    assert ask(sandbox, "DELETE", f"{path}/ns1").status_code == 202
    assert ask(sandbox, "DELETE", f"{path}/ns1").status_code == 404


def test_a_deleted_name_is_restorable_for_a_while(sandbox: Sandbox) -> None:
    """ "Domain Restore": GET says whether, POST debits; 404 of what never was here."""
    path = "/domain/domains/lost.example/restore"
    assert ask(sandbox, "GET", path).json() == {"restorable": True}
    assert ask(sandbox, "GET", f"{DUE}/restore").json() == {"restorable": False}
    assert ask(sandbox, "GET", "/domain/domains/x.example/restore").status_code == 404
    assert ask(sandbox, "POST", f"{DUE}/restore", {}).status_code == 400
    asked = {"name": "lost.example", "processes": "restore"}
    (product,) = ask(sandbox, "GET", "/domain/check", **asked).json()["products"]
    assert product["prices"][0]["price_after_taxes"] == 80.0
    assert ask(sandbox, "POST", path, {}).status_code == 202
    (charge,) = sandbox.charges()
    assert charge.amount == "80.00 EUR"
    back = ask(sandbox, "GET", "/domain/domains/lost.example").json()
    assert back["dates"]["registry_ends_at"] == "2027-10-13T09:00:00Z"


def test_a_transfer_is_declined_with_the_code(sandbox: Sandbox) -> None:
    """ "Accept or decline a transfer to another registrar": accept, authinfo."""
    change = {"name": "due.example", "transfer": "pendingTransfer"}
    sandbox.edit("gandi", "domain", change)
    said = ask(sandbox, "GET", DUE).json()
    assert "pendingTransfer" in said["status"]
    no = {"accept": False, "authinfo": said["authinfo"]}
    wrong = ask(sandbox, "POST", f"{DUE}/transferout", {**no, "authinfo": "x"})
    assert wrong.status_code == 400
    assert ask(sandbox, "POST", f"{DUE}/transferout", {}).status_code == 400
    assert ask(sandbox, "POST", f"{DUE}/transferout", no).status_code == 202
    assert "pendingTransfer" not in ask(sandbox, "GET", DUE).json()["status"]
