"""
The WHM emulator's certificates and AutoSSL against the vendor's reference.

Names of fields are those of ``installssl``, ``fetch_ssl_vhosts``, ``get_domain_info``,
``uapi_cpanel`` with ``SSL::installed_hosts``, ``restartservice`` and the functions of
AutoSSL (api.docs.cpanel.net, WHM API 1 and UAPI).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World, panel_sites
from tests.support.certificates import mark, material
from tests.support.contract import NOW
from tests.support.web import web

WHO = {"Authorization": "whm root:TOKEN"}
PART: dict[str, Any] = {
    "hostname": "whm1.agency.example",
    "textNumbers": False,
    "autossl": True,
    "tokens": [
        {"user": "root", "token": "TOKEN"},
        {"user": "agency", "token": "AGENCY"},
    ],
    "accounts": {
        "bakker": {
            "domain": "bakker.example",
            "owner": "agency",
            "autossl": True,
            "certificates": {"bakker.example": {"ends": 10}},
        },
        "cafe": {"domain": "cafe.example", "addons": ["tea.example"]},
    },
}
#: What "Return server vhosts and SSL certificates" documents for each, as we play it.
VHOST = {
    "crt", "docroot", "domains", "ip", "iptype", "ipv6", "is_primary_on_ip",
    "mail_sni_status", "needs_sni", "servername", "type", "user",
}  # fmt: skip
INSTALLED = {
    "action", "aliases", "domain", "extra_certificate_domains", "html", "ip", "message",
    "servername", "status", "statusmsg", "user", "warning_domains", "working_domains",
}  # fmt: skip
ONE = material("cafe.example", "other.example")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"whm": PART}))
    return running


def ask(sandbox: Sandbox, function: str, who: Any = None, **params: str) -> Any:
    query = urlencode(
        {"api.version": 1, **{k.replace("_", ".", 1): v for k, v in params.items()}}
        if function == "uapi_cpanel"
        else {"api.version": 1, **params}
    )
    url = f"{sandbox.endpoint('whm')}/json-api/{function}?{query}"
    return web("GET", url, headers=who or WHO).json()


def post(sandbox: Sandbox, function: str, **params: str) -> Any:
    url = f"{sandbox.endpoint('whm')}/json-api/{function}"
    headers = {**WHO, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"api.version": 1, **params})
    return web("POST", url, headers=headers, content=body).json()


def parts() -> dict[str, str]:
    end = b"-----END CERTIFICATE-----\n"
    leaf, issuer = (part + end for part in ONE.chain.split(end)[:2])
    return {"crt": leaf.decode(), "key": ONE.key.decode(), "cab": issuer.decode()}


def vhosts(sandbox: Sandbox, who: Any = None) -> dict[str, Any]:
    rows = ask(sandbox, "fetch_ssl_vhosts", who)["data"]["vhosts"]
    return {row["servername"]: row for row in rows}


def test_only_what_has_a_certificate_is_listed(sandbox: Sandbox) -> None:
    rows = vhosts(sandbox)
    assert set(rows) == {"bakker.example"}
    row = rows["bakker.example"]
    assert set(row) == VHOST
    assert row["user"] == "bakker"
    assert row["domains"][:2] == ["bakker.example", "www.bakker.example"]
    ends = int((NOW + timedelta(days=10)).timestamp())
    assert (row["crt"]["not_after"], row["crt"]["is_self_signed"]) == (ends, 0)
    assert row["crt"]["id"].startswith("bakker_example_")
    assert "PRIVATE" not in str(rows)


def test_all_domains_and_whose_they_are(sandbox: Sandbox) -> None:
    rows = ask(sandbox, "get_domain_info")["data"]["domains"]
    found = {row["domain"]: (row["user"], row["domain_type"]) for row in rows}
    assert found == {
        "bakker.example": ("bakker", "main"),
        "cafe.example": ("cafe", "main"),
        "tea.example": ("cafe", "addon"),
    }
    own = {"Authorization": "whm agency:AGENCY"}
    rows = ask(sandbox, "get_domain_info", own)["data"]["domains"]
    assert [row["domain"] for row in rows] == ["bakker.example"]


def test_the_texts_of_an_account_without_its_keys(sandbox: Sandbox) -> None:
    said = ask(
        sandbox,
        "uapi_cpanel",
        cpanel_user="bakker",
        cpanel_module="SSL",
        cpanel_function="installed_hosts",
    )
    uapi = said["data"]["uapi"]
    assert uapi["status"] == 1
    (row,) = uapi["data"]
    assert row["certificate_text"].startswith("-----BEGIN CERTIFICATE-----")
    assert row["certificate"]["is_autossl"] == 1
    assert "PRIVATE" not in str(said)


def test_installing(sandbox: Sandbox) -> None:
    said = post(sandbox, "installssl", domain="www.cafe.example", **parts())
    assert said["metadata"]["result"] == 1
    data = said["data"]
    assert set(data) == INSTALLED
    assert (data["action"], data["servername"], data["status"], data["user"]) == (
        "install",
        "cafe.example",
        1,
        "cafe",
    )
    assert data["working_domains"] == ["cafe.example"]
    assert data["warning_domains"] == ["www.cafe.example", "mail.cafe.example"]
    assert data["extra_certificate_domains"] == ["other.example"]
    found = sandbox.bench("whm").state["accounts"]["cafe"]["sites"]["cafe.example"]
    assert mark(ONE._replace(chain=found["pem"].encode())) == mark(ONE)
    assert "leaked" not in sandbox.bench("whm").state


def test_a_bundle_that_stays(sandbox: Sandbox) -> None:
    fields = {"user": "cafe", "domain": "cafe.example", "stale_bundles": 1}
    sandbox.edit("whm", "account", fields)
    site = sandbox.bench("whm").state["accounts"]["cafe"]["sites"]
    for bundle in ("", parts()["cab"]):
        post(sandbox, "installssl", domain="cafe.example", **parts())
        assert site["cafe.example"]["cab"] == bundle
        assert site["cafe.example"]["pem"] == parts()["crt"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"domain": "nobody.example"}, "does not belong"),
        ({"domain": "tea.example"}, "does not support"),
        ({"crt": "no"}, "could not be parsed"),
        ({"key": "no"}, "could not be parsed"),
        ({"key": material("x.example").key.decode()}, "does not match"),
        ({"cab": ""}, "No CA bundle"),
        ({"cab": parts()["crt"]}, "No CA bundle"),
    ],
)
def test_what_is_refused_is_an_answer_200(
    sandbox: Sandbox, change: dict[str, str], why: str
) -> None:
    asked = {"domain": "cafe.example", **parts(), **change}
    said = post(sandbox, "installssl", **asked)
    assert said["metadata"]["result"] == 0
    assert why in said["metadata"]["reason"]
    assert sandbox.ledger.effects("whm") == []


def test_a_key_in_a_url_is_in_the_logs(sandbox: Sandbox) -> None:
    ask(sandbox, "installssl", domain="cafe.example", **parts())
    assert sandbox.bench("whm").state["leaked"]


def test_restarting_a_service(sandbox: Sandbox) -> None:
    said = ask(sandbox, "restartservice", service="httpd")
    assert said["data"]["service"] == "httpd"
    assert "httpd started ok" in said["data"]["output"]
    assert ask(sandbox, "restartservice", service="what")["metadata"]["result"] == 0


def test_who_is_asked_and_what_is_on(sandbox: Sandbox) -> None:
    (row,) = ask(sandbox, "get_autossl_providers")["data"]["payload"]
    assert (row["module_name"], row["enabled"]) == ("cPanel", 1)
    about = ask(sandbox, "get_autossl_metadata")["data"]["payload"]
    assert about == {"clobber_externally_signed": 0}
    for user, on in (("bakker", 1), ("cafe", 0)):
        said = ask(sandbox, "get_users_features_settings", user=user, feature="autossl")
        (row,) = said["data"]["users_features_settings"]
        assert (row["feature_list_setting"], row["cpuser_setting"]) == (on, None)


def test_a_night_of_autossl(sandbox: Sandbox) -> None:
    sandbox.clock.advance(timedelta(days=1))
    ends = int((NOW + timedelta(days=91)).timestamp())
    assert vhosts(sandbox)["bakker.example"]["crt"]["not_after"] == ends
    (log,) = ask(sandbox, "get_autossl_logs_catalog")["data"]["payload"]
    assert (log["username"], log["start_time"]) == ("bakker", "2026-11-23T09:00:00Z")
    sandbox.clock.advance(timedelta(days=1))
    assert vhosts(sandbox)["bakker.example"]["crt"]["not_after"] == ends


def test_what_autossl_makes_is_signed_by_its_authority(sandbox: Sandbox) -> None:
    site = sandbox.bench("whm").state["accounts"]["bakker"]["sites"]["bakker.example"]
    store = Store([x509.load_pem_x509_certificate(panel_sites.authority().encode())])
    builder = PolicyBuilder().store(store).time(NOW.replace(tzinfo=None))
    leaf = x509.load_pem_x509_certificate(site["pem"].encode())
    name = x509.DNSName("bakker.example")
    assert builder.build_server_verifier(name).verify(leaf, [])


def test_what_autossl_may_not_have(sandbox: Sandbox) -> None:
    names = ["bakker.example", "www.bakker.example", "mail.bakker.example"]
    sandbox.edit("whm", "account", {"user": "bakker", "excluded": names})
    said = ask(sandbox, "get_autossl_user_excluded_domains", username="bakker")
    assert [row["excluded_domain"] for row in said["data"]["payload"]] == names
    before = vhosts(sandbox)["bakker.example"]["crt"]["id"]
    sandbox.clock.advance(timedelta(days=1))
    assert vhosts(sandbox)["bakker.example"]["crt"]["id"] == before


def test_what_autossl_could_not_do(sandbox: Sandbox) -> None:
    why = "bakker.example does not resolve to any IPv4 addresses on the internet."
    sandbox.edit("whm", "account", {"user": "bakker", "problem": why})
    said = ask(sandbox, "start_autossl_check_for_one_user", username="bakker")
    assert said["data"] == {"pid": 12345}
    said = ask(sandbox, "get_autossl_problems_for_user", username="bakker")
    rows = said["data"]["problems_by_domain"]
    assert {row["domain"] for row in rows} >= {"bakker.example"}
    assert {row["problem"] for row in rows} == {why}
    assert set(rows[0]) == {"domain", "log", "problem", "time"}


def test_what_others_signed_is_left_alone_unless_it_may_be_replaced(
    sandbox: Sandbox,
) -> None:
    given = {"bakker.example": {"ends": 2.5, "automatic": False}}
    sandbox.edit("whm", "account", {"user": "bakker", "certificates": given})
    before = vhosts(sandbox)["bakker.example"]["crt"]["id"]
    sandbox.clock.advance(timedelta(days=1))
    assert vhosts(sandbox)["bakker.example"]["crt"]["id"] == before
    sandbox.edit("whm", "autossl", {"clobbers": True})
    sandbox.clock.advance(timedelta(days=1))
    assert vhosts(sandbox)["bakker.example"]["crt"]["id"] != before
    with pytest.raises(ReconcilerError, match="no setting colour"):
        sandbox.edit("whm", "autossl", {"colour": True})
