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

from reconciler.cli.authors import Authors
from reconciler.errors import ProviderError, ReconcilerError
from reconciler.notify.github import GitHub, Repository, approvers

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.audit import Base
    from reconciler.cli.project import Project
    from reconciler.model import Action

#: The environment that the shipped workflow waits for.
ENVIRONMENT: Final = "production-approval"
_NEEDED: Final = ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_TOKEN")


def reviewers(project: Project, environment: str = ENVIRONMENT) -> tuple[str, ...]:
    """
    Return the logins of those who let this run into *environment*.

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
    base = project.store.read().base
    project.known_authors = forge_authors(project, where, base, logins)
    return logins


def forge_authors(
    project: Project, where: Repository, base: Base, approved_by: tuple[str, ...]
) -> Callable[[Action], frozenset[str]]:
    """
    Return who wrote an action, by the logins that the forge knows.

    A commit whose author it does not know, and no Person document either, may be
    anybody's: then none of *approved_by* counts for what it pays or deletes.
    """
    written = Authors(project.git, base, project.git.head)

    @cache
    def login(commit: str) -> str | None:
        try:
            with GitHub(where, clock=project.clock, sleep=time.sleep) as github:
                author = github.get(f"/commits/{commit}").get("author")
        except ProviderError:
            return None
        return str(author["login"]) if author else None

    def authors(action: Action) -> frozenset[str]:
        found: set[str] = set()
        for commit in written.commits(action):
            known = login(commit) or _person(project, written.names(commit))
            found |= {known} if known else set(approved_by)
        return frozenset(found)

    return authors


def _person(project: Project, names: tuple[str, ...]) -> str | None:
    """Return a name that some Person document claims."""
    from reconciler.policy import identities, person

    known = identities(project.policies)
    return next((known[key] for name in names if (key := person(name)) in known), None)


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
