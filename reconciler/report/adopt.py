"""What is live and not declared, with the command that would adopt it."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from reconciler.report.visible import visible

if TYPE_CHECKING:
    from reconciler.report.plan_document import UnmanagedData


class Adoptable(NamedTuple):
    """The unmanaged things of one kind in one account."""

    provider: str
    kind: str
    names: Sequence[str]

    @property
    def command(self) -> str:
        """What writes their YAML; every word is quoted for a shell."""
        account = shlex.quote(visible(f"Provider/{self.provider}"))
        return f"reconciler import {account} --kind {shlex.quote(visible(self.kind))}"


def adoptable(unmanaged: Sequence[UnmanagedData]) -> list[Adoptable]:
    """Return *unmanaged* by account and kind, in order."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in unmanaged:
        names[one["provider"], one["kind"]].append(one["name"])
    return [Adoptable(*key, sorted(names[key])) for key in sorted(names)]
