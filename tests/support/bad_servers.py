"""Machines that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_CLOUD = "Provider/cloud: {type: hetzner, credentials: {token: {env: T}}}\n"
_RULES = "ScalingPolicy/calm: {mode: recommend}\n"


def server(name: str, fields: str, code: str, secret: str | None = None) -> None:
    """Add a case: one machine with these fields, on line 4."""
    bad(
        f"server-{name}",
        f"{HEAD}{_CLOUD}{_RULES}Server/x: {{{fields}}}\n",
        code,
        4,
        secret,
    )


_GOOD = "provider: cloud, size: cx22"
_LADDER = "provider: cloud, sizes: [cx22, cx32, cx42]"
server("no-provider", "size: cx22", "E121")
server("no-size", "provider: cloud", "E121")
server("provider-missing", "provider: nowhere, size: cx22", "E133")
server("size-number", "provider: cloud, size: 5", "E123")
server("size-injects", 'provider: cloud, size: "cx22&x=1"', "E124")
server("size-empty", 'provider: cloud, size: ""', "E124")
server("range-half", f"{_LADDER}, size: {{min: cx22}}", "E121")
server("range-one", f"{_LADDER}, size: {{min: cx22, max: cx22}}", "E125")
server("range-field", f"{_LADDER}, size: {{min: cx22, max: cx42, by: 1}}", "E120")
server("range-without-sizes", "provider: cloud, size: {min: a, max: b}", "E125")
server("range-min-unknown", f"{_LADDER}, size: {{min: cx11, max: cx42}}", "E177")
server("range-max-unknown", f"{_LADDER}, size: {{min: cx22, max: cx52}}", "E177")
server("range-backwards", f"{_LADDER}, size: {{min: cx42, max: cx22}}", "E177")
server("size-not-in-sizes", f"{_LADDER}, size: cx11", "E177")
server("sizes-twice", "provider: cloud, size: a, sizes: [a, b, a]", "E125")
server("sizes-text", "provider: cloud, size: a, sizes: a", "E122")
server("sizes-injects", 'provider: cloud, size: a, sizes: [a, "b c"]', "E124")
server("machine-number", f"{_GOOD}, machine: 42", "E122")
server("machine-space", f'{_GOOD}, machine: " web"', "E124")
server("region", f"{_GOOD}, region: Frankfurt am Main", "E124")
for size in ("40GB", "40", "0GiB", "-1GiB", "1.5GiB", "large"):
    server(f"disk-{size}", f"{_GOOD}, disk: {size}", "E125")
server("volume-size", f"{_GOOD}, volumes: {{data: 5}}", "E125")
server("volume-name", f'{_GOOD}, volumes: {{"a b": 5GiB}}', "E124")
server("volume-root", f"{_GOOD}, volumes: {{root: 5GiB}}", "E125")
server("volumes-list", f"{_GOOD}, volumes: [5GiB]", "E122")
server("irreversible", f"{_GOOD}, irreversible: [memory]", "E123")
server("irreversible-twice", f"{_GOOD}, irreversible: [disk, disk]", "E125")
server("panel-missing", f"{_GOOD}, panel: whm-9", "E133")
server("metrics-missing", f"{_GOOD}, metrics: prometheus", "E133")
for price in ("5.00", "-5.00 EUR/month", "5.001 EUR/month", "free"):
    server(f"price-{price}", f"{_GOOD}, maxPrice: {price}", "E125")
server(
    "windows-hour",
    f'{_GOOD}, windows: [{{days: [mon], from: "25:00", to: "02:00"}}]',
    "E124",
)
server(
    "windows-day",
    f'{_GOOD}, windows: [{{days: [Monday], from: "01:00", to: "02:00"}}]',
    "E123",
)
server(
    "windows-zone",
    f'{_GOOD}, windows: [{{days: [mon], from: "01:00", to: "02:00", timeZone: Mars}}]',
    "E125",
)
server("scaling-missing", f"{_GOOD}, scaling: wild", "E133")
server("patching-missing", f"{_GOOD}, patching: wild", "E133")
server("unknown-field", f"{_GOOD}, image: debian", "E120")
server("plain-token", f"{_GOOD}, token: canary-nine-plain", "E120", "canary-nine-plain")
bad(
    "server-two-owners",
    f"{HEAD}{_CLOUD}Server/a: {{{_GOOD}, machine: web1}}\nServer/web1: {{{_GOOD}}}\n",
    "E178",
    4,
)
