"""Health checks that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_WORLD = (
    "Provider/whm-1: {type: whm, ipv4: 192.0.2.9, credentials: {user: {env: U}, "
    "token: {env: T}}}\n"
    "HostingPlan/good: {price: 1.00 EUR/month, packages: {whm: good}}\n"
    "Domain/a.example: {provider: none}\n"
    "HostingAccount/a.example: {provider: whm-1, plan: good}\n"
    "Provider/bare: {type: porkbun, credentials: {k: {env: K}}}\n"
    "Server/db: {provider: bare, size: s}\n"
)


def check(name: str, fields: str, code: str, secret: str | None = None) -> None:
    """Add a case: one check with these fields, on line 8."""
    text = f"{HEAD}{_WORLD}HealthCheck/x: {{{fields}}}\n"
    bad(f"health-{name}", text, code, 8, secret)


_OF = "of: Domain/a.example"
_USE = "of: HostingAccount/a.example, type: usage"
check("no-of", "type: http", "E121")
check("of-nothing", "of: Domain/nowhere.example", "E133")
check("of-no-kind", "of: a.example", "E125")
check("of-a-customer", "of: Customer/a", "E125")
check("type", f"{_OF}, type: ping", "E123")
check("unknown-field", f"{_OF}, interval: 5m", "E120")
check("url-no-scheme", f"{_OF}, url: a.example", "E125")
check("url-ftp", f"{_OF}, url: ftp://a.example/", "E125")
check("url-user", f"{_OF}, url: https://u:pw-9@a.example/", "E125", "pw-9")
check("url-fragment", f"{_OF}, url: https://a.example/#x", "E125")
check("url-port", f"{_OF}, url: https://a.example:99999/", "E125")
check("url-and-host", f"{_OF}, url: https://a.example/, host: a.example", "E125")
check("url-of-dns", f"{_OF}, type: dns, url: https://a.example/", "E125")
check("url-of-others", f"{_OF}, url: https://victim.test/", "E176")
check("host-of-others", f"{_OF}, host: www.victim.test", "E176")
check("host-address-of-others", f"{_OF}, host: 169.254.169.254", "E176")
check("host-none", "of: Provider/bare, type: tcp, port: 22", "E176")
check("host-of-a-machine", "of: Server/db, type: tcp, port: 22", "E176")
check("host-blank", f"{_OF}, host: a b", "E125")
check("port-zero", f"{_OF}, port: 0", "E124")
check("port-large", f"{_OF}, port: 65536", "E124")
check("port-text", f"{_OF}, port: https", "E122")
check("tcp-no-port", f"{_OF}, type: tcp", "E125")
check("path-relative", f"{_OF}, path: health", "E124")
check("path-of-tcp", f"{_OF}, type: tcp, port: 22, path: /", "E125")
check("status-word", f"{_OF}, expect: {{status: ok}}", "E122")
check("status-range", f"{_OF}, expect: {{status: 99}}", "E124")
check("status-of-dns", f"{_OF}, type: tcp, port: 22, expect: {{status: 200}}", "E125")
check("contains-nothing", f'{_OF}, expect: {{contains: ""}}', "E124")
check("within-number", f"{_OF}, expect: {{within: 3}}", "E125")
check("within-longer", f"{_OF}, timeout: 5s, expect: {{within: 6s}}", "E125")
check("dns-no-records", f"{_OF}, type: dns", "E125")
check("dns-type", f"{_OF}, type: dns, expect: {{records: {{type: ANY}}}}", "E123")
check("not-after-http", f"{_OF}, expect: {{notAfter: 14d}}", "E125")
check("addresses", f"{_OF}, addresses: [ipv4]", "E123")
check("addresses-twice", f"{_OF}, addresses: [v4, v4]", "E125")
check("retries-none", f"{_OF}, retries: 0", "E124")
check("retries-many", f"{_OF}, retries: 50", "E124")
check("spacing", f"{_OF}, spacing: 1h", "E125")
check("timeout", f"{_OF}, timeout: 1d", "E125")
check("every-second", f"{_OF}, every: 1s", "E125")
check("every-month", f"{_OF}, every: 1mo", "E125")
check("confirm", f"{_OF}, confirm: {{failures: 0}}", "E124")
check("slo-whole", f"{_OF}, slo: {{target: 100%}}", "E125")
check("slo-number", f"{_OF}, slo: {{target: 0.999}}", "E125")
check("slo-no-target", f"{_OF}, slo: {{window: 30d}}", "E121")
check("slo-window", f"{_OF}, slo: {{target: 99%, window: 365d}}", "E125")
check(
    "maintenance-day",
    f'{_OF}, maintenance: [{{days: [sunday], from: "02:00", to: "03:00"}}]',
    "E123",
)
check(
    "planned-no-offset",
    f"{_OF}, planned: [{{from: 2026-12-01T02:00:00, until: "
    "2026-12-01T04:00:00, why: x}]",
    "E125",
)
check(
    "planned-backwards",
    f'{_OF}, planned: [{{from: "2026-12-01T04:00:00Z", until: '
    '"2026-12-01T02:00:00Z", why: x}]',
    "E125",
)
check("severity", f"{_OF}, severity: loud", "E123")
check("severity-info", f"{_OF}, severity: info", "E123")
check("usage-none", _USE, "E125")
check("usage-empty", f"{_USE}, usage: {{}}", "E125")
check("usage-number", f"{_USE}, usage: {{cpu: 90}}", "E125")
check("usage-metric", f"{_USE}, usage: {{heat: 90%}}", "E120")
check("usage-zero", f"{_USE}, usage: {{cpu: 0%}}", "E125")
check("usage-of-domain", f"{_OF}, type: usage, usage: {{cpu: 90%}}", "E125")
check("usage-of-http", "of: HostingAccount/a.example, usage: {cpu: 90%}", "E125")
check("usage-host", f"{_USE}, host: a.example, usage: {{cpu: 90%}}", "E125")
bad(
    "health-twice",
    f"{HEAD}{_WORLD}HealthCheck/x: {{{_OF}}}\n"
    f"HealthCheck/y: {{{_OF}, url: https://a.example/}}\n",
    "E175",
    9,
)
