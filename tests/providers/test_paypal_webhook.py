"""PayPal's deliveries, sent by its emulator to the inbox, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import ProviderError
from reconciler.providers._paypal_webhook import PayPalHook
from reconciler.providers._webhook import Forged, Posted, Unreadable
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.paypal_hooks import (
    certificate_pem,
    deliver,
    happen,
    signed_headers,
)
from reconciler.web.door import Door, verifier_class
from tests.support.contract import NOW, account
from tests.support.inbox import inbox
from tests.support.paypal import world

HOOK = "1JE4291016473214C"


class Rig:
    """An inbox, and the emulator that delivers to it."""

    def __init__(self, sandbox: Sandbox, box: Any) -> None:
        self.sandbox, self.box = sandbox, box
        self.bench = sandbox.bench("paypal")
        self.hook = hook(sandbox)

    def reset(self) -> None:
        """Begin anew, with ids of events that the inbox has never seen."""
        self.sandbox.clock.set(NOW, frozen=True)
        state = self.bench.state
        made, signer = state["made"], state["signer"]
        url = f"{self.box.url}/hooks/paypal"
        self.sandbox.reset(World({"paypal": world(hooks={HOOK: url})}))
        state |= {"made": made + 1000, "signer": signer}
        state["accounts"][0]["queue"].clear()
        self.box.wakes = 0
        self.box.log.clear()

    def happened(self, number: int = 1) -> None:
        own = self.bench.state["accounts"][0]
        for at in range(number):
            happen(self.bench, own, "PAYMENT.CAPTURE.COMPLETED", "capture", {"n": at})

    def sent(self, how: str = "due") -> list[str]:
        """Deliver what is queued, and return what became of it."""
        deliver(self.bench, how).join(20)
        return [one["status"] for one in self.sandbox.look("paypal", "deliveries")]


def hook(sandbox: Sandbox, **more: str) -> PayPalHook:
    return PayPalHook(account(sandbox, "paypal", {"webhookId": HOOK, **more}))


@pytest.fixture(scope="module")
def running() -> Iterator[Rig]:
    part = {"paypal": world()}
    with Sandbox(World(part), SandboxClock(NOW, frozen=True)) as sandbox:
        certificate_pem(sandbox.bench("paypal"))
        with inbox({"paypal": Door(hook(sandbox))}) as box:
            yield Rig(sandbox, box)


@pytest.fixture
def rig(running: Rig) -> Rig:
    running.reset()
    return running


class TestDeliveries:
    def test_one_wakes_a_run(self, rig: Rig) -> None:
        rig.happened()
        assert rig.sent() == ["DELIVERED"]
        assert rig.box.wakes == 1

    def test_twice_and_again_is_once(self, rig: Rig) -> None:
        rig.happened()
        assert rig.sent("twice") == ["DELIVERED"]
        rig.sandbox.clock.advance(timedelta(hours=2))
        assert rig.sent("again") == ["DELIVERED"]
        assert rig.box.wakes == 1

    def test_in_any_order_each_wakes(self, rig: Rig) -> None:
        rig.happened(3)
        assert rig.sent("reversed") == ["DELIVERED"] * 3
        assert rig.box.wakes == 3

    @pytest.mark.parametrize("how", ["forged", "elsewhere"])
    def test_a_forged_one_wakes_nothing(self, rig: Rig, how: str) -> None:
        rig.sandbox.ledger.reset_requests()
        rig.happened()
        assert rig.sent(how) == ["PENDING"]
        assert rig.box.wakes == 0
        asked = rig.sandbox.ledger.requests().get("paypal", {})
        assert asked.keys() <= {"certificate"}


def posted(rig: Rig, body: bytes, **more: Any) -> Posted:
    sent = signed_headers(rig.bench, HOOK, body)
    headers = {name.lower(): value for name, value in sent.items()}
    return Posted({**headers, **more}, body, rig.sandbox.clock())


BODY = json.dumps({"id": "WH-1"}).encode()


class TestTheVerifier:
    def test_is_found_by_its_name(self) -> None:
        assert verifier_class("paypal") is PayPalHook

    def test_asks_for_a_certificate_once(self, rig: Rig) -> None:
        made = hook(rig.sandbox)
        rig.sandbox.ledger.reset_requests()
        for _ in range(3):
            assert made.event(posted(rig, BODY)) == "WH-1"
        assert rig.sandbox.ledger.requests()["paypal"] == {"certificate": 1}

    def test_never_asks_elsewhere(self, rig: Rig) -> None:
        made = hook(rig.sandbox)
        rig.sandbox.ledger.reset_requests()
        evil = "https://paypal.com.evil.example/v1/notifications/certs/CERT-1"
        with pytest.raises(Forged):
            made.event(posted(rig, BODY, **{"paypal-cert-url": evil}))
        assert rig.sandbox.ledger.requests().get("paypal", {}) == {}

    def test_says_so_where_there_is_no_certificate_now(self, rig: Rig) -> None:
        made = hook(rig.sandbox)
        fault = Fault(vendor="paypal", operation="certificate", kind="status", times=0)
        rig.sandbox.inject(fault)
        with pytest.raises(ProviderError) as failed:
            made.event(posted(rig, BODY))
        assert not isinstance(failed.value, (Forged, Unreadable))
        rig.sandbox.faults.clear()
        assert made.event(posted(rig, BODY)) == "WH-1"

    def test_takes_three_days_and_no_more(self, rig: Rig) -> None:
        made, sent = hook(rig.sandbox), posted(rig, BODY)
        late = sent._replace(now=NOW + timedelta(days=3))
        assert made.event(late) == "WH-1"
        with pytest.raises(Forged, match="old"):
            made.event(sent._replace(now=NOW + timedelta(days=3, hours=2)))
        with pytest.raises(Forged, match="future"):
            made.event(sent._replace(now=NOW - timedelta(minutes=6)))

    def test_refuses_what_is_not_its_webhooks(self, rig: Rig) -> None:
        made = hook(rig.sandbox, webhookId="ANOTHER")
        with pytest.raises(Forged, match="does not fit"):
            made.event(posted(rig, BODY))
        both = hook(rig.sandbox, webhookId=f"ANOTHER {HOOK}")
        assert both.event(posted(rig, BODY)) == "WH-1"

    @pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"no json"])
    def test_refuses_what_is_no_event(self, rig: Rig, body: bytes) -> None:
        with pytest.raises(Unreadable):
            hook(rig.sandbox).event(posted(rig, body))

    def test_refuses_what_is_not_signed(self, rig: Rig) -> None:
        with pytest.raises(Forged, match="missing"):
            hook(rig.sandbox).event(Posted({}, BODY, NOW))

    @pytest.mark.parametrize("value", ["", " ", "a|b", "whsec_x"])
    def test_needs_an_id_that_can_be(self, rig: Rig, value: str) -> None:
        with pytest.raises(ValueError, match="webhookId"):
            hook(rig.sandbox, webhookId=value)
