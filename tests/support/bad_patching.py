"""Patch policies, and what names them, that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_WINDOW = '{days: [tue], from: "02:00", to: "05:00"}'
_SERVER = (
    "Provider/plesk-1: {type: plesk, credentials: {key: {env: K}}}\n"
    "Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}\n"
    "HostingPlan/good: {price: 5.00 EUR/month, packages: {plesk: p, whm: w}}\n"
    "Provider/cloud: {type: hetzner, credentials: {token: {env: H}}}\n"
)


def policy(name: str, fields: str, code: str) -> None:
    """Add a case: one policy with these fields, on line 2."""
    bad(f"patching-{name}", f"{HEAD}PatchPolicy/x: {{{fields}}}\n", code, 2)


def patched(name: str, rules: str, document: str, code: str) -> None:
    """Add a case: *document* on line 7, patched by a policy with these *rules*."""
    text = f"{HEAD}{_SERVER}PatchPolicy/x: {{{rules}}}\n{document}\n"
    bad(f"patched-{name}", text, code, 7)


for number, (field, code) in enumerate(
    (
        ("security: always", "E123"),
        ("security: true", "E123"),
        ("minor: daily", "E123"),
        ("minor: [now]", "E123"),
        ("major: yes", "E123"),
        ("major: 1", "E123"),
        (f"windows: {_WINDOW}", "E122"),
        (f"windows: [{_WINDOW.replace('tue', 'tuesday')}]", "E123"),
        (f"windows: [{_WINDOW.replace('05:00', '02:00')}]", "E125"),
        (f"windows: [{_WINDOW.replace('05:00', '25:00')}]", "E124"),
        (f"windows: [{_WINDOW[:-1]}, timeZone: Mars/Base}}]", "E125"),
        ("wait: 3", "E125"),
        ("wait: soon", "E125"),
        ("wait: -1d", "E125"),
        ("check: nowhere", "E133"),
        ("check: [shop]", "E122"),
        ("watch: 15", "E125"),
        ("watch: 15min", "E125"),
        ("rollBack: never", "E122"),
        ("exclude: plugin/shop", "E122"),
        ("exclude: [shop]", "E124"),
        ('exclude: ["plugin/a b"]', "E124"),
        ('exclude: ["plugin/--force x"]', "E124"),
        ("unknown: 1", "E120"),
    )
):
    policy(f"field-{number}", field, code)

_PLESK = "provider: plesk-1, plan: good, patching: x"
_WHM = "provider: whm-1, plan: good, patching: x"
_MACHINE = "provider: cloud, size: cx32, patching: x"
_OPEN = f"windows: [{_WINDOW}]"
patched("no-windows", "", f"HostingAccount/x.example: {{{_PLESK}}}", "E179")
patched(
    "major-without-windows",
    "security: now, minor: never",
    f"HostingAccount/x.example: {{{_PLESK}}}",
    "E179",
)
patched("whm-without-a-way", _OPEN, f"HostingAccount/x.example: {{{_WHM}}}", "E179")
patched("server-without-panel", _OPEN, f"Server/x: {{{_MACHINE}}}", "E179")
