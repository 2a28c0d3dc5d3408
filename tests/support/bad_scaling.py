"""Scaling policies, and accounts that name them, that must be refused."""

from __future__ import annotations

from tests.support.bad_case import HEAD, bad

_WINDOW = '{days: [sat], from: "02:00", to: "04:00"}'
_SERVER = (
    "Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}\n"
    "HostingPlan/small: {price: 5.00 EUR/month, limits: {disk: 5GiB}, "
    "packages: {whm: s}, up: large}\n"
    "HostingPlan/large: {price: 8.00 EUR/month, limits: {disk: 9GiB}, "
    "packages: {whm: l}, up: dollars}\n"
    "HostingPlan/dollars: {price: 9.00 USD/month, packages: {whm: d}}\n"
)


def policy(name: str, fields: str, code: str) -> None:
    """Add a case: one policy with these fields, on line 2."""
    bad(f"scaling-{name}", f"{HEAD}ScalingPolicy/x: {{{fields}}}\n", code, 2)


def account(name: str, policy: str, plan: str, code: str) -> None:
    """Add a case: one account on line 7, scaled by *policy* over *plan*."""
    text = (
        f"{HEAD}{_SERVER}ScalingPolicy/x: {{{policy}}}\n"
        f"HostingAccount/x.example: {{provider: whm-1, plan: {plan}, scaling: x}}\n"
    )
    bad(f"scaled-{name}", text, code, 7)


for number, (field, code) in enumerate(
    (
        ("mode: always", "E123"),
        ("mode: auto", "E125"),  # without maxIncrease
        ("mode: true", "E123"),
        ("metrics: [ram]", "E123"),
        ("metrics: disk", "E122"),
        ("metrics: [disk, disk]", "E125"),
        ("target: 0.9", "E125"),
        ("target: 40%", "E125"),
        ("target: 101%", "E125"),
        ("horizon: 14", "E125"),
        ("horizon: 1mo", "E125"),
        ("horizon: 30m", "E125"),
        ("horizon: 91d", "E125"),
        ("probability: 80", "E125"),
        ("probability: 49%", "E125"),
        ("probability: 100%", "E125"),
        ("lead: 2", "E125"),
        ("lead: soon", "E125"),
        ("lead: 30m", "E125"),
        ("lead: 15d", "E125"),  # beyond the horizon
        ("coolDown: 7", "E125"),
        ("coolDown: soon", "E125"),
        (f"windows: {_WINDOW}", "E122"),
        (f"windows: [{_WINDOW.replace('sat', 'someday')}]", "E123"),
        (f"windows: [{_WINDOW.replace('04:00', '02:00')}]", "E125"),
        ("maxIncrease: 20", "E125"),
        ("maxIncrease: 20.00 EUR/month", "E125"),
        ("maxIncrease: 0.00 EUR", "E125"),
        ("down: auto", "E123"),
        ("burst: true", "E122"),
        ("burst: {lasts: long}", "E125"),
        ("burst: {most: 0}", "E124"),
        ("burst: {most: 11}", "E124"),
        ("burst: {until: 2d}", "E120"),
        ("max_increase: 5.00 EUR", "E120"),
        ("cooldown: 7d", "E120"),
    )
):
    policy(f"{number}-{field.partition(':')[0]}", field, code)

_RANGE = "{min: small, max: large}"
account("nowhere", "mode: recommend", "nowhere", "E133")
account("blind", "metrics: [memory]", _RANGE, "E173")
account("half-blind", "metrics: [disk, cpu]", _RANGE, "E173")
account("blind-alone", "metrics: [disk]", "dollars", "E173")
account("nothing-limited", "mode: recommend", "dollars", "E173")
account("dollars", "maxIncrease: 5.00 USD", _RANGE, "E174")
account("prices", "mode: recommend", "{min: small, max: dollars}", "E174")
bad(
    "scaled-by-nobody",
    f"{HEAD}{_SERVER}HostingAccount/x.example: "
    f"{{provider: whm-1, plan: {_RANGE}, scaling: nobody}}\n",
    "E133",
    6,
)
bad(
    "scaled-by-address",
    f"{HEAD}{_SERVER}HostingAccount/x.example: "
    f"{{provider: whm-1, plan: {_RANGE}, scaling: ScalingPolicy/x}}\n",
    "E133",
    6,
)
bad(
    "scaled-by-two",
    f"{HEAD}{_SERVER}HostingAccount/x.example: "
    f"{{provider: whm-1, plan: {_RANGE}, scaling: [x]}}\n",
    "E122",
    6,
)
