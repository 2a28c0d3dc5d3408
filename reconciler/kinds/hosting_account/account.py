"""A customer's account on a hosting server: on its plan, and running or suspended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar

from pydantic import JsonValue, PrivateAttr, ValidationInfo, field_validator

from reconciler.kinds.hosting_account import patched, sizes, steps
from reconciler.kinds.hosting_account.adoption import adopted, looking
from reconciler.kinds.hosting_account.changes import (
    ChangePlan,
    Create,
    HostingChange,
    SetLimits,
    SetPhp,
    Suspend,
    Terminate,
    Unsuspend,
)
from reconciler.kinds.hosting_account.spec import HostingAccountSpec
from reconciler.kinds.hosting_account.state import HOSTING, HostingState
from reconciler.kinds.hosting_account.suspension import suspension
from reconciler.model import (
    Absent,
    Adoption,
    Chapter,
    Ended,
    Finding,
    Have,
    OutlookState,
    Proposal,
    Refuse,
    Severity,
    Share,
    Spec,
    State,
    Sway,
    patch_rules,
    patch_watch,
    scaling_told,
)
from reconciler.model.names import to_ascii
from reconciler.model.resource import Resource
from reconciler.model.updates import Patch, RollBack
from reconciler.model.usage import OUTLOOK, Bounds, doubted

_STATE = steps.STATE
_PLAN = steps.PLAN
#: Findings that are good to know, and ask for nothing.
_ASIDE = frozenset(
    {"scaling-no-skill", "scaling-spike", "scaling-waits", "usage-doubtful"}
)
DoT = TypeVar("DoT", Suspend, Unsuspend, Terminate)


class HostingAccount(Resource[HostingChange]):
    """An account on a hosting server."""

    kind: ClassVar[str] = "HostingAccount"
    changes: ClassVar[tuple[type[HostingChange], ...]] = (
        Create,
        ChangePlan,
        SetLimits,
        SetPhp,
        Suspend,
        Unsuspend,
        Terminate,
        Patch,
        RollBack,
    )
    follows_folder: ClassVar[bool] = False
    states: ClassVar[Mapping[str, type[State]]] = {
        HOSTING: HostingState,
        OUTLOOK: OutlookState,
        **patch_rules.STATES,
    }
    recalls: ClassVar[bool] = True
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
        """
        Return it as its subscriptions want it: running if any of them pays.

        It ends only where all of them ended.
        """
        if self.spec.state != "follow" or not sways:
            return self
        rank = ("suspended", "terminated")
        found = min(sways, key=lambda one: (one.says in rank, one.says == rank[1]))
        swayed = self.model_copy()
        swayed._leader = found  # noqa: SLF001  (a copy of the same class)
        return swayed

    @property
    def wanted(self) -> str:
        """What it shall be, by itself or as another resource says; or ``follow``."""
        if self._leader is None:
            return self.spec.state
        says = self._leader.says
        return says if says in {"suspended", "terminated"} else "active"

    @property
    def domain(self) -> str:
        """The main domain it shall have."""
        return self.spec.domain or self.name.lower()

    @property
    def share(self) -> Share:
        """The server that has it."""
        return Share(self.spec.provider, HOSTING)

    def shares(self) -> tuple[Share, ...]:
        """Return the server's share, and who tells what there is newer on it."""
        return (self.share, *patched.shares(self.spec))

    def probes(self) -> tuple[Share, ...]:
        """Return the server: it measures what its accounts use."""
        return (Share(self.spec.provider, "usage"),)

    def witnesses(self) -> tuple[Share, ...]:
        """Return who foresees what it will use, and who sees whether it works."""
        seers = patch_rules.WITNESSES if self.spec.patching is not None else ()
        return (sizes.OUTLOOKS, *seers) if self.spec.scaling is not None else seers

    def bounds(self, have: Have) -> Bounds:
        """Return the limits of the plan it is on, and those of the next smaller one."""
        state = have.get(self.share)
        return steps.bounds(
            self.spec, state if isinstance(state, HostingState) else None
        )

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """Never, where a policy moves it: its forecasts and its records do."""
        del have
        still = self.spec.scaling is None and self.spec.patching is None
        return None if still else now

    def meant(self, state: HostingState) -> bool:
        """Say whether *state* is of the very account this is about."""
        named = self.spec.account in {None, state.account}
        return named and state.domain == self.domain

    def strays(self, state: HostingState) -> bool:
        """Say whether it was customised on its server, and git does not say why."""
        return steps.strays(self.spec, state)

    def diff(self, have: Have, now: datetime) -> Iterator[HostingChange]:
        """Yield what is missing; nothing is done to an account of somebody else."""
        state = have.get(self.share)
        if isinstance(state, Absent):
            yield from steps.created(self._case, state.lacks)
        elif isinstance(state, HostingState) and self.meant(state):
            found = [*steps.changes(self._case, state)]
            yield from map(self._spoken, found)
            if (one := self._scaled(have, now)) is not None:
                yield from sizes.move(one, found)
            if not found and (case := patched.case(self, have, now)) is not None:
                yield from patch_rules.changes(case)

    def _spoken(self, change: HostingChange) -> HostingChange:
        match change:
            case Suspend():
                return self._led(change)
            case Unsuspend():
                return self._led(change)
            case Terminate():
                return self._led(change)
            case _:
                return change

    def _scaled(self, have: Have, now: datetime) -> sizes.Scaled | None:
        """Return what decides about its plan, where a policy does."""
        if self.spec.scaling is None:
            return None
        state = have.get(self.share)
        if not isinstance(state, HostingState) or not self.meant(state):
            return None
        return sizes.scaled(self._case, self.makings, self.recorded, have, now)

    @property
    def _case(self) -> steps.Case:
        return steps.Case(
            self.share, self.spec, self.domain, self.wanted, self.metadata.protected
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
        outlook = have.get(sizes.OUTLOOKS)
        if isinstance(outlook, OutlookState):
            yield from doubted(outlook)
        match have.get(self.share):
            case Absent() if self.wanted == "suspended" or not self.spec.ladder:
                message = f"is not on {self.spec.provider}"
                field = "spec.provider"
                yield self.found("account-missing", Severity.ERROR, message, field)
            case Absent(lacks=str() as lacks) if lacks and self.wanted != "terminated":
                yield self._packageless(lacks)
            case HostingState() as state if not self.meant(state):
                yield self._another(state)
            case HostingState() as state:
                yield from self._kept(state)
                yield from self._room(state)
                yield from map(self._packageless, state.lacking)
                yield from self._unread(state)
                for told in suspension(state, self.wanted):
                    yield self.found(*told, _STATE)
                yield from self._sized(have, now)
                yield from patched.findings(self, have, now)
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

    def _kept(self, state: HostingState) -> Iterator[Finding]:
        """Yield why an account that shall end stays, and what keeps it busy."""
        if self.wanted == "terminated" and self.metadata.protected:
            message = (
                "shall be terminated, and is protected: first take the protection "
                "away, in a commit of its own"
            )
            yield self.found("protected-terminated", Severity.ERROR, message, _STATE)
        if state.busy is not None:
            message = f"{self.spec.provider} still works on it: {state.busy}"
            yield self.found("account-busy", Severity.INFO, message)
        if self.strays(state):
            message = (
                f"was customised on {self.spec.provider}: it no longer follows its "
                "plan, and a change of plan waits for a person"
            )
            yield self.found("account-customised", Severity.WARNING, message, _PLAN)

    def _room(self, state: HostingState) -> Iterator[Finding]:
        """Yield what is used above what the plan allows."""
        full = steps.overfull(steps.limits_of(self.spec, state), state)
        if full:
            message = "; ".join(full)
            yield self.found("over-limit", Severity.WARNING, message, _PLAN)

    def _sized(self, have: Have, now: datetime) -> Iterator[Finding]:
        """Yield what its policy would do and may not, and what it cannot tell."""
        one = self._scaled(have, now)
        for said in scaling_told.said(one.sizing) if one else ():
            severity = Severity.INFO if said.code in _ASIDE else Severity.WARNING
            yield self.found(said.code, severity, said.message, _PLAN)

    def _packageless(self, package: str) -> Finding:
        """Say that what its plan is called on its server is not there."""
        message = (
            f"{self.spec.provider} has no package {package}: make it there, or name "
            "another in packages of the plan"
        )
        return self.found("package-missing", Severity.ERROR, message, _PLAN)

    def _unread(self, state: HostingState) -> Iterator[Finding]:
        """Yield that nobody can tell whether its PHP is as it shall be."""
        if self.spec.php != "keep" and state.php is None and state.busy is None:
            message = f"{self.spec.provider} does not tell which PHP it runs on"
            yield self.found("php-unread", Severity.WARNING, message, "spec.php")

    @classmethod
    def provisional(cls, name: str, shares: Sequence[Share]) -> Self | None:
        """Return one that is only looked at, by its domain."""
        spec = looking(shares)
        return cls.model_validate({"metadata": {"name": name}, "spec": spec})

    @classmethod
    def adopted(cls, have: Have, usual: Spec, refuse: Refuse) -> Adoption:
        """Return the document of a live account."""
        del usual
        return adopted(have, refuse)

    def proposals(self, have: Have, now: datetime) -> Iterator[Proposal]:
        """Yield the range that its policy would rather have."""
        if (one := self._scaled(have, now)) is not None:
            yield from sizes.proposals(one)

    def remembers(
        self, change: HostingChange, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return what the record keeps of what a policy asked for."""
        if isinstance(change, Patch | RollBack):
            return patched.remembers(self, change, ended, have)
        return sizes.kept(change, ended, self.recorded)

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return what there is newer since when, and what patches led to."""
        case = patched.case(self, have, now)
        return {} if case is None else patch_watch.noticed(case)

    def story(self, have: Have, now: datetime) -> Iterator[Chapter]:
        """Yield how policies moved and patched it, and what they see coming."""
        if (one := self._scaled(have, now)) is not None:
            yield scaling_told.story(one.sizing, one.policy)
        if (case := patched.case(self, have, now)) is not None:
            yield patch_rules.story(case)

    def shows(self, word: str, have: Have) -> bool | None:
        """Say whether it is ``suspended`` or ``active``; None where it was not read."""
        state = have.get(self.share)
        if not isinstance(state, HostingState) or not self.meant(state):
            return None
        return state.suspended is (word == "suspended")

    def done(self, change: HostingChange, have: Have) -> bool | None:
        """Say whether *have* shows the effect; somebody else's suspension is none."""
        state = have.get(change.share)
        if isinstance(change, Patch | RollBack):
            return patch_rules.done(change, state)
        if isinstance(state, Absent):
            return self._gone(change)
        if not isinstance(state, HostingState) or not self.meant(state):
            return None
        if state.busy is not None:
            return None
        return self._shown(change, state)

    def pending(self, change: HostingChange, have: Have) -> str | None:
        """Say that its server still works on it."""
        state = have.get(change.share)
        if isinstance(change, Patch | RollBack):
            return patch_rules.pending(change, state)
        busy = state.busy if isinstance(state, HostingState) else None
        return f"{change.share.provider} still works on it: {busy}" if busy else None

    @staticmethod
    def _gone(change: HostingChange) -> bool | None:
        """Say what an account that is not there tells about *change*."""
        match change:
            case Terminate():
                return True
            case Create():
                return False
            case _:
                return None

    def _shown(self, change: HostingChange, state: HostingState) -> bool | None:
        match change:
            case Create():
                return state.package == change.details["package"]
            case ChangePlan():
                return state.package == change.details["package"]
            case SetLimits():
                return not any(
                    isinstance(one, SetLimits)
                    for one in steps.changes(self._case, state)
                )
            case SetPhp():
                php = state.php
                return None if php is None else php == change.details["version"]
            case Suspend():
                return state.suspended and state.ours
            case Unsuspend() if state.suspended:
                return False if state.ours else None
            case Unsuspend():
                return True
            case _:
                return False
