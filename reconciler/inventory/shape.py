"""What a model says about the fields below it: references and exact scalars."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from reconciler.model import To

Path = tuple[str | int, ...]
_MAYBE = (str, int, float)


class Shape(NamedTuple):
    """
    What has to be looked at in one value.

    Attributes:
        to: It names another resource; a mapping may say more than the name.
        exact: It is a ``bool`` or an ``int``, for which pydantic would take text, or
            a model that YAML writes as text (``str``) and Python as a mapping.
        fields: What has to be looked at in a mapping, by YAML key.
        each: What has to be looked at in every item or value.
    """

    to: To | None = None
    exact: type | None = None
    fields: Mapping[str, Shape] = {}
    each: Shape | None = None


class Named(NamedTuple):
    """A reference as written: where, to what."""

    path: Path
    to: To
    name: str


@cache
def shape_of(model: type[BaseModel]) -> Shape:
    """Return the shape of the mapping that *model* is made from."""
    return _of_model(model, ())


def _of_model(model: type[BaseModel], inside: tuple[type, ...]) -> Shape:
    if model in inside:
        return Shape()
    found: dict[str, Shape] = {}
    for name, field in model.model_fields.items():
        marks = [mark for mark in field.metadata if isinstance(mark, To)]
        shape = _of(field.annotation, (*inside, model), marks[0] if marks else None)
        if shape != Shape():
            found[field.alias or name] = shape
    bare = found.get(getattr(model, "short", None) or "")
    return Shape(to=bare.to if bare else None, fields=found)


def _of(kind: Any, inside: tuple[type, ...], to: To | None = None) -> Shape:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        marks = [mark for mark in args[1:] if isinstance(mark, To)]
        return _of(args[0], inside, marks[0] if marks else to)
    if origin in {Union, types.UnionType}:
        shapes = [_of(arg, inside, to) for arg in args if arg is not type(None)]
        return _any_of(shapes)
    if origin in {tuple, list, set, frozenset, Sequence}:
        return _each(_of(args[0], inside, to) if args else Shape())
    if origin in {dict, Mapping}:
        return _each(_of(args[1], inside, to))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if "__get_pydantic_json_schema__" in vars(kind):
            return Shape(exact=str)
        return _of_model(kind, inside)
    return Shape(to=to, exact=kind if kind in {bool, int} else None)


def _each(item: Shape) -> Shape:
    return Shape(each=item) if item != Shape() else Shape()


def _any_of(shapes: list[Shape]) -> Shape:
    """Join the branches of a union; an exact scalar only if it is the only one."""
    if len(shapes) == 1:
        return shapes[0]
    fields = {key: shape for each in shapes for key, shape in each.fields.items()}
    return Shape(
        to=next((shape.to for shape in shapes if shape.to), None),
        fields=fields,
        each=next((shape.each for shape in shapes if shape.each), None),
    )


def references(shape: Shape, data: Any, path: Path = ()) -> Iterator[Named]:
    """Yield the references in *data*."""
    for where, below, value in _walk(shape, data, path):
        if below.to and isinstance(value, str) and (ref := below.to.named(value)):
            yield Named(where, below.to._replace(kind=ref.kind), ref.name)


def inexact(shape: Shape, data: Any, path: Path = ()) -> Iterator[tuple[Path, type]]:
    """Yield the places of values that only look like the bool or int wanted."""
    for where, below, value in _walk(shape, data, path):
        if below.exact and _coerced(below.exact, value):
            yield where, below.exact


def _coerced(wanted: type, value: Any) -> bool:
    if wanted is str:
        return isinstance(value, dict)
    return type(value) is not wanted and isinstance(value, _MAYBE)


def leaves(shape: Shape, data: Any, found: list[tuple[Shape, Any]]) -> None:
    """Add what has to be looked at in *data*, without its place: the fast way."""
    if shape.to or shape.exact:
        found.append((shape, data))
    kind = data.__class__
    if kind is dict:
        if shape.fields:
            for key, below in shape.fields.items():
                if key in data:
                    leaves(below, data[key], found)
        elif shape.each:
            for value in data.values():
                leaves(shape.each, value, found)
    elif kind is list and shape.each:
        for value in data:
            leaves(shape.each, value, found)


def named(found: list[tuple[Shape, Any]]) -> Iterator[tuple[To, str]]:
    """Yield the references among the leaves."""
    for shape, value in found:
        if not shape.to or value.__class__ is not str or value in shape.to.besides:
            continue
        if shape.to.kind:
            yield shape.to, value
        elif ref := shape.to.named(value):
            yield shape.to._replace(kind=ref.kind), ref.name


def is_exact(found: list[tuple[Shape, Any]]) -> bool:
    """Say whether ``inexact`` would yield nothing for the same data."""
    return not any(
        shape.exact and _coerced(shape.exact, value) for shape, value in found
    )


def _walk(shape: Shape, data: Any, path: Path) -> Iterator[tuple[Path, Shape, Any]]:
    if shape.to or shape.exact:
        yield path, shape, data
    if isinstance(data, dict):
        if shape.fields:
            for key, below in shape.fields.items():
                if key in data:
                    yield from _walk(below, data[key], (*path, key))
        elif shape.each:
            for key, value in data.items():
                yield from _walk(shape.each, value, (*path, key))
    elif isinstance(data, (list, tuple)) and shape.each:
        for number, value in enumerate(data):
            yield from _walk(shape.each, value, (*path, number))


def aliases(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the YAML keys allowed in the mapping at *path* below *model*."""
    keys: list[str] = []
    for found in _models_at(model, tuple(path)):
        keys += [field.alias or name for name, field in found.model_fields.items()]
    return keys


def example(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """Return how the text at *path* below *model* may look; empty if none says so."""
    for found in _models_at(model, tuple(path[:-1])):
        for name, field in found.model_fields.items():
            if (field.alias or name) == path[-1] and field.examples:
                return str(field.examples[0])
    return ""


def _models_at(kind: Any, path: Path) -> Iterator[type[BaseModel]]:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _models_at(args[0], path)
    elif origin in {Union, types.UnionType}:
        for arg in args:
            yield from _models_at(arg, path)
    elif origin in {tuple, list, dict} and path and args:
        yield from _models_at(args[1] if origin is dict else args[0], path[1:])
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        if not path:
            yield kind
            return
        for name, field in kind.model_fields.items():
            if (field.alias or name) == path[0]:
                yield from _models_at(field.annotation, path[1:])
