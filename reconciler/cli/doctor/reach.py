"""The channels: whether somebody could be reached, without reaching anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from reconciler.cli.doctor.check import Check, mend, ok
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.notification_channel import NotificationChannel


def checks(project: Project) -> Iterator[Check]:
    """Greet every mail server, look every address up; send nothing."""
    found = project.inventory.of("NotificationChannel")
    if not found:
        return
    from reconciler.cli.channels import pulse, sender

    for want in (cast("NotificationChannel", one) for one in found):
        make = pulse if want.spec.type == "heartbeat" else sender
        try:
            trouble = make(project, want).trouble()
        except (ReconcilerError, ValueError) as error:
            trouble = error.what if isinstance(error, ReconcilerError) else str(error)
        if trouble:
            fix = f"reconciler notify --test {want.name} tries it for good"
            yield mend(str(want.ref), trouble, fix)
        else:
            yield ok(str(want.ref), "could be used now; nothing was sent")
