"""What is wanted: the envelope every kind shares, and the port a kind fills."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Self,
    TypeVar,
)

from pydantic import Field, JsonValue, PrivateAttr

from reconciler.model.adoption import Adoption, Proposal, Refuse, Rewrite
from reconciler.model.authority import Makings
from reconciler.model.base import Spec
from reconciler.model.change import Change
from reconciler.model.due import Due
from reconciler.model.finding import Finding, Severity
from reconciler.model.follow import Chapter, Ended, Letter, Sway
from reconciler.model.location import Location
from reconciler.model.observed import Have, Share, State
from reconciler.model.ref import Naming, Ref
from reconciler.model.usage import Bounds

NAME = r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$"


class Metadata(Spec):
    """
    What every document carries beside its spec.

    Attributes:
        uid: The identity that survives a rename; defaults to the name.
        protected: May not be deleted, and removing it takes two reviewed commits.
    """

    name: Annotated[str, Field(pattern=NAME)]
    labels: dict[str, str] = {}
    uid: str = ""
    protected: bool = False
    moved_from: str | None = None


ChangeT = TypeVar("ChangeT", bound=Change)


class Resource(Spec, Generic[ChangeT]):
    """
    What an engineer wants of one thing. A kind is a subclass of this.

    The fields are the long form of the YAML. A kind that no provider holds (an
    account, a snippet) leaves the methods as they are.
    """

    kind: ClassVar[str]
    changes: ClassVar[tuple[type[Change], ...]] = ()
    """Every change the kind can yield: the journal rebuilds them from their verb."""
    states: ClassVar[Mapping[str, type[State]]] = {}
    """The state that each family of provider reports: snapshots rebuild them."""
    listed_by_name: ClassVar[bool] = True
    """Whether accounts list it by its own name; see ``listed_as``."""
    follows_folder: ClassVar[bool] = True
    """Whether ``adopted`` asks for what is usual where its document is written."""
    recalls: ClassVar[bool] = False
    """Whether what it does next depends on what was done before; see ``recorded``."""
    checks: ClassVar[Mapping[str, str]] = {}
    """The scan: code -> how it is mended. A ScanPolicy may set such findings aside."""

    metadata: Metadata
    spec: Spec

    _locate: Callable[[str], Location | None] | None = PrivateAttr(default=None)
    _via: tuple[str, ...] = PrivateAttr(default=())
    _named: Callable[[], tuple[Naming, ...]] = PrivateAttr(default=tuple)
    _recorded: Callable[[], Mapping[str, JsonValue]] = PrivateAttr(default=dict)
    _makings: Callable[[], Makings] = PrivateAttr(default=Makings)

    @property
    def name(self) -> str:
        """The resource's name, unique within its kind."""
        return self.metadata.name

    @property
    def uid(self) -> str:
        """The identity that survives a rename."""
        return self.metadata.uid or self.metadata.name

    @property
    def ref(self) -> Ref:
        """The address others refer to this resource by."""
        return Ref(self.kind, self.name)

    def at(self, field: str = "") -> Location | None:
        """Return where *field* (of the spec) was written, or its nearest parent."""
        return self._locate(field) if self._locate else None

    @property
    def via(self) -> tuple[str, ...]:
        """The addresses of what made this resource: its Site and SiteProfile."""
        return self._via

    @property
    def entry(self) -> Location | None:
        """Where the Site stands that made this resource; None where none did."""
        return self.at() if self._via else None

    @property
    def listed_as(self) -> str:
        """What the listings of its accounts call it: the name of an Unmanaged."""
        return self.name

    @property
    def named_by(self) -> tuple[Naming, ...]:
        """
        Who names this resource, sorted; worked out when it is asked for.

        It is no part of what is wanted of this resource, nor of its digest: a kind
        that asks is never quiet.
        """
        return self._named()

    def placed(
        self,
        locate: Callable[[str], Location | None],
        via: tuple[str, ...] = (),
        named: Callable[[], tuple[Naming, ...]] = tuple,
    ) -> Self:
        """Remember where fields were written, and by what; returns the resource."""
        self._locate = locate
        self._via = via
        self._named = named
        return self

    @property
    def recorded(self) -> Mapping[str, JsonValue]:
        """What the records remember of it, of a kind that ``recalls``."""
        return self._recorded()

    def recalling(self, recorded: Callable[[], Mapping[str, JsonValue]]) -> Self:
        """Remember where to ask what was done before; returns the resource."""
        self._recorded = recorded
        return self

    @property
    def makings(self) -> Makings:
        """
        What other documents say of it: who signs it, and where it goes.

        As ``named_by``: no part of its digest, and a kind that asks is never quiet.
        """
        return self._makings()

    def joined(self, makings: Callable[[], Makings]) -> Self:
        """Remember where to ask what other documents say; returns the resource."""
        self._makings = makings
        return self

    @property
    def payer(self) -> str | None:
        """The name of the Customer who pays what is charged for it."""
        return None

    def funds(self) -> tuple[str, ...]:
        """Return the accounts that take their money from this resource."""
        return ()

    def shares(self) -> tuple[Share, ...]:
        """Return the accounts that hold a part of this resource."""
        return ()

    def witnesses(self) -> tuple[Share, ...]:
        """
        Return who else can tell about this resource: evidence, never an action.

        They are looked at where their account exists, and missed by nobody where not.
        """
        return ()

    def probes(self) -> tuple[Share, ...]:
        """Return who measures what it uses (family ``usage``); no plan asks them."""
        return ()

    def bounds(self, have: Have) -> Bounds:
        """Return the most that it may use of what is measured of it. Pure."""
        del have
        return Bounds()

    def missed(self, share: Share) -> bool:
        """
        Say whether *share* has to list it, where it was applied before.

        What is missed, and is gone with many others, is a broken listing and not a
        loss. A kind says no where it was never in that *share*, or where it is asked
        for by its own name, and is never made anew without a person.
        """
        del share
        return True

    def relies_on(self, witness: Share) -> bool:
        """Say whether nothing but *witness* tells what it tells."""
        del witness
        return not self.shares()

    def diff(self, have: Have, now: datetime) -> Iterable[ChangeT]:
        """
        Yield what has to happen for *have* to become what is wanted. Pure.

        Must yield nothing for a share that is Unknown.
        """
        del have, now
        return ()

    def findings(self, have: Have, now: datetime) -> Iterable[Finding]:
        """Yield the facts that are not actions. Pure."""
        del have, now
        return ()

    def due(self, have: Have, now: datetime) -> Iterable[Due]:
        """Yield what is coming, whether or not anything has to be done yet. Pure."""
        del have, now
        return ()

    def quiet_until(self, have: Have, now: datetime) -> datetime | None:
        """
        Return the next moment at which diff, findings or due could change.

        With the same *have* nothing may differ before it. None is *never*.
        """
        del have, now
        return None

    def urgent(self, deadline: datetime, now: datetime) -> bool:
        """Say whether *deadline* is so near that not knowing is an alarm. Pure."""
        del deadline, now
        return False

    def deadline(self, have: Have) -> datetime | None:
        """Return when harm begins if nothing is done, as far as *have* tells."""
        del have
        return None

    def done(self, change: ChangeT, have: Have) -> bool | None:
        """
        Say whether *have* shows that *change* took effect; None if it cannot tell.

        Used to verify an action, and to recover one whose answer was lost.
        """
        raise AssertionError(f"{self.kind} has no changes: {change.verb}, {have}")

    def pending(self, change: ChangeT, have: Have) -> str | None:
        """
        Say why *change* is neither done nor lost: its account still works on it.

        Nobody has to settle what is pending; nothing else is paid for meanwhile.
        """
        del change, have
        return None

    def sees_to(self, change: ChangeT, have: Have, now: datetime) -> bool:
        """
        Say whether what follows a refusal of *change* comes by itself. Pure.

        Asked of money that a bank would not move, after that was recorded.
        """
        del change, have, now
        return False

    def remembers(
        self, change: ChangeT, ended: Ended, have: Have
    ) -> Mapping[str, JsonValue]:
        """Return the facts that are recorded together with how *change* ended. Pure."""
        del change, ended, have
        return {}

    def noticed(self, have: Have, now: datetime) -> Mapping[str, JsonValue]:
        """Return the facts that a look alone has shown, and are worth keeping. Pure."""
        del have, now
        return {}

    def sways(self, have: Have, now: datetime) -> Iterable[Sway]:
        """Yield what it wants of others that follow it. Pure."""
        del have, now
        return ()

    def heeds(self) -> tuple[Ref, ...]:
        """Return whom else it follows: what others want of those concerns it too."""
        return ()

    def swayed(self, sways: Sequence[Sway]) -> Self:
        """Return this resource as others want it, in what it leaves open. Pure."""
        del sways
        return self

    def claims(self) -> tuple[str, ...]:
        """
        Return what no other resource of its kind is paid for at the same time.

        Asked of kinds that ``recall``.
        """
        return ()

    @classmethod
    def claimed(cls, recorded: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """Return what a resource with such a record was ever paid for. Pure."""
        del recorded
        return ()

    def repeats(self, change: ChangeT, other: Mapping[str, JsonValue]) -> str | None:
        """Say what *change* does again, by what is recorded of another one. Pure."""
        del change, other
        return None

    def letters(self, have: Have, now: datetime) -> Iterable[Letter]:
        """Yield what customers have to be told now and were not told yet. Pure."""
        del have, now
        return ()

    def called(self, have: Have) -> str:
        """Return what a customer knows it by; empty where nobody can tell. Pure."""
        del have
        return self.name

    def shows(self, word: str, have: Have) -> bool | None:
        """Say whether it is what a Sway says with *word*; None if unknown. Pure."""
        del word, have
        return None

    def story(self, have: Have, now: datetime) -> Iterable[Chapter]:
        """Yield what happened to it and what comes, where its kind recalls. Pure."""
        del have, now
        return ()

    @classmethod
    def provisional(cls, name: str, shares: Sequence[Share]) -> Self | None:
        """
        Return a resource that does nothing but look at *shares*.

        With it is read what no document declares yet. None: the kind has no import.

        Raises:
            ValueError: There can be no such resource.
        """
        del name, shares
        return None

    @classmethod
    def adopted(cls, have: Have, usual: Spec, refuse: Refuse) -> Adoption:
        """
        Return the document that says what *have* is, and nothing that could act. Pure.

        Args:
            have: What the shares hold, every one of them a state.
            usual: The spec of a document that says nothing but where it is held: the
                defaults that are in force where it is written. Of a kind that does not
                follow its folder: the spec of what only looks.
            refuse: What it refuses stays out of the document.
        """
        raise AssertionError(f"{cls.kind} has no import: {have}, {usual}, {refuse}")

    def rewritten(self, field: str, live: JsonValue) -> Rewrite | str:
        """
        Return what to write so that *field* says *live*; or why nothing can. Pure.

        *field* and *live* are those of a Drift of this resource.
        """
        del field, live
        return "is not something that YAML could follow"

    def proposals(self, have: Have, now: datetime) -> Iterable[Proposal]:
        """Yield what git could say instead, where only a person may decide. Pure."""
        del have, now
        return ()

    def found(
        self,
        code: str,
        severity: Severity,
        message: str,
        field: str = "",
        lead: str = "",
        about: str = "",
    ) -> Finding:
        """Return a finding about this resource, placed at *field*."""
        at, entry = self.at(field), self.entry
        return Finding(
            code, severity, self.kind, self.name, message, at, entry, lead, about
        )


AnyResource = Resource[Any]
