"""The channels: whether somebody could be reached, without reaching anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from reconciler.cli.doctor.check import Check, mend, note, ok
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.project import Project
    from reconciler.kinds.notification_channel import NotificationChannel
    from reconciler.notify import Pulse, Sender

#: A number that stands for any: nothing is sent to it.
_NOBODY = "+10000000000"
_WHY = "nobody is suspended who was not warned: docs/letters.md"


def checks(project: Project) -> Iterator[Check]:
    """Greet every mail server, look every address up; send nothing."""
    found = project.inventory.of("NotificationChannel")
    if not found:
        return
    for want in (cast("NotificationChannel", one) for one in found):
        try:
            trouble = _ready(project, want).trouble()
        except (ReconcilerError, ValueError) as error:
            trouble = error.what if isinstance(error, ReconcilerError) else str(error)
        if trouble:
            fix = f"reconciler notify --test {want.name} tries it for good"
            yield mend(str(want.ref), trouble, fix)
        else:
            yield ok(str(want.ref), "could be used now; nothing was sent")
    yield from _customers(project, [cast("NotificationChannel", one) for one in found])


def _ready(project: Project, want: NotificationChannel) -> Pulse | Sender:
    from reconciler.cli.channels import pulse, sender

    if want.spec.type == "heartbeat":
        return pulse(project, want)
    if not want.to_customers:
        return sender(project, want)
    # Whom it goes to is of no concern here: the way to them is.
    return sender(project, want, () if want.spec.smtp else (_NOBODY,))


def _customers(project: Project, wants: list[NotificationChannel]) -> Iterator[Check]:
    """Say who would not hear of an invoice, nor of a suspension."""
    from reconciler.cli.channels import unheard

    for one in unheard(project.inventory, wants):
        yield mend(f"{one.kind}/{one.name}", one.message, _WHY)
    for want in wants:
        smtp = want.spec.smtp
        if want.to_customers and smtp is not None and smtp.bounces is None:
            said = (
                "mail that comes back is seen by nobody here, and counts as told: name "
                "the mailbox of `from` in smtp.bounces"
            )
            yield note(str(want.ref), said)
