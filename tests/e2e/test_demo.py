"""`reconciler demo` is what people see first: it tells its story and reaches its end."""

import re
import subprocess
import sys

import pytest

from tests.house.tree import ROOT


# Some forty processes, one after the other: on a busy machine that takes its time.
@pytest.mark.timeout(500)
def test_the_demo_tells_a_day_and_closes_the_loop(tmp_path):
    argv = [
        sys.executable,
        "-m",
        "reconciler.cli",
        "demo",
        "--dir",
        str(tmp_path / "d"),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    out, told = done.stdout, done.stdout.partition("== Who was told")[2]
    # A site, what is due, what moved, the plan, and what was done about it.
    assert "SiteProfile/brochure inventory/profiles.yaml" in out
    assert "3 for YOU" in out
    assert "revert   Domain/garden.example" in out
    assert "18 to do, 2 held" in out
    assert "INCOMPLETE: 1 could not be read (Domain/studio-archive.example)" in out
    assert "18 of 18 done" in out
    # What is issued is what is installed, and what every address serves.
    states = out.partition("== A certificate has three states")[2]
    story = states.partition("Story")[2].partition("Live")[0]
    shown = re.findall(r"\b([0-9a-f]{8}) to \d{4}-", story)
    assert len(shown) == 6, story  # issued, installed, two names at two addresses
    assert len(set(shown)) == 1
    # People heard of it, and silence was the heartbeat's word for half a look.
    assert "5 messages to ops@agency.example" in told
    silent, beat = told.index("heartbeat  silent"), told.index("heartbeat  beat at")
    assert silent < told.index("+   provider: none") < beat
    # The second plan is complete, has nothing to do, and the log proves all of it.
    second = out.partition("== The second plan")[2]
    assert "INCOMPLETE" not in second
    assert "allow " not in second.partition("== A backup counts")[0]
    # One copy of a backup is damaged: a drill finds it, and the other one comes back.
    kept = second.partition("== A backup counts")[2].partition("three customers")[0]
    assert "applied     drill      Backup/bakker.example  passed" in kept
    assert "near: one bit of 2 objects is another one" in kept
    found = r"applied +drill +Backup/bakker\.example  failed: \w+: piece 0 was changed"
    assert re.search(found, kept)
    assert "Story  not proven" in kept
    assert "VERIFIED  15 files" in kept
    assert "compared with the site: 14 files and 400 orders, all the same" in kept
    # Three customers: a card that pays, a card that is declined, and a transfer.
    money = second.partition("three customers are invoiced")[2]
    assert (
        "applied     charge     Subscription/fiets.example  client pays 22.99" in money
    )
    assert "accounts@fiets.example: Thank you: 22.99 EUR for fiets.example" in money
    assert "attempt 1 by cafe-visa was declined: insufficient_funds" in money
    assert "unpaid: charge again" in money
    assert "22.99 EUR  Subscription/bakker.example  INV-000001" in money
    assert "1 payment for 1 period  22.99 EUR" in money
    assert "What was taken is what is recorded as paid." in money
    assert "chain whole, 0 open intents" in second
    assert "The loop is closed: nothing is left to do." in second
    assert "Traceback" not in done.stderr
