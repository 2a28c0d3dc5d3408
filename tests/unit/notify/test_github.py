"""The client over real sockets: pages, limits, lost answers, redirects, its token."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.errors import Ambiguous, Rejected, Transient, UsageError
from reconciler.notify.github import GitHub, Repository, approvers
from tests.support.github import Hub

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
LIMIT = {"message": "You have exceeded a secondary rate limit."}


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


@pytest.fixture
def waits():
    return []


@pytest.fixture
def github(hub, waits):
    token = hub.token(issues="write", pull_requests="write", actions="read")
    where = Repository(hub.name, token, hub.api)
    with GitHub(where, clock=lambda: NOW, sleep=waits.append) as github:
        yield github


def test_every_page_is_read(hub, github):
    for number in range(230):
        hub.issue("ann", f"n{number}", "")
    found = list(github.pages("/issues", state="all"))
    assert len({i["number"] for i in found}) == 230
    assert len(hub.log) == 3


def test_a_list_with_a_name_is_read_too(hub, github):
    run = hub.run()
    for number in range(101):
        hub.artifact(run, f"a{number}", {"x": b""})
    found = github.pages(f"/actions/runs/{run}/artifacts", key="artifacts")
    assert len(list(found)) == 101


@pytest.mark.parametrize(
    ("answer", "waited"),
    [
        ((403, {"retry-after": "7"}, LIMIT), 7),
        ((429, {"retry-after": "7"}, LIMIT), 7),
        ((403, {}, LIMIT), 60),
        ((429, {}, {}), 60),
        (
            (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 42)}, {}),
            42,
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_rate_limit_is_waited_for(hub, github, waits, answer, waited, method):
    hub.broken.append(answer)
    if method == "GET":
        assert github.get("/pulls") == []
    else:
        github.send("POST", "/issues", {"title": "t"})
        assert len(hub.issues) == 1
    assert waits == [waited]


def test_a_limit_that_lasts_too_long_is_not_waited_for(hub, github, waits):
    hub.broken.append((403, {"retry-after": "3600"}, LIMIT))
    with pytest.raises(Transient, match="secondary rate limit"):
        github.get("/pulls")
    assert waits == []


def test_a_read_is_asked_again_and_a_write_is_not(hub, github, waits):
    hub.broken += ["lost", (502, {}, {})]
    assert github.get("/pulls") == []
    assert len(waits) == 2
    for broken in ("lost", (502, {}, {})):
        hub.broken = [broken]
        with pytest.raises(Ambiguous):
            github.send("POST", "/issues", {"title": "t"})
    assert len(hub.issues) == 1  # of the first, the effect is there


def test_a_permission_that_lacks_is_final_and_named(hub, github, waits):
    with pytest.raises(Rejected, match="not accessible by integration") as error:
        github.send("POST", "/code-scanning/sarifs", {})
    assert (
        error.value.hint
        == "give the job the permission it lacks; a fork's token can only read"
    )
    assert waits == []


def test_a_file_is_fetched_from_another_host_without_the_token(hub, github):
    run = hub.run()
    number = hub.artifact(run, "plan", {"plan.md": b"x" * 5000})
    path = f"/actions/artifacts/{number}/zip"
    assert github.download(path, 100_000).startswith(b"PK")
    with pytest.raises(Rejected, match="more than 20 bytes"):
        github.download(path, 20)
    hub.artifacts[number][0]["expired"] = True
    with pytest.raises(Rejected, match="410"):
        github.download(path, 100_000)


@pytest.mark.parametrize("where", ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "/x"])
def test_a_redirect_to_somewhere_unsafe_is_not_followed(hub, github, where):
    hub.broken.append((302, {"location": where}, {}))
    with pytest.raises((UsageError, Rejected, Transient)):
        github.download("/actions/artifacts/1/zip", 100)


def test_a_next_page_on_another_host_is_not_asked(hub, github):
    link = '<http://127.0.0.1:9/repos/x?page=2>; rel="next"'
    hub.broken.append((200, {"link": link}, []))
    with pytest.raises(Rejected, match="another host"):
        list(github.pages("/pulls"))


@pytest.mark.parametrize(
    ("name", "token", "api"),
    [
        ("agency", "t", "https://api.github.com"),
        ("agency/../x", "t", "https://api.github.com"),
        ("agency/x", "", "https://api.github.com"),
        ("agency/x", "t\n", "http://api.github.com"),
        ("agency/x", "t", "https://u:p@api.github.com"),
        ("agency/x", "t", "file:///etc"),
    ],
)
def test_what_may_not_get_a_token(name, token, api):
    with pytest.raises(UsageError):
        GitHub(Repository(name, token, api), clock=lambda: NOW, sleep=lambda _: None)


def test_the_token_is_in_no_error(hub):
    token = hub.token()
    said = {"message": f"bad token {token}"}
    with GitHub(Repository(hub.name, token, hub.api), clock=lambda: NOW, sleep=lambda _: None) as github:  # fmt: skip
        hub.broken.append((422, {}, said))
        with pytest.raises(Rejected) as error:
            github.get("/pulls")
        assert token not in str(error.value)
        assert token not in repr(github)
        assert "[redacted]" in str(error.value)


def test_who_approved_a_run(hub, github):
    run = hub.run(event="workflow_dispatch")
    hub.review(run, "production-approval", "bo", comment="ship it")
    hub.review(run, "elsewhere", "eve")
    hub.review(run, "production-approval", "cy", "rejected", "no")
    assert approvers(github, run, "production-approval") == (("bo", "ship it"),)
    hub.review(run, "production-approval", "bo", "rejected")
    assert approvers(github, run, "production-approval") == ()
