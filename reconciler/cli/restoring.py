"""What a restore by hand reads: git as far as it is whole, the record, one copy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast
from urllib.parse import unquote, urlsplit

from pydantic import JsonValue

from reconciler.audit import GitStore
from reconciler.cli import secrets
from reconciler.cli.accounts import as_keeper, providers
from reconciler.cli.project import AUTHOR
from reconciler.errors import (
    AuditError,
    InventoryErrors,
    ReconcilerError,
    Tampered,
    Unsupported,
    UsageError,
)
from reconciler.inventory.complaint import did_you_mean
from reconciler.kinds.backup import BACKUP, Backup, Record
from reconciler.kinds.backup_repository import BackupRepository
from reconciler.model import Account, Ref
from reconciler.model.production import standing
from reconciler.providers import driver_class
from reconciler.providers._drill_port import Keeper, Key, Open

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.inventory import Inventory
    from reconciler.kinds.provider import Provider
    from reconciler.model import SecretRef

REPOSITORY: Final = "BackupRepository"
#: So long one try at the remote of the records may take: somebody is waiting.
_PATIENCE: Final = 15.0
#: So many older commits are tried, where the newer ones cannot be read.
_OLDER: Final = 20
_LOST: Final = "E681"


_Facts = Mapping[str, JsonValue] | None


class Asked(NamedTuple):
    """
    What is restored, and what is known of it.

    Attributes:
        tree: The inventory that says so.
        recorded: None where the records could not be read, and why that is.
    """

    want: Backup
    tree: Inventory
    record: Record
    recorded: _Facts
    blind: str


def asked(project: Project, word: str, rev: str | None, *, offline: bool) -> Asked:
    """
    Return what *word* names, read from what of git can be read.

    Raises:
        UsageError: Nothing is called so, or it is backed up more than once.
        InventoryErrors: No commit of late can be read either.
    """
    tree = _tree(project, rev)
    want = _named(tree, word)
    backing = want.makings.backing
    if backing is None:
        raise ReconcilerError(f"{want.ref} has no policy", code=_LOST)
    facts, blind = _facts(project, want, offline=offline)
    record = Record(facts, backing, project.clock(), want.spec.accept)
    return Asked(want, tree, record, facts, blind)


def _tree(project: Project, rev: str | None) -> Inventory:
    """Return the inventory of *rev*; or what is here; or the last that was whole."""
    if rev is not None:
        commit = project.git.ask("rev-parse", "--verify", f"{rev}^{{commit}}")
        if commit is None:
            raise UsageError(f"{rev!r} is no commit here")
        project.trusted = commit
        return project.at_commit(commit)
    try:
        return project.inventory
    except InventoryErrors as errors:
        for commit in _commits(project):
            project.trusted = commit
            try:
                found = project.at_commit(commit)
            except ReconcilerError:
                continue
            project.say(
                f"warning: {errors.what}; it is read as it was in {commit[:12]}"
            )
            return found
        project.trusted = None
        raise


def _commits(project: Project) -> Iterator[str]:
    """Yield commits of the inventory, the newest first."""
    folder = project.folders[0]
    found = project.git.ask("log", f"-{_OLDER}", "--format=%H", "HEAD", "--", folder)
    yield from (found or "").split()


def _named(tree: Inventory, word: str) -> Backup:
    kind, slash, name = word.partition("/")
    if slash and Ref(kind, name) in tree and kind == Backup.kind:
        return cast("Backup", tree.get(Ref(kind, name)))
    every = [cast("Backup", one) for one in tree.of(Backup.kind)]
    found = [one for one in every if str(one.of) == word]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(one.ref) for one in found)
        raise UsageError(f"{word} has more than one backup", hint=f"name one: {names}")
    near = did_you_mean(
        word,
        [str(one.ref) for one in every],
        "write Backup/NAME, or what it is of; --rev reads what git said then",
    )
    raise UsageError(f"there is no backup {word} in the inventory", hint=near)


def _facts(project: Project, want: Backup, *, offline: bool) -> tuple[_Facts, str]:
    """Return what the record remembers of *want*; or None, and why."""
    if project.git.folder is None:
        return None, "this is no git repository"
    store = GitStore(
        project.root,
        project.env,
        project.git.remote,
        AUTHOR,
        environ=project.environ,
        sleep=time.sleep,
        timeout=_PATIENCE,
    )
    try:
        try:
            ledger = store.remembered() if offline else store.read()
        except Tampered:
            raise
        except AuditError as error:
            project.say(
                f"warning: {error.what}; the records are as they were seen last"
            )
            ledger = store.remembered()
        return ledger.record(want.kind, want.uid).facts, ""
    except AuditError as error:
        return None, error.what
    finally:
        store.close()


@contextmanager
def opened(project: Project, one: Asked, copy: str, key: Key) -> Iterator[Open]:
    """
    Give what reads one copy, with no more secrets than that takes.

    Raises:
        ReconcilerError: There is no such copy, its engine restores nothing from here,
            or a secret cannot be had.
    """
    place = cast("BackupRepository", one.tree.get(Ref(REPOSITORY, copy)))
    engine = place.spec.engine
    kind = driver_class(engine, BACKUP)
    if not issubclass(kind, Keeper):
        raise Unsupported(
            f"{engine} restores nothing from here",
            hint="a driver of backups that can has the method restorer",
        )
    driver = kind(_account(project, place, key))
    try:
        yield driver.restorer(one.want)
    finally:
        driver.close()


def _account(project: Project, place: BackupRepository, key: Key) -> Account:
    keeper = as_keeper(place)
    named = keeper.spec.credentials
    opening = "escrowKey" if key == "escrow" else "password"
    if key == "escrow" and opening not in named:
        raise ReconcilerError(f"{place.ref} has no escrowKey", code="E602")
    refs: dict[str, SecretRef] = {
        name: ref
        for name, ref in (
            (opening, named.get(opening)),
            ("drill", named.get("drill") or named.get("write")),
        )
        if ref is not None
    }
    values = {
        name: secrets.resolve(ref, project.environ, project.root)
        for name, ref in refs.items()
    }
    project.secrets |= set(values.values())
    return Account(
        name=place.name,
        endpoint=keeper.spec.endpoint,
        identity=keeper.spec.account,
        secrets=values,
        clock=project.clock,
        sleep=time.sleep,
        cache=project.cache,
        settings=keeper.spec.settings,
    )


def production(project: Project, tree: Inventory) -> Iterator[Path]:
    """Yield every folder that nothing is restored into, or around."""
    yield project.root
    if project.git.folder is not None:
        yield project.git.folder
    for each in providers(tree):
        yield from _folder(each)
    for kept in tree.of(REPOSITORY):
        path = Path(cast("BackupRepository", kept).spec.path or "")
        if path.is_absolute():
            yield path  # where a panel's own backups are mounted
    for one in tree.of(Backup.kind):
        want = cast("Backup", one)
        backing = want.makings.backing
        base = Path(want.spec.root or "/")
        for source in backing.sources.values() if backing is not None else ():
            files = [source.database] if source.type == "sqlite" else ()
            root = str(base / source.root) if source.root else want.spec.root
            if root is not None:
                yield from map(Path, standing(root, source.paths, filter(None, files)))
        if backing is not None and backing.drills.scratch:
            yield Path(backing.drills.scratch)


def _folder(provider: Provider) -> Iterator[Path]:
    url = urlsplit(provider.spec.endpoint or "")
    if url.scheme == "file":
        yield Path(unquote(url.path))
