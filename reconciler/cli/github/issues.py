"""One issue for each lasting failure: opened once, used again, closed when healed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from reconciler.cli.github.clean import fenced, line
from reconciler.cli.github.failures import Failure

if TYPE_CHECKING:
    from reconciler.notify.github import GitHub

#: Who may only open issues cannot set a label: a foreign issue is not taken for ours.
LABEL = "reconciler"
#: So many new ones at once; what is more is named in one of them.
_NEW = 20
#: So many closed ones are looked through for one to be used again.
_REMEMBERED = 300
_MARKER = re.compile(r"<!-- reconciler:issue:([a-z0-9-]+):(\S{1,600}) -->")


class Desk(NamedTuple):
    """
    Where issues are kept, and how they are told apart.

    Attributes:
        env: The environment: two of one repository do not meet.
        login: Who opens them; an issue of anybody else is not ours.
        run: The address of this run, for people.
    """

    github: GitHub
    env: str
    login: str
    run: str


def settle(
    desk: Desk, failures: Sequence[Failure], over: Callable[[str], bool]
) -> list[str]:
    """
    Open, write anew and close, so that the issues say what is wrong now.

    Args:
        desk: Where.
        failures: What is wrong.
        over: Whether the failure of a key is over where it is not in *failures*.

    Returns:
        What was done, a line each.

    Raises:
        ProviderError: GitHub did not answer well; the next run does the rest.
    """
    live = _ours(desk, desk.github.pages("/issues", state="open", labels=LABEL))
    wanted = {failure.key: failure for failure in failures}
    new = [failure for key, failure in wanted.items() if key not in live]
    closed = _closed(desk) if new else {}
    said = [_open(desk, one, closed.get(one.key)) for one in _few(new)]
    for key, issue in live.items():
        if key in wanted:
            said += _rewrite(desk, wanted[key], issue)
        elif over(key):
            said.append(_close(desk, issue))
    return said


def _few(new: Sequence[Failure]) -> list[Failure]:
    if len(new) <= _NEW:
        return list(new)
    rest = new[_NEW:]
    text = "\n".join(failure.title for failure in rest)
    more = Failure("more", f"{len(rest)} more failures", text)
    return [*new[:_NEW], more]


def _ours(desk: Desk, issues: Iterator[Any]) -> dict[str, Any]:
    """Return our own issues by key; the oldest where there are two of one."""
    found: dict[str, Any] = {}
    for issue in issues:
        marked = _MARKER.match(str(issue.get("body") or ""))
        ours = (issue.get("user") or {}).get("login") == desk.login
        if marked and ours and "pull_request" not in issue and marked[1] == desk.env:
            key = unquote(marked[2])
            kept = found.get(key)
            if kept is None or issue["number"] < kept["number"]:
                found[key] = issue
    return found


def _closed(desk: Desk) -> dict[str, Any]:
    pages = desk.github.pages("/issues", state="closed", labels=LABEL)
    return _ours(desk, islice(pages, _REMEMBERED))


def _open(desk: Desk, failure: Failure, before: Any) -> str:
    body, title = _body(desk, failure), line(failure.title)
    if before is not None:
        number = before["number"]
        _say(desk, number, "This is back.")
        data = {"state": "open", "title": title, "body": body}
        desk.github.send("PATCH", f"/issues/{number}", data)
        return f"opened issue {number} again: {title}"
    made = desk.github.send(
        "POST", "/issues", {"title": title, "body": body, "labels": [LABEL]}
    )
    if not any(one["name"] == LABEL for one in made["labels"]):
        # GitHub drops labels without a word; without its own it is not found again.
        path = f"/issues/{made['number']}/labels"
        desk.github.send("POST", path, {"labels": [LABEL]})
    return f"opened issue {made['number']}: {title}"


def _rewrite(desk: Desk, failure: Failure, issue: Any) -> Iterator[str]:
    body, title = _body(desk, failure), line(failure.title)
    if (issue["title"], issue["body"]) != (title, body):
        data = {"title": title, "body": body}
        desk.github.send("PATCH", f"/issues/{issue['number']}", data)
        yield f"wrote issue {issue['number']} anew: {title}"


def _close(desk: Desk, issue: Any) -> str:
    _say(desk, issue["number"], "This is over.")
    data = {"state": "closed", "state_reason": "completed"}
    desk.github.send("PATCH", f"/issues/{issue['number']}", data)
    return f"closed issue {issue['number']}: {line(str(issue['title']))}"


def _say(desk: Desk, number: int, what: str) -> None:
    said = f"{what} ([run]({desk.run}))" if desk.run else what
    desk.github.send("POST", f"/issues/{number}/comments", {"body": said})


def _body(desk: Desk, failure: Failure) -> str:
    # Nothing of this very run is in it: what stays the same is not written again.
    mark = f"<!-- reconciler:issue:{desk.env}:{quote(failure.key, safe=':/.')} -->"
    return f"{mark}\n{fenced(failure.text)}\n{_FOOT}"


_FOOT = "The next run that no longer finds this closes it.\n"
