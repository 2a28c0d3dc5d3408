"""``reconciler scan``: what anyone can see of our names, scored; deeper if asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click

from reconciler.cli.accounts import account
from reconciler.cli.project import Project
from reconciler.engine import Exit, dumps, exits
from reconciler.errors import UsageError
from reconciler.kinds.certificate import SURFACE, Certificate, SurfaceState
from reconciler.kinds.certificate.surface import UNKNOWN, seen
from reconciler.model import PUBLIC, Finding, Observed, Severity
from reconciler.providers import driver_class
from reconciler.report.visible import visible

FORMAT = "reconciler.scan/v1"
_COLOURS = {"critical": "red", "error": "red", "warning": "yellow", "info": None}
_RANK = list(Severity)


@click.command("scan", help="Look at our names as anyone can, and score what is seen.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option(
    "--deep",
    metavar="PROGRAM",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Run this sslyze, which is installed apart, over every address.",
)
@click.pass_context
def scan_command(ctx: click.Context, form: str, deep: Path | None) -> None:
    """Look, judge by the policies, and change nothing."""
    project = Project.of(ctx)
    wants = [
        cast("Certificate", want)
        for want in project.scope().wants()
        if want.kind == Certificate.kind and SURFACE in want.witnesses()
    ]
    now = project.clock()
    states = _seen(project, wants)
    found = [f for w in wants for f in seen(w, {SURFACE: states[w.name]}, now)]
    if deep is not None:
        found += _deeper(project, deep, wants, states)
    judged = _judged(project, found, now)
    if form == "json":
        sys.stdout.write(dumps(_data(wants, states, judged)))
    else:
        click.echo("\n".join(_lines(wants, states, judged, full=project.verbose)))
    ctx.exit(exits.first(_codes(judged)))


COMMAND = scan_command


def _seen(project: Project, wants: Sequence[Certificate]) -> dict[str, Observed]:
    """
    Return what the witness says of each certificate, by name; nobody else is asked.

    Raises:
        UsageError: There is nobody who looks.
    """
    public = project.accounts_declared.get(PUBLIC)
    if public is None:
        raise UsageError(
            f"nothing may be asked: every account is on this machine, without {PUBLIC}",
            hint=f"declare Provider/{PUBLIC} with the sandbox's endpoint",
        )
    kind = driver_class(public.spec.type, SURFACE.family)
    with closing(kind(account(project, public, kind.credentials))) as driver:
        states = dict(driver.observe(wants).states)
    project.cache.close()
    return states


def _deeper(
    project: Project,
    program: Path,
    wants: Sequence[Certificate],
    states: dict[str, Observed],
) -> Iterator[Finding]:
    """Yield what sslyze finds at every address that was seen."""
    from reconciler.providers._network import Network
    from reconciler.providers._sslyze import Target, deep

    public = project.accounts_declared[PUBLIC]
    network = Network(account(project, public, frozenset()))
    targets: dict[Target, Certificate] = {}
    for want in wants:
        state = states[want.name]
        for name in state.sites if isinstance(state, SurfaceState) else ():
            for offer in name.offers:
                at = network.place(offer.address, 443)
                targets.setdefault(Target(name.name, offer.address, at), want)
    path = project.environ.get("PATH", "")
    for one in deep(program, list(targets), path):
        want = targets[one.target]
        host, address, _ = one.target
        for test, says in one.wrong.items():
            message = f"{host}: {address}: {says}"
            about = f"{host}/{address}/{test}"
            yield want.found("tls-deep", Severity.ERROR, message, about=about)
        if one.unknown:
            message = (
                f"{host}: sslyze could not tell {', '.join(one.unknown)} of {address}"
            )
            about = f"{host}/{address}/sslyze"
            yield want.found(UNKNOWN, Severity.WARNING, message, about=about)


def _judged(project: Project, found: Iterable[Finding], now: datetime) -> list[Finding]:
    from reconciler.policy.scanning import sifted

    return sorted(
        sifted(found, project.policies, now),
        key=lambda f: (_RANK.index(f.severity), f.name, f.id),
    )


def _codes(found: Iterable[Finding]) -> set[Exit]:
    """Return what holds: blocked, or not everything could be looked at."""
    codes = {Exit.DONE}
    for one in found:
        if one.standing == "blocks":
            codes.add(Exit.DENIED)
        if one.code == UNKNOWN and one.standing != "ignored":
            codes.add(Exit.PARTLY)
    return codes


def _data(
    wants: Sequence[Certificate],
    states: dict[str, Observed],
    found: Sequence[Finding],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "names": [
            {"certificate": want.name, "name": name, "grade": grade, "score": score}
            for want, name, grade, score in _names(wants, states)
        ],
        "findings": [
            {
                "id": one.id,
                "severity": str(one.severity),
                "standing": one.standing,
                "message": one.message,
                "mend": Certificate.checks.get(one.code, ""),
            }
            for one in found
        ],
    }


def _names(
    wants: Sequence[Certificate], states: dict[str, Observed]
) -> Iterator[tuple[Certificate, str, str | None, int | None]]:
    for want in wants:
        state = states[want.name]
        if not isinstance(state, SurfaceState):
            yield want, want.name, None, None
            continue
        for one in state.sites:
            yield want, one.name, one.grade, one.score


def _lines(
    wants: Sequence[Certificate],
    states: dict[str, Observed],
    found: Sequence[Finding],
    *,
    full: bool,
) -> Iterator[str]:
    for _, name, grade, score in _names(wants, states):
        points = "" if score is None else str(score)
        yield f"{grade or '?':<3} {points:>4}  {visible(name)}"
    loud = [one for one in found if full or one.severity is not Severity.INFO]
    for one in loud:
        word = click.style(f"{one.severity.upper():<8}", fg=_COLOURS[one.severity])
        blocks = "  (blocks)" if one.standing == "blocks" else ""
        yield f"{word} {visible(one.message)}{blocks}"
        yield f"         {visible(one.id)}"
        if full and (mend := Certificate.checks.get(one.code)):
            yield f"         -> {mend}"
    if hidden := len(found) - len(loud):
        yield f"and {hidden} of no urgency (-v)"
