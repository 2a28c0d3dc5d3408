"""What pydantic found, in plain sentences with codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from reconciler.inventory.complaint import did_you_mean, listing, shown
from reconciler.inventory.node import Path
from reconciler.inventory.shape import aliases, example


class Said(NamedTuple):
    """
    One thing a model refuses.

    Attributes:
        path: Where in the effective resource.
        value: Whether it is the value that is wrong, and not that it is there.
    """

    code: str
    path: Path
    text: str
    hint: str | None = None

    @property
    def what(self) -> str:
        """The path and the sentence, as people read it."""
        where = dotted(self.path)
        return f"{where}: {self.text}" if where else self.text


def dotted(path: Iterable[str | int]) -> str:
    """Return *path* as people write it: ``spec.dns.records[0].name``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{shown(step)}"
    return text.removeprefix(".")


_TYPES = {
    "bool": ("E122", "write true or false"),
    "int": ("E122", "write a whole number"),
    "float": ("E122", "write a number"),
    "decimal": ("E122", "write a number"),
    "string": ("E122", "write text, in quotes if need be"),
    "list": ("E122", "write a list"),
    "tuple": ("E122", "write a list"),
    "set": ("E122", "write a list"),
    "frozen_set": ("E122", "write a list"),
    "dict": ("E122", "write a mapping of fields"),
    "mapping": ("E122", "write a mapping of fields"),
    "model": ("E122", "write a mapping of fields"),
    "date": ("E124", "write a date, as in 2026-11-22"),
    "datetime": ("E124", "write a date and time, as in 2026-11-22T08:00:00Z"),
    "timezone": ("E124", "write the time with its zone, as in 2026-11-22T08:00:00Z"),
    "time": ("E124", "write a time of day, as in 21:00"),
    "ip_v4": ("E124", "write an IPv4 address"),
    "ip_v6": ("E124", "write an IPv6 address"),
    "ip_any": ("E124", "write an IP address"),
    "url": ("E124", "write a URL"),
    "none": ("E122", "write nothing here"),
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "needs at least {min_length} entries",
    "too_long": "takes at most {max_length} entries",
    "string_pattern_mismatch": "must be of the form {pattern}",
    "finite_number": "must be a finite number",
    "decimal_max_places": "has more than {decimal_places} decimals",
    "decimal_max_digits": "has more than {max_digits} digits",
}
_SECRET = "SecretRef"  # noqa: S105  (the name of a model)


def sentences(error: ValidationError, model: type[BaseModel], data: Any) -> list[Said]:
    """Return what *error* says about *data*, one entry for each cause."""
    plain: list[Said] = []
    unions: dict[Path, list[tuple[Path, Mapping[str, Any]]]] = {}
    for row in error.errors(include_url=False, include_input=False):
        path, label = _really(row["loc"], data, missing=row["type"] == "missing")
        if label is None:
            plain.append(_said(row, path, model, data))
        else:
            unions.setdefault(label, []).append((path, row))
    for where, rows in unions.items():
        plain += _of_union(where, rows, model, data)
    return _deepest(plain)


def _really(
    location: Iterable[str | int], data: Any, *, missing: bool
) -> tuple[Path, Path | None]:
    """Return the path in *data*, and that of the union the rest lies in."""
    steps = list(location)
    path: list[str | int] = []
    union: Path | None = None
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif isinstance(data, (list, tuple)) and _index(step, data):
            data = data[int(step)]
        elif not (last and missing):
            union = union if union is not None else tuple(path)
            continue
        path.append(step)
    return tuple(path), union


def _index(step: str | int, data: list[Any] | tuple[Any, ...]) -> bool:
    return isinstance(step, int) and step < len(data)


def _of_union(
    where: Path,
    rows: list[tuple[Path, Mapping[str, Any]]],
    model: type[BaseModel],
    data: Any,
) -> list[Said]:
    """Keep the branch that was meant; where none was, name them all."""
    meant = [(path, row) for path, row in rows if not _other_branch(path, row, where)]
    if meant:
        return [_said(row, path, model, data) for path, row in meant]
    said = [_said(row, path, model, data) for path, row in rows]
    texts = dict.fromkeys(each.text for each in said)
    return [Said("E123", where, " or ".join(texts))]


def _other_branch(path: Path, row: Mapping[str, Any], where: Path) -> bool:
    kind = str(row["type"])
    wrong_kind = kind.endswith(("_type", "_parsing")) or kind in {
        "literal_error",
        "enum",
    }
    return path == where and wrong_kind


def _deepest(said: list[Said]) -> list[Said]:
    """Leave out that a list is too short where one of its entries was refused."""
    return [
        one
        for one in said
        if not one.text.startswith("needs at least")
        or not any(
            len(each.path) > len(one.path) and each.path[: len(one.path)] == one.path
            for each in said
        )
    ]


def _said(
    row: Mapping[str, Any], path: Path, model: type[BaseModel], data: Any
) -> Said:
    kind, told = str(row["type"]), row.get("ctx", {})
    if path[:1] == ("metadata",) and (kind == "value_error" or path[1:] == ("name",)):
        return _name(kind, told, path)
    if kind == "missing":
        return Said("E121", path, "is missing", _add(path[-1]))
    if kind == "extra_forbidden":
        return _unknown(path, model)
    if kind in {"value_error", "assertion_error"}:
        return Said("E125", path, _own_words(told))
    if kind in {"literal_error", "enum"}:
        return _choice(str(told.get("expected", "")), path, data)
    if told.get("class_name") == _SECRET and _is_text(_at(data, path)):
        return Said("E150", path, "a secret is written in plain text")
    if kind == "string_pattern_mismatch" and (like := example(model, path)):
        return Said("E124", path, f"write it as in {like}")
    return Said(*_of_type(kind, told, path))


def _of_type(kind: str, told: Mapping[str, Any], path: Path) -> tuple[str, Path, str]:
    if kind in _LIMITS:
        text = _LIMITS[kind].format_map(told)
        return "E124", path, text.replace(" 1 entries", " 1 entry")
    for prefix, (code, text) in _TYPES.items():
        if re.match(rf"{prefix}(_|$)", kind):
            return code, path, text
    return "E124", path, "is not valid here"


def _own_words(told: Mapping[str, Any]) -> str:
    text = str(told.get("error", "")) or "is not valid here"
    return shown(" ".join(text.split())) if len(text) > 200 else text  # noqa: PLR2004


def _add(key: str | int) -> str:
    return f"add {key}: ..."


def _name(kind: str, told: Mapping[str, Any], path: Path) -> Said:
    where = ("metadata", "name") if path == ("metadata",) else path
    if kind == "value_error":
        return Said("E130", where, _own_words(told))
    if kind == "missing":
        return Said("E121", path, "is missing", _add(path[-1]))
    return Said("E130", where, "is no name")


def _unknown(path: Path, model: type[BaseModel]) -> Said:
    known = sorted(aliases(model, path[:-1]))
    fields = f"the fields are {', '.join(known)}"
    return Said(
        "E120", path, "no such field", did_you_mean(str(path[-1]), known, fields)
    )


def _choice(expected: str, path: Path, data: Any) -> Said:
    words = re.findall(r"'([^']*)'", expected)
    value = _at(data, path)
    hint = did_you_mean(value, words, "") if isinstance(value, str) else ""
    return Said("E123", path, f"write {listing(words)}", hint or None)


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _at(data: Any, path: Path) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data
