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
