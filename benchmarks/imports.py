"""An estate that is declared nowhere is imported; then there is nothing to do."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.agency import Agency
from benchmarks.measure import RECONCILER, child
from benchmarks.requests import ACCOUNTS
from benchmarks.row import Row, Size

_DOMAIN = """\
Domain/site-{number:05d}.com:
  provider: porkbun-main
  dns:
    targets: [aws]
    records:
      - {{name: "@", type: A, value: 192.0.2.{host}}}
      - {{name: www, type: CNAME, value: site-{number:05d}.com.}}
      - {{name: "@", type: MX, values: [10 mx1.mail.example., 20 mx2.mail.example.]}}
      - {{name: "@", type: TXT, value: "v=spf1 include:_spf.mail.example -all"}}
"""
#: Names on one page of Porkbun's listing, zones on one of Route 53's.
_NAMES, _ZONES = 1000, 100
#: Every account is listed once to find what it has and once to read it.
_LISTED = 2
#: Each name has one detail call at Porkbun, each zone two at Route 53.
_DETAILS = 3
_MORE = 1.05
#: Who one is, what credit is left, what an ending costs.
_ONCE = 20


def imports(size: Size) -> Iterator[Row]:
    """Import so many names with their zones, and plan."""
    domains = "".join(
        _DOMAIN.format(number=number, host=1 + number % 250)
        for number in range(size.zones)
    )
    with (
        tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder,
        Agency(Path(folder), ACCOUNTS, domains) as agency,
    ):
        agency.root.joinpath("inventory", "domains.yaml").unlink()
        agency.sandbox.ledger.reset_requests()
        argv = [*RECONCILER, "-q", "-C", str(agency.root), "import", "--all"]
        used = child(argv, agency.root)
        asked = agency.sandbox.ledger.requests()
        named = f"import of {size.zones:,} domains and as many zones"
        yield Row(named, used.cpu, "s", note=f"{used.wall:.1f} s wall")
        yield _requests(f"{named}: requests", asked, size.zones)
        plan = agency.plan()
        yield Row("plan after the import: nothing to do", plan.cpu, "s")


def _requests(work: str, asked: Mapping[str, Mapping[str, int]], names: int) -> Row:
    sent = sum(sum(counts.values()) for counts in asked.values())
    pages = math.ceil((names + 1) / _NAMES) + math.ceil(names / _ZONES)
    needed = _LISTED * pages + _DETAILS * names
    by_vendor = ", ".join(
        f"{vendor} {sum(counts.values()):,}" for vendor, counts in sorted(asked.items())
    )
    note = f"{_LISTED * pages} list pages, {_DETAILS * names:,} details; {by_vendor}"
    return Row(work, sent, "", gate=math.floor(needed * _MORE) + _ONCE, note=note)
