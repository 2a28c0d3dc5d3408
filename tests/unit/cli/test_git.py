"""Where a repository lies: found without asking git where that is plain."""

from __future__ import annotations

import os
import subprocess

import pytest

from reconciler.cli.git import Git

WHO = ["-c", "user.name=Ann", "-c", "user.email=ann@agency.example"]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Return folders by what they are, beside how git is called in them."""
    base = tmp_path_factory.mktemp("places")

    def git(*argv):
        subprocess.run(["git", *WHO, *argv], check=True, capture_output=True)

    main = base / "main"
    git("init", "-q", str(main))
    git("-C", str(main), "commit", "-q", "--allow-empty", "-m", "begin")
    git("-C", str(main), "worktree", "add", "-q", str(base / "linked"))
    git("init", "-q", "--bare", str(base / "bare"))
    (main / "below").mkdir()
    (base / "sign").symlink_to(main)
    for name in ("nothing", "broken/.git/objects", "broken/.git/refs"):
        (base / name).mkdir(parents=True)
    return base


@pytest.mark.parametrize(
    "name", ["main", "main/below", "sign", "linked", "bare", "nothing", "broken"]
)
def test_the_folder_is_the_one_that_git_says(places, name):
    ours = Git(places / name, dict(os.environ))
    told = ours.ask("rev-parse", "--absolute-git-dir")
    assert (ours.folder and str(ours.folder)) == told
    assert (told is None) is (name in {"nothing", "broken"})
