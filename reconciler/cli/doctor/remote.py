"""Git: whether this host keeps our refs, and moves several of them or none."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.audit.git import Git, without_credentials
from reconciler.cli.doctor.check import Check, mend, note, ok

if TYPE_CHECKING:
    from reconciler.cli.project import Project

ABOUT = "git"
_FOLDER = "refs/reconciler/doctor"


def checks(project: Project) -> Iterator[Check]:
    """Look at the checkout, then at what the remote lets us do."""
    git = Git(project.root, project.environ)
    head = project.git.head
    if project.git.folder is None:
        yield mend(ABOUT, "this is no repository", "reconciler init, or: git init")
        return
    if head is None:
        yield mend(ABOUT, "there is no commit yet", "git add . && git commit")
        return
    if project.git.ask("rev-parse", "--is-shallow-repository") == "true":
        said = "the clone is shallow: the base of a merge may not be in it"
        fix = "git fetch --unshallow; in a workflow: fetch-depth: 0"
        yield mend(ABOUT, said, fix)
    remote = project.git.remote
    if remote is None:
        yield _no_remote(project)
        return
    yield from _branch(project, remote)
    answer = git.run("ls-remote", remote, "HEAD")
    if not answer.ok:
        said = f"the remote {remote} cannot be read: {answer.said}"
        yield mend(ABOUT, said, "check its address, the network and the credentials")
        return
    yield from _push(git, remote, head)


def _no_remote(project: Project) -> Check:
    names = project.git.ask("remote")
    if names:
        said = "there are several remotes and none is called origin"
        return mend(ABOUT, said, "git remote rename NAME origin")
    said = "there is no remote: nothing that costs money is done without one"
    return mend(ABOUT, said, "git remote add origin URL && git push -u origin HEAD")


def _branch(project: Project, remote: str) -> Iterator[Check]:
    branch = project.git.protected_branch()
    if project.git.ask("symbolic-ref", f"refs/remotes/{remote}/HEAD") is None:
        said = f"the remote's default branch is not known here: {branch!r} is assumed"
        yield note(ABOUT, f"{said} (git remote set-head {remote} --auto)")
    yield note(
        ABOUT,
        f"whether {branch!r} needs a review cannot be seen from here: protect it, and "
        "forbid forced pushes to reconciler/audit/* (the reconciler never forces)",
    )


def _push(git: Git, remote: str, head: str) -> Iterator[Check]:
    """Try with two throw-away refs what every commit of a run needs; leave nothing."""
    tag = random.token_hex(4)
    refs = [f"{_FOLDER}-{tag}-{part}" for part in ("a", "b")]
    made = _made(git, remote, refs, head)
    try:
        if not made:
            yield _refused(git, remote, refs[0], head)
            return
    finally:
        for ref in refs:
            git.run("push", "--quiet", "--no-verify", remote, f":{ref}")
    left = git.run("ls-remote", remote, *refs).out.decode().split()[1::2]
    if left:
        yield mend(
            ABOUT,
            f"{', '.join(left)} cannot be removed again",
            "allow the reconciler's identity to delete under refs/reconciler/",
        )
    else:
        yield ok(ABOUT, "custom refs and atomic pushes with leases work on this host")


def _made(git: Git, remote: str, refs: list[str], head: str) -> bool:
    """Make all *refs* or none, on the condition that none is there."""
    leases = [f"--force-with-lease={ref}:" for ref in refs]
    specs = [f"{head}:{ref}" for ref in refs]
    return git.run(
        "push", "--quiet", "--atomic", "--no-verify", *leases, remote, *specs
    ).ok


def _refused(git: Git, remote: str, ref: str, head: str) -> Check:
    """Say which of the two the host refuses: the refs, or moving them together."""
    alone = git.run("push", "--quiet", "--no-verify", remote, f"{head}:{ref}")
    if alone.ok:
        said = "this host moves no several refs at once (push --atomic)"
        fix = "use a host that does: GitHub, GitLab, Gitea, or plain git over ssh"
        return mend(ABOUT, said, fix)
    why = without_credentials(alone.said)
    return mend(
        ABOUT,
        f"this host does not take refs under refs/reconciler/: {why}",
        "give the token the right to write (contents: write), and exempt "
        "refs/reconciler/ and reconciler/* from rules that restrict creation",
    )
