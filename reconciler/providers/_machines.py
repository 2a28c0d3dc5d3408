"""
Machines of any cloud: read at once, and stopped, changed and started step by step.

No cloud here changes the size of a running machine, and none has an idempotency key: a
read tells what happened. Between two steps anything may end, this program too:

* Before a machine is stopped it is *marked*, so that whoever finds it off knows why,
  and starts it again. The mark goes once it runs. Nothing else is ever started from
  here.
* A step that was refused, or whose answer was lost, is followed by starting the machine
  again, before anything is said about it. A change of size that arrives late meets a
  running machine, and is refused by the cloud.
* A machine is asked to shut down, and never cut from its power: what does not heed that
  runs on, or is started again by the next run.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    Transient,
    Unsupported,
)
from reconciler.kinds.server import (
    ROOT,
    GrowVolume,
    Offer,
    PowerOn,
    Resize,
    Server,
    ServerChange,
    ServerState,
)
from reconciler.model import (
    Absent,
    Account,
    Driver,
    Money,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
    Unmanaged,
)

GIB: Final = 1024**3
#: What a mark is called at clouds that let one choose.
MARK: Final = "reconciler-stopped"
#: A mark that is older says nothing: somebody else has stopped the machine since.
_MARK_LIFE: Final = timedelta(days=3)
#: How long is waited for each step, in seconds. All of them are far below a lease.
_STOP, _CHANGE, _START = 240.0, 600.0, 180.0
_FIRST_PAUSE, _LONGEST_PAUSE, _SLOWER = 2.0, 15.0, 1.5

Good = Callable[[ServerState], bool]


class Machines(Driver[Server, ServerChange]):
    """
    The machines of one account; a cloud fills in its calls.

    Every call with an effect returns what the cloud calls the task that it began, or
    None where it has no such thing.
    """

    can: ClassVar = {
        "resize": OpClass.PROBE,
        "grow-volume": OpClass.PROBE,
        "power-on": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(minutes=5)

    def __init__(self, account: Account) -> None:
        self._account = account
        self.request_id: str | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._account.name})"

    # -- what a cloud fills in ---------------------------------------------------------

    @abstractmethod
    def listed(self, wants: Sequence[Server]) -> Iterable[ServerState]:
        """Yield every machine of the account (in the regions of *wants*), in full."""

    @abstractmethod
    def fresh(self, at: ServerState) -> ServerState:
        """Return a new reading of one machine."""

    @abstractmethod
    def offers(self, at: ServerState, names: Iterable[str]) -> dict[str, Offer]:
        """Return those of the sizes *names* that the cloud knows."""

    @abstractmethod
    def storage(self, at: ServerState) -> Money | None:
        """Return what one GiB of disk costs in a month there."""

    @abstractmethod
    def mark(self, at: ServerState, text: str) -> None:
        """Put the mark on a machine."""

    @abstractmethod
    def unmark(self, at: ServerState) -> None:
        """Take it away."""

    @abstractmethod
    def stop(self, at: ServerState) -> str | None:
        """Ask the machine to shut down."""

    @abstractmethod
    def start(self, at: ServerState) -> str | None:
        """Start it."""

    @abstractmethod
    def retype(self, at: ServerState, size: str, *, disk: bool) -> str | None:
        """Give it another size, with the *disk* of that or without."""

    @abstractmethod
    def grow(self, at: ServerState, volume: str, gib: int) -> str | None:
        """Make one of its disks larger."""

    @abstractmethod
    def failed(self, at: ServerState, task: str) -> str | None:
        """Return why a task has failed; None where it has not, or not yet."""

    @abstractmethod
    def counted(self) -> dict[str, int]:
        """Return how many requests were sent by operation, and begin anew."""

    # -- observe -----------------------------------------------------------------------

    def observe(self, wants: Sequence[Server]) -> Observation:
        """Report all *wants* from the listings of the account."""
        self.counted()
        try:
            there = [*self.listed(wants)]
            states = {want.name: self._seen(want, there) for want in wants}
        except ProviderError as error:
            lost = Unknown(why=error.what, request_id=error.request_id)
            unknown: dict[str, Observed] = {want.name: lost for want in wants}
            return Observation(unknown, requests=self.counted())
        meant = {one.machine for want in wants for one in machines_of(want, there)}
        loose = sorted(one.name for one in there if one.machine not in meant)
        return Observation(
            states,
            tuple(Unmanaged(Server.kind, name, self._account.name) for name in loose),
            requests=self.counted(),
        )

    def _seen(self, want: Server, there: Sequence[ServerState]) -> Observed:
        found = machines_of(want, there)
        if not found:
            return Absent()
        if len(found) > 1:
            ids = ", ".join(sorted(one.machine for one in found))
            return Unknown(why=f"{want.machine} is the name of several: {ids}")
        state = found[0]
        names = {state.size, *want.spec.sizes, *want.spec.ladder}
        offers = self.offers(state, sorted(names))
        return state.model_copy(
            update={"offers": offers, "storage": self.storage(state)}
        )

    # -- apply -------------------------------------------------------------------------

    def apply(self, want: Server, change: ServerChange, key: str) -> Receipt:
        """Resize, grow or start; see ``Driver.apply`` and the module."""
        self.request_id = None
        at = self._met(want, change)
        match change:
            case Resize():
                self._resize(at, change, key)
            case GrowVolume():
                self._grow(at, change)
            case PowerOn():
                self._power_on(at)
            case _:
                raise Unsupported(f"a cloud cannot {change.verb} a machine")
        return Receipt(
            reference=f"{change.verb}/{at.machine}", request_id=self.request_id
        )

    def _met(self, want: Server, change: ServerChange) -> ServerState:
        """Return a fresh reading of the very machine that the plan was about."""
        machine = str(change.details["machine"])
        region = want.spec.region
        named = ServerState(
            machine=machine, name=machine, size="", status="other", region=region
        )
        at = self.fresh(named)
        if at.machine != machine or not want.meant(at):
            raise Rejected(f"{machine} is {at.name}", hint="plan again")
        if at.busy is not None:
            raise Transient(f"{at.name} is not free: {at.busy}")
        return at

    def _resize(self, at: ServerState, change: Resize, key: str) -> None:
        size = str(change.details["size"])
        if at.size == size:
            raise Rejected(f"{at.name} is a {size} already", hint="plan again")
        if at.status != "running":
            raise Rejected(f"{at.name} does not run", hint="plan again")
        self._quoted(at, change)
        self._marked(at, key)
        self._stopped(at)
        try:
            task = self.retype(at, size, disk=change.lasting)
            self._until(at, task, lambda one: one.size == size, _CHANGE)
        except Ambiguous:
            self._up(at)
            raise
        except ProviderError as no:
            if self._up(at):
                raise
            what = f"{no.what}; and it does not start again"
            raise Ambiguous(what, request_id=no.request_id) from None
        if not self._up(at):
            raise Ambiguous(f"{at.name} is a {size}, and does not start")

    def _quoted(self, at: ServerState, change: Resize) -> None:
        """Refuse a size that costs more than it did when that was planned."""
        size, planned = str(change.details["size"]), change.details["monthly"]
        offer = self.offers(at, [size]).get(size)
        price = offer.monthly if offer else None
        if price is None or planned is None:
            raise Rejected(f"nobody quotes what a {size} costs", hint="plan again")
        most = Money.read(str(planned))
        if price.currency != most.currency or not price <= most:
            raise Rejected(
                f"a {size} costs {price} now, planned with {most}", hint="plan again"
            )

    def _marked(self, at: ServerState, key: str) -> None:
        now = int(self._account.clock().timestamp())
        try:
            self.mark(at, f"{now}.{key[:24]}")
        except Ambiguous as lost:
            what = f"{lost.what}; nothing was stopped"
            raise Transient(what, request_id=lost.request_id) from None

    def _stopped(self, at: ServerState) -> None:
        """Return once the machine is off."""
        try:
            task = self.stop(at)
        except Ambiguous:
            task = None  # it may be on its way down: the reads will tell
        except ProviderError:
            self._forget(at)
            raise
        try:
            self._until(at, task, lambda one: one.status == "off", _STOP)
        except Rejected:
            self._forget(at)
            raise

    def _up(self, at: ServerState) -> bool:
        """Have the machine run again, whatever became of it; say whether it does."""
        try:
            free = self._until(at, None, lambda _: True, _CHANGE)
            if free.status == "off":
                task = self.start(free)
                self._until(at, task, lambda one: one.status == "running", _START)
        except ProviderError:
            return False
        self._forget(at)
        return True

    def _forget(self, at: ServerState) -> None:
        """Take the mark away; one that stays is harmless, and ends by itself."""
        try:
            self.unmark(at)
        except ProviderError:
            return

    def _power_on(self, at: ServerState) -> None:
        if at.status == "running":
            raise Rejected(f"{at.name} runs already", hint="plan again")
        if not at.ours:
            raise Rejected(f"{at.name} was not stopped by this tool")
        task = self.start(at)
        self._until(at, task, lambda one: one.status == "running", _START)
        self._forget(at)

    def _grow(self, at: ServerState, change: GrowVolume) -> None:
        volume, size = str(change.details["volume"]), int(str(change.details["bytes"]))
        has = _size(at, volume)
        if has is None:
            raise Rejected(f"{at.name} has no volume {volume}", hint="plan again")
        if has >= size:
            raise Rejected(f"{volume} is that large already", hint="plan again")
        price = self.storage(at)
        rent = price.times(-(has - size) // GIB) if price else None
        if rent is None or change.cost is None or rent.currency != change.cost.currency:
            raise Rejected("nobody quotes what disks cost", hint="plan again")
        if not rent <= change.cost:
            what = f"costs {rent} now, planned with {change.cost}"
            raise Rejected(what, hint="plan again")
        task = self.grow(at, volume, -(-size // GIB))
        self._until(at, task, lambda one: (_size(one, volume) or 0) >= size, _CHANGE)

    def _until(
        self, at: ServerState, task: str | None, good: Good, patience: float
    ) -> ServerState:
        """
        Return once the machine is free and *good*.

        Raises:
            Rejected: The task has failed.
            Ambiguous: It still goes on, or nothing could be read.
        """
        waited, pause, last = 0.0, _FIRST_PAUSE, ""
        while True:
            no = None
            try:
                no = self.failed(at, task) if task is not None else None
                one = self.fresh(at)
                if no is None and one.busy is None and good(one):
                    return one
                last = one.busy or f"it is {one.status} and a {one.size}"
            except ProviderError as error:  # a read that failed proves nothing
                last = error.what
            if no is not None:
                raise Rejected(no, request_id=self.request_id)
            if waited >= patience:
                what = f"{at.name} is not ready after {patience:.0f} s: {last}"
                raise Ambiguous(what, request_id=self.request_id)
            self._account.sleep(pause)
            waited += pause
            pause = min(pause * _SLOWER, _LONGEST_PAUSE)

    # -- recover -----------------------------------------------------------------------

    def happened(
        self, want: Server, change: ServerChange, key: str, since: datetime
    ) -> bool | None:
        """Say from a fresh reading what became of *change*, once that is settled."""
        del key
        try:
            at = self._met(want, change)
        except ProviderError:
            return None
        seen = want.done(change, {change.share: at})
        settled = self._account.clock() - since >= self.settles
        return seen if seen or settled else None

    def stopped_by_us(self, text: str) -> datetime | None:
        """Return when the mark *text* was made; None where it says nothing (more)."""
        epoch = text.partition(".")[0]
        if not epoch.isdigit() or len(epoch) > 11:  # noqa: PLR2004  (a far future)
            return None
        made = datetime.fromtimestamp(int(epoch), UTC)
        young = self._account.clock() - made < _MARK_LIFE
        return made if young else None

    def priced(self, size: str) -> Money | None:
        """Return the price of *size* as the account's settings have it."""
        text = self._account.settings.get(f"price.{size}", "")
        try:
            return Money.read(text.removesuffix("/month"))
        except ValueError:
            return None


def machines_of(want: Server, there: Sequence[ServerState]) -> list[ServerState]:
    """Return the machine with the id that is named, else those with the name."""
    by_id = [one for one in there if one.machine == want.machine]
    return by_id or [one for one in there if one.name == want.machine]


def _size(at: ServerState, volume: str) -> int | None:
    return at.disk if volume == ROOT else at.volumes.get(volume)


def wrong_settings(account: Account) -> Iterator[str]:
    """Yield the settings of prices that cannot be read."""
    for name, text in sorted(account.settings.items()):
        if not name.startswith("price."):
            continue
        try:
            Money.read(text.removesuffix("/month"))
        except ValueError:
            yield name
