"""Who is believed, over real sockets: signatures as the vendors' own code makes them."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
import stripe as sdk

from reconciler.errors import Transient
from reconciler.notify.webhook import keys, signature
from reconciler.web.door import Door, verifier_class
from reconciler.web.inbox import MOST, Memory
from tests.support.inbox import (
    KEY,
    NOW,
    STANDARD_SECRET,
    STRIPE_SECRET,
    account,
    doors,
    event,
    inbox,
    standard,
    stripe,
)


@pytest.fixture(scope="module")
def running():
    with inbox() as rig:
        yield rig


@pytest.fixture
def rig(running):
    running.wakes, running.off = 0, timedelta()
    running.log.clear()
    return running


def fresh(rig, name="stripe-main"):
    """An event that no test of this process has sent yet."""
    rig.number = getattr(rig, "number", 0) + 1
    return event(f"{name}-{rig.number}")


def test_what_stripe_signed_wakes_a_run(rig):
    body = fresh(rig)
    sdk.Webhook.construct_event(body, **_as_sdk(stripe(body)), tolerance=10**9)
    answer = rig.post("stripe-main", body, stripe(body))
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert rig.wakes == 1
    assert rig.log == ["stripe-main: an event; a run is asked for"]


def _as_sdk(headers):
    return {"sig_header": headers["Stripe-Signature"], "secret": STRIPE_SECRET}


def test_what_is_signed_by_the_standard_wakes_a_run(rig):
    headers = standard(b"{}", identity="msg_a")
    assert rig.post("acme", b"{}", headers).status_code == 200
    assert rig.wakes == 1
    # As this tool signs its own.
    made = signature(keys(STANDARD_SECRET), "msg_a", int(NOW.timestamp()), b"{}")
    assert headers["webhook-signature"] == made


def test_the_vector_of_the_standards_own_libraries():
    hook = verifier_class("acme")(
        account("acme", webhookSecret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    )
    from datetime import UTC, datetime

    from reconciler.providers._webhook import Posted

    posted = Posted(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )
    assert hook.event(posted) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def two(body):
    """An old time that is signed by nobody before the one that is."""
    good = stripe(body)["Stripe-Signature"]
    return {"Stripe-Signature": f"t=1,{good}"}


def test_several_signatures_and_secrets_during_a_rotation(rig):
    body = fresh(rig)
    good = stripe(body)["Stripe-Signature"]
    headers = {"Stripe-Signature": f"{good.replace('v1=', 'v1=0000,v1=')},v0=00"}
    assert rig.post("stripe-main", body, headers).status_code == 200
    rotating = account("stripe", webhookSecret=f"whsec_{'n' * 32} {STRIPE_SECRET}")
    with inbox({"s": Door(verifier_class("stripe")(rotating))}) as other:
        body = fresh(rig)
        assert other.post("s", body, stripe(body)).status_code == 200


def sdk_v0(body):
    """Stripe signs test events with a scheme that proves nothing."""
    good = stripe(body)["Stripe-Signature"]
    return {"Stripe-Signature": good.replace("v1=", "v0=")}


#: What somebody may send in place of a signature -> (the headers, what is said).
FORGED = {
    "none": (lambda _: {}, "missing"),
    "empty": (lambda _: {"Stripe-Signature": ""}, "missing"),
    "another secret": (lambda b: stripe(b, secret="whsec_another"), "does not fit"),
    "another body": (lambda b: stripe(b + b" "), "does not fit"),
    "old": (lambda b: stripe(b, late=301), "too old"),
    "future": (lambda b: stripe(b, late=-301), "from the future"),
    "days old": (lambda b: stripe(b, late=3 * 86400), "too old"),
    "no value": (lambda _: {"Stripe-Signature": "t=1,v1="}, "does not fit"),
    "no time": (lambda _: {"Stripe-Signature": "v1=00"}, "does not fit"),
    "empty time": (lambda _: {"Stripe-Signature": "t=,v1=00"}, "does not fit"),
    "endless": (lambda _: {"Stripe-Signature": f"t={'9' * 5000},v1=0"}, "does not fit"),
    "no ascii": (lambda _: {"Stripe-Signature": b"t=1,v1=\xe9\xff"}, "does not fit"),
    "commas": (lambda _: {"Stripe-Signature": ",,,=,"}, "does not fit"),
    "two times": (two, "does not fit"),
    "test scheme": (sdk_v0, "does not fit"),
    "another way": (standard, "missing"),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_stripe_did_not_sign_wakes_nothing(rig, how):
    headers, said = FORGED[how]
    body = fresh(rig)
    answer = rig.post("stripe-main", body, headers(body))
    assert answer.status_code == 401
    assert said in answer.json()["error"]
    assert rig.wakes == 0
    _nothing_told(rig, body, answer)


def _nothing_told(rig, body, answer):
    told = " ".join(rig.log) + answer.text
    assert body.decode("latin-1") not in told
    assert "evt_" not in told
    assert "c4n4ry" not in told
    assert len(rig.log) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"webhook-id": ""}, "missing"),
        ({"webhook-id": "msg_other"}, "does not fit"),
        ({"webhook-timestamp": "x"}, "no time"),
        ({"webhook-timestamp": "9" * 400}, "no time"),
        ({"webhook-timestamp": "+1795338000"}, "no time"),
        ({"webhook-signature": "v1,AAAA"}, "does not fit"),
        ({"webhook-signature": b"v1,\xe9"}, "does not fit"),
        ({"webhook-signature": ""}, "missing"),
    ],
)
def test_what_is_not_signed_by_the_standard_wakes_nothing(rig, changed, said):
    answer = rig.post("acme", b"{}", standard(b"{}", identity="msg_c") | changed)
    assert answer.status_code == 401
    assert said in answer.json()["error"]
    assert rig.wakes == 0


@pytest.mark.parametrize(("late", "status"), [(299, 200), (301, 401), (-301, 401)])
def test_the_time_of_the_standard(rig, late, status):
    headers = standard(b"{}", identity=f"msg_late{late}", late=late)
    assert rig.post("acme", b"{}", headers).status_code == status


def test_a_signature_of_another_key_of_the_standard(rig):
    headers = standard(b"{}", identity="msg_k", key=KEY[::-1])
    assert rig.post("acme", b"{}", headers).status_code == 401


def test_a_replay_is_refused_after_five_minutes_and_harmless_before(rig):
    body = fresh(rig)
    headers = stripe(body)
    assert [rig.post("stripe-main", body, headers).status_code for _ in "ab"] == [
        200,
        200,
    ]
    rig.off = timedelta(minutes=5, seconds=1)
    assert rig.post("stripe-main", body, headers).status_code == 401
    # The vendor itself signs anew whenever it sends an event again.
    assert rig.post("stripe-main", body, stripe(body, late=-301)).status_code == 200
    assert rig.wakes == 1


def test_it_is_our_clock_that_counts(rig):
    """Not the machine's: it may be years away, as here."""
    rig.off = timedelta(days=400)
    body = fresh(rig)
    assert rig.post("stripe-main", body, stripe(body)).status_code == 401
    late = -int(rig.off.total_seconds())
    assert rig.post("stripe-main", body, stripe(body, late=late)).status_code == 200


def test_the_same_event_in_parallel_wakes_once(rig):
    body = fresh(rig)
    headers = stripe(body)
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(rig.post, "stripe-main", body, headers) for _ in range(24)]
        assert {post.result().status_code for post in posts} == {200}
    assert rig.wakes == 1


def test_events_out_of_order_each_wake_once(rig):
    bodies = [fresh(rig) for _ in range(4)]
    for body in [bodies[3], bodies[0], bodies[2], bodies[0], bodies[1], bodies[3]]:
        assert rig.post("stripe-main", body, stripe(body)).status_code == 200
    assert rig.wakes == 4


def test_one_accounts_event_is_not_anothers(rig):
    body = event("msg_shared")
    assert rig.post("stripe-main", body, stripe(body)).status_code == 200
    headers = standard(body, identity="evt_msg_shared")
    assert rig.post("acme", body, headers).status_code == 200
    assert rig.wakes == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"{}",
        b'{"id": 1}',
        b'{"id": ""}',
        b'{"id": "%s"}' % (b"x" * 256),
        b"[" * 100_000,
        b'{"id": %s}' % (b"9" * 5000),
    ],
)
def test_what_is_signed_and_no_event_wakes_nothing(rig, body):
    answer = rig.post("stripe-main", body, stripe(body))
    assert answer.status_code == 400
    assert rig.wakes == 0


def test_a_body_that_is_no_text_does_not_fit(rig):
    answer = rig.post("stripe-main", b"\xff\xfe", {"Stripe-Signature": "t=1,v1=00"})
    assert answer.status_code == 401


def test_an_unknown_account_is_not_repeated(rig):
    body = fresh(rig)
    answer = rig.post("canary%0d%0acanary", body, stripe(body))
    assert answer.status_code == 404
    assert "canary" not in answer.text
    assert rig.log == []
    assert rig.wakes == 0


def test_an_account_without_its_secret_refuses_and_says_so(rig):
    answer = rig.post("lacking", event(), stripe(event()))
    assert answer.status_code == 503
    assert "NOT_THERE" not in answer.text  # who asks may be anybody
    assert rig.log == [
        "lacking: refused with 503: the secret env:NOT_THERE is not there"
    ]
    assert rig.wakes == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/hooks/stripe-main", 405),
        ("PUT", "/hooks/stripe-main", 405),
        ("DELETE", "/hooks/stripe-main", 405),
        ("OPTIONS", "/hooks/stripe-main", 405),
        ("POST", "/healthz", 405),
        ("POST", "/hooks/stripe-main/", 404),
        ("POST", "/hooks", 404),
        ("POST", "/hooks/", 404),
        ("POST", "/hooks/a/b", 404),
        ("GET", "/", 404),
        ("GET", "/../../etc/passwd", 404),
    ],
)
def test_other_methods_and_places(rig, method, path, status):
    answer = httpx.request(method, f"{rig.url}{path}")
    assert answer.status_code == status
    assert rig.wakes == 0


def test_health(rig):
    answer = httpx.get(f"{rig.url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    with inbox(well=lambda: False) as ill:
        assert httpx.get(f"{ill.url}/healthz").status_code == 503


@pytest.mark.parametrize("size", [MOST, MOST + 1, 3 * MOST])
def test_a_body_has_an_end(rig, size):
    body = event("big", pad="x" * (size - len(event("big", pad=""))))
    assert len(body) == size
    rig.number = getattr(rig, "number", 0) + 1
    body = body.replace(b"evt_big", b"evt_%03d" % rig.number)
    answer = rig.post("stripe-main", body, stripe(body))
    assert answer.status_code == (200 if size <= MOST else 413)
    assert rig.wakes == (size <= MOST)


def raw(rig, data, *, wait=5.0):
    """Send bytes and return what comes back until the other side hangs up."""
    with socket.create_connection(("127.0.0.1", rig.port), timeout=wait) as made:
        for part in data:
            made.sendall(part)
        got = b""
        try:
            while more := made.recv(4096):
                got += more
        except ConnectionResetError:
            pass
        return got


def test_a_body_without_a_length_has_an_end_too(rig):
    def chunks():
        yield (
            b"POST /hooks/stripe-main HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    part = list(chunks())
    got = raw(rig, [part[0], *[part[1]] * 4, b"1\r\nx\r\n"])
    assert got.startswith(b"HTTP/1.1 413")
    assert rig.wakes == 0


def test_a_length_that_is_said_is_enough(rig):
    """Nothing of such a body is read: it may never come."""
    head = b"POST /hooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    assert raw(rig, [head]).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /hooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /hooks/acme HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /hooks/acme HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000,
        b"\x16\x03\x01 hello, TLS?\r\n\r\n",
    ],
)
def test_what_is_no_http_is_hung_up_on(rig, head):
    got = raw(rig, [head])
    assert got == b"" or got.startswith(b"HTTP/1.1 400")
    assert rig.wakes == 0


def test_who_dawdles_is_hung_up_on():
    head = b"POST /hooks/acme HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
    with inbox(life=0.3) as rig:
        begun = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            slow = [
                pool.submit(raw, rig, parts)
                for parts in ([b""], [head], [head + b"\r\n{"], [b"P"], [head], [b""])
            ]
            # Meanwhile others are served.
            body = event("meanwhile")
            assert rig.post("stripe-main", body, stripe(body)).status_code == 200
            assert all(b"200" not in one.result() for one in slow)
        assert 0.2 < time.monotonic() - begun < 3
        assert rig.wakes == 1


def test_a_connection_is_for_one_request(rig):
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(rig, [ask + ask]).count(b"HTTP/1.1 200") == 1


class Broken:
    credentials = frozenset()

    def __init__(self, error):
        self.error = error

    def event(self, posted):
        raise self.error


def test_what_cannot_be_checked_now_may_come_again():
    shut = {
        "later": Door(Broken(Transient("cert: answer 500 canary"))),
        "ill": Door(Broken(KeyError("canary"))),
    }
    with inbox(shut) as rig:
        later = rig.post("later", b"{}")
        ill = rig.post("ill", b"{}")
        assert (later.status_code, ill.status_code) == (503, 500)
        assert "canary" not in later.text + ill.text + " ".join(rig.log)
        assert rig.log == [
            "later: cannot be checked now: Transient",
            "a request broke: KeyError",
        ]
        assert rig.wakes == 0


def test_the_memory_has_an_end():
    memory = Memory(2)
    assert [memory.is_new("a", one) for one in "xyxzx"] == [
        True,
        True,
        False,
        True,
        True,  # forgotten: one more run, which is harmless
    ]


@pytest.mark.parametrize(
    ("vendor", "secret"),
    [
        ("stripe", ""),
        ("stripe", " "),
        ("stripe", "sk_canary"),
        ("stripe", f"{STRIPE_SECRET} canary"),
        ("acme", "canary"),
        ("acme", "whsec_Y2FuYXJ5"),
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_shown(vendor, secret):
    with pytest.raises(ValueError, match=r"whsec_|secret") as caught:
        verifier_class(vendor)(account(vendor, webhookSecret=secret))
    assert "canary" not in str(caught.value)


def test_nothing_of_a_secret_is_in_a_repr():
    for one in doors().values():
        assert "c4n4ry" not in repr(one)
        assert "canary" not in repr(one)


def test_json_is_what_is_answered(rig):
    assert json.loads(rig.post("acme", b"{}").text)["ok"] is False
