"""The cache only ever makes it faster."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generate import generate
from reconciler.errors import InventoryErrors
from reconciler.inventory import Inventory, load
from reconciler.model import Ref
from tests.unit.inventory.tree import HEAD, Texts

SET = HEAD + "RecordSet/mail: {records: [{name: '@', type: MX, value: %s}]}\n"
USER = HEAD + "Domain/%s: {provider: none, dns: {include: [mail]}}\n"


def facts(inventory: Inventory) -> dict[Ref, tuple[object, ...]]:
    edges = inventory.edges()
    return {
        ref: (
            inventory.digest(ref),
            inventory.uid(ref),
            dict(inventory.labels(ref)),
            edges[ref],
            inventory.get(ref).model_dump_json(),
            str(inventory.at(ref)),
        )
        for ref in inventory.refs()
    }


def estate(tmp_path: Path, resources: int = 43) -> Texts:
    generate(tmp_path / "inventory", resources, 5)
    found = sorted((tmp_path / "inventory").rglob("*.yaml"))
    return Texts({str(f.relative_to(tmp_path)): f.read_bytes() for f in found})


def agree(source: Texts, cache: Path) -> Inventory:
    """Load with the cache, and compare with a load without."""
    inventory = load(source, cache=cache)
    assert facts(inventory) == facts(load(source))
    return inventory


def test_a_second_load_reads_nothing(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "c" / "cache.db"
    first = agree(source, cache)
    source.reads.clear()
    second = load(source, cache=cache)
    refs = second.refs()
    assert (refs, second.edges()) == (first.refs(), first.edges())
    second.get(refs[0])
    assert source.reads == []


def test_a_changed_file_alone_is_read(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    load(source, cache=cache)
    path = "inventory/clients/0000/c00002.yaml"
    source.content[path] = source.content[path].replace(b"192.0.2.", b"198.51.100.")
    source.reads.clear()
    load(source, cache=cache)
    assert source.reads == [path]
    agree(source, cache)


def test_added_moved_and_removed_files(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    load(source, cache=cache)
    moved = source.content.pop("inventory/clients/0000/c00003.yaml")
    source.content["inventory/a.yaml"] = moved
    del source.content["inventory/clients/0000/c00001.yaml"]
    source.content["inventory/zz.yaml"] = (
        HEAD + "Domain/zz.example: {provider: none}\n"
    ).encode()
    agree(source, cache)
    agree(source, cache)


def test_a_changed_snippet_reaches_files_that_did_not_change(tmp_path):
    cache = tmp_path / "cache.db"
    files = {
        f"inventory/{name}.yaml": (USER % f"{name}.example").encode() for name in "abc"
    }
    source = Texts({**files, "inventory/s.yaml": (SET % "10 mx.example.").encode()})
    old = agree(source, cache)
    source.content["inventory/s.yaml"] = (SET % "20 mx.example.").encode()
    new = agree(source, cache)
    ref = Ref("Domain", "b.example")
    assert old.digest(ref) != new.digest(ref)
    source.content["inventory/s.yaml"] = (SET % "10 mx.example.").encode()
    assert agree(source, cache).digest(ref) == old.digest(ref)
    del source.content["inventory/s.yaml"]
    with pytest.raises(InventoryErrors, match="there is no RecordSet/mail"):
        load(source, cache=cache)


def test_changed_defaults_reach_the_folder_below_and_no_other(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    source.content["inventory/other/x.yaml"] = (
        HEAD + "Domain/x.example: {provider: none}\n"
    ).encode()
    load(source, cache=cache)
    source.content["inventory/clients/_defaults.yaml"] = (
        HEAD + "Domain: {warnAt: [9d]}\n"
    ).encode()
    source.reads.clear()
    inventory = load(source, cache=cache)
    assert "inventory/other/x.yaml" not in source.reads
    assert len(inventory.get(Ref("Domain", "site-000003.example")).spec.warn_at) == 1
    agree(source, cache)
    del source.content["inventory/clients/_defaults.yaml"]
    agree(source, cache)


def test_errors_are_found_again_and_never_kept(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    load(source, cache=cache)
    good = source.content["inventory/house.yaml"]
    source.content["inventory/house.yaml"] = good.replace(
        b"powerdns-main:", b"powerdns-two:"
    )
    for _ in range(2):
        with pytest.raises(InventoryErrors) as caught:
            load(source, cache=cache)
        assert len(caught.value.errors) == 40
    source.content["inventory/house.yaml"] = good
    agree(source, cache)


@pytest.mark.parametrize(
    "damage", ["text", "cut", "zeros", "folder", "rows", "tree", "columns"]
)
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    load(source, cache=cache)
    data = cache.read_bytes()
    if damage == "text":
        cache.write_bytes(b"not a database" * 1000)
    elif damage == "cut":
        cache.write_bytes(data[: len(data) // 2])
    elif damage == "zeros":
        cache.write_bytes(data[:4096] + bytes(len(data) - 4096))
    elif damage == "folder":
        cache.unlink()
        cache.mkdir()
    else:
        statement = {
            "rows": "UPDATE blob1 SET rows = x'5b5b225d'",
            "tree": "UPDATE tree1 SET names = x'00', crc = 5",
            "columns": "ALTER TABLE tree1 DROP COLUMN edges",
        }[damage]
        with sqlite3.connect(cache) as file:
            file.execute(statement)
            if damage == "rows":
                file.execute("DELETE FROM tree1")
        file.close()
    agree(source, cache)
    agree(source, cache)


def test_one_flipped_byte_anywhere_changes_nothing(tmp_path):
    source, cache = estate(tmp_path, 13), tmp_path / "cache.db"
    wanted = facts(load(source, cache=cache))
    data = cache.read_bytes()
    for at in range(0, len(data), len(data) // 40):
        cache.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
        assert facts(load(source, cache=cache)) == wanted


def test_the_warm_path_imports_neither_yaml_nor_kinds(tmp_path):
    generate(tmp_path / "inventory", 30)
    script = (
        "import sys; from pathlib import Path\n"
        "from reconciler.inventory import WorkTree, load\n"
        f"root = Path({str(tmp_path)!r})\n"
        "load(WorkTree(root), cache=root / 'c.db').edges()\n"
        "print([m for m in ('yaml', 'reconciler.kinds') if m in sys.modules])\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert said == ["['yaml', 'reconciler.kinds']\n", "[]\n"]


def test_a_row_that_was_altered_is_not_believed(tmp_path):
    source, cache = estate(tmp_path), tmp_path / "cache.db"
    wanted = facts(load(source, cache=cache))
    with sqlite3.connect(cache) as file:
        file.execute("DELETE FROM tree1")
        file.execute(
            "UPDATE blob1 SET rows ="
            " CAST(replace(CAST(rows AS TEXT), '192.0.2.', '198.51.100.') AS BLOB)"
        )
    file.close()
    assert facts(load(source, cache=cache)) == wanted
