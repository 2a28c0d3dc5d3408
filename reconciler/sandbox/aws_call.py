"""One request to Route 53 Domains, and how it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.sandbox import registrar
from reconciler.sandbox.emulator import Bench
from reconciler.sandbox.faults import Fault

OPEN = "IN_PROGRESS"


class Refused(Exception):
    """The service says no, with its own name for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def domains_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the account's registrations."""
    found: dict[str, Any] = state["accounts"][0]["domains"]
    return found


class Call:
    """One request, as the operations see it."""

    def __init__(
        self, bench: Bench, asked: Mapping[str, Any], fault: Fault | None
    ) -> None:
        self.bench = bench
        self.asked = asked
        self.fault = fault.kind if fault else ""
        stale = fault is not None and fault.kind == "stale"
        self.state: dict[str, Any] = (
            fault.snapshot if fault is not None and stale else bench.state
        )

    @property
    def name(self) -> str:
        """The domain that is asked about."""
        return str(self.asked.get("DomainName", "")).lower()

    def listed(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the account holds, in order; what is lost is not listed."""
        if self.fault in {"empty", "wrong-account"}:
            return []
        now = self.bench.clock()
        return [
            (name, domain)
            for name, domain in registrar.listed(self.state["accounts"][0], now)
            if registrar.phase(domain, now) in {"active", "grace"}
            and domain["transfer"] != "done"
        ]

    def domain(self) -> dict[str, Any]:
        """Return the domain that is asked about."""
        found = dict(self.listed()).get(self.name)
        if found is None:
            raise Refused(
                "InvalidInput",
                f"Domain {self.name} not found in the current AWS account.",
            )
        return found

    def held(self) -> dict[str, Any]:
        """Return the domain that is asked about, even if it is in redemption."""
        found: dict[str, Any] | None = domains_of(self.state).get(self.name)
        if found is None or registrar.phase(found, self.bench.clock()) == "gone":
            raise Refused("InvalidInput", f"Domain {self.name} was not found.")
        return found

    def price(self) -> Decimal:
        """Return what one year costs."""
        self.held()
        if self.name.partition(".")[2] in self.state["unpriced"]:
            raise Refused("UnsupportedTLD", "The TLD is not supported.")
        return Decimal(registrar.price_of(self.state, self.name)).scaleb(-2)

    def page(self, items: list[Any], key: str) -> dict[str, Any]:
        """Return one page of *items* under *key*."""
        start = int(self.asked.get("Marker") or 0)
        if self.fault == "duplicate-page":
            start = 0
        end = start + min(int(self.asked.get("MaxItems") or 20), 100)
        more = {"NextPageMarker": str(end)} if end < len(items) else {}
        return {key: items[start:end], **more}

    def begin(
        self,
        kind: str,
        change: Mapping[str, Any],
        years: int = 0,
        amount: str | None = None,
    ) -> dict[str, Any]:
        """Begin an operation, unless one of its kind is open."""
        name = self.name
        operations = self.bench.state["operations"]
        for other in operations:
            if (other["domain"], other["type"], other["status"]) == (name, kind, OPEN):
                raise Refused("DuplicateRequest", "The request is already in progress")
        now = self.bench.clock()
        delay = timedelta(seconds=self.bench.state["delay"])
        operation = {
            "id": f"00000000-0000-4000-8000-{len(operations) + 1:012d}",
            "type": kind,
            "domain": name,
            "status": OPEN,
            "outcome": self.bench.state["outcome"],
            "submitted": now.isoformat(),
            "updated": now.isoformat(),
            "due": (now + delay).isoformat(),
            "change": dict(change),
            "years": years,
            "amount": amount,
            "message": "",
        }
        operations.append(operation)
        return {"OperationId": operation["id"]}


def seconds(text: str) -> float:
    """Return a time as AWS sends it."""
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()
