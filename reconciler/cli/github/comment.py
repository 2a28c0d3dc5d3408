"""One comment for each pull request, that every plan writes anew."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.cli.github.clean import cleaned, fenced
from reconciler.errors import Rejected

if TYPE_CHECKING:
    from reconciler.cli.github.review import Review
    from reconciler.notify.github import GitHub

_WARNING = """\
> [!CAUTION]
> This pull request changes what makes its own plan (workflows or code). What follows \
was made by that change and proves nothing: read the diff.

"""


def comment_text(review: Review, files: Mapping[str, str], env: str) -> str:
    """Return the comment for what a plan has left."""
    head = f"{marker(env)}\n{_WARNING if review.changes_code else ''}"
    foot = f"\n---\nPlanned at `{review.head[:12]}` in [this run]({review.url}).\n"
    return head + _body(review, files) + foot


def _body(review: Review, files: Mapping[str, str]) -> str:
    if "errors.txt" in files:
        return "**The inventory has errors; nothing was planned.**\n\n" + fenced(
            files["errors.txt"]
        )
    if "plan.md" not in files:
        return "**There is no plan.** The run ended before it made one.\n"
    plan = files["plan.md"]
    return fenced(plan) if review.changes_code else cleaned(plan)


def marker(env: str) -> str:
    """Return the line by which the comment of *env* is found again."""
    return f"<!-- reconciler:plan:{env} -->"


def post(github: GitHub, review: Review, body: str, env: str, login: str) -> str:
    """
    Write *body* as the one comment of *login*, and say what was done.

    A comment of somebody else that looks like ours is left alone.

    Raises:
        ProviderError: It could not be written.
    """
    ours = [
        one
        for one in github.pages(f"/issues/{review.number}/comments")
        if (one.get("user") or {}).get("login") == login
        and str(one["body"]).startswith(marker(env))
    ]
    for twice in ours[1:]:
        github.delete(f"/issues/comments/{twice['id']}")
    if not ours:
        github.send("POST", f"/issues/{review.number}/comments", {"body": body})
        return "commented"
    if ours[0]["body"] == body:
        return "the comment says so already"
    github.send("PATCH", f"/issues/comments/{ours[0]['id']}", {"body": body})
    return "the comment was written anew"


def upload(github: GitHub, review: Review, sarif: str) -> str:
    """
    Hand the findings to code scanning, and say what came of it.

    Raises:
        ProviderError: GitHub did not take it, for another reason than that the
            repository has no code scanning.
    """
    try:
        version = json.loads(sarif)["version"]
    except (ValueError, KeyError, TypeError):
        raise Rejected("plan.sarif of the artifact is no SARIF") from None
    if version != "2.1.0":
        raise Rejected("plan.sarif of the artifact is not SARIF 2.1.0")
    packed = gzip.compress(sarif.encode(), mtime=0)
    try:
        github.send(
            "POST",
            "/code-scanning/sarifs",
            {
                "commit_sha": review.head,
                "ref": f"refs/pull/{review.number}/head",
                "sarif": base64.b64encode(packed).decode(),
                "tool_name": "reconciler",
            },
        )
    except Rejected as error:
        if "enabled" in error.what:
            return "this repository has no code scanning; findings are in the comment"
        raise
    return "findings were handed to code scanning"
