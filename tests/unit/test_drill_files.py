"""Files that came back: each look passes on what is right, and fails on what is not."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import Rejected, Transient
from reconciler.model.backing import Source
from reconciler.providers._drill import CANARY, Entry, drilled
from reconciler.providers._drill_files import Found, chosen, differing, entropy, matches
from reconciler.providers._drill_looks import Sampled, confidence
from tests.support.drilling import (
    NOW,
    PNG,
    Plain,
    backup,
    contents,
    order,
    run,
    site,
    wrong,
)

EXPECT = [
    {"path": "public_html/index.html", "contains": "<title>shop"},
    {"glob": "public_html/uploads/**", "min": 40, "type": "image"},
    {"http": "/", "contains": "<title>shop"},
    {"http": "/nothing", "status": 404},
]
FILES: dict[str, Any] = {"type": "files", "paths": ["public_html"], "expect": EXPECT}


class World:
    """One site, backed up once; tests sabotage the copy, or what is promised of it."""

    def __init__(self, tmp_path: Path, *, before: Callable[[Path], None] | None = None):
        tree = site(tmp_path / "site")
        if before is not None:
            before(tree)
        self.engine = Plain(tmp_path / "copy")
        self.receipt = {"site": self.engine.back_up("site", tree, b"nonce 1")}
        self.copy = tmp_path / "copy" / "site"
        self.base = tmp_path / "scratch"
        self.want = backup({"site": FILES})

    def drill(self, files: int | None = None, **more: Any) -> dict[str, Any]:
        return run(
            order(self.receipt, files), self.want, self.engine, self.base, **more
        )


@pytest.mark.parametrize("files", [None, 10])
def test_what_is_right_passes(tmp_path: Path, files: int | None) -> None:
    told = World(tmp_path).drill(files)
    assert (told["verdict"], told["why"]) == ("passed", "")
    assert told["estimated"] is (files is not None)
    assert told["destroyed"] is True
    assert told["rpo"] == 6 * 3600
    assert told["engines"] == ["plain 1"]
    checks = {one["check"] for one in told["checks"]}
    assert {"site/canary", "site/manifest", "site/content", "site/readable"} <= checks
    assert "site/http:/" in checks
    if files is None:
        assert told["confidence"] == "all 83 files are as they were backed up"
    else:
        assert told["files"] < 83
        assert "with 95 % confidence" in told["confidence"]


def test_the_same_seed_chooses_the_same(tmp_path: Path) -> None:
    source = Source.model_validate(FILES)
    listing = [Entry(f"public_html/pages/{n}.txt", 9) for n in range(200)]
    listing += [Entry(CANARY, 7), Entry("public_html/index.html", 9)]
    first = chosen(source, listing, 20, "7/site")
    assert first == chosen(source, listing[::-1], 20, "7/site")
    assert first != chosen(source, listing, 20, "8/site")
    assert first is not None
    assert {CANARY, "public_html/index.html"} <= set(first)
    assert chosen(source, listing, 500, "7/site") is None


def encrypted(folder: Path) -> None:
    draw = random.Random(3)  # noqa: S311
    for path, body in contents(folder).items():
        if path != CANARY:
            (folder / path).write_bytes(draw.randbytes(len(body)))


def other_site(folder: Path) -> None:
    shutil.rmtree(folder / "public_html")
    site(folder, "other")


#: What is done to the copy after its backup -> a look that sees it, in full drills.
SABOTAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "one bit": (
        lambda f: (f / "public_html/pages/07.txt").write_bytes(b"x" * 9),
        "site/content",
    ),
    "a file is gone": (
        lambda f: (f / "public_html/pages/07.txt").unlink(),
        "site/files",
    ),
    "a path is gone": (
        lambda f: shutil.rmtree(f / "public_html/uploads"),
        "site/glob:public_html/uploads/**",
    ),
    "wiped": (lambda f: shutil.rmtree(f / "public_html"), "site/files"),
    "another canary": (lambda f: (f / CANARY).write_bytes(b"nonce 2"), "site/canary"),
    "no canary": (lambda f: (f / CANARY).unlink(), "site/canary"),
    "another site": (other_site, "site/path:public_html/index.html"),
    "encrypted": (encrypted, "site/content"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_copy_that_was_spoiled_is_found(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    spoil, check = SABOTAGES[name]
    spoil(world.copy)
    told = world.drill()
    assert told["verdict"] == "failed"
    assert check in wrong(told)
    assert told["why"]


def pages_of_errors(folder: Path) -> None:
    for one in (folder / "public_html/uploads").iterdir():
        one.write_bytes(b"<html>404")


#: What was wrong before the backup, so that its manifest agrees with it.
DISASTERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "encrypted in place": (encrypted, "site/readable"),
    "uploads lost": (
        lambda f: shutil.rmtree(f / "public_html/uploads"),
        "site/glob:public_html/uploads/**",
    ),
    "pictures are pages of errors": (
        pages_of_errors,
        "site/glob:public_html/uploads/**",
    ),
    "another site": (other_site, "site/http:/"),
}


@pytest.mark.parametrize("files", [None, 20])
@pytest.mark.parametrize("name", DISASTERS)
def test_what_was_wrong_when_it_was_backed_up_is_found(
    tmp_path: Path, name: str, files: int | None
) -> None:
    spoil, check = DISASTERS[name]
    told = World(tmp_path, before=spoil).drill(files)
    assert told["verdict"] == "failed"
    assert check in wrong(told)


def test_a_manifest_that_is_not_the_receipts_proves_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.receipt["site"]["manifest"] = "0" * 64
    assert wrong(world.drill()) == ["site/manifest"]


def test_a_receipt_of_another_size_is_found(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.receipt["site"]["bytes"] += 1
    assert wrong(world.drill()) == ["site/bytes"]


def test_without_a_manifest_a_full_drill_still_compares(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.engine.manifest = lambda *_: None  # type: ignore[method-assign]
    assert world.drill()["verdict"] == "passed"
    (world.copy / "public_html/pages/07.txt").write_bytes(b"x" * 9)
    assert "site/manifest" in wrong(world.drill())


def test_the_policys_floors(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.want = backup({"site": {**FILES, "minFiles": 84}})
    assert wrong(world.drill()) == ["site/least"]


def test_fewer_files_than_in_an_older_backup_are_found(tmp_path: Path) -> None:
    glob = {"glob": "public_html/uploads/**", "maxDrop": "10%"}
    check = "site/glob:public_html/uploads/**"
    world = World(tmp_path)
    world.want = backup({"site": {**FILES, "expect": [glob]}})
    told = world.drill()
    assert (told["verdict"], told["observed"]) == ("passed", {check: 40})
    for before, found in ((44, []), (45, [f"{check}/drop"])):
        asked_for = order(world.receipt, before={check: before})
        told = run(asked_for, world.want, world.engine, world.base)
        assert wrong(told) == found


def test_a_snapshot_that_is_gone_has_failed(tmp_path: Path) -> None:
    world = World(tmp_path)
    shutil.rmtree(world.copy)
    told = world.drill()
    assert (told["verdict"], wrong(told)) == ("failed", ["copy"])
    assert told["destroyed"] is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("of the machine")

    def linked(tree: Path) -> None:
        (tree / "public_html/out.txt").symlink_to(secret)
        (tree / "public_html/etc").symlink_to("/etc")

    world = World(tmp_path, before=linked)
    path = {"path": "public_html/out.txt"}
    served = {"http": "/out.txt"}
    world.want = backup({"site": {**FILES, "expect": [path, served]}})
    told = world.drill()
    assert wrong(told) == ["site/path:public_html/out.txt", "site/http:/out.txt"]
    assert secret.read_text() == "of the machine"


def test_a_source_of_which_nothing_is_known_proves_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.engine.manifest = lambda *_: None  # type: ignore[method-assign]
    world.receipt["site"] = {}
    path = {"path": "public_html/index.html"}
    world.want = backup({"site": {**FILES, "expect": [path]}})
    assert world.drill()["verdict"] == "passed"
    for one in contents(world.copy):
        (world.copy / one).rename(world.copy / "blob")
    world.want = backup({"site": FILES | {"expect": []}})
    told = world.drill()
    assert told["verdict"] == "inconclusive"
    assert told["why"] == "nothing proves site"


# -- the drill itself cannot be held: that says nothing of the backup ------------------


def test_no_room(tmp_path: Path) -> None:
    told = World(tmp_path).drill(left=lambda _: 1024**3)
    assert told["verdict"] == "inconclusive"
    assert "bytes left" in told["why"]


def test_more_than_allowed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.want = backup({"site": FILES}, most="1KiB")
    told = world.drill()
    assert told["verdict"] == "inconclusive"
    assert "drills.most" in told["why"]


@pytest.mark.parametrize("where", ["site", "site/public_html", "."])
def test_the_scratch_folder_is_never_in_production(tmp_path: Path, where: str) -> None:
    world = World(tmp_path)
    world.want = backup({"site": FILES}, root=str(tmp_path / "site"))
    link = tmp_path / "link"
    link.symlink_to(tmp_path / where)
    for base in (tmp_path / where, link):
        before = contents(tmp_path / "site")
        receipt = drilled(
            order(world.receipt), world.want, world.engine, base, lambda: NOW, id
        )
        assert receipt.details["verdict"] == "inconclusive"
        assert "are one" in str(receipt.details["why"])
        assert contents(tmp_path / "site") == before


def test_an_engine_in_trouble(tmp_path: Path) -> None:
    world = World(tmp_path)

    def broken(*_: Any) -> Any:
        raise Transient("no answer from the store, password hunter22")

    world.engine.restore = broken  # type: ignore[method-assign]
    told = world.drill(secrets=["hunter22"])
    assert told["verdict"] == "inconclusive"
    assert told["why"] == "no answer from the store, password ***"
    assert told["destroyed"] is True


def test_a_disk_in_trouble(tmp_path: Path) -> None:
    world = World(tmp_path)

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    world.engine.restore = full  # type: ignore[method-assign]
    told = world.drill()
    assert told["verdict"] == "inconclusive"
    assert told["why"] == "OSError: No space left on device"


def test_an_order_that_names_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    with pytest.raises(Rejected, match="names no snapshot"):
        run(order({}), world.want, world.engine, world.base)


def test_what_cannot_be_taken_away_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    receipt = drilled(
        order(world.receipt), world.want, world.engine, world.base, lambda: NOW, id
    )
    assert receipt.details["verdict"] == "inconclusive"
    assert receipt.details["destroyed"] is False


# -- the words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("a/**", "a/b/c.png", True),
        ("a/*", "a/b/c.png", False),
        ("**/c.png", "c.png", True),
        ("**/c.png", "a/b/c.png", True),
        ("a/?.png", "a/b.png", True),
        ("a.png", "axpng", False),
    ],
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert list(matches(pattern, [path])) == ([path] if fits else [])


def test_what_a_sample_proves() -> None:
    assert "less than 1.0% are not" in confidence(299, 10**6)
    assert "less than 5.0% are not" in confidence(59, 10**6)
    assert confidence(0, 5) == "no file was compared with a manifest"


def test_an_estimate_grows_with_what_was_left_out() -> None:
    assert Sampled(2.0, 0.5, read=10.0, files=20.0).whole == 25.0
    assert Sampled(2.0, 0.5, read=1.0, files=20.0).whole == 11.5, "all was gone through"
    assert Sampled(2.0, 9.0, read=1.0, files=0.5).whole == 2.0


def test_an_engine_that_streams_goes_through_what_lies_before(tmp_path: Path) -> None:
    world = World(tmp_path)
    restore, seconds = world.engine.restore, {}

    def slow(*args: Any) -> Any:
        return restore(*args)._replace(fetched=1.0)

    world.engine.restore = slow  # type: ignore[method-assign]
    for streams in (False, True):
        world.engine.streams = streams
        told = world.drill(10)
        assert told["estimated"]
        seconds[streams] = told["taken"] / 1000
    assert seconds[True] < 2.5 < seconds[False]


def test_entropy() -> None:
    noise = random.Random(1).randbytes(65536)  # noqa: S311
    assert entropy(noise) > 7.9
    assert entropy(b"<?php echo 'hello world'; ?>" * 99) < 5
    assert entropy(PNG[:8]) == pytest.approx(2.75, abs=0.3)


# -- names that are no UTF-8 -----------------------------------------------------------


@pytest.mark.parametrize(
    ("back", "wrong_"),
    [
        ({b"a\xe9": 1, b"a\xe8": 2}, []),
        ({b"a\xe9": 2, b"a\xe8": 1}, []),  # which is which, nobody can tell
        ({b"a\xe9": 1}, ["a\N{REPLACEMENT CHARACTER}"]),
        ({b"a\xe9": 2, b"a\xe8": 2}, ["a\N{REPLACEMENT CHARACTER}"]),
        ({b"a\xe9": 3, b"a\xe8": 4}, ["a\N{REPLACEMENT CHARACTER}"] * 2),
    ],
)
def test_names_that_are_told_as_one_are_counted(
    back: dict[bytes, int], wrong_: list[str]
) -> None:
    listing = [Entry("a\N{REPLACEMENT CHARACTER}", size) for size in (1, 2)]
    sizes = {os.fsdecode(name): size for name, size in back.items()}
    assert differing(listing, Found(Path(), sizes)) == wrong_


def test_of_what_has_a_hash_the_name_counts(tmp_path: Path) -> None:
    """Whoever tells a hash tells names as they are: an odd one is its own."""
    plain, odd = "a\N{REPLACEMENT CHARACTER}", os.fsdecode(b"a\xe9")
    (tmp_path / odd).write_bytes(b"x")
    back = Found(tmp_path, {odd: 1})
    told = hashlib.sha256(b"x").hexdigest()
    assert differing([Entry(odd, 1, told)], back) == []
    assert differing([Entry(plain, 1, told)], back) == [plain]
