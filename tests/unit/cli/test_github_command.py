"""`reconciler github` against the API: one comment, one issue, nobody believed."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.github import failures
from reconciler.cli.github.clean import fenced, line
from tests.support import plans
from tests.support.github import BOT, Hub, zipped
from tests.support.shell import shell


def plan(**fields):
    moved = plans.action("one.example", "delegate", because="moved @agency/ops")
    return {"plan.json": json.dumps(plans.plan([moved], **fields)).encode()}


PLAN = plan()
MARK = "<!-- reconciler:plan:main -->"


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


def github(hub, *argv, token=None, **more):
    token = token or hub.token(
        actions="read", pull_requests="write", issues="write", security_events="write"
    )
    done = shell("github", *argv, environ=hub.environ(token, **more))
    assert "ghs_canary" not in done.out + done.err
    return done


def planned(hub, files=PLAN, *, sha="a" * 40, fork=None, changes=("inventory/x.yaml",)):
    number = hub.pull(sha, files=changes, fork=fork)
    run = hub.run(sha=sha, fork=fork)
    if files is not None:
        hub.artifact(run, "review", files)
    return number, run


def comments(hub, number):
    return [c["body"] for c in hub.comments.values() if c["_issue"] == number]


# The comment ---------------------------------------------------------------------


@pytest.mark.parametrize("fork", [None, "eve"])
def test_one_comment_however_often(hub, fork):
    number, run = planned(hub, fork=fork)
    for _ in range(2):
        done = github(hub, "comment", "--run", run)
        assert done.code == 0, done.err
    assert "says so already" in done.out
    hub.artifact(run, "review", plan(digest="f" * 16))
    assert "written anew" in github(hub, "comment", "--run", run).out
    (said,) = comments(hub, number)
    assert said.startswith(f"{MARK}\n")
    assert "f" * 16 in said
    assert "`moved @agency/ops`" in said
    assert f"actions/runs/{run}" in said


def test_a_strangers_comment_is_not_ours(hub):
    number, run = planned(hub)
    theirs = hub.comment(number, "eve", f"{MARK}\nfine")
    github(hub, "comment", "--run", run)
    assert hub.comments[theirs]["body"] == f"{MARK}\nfine"
    assert len(comments(hub, number)) == 2


def test_ours_twice_becomes_once(hub):
    """Two runs that crossed, or an answer that was lost."""
    number, run = planned(hub)
    first = hub.comment(number, BOT, f"{MARK}\none")
    hub.comment(number, BOT, f"{MARK}\ntwo")
    other = hub.comment(number, BOT, "<!-- reconciler:plan:staging -->\nthree")
    github(hub, "comment", "--run", run)
    ours = [i for i, c in hub.comments.items() if c["_issue"] == number]
    assert ours == [first, other]
    assert "delegate" in hub.comments[first]["body"]


def test_a_lost_answer_is_looked_up_by_the_next(hub):
    number, run = planned(hub)
    github(hub, "comment", "--run", run)
    hub.comments.clear()
    reads = sum(method == "GET" for method, *_ in hub.log)
    hub.broken = [*[None] * reads, "lost"]
    lost = github(hub, "comment", "--run", run)
    assert (lost.code, "E303" in lost.err) == (1, True)
    assert github(hub, "comment", "--run", run).code == 0
    assert len(comments(hub, number)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda hub, n, r: hub.pulls[n]["head"].update(sha="b" * 40),
        lambda hub, n, r: hub.pulls[n].update(state="closed"),
        lambda hub, n, r: hub.pulls[n]["head"]["repo"].update(
            full_name="eve/inventory"
        ),
        lambda hub, n, r: hub.pulls[n]["base"]["repo"].update(
            full_name="eve/inventory"
        ),
        lambda hub, n, r: hub.runs[r].update(event="push"),
        lambda hub, n, r: hub.runs[r].update(path=".github/workflows/evil.yml"),
    ],
    ids=["moved on", "closed", "another head", "another base", "no pull", "no plan"],
)
def test_only_the_pull_request_that_was_planned(hub, change):
    number, run = planned(hub)
    change(hub, number, run)
    done = github(hub, "comment", "--run", run)
    assert (done.code, comments(hub, number)) == (0, [])
    assert "no open pull request" in done.out


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "There is no plan"),
        ({"errors.txt": b"a.yaml:1:1: E112 x\n"}, "E112"),
        (
            {"errors.txt": b"```\n@agency/ops", **PLAN},
            "````text\n```\n@agency/ops\n````",
        ),
        ({"other.md": b"x"}, "There is no plan"),
    ],
)
def test_what_is_said_without_a_plan(hub, files, said):
    number, run = planned(hub, files)
    assert github(hub, "comment", "--run", run).code == 0
    assert said in comments(hub, number)[0]


def bomb():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plan.json", b"\0" * (33 << 20))
    return made.getvalue()


def lying():
    """An archive that says its one file is small."""
    data = bytearray(bomb())
    where = data.rindex(b"PK\x01\x02")
    data[where + 24 : where + 28] = (10).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\x03\x04 no archive", zipped(PLAN)[:60], bomb(), lying()],
    ids=["empty", "no archive", "cut off", "bomb", "lying"],  # archives hold the time
)
def test_an_archive_that_is_none_or_too_much(hub, data):
    number, run = planned(hub, None)
    hub.artifact(run, "review", data)
    done = github(hub, "comment", "--run", run)
    assert (done.code, comments(hub, number)) == (1, [])
    assert "E302" in done.err


def test_a_name_in_the_archive_leads_nowhere(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, run = planned(hub, {**PLAN, "../../evil.sh": b"x", "/etc/evil": b"x"})
    assert github(hub, "comment", "--run", run).code == 0
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("changes", [(".github/workflows/plan.yml",), ("x",) * 3000])
def test_a_change_to_the_workflow_is_not_believed(hub, changes):
    number, run = planned(hub, changes=changes)
    assert github(hub, "comment", "--run", run, "--sarif").code == 0
    (said,) = comments(hub, number)
    assert said.startswith(f"{MARK}\n> [!CAUTION]")
    assert hub.sarifs == []


def test_another_branch_has_its_own_code_and_rules(hub):
    """Whoever may push one can make plans with it, and then aim at the default branch."""
    number, run = planned(hub)
    hub.pulls[number]["base"]["ref"] = "mine"
    assert github(hub, "comment", "--run", run, "--sarif").code == 0
    assert "CAUTION" in comments(hub, number)[0]
    assert hub.sarifs == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", *plan(env="staging").values(), *plan(digest="@ops").values()],
)  # fmt: skip
def test_a_plan_that_is_none_or_anothers(hub, raw):
    """It is data, checked to the last field: what is posted is made of it here."""
    number, run = planned(hub, {"plan.json": raw})
    done = github(hub, "comment", "--run", run)
    assert (done.code, comments(hub, number)) == (1, [])
    assert "plan.json of the artifact" in done.err


def test_code_of_ones_own_can_be_named(hub):
    number, run = planned(hub, changes=("reconciler/x.py",))
    github(hub, "comment", "--run", run, RECONCILER_CODE=".github/ reconciler/")
    assert "CAUTION" in comments(hub, number)[0]


def test_findings_go_to_code_scanning(hub):
    number, run = planned(hub, plan(findings=[plans.finding()]))
    assert github(hub, "comment", "--run", run, "--sarif").code == 0
    (sent,) = hub.sarifs
    (found,) = sent["sarif"]["runs"][0]["results"]
    assert found["locations"][0]["physicalLocation"]["region"]["startLine"] == 2
    assert sent["commit_sha"] == "a" * 40
    assert sent["ref"] == f"refs/pull/{number}/head"
    hub.advanced_security = False
    done = github(hub, "comment", "--run", run, "--sarif")
    assert (done.code, "no code scanning" in done.out) == (0, True)


def test_the_largest_plan_fits_into_a_comment(hub):
    many = [
        plans.action(f"{n}.example", because="x" * 150, source=None)
        for n in range(3000)
    ]
    data = json.dumps(plans.plan(many)).encode()
    number, run = planned(hub, {"plan.json": data}, changes=(".github/x",))
    assert github(hub, "comment", "--run", run).code == 0
    assert len(comments(hub, number)[0]) < 65_536


def test_a_forks_own_token_cannot_comment(hub):
    number, run = planned(hub, fork="eve")
    token = hub.token(actions="read", pull_requests="read")
    done = github(hub, "comment", "--run", run, token=token)
    assert (done.code, comments(hub, number)) == (1, [])
    assert "not accessible by integration" in done.err
    assert "permission" in done.err


@pytest.mark.parametrize("run", ["", "-1", "1; rm", "9" * 40, "١"])
def test_a_run_is_a_number(hub, run):
    assert github(hub, "comment", "--run", run).code == 64


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_what_lacks_is_named(hub, name):
    assert github(hub, "comment", "--run", 1, **{name: ""}).code == 64


# Text of others ------------------------------------------------------------------

_PARTS = [*"@#!<>[]()&;`\n -/ax1\u202e\u200b\0", "<!--", "-->", "&#64;", "&commat;"]
NASTY = st.lists(st.sampled_from([*_PARTS, "```", "@ops"]), max_size=40).map("".join)


@given(NASTY)
def test_in_a_block_nothing_means_anything(text):
    first, *inside, last = fenced(text).splitlines()
    fence = first.removesuffix("text")
    assert set(fence) == {"`"}
    assert last == fence
    assert all(fence not in row for row in inside)


def test_a_block_is_cut_between_lines():
    shown = fenced("ü" * 79 + "\n" + "x\n" * 100_000)
    assert len(shown.encode()) < 65_000
    assert shown.count("```") == 2
    assert "and more" in shown


def test_a_title_is_one_line():
    assert line("a\nb\t@ops " + "x" * 300).startswith("a b @\u2060ops xxx")
    assert len(line("x" * 300)) == 200


# Failures and their issues ---------------------------------------------------------


def result(**left):
    empty = {"actions": [], "deferred": [], "unknown": [], "findings": []}
    return {
        "format": "reconciler.apply/v1",
        "done": left.pop("done", []),
        "left": {**empty, **left},
        "held": left.pop("held", {"digest": "0" * 16, "actions": []}),
    }


def failed(name="a.example", status="failed", **more):
    return {
        "id": "1" * 32,
        "kind": "Domain",
        "name": name,
        "verb": "renew",
        "status": status,
        "error": "no @money",
        **more,
    }


def unread(name="a.example"):
    return {
        "kind": "Domain",
        "name": name,
        "provider": "porkbun-main",
        "family": "domain",
        "why": "503",
    }


CRITICAL = {
    "code": "expires",
    "severity": "critical",
    "kind": "Domain",
    "name": "a.example",
    "message": "expires in 2 d",
}
DENIED = {
    "id": "2",
    "kind": "Domain",
    "name": "a.example",
    "verb": "renew",
    "decision": "deny",
    "policy": [{"rule": "Policy/x", "why": "no"}],
}


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (result(), []),
        (result(done=[failed()]), ["outcome:Domain/a.example:renew"]),
        (result(done=[failed(status="applied", verified=True)]), []),
        (result(done=[failed(status="applied", verified=False)]), ["outcome:Domain/a.example:renew"]),
        (result(done=[failed(status="unknown")]), ["outcome:Domain/a.example:renew"]),
        (result(done=[failed(evidence={"not_before": "x"})]), []),
        (result(unknown=[unread(), unread("b.example")]), ["unread:porkbun-main:domain"]),
        (result(findings=[CRITICAL, {**CRITICAL, "severity": "error"}]), ["finding:expires:Domain/a.example"]),
        (result(actions=[DENIED, {**DENIED, "decision": "hold"}]), ["denied:Domain/a.example:renew"]),
    ],
)  # fmt: skip
def test_what_is_a_failure(given, keys):
    assert [f.key for f in failures.of_run(given, 3, "")] == keys


@pytest.mark.parametrize(
    ("code", "keys"), [(0, []), (1, ["run"]), (7, []), (137, ["run"])]
)
def test_a_run_without_a_result(code, keys):
    assert [f.key for f in failures.of_run(None, code, "E400 away")] == keys


@pytest.mark.parametrize(
    ("key", "given", "over"),
    [
        ("run", None, False),
        ("run", result(), True),
        ("topic:drift", result(), False),
        ("outcome:Domain/a.example:renew", result(), True),
        ("outcome:Domain/a.example:renew", result(unknown=[unread()]), False),
        ("outcome:Domain/a.example:renew", result(actions=[DENIED]), False),
        ("outcome:Domain/a.example:lock", result(actions=[DENIED]), True),
        ("finding:expires:Domain/a.example", result(unknown=[unread()]), False),
        ("finding:expires:Domain/b.example", result(unknown=[unread()]), True),
        ("unread:porkbun-main:domain", result(), True),
    ],
)
def test_what_was_not_seen_or_not_tried_again_has_not_healed(key, given, over):
    assert failures.over(key, given) is over


@pytest.fixture
def run(hub, tmp_path):
    """Report one result, as the workflow does."""

    def report(given, code=3, **more):
        file = tmp_path / "apply.json"
        file.unlink(missing_ok=True)
        if given is not None:
            file.write_text(json.dumps(given))
        argv = ("failures", "--result", file, "--exit", code, "--log", tmp_path / "log")
        return github(hub, *argv, GITHUB_RUN_ID="7", **more)

    return report


def test_one_issue_from_its_opening_to_its_return(hub, run):
    assert run(result(done=[failed()])).code == 0
    ((number, issue),) = hub.open_issues().items()
    assert issue["user"]["login"] == BOT
    assert issue["labels"] == [{"name": "reconciler"}]
    writes = [m for m, *_ in hub.log if m != "GET"]
    assert "so already" in run(result(done=[failed()])).out
    assert [m for m, *_ in hub.log if m != "GET"] == writes
    assert "anew" in run(result(done=[failed(error="other")])).out
    run(None, 1)
    assert set(hub.open_issues()) == {number, max(hub.issues)}
    run(result())
    assert hub.open_issues() == {}
    assert issue["state_reason"] == "completed"
    run(result(done=[failed()]))
    assert list(hub.open_issues()) == [number]
    said = [c["body"] for c in hub.comments.values() if c["_issue"] == number]
    assert ["over" in said[0], "back" in said[1]] == [True, True]
    assert "actions/runs/7" in said[0]


def test_a_strangers_issue_hides_nothing_and_is_left_alone(hub, run):
    run(result(done=[failed()]))
    ((number, issue),) = hub.open_issues().items()
    body = issue["body"]
    del hub.issues[number]
    theirs = hub.issue("eve", "x", body)
    labelled = hub.issue("eve", "x", body, labels=["reconciler"])
    pull = hub.pull("a" * 40)
    hub.issues[pull].update(
        body=body, labels=[{"name": "reconciler"}], user={"login": BOT}
    )
    run(result(done=[failed()]))
    assert len(hub.open_issues()) == 3
    run(result())
    assert set(hub.open_issues()) == {theirs, labelled}


def test_a_label_that_is_dropped_makes_no_second_issue(hub, run):
    hub.drops_labels = True
    for _ in range(2):
        assert run(result(done=[failed()])).code == 0
    assert len(hub.open_issues()) == 1


def test_environments_do_not_meet(hub, run, tmp_path):
    run(result(done=[failed()]))
    file = tmp_path / "other.json"
    file.write_text(json.dumps(result()))
    token = hub.token(issues="write")
    argv = ("--env", "staging", "github", "failures", "--result", file, "--exit", 0)
    assert shell(*argv, environ=hub.environ(token)).code == 0
    assert len(hub.open_issues()) == 1


def test_many_at_once_are_not_many_mails(hub, run):
    run(result(done=[failed(f"{n}.example") for n in range(50)]))
    opened = hub.open_issues().values()
    assert len(opened) == 21
    assert any(i["title"] == "30 more failures" for i in opened)


def test_text_of_a_vendor_calls_nobody(hub, run):
    run(result(done=[failed(error="```\n@agency/ops <!-- x")]))
    (issue,) = hub.open_issues().values()
    assert "````text" in issue["body"]


def test_what_waits_is_one_issue_with_its_digest(hub, run):
    waits = {
        **DENIED,
        "decision": "hold",
        "needs": ["ops"],
        "because": "x",
        "cost": None,
    }
    given = result(actions=[waits], held={"digest": "d" * 16, "actions": ["2"]})
    run(given, 0)
    (issue,) = hub.open_issues().values()
    assert issue["title"] == "1 action waits for approval"
    assert "d" * 16 in issue["body"]
    assert (
        "https://github.example/agency/inventory/actions/workflows/apply-approved.yml"
        in issue["body"]
    )
    run(result(), 0)
    assert hub.open_issues() == {}


def test_a_topic_of_ones_own(hub, tmp_path):
    text = tmp_path / "drift.txt"
    text.write_text("drift revert Domain/a.example\n")
    for _ in range(2):
        done = github(hub, "issue", "drift", "--title", "By hand", "--text", text)
        assert done.code == 0
    assert [i["title"] for i in hub.open_issues().values()] == ["By hand"]
    github(hub, "issue", "pulse", "--close")
    assert len(hub.open_issues()) == 1
    github(hub, "issue", "drift", "--close")
    assert hub.open_issues() == {}


@pytest.mark.parametrize(
    "argv", [("issue", "x"), ("issue", "x", "--title", "t", "--close")]
)
def test_a_topic_is_opened_or_closed(hub, argv):
    assert github(hub, *argv).code == 64


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x"}'])
def test_a_result_that_is_none(hub, tmp_path, text):
    file = Path(tmp_path / "apply.json")
    file.write_text(text)
    done = github(hub, "failures", "--result", file, "--exit", 0)
    assert (done.code, "E205" in done.err) == (1, True)


def test_who_approved(hub):
    run = hub.run(event="workflow_dispatch")
    hub.review(run, "production-approval", "bo")
    done = github(
        hub, "approvals", "--environment", "production-approval", GITHUB_RUN_ID=str(run)
    )
    assert (done.code, done.out) == (0, "bo\n")
