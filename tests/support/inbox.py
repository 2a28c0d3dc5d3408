"""The inbox on a real socket, what it logged, and how the vendors sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from types import SimpleNamespace

import httpx
from stripe import WebhookSignature

from reconciler.model import Account
from reconciler.web.door import Door, verifier_class
from reconciler.web.inbox import Inbox
from reconciler.web.server import Server, listen

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
#: Made here, and known to nobody.
STRIPE_SECRET = "whsec_" + "c4n4ry" * 6
KEY = b"canary-canary-canary-canary"
STANDARD_SECRET = "whsec_" + base64.b64encode(KEY).decode()


def account(vendor, **secrets):
    return Account(
        name=vendor,
        endpoint=None,
        identity=None,
        secrets=secrets,
        clock=lambda: NOW,
        sleep=lambda _: None,
        cache=None,
    )


def door(vendor, **secrets):
    return Door(verifier_class(vendor)(account(vendor, **secrets)))


def doors():
    return {
        "stripe-main": door("stripe", webhookSecret=STRIPE_SECRET),
        "acme": door("acme", webhookSecret=STANDARD_SECRET),
        "lacking": Door(None, "the secret env:NOT_THERE is not there"),
    }


def event(number=1, **more):
    body = {"id": f"evt_{number}", "object": "event", "type": "invoice.paid", **more}
    return json.dumps(body).encode()


def stripe(body, *, secret=STRIPE_SECRET, late=0):
    """The header that Stripe's own SDK makes."""
    stamp = int(NOW.timestamp()) - late
    made = WebhookSignature.generate_signature_header(body.decode(), secret, stamp)
    return {"Stripe-Signature": made}


def standard(body, *, identity="msg_1", key=KEY, late=0):
    """Written out here a second time, from the text of the standard."""
    stamp = str(int(NOW.timestamp()) - late)
    signed = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": identity,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(signed.digest()).decode()}",
    }


@contextmanager
def inbox(open_doors=None, *, life=5.0, well=lambda: True):
    """An inbox that runs; ``wakes`` counts, ``log`` is what it said, ``clock`` is ours."""
    rig = SimpleNamespace(wakes=0, log=[], off=timedelta())

    def wake():
        rig.wakes += 1

    made = Inbox(
        doors() if open_doors is None else open_doors,
        wake,
        well,
        lambda: NOW + rig.off,
        rig.log.append,
    )
    ready, listening = Event(), listen("127.0.0.1", 0)
    server = Server(made.app, ready=ready.set, life=life)
    thread = Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        assert ready.wait(5)
        rig.port = listening.getsockname()[1]
        rig.url = f"http://127.0.0.1:{rig.port}"

        with httpx.Client() as client:

            def post(name, body, headers=None):
                url = f"{rig.url}/hooks/{name}"
                return client.post(url, content=body, headers=headers)

            rig.post = post
            yield rig
    finally:
        server.leave()
        thread.join(5)
        assert not thread.is_alive()
