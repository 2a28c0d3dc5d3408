"""What YAML says of the backup of one thing."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field

from reconciler.model import Money, SecretRef, Spec, To
from reconciler.model.backing import (
    Anomaly,
    Backing,
    Copy,
    Drills,
    Hooks,
    Keep,
    Objectives,
    Path,
    Prune,
    Schedule,
    Source,
)

SpecT = TypeVar("SpecT", bound=Spec)
#: What can be backed up.
OF: Final = ("HostingAccount", "Server", "Domain")


def _thing(text: str) -> str:
    kind, _, name = text.partition("/")
    if kind not in OF or not name:
        raise ValueError(f"write Kind/name, where Kind is one of {', '.join(OF)}")
    return text


class BackupSpec(Spec):
    """
    The backup of one thing; everything but the first three overrides its policy.

    Attributes:
        of: What it is of, as in ``HostingAccount/shop.example``.
        policy: How it is backed up.
        root: The folder that relative sources are in, where this program reads them.
        sources: More of them, or others of the same name.
        accept: Snapshots (ids, as a finding names them) that were looked at, and are
            as they should be: what was suspicious about them is so no longer.
    """

    of: Annotated[str, AfterValidator(_thing), To("", kinds=OF)]
    policy: Annotated[str, To("BackupPolicy")]
    root: Path | None = None
    objectives: Objectives | None = None
    schedule: Schedule | None = None
    sources: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")], Source] = {}
    accept: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{8,128}$")], ...] = ()
    keep: Keep | None = None
    copies: tuple[Copy, ...] | None = None
    drills: Drills | None = None
    anomaly: Anomaly | None = None
    prune: Prune | None = None
    hooks: Hooks | None = None
    budget: Money | None = None
    heartbeat: SecretRef | None = None

    def over(self, policy: Backing) -> Backing:
        """Return what *policy* says, and this where it says otherwise: maps merge."""
        return _over(policy, self)


def _over(policy: SpecT, own: Spec) -> SpecT:
    """Return *policy* with what *own* says; of what both say in full, *own* wins."""
    update: dict[str, Any] = {}
    for name in type(policy).model_fields:
        if name not in own.model_fields_set or (mine := getattr(own, name)) is None:
            continue
        theirs = getattr(policy, name)
        match mine, theirs:
            case dict(), dict():
                update[name] = {**theirs, **mine}
            case Spec(), Spec():
                update[name] = _over(theirs, mine)
            case _:
                update[name] = mine
    return policy.model_copy(update=update)
