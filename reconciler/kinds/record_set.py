"""DNS records that several domains share, by ``dns.include``."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change, Spec
from reconciler.model.record import Record
from reconciler.model.resource import Resource


class RecordSetSpec(Spec):
    """The records, as they would stand in ``dns.records``."""

    records: tuple[Record, ...]


class RecordSet(Resource[Change]):
    """A snippet of DNS records under a name."""

    kind: ClassVar[str] = "RecordSet"
    spec: RecordSetSpec


KIND = RecordSet
