"""What a driver does together is one call, and each part of it has its own end."""

from __future__ import annotations

from typing import ClassVar

import pytest

from reconciler.audit import MemoryStore, Run
from reconciler.engine import Journal, Setting
from reconciler.engine.carry_out import carry_out
from reconciler.engine.observe import Accounts
from reconciler.engine.order import waves
from reconciler.errors import Rejected, Transient
from reconciler.kinds.certificate import (
    Certificate,
    IssuanceState,
    Issue,
    Kept,
)
from reconciler.model import (
    ISSUANCE,
    Action,
    Driver,
    FieldChange,
    Observation,
    OpClass,
    Plan,
    Receipt,
    Share,
)
from tests.unit.engine.made import NOW

CA = Share("ca", ISSUANCE)


class Authority(Driver[Certificate, Issue]):
    """Signs everything at once, but for what *refuses* says."""

    can: ClassVar = {"issue": OpClass.PROBE}
    together: ClassVar = frozenset({"issue"})

    def __init__(self, refuses=None, *, forgets=0, fails=False):
        self.refuses = refuses or {}
        self.forgets = forgets
        self.fails = fails
        self.calls = []
        self.signed = set()

    def identity(self):
        return None

    def observe(self, wants):
        return Observation(
            {
                want.name: IssuanceState(
                    kept=kept(want) if want.name in self.signed else None
                )
                for want in wants
            }
        )

    def apply(self, want, change, key):
        raise AssertionError("they are done together")

    def apply_all(self, todo):
        self.calls.append([want.name for want, _, _ in todo])
        if self.fails:
            raise KeyError("a fault of the driver")
        answers = []
        for want, _, key in todo:
            if want.name in self.refuses:
                answers.append(self.refuses[want.name])
                continue
            self.signed.add(want.name)
            answers.append(Receipt(reference=key))
        return answers[self.forgets :]


def kept(want):
    return Kept(
        fingerprint="ab" * 32,
        spki="cd" * 32,
        serial="01",
        issuer="Test CA",
        names=want.spec.names,
        not_before=NOW,
        not_after=NOW.replace(year=NOW.year + 1),
        algorithm="ecdsa-p256",
    )


def action(number):
    name = f"w{number}.example"
    spec = {"names": [name], "issuers": ["ca"], "key": {"store": {"file": "keys"}}}
    want = Certificate.model_validate({"metadata": {"name": name}, "spec": spec})
    field = FieldChange(field="names", after=(name,))
    change = Issue(share=CA, fields=(field,), because="x", details={"names": [name]})
    return Action(f"{number:064x}", want, change, OpClass.PROBE)


def done(driver, many=3):
    run = Run("20261122T060000Z-00000001", "main", "ci", None, NOW)
    with Journal(MemoryStore(), run, lambda: NOW) as journal:
        accounts = Accounts({CA: driver}, {}, threads=1)
        setting = Setting("main", journal, accounts, lambda: NOW)
        actions = [action(number) for number in range(many)]
        found, _ = carry_out(setting, actions, Plan("main", NOW))
    return {one.action.want.name: one for one in found}


def test_one_call_for_all():
    driver = Authority()
    found = done(driver)
    assert driver.calls == [["w0.example", "w1.example", "w2.example"]]
    assert {one.status for one in found.values()} == {"applied"}


def test_one_that_is_refused_is_one():
    no = Rejected("the name is forbidden", reason="rejectedIdentifier")
    busy = Transient("is busy", reason="unreachable")
    found = done(Authority({"w1.example": no, "w2.example": busy}))
    assert found["w0.example"].status == "applied"
    assert found["w1.example"].status == "failed"
    assert found["w1.example"].outcome.evidence["reason"] == "rejectedIdentifier"
    assert found["w2.example"].status == "failed"
    assert found["w2.example"].outcome.evidence["not_sent"] is True


@pytest.mark.parametrize("driver", [Authority(forgets=1), Authority(fails=True)])
def test_a_fault_of_the_driver_proves_nothing(driver):
    assert {one.outcome.how for one in done(driver).values()} <= {
        "observed",
        "response",
    }
    unknown = {one.status for one in done(driver).values()}
    assert unknown == ({"unknown"} if driver.fails else {"applied"})


def test_what_is_done_together_makes_larger_waves():
    actions = [action(number) for number in range(10)]
    assert [len(wave) for wave in waves(actions, 2)] == [2] * 5
    assert [len(w) for w in waves(actions, 2, lambda _action: True)] == [8, 2]
