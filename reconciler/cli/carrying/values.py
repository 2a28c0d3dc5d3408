"""A file of another program as values with places: YAML and TOML, hardened."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import yaml

from reconciler.errors import InventoryErrors, ReconcilerError
from reconciler.inventory.scalars import Unsure, plain
from reconciler.model.location import Location

FOREIGN: Final = "E663"
MAX_BYTES: Final = 1024 * 1024
_MAX_DEPTH: Final = 64
#: So many values at most: aliases of aliases grow without an end.
_MAX_VALUES: Final = 100_000
_TOML_AT: Final = re.compile(r"\(at line (\d+), column (\d+)\)")
_HEADER: Final = re.compile(r"\s*\[{1,2}\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_NAME: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_KEY: Final = re.compile(rf"(\s*)({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_QUOTES: Final = ('"""', "'''")
Steps = tuple[str | int, ...]


class Value(NamedTuple):
    """A value and where it stands: of a mapping, where its key does."""

    data: Any
    at: Location


def replaced(value: Value, words: Mapping[str, str]) -> Value:
    """Return *value* with what each of *words* means in its place, in every text."""
    match value.data:
        case str() as text:
            for word, meant in words.items():
                text = text.replace(word, meant)
            return value._replace(data=text)
        case dict() as below:
            made = {key: replaced(one, words) for key, one in below.items()}
            return value._replace(data=made)
        case list() as rows:
            return value._replace(data=[replaced(one, words) for one in rows])
        case _:
            return value


def wrong(at: Location, what: str, hint: str | None = None) -> ReconcilerError:
    """Return the error for something that is not as its program writes it."""
    return ReconcilerError(what, at=at, hint=hint, code=FOREIGN)


def read(path: Path) -> Value:
    """
    Return what is in *path*: TOML where its name says so, else YAML.

    Anchors, aliases and merge keys are what they are in YAML: other programs have them.

    Raises:
        InventoryErrors: It cannot be read, or is neither.
    """
    shown = str(path)
    start = Location(shown, 1, 1)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        why = (error.strerror or "input/output error").lower()
        raise InventoryErrors([wrong(start, f"cannot be read: {why}")]) from None
    if len(data) > MAX_BYTES:
        raise InventoryErrors([wrong(start, "the file is over 1 MiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        at = Location(shown, line, 1)
        raise InventoryErrors([wrong(at, "the file is not UTF-8")]) from None
    if path.suffix.lower() == ".hcl":
        hint = "write it as TOML or YAML"
        raise InventoryErrors([wrong(start, "HCL cannot be read here", hint)])
    if path.suffix.lower() in {".toml", ".conf"}:
        return _toml(text, shown)
    return _yaml(text, shown)


# -- YAML ------------------------------------------------------------------------------


def _yaml(text: str, shown: str) -> Value:
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = Location(shown, mark.line + 1, mark.column + 1) if mark else None
        what = f"not valid YAML: {error.problem or 'unexpected text'}"
        raise InventoryErrors([wrong(at or Location(shown, 1, 1), what)]) from None
    except (yaml.YAMLError, RecursionError):
        what = "a character that YAML does not allow, or nested too deep"
        raise InventoryErrors([wrong(Location(shown, 1, 1), what)]) from None
    if node is None:
        return Value({}, Location(shown, 1, 1))
    walk = _Walk(shown)
    value = walk.value(node, 0)
    if walk.faults:
        raise InventoryErrors(walk.faults)
    return value


class _Walk:
    """From nodes to values; what is wrong is collected."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._count = 0
        self.faults: list[ReconcilerError] = []

    def value(self, node: yaml.Node, depth: int) -> Value:
        at = self._at(node)
        self._count += 1
        if depth > _MAX_DEPTH or self._count > _MAX_VALUES:
            if self._count < 2 * _MAX_VALUES:
                self.faults.append(wrong(at, "too much is nested, or repeated"))
            self._count = 2 * _MAX_VALUES  # told once
            return Value(None, at)
        if node.tag.startswith("!"):
            what = f"the tag {node.tag} cannot be followed from here"
            hint = "write out what it stands for, as in what `borgmatic config show` prints"  # noqa: E501
            self.faults.append(wrong(at, what, hint))
            return Value(None, at)
        match node:
            case yaml.MappingNode():
                return Value(self._mapping(node, depth), at)
            case yaml.SequenceNode():
                return Value([self.value(one, depth + 1) for one in node.value], at)
            case _:
                return Value(_scalar(cast("yaml.ScalarNode", node)), at)

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key, below in node.value:
            at, name = self._at(key), str(key.value)
            if not isinstance(key, yaml.ScalarNode):
                self.faults.append(wrong(at, "a key must be text"))
                continue
            if key.tag == "tag:yaml.org,2002:merge":
                for one in below.value if _is_list(below) else (below,):
                    found = self.value(one, depth + 1).data
                    found = found if isinstance(found, dict) else {}
                    merged = {**found, **merged}
                continue
            if name in own:
                self.faults.append(wrong(at, f"{name} is written twice"))
            own[name] = self.value(below, depth + 1)._replace(at=at)
        return {**merged, **own}

    def _at(self, node: yaml.Node) -> Location:
        mark = node.start_mark
        return Location(self._shown, mark.line + 1, mark.column + 1)


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return what a scalar means in YAML 1.2, whatever YAML 1.1 says of ``yes``."""
    if node.style:
        return node.value
    try:
        return plain(node.value)
    except Unsure:
        return node.value


# -- TOML ------------------------------------------------------------------------------


def _toml(text: str, shown: str) -> Value:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _TOML_AT.search(str(error))
        last = len(text.splitlines()) or 1
        line, column = (int(found[1]), int(found[2])) if found else (last, 1)
        said = _TOML_AT.sub("", str(error)).removesuffix("(at end of document)")
        what = f"not valid TOML: {said.strip().lower()}"
        raise InventoryErrors([wrong(Location(shown, line, column), what)]) from None
    return _placed(data, _toml_places(text, shown), (), Location(shown, 1, 1))


def _placed(
    data: Any, places: dict[Steps, Location], path: Steps, near: Location
) -> Value:
    at = places.get(path, near)
    match data:
        case dict():
            below = {k: _placed(v, places, (*path, k), at) for k, v in data.items()}
            return Value(below, at)
        case list():
            return Value(
                [_placed(one, places, (*path, n), at) for n, one in enumerate(data)], at
            )
        case str() | int() | float() | bool():
            return Value(data, at)
        case _:
            return Value(str(data), at)  # a date: no policy has one


def _toml_places(text: str, shown: str) -> dict[Steps, Location]:
    """
    Return where each table and key stands.

    What is written over several lines counts where it begins; a key inside an inline
    table counts where that stands. Only messages depend on it.
    """
    places: dict[Steps, Location] = {}
    table: Steps = ()
    within = ""
    for number, line in enumerate(text.splitlines(), 1):
        if within:
            within = "" if within in line else within
            continue
        if header := _HEADER.fullmatch(line):
            table = _steps(header[1])
            at = Location(shown, number, line.index("[") + 1)
            for depth in range(len(table)):  # those above it may have none of their own
                places.setdefault(table[: depth + 1], at)
        elif key := _KEY.match(line):
            at, steps = Location(shown, number, len(key[1]) + 1), _steps(key[2])
            for depth in range(len(steps)):
                places.setdefault((*table, *steps[: depth + 1]), at)
        within = next((q for q in _QUOTES if line.count(q) % 2), "")
    return places


def _steps(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip(" \t\"'") for part in dotted.split("."))
