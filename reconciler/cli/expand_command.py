"""``reconciler expand``: what Sites stand for, and where each value comes from."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.project import Project
from reconciler.cli.terminal import columns
from reconciler.engine import dumps
from reconciler.engine.document import place
from reconciler.errors import InventoryError, InventoryErrors, UsageError
from reconciler.inventory import WorkTree, load
from reconciler.inventory.emit import Line, entry
from reconciler.inventory.parts import SITE
from reconciler.inventory.rows import target
from reconciler.inventory.written import API_VERSION
from reconciler.model.ref import Ref

if TYPE_CHECKING:
    from reconciler.inventory import Inventory
    from reconciler.inventory.expansion import Piece

_COLUMN = 56


@click.command("expand", help="Show what Sites stand for, with the origin of values.")
@click.argument("sites", nargs=-1, metavar="[Site/NAME ...]")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml")
@click.option("--write", is_flag=True, help="Put it in the place of the Sites named.")
@click.pass_context
def expand_command(
    ctx: click.Context,
    sites: tuple[str, ...],
    form: str,
    write: bool,  # noqa: FBT001
) -> None:
    """Print the expansion, or eject it."""
    project = Project.of(ctx)
    if write and not sites:
        raise UsageError(
            "expand --write needs the Sites to write out",
            hint="name them, as in: expand --write Site/a.example",
        )
    chosen = _chosen(project, sites)
    if write:
        for site in chosen:
            _eject(project, site)
        return
    inventory = project.inventory
    if form == "json":
        data = [_data(site, inventory.expansion(site)) for site in chosen]
        sys.stdout.write(dumps({"format": "reconciler.expansion/v1", "sites": data}))
        return
    click.echo(f"apiVersion: {API_VERSION}")
    for site in chosen:
        for line in shown(site, inventory, inventory.expansion(site), columns()):
            click.echo(line)


COMMAND = expand_command


def _chosen(project: Project, named: Sequence[str]) -> list[Ref]:
    """Return the Sites that are *named*; without names, all that are selected."""
    inventory = project.inventory
    if not named:
        selected = project.scope().selected
        return [r for r in inventory.refs() if r.kind == SITE and selected(r)]
    found = []
    for word in named:
        kind, slash, name = word.partition("/")
        ref = Ref(SITE, target(name if slash else word).lower())
        if slash and kind != SITE:
            raise UsageError(
                f"there is no Site called {word}",
                hint=f"`reconciler explain {word}` shows what is no Site",
            )
        if ref not in inventory:
            raise UsageError(
                f"there is no Site called {word}", hint=_near(ref, inventory)
            )
        found.append(ref)
    return list(dict.fromkeys(found))


def _near(ref: Ref, inventory: Inventory) -> str:
    from reconciler.inventory.complaint import did_you_mean

    names = [str(each) for each in inventory.refs() if each.kind == SITE]
    return did_you_mean(str(ref), names, "`reconciler expand` shows all of them")


def shown(
    site: Ref, inventory: Inventory, pieces: Sequence[Piece], width: int | None = None
) -> Iterator[str]:
    """Yield the YAML of what *site* makes, each value with its origin behind it."""
    at = inventory.at(site)
    yield f"# {site}  {at}"
    for piece in pieces:
        lines = [
            (line.text, _origin(line, site, piece))
            for line in entry(str(piece.ref), piece.metadata, piece.spec)
        ]
        origins = max((len(said) for _, said in lines), default=0)
        # A narrow terminal has the origins nearer, so that most lines fit.
        column = _COLUMN if width is None else min(_COLUMN, width - origins - 5)
        for text, said in lines:
            yield f"{text:<{max(column, 0)}}  # {said}" if said else text


def _origin(line: Line, site: Ref, piece: Piece) -> str:
    """Say where the values on *line* come from."""
    if line.text.endswith(":") or not line.path:
        return ""
    if line.path[0] == "metadata":
        return str(site)
    from reconciler.inventory.origins import shown as dotted

    path = dotted(line.path)
    found = dict.fromkeys(
        f"{leaf.source} {leaf.at.file}:{leaf.at.line}" if leaf.at else leaf.source
        for leaf in piece.leaves
        if leaf.path == path or leaf.path.startswith((f"{path}.", f"{path}["))
    )
    return ", ".join(found)


def _data(site: Ref, pieces: Sequence[Piece]) -> dict[str, Any]:
    return {
        "site": site.name,
        "parts": [
            {
                "kind": piece.kind,
                "name": piece.name,
                "metadata": piece.metadata,
                "spec": piece.spec,
                "source": place(piece.at),
                "values": [
                    {**leaf._asdict(), "at": place(leaf.at)} for leaf in piece.leaves
                ],
            }
            for piece in pieces
        ],
    }


class _Edited:
    """The work tree with one file as it would be."""

    def __init__(self, tree: WorkTree, path: str, data: bytes) -> None:
        self._tree = tree
        self._path = path
        self._data = data

    def files(self) -> Mapping[str, str]:
        from reconciler.inventory.source import blob_id

        return {**self._tree.files(), self._path: blob_id(self._data)}

    def read(self, path: str) -> bytes:
        return self._data if path == self._path else self._tree.read(path)


def _eject(project: Project, site: Ref) -> None:
    """
    Write out *site*, once it is sure that nothing changes by it.

    Raises:
        InventoryError: The entry shares its lines, or something would change.
    """
    from reconciler.inventory.eject import ejected

    tree = WorkTree(project.root, project.folders[0])
    today, allow = project.system_time.date(), project.allowed_secrets
    before = load(tree, allow=allow, today=today)
    path, head = before.head(site)
    file = project.root / path
    text = file.read_bytes().decode("utf-8")
    pieces = before.expansion(site)
    after = ejected(text, path, head, pieces).encode("utf-8")
    at = before.at(site)
    try:
        then = load(_Edited(tree, path, after), allow=allow, today=today)
        same = _digests(then, site) == _digests(before, site)
    except InventoryErrors as error:
        raise InventoryError(
            f"{site} cannot be written out: {error.errors[0].what}",
            at=at,
            hint="nothing was written",
            code="E671",
        ) from error
    if not same:
        raise InventoryError(
            f"{site} written out would not mean the same", at=at,
            hint="nothing was written", code="E671",
        )  # fmt: skip
    replace(file, after)
    named = ", ".join(str(piece.ref) for piece in pieces)
    project.say(f"{path}: {site} is now {named or 'nothing'}")


def _digests(inventory: Inventory, site: Ref) -> dict[Ref, bytes]:
    return {ref: d for ref, d in inventory.digests().items() if ref != site}


def replace(file: Path, data: bytes) -> None:
    """Write *file* anew at once, with its mode kept: a crash leaves the old one."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        Path(name).chmod(file.stat().st_mode & 0o7777)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
