from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Transient
from reconciler.providers._paypal import PayPal
from reconciler.providers._paypal_signature import (
    Signature,
    allowed,
    asked,
    fits,
    signature,
)
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.sandbox.paypal_hooks import certificate_pem, signed_headers
from tests.support.contract import NOW, account
from tests.support.paypal import SECRETS, world

HOOK = "1JE4291016473214C"
BODY = b'{"id":"WH-1", "resource" : {"amount":"12.10"}}'
CERTS = "https://api-m.paypal.com/v1/notifications/certs/CERT-360caa42"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    hooks = {HOOK: "http://127.0.0.1:9/hooks"}
    part = {"paypal": world(hooks=hooks)}
    with Sandbox(World(part), SandboxClock(NOW, frozen=True)) as running:
        certificate_pem(running.bench("paypal"))
        yield running


@pytest.fixture
def paypal(sandbox: Sandbox) -> Iterator[PayPal]:
    made = PayPal(account(sandbox, "paypal", SECRETS))
    yield made
    made.close()


def headers(sandbox: Sandbox, body: bytes = BODY, how: str = "due") -> dict[str, str]:
    sent = signed_headers(sandbox.bench("paypal"), HOOK, body, how)
    return {name.lower(): value for name, value in sent.items()}


def given(sandbox: Sandbox, **more: Any) -> Signature:
    found = signature(headers(sandbox, **more))
    assert found is not None
    return found


def pem(sandbox: Sandbox) -> bytes:
    return certificate_pem(sandbox.bench("paypal")).encode()


class TestHere:
    def test_what_paypal_signed_fits(self, sandbox: Sandbox) -> None:
        assert fits(given(sandbox), BODY, HOOK, pem(sandbox), NOW)

    def test_nothing_else_does(self, sandbox: Sandbox) -> None:
        good, known = given(sandbox), pem(sandbox)
        later = good._replace(sent="2026-11-22T09:00:01Z")
        assert not fits(good, BODY + b" ", HOOK, known, NOW)
        assert not fits(good, BODY, "ANOTHERHOOK", known, NOW)
        assert not fits(good, BODY, "", known, NOW)
        assert not fits(later, BODY, HOOK, known, NOW)
        assert not fits(good._replace(id="other"), BODY, HOOK, known, NOW)
        assert not fits(good._replace(algorithm="none"), BODY, HOOK, known, NOW)
        assert not fits(good._replace(signature="AAAA"), BODY, HOOK, known, NOW)
        assert not fits(good._replace(signature="!"), BODY, HOOK, known, NOW)
        assert not fits(given(sandbox, how="forged"), BODY, HOOK, known, NOW)

    def test_a_certificate_is_paypals_and_good(self, sandbox: Sandbox) -> None:
        good, known = given(sandbox), pem(sandbox)
        assert not fits(good, BODY, HOOK, known, NOW + timedelta(days=400))
        assert not fits(good, BODY, HOOK, known, NOW - timedelta(days=2))
        assert not fits(good, BODY, HOOK, b"no certificate", NOW)
        assert not fits(good, BODY, HOOK, b"", NOW)

    def test_one_of_somebody_else_is_not(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        where = "reconciler.sandbox.paypal_hooks.SUBJECT"
        monkeypatch.setattr(where, "paypal.com.evil.example")
        assert not fits(given(sandbox), BODY, HOOK, pem(sandbox), NOW)


class TestWhereACertificateMayBe:
    @pytest.mark.parametrize(
        "url",
        [
            CERTS,
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594",
            "https://api.sandbox.paypal.com:443/v1/notifications/certs/CERT-1",
        ],
    )
    def test_paypals_own_hosts(self, url: str) -> None:
        assert allowed(url)

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://paypal.com.evil.example/v1/notifications/certs/CERT-1",
            "https://evilpaypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1",
            "https://user@api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
            "https://api.paypal.com:99999/v1/notifications/certs/CERT-1",
            "https://evil.example\\.paypal.com/v1/notifications/certs/CERT-1",
            "https://evil.example/?.paypal.com/v1/notifications/certs/CERT-1",
            "https://evil.example#.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/../../files/mine",
            "https://api.paypal.com/files/mine",
            "https://[::1]/v1/notifications/certs/CERT-1",
            "file:///v1/notifications/certs/CERT-1",
        ],
    )
    def test_nowhere_else(self, url: str) -> None:
        assert not allowed(url)


class TestHeaders:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("paypal-transmission-id", ""),
            ("paypal-transmission-time", "yesterday"),
            ("paypal-transmission-time", "2026-11-22T09:00:00"),
            ("paypal-transmission-id", "a|b"),
            ("paypal-cert-url", "x" * 3000),
        ],
    )
    def test_that_cannot_be_are_none(
        self, sandbox: Sandbox, name: str, value: str
    ) -> None:
        assert signature({**headers(sandbox), name: value}) is None
        assert signature({}) is None


class TestByAsking:
    def test_paypal_says_what_fits(self, sandbox: Sandbox, paypal: PayPal) -> None:
        assert asked(paypal, given(sandbox), BODY, HOOK)
        assert not asked(paypal, given(sandbox), BODY.replace(b"12", b"99"), HOOK)
        assert not asked(paypal, given(sandbox), BODY.replace(b" : ", b":"), HOOK)
        assert not asked(paypal, given(sandbox, how="forged"), BODY, HOOK)
        assert not asked(paypal, given(sandbox, how="elsewhere"), BODY, HOOK)
        assert not asked(paypal, given(sandbox), BODY, "ANOTHERHOOK")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no json",
            b"[1]",
            b'{"id":"WH-1"}, "webhook_id": "ANOTHER", "webhook_event": {}',
            b"\xff",
            b"[" * 100_000,
        ],
    )
    def test_nothing_slips_into_the_question(
        self, sandbox: Sandbox, paypal: PayPal, body: bytes
    ) -> None:
        sandbox.ledger.reset_requests()
        assert not asked(paypal, given(sandbox), body, HOOK)
        assert sandbox.ledger.requests().get("paypal", {}) == {}

    def test_no_answer_is_no(self, sandbox: Sandbox, paypal: PayPal) -> None:
        operation = "verify-webhook-signature.post"
        fault = Fault(vendor="paypal", operation=operation, kind="status", times=0)
        sandbox.inject(fault)
        with pytest.raises(Transient):
            asked(paypal, given(sandbox), BODY, HOOK)
        sandbox.faults.clear()
