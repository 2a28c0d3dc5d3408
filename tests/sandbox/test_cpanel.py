"""
The cPanel emulator against the vendor's reference (api.docs.cpanel.net, UAPI).

Names of fields are those of ``SSL::install_ssl``, ``SSL::installed_hosts``,
``WebVhosts::list_domains``, ``Features::has_feature`` and the functions of AutoSSL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.certificates import material
from tests.support.contract import NOW
from tests.support.web import web

PART: dict[str, Any] = {
    "user": "agency",
    "token": "TOKEN",
    "domain": "a.example",
    "autossl": True,
    "excluded": ["mail.a.example"],
    "certificates": {"a.example": {"ends": 40, "automatic": True}},
}
ENVELOPE = {"data", "errors", "messages", "metadata", "status", "warnings"}
HOST = {
    "certificate", "certificate_text", "docroot", "domains", "fqdns", "ip",
    "is_primary_on_ip", "mail_sni_status", "needs_sni", "servername",
}  # fmt: skip
ONE = material("a.example", "www.a.example")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"cpanel": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset(World({"cpanel": PART}))
    return running


def ask(sandbox: Sandbox, what: str, who: str = "agency:TOKEN") -> httpx.Response:
    url = f"{sandbox.endpoint('cpanel')}/execute/{what}"
    return web("GET", url, headers={"Authorization": f"cpanel {who}"})


def post(sandbox: Sandbox, what: str, **form: str) -> Any:
    url = f"{sandbox.endpoint('cpanel')}/execute/{what}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    headers = {"Authorization": "cpanel agency:TOKEN", **kind}
    return web("POST", url, headers=headers, content=urlencode(form)).json()


def parts() -> dict[str, str]:
    end = b"-----END CERTIFICATE-----\n"
    leaf, issuer = (part + end for part in ONE.chain.split(end)[:2])
    return {"cert": leaf.decode(), "key": ONE.key.decode(), "cabundle": issuer.decode()}


def test_the_envelope_of_the_wire_and_that_of_the_reference(sandbox: Sandbox) -> None:
    said = ask(sandbox, "Variables/get_user_information").json()
    assert set(said) == ENVELOPE
    assert (said["status"], said["errors"], said["data"]["user"]) == (1, None, "agency")
    sandbox.edit("cpanel", "account", {"nested": True})
    said = ask(sandbox, "Variables/get_user_information").json()
    assert (said["apiversion"], said["module"]) == (3, "Variables")
    assert set(said["result"]) == ENVELOPE


@pytest.mark.parametrize("who", ["agency:no", "other:TOKEN", "agency"])
def test_who_is_not_let_in(sandbox: Sandbox, who: str) -> None:
    assert ask(sandbox, "SSL/installed_hosts", who).status_code == 401


def test_what_is_installed_without_its_keys(sandbox: Sandbox) -> None:
    said = ask(sandbox, "SSL/installed_hosts")
    (row,) = said.json()["data"]
    assert set(row) == HOST
    assert row["certificate"]["auto_ssl_provider"] == "cPanel"
    assert row["certificate_text"].startswith("-----BEGIN CERTIFICATE-----")
    assert "webmail.a.example" in row["fqdns"]
    assert "PRIVATE" not in said.text


def test_the_sites_of_the_domains(sandbox: Sandbox) -> None:
    rows = ask(sandbox, "WebVhosts/list_domains").json()["data"]
    found = {row["domain"]: (row["vhost_name"], row["vhost_is_ssl"]) for row in rows}
    assert found["www.a.example"] == ("a.example", 1)


def test_installing_and_failing(sandbox: Sandbox) -> None:
    said = post(sandbox, "SSL/install_ssl", domain="a.example", **parts())
    assert said["status"] == 1
    data = said["data"]
    assert data["working_domains"] == ["a.example", "www.a.example"]
    assert data["warning_domains"] == ["mail.a.example"]
    assert {"cert_id", "key_id", "statusmsg", "servername", "user"} <= set(data)
    said = post(sandbox, "SSL/install_ssl", domain="b.example", **parts())
    assert (said["status"], said["data"]) == (0, None)
    assert "does not belong" in said["errors"][0]
    staging = {**parts(), "cabundle": ""}
    said = post(sandbox, "SSL/install_ssl", domain="a.example", **staging)
    assert "No CA bundle" in said["errors"][0]


def test_autossl(sandbox: Sandbox) -> None:
    has = "Features/has_feature?name=autossl"
    assert ask(sandbox, has).json()["status"] == 1
    rows = ask(sandbox, "SSL/get_autossl_excluded_domains").json()["data"]
    assert rows == [{"excluded_domain": "mail.a.example"}]
    assert ask(sandbox, "SSL/is_autossl_check_in_progress").json()["data"] == 0
    certificates = {"a.example": {"ends": 3}}
    fields = {"problem": "a.example is nowhere.", "certificates": certificates}
    sandbox.edit("cpanel", "account", fields)
    assert post(sandbox, "SSL/start_autossl_check")["status"] == 1
    assert ask(sandbox, "SSL/is_autossl_check_in_progress").json()["data"] == 1
    rows = ask(sandbox, "SSL/get_autossl_problems").json()["data"]
    assert set(rows[0]) == {"domain", "problem", "time"}
    assert {row["domain"] for row in rows} == {"a.example", "www.a.example"}
    sandbox.edit("cpanel", "account", {"autossl": False})
    assert ask(sandbox, has).json()["status"] == 0


def test_functions_that_the_servers_roles_turn_off(sandbox: Sandbox) -> None:
    sandbox.edit("cpanel", "account", {"off": True})
    said = ask(sandbox, "SSL/installed_hosts").json()
    assert (said["status"], said["data"]) == (0, None)


def test_changes_by_hand(sandbox: Sandbox) -> None:
    for thing, data in (("server", {}), ("account", {"colour": "red"})):
        with pytest.raises(ReconcilerError):
            sandbox.edit("cpanel", thing, data)
    with pytest.raises(ReconcilerError, match="cpanel cannot be read"):
        Sandbox(World({"cpanel": {}}), SandboxClock(NOW)).start()
