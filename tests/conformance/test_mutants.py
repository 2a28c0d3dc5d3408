"""The contract is worth something only if a wrong driver does not get through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Absent, AnyDriver, Observation, OpClass, Receipt, Unknown
from reconciler.providers import _http
from reconciler.providers._detail import Details
from reconciler.providers._http import Http
from reconciler.providers.namecom_domain import NamecomDomain
from reconciler.providers.porkbun_domain import PorkbunDomain
from reconciler.testing import DriverContract
from tests.providers.test_namecom_domain import TestNamecomKeepsTheContract as Namecom
from tests.providers.test_porkbun_domain import TestPorkbunKeepsTheContract as Porkbun
from tests.support.contract import SandboxContract

Contract = type[SandboxContract]


class NoKey(PorkbunDomain):
    def _effect(self, operation: str, want: Any, body: Any, key: Any = None) -> Any:
        return super()._effect(operation, want, body)


class TimeoutIsTransient(PorkbunDomain):
    def apply(self, want: Any, change: Any, key: str) -> Receipt:
        try:
            return super().apply(want, change, key)
        except Ambiguous as error:
            raise Transient(error.what) from None


class RefusalIsTransient(NamecomDomain):
    def apply(self, want: Any, change: Any, key: str) -> Receipt:
        try:
            return super().apply(want, change, key)
        except Rejected as error:
            raise Transient(error.what) from None


class VerbUndeclared(NamecomDomain):
    can = {v: c for v, c in NamecomDomain.can.items() if v != "privacy"}


class VerbNeverDone(PorkbunDomain):
    can = {**PorkbunDomain.can, "privacy": OpClass.PROBE}


class FailureIsAbsence(PorkbunDomain):
    def observe(self, wants: Any) -> Observation:
        seen = super().observe(wants)
        states = {
            name: Absent() if isinstance(state, Unknown) else state
            for name, state in seen.states.items()
        }
        return seen._replace(states=states)


class HalfAListing(NamecomDomain):
    def _page(self, page: int) -> Any:
        rows, *_ = super()._page(page)
        return (rows, None, None)


class NobodyIsExtra(NamecomDomain):
    def observe(self, wants: Any) -> Observation:
        return super().observe(wants)._replace(unmanaged=())


class SaysDoneAndDoesNot(NamecomDomain):
    def apply(self, want: Any, change: Any, key: str) -> Receipt:
        return Receipt(reference="done")


class NeverProven(NamecomDomain):
    def happened(self, *_: Any) -> None:
        return None


class ProvenTooEarly(NamecomDomain):
    def happened(self, want: Any, change: Any, key: str, since: Any) -> bool:
        return super().happened(want, change, key, since) is True


class OrdersUnread(NamecomDomain):
    def _live(self, want: Any) -> Any:
        raise Transient("cannot read")


class ObservesByDoing(PorkbunDomain):
    def _get_ns(self, name: str) -> Any:
        hosts = super()._get_ns(name)
        path = f"/domain/updateNs/{name}"
        self._http.call("POST", path, operation="x", effect=True, json={"ns": hosts})
        return hosts


class RaisesForAll(PorkbunDomain):
    def observe(self, wants: Any) -> Observation:
        self._page(0)
        return super().observe(wants)


def fails(contract: Contract, test: str) -> bool:
    """Whether *contract* fails its test whose name begins so."""
    (name,) = (name for name in dir(DriverContract) if name.startswith(test))
    return not _passes(contract, name)


def _passes(contract: Contract, name: str) -> bool:
    suite: Any = contract()
    suite._made = []
    try:
        getattr(suite, name)()
    except (AssertionError, ProviderError, pytest.fail.Exception):
        return False
    finally:
        for driver in suite._made:
            driver.close()
    return True


@pytest.fixture(scope="module", autouse=True)
def _sandboxes() -> Iterator[None]:
    starts = [_start(Porkbun), _start(Namecom)]
    yield
    for contract in starts:
        contract.sandbox.stop()


def _start(contract: Contract) -> Contract:
    from reconciler.sandbox import Sandbox, SandboxClock, World
    from tests.support.contract import NOW

    clock = SandboxClock(NOW, frozen=True)
    contract.sandbox = Sandbox(World({contract.vendor: contract.part}), clock).start()
    return contract


def _with(contract: Contract, mutant: type[AnyDriver]) -> Contract:
    return type(mutant.__name__, (contract,), {"driver": mutant})


@pytest.mark.parametrize(
    ("contract", "mutant", "caught_by"),
    [
        (Porkbun, NoKey, "test_the_same_key_twice_has_one_effect"),
        (Porkbun, TimeoutIsTransient, "test_an_answer_lost_after_the_effect"),
        (Namecom, RefusalIsTransient, "test_a_refusal_is_rejected"),
        (Namecom, VerbUndeclared, "test_declares_every_verb"),
        (Porkbun, VerbNeverDone, "test_declares_every_verb"),
        (Porkbun, FailureIsAbsence, "test_wrong_credentials_prove_nothing"),
        (Namecom, HalfAListing, "test_half_a_listing_proves_nothing"),
        (Namecom, NobodyIsExtra, "test_what_is_missing_is_absent_and"),
        (Namecom, SaysDoneAndDoesNot, "test_after_applying_there_is_nothing"),
        (Namecom, NeverProven, "test_an_answer_lost_before_the_effect"),
        (Namecom, ProvenTooEarly, "test_an_answer_lost_before_the_effect"),
        (Namecom, OrdersUnread, "test_an_answer_lost_before_the_effect"),
        (Porkbun, ObservesByDoing, "test_observing_changes_nothing"),
        (Porkbun, RaisesForAll, "test_wrong_credentials_prove_nothing"),
    ],
)
def test_a_wrong_driver_is_caught(
    contract: Contract, mutant: type[AnyDriver], caught_by: str
) -> None:
    assert not fails(contract, caught_by)
    assert fails(_with(contract, mutant), caught_by)


def _sends_again(self: Http, *args: Any, effect: bool, **more: Any) -> Any:
    return _CALL(self, *args, effect=False, **more)


_CALL = Http.call


@pytest.mark.parametrize(
    ("owner", "name", "wrong", "caught_by"),
    [
        (Http, "call", _sends_again, "test_a_server_error_after_the_effect"),
        (Http, "_told", lambda *_: 0.0, "test_waits_as_long_as_it_is_told"),
        (Http, "shown", lambda _, text: text, "test_shows_no_secret"),
        (Details, "forget", lambda *_: None, "test_after_applying_there_is_nothing"),
        (_http.Limit, "wait", lambda _: None, "test_keeps_to_the_accounts_own_limit"),
    ],
)
def test_a_wrong_shared_part_is_caught(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, wrong: Any, caught_by: str
) -> None:
    monkeypatch.setattr(owner, name, wrong)
    assert fails(Porkbun, caught_by) or fails(Namecom, caught_by)
