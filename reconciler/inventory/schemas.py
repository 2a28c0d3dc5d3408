"""JSON Schemas of the YAML (draft 2020-12), generated from the kinds' models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from reconciler.inventory.part_schemas import with_parts
from reconciler.inventory.written import API_VERSION, ENTRY_KEYS
from reconciler.model import AnyResource
from reconciler.model.ref import NAMES_OF

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ATTRIBUTES = "Attributes:"
#: Definitions that a partial spec has no part in.
_WHOLE = frozenset(("entry", "Metadata"))


class _Generator(GenerateJsonSchema):
    """Takes descriptions of fields from the ``Attributes:`` of a docstring."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        model = schema["cls"]
        if isinstance(found.get("properties"), dict):
            _describe(found, model)
        found.pop("title", None)
        return found

    def get_title_from_name(self, name: str) -> str:
        """Return a name as it is: keys need no titles."""
        return name

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Say that no key needs a title: it would repeat the key."""
        del schema
        return False


def _describe(found: JsonSchemaValue, model: type[BaseModel]) -> None:
    summary, fields = documented(model)
    if summary:
        found["description"] = summary
    for name, field in model.model_fields.items():
        key = field.alias or name
        if name in fields and key in found["properties"]:
            found["properties"][key].setdefault("description", fields[name])
        if "default" in found["properties"].get(key, {}):
            found["properties"][key]["default"] = _default(model, name, field.default)


def _default(model: type[BaseModel], name: str, value: Any) -> Any:
    """Return the default as YAML would write it, and not as ISO 8601."""
    made = model.model_construct(_fields_set={name}, **{name: value})
    dumped = made.model_dump(mode="json", include={name}, warnings=False)
    return dumped[name]


def documented(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and what it says of each field."""
    text = cleandoc(model.__doc__ or "")
    summary = " ".join(text.split("\n\n")[0].split())
    fields: dict[str, str] = {}
    _, _, attributes = text.partition(_ATTRIBUTES)
    for row in re.split(r"\n(?=    \w+: )", attributes):
        name, colon, said = row.strip().partition(": ")
        if colon:
            fields[name] = " ".join(said.split())
    return summary, fields


def schemas(
    kinds: Mapping[str, type[AnyResource]] | None = None,
) -> dict[str, str]:
    """
    Return every schema of the inventory: file name -> text.

    ``<Kind>.schema.json`` is the long form of one kind, ``inventory.schema.json``
    both forms of all, ``defaults.schema.json`` a ``_defaults.yaml``.
    """
    if kinds is None:
        from reconciler.kinds import kinds as every  # noqa: PLC0415

        kinds = every()
    models = with_parts({name: _model(kinds[name]) for name in sorted(kinds)})
    found = {f"{name}.schema.json": long_form(name, models[name]) for name in models}
    found["inventory.schema.json"] = _inventory(models)
    found["defaults.schema.json"] = _defaults(models)
    return {name: _json(found[name]) for name in sorted(found)}


def with_names(text: str, names: Mapping[str, Iterable[str]]) -> str:
    """
    Return a schema that offers the *names* there are, by kind, where one belongs.

    Another name stays allowed: that it is missing is `validate`'s to say, with a place.
    """
    return _json(_offering(json.loads(text), names))


def _offering(schema: Any, names: Mapping[str, Iterable[str]]) -> Any:
    if isinstance(schema, list):
        return [_offering(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    below = {key: _offering(value, names) for key, value in schema.items()}
    offered: list[str] = []
    match below.get(NAMES_OF):
        case str(kind):
            offered = [*below.get(f"{NAMES_OF}-besides", ())]
            offered += sorted(names.get(kind, ()))
        case list(kinds):
            every = ((kind, sorted(names.get(kind, ()))) for kind in kinds)
            offered = [f"{kind}/{name}" for kind, some in every for name in some]
        case _:
            pass
    if offered:
        below["anyOf"] = [{"enum": offered}, {"type": "string"}]
    return below


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _model(kind: type[AnyResource]) -> dict[str, Any]:
    mode: JsonSchemaMode = "validation"
    return kind.model_json_schema(by_alias=True, schema_generator=_Generator, mode=mode)


def long_form(name: str, model: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one document of the kind *name*."""
    properties = model["properties"]
    return {
        "$schema": DIALECT,
        "$defs": model.get("$defs", {}),
        "title": name,
        "description": model.get("description", name),
        "type": "object",
        "additionalProperties": False,
        "required": ["kind", "metadata", "spec"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": name},
            "metadata": properties["metadata"],
            "spec": properties["spec"],
        },
    }


def _inventory(models: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of any document: the long form of a kind, or the short."""
    defs: dict[str, Any] = {}
    for name, model in models.items():
        defs.update(_prefixed(name, model))
    long_forms = [
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["kind", "metadata", "spec"],
            "properties": {
                "apiVersion": {"const": API_VERSION},
                "kind": {"const": name},
                "metadata": {"$ref": f"#/$defs/{name}.Metadata"},
                "spec": {"$ref": f"#/$defs/{name}.spec"},
            },
        }
        for name in models
    ]
    return {
        "$schema": DIALECT,
        "$defs": defs,
        "title": "inventory",
        "description": "One document: Kind/name entries, or the long form of one kind.",
        "oneOf": [_short_form(models), *long_forms],
    }


def _short_form(models: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {"apiVersion": {"const": API_VERSION}},
        "patternProperties": {
            f"^{name}/.": {"$ref": f"#/$defs/{name}.entry"} for name in models
        },
    }


def _prefixed(name: str, model: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions of one kind, with the kind before each name."""
    text = json.dumps(model).replace('"#/$defs/', f'"#/$defs/{name}.')
    own = json.loads(text)
    defs = {f"{name}.{key}": value for key, value in own.get("$defs", {}).items()}
    spec = _resolved(own["properties"]["spec"], defs)
    defs[f"{name}.spec"] = spec
    metadata = defs[f"{name}.Metadata"]["properties"]
    entry_keys = {key: metadata[key] for key in ENTRY_KEYS}
    defs[f"{name}.entry"] = {
        **spec,
        "type": ["object", "null"] if not spec.get("required") else "object",
        "properties": {**spec["properties"], **entry_keys},
    }
    return defs


def _resolved(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    found: dict[str, Any] = defs[reference.removeprefix("#/$defs/")]
    return found


def _defaults(models: dict[str, Any]) -> dict[str, Any]:
    defs: dict[str, Any] = {}
    for name, model in models.items():
        below = _prefixed(name, model)
        defs |= {k: v for k, v in below.items() if k.split(".")[1] not in _WHOLE}
        spec = defs[f"{name}.spec"]
        defs[f"{name}.spec"] = _partial(spec, defs)
    return {
        "$schema": DIALECT,
        "$defs": defs,
        "title": "defaults",
        "description": "A _defaults.yaml: partial specs for a folder and below.",
        "type": "object",
        "additionalProperties": False,
        "required": ["apiVersion"],
        "properties": {
            "apiVersion": {"const": API_VERSION},
            **{name: {"$ref": f"#/$defs/{name}.spec"} for name in models},
        },
    }


def _partial(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* with nothing required, in the mappings below it neither."""
    loose = {key: value for key, value in schema.items() if key != "required"}
    for value in loose.get("properties", {}).values():
        below = value.get("$ref", "").removeprefix("#/$defs/")
        if below in defs:
            defs[below] = _partial(defs[below], defs)
    return loose
