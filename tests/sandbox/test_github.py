"""Our GitHub beside the documented one (https://docs.github.com/en/rest)."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile

import pytest

from tests.support.github import BOT, LONGEST, Hub
from tests.support.web import web


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


def ask(hub, method, path, token=None, **more):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return web(method, f"{hub.api}/repos/{hub.name}{path}", headers=headers, **more)


def test_authentication(hub):
    """rest/authentication: 401 "Requires authentication", "Bad credentials"."""
    assert ask(hub, "GET", "/pulls").json()["message"] == "Requires authentication"
    bad = ask(hub, "GET", "/pulls", "ghs_nobody")
    assert (bad.status_code, bad.json()["message"]) == (401, "Bad credentials")


def test_a_token_does_what_its_permissions_say(hub):
    """A fork's token reads; what it lacks is 403; with nothing, a private repository is 404."""
    number = hub.pull("a" * 40, fork="eve")
    reads = hub.token(pull_requests="read", contents="read")
    assert ask(hub, "GET", f"/pulls/{number}", reads).status_code == 200
    said = ask(hub, "POST", f"/issues/{number}/comments", reads, json={"body": "x"})
    assert (said.status_code, said.json()["message"]) == (
        403,
        "Resource not accessible by integration",
    )
    assert ask(hub, "GET", f"/pulls/{number}", hub.token()).status_code == 404


def test_comments(hub):
    """rest/issues/comments: created is 201, changed 200, deleted 204; by pull-requests or issues."""
    number = hub.pull("b" * 40)
    for grant in ({"issues": "write"}, {"pull_requests": "write"}):
        token = hub.token(**grant)
        made = ask(hub, "POST", f"/issues/{number}/comments", token, json={"body": "x"})
        assert (made.status_code, made.json()["user"]["login"]) == (201, BOT)
        path = f"/issues/comments/{made.json()['id']}"
        assert ask(hub, "PATCH", path, token, json={"body": "y"}).json()["body"] == "y"
        assert ask(hub, "DELETE", path, token).status_code == 204
        assert ask(hub, "PATCH", path, token, json={"body": "y"}).status_code == 404
    long = ask(
        hub,
        "POST",
        f"/issues/{number}/comments",
        token,
        json={"body": "x" * (LONGEST + 1)},
    )
    assert long.status_code == 422
    assert "too long" in str(long.json()["errors"])


def test_issues_and_pull_requests_are_one_list(hub):
    """rest/issues: "Every pull request is an issue"; those have the key pull_request."""
    token, pull = hub.token(issues="write"), hub.pull("a" * 40)
    made = ask(hub, "POST", "/issues", token, json={"title": "t", "labels": ["a"]})
    assert made.status_code == 201
    number = made.json()["number"]
    listed = ask(hub, "GET", "/issues", token, params={"labels": "a"}).json()
    assert [i["number"] for i in listed] == [number]
    both = {i["number"]: i for i in ask(hub, "GET", "/issues", token).json()}
    assert {n for n, i in both.items() if "pull_request" in i} == {pull}
    assert set(both) == {number, pull}
    closed = ask(
        hub,
        "PATCH",
        f"/issues/{number}",
        token,
        json={"state": "closed", "state_reason": "completed"},
    )
    assert closed.json()["state"] == "closed"
    assert ask(hub, "GET", "/issues", token, params={"labels": "a"}).json() == []
    assert ask(hub, "POST", "/issues", token, json={}).status_code == 422


def test_pages(hub):
    """rest/using-pagination: 30 by default, at most 100, the link header leads on."""
    token = hub.token(issues="read")
    for number in range(150):
        hub.issue("ann", str(number), "")
    first = ask(hub, "GET", "/issues", token)
    assert len(first.json()) == 30
    assert first.links["next"]["url"].endswith("page=2")
    assert first.links["last"]["url"].endswith("page=5")
    more = ask(hub, "GET", "/issues", token, params={"per_page": "1000"})
    assert len(more.json()) == 100
    last = web(
        "GET",
        more.links["next"]["url"],
        headers={"authorization": f"Bearer {token}"},
    )
    assert len(last.json()) == 50
    assert "next" not in last.links


def test_artifacts(hub):
    """rest/actions/artifacts: a zip, behind a 302 to a store that takes no token; 410 when expired."""
    run, token = hub.run(), hub.token(actions="read")
    number = hub.artifact(run, "plan", {"plan.md": b"hello"})
    listed = ask(
        hub, "GET", f"/actions/runs/{run}/artifacts", token, params={"name": "plan"}
    ).json()
    assert listed["total_count"] == 1
    assert listed["artifacts"][0]["id"] == number
    there = ask(hub, "GET", f"/actions/artifacts/{number}/zip", token)
    assert there.status_code == 302
    where = there.headers["location"]
    assert web("GET", where, headers={"authorization": "Bearer x"}).status_code == 403
    archive = zipfile.ZipFile(io.BytesIO(web("GET", where).content))
    assert archive.read("plan.md") == b"hello"
    hub.artifacts[number][0]["expired"] = True
    assert ask(hub, "GET", f"/actions/artifacts/{number}/zip", token).status_code == 410


def test_a_run_of_a_fork_names_no_pull_request(hub):
    """webhooks workflow_run: pull_requests is empty for forks; pulls?head=owner:branch finds it."""
    token = hub.token(actions="read", pull_requests="read")
    hub.pull("c" * 40, fork="eve", branch="evil")
    fork = hub.run(sha="c" * 40, branch="evil", fork="eve")
    assert ask(hub, "GET", f"/actions/runs/{fork}", token).json()["pull_requests"] == []
    found = ask(hub, "GET", "/pulls", token, params={"head": "eve:evil"}).json()
    assert [p["head"]["sha"] for p in found] == ["c" * 40]
    own = hub.pull("d" * 40)
    linked = ask(hub, "GET", f"/actions/runs/{hub.run(sha='d' * 40)}", token).json()
    assert [p["number"] for p in linked["pull_requests"]] == [own]


def test_approvals_environments_and_dispatches(hub):
    """rest/actions/workflow-runs: the review history; rest/deployments/environments; 204."""
    run, token = hub.run(event="workflow_dispatch"), hub.token(actions="write")
    hub.review(run, "production-approval", "bo", comment="Ship it!")
    (review,) = ask(hub, "GET", f"/actions/runs/{run}/approvals", token).json()
    assert {"state", "comment", "environments", "user"} == set(review)
    assert review["environments"][0]["name"] == "production-approval"
    hub.environments["production-approval"] = ["bo"]
    rules = ask(hub, "GET", "/environments/production-approval", token).json()[
        "protection_rules"
    ]
    assert rules[0]["type"] == "required_reviewers"
    sent = ask(
        hub, "POST", "/actions/workflows/x.yml/dispatches", token, json={"ref": "main"}
    )
    assert sent.status_code == 204
    assert hub.dispatched[-1] == {"workflow": "x.yml", "ref": "main"}


def test_sarif(hub):
    """rest/code-scanning: gzip, then Base64; 202; 403 where code scanning is not enabled."""
    token = hub.token(security_events="write")
    packed = base64.b64encode(gzip.compress(b'{"version": "2.1.0"}')).decode()
    body = {"commit_sha": "a" * 40, "ref": "refs/pull/1/head", "sarif": packed}
    assert (
        ask(hub, "POST", "/code-scanning/sarifs", token, json=body).status_code == 202
    )
    assert hub.sarifs[-1]["sarif"] == {"version": "2.1.0"}
    hub.advanced_security = False
    assert (
        ask(hub, "POST", "/code-scanning/sarifs", token, json=body).status_code == 403
    )


def test_what_brought_a_commit(hub):
    """rest/commits: the merged pull request; an author is whose address it is, or null."""
    sha, other = "c" * 40, "d" * 40
    hub.authors.update({sha: "ann", other: None})
    token = hub.token(contents="read", pull_requests="read")
    hub.committers[sha] = "web-flow"
    said = ask(hub, "GET", f"/commits/{sha}", token).json()
    assert (said["author"]["login"], said["committer"]["login"]) == ("ann", "web-flow")
    assert ask(hub, "GET", f"/commits/{other}", token).json()["author"] is None
    assert ask(hub, "GET", f"/commits/{sha}/pulls", token).json() == []
    number = hub.pull(sha, by="bo")
    hub.merged(number, sha)
    (pull,) = ask(hub, "GET", f"/commits/{sha}/pulls", token).json()
    assert (pull["number"], pull["user"]["login"]) == (number, "bo")
    assert pull["merged_at"]
    assert ask(hub, "GET", f"/commits/{'e' * 40}/pulls", token).status_code == 422
    reads = hub.token(contents="read")
    assert ask(hub, "GET", f"/commits/{sha}/pulls", reads).status_code == 403
