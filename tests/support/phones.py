"""SMS providers for tests: the emulators on one clock, and senders of theirs."""

from __future__ import annotations

import ssl

from reconciler.notify import Line
from reconciler.notify.sns import Sns
from reconciler.notify.twilio import Twilio
from reconciler.notify.vonage import Vonage
from reconciler.sandbox import Sandbox, SandboxClock, World

SID, TOKEN = "AC" + "0a" * 16, "canary-twilio-token"
KEY, SECRET = "abcd1234", "canary0123456789"
OURS, PHONE = "+15557122661", "+31612345678"
WORLD = {
    "twilio": {"accounts": [{"sid": SID, "token": TOKEN, "numbers": [OURS]}]},
    "vonage": {"accounts": [{"key": KEY, "secret": SECRET}]},
}
ACCOUNT, REGION = "123456789012", "eu-west-1"


def line():
    return Line(ssl.create_default_context, loopback=True)


class Phones:
    """Use as a context manager; both vendors deliver until they are told otherwise."""

    def __init__(self, now):
        self.clock = SandboxClock(now, frozen=True)
        self.sandbox = Sandbox(World(WORLD), self.clock)

    def __enter__(self):
        self.sandbox.start()
        return self

    def __exit__(self, *_):
        self.sandbox.stop()

    def reset(self, now):
        self.clock.set(now, frozen=True)
        self.sandbox.reset(World(WORLD))

    def twilio(self, *, token=TOKEN, sender=OURS, endpoint=None):
        at = endpoint or self.sandbox.endpoint("twilio")
        return Twilio(SID, (SID, token), sender, PHONE, line(), endpoint=at)

    def vonage(self, *, secret=SECRET, endpoint=None):
        at = endpoint or self.sandbox.endpoint("vonage")
        return Vonage((KEY, secret), "Agency", PHONE, line(), endpoint=at)

    def fate(self, vendor, fate):
        number = PHONE if vendor == "twilio" else PHONE[1:]
        self.sandbox.edit(vendor, "fate", {"number": number, "fate": fate})

    def sent(self, vendor):
        return self.sandbox.ledger.effects(vendor)


def sns(endpoint, **more):
    keys = ("AKIACANARY", "canary-aws-secret")
    return Sns(ACCOUNT, REGION, keys, None, PHONE, line(), endpoint=endpoint, **more)
