"""One comment for each pull request, that every plan writes anew."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.cli.github.clean import fenced
from reconciler.cli.github.review import ERRORS, PLAN
from reconciler.errors import Rejected
from reconciler.report.markdown_text import marker

if TYPE_CHECKING:
    from reconciler.cli.github.review import Review
    from reconciler.notify.github import GitHub
    from reconciler.report.plan_document import PlanDocument

_WARNING = """\
> [!CAUTION]
> This pull request changes what makes its own plan (workflows or code), or is not for \
the default branch. What follows was made by that change and proves nothing: read the \
diff.

"""


def comment_text(
    review: Review, plan: PlanDocument | None, files: Mapping[str, bytes], env: str
) -> str:
    """Return the comment for what a plan has left; its Markdown is made here."""
    warning = _WARNING if review.changes_code else ""
    foot = f"\n---\nPlanned at `{review.head[:12]}` in [this run]({review.url}).\n"
    return f"{marker(env)}\n{warning}{_body(review, plan, files)}{foot}"


def plan_of(files: Mapping[str, bytes], env: str) -> PlanDocument | None:
    """
    Return the plan in *files*, if it is one to the last field.

    Raises:
        ReconcilerError: It is none, or is another environment's.
    """
    if PLAN not in files:
        return None
    from reconciler.report.saved import read

    plan = read(files[PLAN], f"{PLAN} of the artifact")
    if plan["env"] != env:
        raise Rejected(f"{PLAN} of the artifact is not about {env}")
    return plan


def _body(review: Review, plan: PlanDocument | None, files: Mapping[str, bytes]) -> str:
    if ERRORS in files:
        text = files[ERRORS].decode("utf-8", "replace")
        return "**The inventory has errors; nothing was planned.**\n\n" + fenced(text)
    if plan is None:
        return "**There is no plan.** The run ended before it made one.\n"
    from reconciler.report.markdown import markdown

    shown = markdown(plan, f"{review.url}#artifacts", _LIMIT)
    return shown.removeprefix(marker(plan["env"])).lstrip("\n")


#: Together with what stands around it, it stays below GitHub's limit.
_LIMIT = 63_000


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


def upload(github: GitHub, review: Review, plan: PlanDocument) -> str:
    """
    Hand the findings to code scanning, and say what came of it.

    Raises:
        ProviderError: GitHub did not take it, for another reason than that the
            repository has no code scanning.
    """
    from reconciler.report.sarif import sarif

    packed = gzip.compress(sarif(plan).encode(), mtime=0)
    body = {
        "commit_sha": review.head,
        "ref": f"refs/pull/{review.number}/head",
        "sarif": base64.b64encode(packed).decode(),
        "tool_name": "reconciler",
    }
    try:
        github.send("POST", "/code-scanning/sarifs", body)
    except Rejected as error:
        if "enabled" in error.what:
            return "this repository has no code scanning; findings are in the comment"
        raise
    return "findings were handed to code scanning"
