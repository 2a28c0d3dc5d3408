"""Kill real processes with SIGKILL while they apply, and while they resume."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.agency import Agency
from tests.support.crash import assert_accounted, converge
from tests.support.scenes import FILES, ODDITIES, WANTED, Scene

ROOT = Path(__file__).parents[2]
SCENARIOS = 16


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with Agency(tmp_path_factory.mktemp("kill"), FILES, ODDITIES) as agency:
        yield Scene(agency)


def killed(agency, step):
    """Run apply in a process of its own; it must die at *step*."""
    argv = [sys.executable, "-m", "tests.support.kill_at", str(step)]
    done = subprocess.run(
        [*argv, "-C", str(agency.root), "apply", "--auto-approve"],
        cwd=ROOT,
        env=os.environ | agency.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, (step, done.stdout, done.stderr)


@pytest.mark.parametrize("number", range(SCENARIOS))
def test_killed_and_killed_again(scene, number):
    """Two kills each: the first deaths cover the run, the second the resumed one."""
    first = 1 + number * (len(scene.whole) - 1) // (SCENARIOS - 1)
    second = 1 + number * 5 % 8  # before the resumed run can have ended
    scene.saved.restore()
    killed(scene.agency, first)
    scene.agency.later(minutes=31)
    killed(scene.agency, second)
    converge(scene.agency)
    assert_accounted(scene.agency, WANTED)
