"""What anyone can read, for the tests of witnesses: a sandbox and an account in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model import Account
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, account

HOSTS = ["ns1.host.example", "ns2.host.example"]
SPF = '"v=spf1 include:spf.mail.example -all"'
SOUND = {
    "@/A": ["192.0.2.1"],
    "@/AAAA": ["2001:db8::1"],
    "@/TXT": [SPF, '"something else"'],
    "_dmarc/TXT": ['"v=DMARC1; p=reject"'],
    "@/CAA": ['0 issue "ca.example"'],
    "www/CNAME": ["target.elsewhere.example."],
}
NAMES = {
    "spf.mail.example/TXT": ['"v=spf1 ip4:192.0.2.25 -all"'],
    "target.elsewhere.example/A": ["192.0.2.9"],
}


def zone(**records: list[str]) -> dict[str, Any]:
    """Return a zone of ``HOSTS`` with sound records, and *records* over them."""
    return {"nameservers": HOSTS, "records": {**SOUND, **records}}


def part(
    names: Mapping[str, Mapping[str, Any]],
    zones: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return the world of ``public`` with these registrations, each with a zone."""
    return {
        "registrations": {
            name: {"nameservers": HOSTS, **seed} for name, seed in names.items()
        },
        "zones": {name: zone() for name in names} | dict(zones or {}),
        "names": NAMES,
        **more,
    }


def running(world: Mapping[str, Any]) -> Sandbox:
    """Return a sandbox of the vendor ``public`` that can be entered."""
    return Sandbox(World({"public": world}), SandboxClock(NOW, frozen=True))


def public(sandbox: Sandbox) -> Account:
    """Return the account ``public``, with an empty cache; waiting takes no time."""
    return account(sandbox, "public", {})._replace(name="public")


def trouble(sandbox: Sandbox, operation: str, kind: Any, **more: Any) -> None:
    """Let something go wrong, for ever unless *more* says how often."""
    fault = {"times": 0, **more}
    sandbox.inject(Fault(vendor="public", operation=operation, kind=kind, **fault))


def asked(sandbox: Sandbox, prefix: str = "") -> int:
    """Return how many questions were asked whose operation begins so."""
    found = sandbox.ledger.requests().get("public", {})
    return sum(n for name, n in found.items() if name.startswith(prefix))
