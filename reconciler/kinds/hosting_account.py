"""A customer's account on a hosting server: on its plan, and running or suspended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from reconciler.model import (
    Absent,
    Change,
    FieldChange,
    Finding,
    Frozen,
    Have,
    OnDrift,
    Risk,
    Severity,
    Share,
    Spec,
    State,
    Sway,
    To,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource

HOSTING = "hosting"
_STATE = "spec.state"
_PLAN = "spec.plan"


class PlanRange(Spec):
    """
    The plans an account may be on.

    Attributes:
        min: The smallest one.
        max: The largest one; it is reached from the smallest by ``up``.
    """

    min: Annotated[str, To("HostingPlan")]
    max: Annotated[str, To("HostingPlan")]

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.min == self.max:
            raise ValueError("min and max name the same plan: write plan: NAME")
        return self


class Step(Frozen):
    """One plan an account may be on, and what its server calls it."""

    plan: str
    package: str


class HostingAccountSpec(Spec):
    """
    Where an account is, on which plan, and whether it runs.

    Attributes:
        provider: The server that has it.
        account: Its user name there; left out, it is found by its domain.
        domain: Its main domain; the name of this document if left out.
        plan: The plan it is on, or the range of plans it may be on.
        state: ``active`` or ``suspended``; ``follow``: as its Subscription says, and
            left alone while there is none.
        php: ``keep``: its PHP version is left alone.
        ladder: The plans from ``min`` to ``max`` with their packages; the inventory
            fills it in, and nobody writes it.
    """

    provider: Annotated[str, To("Provider")]
    account: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None
    ) = None
    domain: str | None = None
    plan: Annotated[str, To("HostingPlan")] | PlanRange
    state: Literal["follow", "active", "suspended"] = "follow"
    php: Literal["keep"] = "keep"
    ladder: SkipJsonSchema[tuple[Step, ...]] = Field(default=(), exclude=True)

    @field_validator("domain")
    @classmethod
    def _a_label(cls, domain: str | None) -> str | None:
        return None if domain is None else _domain(domain)


def _domain(text: str) -> str:
    found = to_ascii(text)
    if "." not in found:
        raise ValueError(f"{found!r} is no domain name")
    return found


class HostingState(State):
    """
    One account, as its server shows it.

    Attributes:
        account: Its user name.
        package: The server's own word for the plan it is on.
        ours: Its suspension was made by this tool, and by nobody else since.
        locked: Only the server's owner can lift its suspension.
        since: When it was suspended.
    """

    account: str
    domain: str
    package: str
    suspended: bool = False
    ours: bool = False
    locked: bool = False
    since: AwareDatetime | None = None


class Suspend(Change):
    """
    Take the account off the net until it is lifted again.

    ``details``: ``follows``, the address of what it follows, where git leaves it open.
    """

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    takes_down: ClassVar[bool] = True
    verb: Literal["suspend"] = "suspend"

    @property
    def merges(self) -> bool:
        """What follows another resource is due work: git does not say it."""
        return "follows" not in self.details


class Unsuspend(Change):
    """Lift a suspension that this tool made; ``details`` as of Suspend."""

    verb: Literal["unsuspend"] = "unsuspend"

    @property
    def merges(self) -> bool:
        """What follows another resource is due work: git does not say it."""
        return "follows" not in self.details


HostingChange = Suspend | Unsuspend
DoT = TypeVar("DoT", Suspend, Unsuspend)


class HostingAccount(Resource[HostingChange]):
    """An account on a hosting server; it is never created or terminated from here."""

    kind: ClassVar[str] = "HostingAccount"
    changes: ClassVar[tuple[type[HostingChange], ...]] = (Suspend, Unsuspend)
    states: ClassVar[Mapping[str, type[State]]] = {HOSTING: HostingState}
    spec: HostingAccountSpec
    _leader: Sway | None = PrivateAttr(default=None)

    @field_validator("metadata", mode="before")
    @classmethod
    def _a_labels(cls, raw: Any) -> Any:
        """Take a name in its own script, as a domain's: the same name, one spelling."""
        match raw:
            case {"name": str() as name} if not name.isascii():
                return {**raw, "name": to_ascii(name)}
        return raw

    @field_validator("spec")
    @classmethod
    def _has_a_domain(
        cls, spec: HostingAccountSpec, info: ValidationInfo
    ) -> HostingAccountSpec:
        metadata = info.data.get("metadata")
        if spec.domain is None and metadata is not None and "." not in metadata.name:
            raise ValueError(f"write domain: {metadata.name} is no domain name")
        return spec

    def swayed(self, sways: Sequence[Sway]) -> Self:
        """Return it as its subscriptions want it: running if any of them pays."""
        if self.spec.state != "follow" or not sways:
            return self
        found = next((one for one in sways if one.says != "suspended"), sways[0])
        swayed = self.model_copy()
        swayed._leader = found  # noqa: SLF001  (a copy of the same class)
        return swayed

    @property
    def wanted(self) -> str:
        """What it shall be, by itself or as another resource says; or ``follow``."""
        if self._leader is None:
            return self.spec.state
        return "suspended" if self._leader.says == "suspended" else "active"

    @property
    def domain(self) -> str:
        """The main domain it shall have."""
        return self.spec.domain or self.name.lower()

    @property
    def share(self) -> Share:
        """The server that has it."""
        return Share(self.spec.provider, HOSTING)

    def shares(self) -> tuple[Share, ...]:
        """Return the server's share: there is no other."""
        return (self.share,)

    def meant(self, state: HostingState) -> bool:
        """Say whether *state* is of the very account this is about."""
        named = self.spec.account in {None, state.account}
        return named and state.domain == self.domain

    def diff(self, have: Have, now: datetime) -> Iterator[HostingChange]:
        """Yield a suspension that is wanted, or the lifting of our own."""
        del now
        state = have.get(self.share)
        if not isinstance(state, HostingState) or not self.meant(state):
            return
        if self.wanted == "suspended" and not state.suspended:
            because = "it shall be suspended, and runs"
            yield self._led(
                Suspend(share=self.share, fields=(_to("suspended"),), because=because)
            )
        elif self.wanted == "active" and state.suspended and state.ours:
            because = "it shall run, and this tool suspended it"
            yield self._led(
                Unsuspend(share=self.share, fields=(_to("active"),), because=because)
            )

    def _led(self, change: DoT) -> DoT:
        """Say on whose behalf *change* is, where this follows another resource."""
        if self._leader is None:
            return change
        because = f"{self._leader.by}: {self._leader.why or 'nothing is owed'}"
        details = {**change.details, "follows": str(self._leader.by)}
        more: dict[str, Any] = {"because": because, "details": details}
        if isinstance(change, Suspend):
            more["not_before"] = self._leader.not_before
        return change.model_copy(update=more)

    def findings(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what differs and is a person's to mend."""
        del now
        match have.get(self.share):
            case Absent():
                message = (
                    f"is not on {self.spec.provider}, and is not created from here"
                )
                field = "spec.provider"
                yield self.found("account-missing", Severity.ERROR, message, field)
            case HostingState() as state if not self.meant(state):
                yield self._another(state)
            case HostingState() as state:
                yield from self._package(state)
                yield from self._suspension(state)
            case _:
                pass

    def _another(self, state: HostingState) -> Finding:
        """Say whose account it is instead: nothing is done to the wrong one."""
        if state.domain != self.domain:
            message = f"the account {state.account} is that of {state.domain}"
        else:
            message = f"its domain is that of the account {state.account}"
        field = "spec.account" if self.spec.account else "spec.domain"
        message += ": nothing is done to it"
        return self.found("account-differs", Severity.ERROR, message, field)

    def _package(self, state: HostingState) -> Iterator[Finding]:
        """Yield a package that is none of the plan's: it is not changed from here."""
        wanted = [step.package for step in self.spec.ladder]
        if not wanted or state.package in wanted:
            return
        message = (
            f"has the package {state.package or '(none)'}, wanted is "
            f"{' or '.join(wanted)}; it is not changed from here"
        )
        yield self.found("package-drift", Severity.WARNING, message, _PLAN)

    def _suspension(self, state: HostingState) -> Iterator[Finding]:
        if not state.suspended:
            return
        since = f" since {state.since.date()}" if state.since else ""
        if not state.ours:
            lift = "; only root can lift it" if state.locked else ""
            wanted = self.wanted == "active"
            message = (
                f"is suspended{since}, and not by this tool: it is left alone{lift}"
            )
            severity = Severity.ERROR if wanted else Severity.WARNING
            yield self.found("suspended-by-others", severity, message, _STATE)
        elif self.wanted == "follow":
            message = (
                f"is suspended by this tool{since}, and nothing says for how long: "
                "write state: active or state: suspended"
            )
            yield self.found("suspension-left", Severity.WARNING, message, _STATE)

    def shows(self, word: str, have: Have) -> bool | None:
        """Say whether it is ``suspended`` or ``active``; None where it was not read."""
        state = have.get(self.share)
        if not isinstance(state, HostingState) or not self.meant(state):
            return None
        return state.suspended is (word == "suspended")

    def done(self, change: HostingChange, have: Have) -> bool | None:
        """Say whether *have* shows the effect; somebody else's suspension is none."""
        state = have.get(change.share)
        if not isinstance(state, HostingState) or not self.meant(state):
            return None
        if isinstance(change, Suspend):
            return state.suspended and state.ours
        if not state.suspended:
            return True
        return False if state.ours else None


def _to(state: Literal["active", "suspended"]) -> FieldChange:
    before = "active" if state == "suspended" else "suspended"
    return FieldChange(field=_STATE, before=before, after=state, on_drift=OnDrift.HOLD)


KIND = HostingAccount
