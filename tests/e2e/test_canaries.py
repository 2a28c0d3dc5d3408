"""
Canaries: every secret, every person's data, all that a vendor says when it refuses.

One agency with an account at every vendor, each of which answers with all that it was
told in its bodies and headers, and more. A whole day is run; then all that was printed,
written, committed, published, cached or sent is searched.
"""

from __future__ import annotations

import base64
import itertools
import json
import subprocess

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from reconciler.model import Account
from reconciler.providers import driver_class, vendors
from reconciler.sandbox import AsgiServer, Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.card_numbers import PUBLISHED
from tests.support.receivers import Inbox, Receiver
from tests.support.shell import at

WORD = "cnry7q"
#: What an account of each vendor needs, by vendor.
KEYS = {
    "gandi": ("token",),
    "dnsimple": ("token",),
    "cloudflare": ("token",),
    "powerdns": ("apiKey",),
    "whm": ("user", "token"),
    "stripe": ("key", "webhookSecret"),
    "porkbun": ("apiKey", "secretApiKey"),
    "namecom": ("username", "token"),
}
#: Where a person's data are kept, and the word for each.
PEOPLE = ("billing", "technical")
MAIL = f"{WORD}-person@mail.bakker.example"
CARD = " ".join([PUBLISHED[0][n : n + 4] for n in range(0, 16, 4)])
DUE = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
HOSTS = {
    "gandi": "domain",
    "dnsimple": "domain",
    "porkbun": "domain",
    "namecom": "domain",
    "cloudflare": "zone",
    "powerdns": "zone",
}


def env(name):
    return f"CNRY_{name.upper().replace('-', '_')}"


def secret(name):
    return f"{WORD}-{name}-value"


def environ():
    """Every name that a SecretRef has, with its canary."""
    found = {
        env(f"{vendor}-{key}"): secret(f"{vendor}-{key}")
        for vendor, keys in KEYS.items()
        for key in keys
    }
    found |= {env(part): f"{WORD}-{part}@mail.bakker.example" for part in PEOPLE}
    return found


def documents(url):
    """The accounts, and one resource of every family at each."""
    text = "apiVersion: reconciler/v1\n"
    for vendor, keys in KEYS.items():
        given = ", ".join(f"{key}: {{env: {env(f'{vendor}-{key}')}}}" for key in keys)
        text += f"Provider/h-{vendor}: {{type: {vendor}, account: x1, endpoint: '{url}'"
        text += f", credentials: {{{given}}}}}\n"
    people = ", ".join(f"{part}: {{env: {env(part)}}}" for part in PEOPLE)
    text += "Customer/bakker: {legalName: Bakker BV, country: NL, contacts: "
    text += f"{{{people}}}}}\n"
    for vendor, what in HOSTS.items():
        zone = f"dns: {{targets: [h-{vendor}], records: []}}" if what == "zone" else ""
        text += domain(
            f"{vendor}.example",
            "porkbun-main" if zone else f"h-{vendor}",
            spec=zone or DUE,
        )
    text += "HostingPlan/care: {price: 120.00 EUR/year, packages: {whm: care_5g}}\n"
    text += "HostingAccount/whm.example: {provider: h-whm, plan: care}\n"
    text += "PaymentMethod/card: {provider: h-stripe, customer: bakker, token: pm_1}\n"
    return text


CHANNELS = """\
apiVersion: reconciler/v1
NotificationChannel/mail:
  type: smtp
  smtp:
    host: 127.0.0.1
    port: {mail}
    tls: none
    from: reconciler@agency.example
    to: [{{file: .sandbox/secrets/to}}]
NotificationChannel/hook:
  type: webhook
  unknownAfter: 1h
  fallback: mail
  webhook: {{url: {{file: .sandbox/secrets/hook}}, secret: {{file: .sandbox/secrets/key}}}}
NotificationChannel/deadman:
  type: heartbeat
  heartbeat: {{url: {{file: .sandbox/secrets/beat}}, incomplete: fail}}
"""
TOLD = {
    "to": f"{WORD}-ops@agency.example",
    "key": "whsec_"
    + base64.b64encode(f"{WORD}-signs-all-of-its-hooks".encode()).decode(),
}


class Vendor:
    """Refuses everything, in the shapes of all vendors, and repeats all it was told."""

    STATUSES = (400, 401, 403, 404, 409, 422, 500, 503, 200, 302, 429)

    def __init__(self):
        self._statuses = itertools.cycle(self.STATUSES)
        self.asked = 0
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
        self._server = AsgiServer(
            Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])
        )

    def __enter__(self):
        self.url = f"http://127.0.0.1:{self._server.start('127.0.0.1', 0)}"
        return self

    def __exit__(self, *_):
        self._server.stop()

    async def _answer(self, request):
        self.asked += 1
        sent = [v for name, v in request.headers.items() if name != "cookie"]
        told = " ".join(sent) + (await request.body()).decode()
        said = f"no: {MAIL} {CARD} {told} {'x' * 300} {WORD}"
        body = {
            "message": said,
            "error": {"message": said, "type": "card_error", "code": said},
            "errors": [{"message": said, "code": 1, "description": said}],
            "metadata": {"result": 0, "reason": said},
            "status": "ERROR",
            "details": said,
            "cause": said,
            "object": said,
        }
        status = next(self._statuses)
        headers = {
            name: said[:200].replace("\n", " ")
            for name in ("X-Request-Id", "Request-Id", "WWW-Authenticate", "Location")
        } | {"Retry-After": "0", "Set-Cookie": f"{WORD}=1", f"X-{WORD}": WORD}
        return Response(json.dumps(body), status, headers)


COMMANDS = (
    ("validate",),
    ("-v", "plan"),
    ("plan", "--format", "json"),
    ("plan", "--format", "html"),
    ("-v", "apply", "--auto-approve", "--publish"),
    ("apply", "--auto-approve", "--format", "json"),
    ("drift",),
    ("due",),
    ("notify", "--dry-run"),
    ("notify",),
    ("doctor",),
    ("explain", "Customer/bakker"),
    ("explain", "PaymentMethod/card"),
    ("explain", "Provider/h-stripe"),
    ("import", "Provider/h-stripe", "--out", "found"),
    ("audit", "log", "--format", "jsonl"),
    ("audit", "verify"),
    ("lock", "status"),
)


def objects(repository):
    """Every object there is, reachable or not."""
    return subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch"],
        check=True,
        capture_output=True,
    ).stdout


def test_no_canary_is_in_any_byte_that_leaves(tmp_path, monkeypatch):
    files = inventory(domain("due.example", spec=DUE))
    oddities = {"due.example": Oddity({"expires": 20})}
    for name, value in environ().items():
        monkeypatch.setenv(name, value)
    inbox, hook, watchdog = Inbox(), Receiver(), Receiver()
    # A receiver refuses in many words, too.
    hook.answers = [(500, f"no {TOLD['key']} {MAIL} {CARD}", {"X": WORD}), 200]
    with (
        inbox,
        hook,
        watchdog,
        Vendor() as vendor,
        Agency(tmp_path, files, oddities) as agency,
    ):
        urls = {
            name: f"{one.url}/{WORD}"
            for name, one in (("hook", hook), ("beat", watchdog))
        }
        for name, value in {**TOLD, **urls}.items():
            (agency.root / ".sandbox" / "secrets" / name).write_text(value)
        agency.write("inventory/hostile.yaml", documents(vendor.url))
        agency.write("inventory/channels.yaml", CHANNELS.format(mail=inbox.port))
        agency.commit()
        told = {"text": f"{MAIL} {CARD}", "times": 0}
        agency.sandbox.inject(
            Fault(
                vendor="porkbun", operation="renew", kind="status", status=400, **told
            )
        )
        out = {}
        for argv in COMMANDS:
            done = at(agency, *argv)
            assert "E000" not in done.err, done.err
            out[" ".join(argv)] = done.out + done.err
            agency.later(hours=9)
        at(agency, "observe", "--out", tmp_path / "seen.json")
        asked = vendor.asked
    out["snapshot"] = (tmp_path / "seen.json").read_text()
    out["notices"] = "\n".join(
        json.dumps(sorted(headers.items())) + body.decode()
        for path, headers, body in (*hook.got, *watchdog.got)
    ).replace(f"/{WORD}", "")
    out["mails"] = "\n".join(
        f"{mail['Subject']}\n{mail.get_body(('plain',)).get_content()}"
        for mail in inbox.mails
    )
    found = {name: text.encode() for name, text in out.items()}
    found["objects"] = objects(agency.root) + objects(agency.remote)
    for path in (*(agency.root / ".git").rglob("*"), *agency.root.rglob("found/**/*")):
        if path.is_file() and "objects" not in path.parts:
            found[str(path)] = path.read_bytes()
    for name, data in found.items():
        for canary in (WORD, base64.b64encode(WORD.encode())[:7].decode(), CARD, MAIL):
            place = data.find(canary.encode())
            assert place < 0, (name, data[max(0, place - 300) : place + 100])
    # It was a loud day: they were asked, they said it, and somebody was told.
    assert asked > 40
    assert b"[redacted]" in found["objects"] or b"***" in found["objects"]
    assert hook.got
    assert inbox.mails
    assert watchdog.got


@pytest.mark.parametrize("vendor", sorted(KEYS))
def test_nothing_of_a_key_is_in_a_repr_or_an_exception(vendor):
    account = Account(
        name="h",
        endpoint="http://127.0.0.1:9",
        identity=None,
        secrets={
            **{key: secret(f"{vendor}-{key}") for key in KEYS[vendor]},
            "write": f"root:{secret('write')}",  # of a panel that keeps backups
        },
        clock=lambda: None,
        sleep=lambda _: None,
        cache=None,
    )
    shown = [repr(account), str(account)]
    for family in sorted(vendors()[vendor]):
        driver = driver_class(vendor, family)(account)
        shown += [repr(driver), str(driver)]
        try:
            driver.identity()
        except Exception as error:  # noqa: BLE001  (whatever it is: it shows nothing)
            shown += [repr(error), str(error), repr(error.__cause__)]
            shown += [repr(error.__context__), repr(error.args)]
        driver.close()
    assert WORD not in " ".join(shown)
