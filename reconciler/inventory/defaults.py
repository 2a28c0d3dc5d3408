"""``_defaults.yaml``: partial specs for a folder and everything below it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from reconciler.inventory.complaint import shown
from reconciler.inventory.merge import merged
from reconciler.inventory.node import Path
from reconciler.inventory.written import Wrong, no_such_kind, version

NAME = "_defaults.yaml"


class Partial(NamedTuple):
    """A partial spec and its path in the file."""

    where: Path
    spec: dict[str, Any]


class Defaults(NamedTuple):
    """What one ``_defaults.yaml`` says, by kind."""

    path: str
    kinds: Mapping[str, Partial]


def is_defaults(path: str) -> bool:
    """Say whether *path* holds defaults and no resources."""
    return path == NAME or path.endswith(f"/{NAME}")


def above(path: str, known: Collection[str]) -> tuple[str, ...]:
    """Return those of *known* that apply to the file *path*, outer ones first."""
    parts = path.split("/")[:-1]
    folders = ["/".join((*parts[:depth], NAME)) for depth in range(len(parts) + 1)]
    return tuple(folder for folder in folders if folder in known)


def read(
    path: str, documents: Iterable[Any], kinds: Collection[str]
) -> tuple[Defaults, list[Wrong]]:
    """Return the defaults in *documents*, and what is wrong with their form."""
    found: dict[str, Partial] = {}
    wrong: list[Wrong] = []
    first = True
    for number, document in enumerate(documents):
        if document is None:
            continue
        if not isinstance(document, dict):
            wrong.append(Wrong("E113", (number,), "the document is not a mapping"))
            continue
        wrong += version(document, number, first=first)
        first = False
        for key, value in document.items():
            if key != "apiVersion":
                wrong += _one(key, value, (number, key), kinds, found)
    return Defaults(path, found), wrong


def _one(
    key: str,
    value: Any,
    where: Path,
    kinds: Collection[str],
    found: dict[str, Partial],
) -> Iterable[Wrong]:
    if key not in kinds:
        if "/" in key:
            what = f"{shown(key)!r} is a resource, and this file holds defaults"
            yield Wrong("E117", where, what, "write Kind: {fields}, without a name")
        else:
            yield no_such_kind(key, where, kinds)
    elif value is not None and not isinstance(value, dict):
        yield Wrong("E122", where, f"{key}: write a mapping of fields")
    elif key in found:
        yield Wrong("E106", where, f"the defaults of {key} are written twice")
    else:
        found[key] = Partial(where, value or {})


def applied(kind: str, spec: dict[str, Any], defaults: Iterable[Defaults]) -> Any:
    """Return *spec* over the defaults of its kind, outer ones first."""
    low: Any = None
    for each in defaults:
        if kind in each.kinds:
            partial = each.kinds[kind].spec
            low = partial if low is None else merged(low, partial)
    return spec if low is None else merged(low, spec)
