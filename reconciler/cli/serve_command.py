"""``reconciler serve``: the inbox for the vendors' webhooks."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.project import Project
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Container, Mapping

    from reconciler.web.door import Door

_PORT: Final = 8790
_NEEDED: Final = ("starlette", "uvicorn")
#: A run that hangs is ended before its lock could be taken for abandoned.
_LONGEST: Final = timedelta(minutes=25)
_WAIT: Final = "10m"


@click.command(
    "serve",
    help="Take the vendors' webhooks; a good one wakes a run, and decides nothing.",
)
@click.option("--host", default="127.0.0.1", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=_PORT, help="0 is any.")
@click.option(
    "--then",
    type=click.Choice(["apply", "nothing"]),
    default="apply",
    help="What a good event wakes.",
)
@click.option("--pause", default="30s", metavar="TIME", help="Between two runs.")
@click.option("--pull", is_flag=True, help="Fast-forward the checkout before a run.")
@click.pass_context
def serve_command(ctx: click.Context, /, **options: Any) -> None:
    """Listen until SIGINT or SIGTERM; then wait for the run that is under way."""
    project = Project.of(ctx)
    _installed()
    from reconciler.web.inbox import Inbox
    from reconciler.web.log import Log
    from reconciler.web.server import Server, listen
    from reconciler.web.wake import Waker

    pause = _duration(options["pause"])
    doors = open_doors(project)

    def say(text: str) -> None:
        project.say(f"{project.system_time:%Y-%m-%dT%H:%M:%SZ} {text}")

    log = Log(say)
    run = (
        _runs(project, say, pull=options["pull"])
        if options["then"] == "apply"
        else lambda: say("nothing is run: --then nothing")
    )
    waker = Waker(run, pause, say)
    inbox = Inbox(doors, waker.wake, lambda: waker.alive, project.clock, log)
    listening = listen(options["host"], options["port"])
    waker.start()
    server = Server(inbox.app, ready=lambda: _greet(listening, doors, say))
    try:
        server.run([listening])
    finally:
        say("no longer listening; a run that is under way is waited for")
        waker.stop()


COMMAND = serve_command


def open_doors(project: Project, only: Container[str] | None = None) -> dict[str, Door]:
    """Return the way in of every account (or of *only*); what stays shut says why."""
    from reconciler.model import PUBLIC
    from reconciler.web.door import Door, verifier_class

    doors: dict[str, Door] = {}
    for name, provider in sorted(project.accounts_declared.items()):
        if name == PUBLIC or (only is not None and name not in only):
            continue
        kind = verifier_class(provider.spec.type)
        lacks = sorted(kind.credentials - provider.spec.credentials.keys())
        if lacks:
            doors[name] = Door(None, f"the account has no credential {lacks[0]}")
            continue
        try:
            doors[name] = Door(kind(_account(project, name, kind.credentials)))
        except ReconcilerError as error:
            doors[name] = Door(None, error.what)
        except ValueError as error:
            doors[name] = Door(None, str(error))
    return doors


def _account(project: Project, name: str, needed: frozenset[str]) -> Any:
    """Return the account with what a verifier needs, and no other secret."""
    from reconciler.cli.accounts import account

    provider = project.accounts_declared[name]
    kept = {k: v for k, v in provider.spec.credentials.items() if k in needed}
    spec = provider.spec.model_copy(update={"credentials": kept})
    return account(project, provider.model_copy(update={"spec": spec}), needed)


def _installed() -> None:
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ReconcilerError(
            f"{missing[0]} is not installed",
            hint="pip install 'reconciler[serve]'",
            code="E611",
        )


def _duration(given: str) -> timedelta:
    from pydantic import TypeAdapter, ValidationError

    from reconciler.model import Duration

    try:
        return TypeAdapter(Duration).validate_python(given)
    except ValidationError:
        raise UsageError(
            f"{given!r} is no duration", hint="write it with its unit, as in 30s"
        ) from None


def _greet(
    listening: socket.socket, doors: Mapping[str, Door], say: Callable[[str], None]
) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    say(f"listening on http://{shown}:{port}")
    if not ip_address(host.partition("%")[0]).is_loopback:
        say("  NOT on this machine alone: whoever reaches this address can knock,")
        say("  and nothing here speaks TLS: put a proxy that does in front of it")
    for name, door in doors.items():
        said = f"shut: {door.why}" if door.verifier is None else "open"
        say(f"  /hooks/{name}  {said}")


def _runs(
    project: Project, say: Callable[[str], None], *, pull: bool
) -> Callable[[], None]:
    """
    Return what runs ``apply`` in a process of its own.

    So that a run may break in any way, begins with the files as they are by then, and
    is not ended by the signal that ends the inbox.
    """
    inventory, policies = project.folders
    narrowed = [
        *(word for one in project.selected for word in ("--select", one)),
        *(word for one in project.excluded for word in ("--exclude", one)),
    ]
    argv = [
        *(sys.executable, "-P", "-m", "reconciler.cli", "-C", str(project.root)),
        *("--inventory", inventory, "--policies", policies, "--env", project.env),
        *("--no-color", *narrowed),
        *("apply", "--auto-approve", "--held-ok", "--wait", _WAIT),
    ]

    def run() -> None:
        if pull and not _pulled(project):
            say("the checkout could not be fast-forwarded: it is applied as it is")
        say("a run begins")
        try:
            done = subprocess.run(
                argv,
                env=dict(project.environ),
                stdin=subprocess.DEVNULL,
                timeout=_LONGEST.total_seconds(),
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            say(f"the run took over {_LONGEST}: it was ended; the next event tries")
            return
        say(f"the run ended with {done.returncode}")

    return run


def _pulled(project: Project) -> bool:
    return project.git.ask("pull", "--quiet", "--ff-only") is not None
