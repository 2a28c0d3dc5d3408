from __future__ import annotations

from reconciler.engine.doubles import declared_twice
from tests.support.cards import method


def test_one_token_of_one_account_has_one_document() -> None:
    wants = [
        method("pm_1"),
        method("a", token="pm_1"),
        method("b", token="pm_1"),
        method("c", token="pm_1", provider="other"),
        method("d", token="pm_2"),
        method("e", token="request", customer="x"),
        method("f", token="request", customer="x"),
    ]
    found = list(declared_twice(wants))
    assert [(one.name, one.code) for one in found] == [
        ("b", "declared-twice"),
        ("pm_1", "declared-twice"),
    ]
    assert found[0].message == "is pm_1 at main, and so is PaymentMethod/a"
    assert list(declared_twice([])) == []
