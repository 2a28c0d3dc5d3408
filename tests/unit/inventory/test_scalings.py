"""What the reader of an inventory is told about what is scaled."""

from __future__ import annotations

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree, load
from reconciler.model import Ref
from tests.support.bad_case import HEAD

PLANS = """\
Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
HostingPlan/small: {price: 5.00 EUR/month, limits: {disk: 5GiB}, packages: {whm: s}, up: middle}
HostingPlan/middle: {price: 96.00 EUR/year, limits: {disk: 10GiB}, packages: {whm: m}, up: large}
HostingPlan/large: {price: 15.00 EUR/month, limits: {disk: 20GiB}, packages: {whm-1: l}, up: far}
HostingPlan/far: {price: 20.00 EUR/month, packages: {plesk: f}}
ScalingPolicy/careful: {mode: auto, maxIncrease: 20.00 EUR}
"""


def read(folder, text):
    path = folder / "inventory" / "x.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + PLANS + text)
    return load(WorkTree(folder))


def account(plan, more=""):
    return (
        "HostingAccount/shop.example:\n"
        f"  provider: whm-1\n  plan: {plan}\n  scaling: careful\n{more}"
    )


def test_an_account_knows_its_policy_and_what_is_above_its_range(tmp_path) -> None:
    tree = read(tmp_path, account("{min: small, max: middle}"))
    makings = tree.get(Ref("HostingAccount", "shop.example")).makings
    assert makings.scaling is not None
    assert makings.scaling.mode == "auto"
    assert makings.above is not None
    assert (makings.above.name, makings.above.limits) == (
        "large",
        {"disk": 20.0 * 1024**3},
    )
    assert tree.warnings == ()


def test_what_its_server_does_not_have_is_not_above(tmp_path) -> None:
    tree = read(tmp_path, account("{min: small, max: large}"))
    assert tree.get(Ref("HostingAccount", "shop.example")).makings.above is None


def test_its_own_limits_count_in_every_plan(tmp_path) -> None:
    tree = read(tmp_path, account("small", "  limits: {disk: 7GiB}\n"))
    above = tree.get(Ref("HostingAccount", "shop.example")).makings.above
    assert above is not None
    assert above.limits == {"disk": 7.0 * 1024**3}


def test_a_policy_without_a_range_is_worth_a_look(tmp_path) -> None:
    (said,) = read(tmp_path, account("small")).warnings
    assert str(said) == (
        "inventory/x.yaml:11:12: W172 HostingAccount/shop.example: "
        "ScalingPolicy/careful can move it nowhere: its plan is small, and no range\n"
        "  hint: write plan: {min: small, max: A-LARGER-PLAN}"
    )


def test_a_range_that_the_policy_cannot_see_is_refused(tmp_path) -> None:
    text = account("{min: small, max: middle}").replace("careful", "blind")
    with pytest.raises(InventoryErrors) as caught:
        read(tmp_path, "ScalingPolicy/blind: {metrics: [memory, disk]}\n" + text)
    (error,) = caught.value.errors
    assert str(error).splitlines()[0] == (
        "inventory/x.yaml:12:12: E173 HostingAccount/shop.example: "
        "ScalingPolicy/blind looks at memory, which small, middle do not limit"
    )
    assert read(
        tmp_path,
        "ScalingPolicy/blind: {metrics: [memory]}\n"
        + text
        + "  limits: {memory: 1GiB}\n",
    )


def test_prices_that_cannot_be_compared_are_refused(tmp_path) -> None:
    text = account("{min: small, max: middle}").replace("careful", "dollars")
    with pytest.raises(InventoryErrors) as caught:
        read(tmp_path, "ScalingPolicy/dollars: {maxIncrease: 5.00 USD}\n" + text)
    (error,) = caught.value.errors
    assert error.shown_code == "E174"
    assert (
        "small in EUR, middle in EUR, maxIncrease of ScalingPolicy/dollars in USD"
        in (error.what)
    )


def test_the_same_is_told_when_a_changed_file_is_read_again(tmp_path) -> None:
    read(tmp_path, account("{min: small, max: middle}"))
    path = tmp_path / "inventory" / "x.yaml"
    path.write_text(path.read_text().replace("20.00 EUR}", "20.00 USD}"))
    with pytest.raises(InventoryErrors, match="E174"):
        load(WorkTree(tmp_path))
