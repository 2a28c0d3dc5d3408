"""
The Plesk emulator against what the vendor documents.

Names of fields are those of the OpenAPI of REST v2 and of docs.plesk.com, "Plesk API
RPC" (``webspace``, ``site``, ``service-plan``, ``certificate``; order of nodes included)
and "Using Command Line Utilities".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.support.certificates import material
from tests.support.contract import NOW
from tests.support.web import web

KEY = {"X-API-Key": "KEY"}
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "KEY", "description": "reconciler"}],
    "plans": {
        "Care 5": {"disk": 5120},
        "Care 20": {"disk": 20480},
        "More": {"addon": True},
    },
    "subscriptions": {
        "bakker": {"domain": "bakker.example", "plan": "Care 5", "addons": ["More"]},
        "cafe": {"domain": "cafe.example", "plan": None, "sites": ["tea.example"]},
    },
}
#: "required" of the schemas of REST v2.
SERVER = {
    "platform", "hostname", "guid", "panel_version", "panel_revision",
    "panel_build_date", "panel_update_version", "extension_version",
    "extension_release",
}  # fmt: skip
DOMAIN = {
    "id", "name", "ascii_name", "hosting_type", "base_domain_id", "www_root", "guid",
    "created",
}  # fmt: skip
#: ``domainGenInfoType`` and ``domainStat``, in order; what is optional is played too.
GEN_INFO = [
    "cr_date", "name", "ascii-name", "status", "real_size", "owner-id", "owner-login",
    "dns_ip_address", "htype", "guid", "vendor-guid", "external-id", "description",
    "admin-description",
]  # fmt: skip
STAT = [
    "traffic", "subdom", "wu", "box", "redir", "mg", "resp", "maillists", "db",
    "webapps", "traffic_prevday",
]  # fmt: skip
ONE = material("cafe.example", "www.cafe.example")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"plesk": PART}))
    return running


def rest(
    sandbox: Sandbox, method: str, path: str, body: Any = None, **head: str
) -> Any:
    url = f"{sandbox.endpoint('plesk')}/api/v2{path}"
    headers = {**(head or KEY), "Content-Type": "application/json"}
    content = json.dumps(body) if body is not None else None
    return web(method, url, headers=headers, content=content)


def cli(sandbox: Sandbox, utility: str, *params: str) -> Any:
    answer = rest(sandbox, "POST", f"/cli/{utility}/call", {"params": [*params]})
    assert answer.status_code == 200
    said = answer.json()
    assert set(said) == {"code", "stdout", "stderr"}
    assert isinstance(said["code"], int)
    return said


def agent(sandbox: Sandbox, inside: str, key: str = "KEY") -> Element:
    url = f"{sandbox.endpoint('plesk')}/enterprise/control/agent.php"
    headers = {"KEY": key, "Content-Type": "text/xml"}
    answer = web("POST", url, headers=headers, content=f"<packet>{inside}</packet>")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    return fromstring(answer.text)  # noqa: S314


def tags(found: Element | None) -> list[str]:
    assert found is not None
    return [one.tag for one in found]


def get(sandbox: Sandbox, *dataset: str, name: str = "") -> list[Element]:
    only = f"<name>{name}</name>" if name else ""
    asked = "".join(f"<{one}/>" for one in dataset)
    packet = agent(
        sandbox,
        f"<webspace><get><filter>{only}</filter><dataset>{asked}</dataset></get></webspace>",
    )
    return packet.findall("webspace/get/result")


def row(sandbox: Sandbox, user: str) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.bench("plesk").state["accounts"][user]
    return found


# -- REST -------------------------------------------------------------------------------


def test_the_server_and_its_domains(sandbox: Sandbox) -> None:
    assert set(rest(sandbox, "GET", "/server").json()) == SERVER
    listed = rest(sandbox, "GET", "/domains").json()
    assert [one["name"] for one in listed] == [
        "bakker.example",
        "cafe.example",
        "tea.example",
    ]
    assert all(set(one) >= DOMAIN for one in listed)
    main = next(one for one in listed if one["name"] == "cafe.example")
    site = next(one for one in listed if one["name"] == "tea.example")
    assert (main["base_domain_id"], site["base_domain_id"]) == (0, main["id"])
    assert rest(sandbox, "GET", f"/domains/{main['id']}").json() == main
    status = rest(sandbox, "GET", f"/domains/{main['id']}/status").json()
    assert status == {"status": "active"}
    assert len(rest(sandbox, "GET", "/domains?name=tea.example").json()) == 1


def test_an_error_has_a_code_and_a_message(sandbox: Sandbox) -> None:
    for answer, status in (
        (rest(sandbox, "GET", "/server", **{"X-API-Key": "no"}), 401),
        (rest(sandbox, "GET", "/domains/99"), 404),
        (rest(sandbox, "POST", "/cli/rm/call", {"params": ["-rf"]}), 404),
        (rest(sandbox, "POST", "/domains", {"name": "x"}), 400),
        (rest(sandbox, "GET", "/nothing"), 404),
    ):
        assert answer.status_code == status
        assert set(answer.json()) == {"code", "message"}


def test_a_new_domain_is_a_subscription_on_its_plan(sandbox: Sandbox) -> None:
    body = {
        "name": "new.example",
        "hosting_type": "virtual",
        "hosting_settings": {"ftp_login": "newone", "ftp_password": "long-enough"},
        "plan": {"name": "Care 20"},
    }
    answer = rest(sandbox, "POST", "/domains", body)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "guid"}
    assert row(sandbox, "newone")["limits"]["disk_space"] == 20 * 1024**3
    for change, why in (
        ({}, "already exists"),
        ({"name": "b.example"}, "User account newone already exists"),
        ({"name": "tea.example"}, "tea.example already exists"),
        ({"name": "b.example", "plan": {"name": "More"}}, "service plan More"),
        ({"name": "b.example", "hosting_type": "what"}, "invalid"),
        (
            {
                "hosting_settings": {"ftp_login": "b", "ftp_password": "x"},
                "name": "b.example",
            },
            "password",
        ),
    ):
        given = {**body, **change}
        if "plan" in change:
            given["hosting_settings"] = {
                "ftp_login": "b",
                "ftp_password": "long-enough",
            }
        answer = rest(sandbox, "POST", "/domains", given)
        assert answer.status_code == 400
        assert why in answer.json()["message"]
    assert len(sandbox.ledger.effects("plesk")) == 1


def test_what_commands_there_are(sandbox: Sandbox) -> None:
    listed = rest(sandbox, "GET", "/cli/commands").json()
    assert "subscription" in listed
    said = rest(sandbox, "GET", "/cli/subscription/ref").json()
    assert "--switch-subscription" in said["allowed_commands"]


# -- the gateway ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("utility", "params"),
    [
        (
            "subscription",
            ["--switch-subscription", "bakker.example", "-service-plan", "no"],
        ),
        (
            "subscription",
            ["--switch-subscription", "no.example", "-service-plan", "Care 5"],
        ),
        (
            "subscription",
            ["--switch-subscription", "bakker.example", "-service-plan", "More"],
        ),
        (
            "subscription",
            ["--update", "bakker.example", "-php_handler_id", "plesk-php74-fpm"],
        ),
        ("subscription", ["--update", "bakker.example", "-what", "x"]),
        ("subscription", ["--remove", "no.example"]),
        ("subscription", ["--what"]),
        ("subscription", ["--remove"]),
        (
            "subscription_settings",
            ["--update", "bakker.example", "-disk_space", "much"],
        ),
        ("subscription_settings", ["--update", "bakker.example"]),
    ],
)
def test_a_failure_is_an_answer_200_with_a_code(
    sandbox: Sandbox, utility: str, params: list[str]
) -> None:
    before = json.dumps(sandbox.bench("plesk").state)
    said = cli(sandbox, utility, *params)
    assert said["code"] != 0
    assert said["stderr"]
    assert json.dumps(sandbox.bench("plesk").state) == before
    assert sandbox.ledger.effects("plesk") == []


def test_plans_locks_and_syncs(sandbox: Sandbox) -> None:
    name, gib = "bakker.example", 1024**3
    assert (
        cli(
            sandbox,
            "subscription_settings",
            "--update",
            name,
            "-disk_space",
            "6G",
            "-max_traffic",
            "512M",
        )["code"]
        == 0
    )
    found = row(sandbox, "bakker")
    assert (found["locked"], found["limits"]) == (
        True,
        {"disk_space": 6 * gib, "max_traffic": gib // 2},
    )
    assert cli(sandbox, "subscription", "--sync-subscription", name)["code"] == 1
    assert (
        cli(
            sandbox,
            "subscription",
            "--switch-subscription",
            name,
            "-service-plan",
            "Care 20",
        )["code"]
        == 0
    )
    assert (found["plan"], found["limits"]["disk_space"]) == ("Care 20", 6 * gib)
    assert cli(sandbox, "subscription", "--unlock-subscription", name)["code"] == 0
    assert cli(sandbox, "subscription", "--sync-subscription", name)["code"] == 0
    assert found["limits"] == {"disk_space": 20 * gib, "max_traffic": -1}
    assert cli(sandbox, "subscription", "--lock-subscription", name)["code"] == 0
    assert found["locked"]


def test_turning_off_and_on_leaves_other_reasons(sandbox: Sandbox) -> None:
    sandbox.edit("plesk", "account", {"user": "bakker", "status": 256})
    cli(sandbox, "subscription", "--webspace-off", "bakker.example")
    assert row(sandbox, "bakker")["status"] == 272
    cli(sandbox, "subscription", "--webspace-on", "bakker.example")
    assert row(sandbox, "bakker")["status"] == 256


def test_lists(sandbox: Sandbox) -> None:
    assert cli(sandbox, "subscription", "--list")["stdout"].split() == [
        "bakker.example",
        "cafe.example",
    ]
    handlers = json.loads(cli(sandbox, "php_handler", "--list-json")["stdout"])
    assert {"id", "version", "fullVersion", "type", "status"} <= set(handlers[0])
    assert {one["status"] for one in handlers} == {"enabled", "disabled"}
    keys = cli(sandbox, "secret_key", "--list")["stdout"]
    assert "192.0.2.50" in keys
    assert "KEY" not in keys.split()


def test_what_takes_long_is_answered_by_the_web_server(sandbox: Sandbox) -> None:
    sandbox.edit("plesk", "account", {"user": "bakker", "slow": 90})
    answer = rest(
        sandbox,
        "POST",
        "/cli/subscription/call",
        {"params": ["--remove", "bakker.example"]},
    )
    assert (answer.status_code, answer.text[:6]) == (504, "<html>")
    assert cli(sandbox, "subscription", "--list")["stdout"].startswith("bakker")
    sandbox.clock.advance(timedelta(seconds=91))
    assert cli(sandbox, "subscription", "--list")["stdout"].split() == ["cafe.example"]
    assert [e.operation for e in sandbox.ledger.effects("plesk", "bakker.example")] == [
        "by-hand",
        "remove",
    ]


# -- the XML API ------------------------------------------------------------------------


def test_a_subscription_as_the_schema_has_it(sandbox: Sandbox) -> None:
    first, second = get(
        sandbox, "gen_info", "hosting", "limits", "stat", "subscriptions"
    )
    assert tags(first) == ["status", "filter-id", "id", "data"]
    assert tags(first.find("data")) == [
        "gen_info",
        "hosting",
        "limits",
        "stat",
        "subscriptions",
    ]
    assert tags(first.find("data/gen_info")) == GEN_INFO
    assert tags(first.find("data/stat")) == STAT
    assert tags(first.find("data/subscriptions/subscription")) == [
        "locked",
        "synchronized",
        "plan",
        "plan",
    ]
    assert tags(second.find("data/subscriptions/subscription")) == [
        "locked",
        "synchronized",
    ]
    assert tags(first.find("data/limits"))[:2] == ["overuse", "limit"]
    assert tags(first.find("data/limits/limit")) == ["name", "value"]
    names = {
        one.findtext("name") for one in first.iterfind("data/hosting/vrt_hst/property")
    }
    assert {"ftp_login", "php_handler_id", "certificate_name", "ssl"} <= names
    assert first.findtext("data/subscriptions/subscription/locked") == "false"


def test_plans_have_the_guids_that_subscriptions_name(sandbox: Sandbox) -> None:
    packet = agent(
        sandbox, "<service-plan><get><filter/><owner-all/></get></service-plan>"
    )
    plans = packet.findall("service-plan/get/result")
    assert [one.findtext("name") for one in plans] == ["Care 20", "Care 5"]
    guids = {one.findtext("guid"): one.findtext("name") for one in plans}
    (found, _) = get(sandbox, "subscriptions")
    mine = [one.text for one in found.iter("plan-guid")]
    assert [guids.get(guid) for guid in mine] == [None, "Care 5"]


def test_one_of_them_none_of_them_and_nobody(sandbox: Sandbox) -> None:
    (found,) = get(sandbox, "gen_info", name="cafe.example")
    assert found.findtext("data/gen_info/name") == "cafe.example"
    (missing,) = get(sandbox, "gen_info", name="no.example")
    assert (missing.findtext("status"), missing.findtext("errcode")) == (
        "error",
        "1013",
    )
    for user in ("bakker", "cafe"):
        sandbox.edit("plesk", "account", {"user": user, "remove": True})
    (nothing,) = get(sandbox, "gen_info")
    assert tags(nothing) == ["status"]


@pytest.mark.parametrize(
    ("inside", "key", "code"),
    [
        ("<webspace><get>", "KEY", "1014"),
        ("<what><get/></what>", "KEY", "1014"),
        ("", "no", "11003"),
    ],
)
def test_a_packet_that_is_refused_as_a_whole(
    sandbox: Sandbox, inside: str, key: str, code: str
) -> None:
    packet = agent(sandbox, inside, key)
    assert (packet.findtext("system/status"), packet.findtext("system/errcode")) == (
        "error",
        code,
    )


def test_status_and_note_in_one_packet(sandbox: Sandbox) -> None:
    setup = "<status>16</status><admin-description>why</admin-description>"
    asked = (
        "<webspace><set><filter><name>{}</name></filter><values><gen_setup>"
        f"{setup}</gen_setup></values></set></webspace>"
    )
    packet = agent(sandbox, asked.format("cafe.example"))
    assert tags(packet.find("webspace/set/result")) == ["status", "filter-id", "id"]
    found = row(sandbox, "cafe")
    assert (found["status"], found["note"]) == (16, "why")
    packet = agent(sandbox, asked.format("no.example"))
    assert packet.findtext("webspace/set/result/errcode") == "1013"


def test_use_is_counted_at_night(sandbox: Sandbox) -> None:
    sandbox.edit("plesk", "account", {"user": "bakker", "used": 100, "grows": 10})
    seen = []
    for _ in range(3):
        found, _ = get(sandbox, "gen_info")
        seen.append(int(found.findtext("data/gen_info/real_size") or 0) // 1024**2)
        sandbox.clock.advance(timedelta(hours=16))
    assert seen == [100, 100, 110]


# -- certificates -----------------------------------------------------------------------


def install(sandbox: Sandbox, name: str, webspace: str, **change: str) -> Element:
    end = b"-----END CERTIFICATE-----\n"
    leaf, issuer = (part + end for part in ONE.chain.split(end)[:2])
    given = {
        "csr": "",
        "pvt": ONE.key.decode(),
        "cert": leaf.decode(),
        "ca": issuer.decode(),
    }
    content = "".join(
        f"<{tag}>{text}</{tag}>" for tag, text in {**given, **change}.items()
    )
    packet = agent(
        sandbox,
        f"<certificate><install><name>{name}</name><webspace>{webspace}</webspace>"
        f"<content>{content}</content></install></certificate>",
    )
    found = packet.find("certificate/install/result")
    assert found is not None
    return found


def assign(sandbox: Sandbox, site: str, name: str) -> Element:
    packet = agent(
        sandbox,
        f"<site><set><filter><name>{site}</name></filter><values><hosting><vrt_hst>"
        f"<property><name>certificate_name</name><value>{name}</value></property>"
        "</vrt_hst></hosting></values></set></site>",
    )
    found = packet.find("site/set/result")
    assert found is not None
    return found


def test_a_certificate_is_in_the_repository_before_it_is_at_a_site(
    sandbox: Sandbox,
) -> None:
    assert assign(sandbox, "cafe.example", "mine").findtext("status") == "error"
    assert install(sandbox, "mine", "cafe.example").findtext("status") == "ok"
    assert sandbox.ledger.effects("plesk") == []
    pool = agent(
        sandbox,
        "<certificate><get-pool><filter><domain-name>cafe.example</domain-name></filter></get-pool></certificate>",
    )
    assert [one.text for one in pool.iter("name")] == ["mine"]
    assert assign(sandbox, "tea.example", "mine").findtext("status") == "ok"
    sites = agent(
        sandbox,
        "<site><get><filter/><dataset><gen_info/><hosting/></dataset></get></site>",
    )
    (found,) = sites.findall("site/get/result")
    assert found.findtext("data/gen_info/name") == "tea.example"
    assert found.findtext("data/gen_info/webspace-id") == str(
        row(sandbox, "cafe")["id"]
    )
    settings = {
        one.findtext("name"): one.findtext("value") for one in found.iter("property")
    }
    assert (settings["certificate_name"], settings["ssl"]) == ("mine", "true")
    assert row(sandbox, "cafe")["sites"]["tea.example"]["cab"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"pvt": material("x.example").key.decode()}, "1023"),
        ({"cert": "no"}, "1023"),
        ({"pvt": ""}, "1023"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(
    sandbox: Sandbox, change: dict[str, str], code: str
) -> None:
    found = install(sandbox, "mine", "cafe.example", **change)
    assert (found.findtext("status"), found.findtext("errcode")) == ("error", code)


def test_a_name_is_used_once(sandbox: Sandbox) -> None:
    install(sandbox, "mine", "cafe.example")
    assert install(sandbox, "mine", "cafe.example").findtext("errcode") == "1007"
    assert install(sandbox, "mine", "no.example").findtext("errcode") == "1013"


def test_what_cannot_be_changed_by_hand(sandbox: Sandbox) -> None:
    for thing, data in (
        ("what", {}),
        ("account", {}),
        ("account", {"user": "bakker", "colour": "red"}),
    ):
        with pytest.raises(ReconcilerError):
            sandbox.edit("plesk", thing, data)
    with pytest.raises(ReconcilerError, match="cannot be read"):
        Sandbox(
            World({"plesk": {"hostname": "x", "keys": []}}),
            SandboxClock(NOW, frozen=True),
        ).start()
