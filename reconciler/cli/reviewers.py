"""
Who let this very job run, and who wrote what it would do: both as GitHub says.

A protected environment makes a job wait for its reviewers; afterwards the API tells who
they were (REST: "Get the review history for a workflow run"). Nothing that the job is
handed, and nothing in a variable that a commit could set, takes part in it.
"""

from __future__ import annotations

import re
import time
from functools import cache
from typing import TYPE_CHECKING, Final

from reconciler.cli.authors import Authors, known_as
from reconciler.engine import Given
from reconciler.errors import ProviderError, ReconcilerError
from reconciler.notify.github import GitHub, Repository, approvers

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.audit import Base
    from reconciler.cli.project import Project
    from reconciler.model import Action

#: The environment that the shipped workflow waits for.
ENVIRONMENT: Final = "production-approval"
_ROLES: Final = ("author", "committer")
#: The committer of what was made on GitHub's own pages.
_PAGES: Final = "web-flow"
_NEEDED: Final = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_TOKEN")


def reviewed(
    project: Project, digests: tuple[str, ...], environment: str = ENVIRONMENT
) -> tuple[Given, ...]:
    """
    Return that those who let this run into *environment* approve *digests*.

    From then on the forge is asked, too, who wrote what an action follows from.

    Raises:
        ReconcilerError: This is no job on the branch that acts, or the forge names
            nobody.
    """
    environ = project.environ
    _refuse_elsewhere(project)
    where = Repository(
        environ["GITHUB_REPOSITORY"],
        environ["GITHUB_TOKEN"],
        environ.get("GITHUB_API_URL", "https://api.github.com"),
    )
    project.secrets.add(where.token)
    with GitHub(where, clock=project.clock, sleep=time.sleep) as github:
        found = approvers(github, int(environ["GITHUB_RUN_ID"]), environment)
    logins = tuple(login for login, _ in found)
    if not logins:
        raise _unproven(
            f"nobody reviewed this run for the environment {environment}",
            "protect the environment: Settings, Environments, Required reviewers",
        )
    wrote = forge_authors(project, where, project.store.read().base)
    project.known_authors = wrote
    return tuple(Given(who, digests, "github", wrote=wrote) for who in logins)


def forge_authors(
    project: Project, where: Repository, base: Base
) -> Callable[[Action], frozenset[str]]:
    """
    Return who wrote an action that pays or deletes, by what the forge knows.

    A commit's addresses are what somebody typed, and the forge finds its author by
    them. Who opened the pull request that brought it is proven, and is its author
    too. A commit with an author (or co-author) whom neither the forge nor a document
    knows may be anybody's.
    """
    from reconciler.policy import ANYBODY, NOT_ONES_OWN, declared

    written = Authors(project.git, base, project.git.head)
    names = declared(project.policies)

    @cache
    def wrote(commit: str) -> frozenset[str]:
        hands = written.hands(commit)
        try:
            with GitHub(where, clock=project.clock, sleep=time.sleep) as github:
                author, more = _told(github, commit)
        except ProviderError:
            return frozenset((ANYBODY,))
        others = (known_as(one, names) for one in hands.others)
        found = [author or known_as(hands.author, names), *others]
        return frozenset((*(one or ANYBODY for one in found), *more))

    def authors(action: Action) -> frozenset[str]:
        if action.change.risk not in NOT_ONES_OWN:
            return frozenset()
        return frozenset().union(*map(wrote, written.commits(action)))

    return authors


def _told(github: GitHub, commit: str) -> tuple[str | None, list[str]]:
    """
    Return the login of a commit's author, if there is one, and who else brought it.

    Raises:
        ProviderError: The forge does not say.
    """
    from reconciler.policy import ANYBODY

    told = github.get(f"/commits/{commit}")
    author, committer = ((told.get(one) or {}).get("login") for one in _ROLES)
    opened = [
        str((pull.get("user") or {}).get("login") or ANYBODY)
        for pull in github.pages(f"/commits/{commit}/pulls")
        if pull.get("merged_at")
    ]
    by = [str(committer)] if committer and committer != _PAGES else []
    return (str(author) if author else None), [*opened, *by]


def _refuse_elsewhere(project: Project) -> None:
    """Raise unless this is a job of GitHub Actions on the branch that acts."""
    environ, branch = project.environ, project.git.protected_branch()
    missing = [name for name in _NEEDED if not environ.get(name)]
    if environ.get("GITHUB_ACTIONS") != "true" or missing:
        why = f" ({', '.join(missing)} is not set)" if missing else ""
        raise _unproven(
            f"this is no job of GitHub Actions{why}",
            "run it in the workflow apply-approved, with env: {GITHUB_TOKEN: ...} and "
            "the permission actions: read",
        )
    if not re.fullmatch(r"\d{1,20}", environ["GITHUB_RUN_ID"]):
        raise _unproven("GITHUB_RUN_ID is no number", "it is set by the runner")
    if environ.get("GITHUB_REF") != f"refs/heads/{branch}":
        raise _unproven(
            f"this job runs for {environ.get('GITHUB_REF')}, not for {branch}",
            f"approvals count on {branch} alone: dispatch the workflow there",
        )


def _unproven(what: str, hint: str) -> ReconcilerError:
    return ReconcilerError(what, hint=hint, code="E209")
