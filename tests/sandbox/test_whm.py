"""
The WHM emulator against the vendor's reference (api.docs.cpanel.net, WHM API 1).

Names and examples are those of ``listaccts``, ``accountsummary``, ``suspendacct``,
``unsuspendacct``, ``gethostname`` and ``api_token_list``; the HTTP 403 is the one that
public clients quote.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.whm_accounts import PASSWORD
from tests.support.contract import NOW
from tests.support.web import web

ROOT = "whm root:ROOT-TOKEN"
RESELLER = "whm agency:AGENCY-TOKEN"
PART: dict[str, Any] = {
    "hostname": "hostname.example.com",
    "textNumbers": False,
    "tokens": [
        {"user": "root", "token": "ROOT-TOKEN", "rights": ["all"], "expires": None},
        {"user": "agency", "token": "AGENCY-TOKEN", "expires": 30},
    ],
    "accounts": {
        "bakker": {"domain": "bakker.example", "owner": "agency", "plan": "care_5g"},
        "cafe": {"domain": "cafe.example", "suspended": "Nonpayment"},
        "fiets": {
            "domain": "fiets.example",
            "owner": "agency",
            "suspended": "Fraud",
            "locked": True,
        },
    },
}
#: What "Return cPanel accounts" documents for each account, as far as we play it.
FIELDS = {
    "backup", "child_nodes", "disklimit", "diskused", "domain", "email", "has_backup",
    "inodeslimit", "inodesused", "ip", "ipv6", "is_locked", "maxaddons", "maxpop",
    "outgoing_mail_hold", "outgoing_mail_suspended", "owner", "partition", "plan",
    "shell", "startdate", "suspended", "suspendreason", "suspendtime", "theme", "uid",
    "unix_startdate", "user",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"whm": PART}))
    return running


def ask(
    sandbox: Sandbox, function: str, who: str = ROOT, **params: str | int
) -> httpx.Response:
    query = "&".join(f"{k.replace('_', '-')}={v}" for k, v in params.items())
    path = f"/json-api/{function}?api.version=1&{query}"
    return web("GET", sandbox.endpoint("whm") + path, headers={"Authorization": who})


def listed(sandbox: Sandbox, who: str = ROOT, **params: str) -> dict[str, Any]:
    acct = ask(sandbox, "listaccts", who, **params).json()["data"]["acct"]
    return {row["user"]: row for row in acct}


def test_the_envelope_and_the_host_name(sandbox: Sandbox) -> None:
    assert ask(sandbox, "gethostname").json() == {
        "data": {"hostname": "hostname.example.com"},
        "metadata": {
            "command": "gethostname",
            "reason": "OK",
            "result": 1,
            "version": 1,
        },
    }


def test_an_account_in_the_listing(sandbox: Sandbox) -> None:
    rows = listed(sandbox)
    assert set(rows) == {"bakker", "cafe", "fiets"}
    assert set(rows["bakker"]) == FIELDS
    assert (rows["bakker"]["suspended"], rows["bakker"]["suspendtime"]) == (0, None)
    assert rows["bakker"]["suspendreason"] == "not suspended"
    assert (rows["cafe"]["suspended"], rows["cafe"]["suspendreason"]) == (
        1,
        "Nonpayment",
    )
    assert rows["cafe"]["suspendtime"] == int(NOW.timestamp()) - 86400
    assert rows["fiets"]["is_locked"] == 1
    assert rows["bakker"]["disklimit"] == "unlimited"


def test_want_limits_the_fields(sandbox: Sandbox) -> None:
    rows = listed(sandbox, want="user,domain,suspended")
    assert set(rows["cafe"]) == {"user", "domain", "suspended"}


def test_numbers_as_texts(sandbox: Sandbox) -> None:
    sandbox.bench("whm").state["texts"] = True
    said = ask(sandbox, "listaccts").json()
    assert said["metadata"]["result"] == "1"
    row = next(r for r in said["data"]["acct"] if r["user"] == "cafe")
    assert (row["suspended"], row["is_locked"]) == ("1", "0")


def test_a_reseller_sees_its_own(sandbox: Sandbox) -> None:
    assert set(listed(sandbox, RESELLER)) == {"bakker", "fiets"}
    refused = ask(sandbox, "suspendacct", RESELLER, user="cafe")
    assert refused.status_code == 200
    assert refused.json()["metadata"]["result"] == 0


def test_suspending_and_lifting(sandbox: Sandbox) -> None:
    said = ask(sandbox, "suspendacct", user="bakker", reason="Nonpayment").json()
    assert said["metadata"].pop("output")["raw"]
    assert said == {
        "metadata": {
            "command": "suspendacct",
            "reason": "OK",
            "result": 1,
            "version": 1,
        }
    }
    (row,) = ask(sandbox, "accountsummary", user="bakker").json()["data"]["acct"]
    assert (row["suspended"], row["suspendreason"]) == (1, "Nonpayment")
    (same,) = ask(sandbox, "accountsummary", domain="bakker.example").json()["data"][
        "acct"
    ]
    assert same == row
    lifted = ask(sandbox, "unsuspendacct", user="bakker").json()
    assert (lifted["metadata"]["command"], lifted["metadata"]["result"]) == (
        "unsuspendacct",
        1,
    )
    assert listed(sandbox)["bakker"]["suspended"] == 0
    done = [e.operation for e in sandbox.ledger.effects("whm", "bakker.example")]
    assert done == ["suspend", "unsuspend"]


def test_the_reason_is_unknown_if_none_is_given(sandbox: Sandbox) -> None:
    ask(sandbox, "suspendacct", user="bakker")
    assert listed(sandbox)["bakker"]["suspendreason"] == "Unknown"


def test_only_root_lifts_what_is_locked(sandbox: Sandbox) -> None:
    """ "Only the root account [...] can unsuspend a locked account." """
    said = ask(sandbox, "unsuspendacct", RESELLER, user="fiets")
    assert (said.status_code, said.json()["metadata"]["result"]) == (200, 0)
    assert listed(sandbox)["fiets"]["suspended"] == 1
    ask(sandbox, "unsuspendacct", user="fiets")
    assert listed(sandbox)["fiets"]["suspended"] == 0
    ask(sandbox, "suspendacct", RESELLER, user="fiets", disallowun=1)
    assert listed(sandbox)["fiets"]["is_locked"] == 1


@pytest.mark.parametrize(
    ("function", "user"),
    [
        ("suspendacct", "nobody"),
        ("unsuspendacct", "nobody"),
        ("accountsummary", "nobody"),
        ("suspendacct", "cafe"),
        ("unsuspendacct", "bakker"),
    ],
)
def test_a_failure_is_an_answer_200(sandbox: Sandbox, function: str, user: str) -> None:
    said = ask(sandbox, function, user=user)
    meta = said.json()["metadata"]
    assert (said.status_code, meta["result"], meta["version"]) == (200, 0, 1)
    assert meta["reason"] != "OK"
    assert sandbox.ledger.effects("whm") == []


@pytest.mark.parametrize(
    "who", ["", "whm root:wrong", "whm agency:ROOT-TOKEN", "Basic cm9vdA==", "whm root"]
)
def test_who_is_not_let_in(sandbox: Sandbox, who: str) -> None:
    said = ask(sandbox, "listaccts", who)
    assert said.status_code == 403
    assert said.json() == {
        "cpanelresult": {
            "apiversion": "2",
            "error": "Access denied",
            "data": {"reason": "Access denied", "result": "0"},
            "type": "text",
        }
    }


def test_a_token_that_ended_is_kept_and_opens_nothing(sandbox: Sandbox) -> None:
    assert ask(sandbox, "listaccts", RESELLER).status_code == 200
    sandbox.clock.advance(timedelta(days=31))
    assert ask(sandbox, "listaccts", RESELLER).status_code == 403


def test_tokens_without_their_values(sandbox: Sandbox) -> None:
    tokens = ask(sandbox, "api_token_list").json()["data"]["tokens"]
    assert set(tokens["reconciler"]) == {
        "acls",
        "create_time",
        "expires_at",
        "name",
        "whitelist_ips",
    }
    assert tokens["reconciler"]["expires_at"] is None
    assert "ROOT-TOKEN" not in str(tokens)
    refused = ask(sandbox, "api_token_list", RESELLER).json()
    assert refused["metadata"]["result"] == 0


def test_a_function_that_there_is_not(sandbox: Sandbox) -> None:
    said = ask(sandbox, "purgeacct", user="bakker")
    assert (said.status_code, said.json()["metadata"]["result"]) == (200, 0)
    assert "bakker" in listed(sandbox)


def test_a_change_that_half_worked(sandbox: Sandbox) -> None:
    sandbox.edit("whm", "account", {"user": "bakker", "half": True})
    said = ask(sandbox, "suspendacct", user="bakker").json()
    assert said["metadata"]["result"] == 0
    assert listed(sandbox)["bakker"]["suspended"] == 1


def test_changes_by_hand(sandbox: Sandbox) -> None:
    sandbox.edit("whm", "account", {"user": "new", "domain": "new.example"})
    assert listed(sandbox)["new"]["domain"] == "new.example"
    sandbox.edit("whm", "account", {"user": "new", "remove": True})
    assert "new" not in listed(sandbox)
    for thing, data in (("mailbox", {"user": "x"}), ("account", {"domain": "x"})):
        with pytest.raises(ReconcilerError, match="to account"):
            sandbox.edit("whm", thing, data)
    with pytest.raises(ReconcilerError):
        sandbox.edit("whm", "account", {"user": "bakker", "colour": "red"})


def test_a_world_without_a_server_is_refused() -> None:
    with pytest.raises(ReconcilerError, match="whm cannot be read"):
        Sandbox(World({"whm": {"accounts": {}}}), SandboxClock(NOW)).start()


# -- accounts, packages, limits -------------------------------------------------------------

#: What "Create cPanel account" documents.
CREATED = {
    "ip", "nameserver", "nameserver2", "nameserver3", "nameserver4", "nameservera",
    "nameservera2", "nameservera3", "nameservera4", "nameserverentry",
    "nameserverentry2", "nameserverentry3", "nameserverentry4", "package",
}  # fmt: skip


def said(sandbox: Sandbox, function: str, who: str = ROOT, **params: Any) -> Any:
    """Return (result, reason, data) of a function that answers 200."""
    answer = ask(sandbox, function, who, **params)
    assert answer.status_code == 200
    body = answer.json()
    meta = body["metadata"]
    assert meta["command"] == function
    return meta["result"], meta["reason"], body.get("data", {})


def packages(sandbox: Sandbox) -> None:
    both = {"care_5g": {"quota": 5120, "bandwidth": 1000}, "care_20g": {"quota": 20480}}
    sandbox.edit("whm", "server", {"packages": {"default": {}, **both}})


def test_creating_and_deleting_an_account(sandbox: Sandbox) -> None:
    packages(sandbox)
    answer = ask(
        sandbox,
        "createacct",
        username="Newuser",
        domain="new.example",
        plan="care_5g",
        showpass="n",
    ).json()
    assert set(answer["data"]) == CREATED
    assert answer["data"]["package"] == "care_5g"
    assert answer["metadata"]["reason"] == "Account Creation Ok"
    assert "HIDDEN" in answer["metadata"]["output"]["raw"]
    row = listed(sandbox)["newuser"]
    assert (row["domain"], row["plan"], row["disklimit"]) == (
        "new.example",
        "care_5g",
        "5120M",
    )
    assert said(sandbox, "removeacct", username="newuser", keepdns=1)[0] == 1
    assert "newuser" not in listed(sandbox)
    again = {"username": "newuser", "domain": "new.example", "plan": "care_5g"}
    result, reason, _ = said(sandbox, "createacct", **again)
    assert (result, "DNS entry" in reason) == (0, True)
    assert said(sandbox, "createacct", **again, forcedns=1)[0] == 1


def test_a_password_is_shown_where_nobody_forbids_it(sandbox: Sandbox) -> None:
    answer = ask(sandbox, "createacct", username="shown", domain="s.example").json()
    assert PASSWORD in answer["metadata"]["output"]["raw"]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"username": "1st"}, "not a valid username"),
        ({"username": "tester"}, "not a valid username"),
        ({"username": "a" * 17}, "not a valid username"),
        ({"username": "root"}, "not a valid username"),
        ({"username": "bakker"}, "initial 8 characters"),
        ({"domain": "bakker.example"}, "already exists"),
        ({"domain": "www.bakker.example"}, "already exists"),
        ({"domain": "nonsense"}, "not valid"),
        ({"plan": "gold"}, "does not exist"),
    ],
)
def test_an_account_that_cannot_be_made(
    sandbox: Sandbox, params: dict[str, str], why: str
) -> None:
    whole = {"username": "newuser", "domain": "new.example", **params}
    result, reason, _ = said(sandbox, "createacct", **whole)
    assert (result, why in reason) == (0, True), reason
    assert sandbox.ledger.effects("whm") == []


def test_a_reseller_gives_away_what_it_has(sandbox: Sandbox) -> None:
    packages(sandbox)
    sandbox.edit("whm", "server", {"free": 6000})
    new = {"username": "first", "domain": "a.example", "plan": "care_5g"}
    assert said(sandbox, "createacct", **new)[0] == 1
    more = {"username": "second", "domain": "b.example", "plan": "care_5g"}
    assert said(sandbox, "createacct", **more)[0] == 0
    assert said(sandbox, "editquota", user="first", quota=5999)[0] == 1
    assert said(sandbox, "editquota", user="first", quota=9000)[0] == 0
    assert said(sandbox, "editquota", user="first", quota="unlimited")[0] == 0


def test_a_package_replaces_what_was_set_by_hand(sandbox: Sandbox) -> None:
    packages(sandbox)
    result, reason, _ = said(sandbox, "editquota", user="bakker", quota=100)
    assert (result, reason) == (1, "Set quota for bakker.")
    assert listed(sandbox)["bakker"]["disklimit"] == "100M"
    answer = ask(sandbox, "changepackage", user="bakker", pkg="care_20g").json()
    assert (
        "Changing plan from care_5g to care_20g"
        in (answer["metadata"]["output"]["raw"])
    )
    assert listed(sandbox)["bakker"]["disklimit"] == "20480M"
    assert said(sandbox, "changepackage", user="bakker", pkg="gold")[0] == 0
    assert said(sandbox, "editquota", user="bakker", quota=0)[0] == 1
    assert listed(sandbox)["bakker"]["disklimit"] == "unlimited"
    for wrong in ("1.5", "-1", "many"):
        assert said(sandbox, "editquota", user="bakker", quota=wrong)[0] == 0


def test_bandwidth_and_its_limit(sandbox: Sandbox) -> None:
    packages(sandbox)
    use = {"traffic": 100}
    sandbox.edit("whm", "account", {"user": "bakker", "use": use})
    result, reason, data = said(sandbox, "limitbw", user="bakker", bwlimit=500)
    assert (result, reason) == (
        1,
        "Bandwidth Limit for bakker has been set to 500 megabytes",
    )
    assert set(data["bwlimits"][0]) == {
        "bwlimit", "bwlimitenable", "domains", "human_bwlimit", "human_bwused",
        "unlimited",
    }  # fmt: skip
    sandbox.clock.advance(timedelta(days=3))
    _, _, data = said(sandbox, "showbw")
    assert {"acct", "month", "reseller", "totalused", "year"} == set(data)
    row = next(one for one in data["acct"] if one["user"] == "bakker")
    assert set(row) == {
        "bwusage", "deleted", "limit", "maindomain", "owner", "reseller", "totalbytes",
        "user",
    }  # fmt: skip
    assert (row["totalbytes"], row["limit"]) == (300 * 1024**2, 500 * 1024**2)
    sandbox.clock.advance(timedelta(days=30))
    past = said(sandbox, "showbw", month=11, year=2026)[2]["acct"]
    whole = next(one for one in past if one["user"] == "bakker")["totalbytes"]
    assert 862 * 1024**2 < whole < 863 * 1024**2  # from the 22nd at nine to the end


def test_packages_are_listed_with_their_limits(sandbox: Sandbox) -> None:
    packages(sandbox)
    found = {row["name"]: row for row in said(sandbox, "listpkgs")[2]["pkg"]}
    assert (found["care_5g"]["QUOTA"], found["care_5g"]["BWLIMIT"]) == (5120, 1000)
    assert found["default"]["QUOTA"] == "unlimited"


def test_php_of_all_sites_and_of_one(sandbox: Sandbox) -> None:
    rows = said(sandbox, "php_get_vhost_versions")[2]["versions"]
    assert {row["vhost"] for row in rows} == {
        "bakker.example",
        "cafe.example",
        "fiets.example",
    }
    assert {row["version"] for row in rows} == {"inherit"}
    usual = said(sandbox, "php_get_system_default_version")[2]["version"]
    assert usual in said(sandbox, "php_get_installed_versions")[2]["versions"]
    new = {"version": "ea-php83", "vhost": "bakker.example"}
    assert said(sandbox, "php_set_vhost_versions", **new)[0] == 1
    (row,) = [
        one
        for one in said(sandbox, "php_get_vhost_versions")[2]["versions"]
        if one["vhost"] == "bakker.example"
    ]
    # "Whether PHP-FPM is enabled. Defaults to 0."
    assert (row["version"], row["php_fpm"]) == ("ea-php83", 0)
    for wrong in ({"version": "ea-php56"}, {"vhost": "nowhere.example"}):
        assert said(sandbox, "php_set_vhost_versions", **{**new, **wrong})[0] == 0


@pytest.mark.parametrize(
    ("function", "right"),
    [
        ("createacct", "create-acct"),
        ("changepackage", "upgrade-account"),
        ("editquota", "quota"),
        ("limitbw", "limit-bandwidth"),
        ("removeacct", "kill-acct"),
        ("listpkgs", "list-pkgs"),
        ("showbw", "show-bandwidth"),
    ],
)
def test_a_right_that_is_missing(sandbox: Sandbox, function: str, right: str) -> None:
    token = sandbox.bench("whm").state["tokens"][1]
    token["rights"] = [one for one in token["rights"] if one != right]
    assert ask(sandbox, function, RESELLER, user="bakker").status_code == 403
    assert function not in said(sandbox, "applist", RESELLER)[2]["app"]
    assert function in said(sandbox, "applist")[2]["app"]


# -- use --------------------------------------------------------------------------------------


def usage(sandbox: Sandbox, **params: str) -> dict[str, Any]:
    query = {
        "cpanel.user": "bakker",
        "cpanel.module": "ResourceUsage",
        "cpanel.function": "get_usages",
        **params,
    }
    rows = said(sandbox, "uapi_cpanel", **query)[2]["uapi"]["data"]
    return {row["id"]: row for row in rows}


def test_use_grows_by_the_clock_and_is_the_same_again(sandbox: Sandbox) -> None:
    use = {"disk": 100, "grows": 10, "step": 500, "step_day": 5, "clean_days": 7}
    sandbox.edit("whm", "account", {"user": "bakker", "use": use})

    def disk(days: float) -> str:
        sandbox.clock.set(NOW + timedelta(days=days), frozen=True)
        return str(listed(sandbox)["bakker"]["diskused"])

    assert [disk(d) for d in (0, 2, 5, 6.5, 7, 9)] == [
        "100M", "120M", "650M", "665M", "600M", "620M",
    ]  # fmt: skip
    assert disk(2) == "120M"


def test_a_week_a_day_a_leak_and_noise(sandbox: Sandbox) -> None:
    use = {
        "cpu": 40, "memory": 200, "leak": 24, "day": 0.5, "week": 0.5, "noise": 0.1,
    }  # fmt: skip
    sandbox.edit("whm", "account", {"user": "bakker", "use": use})
    sunday, seen = NOW, []
    for hours in (0, 24, 24 + 15, 24 + 15):
        sandbox.clock.set(sunday + timedelta(hours=hours), frozen=True)
        seen.append(usage(sandbox)["lvecpu"]["usage"])
    assert seen[0] < seen[1]  # a Sunday and a Monday
    assert seen[2] < seen[1]  # at midnight and at nine
    assert seen[2] == seen[3]
    lost = usage(sandbox)["lvememphy"]
    assert lost["usage"] > 24 * 1024**2
    assert lost["formatter"] == "format_bytes"
    sandbox.edit("whm", "server", {"lve": False})
    assert set(usage(sandbox)) == {"disk_usage", "mysql_databases"}


def test_a_usage_has_the_documented_fields(sandbox: Sandbox) -> None:
    row = usage(sandbox)["disk_usage"]
    assert set(row) == {
        "description", "error", "formatter", "id", "maximum", "url", "usage",
    }  # fmt: skip
    assert (row["usage"], row["maximum"]) == (14 * 1024**2, None)
    load = said(sandbox, "systemloadavg")[2]
    assert set(load) == {"one", "five", "fifteen"}
    partition = said(sandbox, "getdiskusage")[2]["partition"][0]
    assert {"mount", "percentage", "total", "used"} <= set(partition)


def test_settings_that_the_server_does_not_have(sandbox: Sandbox) -> None:
    for wrong in ({"colour": "red"}, {"free": -1}, {"php": []}):
        with pytest.raises(ReconcilerError):
            sandbox.edit("whm", "server", wrong)
