"""The real process: a signed event renews a domain, once, and a forged one nothing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from threading import Timer

import httpx
import pytest

from reconciler.sandbox.example import Oddity
from tests.support.agency import START, Agency, domain, inventory
from tests.support.inbox import STANDARD_SECRET, STRIPE_SECRET, standard, stripe
from tests.support.shell import at, shell

HOOKS = """\
apiVersion: reconciler/v1
Provider/stripe-main:
  type: stripe
  endpoint: http://127.0.0.1:9
  credentials: {key: {env: STRIPE_KEY}, webhookSecret: {env: STRIPE_HOOK}}
Provider/shop:
  type: shop
  endpoint: http://127.0.0.1:9
  credentials: {webhookSecret: {env: SHOP_HOOK}}
Provider/stripe-other:
  type: stripe
  endpoint: http://127.0.0.1:9
  credentials: {key: {env: STRIPE_KEY}}
"""
ENVIRON = {"STRIPE_HOOK": STRIPE_SECRET, "SHOP_HOOK": STANDARD_SECRET}


@pytest.fixture
def agency(tmp_path):
    files = inventory(domain("a.example", spec="renewal: {maxPrice: 15.00 USD/year}"))
    oddities = {"a.example": Oddity({"expires": 10})}
    with Agency(tmp_path, files, oddities) as made:
        made.write("inventory/hooks.yaml", HOOKS)
        made.commit("inventory: who may knock")
        yield made


@contextmanager
def serving(agency, *options, **environ):
    argv = [sys.executable, "-m", "reconciler.cli", "-C", str(agency.root), "serve"]
    process = subprocess.Popen(
        [*argv, "--port", "0", *options],
        env=agency.environ() | ENVIRON | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines, limit = [], Timer(60, process.kill)
    limit.start()

    def until(text):
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return line
        raise AssertionError("".join(lines))

    try:
        port = re.search(r"127\.0\.0\.1:(\d+)", until("listening on"))[1]
        process.until, process.lines = until, lines
        process.url = f"http://127.0.0.1:{port}/hooks"
        yield process
        process.send_signal(signal.SIGTERM)
        lines += process.stdout.readlines()
        assert process.wait(20) == 0
        assert "no longer listening" in "".join(lines)
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def signed(process, number, **more):
    body = b'{"id": "evt_%d", "type": "invoice.paid", "amount": "canary"}' % number
    late = _late() + more.pop("late", 0)
    headers = stripe(body, late=late, **more)
    return httpx.post(f"{process.url}/stripe-main", content=body, headers=headers)


def _late():
    """The sandbox's clock stands where the agency began."""
    from tests.support.inbox import NOW

    return int((NOW - START).total_seconds())


def test_an_event_wakes_one_run_that_acts_once(agency):
    broken = agency.root / "inventory/broken.yaml"
    with serving(agency, "--pause", "0s") as process:
        assert signed(process, 1, secret="whsec_other").status_code == 401
        assert signed(process, 1, late=301).status_code == 401
        assert agency.charges() == []
        assert signed(process, 1).status_code == 200
        process.until("a run begins")
        # Twice, late and out of order: one more run in the end, with nothing to do.
        for number in (3, 1, 2, 3):
            assert signed(process, number).status_code == 200
        process.until("the run ended with 0")
        process.until("the run ended with 0")
        broken.write_text("apiVersion: [")
        assert signed(process, 4).status_code == 200
        process.until("the run ended with 1")
        broken.unlink()
        assert signed(process, 5).status_code == 200
        process.until("the run ended with 0")
    told = "".join(process.lines)
    assert told.count("a run begins") == 4
    assert len(agency.charges("a.example")) == 1
    for hidden in ("canary", "evt_", "v1=", STRIPE_SECRET, STANDARD_SECRET):
        assert hidden not in told
    assert "/hooks/stripe-other  shut: the account has no credential" in told


def test_what_is_woken_may_be_nothing(agency):
    with serving(agency, "--then", "nothing", SHOP_HOOK="") as process:
        assert signed(process, 9).status_code == 200
        process.until("nothing is run")
        shop = httpx.post(f"{process.url}/shop", headers=standard(b"", late=_late()))
        assert shop.status_code == 503
    told = "".join(process.lines)
    assert "/hooks/shop  shut: the secret env:SHOP_HOOK is not there" in told
    assert "a run begins" not in told
    assert agency.charges() == []


def test_the_doctor_says_which_accounts_are_shut(agency):
    environ = ENVIRON | {"STRIPE_HOOK": "sk_canary", "SHOP_HOOK": ""}
    from unittest.mock import patch

    with patch.dict("os.environ", environ):
        done = at(agency, "doctor")
    lines = [line for line in done.out.splitlines() if "webhooks" in line]
    assert any("stripe-other" in one and "no secret for them" in one for one in lines)
    assert any("FIX" in one and "stripe-main" in one for one in lines)
    assert any("FIX" in one and "shop" in one for one in lines)
    assert "canary" not in done.out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--pause", "soon"], 64, "no duration"),
        (["--port", "70000"], 64, "70000"),
        (["--host", "203.0.113.9"], 1, "E610"),
        (["--host", "no such host"], 1, "E610"),
        (["--then", "delete"], 64, "delete"),
    ],
)
def test_what_cannot_be_served(tmp_path, options, code, said):
    (tmp_path / "inventory").mkdir()
    done = shell("-C", tmp_path, "serve", *options)
    assert done.code == code
    assert said in done.err


def test_it_says_when_it_is_open_to_others():
    from reconciler.cli.serve_command import _greet
    from reconciler.web.server import listen

    said = []
    for host in ("0.0.0.0", "127.0.0.1"):  # noqa: S104
        made = listen(host, 0)
        said.append([])
        _greet(made, {}, said[-1].append)
        made.close()
    assert "NOT on this machine alone" in said[0][1]
    assert len(said[1]) == 1


def test_a_run_needs_no_secret_of_the_inbox(agency):
    """Who only applies need not have it, and no driver is given it."""
    secrets = "    secretApiKey:"
    agency.edit(
        "inventory/accounts.yaml",
        secrets,
        f"    webhookSecret: {{env: NOT_SET_ANYWHERE}}\n{secrets}",
    )
    plan = agency.plan()
    assert plan.unknown == ()
    assert [one.code for one in plan.findings if one.kind == "Provider"] == []
