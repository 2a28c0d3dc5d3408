"""The sandbox's receiver believes what is signed, and counts every ping."""

import base64
import hashlib
import hmac
import json

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.notify import Hook, Line, Pulse
from reconciler.notify.delivery import Status
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW
from tests.unit.notify.world import sent_message

KEY = b"sandbox-sandbox-sandbox-"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@pytest.fixture
def sandbox():
    world = World({"receiver": {"secret": SECRET}})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as running:
        yield running


def post(sandbox, *, body=b'{"a": 1}', identity="msg_1", late=0, key=KEY):
    """Post as Standard Webhooks 1.0.0 says, written out here a second time."""
    stamp = str(int(NOW.timestamp()) - late)
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256)
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}",
    }
    return httpx.post(
        f"{sandbox.endpoint('receiver')}/hooks/ops", content=body, headers=headers
    )


def seen(sandbox, thing):
    return httpx.get(f"{sandbox.control}/receiver/{thing}").json()[thing]


def test_a_signed_hook_is_kept_once(sandbox):
    assert post(sandbox).json() == {"ok": True}
    assert post(sandbox).status_code == 200  # a repetition is known by its id
    (kept,) = seen(sandbox, "hooks")
    assert (kept["name"], kept["id"], kept["body"]) == ("ops", "msg_1", {"a": 1})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": b"another-another-another-"}, "signature does not fit"),
        ({"late": 301}, "too old"),
        ({"identity": ""}, "missing"),
    ],
)
def test_what_is_not_signed_well_is_not_believed(sandbox, wrong, said):
    answer = post(sandbox, **wrong)
    assert answer.status_code == 401
    assert said in answer.json()["error"]
    assert seen(sandbox, "hooks") == []


def test_our_own_senders_are_understood(sandbox):
    line = Line(lambda: None, loopback=True)
    url = sandbox.endpoint("receiver")
    message = sent_message()
    done = Hook(f"{url}/hooks/ops", SECRET, line).send(message, NOW)
    assert done.status is Status.DELIVERED
    assert seen(sandbox, "hooks")[0]["body"] == json.loads(json.dumps(message.data))
    pulse = Pulse(f"{url}/ping/deadman", line)
    assert pulse.beat("run 1, exit 0", lambda _: None).arrived
    assert pulse.beat("run 2, exit 3", lambda _: None, failed=True).arrived
    pings = [(ping["good"], ping["said"]) for ping in seen(sandbox, "pings")]
    assert pings == [(True, "run 1, exit 0"), (False, "run 2, exit 3")]


def test_it_fails_on_request(sandbox):
    sandbox.inject(
        Fault(vendor="receiver", operation="hook", kind="status", status=503)
    )
    assert post(sandbox).status_code == 503
    assert seen(sandbox, "hooks") == []
    assert post(sandbox).status_code == 200


def test_another_address_and_another_world(sandbox):
    url = sandbox.endpoint("receiver")
    assert httpx.post(f"{url}/elsewhere").status_code == 404
    assert httpx.get(f"{sandbox.control}/receiver/mails").status_code == 400
    with pytest.raises(ReconcilerError, match="no part 'hooks'"):
        Sandbox(World({"receiver": {"hooks": []}}), SandboxClock(NOW)).start()
