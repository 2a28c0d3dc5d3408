"""The key stores of a project: its secrets, its accounts, and what git would take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import secrets
from reconciler.cli.git import Git
from reconciler.errors import ReconcilerError
from reconciler.model import Account, SecretRef
from reconciler.providers._keyring import Around, KeyStores

if TYPE_CHECKING:
    from reconciler.cli.project import Project


def keyring(project: Project) -> KeyStores:
    """Return the key stores; nothing is resolved or made before one is opened."""

    def resolve(ref: SecretRef) -> str:
        value = secrets.resolve(ref, project.environ, project.root)
        project.secrets.add(value)
        return value

    def account(name: str, needed: frozenset[str]) -> Account:
        from reconciler.cli.accounts import account as made

        provider = project.accounts_declared.get(name)
        if provider is None:
            raise ReconcilerError(
                f"the base branch does not declare Provider/{name}", code="E602"
            )
        return made(project, provider, needed)

    return KeyStores(
        Around(
            project.root,
            resolve,
            account,
            lambda folder: exposed(folder, project.environ),
        )
    )


def exposed(folder: Path, environ: Mapping[str, str]) -> str | None:
    """
    Return the line of a .gitignore that would keep git off *folder*.

    None where it is in no work tree, or git takes nothing of what is in it. What git
    does not say is no proof: the line is returned then too.
    """
    real = folder.resolve()
    above = (real, *real.parents)
    tree = next((one for one in above if (one / ".git").exists()), None)
    if tree is None or ".git" in real.relative_to(tree).parts:
        return None
    inside = real.relative_to(tree).as_posix()
    git = Git(tree, environ)
    tracked = git.ask("ls-files", "--", f":(literal){inside}")
    ignored = git.ask("check-ignore", "--", f"{inside}/keys.json")
    if tracked == "" and ignored:
        return None
    return f"/{inside}/" if inside != "." else "*"
