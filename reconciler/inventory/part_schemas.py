"""Schemas of what a Site is made of: partial specs that are open for tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.inventory.parts import PROFILE, SITE

Schema = dict[str, Any]
_REF = "#/$defs/"
_JSON = "JsonValue"
#: What says how a text has to look: a token looks like none of it.
_FORMS = frozenset(("pattern", "enum", "const", "format", "minLength", "maxLength"))
#: What an editor shows of a field, whichever of its forms is written.
_TOLD = ("description", "default", "examples")
_UID: Schema = {
    "type": "string",
    "description": "In a Site alone: the uid of the document that became this part.",
}
_TOKEN: Schema = {"type": "string", "pattern": r"\$"}


def with_parts(models: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the *models*, Site and SiteProfile with the fields of their parts."""
    found = dict(models)
    if PROFILE not in models or SITE not in models:
        return found
    profile, site = dict(models[PROFILE]), dict(models[SITE])
    spec = dict(_spec(profile))
    kinds = sorted(spec["properties"])
    parts = _Parts(models)
    of_kinds = {kind: parts.of(kind) for kind in kinds}
    spec["properties"] = {
        kind: {**_told(given), "anyOf": [of_kinds[kind], {"type": "null"}]}
        for kind, given in spec["properties"].items()
    }
    found[PROFILE] = _changed(profile, spec, parts.defs)
    spec = dict(_spec(site))
    fields = spec["properties"] = dict(spec["properties"])
    fields["with"] = {
        **_told(fields["with"]),
        "type": "object",
        "additionalProperties": False,
        "properties": of_kinds,
    }
    fields["without"] = {**fields["without"], "items": {"enum": kinds}}
    found[SITE] = _changed(site, spec, parts.defs)
    return found


def _spec_name(model: Schema) -> str:
    name: str = model["properties"]["spec"]["$ref"]
    return name.removeprefix(_REF)


def _spec(model: Schema) -> Schema:
    found: Schema = model["$defs"][_spec_name(model)]
    return found


def _changed(model: Schema, spec: Schema, defs: Schema) -> Schema:
    kept = {key: value for key, value in model["$defs"].items() if key != _JSON}
    return {**model, "$defs": {**kept, _spec_name(model): spec, **defs}}


def _told(schema: Schema) -> Schema:
    return {key: schema[key] for key in _TOLD if key in schema}


class _Parts:
    """
    Makes a kind's schema partial, with everything below it.

    Attributes:
        defs: What was made, by its name.
    """

    def __init__(self, models: Mapping[str, Schema]) -> None:
        self._models = models
        self.defs: dict[str, Schema] = {}

    def of(self, kind: str) -> Schema:
        """Return the schema of a part."""
        found = self._named(kind, _spec_name(self._models[kind]), whole=False)
        part = self.defs[found["$ref"].removeprefix(_REF)]
        part["properties"] = {**part["properties"], "uid": _UID}
        return found

    def _named(self, kind: str, name: str, *, whole: bool) -> Schema:
        """Return a reference to the definition *name* of *kind*, made where missing."""
        given: Schema = self._models[kind]["$defs"][name]
        whole = whole and "required" in given
        own = f"parts.{kind}.{name}{'.whole' if whole else ''}"
        if own not in self.defs:
            self.defs[own] = {}  # one that is in itself is made once
            self.defs[own] = self._open(kind, given, whole=whole)
        return {"$ref": f"{_REF}{own}"}

    def _open(self, kind: str, given: Schema, *, whole: bool) -> Schema:
        """Return *given* for part of a spec; *whole*: in a list, which replaces."""
        if reference := given.get("$ref"):
            name = reference.removeprefix(_REF)
            return {**given, **self._named(kind, name, whole=whole)}
        found = dict(given)
        if not whole:
            found.pop("required", None)
        for key, below in given.items():
            if key == "properties":
                found[key] = {
                    name: self._open(kind, one, whole=whole)
                    for name, one in below.items()
                }
            elif key in {"anyOf", "oneOf"}:
                found[key] = [self._open(kind, one, whole=whole) for one in below]
            elif key in {"items", "additionalProperties"} and isinstance(below, dict):
                in_list = whole or key == "items"
                found[key] = self._open(kind, below, whole=in_list)
        if given.get("type") == "string" and _FORMS & given.keys():
            form = {key: one for key, one in found.items() if key not in _TOLD}
            return {**_told(given), "anyOf": [form, _TOKEN]}
        return found
