"""
The plays of the detection matrix, on every processor; what was played is kept.

A run that is interrupted goes on from there, as long as the product and what plays it
are the same. What went wrong is never kept, and is played again.
"""

from __future__ import annotations

import ast
import ctypes
import hashlib
import json
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import NamedTuple

import reconciler
from tests.support.cheap import swept

_ROOT = Path(__file__).parent.parent
_RESULTS = Path(__file__).parent / "results"
PARTS = _RESULTS / "sabotage.parts"
PROGRESS = _RESULTS / "sabotage.progress"
#: PR_SET_PDEATHSIG of prctl(2).
_DEATH_SIGNAL = 1


class Played(NamedTuple):
    """
    What came of one of them with one seed.

    Attributes:
        layers: Who found it.
        hours: After how long.
        others: Which of restic's own commands saw something.
        seconds: What it took, on the wall.
        wrong: Why it is not as it has to be: nobody found it, or somebody was alarmed.
    """

    group: str
    seed: int
    name: str
    layers: tuple[str, ...] = ()
    hours: float = 0.0
    others: tuple[str, ...] = ()
    seconds: float = 0.0
    wrong: str = ""

    @property
    def key(self) -> tuple[str, int, str]:
        """Tell it from all others."""
        return self.group, self.seed, self.name


class Group(NamedTuple):
    """
    Plays that are alike.

    Attributes:
        play: Plays those of the names with a seed, one after the other.
        seeds: So many times; counted from the last one where it is negative.
        made_of: The module of ``tests.support`` that does it.
        by: The module that plays it.
        restic: Whether restic has a part in it.
        together: So many share a site, or all that they need besides it.
    """

    name: str
    play: Callable[[int, Collection[str]], Iterator[Played]]
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    made_of: str
    by: str
    restic: bool = False
    together: int = 100


def all_played(groups: Collection[Group]) -> list[Played]:
    """Play what is not known yet of *groups*, on every processor."""
    swept()
    codes = {one.name: _code(one) for one in groups}
    found = {one.key: one for one in _kept(codes)}
    wanted = {
        (group.name, seed, name): group
        for group in groups
        for seed in group.seeds
        for name in group.names
    }
    done = [found[key] for key in wanted if key in found]
    PROGRESS.parent.mkdir(parents=True, exist_ok=True)
    PROGRESS.write_text(f"{len(done)} of {len(wanted)} are known\n", encoding="utf-8")
    with ProcessPoolExecutor(os.cpu_count(), initializer=_tied) as pool:
        tasks = [
            pool.submit(_task, group, seed, some, codes[group.name])
            for group in groups
            for seed in group.seeds
            for some in _shares(group, seed, found)
        ]
        for task in as_completed(tasks):
            done += task.result()
    return done


def _shares(
    group: Group, seed: int, found: Collection[tuple[str, int, str]]
) -> Iterator[list[str]]:
    left = [one for one in group.names if (group.name, seed, one) not in found]
    for at in range(0, len(left), group.together):
        yield left[at : at + group.together]


def _tied() -> None:
    """End with whoever asked for it, also where that is killed."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)


def _task(group: Group, seed: int, names: list[str], code: str) -> list[Played]:
    found, began = [], time.monotonic()
    for one in group.play(seed, names):
        now = time.monotonic()
        found.append(one._replace(seconds=round(now - began, 2)))
        _keep(code, found[-1])
        began = now
    return found


def tried(group: str, seed: int, name: str, play: Callable[[], Played | str]) -> Played:
    """Play one; what it raises is wrong with it, and so is a text."""
    try:
        said = play()
    except Exception as error:  # noqa: BLE001  (it is told, and all others go on)
        said = f"{type(error).__name__}: {error}"
    if isinstance(said, str):
        return Played(group, seed, name, wrong=said or "nobody found it")
    return said


# -- what is kept ----------------------------------------------------------------------


def _kept(codes: dict[str, str]) -> Iterator[Played]:
    if not PARTS.exists():
        return
    for line in PARTS.read_text(encoding="utf-8").splitlines():
        code, *row = json.loads(line)
        one = Played(*row)
        if codes.get(one.group) == code:
            yield one._replace(layers=tuple(one.layers), others=tuple(one.others))


def _keep(code: str, one: Played) -> None:
    if not one.wrong:
        _add(PARTS, json.dumps([code, *one]))
    what = one.wrong or f"{', '.join(one.layers) or 'well'} after {one.hours:.1f} h"
    _add(PROGRESS, f"{one.seconds:6.1f} s  {one.group} {one.seed}, {one.name}: {what}")


def _add(path: Path, line: str) -> None:
    """Add a line, whole: others add theirs at the same time."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


# -- the code --------------------------------------------------------------------------


def _code(group: Group) -> str:
    """
    Return what tells the product, and what plays it, from any other.

    The files of the driver for restic are none of an archive's: nothing else of the
    product imports them.
    """
    product = Path(reconciler.__file__).parent
    files = {
        one
        for one in product.rglob("*")
        if one.is_file() and "__pycache__" not in one.parts
    }
    if not group.restic:
        files = {one for one in files if "restic" not in one.name}
    files |= {Path(__file__), _file(group.by), _file(swept.__module__)}
    files |= _needed(group.made_of, frozenset())
    found = hashlib.sha256(platform.python_version().encode())
    found.update(_version() if group.restic else b"")
    for path in sorted(files):
        found.update(str(path.relative_to(_ROOT)).encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


@cache
def _version() -> bytes:
    return subprocess.run(["restic", "version"], check=True, capture_output=True).stdout


def _needed(module: str, known: frozenset[Path]) -> frozenset[Path]:
    """Return the files of the tests that *module* is made of, and its own."""
    path = _file(module)
    if path in known or not path.exists():
        return known
    known |= {path}
    for node in ast.walk(ast.parse(path.read_bytes())):
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if module.startswith("tests."):
            known = _needed(module, known)
    return known


def _file(module: str) -> Path:
    return _ROOT.joinpath(*module.split(".")).with_suffix(".py")
