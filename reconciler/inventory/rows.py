"""What the loader keeps of one valid resource: enough for every later question."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

from reconciler.model.names import to_ascii


class Edge(NamedTuple):
    """A reference; *orders* is False where it is only checked for existence."""

    kind: str
    name: str
    orders: bool


class Row(NamedTuple):
    """
    One resource, as plain text.

    Attributes:
        uid: Empty where it is the name.
        labels: The labels as JSON.
        content: Spec, labels, uid, protected and movedFrom as canonical JSON, with
            defaults and includes.
        includes: The addresses of what else *content* was made from (RecordSets; of
            a Site its profile and server), with the digests these had.
        site: The name of the Site that makes it; empty where it is written itself.
    """

    kind: str
    name: str
    uid: str
    labels: str
    edges: tuple[Edge, ...]
    content: str
    includes: tuple[tuple[str, str], ...] = ()
    site: str = ""

    @property
    def digest(self) -> str:
        """The hash of the effective content."""
        return digest_of(self.content)


def target(name: str) -> str:
    """Return the name a reference means; a domain may be written in either form."""
    if name.isascii():
        return name
    try:
        return to_ascii(name)
    except ValueError:
        return name


def digest_of(content: str) -> str:
    """Return the digest of a row's content."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


_encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


def canonical(data: Any) -> str:
    """Return *data* as JSON that is equal for equal data."""
    return _encode(data)


def content_of(metadata: dict[str, Any], spec_text: str, name: str) -> str:
    """
    Return the effective content of a resource called *name*.

    The spec comes as canonical JSON, because models may complete what they are
    given, and the content is what was written.
    """
    moved = metadata.get("movedFrom")
    protected = metadata.get("protected", False)
    return (
        f'{{"labels":{labels_text(metadata)},'
        f'"movedFrom":{_encode(moved) if moved else "null"},'
        f'"protected":{_encode(protected) if protected else "false"},'
        f'"spec":{spec_text},'
        f'"uid":{_encode(metadata.get("uid") or name)}}}'
    )


def labels_text(metadata: dict[str, Any]) -> str:
    """Return the labels as canonical JSON."""
    labels = metadata.get("labels")
    return _encode(labels) if labels else "{}"


def envelope(row_name: str, content: str) -> dict[str, Any]:
    """Return the long form of a row, as a model takes it."""
    data = json.loads(content)
    spec = data.pop("spec")
    return {"metadata": {"name": row_name, **data}, "spec": spec}


def dump(rows: list[Row]) -> str:
    """Return *rows* as JSON."""
    return json.dumps(rows, separators=(",", ":"), ensure_ascii=False)


def parse(text: str) -> list[Row]:
    """
    Return the rows that ``dump`` wrote.

    Raises:
        ValueError: It wrote no such thing.
    """
    try:
        return [_row(*fields) for fields in json.loads(text)]
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError("no rows") from error


def _row(*fields: Any) -> Row:
    kind, name, uid, labels, edges, content, includes, site = fields
    return Row(
        kind,
        name,
        uid,
        labels,
        tuple(Edge(*edge) for edge in edges),
        content,
        tuple((each, digest) for each, digest in includes),
        site,
    )
