"""A bought certificate goes from the secrets to the servers, and is put back there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import Exit
from reconciler.sandbox.nginx import NginxServer
from tests.support.agency import Agency
from tests.support.certificates import mark, material
from tests.support.nginx import real_nginx, serves_soon

NAMES = ("shop.example", "www.shop.example")
FIRST = material(*NAMES, days=60)
SECOND = material(*NAMES, days=200)
ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  account: whm1.agency.example
  endpoint: {{whm}}
  credentials:
    user: {{{{file: .sandbox/secrets/whm-user}}}}
    token: {{{{file: .sandbox/secrets/whm-token}}}}
Provider/web:
  type: nginx
  endpoint: {nginx}
  credentials: {{{{}}}}
  settings: {{{{program: {program}, configuration: {configuration}}}}}
"""
HOSTED = """\
apiVersion: reconciler/v1
HostingPlan/care-5: {price: 120.00 EUR/year, packages: {whm: care_5g}}
HostingAccount/shop.example: {provider: whm-1, account: shop, plan: care-5, state: active}
Certificate/shop.example:
  mode: import
  names: [shop.example, www.shop.example]
  bought:
    certificate: {file: .sandbox/secrets/shop-chain.pem}
    key: {file: .sandbox/secrets/shop-key.pem}
  deploy:
    - target: HostingAccount/shop.example
    - target: Provider/web
"""
FILES = {"inventory/hosted.yaml": HOSTED}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NginxServer]:
    yield from real_nginx(tmp_path / "nginx", {"shop.example": NAMES})


@pytest.fixture
def agency(tmp_path: Path, server: NginxServer) -> Iterator[Agency]:
    accounts = ACCOUNTS.format(nginx=server.endpoint, **server.settings)
    made = Agency(tmp_path, FILES, accounts=accounts)
    bought(made, FIRST)
    with made:
        yield made


def bought(agency: Agency, one: Any) -> None:
    secrets = agency.root / ".sandbox" / "secrets"
    (secrets / "shop-chain.pem").write_bytes(one.chain)
    (secrets / "shop-key.pem").write_bytes(one.key)


def site(agency: Agency) -> dict[str, Any]:
    accounts = agency.sandbox.bench("whm").state["accounts"]
    found: dict[str, Any] = accounts["shop"]["sites"]["shop.example"]
    return found


def verbs(agency: Agency) -> list[tuple[str, str]]:
    return sorted(
        (a.change.verb, a.change.share.provider) for a in agency.plan().actions
    )


def test_from_the_secrets_to_the_servers_and_back(
    agency: Agency, server: NginxServer
) -> None:
    assert verbs(agency) == [("install", "web"), ("install", "whm-1")]
    done = agency.cli("apply", "--auto-approve")
    assert done.code == Exit.DONE, done.err + done.out
    written = agency.git("log", "-p", "--all", "--format=%B")
    assert mark(FIRST) in written
    assert FIRST.key.decode().split("\n")[1] not in done.out + done.err + written
    assert serves_soon(server, "shop.example", mark(FIRST))
    assert site(agency)["pem"].encode() in FIRST.chain
    assert verbs(agency) == []
    # Another one is bought: it goes where it belongs by itself.
    bought(agency, SECOND)
    agency.later(days=1)
    agency.apply()
    assert serves_soon(server, "shop.example", mark(SECOND))
    # Somebody puts the old one back: the same is installed again, and said.
    end = FIRST.chain.index(b"-----END CERTIFICATE-----\n") + 26
    site(agency).update(pem=FIRST.chain[:end].decode(), key=FIRST.key.decode())
    agency.later(days=1)
    plan = agency.plan()
    assert "installation-replaced" in {f.code for f in plan.findings}
    (action,) = plan.actions
    assert str(action.decision) == "allow"
    agency.apply()
    assert site(agency)["pem"].encode() in SECOND.chain
    assert verbs(agency) == []


def test_what_may_not_be_installed_is_said_and_nothing_is_changed(
    agency: Agency, server: NginxServer
) -> None:
    agency.apply()
    bought(agency, SECOND._replace(key=FIRST.key))
    agency.later(days=1)
    plan = agency.plan()
    assert {f.code for f in plan.findings if f.kind == "Certificate"} == {
        "certificate-unusable",
        "tls-not-seen",
    }
    assert plan.actions == ()
    agency.apply()
    assert serves_soon(server, "shop.example", mark(FIRST))
