"""One checkout of one inventory: files, git, accounts, clock, books."""

from __future__ import annotations

import getpass
import os
import secrets as random
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.audit import GitStore, Ledger, Run
from reconciler.cli.accounts import (
    accounts,
    all_loopback,
    providers,
    with_own_books,
    with_public,
)
from reconciler.cli.cache import FileCache
from reconciler.cli.git import Git
from reconciler.engine import Accounts, Scope
from reconciler.errors import ReconcilerError
from reconciler.inventory import GitTree, Inventory, Source, WorkTree, load
from reconciler.kinds.provider import Provider
from reconciler.model import AnyResource, BackupProof

if TYPE_CHECKING:
    from reconciler.audit.outlooks import Book
    from reconciler.cli.health_books import HealthBooks
    from reconciler.cli.rules import Court
    from reconciler.cli.sandbox_clock import SandboxTime
    from reconciler.model import Action
    from reconciler.providers._challenges import DnsChallenges
    from reconciler.providers._keyring import KeyStores

AUTHOR = ("reconciler", "reconciler@localhost")


class Project:
    """
    Everything a command needs, made when it is first asked for.

    Attributes:
        root: The folder of ``-C``.
        environ: The environment of the process, as it was at the start.
        trusted: The commit whose Provider documents and policies count (a pull
            request must not judge itself); None for the work tree.
        secrets: Every secret value that was resolved; masked in all that is written.
        known_authors: Who, as the forge says, wrote what an action follows from; None
            where it was not asked.
    """

    def __init__(self, options: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self.root = Path(options["root"]).resolve()
        self.env: str = options["env"]
        self.quiet: bool = options["quiet"]
        self.verbose: bool = options["verbose"]
        self.environ = environ
        self.secrets: set[str] = set()
        self.trusted: str | None = None
        self.known_authors: Callable[[Action], frozenset[str]] | None = None
        self._options = options
        self._trees: dict[str, Inventory] = {}

    @classmethod
    def of(cls, ctx: click.Context) -> Project:
        """Return the project of the command line that *ctx* belongs to."""
        options = ctx.find_root().obj
        if options["no_color"] or "NO_COLOR" in os.environ:
            ctx.color = False
        project = cls(options, dict(os.environ))
        ctx.call_on_close(project.close)
        if not project.root.is_dir():
            raise click.UsageError(f"there is no folder {options['root']}")
        return project

    @cached_property
    def git(self) -> Git:
        """The git repository around the root."""
        return Git(self.root, self.environ)

    @cached_property
    def folder(self) -> Path:
        """Where caches live: inside .git, never in the work tree."""
        inside = self.git.folder
        return (inside or self.root / ".reconciler") / "reconciler"

    @property
    def folders(self) -> tuple[str, str]:
        """The folders of the inventory and of the policies."""
        return self._options["inventory"], self._options["policies"]

    @property
    def selected(self) -> tuple[str, ...]:
        """What ``--select`` says before the command."""
        return tuple(self._options["select"])

    @property
    def excluded(self) -> tuple[str, ...]:
        """What ``--exclude`` says before the command."""
        return tuple(self._options["exclude"])

    def narrow(self, select: tuple[str, ...], exclude: tuple[str, ...]) -> None:
        """Add what a command's own ``--select`` and ``--exclude`` say."""
        self._options = {
            **self._options,
            "select": (*self.selected, *select),
            "exclude": (*self.excluded, *exclude),
        }

    @property
    def partial(self) -> bool:
        """Whether this command line is about a part of the inventory only."""
        return bool(self._options["select"] or self._options["exclude"])

    @cached_property
    def dirty(self) -> bool:
        """Whether the inventory was in no commit as it stood when this was asked."""
        return self.git.dirty(self._options["inventory"])

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out, as it was when this was asked first."""
        return self.git.head

    @cached_property
    def parse_cache(self) -> Path:
        """The file of the parse cache."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / "parsed.sqlite"

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory in the work tree; raises InventoryErrors."""
        source = WorkTree(self.root, self._options["inventory"])
        if not (self.root / self._options["inventory"]).is_dir():
            raise ReconcilerError(
                f"there is no folder {self._options['inventory']} in {self.root.name}",
                hint="`reconciler init` makes one; -C names another folder",
                code="E601",
            )
        return self.loaded(source)

    def loaded(self, source: Source) -> Inventory:
        """Return the inventory in *source*; raises InventoryErrors."""
        today = self.system_time.date()
        allow = self.allowed_secrets
        return load(source, cache=self.parse_cache, allow=allow, today=today)

    @cached_property
    def allowed_secrets(self) -> Mapping[str, Any]:
        """Hashes of what looks like a secret and is none."""
        if not self.policies:
            return {}
        from reconciler.policy import allowances

        return allowances(self.policies)

    @cached_property
    def policies(self) -> list[AnyResource]:
        """The policies that judge: the trusted ones; raises InventoryErrors."""
        return self.policies_at(self.trusted)

    def policies_at(self, commit: str | None) -> list[AnyResource]:
        """Return the policies of *commit*, or of the work tree."""
        folder = self._options["policies"]
        if commit is None and not (self.root / folder).is_dir():
            return []
        from reconciler.policy import policy_kinds

        source = (
            GitTree(self.root, commit, folder)
            if commit
            else WorkTree(self.root, folder)
        )
        loaded = load(source, kinds=policy_kinds())
        return [loaded.get(ref) for ref in loaded.refs()]

    @cached_property
    def accounts_declared(self) -> dict[str, Provider]:
        """The trusted Provider documents, by name: who gets which secret."""
        tree = self.at_commit(self.trusted) if self.trusted else self.inventory
        return with_public(with_own_books({p.name: p for p in providers(tree)}))

    def at_commit(self, commit: str) -> Inventory:
        """
        Return the inventory of *commit*.

        Raises:
            ReconcilerError: It cannot be read or no longer validates. A base that
                cannot be read is an error, never *no base*.
        """
        if commit not in self._trees and commit == self.head and not self.dirty:
            self._trees[commit] = self.inventory  # the same files
        if commit not in self._trees:
            tree = GitTree(self.root, commit, self._options["inventory"])
            try:
                self._trees[commit] = self.loaded(tree)
            except ReconcilerError as error:
                raise ReconcilerError(
                    f"the base {commit[:12]} cannot be loaded: {error.what}",
                    hint="fetch the whole history, or take the base anew",
                    code="E204",
                ) from error
        return self._trees[commit]

    @cached_property
    def loopback(self) -> bool:
        """Whether every account is a server on this machine (and there is one)."""
        return all_loopback(self.accounts_declared)

    @cached_property
    def _sandbox(self) -> SandboxTime | None:
        if not self.loopback:
            return None
        from reconciler.cli.sandbox_clock import sandbox_time

        return sandbox_time(self.root, self.environ)

    @property
    def forsaken(self) -> bool:
        """Whether the sandbox that all accounts of this folder are in is down."""
        from reconciler.cli.sandbox_clock import FOLDER

        return self.loopback and self._sandbox is None and (self.root / FOLDER).is_dir()

    @cached_property
    def clock(self) -> Callable[[], datetime]:
        """The time: the sandbox's where all endpoints are loopback, else the real."""
        return self._sandbox.now if self._sandbox else system_clock

    @cached_property
    def sleep(self) -> Callable[[float], None]:
        """How drivers wait; a sandbox's time passes without anybody waiting."""
        return self._sandbox.sleep if self._sandbox else time.sleep

    @property
    def system_time(self) -> datetime:
        """This machine's time, whatever a sandbox says (for what must not act)."""
        return system_clock()

    @cached_property
    def cache(self) -> FileCache:
        """Answers kept between runs."""
        return FileCache(self.folder / f"observed-{self.env}.sqlite", self.clock)

    @cached_property
    def keyring(self) -> KeyStores:
        """Where certificates and their keys are kept."""
        from reconciler.cli.keyring import keyring

        return keyring(self)

    @cached_property
    def usage(self) -> Book:
        """What is foreseen; read when the first driver asks."""
        from reconciler.cli.usage_books import book

        return book(self)

    @cached_property
    def health(self) -> HealthBooks:
        """What the checks have found; read when it is first asked for."""
        from reconciler.cli.health_books import HealthBooks

        return HealthBooks(self)

    @cached_property
    def challenges(self) -> DnsChallenges:
        """Who proves to an authority that a name is ours."""
        from reconciler.cli.challenges import challenges

        return challenges(self)

    def proof(self, ledger: Ledger) -> BackupProof:
        """Return who says whether a backup was restored and verified: *ledger* does."""
        from reconciler.cli.proofs import Proofs

        return Proofs(self.inventory, ledger)

    def accounts(self, wants: Iterable[AnyResource]) -> Accounts:
        """Return the way to every account that *wants* need."""
        return accounts(self, wants)

    @cached_property
    def store(self) -> GitStore:
        """The journal of this environment; raises ReconcilerError outside git."""
        if self.git.folder is None:
            raise ReconcilerError(
                f"{self.root.name} is in no git repository",
                hint="`reconciler init` makes one, or: git init && git add . "
                "&& git commit",
                code="E605",
            )
        return self.journal()

    @cached_property
    def ledger(self) -> Ledger:
        """What was recorded when it was first asked for; an apply has its own."""
        return self.store.read()

    def journal(self) -> GitStore:
        """
        Return the journal for writing: it masks every secret resolved so far.

        What is the same as when ``ledger`` was read is not read a second time.
        """
        return GitStore(
            self.root,
            self.env,
            self.git.remote,
            AUTHOR,
            environ=self.environ,
            sleep=time.sleep,
            secrets=tuple(self.secrets),
            known=self.__dict__.get("ledger"),
            git=self.store.git if "store" in self.__dict__ else None,
        )

    def close(self) -> None:
        """Let go of what is kept to read the records with."""
        if "store" in self.__dict__:
            self.store.close()

    @property
    def actor(self) -> str:
        """Who runs this: the CI's actor, git's identity, or the login name."""
        for name in ("RECONCILER_ACTOR", "GITHUB_ACTOR"):
            if found := self.environ.get(name):
                return found
        return self.git.email or getpass.getuser()

    def run(self, commit: str | None) -> Run:
        """Return a new run, with a fresh id."""
        now = self.clock()
        identity = f"{now:%Y%m%dT%H%M%SZ}-{random.token_hex(4)}"
        return Run(identity, self.env, self.actor, commit, now)

    def scope(self) -> Scope:
        """
        Return what this command line is about.

        Raises:
            UsageError: Something that was selected is not in the inventory.
        """
        from reconciler.cli.selection import refuse_nothing, selection
        from reconciler.kinds import kinds

        refuse_nothing(self.selected, self.inventory)
        held = (name for name, kind in kinds().items() if kind.changes or kind.states)
        return Scope(
            self.env,
            self.inventory,
            self.at_commit,
            frozenset(held),
            self.court.judged,
            selection(
                self._options["select"],
                self._options["exclude"],
                self.inventory.labels,
            ),
            self.head,
            self.court.counted,
        ).recalling(lambda: self.ledger)

    @cached_property
    def court(self) -> Court:
        """The judge: policies, books and git."""
        from reconciler.cli.rules import Court

        return Court(self)

    def say(self, text: str) -> None:
        """Print progress on stderr, unless it is not wanted."""
        if not self.quiet:
            click.echo(text, err=True)


def system_clock() -> datetime:
    """Return the time of this machine, in UTC."""
    return datetime.now(UTC)
