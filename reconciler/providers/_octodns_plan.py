"""An octoDNS plan made of approved record sets, and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octodns.provider.plan import Plan
from octodns.record import Create, Delete, Update

from reconciler.providers._octodns_rows import Row, key_of, record_of, zone_of
from reconciler.providers._txt import OURS, Form


def plan_of(live: Any, todo: Mapping[str, Row | None], form: Form = OURS) -> Any:
    """
    Return the plan that writes *todo* (None removes) into the zone *live*.

    octoDNS would compare whole zones; its thresholds read the wrong ones
    (``Plan`` looks at the live zone's, which never has any). Here the comparison was
    made, judged and approved before, and the plan holds exactly that.
    """
    existing = {key_of(record): record for record in live.records}
    desired = zone_of(live.name.removesuffix("."))
    for key, record in existing.items():
        if key not in todo:
            desired.add_record(record, lenient=True)
    changes = []
    for key, row in todo.items():
        old = existing.get(key)
        if row is None:
            changes.append(Delete(old))
            continue
        new = record_of(desired, key, row, form)
        desired.add_record(new, lenient=True)
        if old is None:
            changes.append(Create(new))
        else:
            new.octodns.update(old.octodns)
            changes.append(Update(old, new))
    return Plan(live, desired, changes, exists=True)
