"""Every secret that a document names: whether it can be had, without showing it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel

from reconciler.cli import secrets
from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.model import AnyResource, SecretRef

if TYPE_CHECKING:
    from reconciler.cli.project import Project


#: More than so many are not asked for: each may be a call to a vault.
MOST = 200


def checks(project: Project) -> Iterator[Check]:
    """Yield one line for each secret that cannot be had, and one for all others."""
    seen: set[str] = set()
    good = 0
    for want in _holders(project):
        for field, ref in references(want):
            if str(ref) in seen or len(seen) > MOST:
                continue
            seen.add(str(ref))
            try:
                secrets.resolve(ref, project.environ, project.root)
            except secrets.SecretMissing as error:
                yield mend(str(want.ref), f"{field}: {error.what}", error.hint or "")
                continue
            good += 1
            if ref.file is not None:
                yield from _file(project, str(want.ref), ref.file)
    if good:
        yield ok("secrets", f"{good} can be had; none of them is shown")
    if len(seen) > MOST:
        yield note("secrets", f"only the first {MOST} were asked for")


def _holders(project: Project) -> Iterator[AnyResource]:
    """Yield the resources of the kinds that name secrets."""
    from reconciler.kinds import kinds

    for name, kind in sorted(kinds().items()):
        if "SecretRef" in kind.model_json_schema().get("$defs", {}):
            yield from project.inventory.of(name)


def references(want: AnyResource) -> Iterator[tuple[str, SecretRef]]:
    """Yield every SecretRef in *want* with the field it stands in."""
    yield from _in(want.spec, "")


def _in(value: object, path: str) -> Iterator[tuple[str, SecretRef]]:
    if isinstance(value, SecretRef):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            below = f"{path}.{field.alias or name}".lstrip(".")
            yield from _in(getattr(value, name), below)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _in(one, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for number, one in enumerate(value):
            yield from _in(one, f"{path}[{number}]")


def _file(project: Project, about: str, name: str) -> Iterator[Check]:
    if project.git.ask("ls-files", "--error-unmatch", "--", name) is not None:
        yield mend(
            about,
            f"{name} is in git, which cannot forget it",
            f"git rm --cached {name}, add it to .gitignore, and change the secret",
        )
    mode = (project.root / name).stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        said = f"{name} can be read by everybody on this machine"
        yield mend(about, said, f"chmod 600 {name}")
