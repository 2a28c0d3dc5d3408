"""An agency of a demo: its repository, and the commands that are run in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError


class DemoAgency:
    """A repository with a remote of its own; commands are told as they are run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, remote: Path) -> None:
        """Make the repository and its remote."""
        git(self.root, "init", "-q", "-b", "main")
        git(remote.parent, "init", "-q", "--bare", "-b", "main", str(remote))
        git(self.root, "remote", "add", "origin", str(remote))

    def commit(self, subject: str) -> None:
        """Commit and push all there is."""
        git(self.root, "add", "--all")
        git(self.root, "commit", "-q", "-m", subject)
        git(self.root, "push", "-q", "origin", "main")

    def expect(
        self,
        *argv: str,
        codes: Collection[Exit] = (Exit.DONE,),
        quiet: bool = False,
        aside: tuple[str, ...] = (),
    ) -> None:
        """
        Run one command of ours and fail where its exit code is another.

        *aside* are options that are for the demo alone and not shown.
        """
        code = self.call(*argv, quiet=quiet, aside=aside)
        if code not in codes:
            raise ReconcilerError(f"`reconciler {' '.join(argv)}` ended with {code}")

    def call(self, *argv: str, quiet: bool = False, aside: tuple[str, ...] = ()) -> int:
        """Run one command of ours in the demo's folder and return its exit code."""
        if not self.root.is_dir():
            return Exit.DONE
        if not quiet:
            click.secho(f"$ reconciler {' '.join(argv)}", fg="cyan")
        sink = subprocess.DEVNULL if quiet else None
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "reconciler.cli",
                "-C",
                str(self.root),
                *argv,
                *aside,
            ],
            stdout=sink,
            stderr=sink,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode


@contextmanager
def ended() -> Iterator[None]:
    """Let a polite kill be an error like others, so that all is stopped after it."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def git(folder: Path, *argv: str) -> None:
    """Run git in *folder* as somebody who is nobody."""
    who = ["-c", "user.name=Demo", "-c", "user.email=demo@agency.example"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    subprocess.run(["git", *who, "-C", str(folder), *argv], check=True, env=environ)


def say(title: str) -> None:
    """Begin the next part of the story."""
    click.secho(f"\n== {title}", bold=True)


def show(lines: Iterable[str]) -> None:
    """Print *lines*."""
    for line in lines:
        click.echo(line)
