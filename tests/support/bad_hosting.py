"""Hosting plans and accounts that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_SERVER = (
    "Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}\n"
    "HostingPlan/good: {price: 1.00 EUR/month, packages: {whm: good}, up: more}\n"
    "HostingPlan/more: {price: 2.00 EUR/month, packages: {plesk: More}}\n"
)


def plan(name: str, fields: str, code: str) -> None:
    """Add a case: one plan with these fields beside a good price, on line 5."""
    text = f"{HEAD}{_SERVER}HostingPlan/x: {{price: 5.00 EUR/month, {fields}}}\n"
    bad(f"plan-{name}", text, code, 5)


def account(name: str, fields: str, code: str, secret: str | None = None) -> None:
    """Add a case: one account with these fields, on line 5."""
    text = f"{HEAD}{_SERVER}HostingAccount/x.example: {{{fields}}}\n"
    bad(f"account-{name}", text, code, 5, secret)


PACKAGES = "packages: {whm: x}"
bad("plan-no-price", f"{HEAD}HostingPlan/x: {{{PACKAGES}}}\n", "E121", 2)
for price in ("5.00", "-5.00 EUR/month", "5.001 EUR/month", "5.00 EUR/day", "free"):
    text = f"{HEAD}HostingPlan/x: {{price: {price}, {PACKAGES}}}\n"
    bad(f"plan-price-{price}", text, "E125", 2)
plan("no-packages", "limits: {disk: 5GiB}", "E121")
plan("empty-packages", "packages: {}", "E124")
plan("packages-list", "packages: [x]", "E122")
plan("package-empty", 'packages: {whm: ""}', "E124")
plan("package-number", "packages: {whm: 5}", "E122")
plan("package-of-nobody", 'packages: {"a b": x}', "E124")
for size in ("5GB", "5", "0GiB", "-1GiB", "1.5GiB", "unlimited"):
    plan(f"disk-{size}", f"{PACKAGES}, limits: {{disk: {size}}}", "E125")
plan("cpu-number", f"{PACKAGES}, limits: {{cpu: 2}}", "E125")
plan("limit-unknown", f"{PACKAGES}, limits: {{files: 5}}", "E120")
plan("limit-inodes", f"{PACKAGES}, limits: {{inodes: 0}}", "E124")
plan("limit-io", f"{PACKAGES}, limits: {{io: 5}}", "E125")
plan("up-itself", f"{PACKAGES}, up: x", "E125")
plan("up-and-down", f"{PACKAGES}, up: good, down: good", "E125")
plan("up-missing", f"{PACKAGES}, up: nowhere", "E133")
plan("downtime", f"{PACKAGES}, downtime: 5m", "E123")
plan("irreversible", f"{PACKAGES}, irreversible: [everything]", "E123")
plan("irreversible-twice", f"{PACKAGES}, irreversible: [disk, disk]", "E125")
_OVER = "{of: disk, per: 1GiB, price: 1.00 EUR/month}"
_LIMIT = "limits: {disk: 5GiB}"
plan("overage-no-limit", f"{PACKAGES}, overage: [{_OVER}]", "E125")
plan("overage-twice", f"{PACKAGES}, {_LIMIT}, overage: [{_OVER}, {_OVER}]", "E125")
plan(
    "overage-currency",
    f"{PACKAGES}, {_LIMIT}, overage: [{_OVER.replace('EUR', 'USD')}]",
    "E125",
)
plan(
    "overage-per-nothing",
    f"{PACKAGES}, {_LIMIT}, overage: [{_OVER.replace('per: 1GiB, ', '')}]",
    "E121",
)

_GOOD = "provider: whm-1, plan: good"
account("no-provider", "plan: good", "E121")
account("no-plan", "provider: whm-1", "E121")
account("plan-missing", "provider: whm-1, plan: none", "E133")
account("provider-missing", "provider: none, plan: good", "E133")
account("plan-number", "provider: whm-1, plan: 5", "E123")
account("range-half", "provider: whm-1, plan: {min: good}", "E121")
account("range-one", "provider: whm-1, plan: {min: good, max: good}", "E125")
account("range-no-way", "provider: whm-1, plan: {min: more, max: good}", "E142")
account("range-field", "provider: whm-1, plan: {min: good, max: more, by: 1}", "E120")
account("range-not-sold", "provider: whm-1, plan: {min: good, max: more}", "E141")
account("not-sold-there", "provider: whm-1, plan: more", "E141")
account("at-a-registrar", "provider: porkbun-main, plan: good", "E141")
account("ladder", f"{_GOOD}, ladder: [{{plan: good, package: root}}]", "E120")
account("state", f"{_GOOD}, state: deleted", "E123")
account("state-off", f"{_GOOD}, state: off", "E123")
account("state-bool", f"{_GOOD}, state: true", "E123")
account("php", f'{_GOOD}, php: "8"', "E124")
account("php-number", f"{_GOOD}, php: 8.3", "E122")
account("limits", f"{_GOOD}, limits: {{disk: 5}}", "E125")
account("scaling-missing", f"{_GOOD}, scaling: nowhere", "E133")
account("patching-missing", f"{_GOOD}, patching: nowhere", "E133")
account("user-injects", f'{_GOOD}, account: "a&reason=x"', "E124")
account("user-space", f'{_GOOD}, account: "a b"', "E124")
account("domain", f"{_GOOD}, domain: nodots", "E125")
account("unknown-field", f"{_GOOD}, package: x", "E120")
account(
    "plain-token",
    f"{_GOOD}, token: canary-seven-plain",
    "E120",
    "canary-seven-plain",
)
bad(
    "account-named-without-domain",
    f"{HEAD}{_SERVER}HostingAccount/bakker: {{{_GOOD}}}\n",
    "E125",
    5,
)
bad(
    "ladder-in-defaults",
    f"{HEAD}{_SERVER}HostingAccount/x.example: {{{_GOOD}}}\n",
    "E120",
    3,
    _defaults=f"{HEAD}HostingAccount:\n  ladder: []\n",
)


def twice(name: str, first: str, second: str) -> None:
    """Add a case: two accounts of one server, the second one on line 6 too many."""
    text = f"{HEAD}{_SERVER}HostingAccount/{first}}}\nHostingAccount/{second}}}\n"
    bad(f"account-twice-{name}", text, "E170", 6)


twice(
    "user",
    f"x.example: {{{_GOOD}, account: bakker",
    f"y.example: {{{_GOOD}, account: bakker",
)
twice(
    "domain",
    f"x.example: {{{_GOOD}, domain: z.example",
    f"y.example: {{{_GOOD}, domain: Z.example",
)
twice("name", f"x.example: {{{_GOOD}", f"y.example: {{{_GOOD}, domain: x.example")
twice(
    "idn",
    f"x.example: {{{_GOOD}, domain: bücher.example",
    f"y.example: {{{_GOOD}, domain: xn--bcher-kva.example",
)
