"""How often the vendors are asked, beside what nobody could do without."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.agency import Agency
from benchmarks.row import Row, Size

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/porkbun-main:
  type: porkbun
  endpoint: {porkbun}
  limits: {{requestsPerSecond: 2000}}
  credentials:
    apiKey: {{file: .sandbox/secrets/porkbun-api-key}}
    secretApiKey: {{file: .sandbox/secrets/porkbun-secret-api-key}}
Provider/namecom-main:
  type: namecom
  account: agency-test
  endpoint: {namecom}
  credentials:
    username: {{file: .sandbox/secrets/namecom-username}}
    token: {{file: .sandbox/secrets/namecom-token}}
Provider/aws:
  type: aws
  account: "123456789012"
  endpoint: {aws}
  limits: {{requestsPerSecond: 2000}}
  credentials:
    accessKeyId: {{file: .sandbox/secrets/aws-access-key-id}}
    secretAccessKey: {{file: .sandbox/secrets/aws-secret-access-key}}
"""
#: Vendor -> (domains on one page, detail calls that each domain needs in a day).
_NEEDS = {
    "porkbun": (1000, 1),
    "namecom": (1000, 0),
    "aws": (100, 1),
}
_ACCOUNT = {"porkbun": "porkbun-main", "namecom": "namecom-main", "aws": "aws"}
_MORE = 1.05
#: Who one is, and what credit is left: asked once, however many domains there are.
_ONCE = 3


def requests(size: Size) -> Iterator[Row]:
    """Count the requests of the first plan of a day, and of the next."""
    domains = "".join(
        f"Domain/{vendor}-{number:05d}.com: {{provider: {account}}}\n"
        for vendor, account in _ACCOUNT.items()
        for number in range(size.zones)
    )
    with (
        tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder,
        Agency(Path(folder), ACCOUNTS, domains) as agency,
    ):
        for when, details in (("first of a day", True), ("next", False)):
            agency.sandbox.ledger.reset_requests()
            agency.plan()
            asked = agency.sandbox.ledger.requests()
            for vendor in _NEEDS:
                found = asked.get(vendor, {})
                yield _row(vendor, when, found, size.zones, details=details)


def _row(
    vendor: str, when: str, asked: Mapping[str, int], domains: int, *, details: bool
) -> Row:
    page, each = _NEEDS[vendor]
    pages = math.ceil((domains + 1) / page)
    needed = pages + (each * domains if details else 0)
    shown = ", ".join(f"{name} {count}" for name, count in sorted(asked.items()))
    return Row(
        f"requests for {domains:,} domains at {vendor}, plan {when}",
        sum(asked.values()),
        "requests",
        math.floor(needed * _MORE) + _ONCE,
        note=shown,
    )
