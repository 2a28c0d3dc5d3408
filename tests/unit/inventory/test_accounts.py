"""Two documents about one account: both places are named, and nothing else is refused."""

from __future__ import annotations

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree, load

HEAD = """\
apiVersion: reconciler/v1
Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
Provider/whm-2: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
HostingPlan/good: {price: 1.00 EUR/month, packages: {whm: good}}
"""


def loaded(tmp_path, **files):
    (tmp_path / "inventory").mkdir(exist_ok=True)
    (tmp_path / "inventory/house.yaml").write_text(HEAD)
    for name, text in files.items():
        path = tmp_path / f"inventory/{name}.yaml"
        path.write_text(f"apiVersion: reconciler/v1\n{text}\n", encoding="utf-8")
    return load(WorkTree(tmp_path), cache=tmp_path / "cache.db")


def account(name, more="", server="whm-1"):
    return f"HostingAccount/{name}: {{provider: {server}, plan: good{more}}}"


def test_both_owners_of_an_account_are_named(tmp_path):
    one = account("a.example", ", account: bakker")
    two = account("b.example", ", account: bakker")
    with pytest.raises(InventoryErrors) as refused:
        loaded(tmp_path, a=one, b=two)
    (error,) = refused.value.errors
    assert str(error).startswith("inventory/b.yaml:2:66: E170")
    assert "HostingAccount/a.example is about the account bakker on whm-1" in str(error)
    assert "at inventory/a.yaml:2:1" in str(error)


@pytest.mark.parametrize(
    "two",
    [
        account("b.example", ", account: bakker", "whm-2"),
        account("b.example", ", account: other"),
        account("b.example", ", domain: c.example"),
        account("b.example"),
    ],
)
def test_other_accounts_are_no_double(tmp_path, two):
    assert len(loaded(tmp_path, a=account("a.example", ", account: bakker"), b=two)) > 0


def test_a_double_is_found_where_only_one_file_changed(tmp_path):
    """What was right when it was kept is looked at again beside what is new."""
    one, two = account("a.example", ", domain: z.example"), account("b.example")
    loaded(tmp_path, a=one, b=two)
    with pytest.raises(InventoryErrors, match="E170"):
        loaded(tmp_path, a=one, b=account("z.example"))
