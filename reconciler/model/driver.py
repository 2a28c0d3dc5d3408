"""The one class a provider implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from pydantic import JsonValue

from reconciler.model.change import Change, Receipt, Risk
from reconciler.model.material import Challenges, Keyring
from reconciler.model.observed import Observation
from reconciler.model.resource import AnyResource
from reconciler.model.secret import SecretRef
from reconciler.model.usage import UsageBook


class OpClass(StrEnum):
    """How a lost answer can be resolved; declared for each verb, and tested."""

    KEYED = "keyed"
    """The vendor honours an idempotency key: the same request has one effect."""
    PROBE = "probe"
    """No key, but an authoritative read shows whether it happened."""
    BLIND = "blind"
    """Neither: after a lost answer a person has to settle it."""


class Cache(Protocol):
    """Answers kept between runs; safe to lose, never the source of a decision."""

    def get(self, key: str) -> JsonValue:
        """Return what was kept under *key*, or None."""

    def put(self, key: str, value: JsonValue, until: datetime) -> None:
        """Keep *value* under *key* until then."""


class Sent(NamedTuple):
    """A request, as it leaves this machine."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Answered(NamedTuple):
    """What comes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Beside(Protocol):
    """What else whoever keeps backups has to know; the composition root answers."""

    def repository(self, name: str) -> Account:
        """
        Return the account of another repository, to copy from.

        Raises ReconcilerError where there is none, or a secret of it cannot be had.
        """

    def secret(self, ref: SecretRef) -> str:
        """Return the secret that a want names. Raises ReconcilerError."""

    def masked(self, text: str) -> str:
        """Return *text* without what may be a secret of this program's environment."""


class Account(NamedTuple):
    """
    One account, as the composition root hands it to a driver.

    Attributes:
        name: The Provider document's name.
        endpoint: The base URL of the API, or None for the vendor's own.
        identity: The account that is declared, to be compared with the live one.
        secrets: The resolved credentials. Never printed, never logged.
        clock: The only source of time; aware, UTC.
        sleep: The only way to wait, in seconds.
        limits: The vendor's limits as declared (``requestsPerSecond`` ...).
        wire: How a request travels where it does not go by a socket (a simulation).
            Raises ConnectionRefusedError where it was not sent, another OSError where
            nobody knows.
        settings: What else the driver has to know, as declared; never a secret.
        trust: The certificates (PEM) that sign the endpoint's own, where the world
            does not know them.
        keys: Where certificates and their keys are kept.
        challenges: Who can prove that a name is ours.
        usage: What was measured, foreseen and checked.
        backing: Of a BackupRepository: the others, and the secrets that backups name.
    """

    name: str
    endpoint: str | None
    identity: str | None
    secrets: Mapping[str, str]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    cache: Cache
    limits: Mapping[str, float] = {}
    wire: Callable[[Sent], Answered] | None = None
    settings: Mapping[str, str] = {}
    trust: str | None = None
    keys: Keyring | None = None
    challenges: Challenges | None = None
    usage: UsageBook | None = None
    backing: Beside | None = None

    def __repr__(self) -> str:
        return f"Account({self.name})"


class Advice(NamedTuple):
    """
    Something about an account or its keys that a person should mend.

    Attributes:
        said: What is wrong, without any secret.
        fix: What to do about it.
    """

    said: str
    fix: str


WantT = TypeVar("WantT", bound=AnyResource)
DoT = TypeVar("DoT", bound=Change)


class Driver(ABC, Generic[WantT, DoT]):
    """
    A vendor's API, seen as one family of resource.

    Attributes:
        can: The verbs this driver carries out, each with its operation class. A
            plan that needs another one reports it and leaves it out.
        key_life: How long the vendor remembers an idempotency key; where that differs
            by what is asked, the longest (see ``remembered``).
        settles: How long after a lost answer a read may still be stale. Only a
            read later than this proves that something did not happen.
        charges: How long after it was accepted the vendor may carry out, and charge,
            what costs money. Sooner, nothing proves that it will not.
        credentials: The names of the credentials it needs.
        lists: Whether it can tell what is there that nobody declares.
        numbers: It gives no numbers itself: a change that is ``numbered`` gets one of
            our own series.
        together: Verbs of which many are carried out in one call; see ``apply_all``.
    """

    can: ClassVar[Mapping[str, OpClass]]
    key_life: ClassVar[timedelta | None] = None
    settles: ClassVar[timedelta] = timedelta(minutes=5)
    charges: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = frozenset()
    lists: ClassVar[bool] = True
    numbers: ClassVar[bool] = False
    together: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def __init__(self, account: Account) -> None:
        """Keep the account; must not speak to the vendor yet."""

    @abstractmethod
    def identity(self) -> str | None:
        """
        Return which account the credentials belong to; None if it cannot be read.

        Raises ProviderError where the question failed.
        """

    @abstractmethod
    def observe(self, wants: Sequence[WantT]) -> Observation:
        """
        Report all *wants* of this account at once, by the vendor's list calls.

        Must not change anything. Must return one entry for each want: a state,
        Absent only where a complete listing lacks it, Unknown (never an exception
        for the whole account, never a guess) where a read failed.
        """

    @abstractmethod
    def apply(self, want: WantT, change: DoT, key: str) -> Receipt:
        """
        Carry out one change, once, exactly as *change* says it.

        Must send *key* as the vendor's idempotency key for keyed verbs, and build
        the same request from the same change. Must raise Ambiguous, never
        Transient, once a request that has an effect may have left the machine;
        TooEarly where the vendor will take it later; Rejected where it refused.
        """

    def apply_all(
        self, todo: Sequence[tuple[WantT, DoT, str]]
    ) -> list[Receipt | Exception]:
        """
        Carry out many changes of one verb that is in ``together``, each once.

        Returns for each, in order, its receipt or the error that ``apply`` would have
        raised. Must not raise for all because of one.
        """
        raise NotImplementedError(f"{type(self).__name__} does {len(todo)} one by one")

    def happened(
        self, want: WantT, change: DoT, key: str, since: datetime
    ) -> bool | None:
        """
        Say from the vendor's own books whether a lost *change* took effect.

        Called after an observation did not show it. Must return None where the
        books cannot tell (and where asking failed).

        Raises:
            Declined: They show that it was refused, and why.
        """
        del want, change, key, since
        return None

    def remembered(self, change: Change) -> timedelta | None:
        """Return how long the vendor remembers the key of *change*."""
        del change
        return self.key_life

    def settled_after(self, change: Change) -> timedelta:
        """Return how long after a lost *change* its absence proves nothing."""
        pays = change.risk is Risk.MONEY
        return max(self.settles, self.charges) if pays else self.settles

    def examine(self) -> Iterable[Advice]:
        """
        Yield what is wrong with the account or its keys, as far as reads can tell.

        For ``doctor`` alone. Must ask the vendor at least once where ``identity``
        does not, and raise ProviderError where the keys are refused.
        """
        return ()

    def close(self) -> None:
        """Let go of connections."""


AnyDriver = Driver[Any, Any]


class Witness(Driver[WantT, Change]):
    """
    Who only looks: at what anyone can read, with no account and nothing to do.

    A look costs others something, so that one look at one thing is good for a day
    and there are only so many in one run. What was not reached is ``Unknown`` with
    ``later``; a look that failed is ``Unknown``; neither is ever ``Absent``.
    """

    can: ClassVar[Mapping[str, OpClass]] = {}

    def identity(self) -> str | None:
        """Nobody's: there are no credentials."""
        return None

    def apply(self, want: WantT, change: Change, key: str) -> Receipt:
        """Refuse: raises NotImplementedError, which no plan can lead to."""
        raise NotImplementedError(f"a witness cannot {change.verb} {want.ref} ({key})")

    @abstractmethod
    def touched(self, want: WantT, change: Change | None) -> None:
        """
        Forget what was seen of *want*: *change* was, or may have been, done to it.

        What is seen in the next hours is soon looked at again: the world needs time.
        None: nothing was done, but something hangs on what the next look shows.
        """


class Probe(Driver[WantT, Change]):
    """
    Who measures what is used, and does nothing (family ``usage``).

    ``observe`` reports a ``UsageState`` for each want, with what the source has since
    the last probe where it keeps that, else with what is so now; Unknown where it
    could not be read, Absent where the source does not know the thing. A reading is
    never made up: what the source does not say is left out. No plan asks a probe:
    ``usage probe`` does, and the plan reads what is kept.
    """

    can: ClassVar[Mapping[str, OpClass]] = {}
    lists: ClassVar[bool] = False

    def apply(self, want: WantT, change: Change, key: str) -> Receipt:
        """Refuse: raises NotImplementedError, which no plan can lead to."""
        raise NotImplementedError(f"a probe cannot {change.verb} {want.ref} ({key})")
