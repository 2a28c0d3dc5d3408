"""What the command line says of another program's file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.carrying.bring import PROGRAMS
from reconciler.cli.carrying.carried import REPOSITORY, Asked
from reconciler.errors import UsageError
from reconciler.model import Ref

if TYPE_CHECKING:
    from reconciler.cli.project import Project

#: File names that say nothing of what is in them.
_USUAL = frozenset({"config", "profiles", "autorestic", "borgmatic"})


def asked_of(project: Project, options: Mapping[str, Any]) -> tuple[Path, Asked]:
    """Return the file, and what is asked for; raises UsageError."""
    program = options["program"]
    if program not in PROGRAMS:
        known = ", ".join(sorted({*PROGRAMS, "plesk", "whm"}))
        raise UsageError(f"nothing of {program!r} can be read", hint=f"one of: {known}")
    if options["account"] is None:
        raise UsageError("name the file", hint=f"import --from {program} FILE")
    path = Path(options["account"])
    stem = path.name.strip(".").partition(".")[0]
    return path, Asked(
        program,
        program if stem in _USUAL or not stem else stem,
        path.absolute().parent,
        _mapped(project, options["repositories"]),
        _of(project, options["of"]),
        {
            str(getattr(one.spec, "url", "")): one.name
            for one in project.inventory.of(REPOSITORY)
        },
        frozenset(project.accounts_declared),
    )


def _mapped(project: Project, given: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        theirs, _, name = one.rpartition("=")
        name = name.removeprefix(f"{REPOSITORY}/")
        _declared(project, Ref(REPOSITORY, name))
        if theirs in found:
            raise UsageError(f"--repository {one}: there is one for it already")
        found[theirs] = name
    return found


def _of(project: Project, given: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        policy, _, address = one.rpartition("=")
        kind, slash, name = address.partition("/")
        if not slash:
            raise UsageError(f"--of {one}: write Kind/NAME, or POLICY=Kind/NAME")
        _declared(project, Ref(kind, name))
        if policy in found:
            raise UsageError(f"--of {one}: there is one for it already")
        found[policy] = address
    return found


def _declared(project: Project, ref: Ref) -> None:
    if ref not in project.inventory:
        of = [each for each in project.inventory.refs() if each.kind == ref.kind]
        known = ", ".join(map(str, of[:9])) or "none is declared"
        raise UsageError(f"there is no {ref}", hint=f"one of: {known}")
