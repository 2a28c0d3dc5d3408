"""Work trees and commits give the same files, with and without git."""

from __future__ import annotations

import pytest

from reconciler.errors import InventoryErrors, UsageError
from reconciler.inventory import GitTree, WorkTree, load
from reconciler.inventory.source import blob_id
from tests.unit.inventory.tree import HEAD, git, write

ONE = HEAD + "Domain/a.example: {provider: none}\n"


@pytest.fixture
def repository(tmp_path):
    write(tmp_path, a=ONE, sub__b=HEAD)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_all_three_ways_agree(repository, tmp_path_factory):
    plain = write(tmp_path_factory.mktemp("plain"), a=ONE, sub__b=HEAD)
    files = dict(WorkTree(plain).files())
    assert sorted(files) == [
        "inventory/a.yaml",
        "inventory/house.yaml",
        "inventory/sub/b.yaml",
    ]
    assert files["inventory/a.yaml"] == blob_id(ONE.encode())
    assert (
        files
        == dict(WorkTree(repository).files())
        == dict(GitTree(repository, "HEAD").files())
    )
    for path in files:
        assert GitTree(repository, "main").read(path) == WorkTree(plain).read(path)


def test_changes_on_disk_are_seen_and_commits_stay(repository):
    write(repository, a=ONE + "# more\n", new=HEAD)
    (repository / "inventory/sub/b.yaml").unlink()
    tree, commit = WorkTree(repository).files(), GitTree(repository, "HEAD")
    assert sorted(tree) == [
        "inventory/a.yaml",
        "inventory/house.yaml",
        "inventory/new.yaml",
    ]
    assert tree["inventory/a.yaml"] == blob_id((ONE + "# more\n").encode())
    assert commit.read("inventory/a.yaml") == ONE.encode()
    git(repository, "add", "-A")
    assert dict(WorkTree(repository).files()) == dict(tree)


def test_a_folder_of_a_repository(repository):
    assert sorted(WorkTree(repository / "inventory", "sub").files()) == ["sub/b.yaml"]
    assert sorted(GitTree(repository / "inventory", "HEAD", "sub").files()) == [
        "sub/b.yaml"
    ]
    assert "a.yaml" in WorkTree(repository / "inventory", ".").files()


def test_many_reads_by_one_process(repository):
    tree = GitTree(repository, "HEAD")
    for _ in range(3):
        assert tree.read("inventory/a.yaml") == ONE.encode()
    assert len(load(tree)) == 3


@pytest.mark.parametrize("commit", ["nothing", "--all", "HEAD~9", ""])
def test_what_is_no_commit(repository, commit):
    with pytest.raises(UsageError):
        GitTree(repository, commit)


def test_no_folder(tmp_path):
    with pytest.raises(InventoryErrors, match="inventory:1:1: E101 is no folder"):
        load(WorkTree(tmp_path))


@pytest.mark.parametrize("staged", [False, True])
def test_symbolic_links_are_not_followed(repository, staged):
    (repository / "secret.yaml").write_text(ONE)
    (repository / "inventory/link.yaml").symlink_to(repository / "secret.yaml")
    if staged:
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", "link")
        with pytest.raises(InventoryErrors, match=r"link.yaml:1:1: E101"):
            load(GitTree(repository, "HEAD"))
    with pytest.raises(
        InventoryErrors, match=r"link.yaml:1:1: E101 is a symbolic link"
    ):
        load(WorkTree(repository))


def test_a_name_that_is_not_utf_8(repository):
    (repository / "inventory" / "b\udcff.yaml").write_text(HEAD)
    with pytest.raises(InventoryErrors, match=r"inventory/b\?.yaml:1:1: E101"):
        load(WorkTree(repository))
