"""The inbox: whether the webhooks of an account would be believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.model import PUBLIC
from reconciler.providers._webhook import INBOUND

if TYPE_CHECKING:
    from reconciler.cli.project import Project

PAGE = "docs/webhooks.md"


def checks(project: Project) -> Iterator[Check]:
    """Say which accounts are shut to their vendor, and who is not yet asked."""
    from reconciler.cli.serve_command import open_doors
    from reconciler.web.door import has_its_own

    asked = {
        name
        for name, one in project.accounts_declared.items()
        if name != PUBLIC and INBOUND & one.spec.credentials.keys()
    }
    for name, one in sorted(project.accounts_declared.items()):
        if name not in asked and name != PUBLIC and has_its_own(one.spec.type):
            said = "its webhooks are refused by `reconciler serve`: no secret for them"
            yield note(name, f"{said} is declared ({PAGE})")
    for name, door in open_doors(project, asked).items():
        if door.verifier is None:
            fix = f"put the secret of the vendor's webhook there ({PAGE})"
            yield mend(name, f"its webhooks are refused: {door.why}", fix)
        else:
            yield ok(name, "its webhooks could be checked")
