"""
Every error this package raises on purpose.

* ReconcilerError           has a code, a place (file:line:column) and a hint
  x InventoryError          what the engineer wrote cannot be read or cannot hold
  x InventoryErrors         all of them at once, in the order of their places
  x PolicyError             a policy file cannot be read or does not hold
  x PlanError               the plan may not be carried out as it stands
    + StalePlan             what was approved is no longer what would happen
    + UnsafePlan            too much would change at once
    + UnsafeCommit          not the commit that may act in this environment
  x ProviderError           a vendor said no, or said nothing
    + Transient             nothing happened; trying again may help
    + Rejected              nothing happened; trying again will not help
      . Declined            the money was refused: nothing was paid
    + TooEarly              the vendor will take this later: a wait, not a failure
    + Ambiguous             it may have happened: look before anything else
    + Unsupported           this driver cannot do that, known at plan time
  x AuditError              the audit branch cannot be read or written
    + Locked                another run holds the lock
    + LostLock              this run no longer holds the lock and may not act
    + Tampered              the audit log is not what was written
  x UsageError              the command line was used wrongly
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from reconciler.model.location import Location


class ReconcilerError(Exception):
    """An error worth showing to a person, as ``place: code what`` and a hint."""

    code: ClassVar[str] = "E000"

    def __init__(
        self,
        what: str,
        *,
        at: Location | None = None,
        hint: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.hint = hint
        self.shown_code = code or self.code

    def __str__(self) -> str:
        place = f"{self.at}: " if self.at else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.shown_code} {self.what}{hint}"


class InventoryError(ReconcilerError):
    """
    What the engineer wrote cannot be read or cannot hold.

    Each cause has a code of its own (E101 to E199), listed in docs/errors.md.

    Attributes:
        users: All that inherit it, where it was written in something shared.
    """

    code = "E100"
    users: tuple[str, ...] = ()


class InventoryErrors(ReconcilerError):
    """All errors of all files of one run."""

    code = "E199"

    def __init__(self, errors: Sequence[ReconcilerError]) -> None:
        super().__init__(f"{len(errors)} errors in the inventory")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


class PolicyError(ReconcilerError):
    """A policy file cannot be read, or a policy does not pass its own tests."""

    code = "E500"


class PlanError(ReconcilerError):
    """The plan may not be carried out as it stands."""

    code = "E200"


class StalePlan(PlanError):
    """What was approved is no longer what would happen."""

    code = "E201"


class UnsafePlan(PlanError):
    """Too much would change at once, or the inventory lost too much at once."""

    code = "E202"


class UnsafeCommit(PlanError):
    """Not the commit that may act in this environment."""

    code = "E203"


class ProviderError(ReconcilerError):
    """
    A vendor said no, or said nothing; keeps the vendor's request id.

    Attributes:
        reason: The vendor's own word for what kind of failure it is, where a resource
            decides by it what is done next.
        evidence: What else the outcome says of it; never a secret.
    """

    code = "E300"
    reason: str | None = None
    evidence: Mapping[str, str | bool] = {}

    def __init__(
        self,
        what: str,
        *,
        at: Location | None = None,
        hint: str | None = None,
        request_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(what, at=at, hint=hint)
        self.request_id = request_id
        self.reason = reason

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said} [request {self.request_id}]" if self.request_id else said


class Transient(ProviderError):
    """Nothing happened and trying again may help."""

    code = "E301"


class Rejected(ProviderError):
    """Nothing happened and trying again will not help."""

    code = "E302"


class Declined(Rejected):
    """
    The money was refused: nothing was paid.

    Attributes:
        kind: ``soft``: it may work another day; ``hard``: never again by the same
            method (the networks fine whoever tries); ``action``: the customer has to
            confirm it.
        declined: The vendor's own word for why.
    """

    code = "E306"

    def __init__(
        self,
        what: str,
        *,
        kind: Literal["soft", "hard", "action"],
        declined: str,
        request_id: str | None = None,
    ) -> None:
        super().__init__(what, request_id=request_id)
        self.kind: Literal["soft", "hard", "action"] = kind
        self.declined = declined


class TooEarly(ProviderError):
    """Nothing happened; the vendor will accept this from *until* on."""

    code = "E305"

    def __init__(
        self,
        what: str,
        *,
        until: datetime | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(what, request_id=request_id)
        self.until = until


class Ambiguous(ProviderError):
    """It may have happened; only an authoritative read can tell."""

    code = "E303"


class Unsupported(ProviderError):
    """This driver cannot do that, and says so before anything is applied."""

    code = "E304"


class AuditError(ReconcilerError):
    """The audit branch cannot be read or written."""

    code = "E400"


class Locked(AuditError):
    """Another run holds the lock."""

    code = "E401"


class LostLock(AuditError):
    """This run no longer holds the lock: it may neither record nor act."""

    code = "E402"


class Tampered(AuditError):
    """The audit log is not what was written."""

    code = "E403"


class UsageError(ReconcilerError):
    """The command line was used wrongly."""

    code = "E640"
