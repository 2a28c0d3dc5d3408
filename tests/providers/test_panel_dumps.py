"""The dump that a drill loads of a panel's archive: the panel's own, and no other."""

from __future__ import annotations

import gzip
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.providers._drill import drilled
from reconciler.providers._panel_restorer import PanelRestorer, Whose
from tests.providers.test_panel_archive import NAME, STAMP, packed
from tests.support.drill_servers import needed, open_folder
from tests.support.drilling import NOW, backup, order

NEW = b"CREATE TABLE a (b int);\nINSERT INTO a VALUES (1), (2);\n-- Dump completed\n"
OLD = b"CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n-- Dump completed\n"
COUNT = {"sql": "select count(*) from a", "min": 1}


def cpanel(dumps: dict[str, bytes]) -> bytes:
    """Return an archive of cPanel with *dumps* beside its home."""
    files = {"cp/shop": b"USER=shop\n", "homedir/index.php": b"<?php", **dumps}
    return gzip.compress(packed({f"{NAME}/{one}": files[one] for one in files}))


def plesk(databases: dict[str, bytes], theirs: dict[str, bytes]) -> bytes:
    """Return an archive of Plesk with *databases*, and *theirs* of the customer."""
    folder = "domains/shop.example"
    home = packed({"httpdocs/index.php": b"<?php", **theirs})
    files = {f"{folder}/backup_user-data_{STAMP}.tgz": gzip.compress(home)}
    for number, (name, dump) in enumerate(databases.items()):
        part = packed({f"backup_{name}_{STAMP}.sql": dump})
        files[f"{folder}/databases/{name}_{number}/backup_{name}_{STAMP}.tar"] = part
    return packed({f"backup_info_{STAMP}.xml": b"<migration-dump/>", **files})


def drill(folder: Path, archive: bytes, whose: Whose, name: str) -> dict[str, Any]:
    """Return what a drill of *archive* says, that loads the dump of *name*."""
    path = folder / "archive"
    path.write_bytes(archive)
    source = {"type": "panel", "database": name, "expect": [COUNT]}
    scratch = folder / "scratch"

    def fetch(_: str, into: Path) -> None:
        shutil.copyfile(path, into)

    change = order({"account": {}})
    with closing(PanelRestorer(fetch, whose, scratch, None, list)) as restorer:
        want = backup({"account": source})
        done = drilled(change, want, restorer, scratch, lambda: NOW, time.sleep)
    return done.details


@pytest.fixture
def folder() -> Any:
    needed("mysql")
    with open_folder() as made:
        yield made


CPANEL, PLESK = Whose("cpanel", "shop"), Whose("plesk", "shop.example")


@pytest.mark.parametrize(
    "theirs", ["homedir/old/shop_wp.sql", "homedir/mysql/shop_wp.sql"]
)
def test_a_customers_own_export_is_no_dump_of_cpanel(folder, theirs):
    told = drill(folder, cpanel({theirs: OLD}), CPANEL, "shop_wp")
    assert told["verdict"] == "failed"
    assert "0 of them (wanted: one shop_wp.sql" in told["why"]
    both = cpanel({theirs: OLD, "mysql/shop_wp.sql": NEW})
    told = drill(folder, both, CPANEL, "shop_wp")
    assert (told["verdict"], told["why"]) == ("passed", "")
    assert [*told["observed"].values()] == [2]


@pytest.mark.parametrize("theirs", ["wp.sql", "databases/wp_1/wp/wp.sql"])
def test_a_customers_own_export_is_no_dump_of_plesk(folder, theirs):
    told = drill(folder, plesk({}, {theirs: OLD}), PLESK, "wp")
    assert told["verdict"] == "failed"
    assert "0 of them (wanted: one wp.sql" in told["why"]
    told = drill(folder, plesk({"wp": NEW, "more": OLD}, {theirs: OLD}), PLESK, "wp")
    assert (told["verdict"], told["why"]) == ("passed", "")
    assert [*told["observed"].values()] == [2]
