"""Whoever waits sees that something still happens."""

from types import SimpleNamespace

import pytest

from reconciler.cli.progress import alive, reading
from reconciler.cli.project import Project
from reconciler.engine import Accounts
from reconciler.model import Share
from tests.support.agency import OPTIONS


def test_it_is_said_again_until_it_ends():
    said = []
    again = SimpleNamespace(say=said.append)
    with alive(again, "reading", pause=0.01):
        while len(said) < 3:
            pass
    assert said[0] == "reading …"
    assert all(
        line.startswith("reading … ") and line.endswith(" s") for line in said[1:]
    )


@pytest.mark.parametrize("down", [True, False])
def test_an_account_with_several_parts_is_one(down):
    said = []
    drivers = dict.fromkeys([Share("aws", "dns"), Share("aws", "domain")])
    project = SimpleNamespace(say=said.append, forsaken=down)
    with reading(project, Accounts(drivers, {})):
        pass
    first = ["the sandbox is down: `reconciler sandbox up` starts it"] if down else []
    assert said == [*first, "reading 1 account …"]


@pytest.mark.parametrize(
    ("endpoint", "folder", "forsaken"),
    [
        ("http://127.0.0.1:9", True, True),
        ("http://127.0.0.1:9", False, False),  # servers of our own on this machine
        ("https://api.example", True, False),
    ],
)
def test_a_sandbox_that_is_down_is_noticed(tmp_path, endpoint, folder, forsaken):
    at = f"Provider/a: {{type: namecom, endpoint: '{endpoint}', credentials: {{}}}}"
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/a.yaml").write_text(f"apiVersion: reconciler/v1\n{at}\n")
    if folder:
        (tmp_path / ".sandbox").mkdir()
    project = Project({**OPTIONS, "root": str(tmp_path)}, {})
    assert project.forsaken is forsaken
