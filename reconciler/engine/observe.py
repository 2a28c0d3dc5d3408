"""Look at every account once, and believe only what a listing proves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import NamedTuple

from reconciler.errors import ProviderError
from reconciler.model import (
    Absent,
    AnyDriver,
    AnyResource,
    Finding,
    Have,
    Money,
    Observation,
    Observed,
    Severity,
    Share,
    Unknown,
    Unmanaged,
    Witness,
)
from reconciler.model.ref import Ref

NOT_YET = Unknown(why="not looked at yet", later=True)
#: More known things gone from one listing than this is a broken listing.
MASS_COUNT = 2
MASS_SHARE = Decimal("0.25")


class Accounts(NamedTuple):
    """
    The way to every account, and who each must turn out to be.

    Attributes:
        drivers: One for each (provider, family) that the inventory uses.
        identities: The declared account of each provider, where there is one.
        failed: Why a provider has no driver (a secret is missing, no such vendor).
        threads: How many accounts are read at once.
        also: What else is let go of with the drivers.
    """

    drivers: Mapping[Share, AnyDriver]
    identities: Mapping[str, str | None]
    failed: Mapping[str, str] = {}
    threads: int = 16
    also: tuple[Callable[[], None], ...] = ()

    def close(self) -> None:
        """Let go of every driver's connections."""
        for driver in self.drivers.values():
            driver.close()
        for close in self.also:
            close()


class World(NamedTuple):
    """What every account said, by share and by the resource's name."""

    shares: Mapping[Share, Observation]
    findings: tuple[Finding, ...] = ()

    def have(self, want: AnyResource) -> dict[Share, Observed]:
        """Return what is known about one resource, with what witnesses say of it."""
        have = {share: self._of(share, want) for share in want.shares()}
        for share in want.witnesses():
            if share in self.shares:
                have[share] = self.shares[share].states.get(want.name, NOT_YET)
        return have

    def whole(self, share: Share) -> bool:
        """Say whether everything that *share* was asked about could be read."""
        seen = self.shares.get(share)
        return seen is not None and not any(
            isinstance(state, Unknown) and not state.later
            for state in seen.states.values()
        )

    def _of(self, share: Share, want: AnyResource) -> Observed:
        seen = self.shares.get(share)
        if seen is None:
            return Unknown(why="was not read")
        state = seen.states.get(want.name)
        return seen.missing(want.listed_as) if state is None else state

    def unmanaged(self) -> tuple[Unmanaged, ...]:
        """Everything live that nobody declares, in order."""
        found = {one for seen in self.shares.values() for one in seen.unmanaged}
        return tuple(sorted(found))

    def balances(self) -> dict[str, Money]:
        """Prepaid credit by provider."""
        return {
            share.provider: seen.balance
            for share, seen in self.shares.items()
            if seen.balance is not None
        }

    def updated(self, newer: World) -> World:
        """Return this world with the states of *newer* in place of its own."""
        shares = dict(self.shares)
        for share, seen in newer.shares.items():
            old = shares.get(share)
            states = {**(old.states if old else {}), **seen.states}
            shares[share] = (old or seen)._replace(states=states)
        return self._replace(shares=shares)


def observe(
    wants: Iterable[AnyResource],
    accounts: Accounts,
    *,
    known: Collection[Ref] = frozenset(),
) -> World:
    """
    Read every account that *wants* name, side by side.

    Args:
        wants: What is declared.
        accounts: The drivers.
        known: What was there before (the base): its absence in numbers is a sign of
            a broken listing, not of a mass deletion.
    """
    by_share: dict[Share, list[AnyResource]] = {}
    for want in wants:
        for share in want.shares():
            by_share.setdefault(share, []).append(want)
        for share in want.witnesses():
            if share in accounts.drivers:
                by_share.setdefault(share, []).append(want)
    ordered = sorted(by_share)

    def look(share: Share) -> Seen:
        return one_account(share, by_share[share], accounts, known)

    threads = min(accounts.threads, len(ordered))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            seen = list(pool.map(look, ordered))
    else:
        seen = list(map(look, ordered))
    results = dict(zip(ordered, seen, strict=True))
    return World(
        {share: result.observation for share, result in results.items()},
        tuple(f for share in sorted(results) for f in results[share].findings),
    )


class Seen(NamedTuple):
    """What one account said, and what is wrong with it."""

    observation: Observation
    findings: tuple[Finding, ...] = ()


def one_account(
    share: Share,
    wants: Sequence[AnyResource],
    accounts: Accounts,
    known: Collection[Ref],
) -> Seen:
    """Return what one account said, as far as it proves something."""
    driver = accounts.drivers.get(share)
    if isinstance(driver, Witness):
        return _witnessed(share, wants, driver)
    if driver is None:
        why = accounts.failed.get(share.provider, f"no driver for {share.family}")
        return _nothing_known(share, wants, why, "account-unusable")
    declared = accounts.identities.get(share.provider)
    try:
        # Whose the keys are proves something only where it is declared.
        live = driver.identity() if declared else None
        if other := another_account(declared, live):
            return _nothing_known(share, wants, other, "wrong-account")
        observation = driver.observe(wants)
    except ProviderError as error:
        return _nothing_known(share, wants, error.what, "account-unreadable", error)
    except Exception as error:  # noqa: BLE001  (a fault of a driver is no reason to act)
        why = f"the driver failed: {type(error).__name__}"
        return _nothing_known(share, wants, why, "driver-fault")
    proven = bool(declared) and live == declared
    return _believed(share, wants, observation, known, proven=proven)


def another_account(declared: str | None, live: str | None) -> str | None:
    """Say that the credentials are not those of the *declared* account, if so."""
    if not declared or not live or live == declared:
        return None
    return f"the credentials belong to account {live}, declared is {declared}"


def _witnessed(share: Share, wants: Sequence[AnyResource], driver: AnyDriver) -> Seen:
    """Ask a witness; one that fails altogether is a finding, and plans go on."""
    try:
        seen = driver.observe(wants)
    except Exception as error:  # noqa: BLE001  (a fault of a driver is no reason to stop)
        why = f"the driver failed: {type(error).__name__}"
        seen = Observation({want.name: Unknown(why=why) for want in wants})
    states = list(seen.states.values())
    waiting = sum(isinstance(s, Unknown) and s.later for s in states)
    failed = [s for s in states if isinstance(s, Unknown) and not s.later]
    found = []
    if waiting:
        message = f"{share.family}: {waiting} of {len(states)} not looked at yet"
        code, severity = "not-looked-at-yet", Severity.INFO
        found.append(Finding(code, severity, "Provider", share.provider, message))
    if failed and len(failed) == len(states) - waiting:
        message = f"{share.family}: nothing can be read ({failed[0].why})"
        code, severity = "witness-unreadable", Severity.WARNING
        found.append(Finding(code, severity, "Provider", share.provider, message))
    return Seen(seen, tuple(found))


def unread(want: AnyResource, have: Have) -> Iterator[tuple[Share, Unknown]]:
    """
    Yield what should have been read and was not, in order.

    A witness of what its own account tells is no loss; nor is one whose turn has
    not come.
    """
    for share, state in sorted(have.items()):
        if not isinstance(state, Unknown) or state.later:
            continue
        if share not in want.witnesses() or want.relies_on(share):
            yield share, state


def _nothing_known(
    share: Share,
    wants: Sequence[AnyResource],
    why: str,
    code: str,
    error: ProviderError | None = None,
) -> Seen:
    request = error.request_id if error else None
    states: dict[str, Observed] = {
        want.name: Unknown(why=why, request_id=request) for want in wants
    }
    severity = Severity.CRITICAL if code == "wrong-account" else Severity.ERROR
    message = f"{why}: nothing is planned for {_count(wants)} ({share.family})"
    found = Finding(code, severity, "Provider", share.provider, message)
    return Seen(Observation(states), (found,))


def _believed(
    share: Share,
    wants: Sequence[AnyResource],
    observation: Observation,
    known: Collection[Ref],
    *,
    proven: bool,
) -> Seen:
    """Take back every absence that the listing does not prove."""
    absent = {
        want.name
        for want in wants
        if isinstance(observation.states.get(want.name), Absent)
    }
    unreadable = tuple(_unreadable(share, observation))
    whole = proven and not unreadable and not observation.partial
    listed = observation._replace(whole=whole)
    if not absent:
        return Seen(listed, unreadable)
    empty = len(absent) == len(wants) and not observation.unmanaged
    gone = [w for w in wants if w.name in absent and w.ref in known]
    lost = [want for want in gone if want.missed(share)]
    if not proven:
        why = "not in the listing, and the account's identity is not proven"
        code, severity = "absence-unproven", Severity.WARNING
    elif len(lost) > MASS_COUNT and len(lost) > MASS_SHARE * len(wants):
        why = f"{len(lost)} of {len(wants)} known resources vanished at once"
        code, severity = "mass-absence", Severity.CRITICAL
    elif lost and empty:
        why = f"the listing is empty, and {len(lost)} known resources were in it"
        code, severity = "mass-absence", Severity.CRITICAL
    else:
        return Seen(listed)
    states = {
        name: Unknown(why=why) if name in absent else state
        for name, state in observation.states.items()
    }
    message = f"{why}: nothing is planned for {_count(absent)}"
    found = Finding(code, severity, "Provider", share.provider, message)
    return Seen(observation._replace(states=states), (found,))


def _unreadable(share: Share, observation: Observation) -> Iterator[Finding]:
    """Name the account where not one of its resources could be read."""
    states = list(observation.states.values())
    first = next((s for s in states if isinstance(s, Unknown)), None)
    if first and all(isinstance(state, Unknown) for state in states):
        message = f"{first.why}: nothing is planned for {len(states)} resources"
        yield Finding(
            "account-unreadable", Severity.ERROR, "Provider", share.provider, message
        )


def _count(things: Collection[object]) -> str:
    return "1 resource" if len(things) == 1 else f"{len(things)} resources"
