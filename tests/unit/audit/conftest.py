from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from reconciler.audit import GitStore
from tests.unit.audit.world import clone, inventory, published, store


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one repository of each sort, to be copied."""
    folder = tmp_path_factory.mktemp("templates")
    clone(published(folder), folder / "clone")
    clone(folder / "remote.git", folder / "shallow", "--depth=1")
    inventory(folder / "local")
    return folder


@pytest.fixture
def journal(templates: Path, tmp_path: Path) -> Callable[[], GitStore]:
    """Return a maker of stores of one journal without a remote."""
    root = shutil.copytree(templates / "local", tmp_path / "local")
    return lambda: store(root)


@pytest.fixture
def remote(templates: Path, tmp_path: Path) -> Path:
    """Return a bare remote with one inventory commit."""
    return shutil.copytree(templates / "remote.git", tmp_path / "remote.git")


@pytest.fixture
def cloned(templates: Path, tmp_path: Path, remote: Path) -> Callable[..., GitStore]:
    """Return a maker of stores, each in its own clone of the same remote."""
    number = count()

    def make(kind: str = "clone", **more: object) -> GitStore:
        root = shutil.copytree(templates / kind, tmp_path / f"clone-{next(number)}")
        return store(root, f"file://{remote}", **more)

    return make


@pytest.fixture(params=["local", "remote"])
def another(request: pytest.FixtureRequest) -> Callable[[], GitStore]:
    """Return a maker of stores of one journal, as independent writers have them."""
    name = "journal" if request.param == "local" else "cloned"
    make: Callable[[], GitStore] = request.getfixturevalue(name)
    return make
