"""The loader: what did not change comes from the cache, the rest is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from threading import Lock

from reconciler.errors import InventoryErrors
from reconciler.inventory.cache import Cache, code_digest
from reconciler.inventory.complaint import errors_of
from reconciler.inventory.inventory import Inventory
from reconciler.inventory.run import Kinds, Run
from reconciler.inventory.secrets import Allowed
from reconciler.inventory.source import Source
from reconciler.model import AnyResource


def load(
    source: Source,
    *,
    kinds: Mapping[str, type[AnyResource]] | None = None,
    cache: Path | None = None,
    allow: Mapping[str, date] | None = None,
    today: date | None = None,
) -> Inventory:
    """
    Return everything *source* says, or everything that is wrong with it.

    Args:
        source: The tree to read.
        kinds: The kinds that may occur; all of ``reconciler.kinds`` by default.
        cache: A file that makes the next load fast; may be lost or damaged.
        allow: False alarms of the search for secrets: the SHA-256 of a text, and
            the last day it is allowed on.
        today: The date *allow* is judged by; without it nothing is allowed.

    Raises:
        InventoryErrors: All errors of all files, in the order of their places.
    """
    code = code_digest(kinds) if cache else None
    store = Cache(cache, code) if cache and code else None
    with _without_collecting():
        run = Run(source, _registry(kinds), store, Allowed(allow or {}, today))
        loaded = run.loaded()
    if run.complaints:
        raise InventoryErrors(errors_of(run.complaints, sorted(run.secrets, key=len)))
    return Inventory(loaded.index, loaded)


def _registry(kinds: Mapping[str, type[AnyResource]] | None) -> Kinds:
    def all_kinds() -> Mapping[str, type[AnyResource]]:
        from reconciler.kinds import kinds as every  # noqa: PLC0415

        return every()

    return all_kinds if kinds is None else lambda: kinds


#: Taken by the first load of a process, and never given back.
_FIRST = Lock()


@contextmanager
def _without_collecting() -> Iterator[None]:
    """
    Make no search for cycles while only data is made, nor look at it later.

    A process that loads again and again would keep its garbage with it: what is made
    later is looked at like everything else.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if _FIRST.acquire(blocking=False):
            gc.freeze()
        gc.enable()
