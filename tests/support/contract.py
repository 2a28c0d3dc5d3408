"""The driver contract over the sandbox: what is the same for all its vendors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from pydantic import JsonValue

from reconciler.model import Account
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.testing import Case, DriverContract, Trouble

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class MemoryCache:
    """A cache that forgets nothing, so that drivers have to mind the dates."""

    def __init__(self) -> None:
        self.kept: dict[str, JsonValue] = {}

    def get(self, key: str) -> JsonValue:
        return self.kept.get(key)

    def put(self, key: str, value: JsonValue, until: datetime) -> None:
        self.kept[key] = value


def account(
    sandbox: Sandbox, vendor: str, secrets: Mapping[str, str], **more: Any
) -> Account:
    """Return an account whose waiting moves the sandbox's clock."""

    def sleep(seconds: float) -> None:
        sandbox.clock.advance(timedelta(seconds=seconds))

    return Account(
        name="main",
        endpoint=sandbox.endpoint(vendor),
        identity=None,
        secrets=secrets,
        clock=sandbox.clock,
        sleep=sleep,
        cache=MemoryCache(),
        **more,
    )


class SandboxContract(DriverContract):
    """
    The contract for a vendor that the sandbox emulates.

    Attributes:
        vendor: Its name; ``part`` is its world, ``secrets`` open the account.
        listing: The operation that lists; ``operations`` are those of the verbs.
    """

    vendor: ClassVar[str]
    part: ClassVar[Mapping[str, Any]]
    secrets: ClassVar[Mapping[str, str]]
    listing: ClassVar[str]
    operations: ClassVar[Mapping[str, str]]
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        clock = SandboxClock(NOW, frozen=True)
        with Sandbox(World({cls.vendor: cls.part}), clock) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({self.vendor: self.part}))
        return account(self.sandbox, self.vendor, self.secrets)

    def wrong(self, account: Account) -> Account:
        return account._replace(
            secrets={name: f"not-{value}" for name, value in account.secrets.items()}
        )

    def effects(self, name: str) -> int:
        return len(self.sandbox.ledger.effects(self.vendor, name))

    def trouble(self, kind: Trouble, case: Case | None, times: int = 1) -> None:
        operation = self.operations[case.change.verb] if case else self.listing
        known: dict[Trouble, dict[str, Any]] = {
            "refuse": {"kind": "status", "status": 400, "text": "no"},
            "echo": {
                "kind": "status",
                "status": 400,
                "text": f"{'no ' * 90}{' '.join(self.secrets.values())}",
            },
            "lost-before": {"kind": "lost-before"},
            "lost-after": {"kind": "lost-after"},
            "error-after": {"kind": "status-after", "status": 502},
            "throttle": {"kind": "throttle", "retry_after": 7},
            "listing": {"kind": "status", "status": 500, "skip": self.pages() - 1},
        }
        fault = Fault(
            vendor=self.vendor, operation=operation, times=times, **known[kind]
        )
        self.sandbox.inject(fault)

    def pages(self) -> int:
        """Make the listing longer than a page; return how many pages it has."""
        return 1
