"""Who may say what became of money: the group ``money``, where policies have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.project import Project

MONEY = "money"


def refuse_outsiders(project: Project) -> None:
    """Raise where policies declare the group, and whoever runs this is not in it."""
    if not project.policies:
        return
    from reconciler.policy import groups, identities, person

    members, actor = groups(project.policies).get(MONEY), person(project.actor)
    who = identities(project.policies).get(actor, actor)
    if members is not None and who not in members:
        raise ReconcilerError(
            f"{project.actor} is not in the group {MONEY}",
            hint=f"who settles money is in policies: Group/{MONEY}",
            code="E609",
        )
