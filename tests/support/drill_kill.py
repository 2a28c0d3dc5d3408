"""A drill in a process of its own, to be killed: ``python -m ... BASE COPY FLAVOUR``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from tests.support.drilling import NOW, Plain, backup, order

#: An import that does not end before it is killed.
ENDLESS = {
    "postgres": "select pg_sleep(60);\n-- PostgreSQL database dump complete\n",
    "mysql": "select sleep(60);\n-- Dump completed\n",
}


class Slow(Plain):
    """An engine that says when it has begun, and goes on and on."""

    def restore(self, *args: Any) -> Any:
        done = super().restore(*args)
        sys.stdout.write("restored\n")
        sys.stdout.flush()
        time.sleep(60)
        return done


def main(base: Path, copy: Path, flavour: str) -> None:
    from reconciler.providers._drill import drilled

    tree = copy.parent / "tree"
    tree.mkdir()
    (tree / "dump.sql").write_text(ENDLESS.get(flavour, "nothing"))
    engine = Plain(copy) if flavour in ENDLESS else Slow(copy)
    receipt = {"db": engine.back_up("db", tree)}
    source = {"type": flavour} if flavour in ENDLESS else {"paths": ["."]}
    change, want = order(receipt), backup({"db": source})
    drilled(change, want, engine, base, lambda: NOW, time.sleep)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
