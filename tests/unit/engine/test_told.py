"""What a receipt measured is recorded: the journal takes no floats."""

from __future__ import annotations

from reconciler.audit.lines import canonical
from reconciler.engine.carry_out import told
from reconciler.model import Receipt


def test_what_was_measured_can_be_recorded():
    details = {"seconds": 1.25, "rows": [3.0, {"rpo": 0.5}], "ok": True, "n": 7}
    found = told(Receipt(reference="x", details=details))
    assert found == {"seconds": "1.25", "rows": [3, {"rpo": "0.5"}], "ok": True, "n": 7}
    assert canonical(found)
