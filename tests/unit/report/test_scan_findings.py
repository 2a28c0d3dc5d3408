"""Findings of the scan in SARIF and in text: one fingerprint each, in every run."""

from __future__ import annotations

import json

from reconciler.cli.show_plan import shown
from reconciler.report.sarif import sarif
from tests.support.plans import finding, plan


def seen(about, message="has no CSP", **more):
    ident = f"web-csp:Certificate/shop:{about}"
    base = finding("shop", "warning", code="web-csp", kind="Certificate")
    return {**base, "message": message, "id": ident, "standing": "", **more}


def marks(*findings):
    results = json.loads(sarif(plan(findings=list(findings))))["runs"][0]["results"]
    return {
        one["properties"]["id"]: one["partialFingerprints"]["primaryLocationLineHash"]
        for one in results
    }


def test_each_part_of_a_resource_has_its_own_fingerprint_and_keeps_it():
    place = {"file": "inventory/a.yaml", "line": 99, "column": 1}
    both = marks(seen("a.example"), seen("b.example"))
    assert len(set(both.values())) == 2
    # The first is mended; the words and the line of the second move.
    left = marks(seen("b.example", "says something else", source=place))
    assert left == {k: v for k, v in both.items() if k.endswith("b.example")}
    assert marks(seen("b.example"), seen("a.example")) == both


def test_what_is_ignored_is_no_alert():
    assert marks(seen("a.example", standing="ignored")) == {}


def test_ids_are_told_where_everything_is():
    made = plan(findings=[seen("a.example")])
    ident = "web-csp:Certificate/shop:a.example"
    assert ident in shown(made, "full", 200)
    assert ident not in shown(made, "changes", 200)
