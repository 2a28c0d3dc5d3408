"""A repository whose registrars are the sandbox's, in this process."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.estate import commit, take_base
from benchmarks.measure import RECONCILER, Used, child
from reconciler.inventory import WorkTree, load
from reconciler.model import AnyResource
from reconciler.sandbox import Sandbox, SandboxClock
from reconciler.sandbox.example import SECRETS, world

#: Entries in one file of the inventory.
_A_FILE = 5000
_NOWHERE = "http://127.0.0.1:9"


class Agency:
    """
    A context manager: the sandbox runs as long as it is open.

    Args:
        folder: Where the repository is made.
        accounts: The Provider documents, with ``{vendor}`` for each endpoint.
        domains: All other documents.
        endpoints: Of servers that are not the sandbox's.
    """

    def __init__(
        self,
        folder: Path,
        accounts: str,
        domains: str,
        endpoints: Mapping[str, str] | None = None,
    ) -> None:
        self.root = folder / "agency"
        self._accounts = accounts
        self._ours = dict(endpoints or {})
        # A file is at most 1 MiB; an entry begins where its line does.
        entries = re.split(r"\n(?=\S)", domains)
        for number, at in enumerate(range(0, len(entries), _A_FILE)):
            part = "\n".join(entries[at : at + _A_FILE])
            name = f"domains-{number}.yaml" if number else "domains.yaml"
            self._write(name, f"apiVersion: reconciler/v1\n{part}\n")
        self._endpoints(defaultdict(lambda: _NOWHERE, self._ours))
        resources: dict[str, list[AnyResource]] = defaultdict(list)
        inventory = load(WorkTree(self.root))
        for ref in inventory.refs():
            resources[ref.kind].append(inventory.get(ref))
        made = world(resources, {})
        vendors = {v: part for v, part in made.vendors.items() if v not in self._ours}
        clock = SandboxClock(datetime.now(UTC))
        self.sandbox = Sandbox(made._replace(vendors=vendors), clock)
        secrets = self.root / ".sandbox" / "secrets"
        secrets.mkdir(parents=True)
        for name, value in SECRETS.items():
            (secrets / name).write_text(value, encoding="utf-8")

    def _endpoints(self, endpoints: Mapping[str, str]) -> None:
        self._write("accounts.yaml", self._accounts.format_map(endpoints))

    def _write(self, name: str, text: str) -> None:
        path = self.root / "inventory" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        self.sandbox.start()
        self._endpoints({**self.sandbox.endpoints(), **self._ours})
        (self.root / ".gitignore").write_text(".sandbox/\n", encoding="utf-8")
        commit(self.root)
        take_base(self.root)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sandbox.stop()

    def plan(self) -> Used:
        """
        Plan from the live accounts, as JSON; nothing may be left to do.

        By this machine's clock, as with real vendors: asking the sandbox for the
        time again and again would be measured too.
        """
        argv = [*RECONCILER, "-q", "-C", str(self.root), "plan", "--format=json"]
        used = child(argv, self.root)
        if '"actions": []' not in used.out or '"unknown": []' not in used.out:
            raise RuntimeError(f"the plan is not empty: {used.out[:2000]}")
        return used

    def forget(self, like: str) -> None:
        """Drop what is kept between runs under keys *like* this (SQL)."""
        path = self.root / ".git" / "reconciler" / "observed-main.sqlite"
        with sqlite3.connect(path) as db:
            db.execute("DELETE FROM answer WHERE key LIKE ?", (like,))
        db.close()
