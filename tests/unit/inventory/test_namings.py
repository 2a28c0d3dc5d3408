"""Who names a resource, and by which field."""

from __future__ import annotations

from reconciler.model import Naming, Ref
from tests.unit.inventory.tree import HEAD, loaded

TEXT = """\
Provider/a: {type: aws, credentials: {}, fundedBy: visa}
Provider/b: {type: aws, credentials: {}, fundedBy: visa}
Provider/c: {type: stripe, credentials: {}}
Customer/visa: {legalName: visa, country: NL, payment: {primary: own, backup: [visa, new]}}
PaymentMethod/visa: {provider: c, token: pm_1}
PaymentMethod/own: {provider: c, token: pm_2, customer: visa}
PaymentMethod/new: {provider: c, token: pm_3}
PaymentMethod/old: {provider: c, token: pm_4}
"""


def test_every_field_that_names_it_and_no_text_that_looks_so(tmp_path):
    tree = loaded(tmp_path, cards=HEAD + TEXT)

    def named(name):
        return tree.get(Ref("PaymentMethod", name)).named_by

    customer = Ref("Customer", "visa")
    assert named("visa") == (
        Naming(customer, "spec.payment.backup.0"),
        Naming(Ref("Provider", "a"), "spec.fundedBy"),
        Naming(Ref("Provider", "b"), "spec.fundedBy"),
    )
    assert named("own") == (Naming(customer, "spec.payment.primary"),)
    assert named("new") == (Naming(customer, "spec.payment.backup.1"),)
    assert named("old") == ()
    assert tree.get(Ref("PaymentMethod", "visa")).funds() == ("a", "b")
    assert tree.get(Ref("PaymentMethod", "own")).primary


def test_a_method_waits_for_its_customer_and_nothing_waits_for_it(tmp_path):
    edges = loaded(tmp_path, cards=HEAD + TEXT).edges()
    own = edges[Ref("PaymentMethod", "own")]
    assert own == {Ref("Customer", "visa"), Ref("Provider", "c")}
    assert edges[Ref("Customer", "visa")] == edges[Ref("Provider", "a")] == frozenset()
