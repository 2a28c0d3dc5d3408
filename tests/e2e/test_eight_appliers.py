"""Eight real appliers at once on one remote: one acts, the others are told so."""

import os
import shutil
import subprocess
import sys
from collections import Counter

from reconciler.audit import Query, log, verify
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory

APPLIERS = 8
ROUNDS = 2
NAMES = ["one.example", "two.example"]
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"


def clones(agency):
    """Eight more machines: a clone of the remote each, with the same secrets."""
    for number in range(APPLIERS):
        root = agency.root.with_name(f"machine-{number}")
        subprocess.run(
            ["git", "clone", "-q", "-b", "main", str(agency.remote), str(root)],
            check=True,
        )
        shutil.copytree(agency.root / ".sandbox", root / ".sandbox")
        yield root


def started(agency, root, number):
    argv = [sys.executable, "-m", "reconciler.cli", "-C", str(root)]
    return subprocess.Popen(
        [*argv, "apply", "--auto-approve"],
        env=os.environ | agency.environ(f"machine-{number}"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_appliers_pay_once(tmp_path):
    files = inventory(
        domain(NAMES[0], spec=RENEWED), domain(NAMES[1], "namecom-main", spec=RENEWED)
    )
    odd = {name: Oddity({"expires": 20}) for name in NAMES}
    with Agency(tmp_path, files, odd) as agency:
        machines = list(clones(agency))
        for turn in range(1, ROUNDS + 1):
            running = [started(agency, m, n) for n, m in enumerate(machines)]
            said = [process.communicate(timeout=100) for process in running]
            codes = Counter(process.returncode for process in running)
            assert set(codes) <= {0, 7}, said
            assert codes[0] >= 1
            assert codes[7] >= 1, "they were not at work at the same time"
            paid = Counter(e.name for e in agency.charges() if e.name in NAMES)
            assert paid == dict.fromkeys(NAMES, turn)
            agency.later(days=350)
        store = agency.project().store
        assert verify(store) == []
        lines = list(log(store, Query(verb="renew")))
        applied = [line for line in lines if line.get("status") == "applied"]
        assert Counter(line["name"] for line in applied) == dict.fromkeys(NAMES, ROUNDS)
        assert not store.read().open
        fences = [line["fence"] for line in log(store)]
        assert fences == sorted(fences)
