"""Every effective value of a resource, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from reconciler.inventory.merge import KEYED
from reconciler.inventory.node import Path, Step
from reconciler.inventory.origin import Layer, Places, place
from reconciler.model.location import Location

#: How a value is called that nobody wrote.
DEFAULT = "default"
_WITH = ("spec", "with")
_NOWHERE: Any = object()
#: Keys of a SecretRef: one of them is written, the others say nothing.
_PLACES = frozenset(("env", "file", "sops", "awsSecretsManager", "vault"))


class Leaf(NamedTuple):
    """
    One value.

    Attributes:
        path: As in ``spec.dns.records[www/A].value``.
        value: Text, number, boolean, None or a list of these, as YAML writes it.
        at: Where it was written; None for the kind's own default.
        source: What it came from, in words: ``SiteProfile/brochure``, ``Site/x``,
            ``with``, ``Domain defaults``, the address itself, ``default``.
    """

    path: str
    value: Any
    at: Location | None
    source: str


def leaves(
    places: Places, layers: Sequence[Layer], written: Any, whole: Any
) -> Iterator[Leaf]:
    """
    Yield the values of a spec, in the order of *whole*.

    Args:
        places: The places in all files.
        layers: What the resource is made from, the strongest first.
        written: The spec as somebody wrote it, with defaults and includes.
        whole: The same with the kind's own defaults.
    """
    for path, value, known in _walk(("spec",), written, whole, ""):
        yield _leaf(places, layers, path, value, known=known)


def _leaf(
    places: Places, layers: Sequence[Layer], path: Path, value: Any, *, known: bool
) -> Leaf:
    found = places.find(layers, path) if known else None
    if found is None:
        return Leaf(shown(path), value, None, DEFAULT)
    at = place(found.layer.file, found.node, key=not found.exact)
    source = "with" if found.path[:2] == _WITH else found.layer.name
    return Leaf(shown(path), value, at, source)


def _walk(
    path: Path, written: Any, whole: Any, key: str
) -> Iterator[tuple[Path, Any, bool]]:
    """Yield path, value, and whether it was written."""
    known = written is not _NOWHERE
    if isinstance(whole, dict) and whole:
        own = written if isinstance(written, dict) else {}
        for name, value in whole.items():
            if name in own or not (value is None and own.keys() & _PLACES):
                below = own.get(name, _NOWHERE)
                yield from _walk((*path, name), below, value, name)
    elif isinstance(whole, list) and any(isinstance(each, dict) for each in whole):
        rows = written if isinstance(written, list) else []
        for number, value in enumerate(whole):
            below = rows[number] if number < len(rows) else _NOWHERE
            step: Step = number
            if key in KEYED and below is not _NOWHERE:
                step = KEYED[key](below) or number
            yield from _walk((*path, step), below, value, "")
    else:
        yield path, whole, known


def shown(path: Path) -> str:
    """Return *path* as ``Inventory.at`` takes it."""
    text = ""
    for number, step in enumerate(path):
        keyed = number and path[number - 1] in KEYED
        text += f"[{step}]" if keyed or isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
