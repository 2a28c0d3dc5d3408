"""``python -m benchmarks``: measure, print one table, write it as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.row import QUICK, Row, Size, table

#: What can be measured: name -> (module, function).
MEASURES = {
    "validate": ("local", "validate"),
    "plan": ("local", "plan"),
    "changed": ("local", "changed"),
    "large": ("local", "large"),
    "growth": ("local", "growth"),
    "dns": ("dns", "dns"),
    "requests": ("requests", "requests"),
    "hosting": ("hosting", "hosting"),
    "import": ("imports", "imports"),
    "issuing": ("issuing", "issuing"),
    "probing": ("probing", "probing"),
    "renewals": ("certificates", "renewals"),
    "books": ("books", "books"),
    "crash": ("crash", "crash"),
    "drilling": ("drilling", "drilling"),
    "paying": ("paying", "paying"),
    "subscriptions": ("subscriptions", "subscriptions"),
    "usage": ("usage", "usage"),
    "archive": ("archiving", "archive"),
    "m4": ("forecasting", "competition"),
    "breach": ("forecasting", "breach"),
    "nab": ("novelty", "novelty"),
    "filling": ("filling", "filling"),
    "freshness": ("buckets", "freshness"),
    "rewind": ("buckets", "rewinding"),
    "retention": ("retention", "retention"),
    "sabotage": ("sabotage", "sabotage"),
    "scaling": ("scaling", "scaling"),
    "start": ("start", "start"),
    "storm": ("storm", "storm"),
    "page": ("page", "page"),
}
#: Small matrices: threads of the algebra would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
LATEST = Path(__file__).parent / "results" / "latest.json"


def main() -> int:
    """Measure what is asked for; 1 where a gate is not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=MEASURES, action="append", default=[])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--json", type=Path, default=LATEST, metavar="FILE")
    options = parser.parse_args()
    size = QUICK if options.quick else Size()
    rows: list[Row] = []
    for name in options.only or MEASURES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        module, function = MEASURES[name]
        measure = getattr(importlib.import_module(f"benchmarks.{module}"), function)
        rows += measure(size)
    print(table(rows))
    write(options.json, rows, size)
    failed = sum(row.ok is False for row in rows)
    print(f"\n{failed} gates missed" if failed else "\nevery gate kept")
    return 1 if failed else 0


def write(path: Path, rows: list[Row], size: Size) -> None:
    """Write *rows* with what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "format": "reconciler.benchmarks/v1",
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
        },
        "size": size._asdict(),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
