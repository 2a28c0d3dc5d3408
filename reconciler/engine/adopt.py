"""Find what no document declares, look at it, and say what a document would say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError

from reconciler.engine.observe import Accounts, another_account, observe
from reconciler.errors import ProviderError
from reconciler.model import (
    Absent,
    AnyResource,
    Have,
    Share,
    State,
    Unknown,
)
from reconciler.model.ref import Ref

#: No account can have it (RFC 2606): whether its absence is reported tells whether
#: the listing is a whole one.
NOBODYS = "listing.invalid"
_DAY = timedelta(days=1)


class Listing(NamedTuple):
    """
    What one account has, by its list calls alone.

    Attributes:
        failed: Why that cannot be said; *names* then are none.
    """

    share: Share
    names: frozenset[str] = frozenset()
    failed: str | None = None
    requests: Mapping[str, int] = {}


class Candidate(NamedTuple):
    """Something live that no document declares: where it is held, and how it is."""

    ref: Ref
    have: Have


class Passed(NamedTuple):
    """
    Something live that gets no document.

    Attributes:
        unread: It could not be read; else it is left for a person.
    """

    ref: Ref
    why: str
    unread: bool = False


class Found(NamedTuple):
    """What a look at the accounts brought."""

    candidates: tuple[Candidate, ...]
    passed: tuple[Passed, ...]
    requests: Mapping[str, int]


def probes(kind: type[AnyResource], shares: Sequence[Share]) -> list[AnyResource]:
    """
    Return for each share what to ask for, to have its listing.

    None for a kind without import, and none for a share that holds nothing of its
    own: what a witness says is nobody's to declare.
    """
    asked = (kind.provisional(NOBODYS, (share,)) for share in shares)
    return [
        probe
        for share, probe in zip(shares, asked, strict=True)
        if probe is not None and probe.shares() == (share,)
    ]


def list_all(asked: Sequence[AnyResource], accounts: Accounts) -> list[Listing]:
    """Ask the account of each of the *asked* probes what it has, side by side."""
    with ThreadPoolExecutor(max(1, len(asked))) as pool:
        return list(pool.map(lambda probe: _listing(probe, accounts), asked))


def _listing(probe: AnyResource, accounts: Accounts) -> Listing:
    (share,) = probe.shares()
    driver = accounts.drivers.get(share)
    if driver is None:
        why = accounts.failed.get(share.provider, f"no driver for {share.family}")
        return Listing(share, failed=why)
    try:
        declared = accounts.identities.get(share.provider)
        if other := another_account(declared, driver.identity()):
            return Listing(share, failed=other)
        seen = driver.observe([probe])
    except ProviderError as error:
        return Listing(share, failed=error.what)
    except Exception as error:  # noqa: BLE001  (a fault of a driver proves nothing)
        return Listing(share, failed=f"the driver failed: {type(error).__name__}")
    state = seen.states.get(probe.name)
    if not isinstance(state, Absent):
        why = state.why if isinstance(state, Unknown) else "it proves nothing"
        return Listing(share, failed=why)
    names = frozenset(u.name for u in seen.unmanaged if u.kind == probe.kind)
    return Listing(share, names, requests=seen.requests)


def look(
    kind: type[AnyResource],
    listings: Sequence[Listing],
    accounts: Accounts,
    chosen: Callable[[str], bool],
) -> Found:
    """
    Look at everything in the *listings* that is *chosen*, wherever a part of it is.

    A name of which a part may be in an account that could not be listed is not
    looked at: half a document would be worse than none.
    """
    passed: list[Passed] = []
    wants = list(_provisional(kind, listings, chosen, passed))
    world = observe(wants, _without_witnesses(accounts, listings))
    candidates: list[Candidate] = []
    for want in wants:
        have = world.have(want)
        if why := _unread(have):
            passed.append(Passed(want.ref, why, unread=True))
        else:
            candidates.append(Candidate(want.ref, have))
    asked: Counter[str] = Counter()
    for listing in listings:
        asked.update(_by_account(listing.share, listing.requests))
    for share, seen in world.shares.items():
        asked.update(_by_account(share, seen.requests))
    return Found(tuple(candidates), tuple(sorted(passed)), asked)


def _without_witnesses(accounts: Accounts, listings: Sequence[Listing]) -> Accounts:
    """Return the accounts that hold something: others need not be asked."""
    listed = {listing.share for listing in listings}
    drivers = {s: driver for s, driver in accounts.drivers.items() if s in listed}
    return accounts._replace(drivers=drivers)


def _by_account(share: Share, requests: Mapping[str, int]) -> dict[str, int]:
    return {f"{share.provider} {what}": count for what, count in requests.items()}


def _provisional(
    kind: type[AnyResource],
    listings: Sequence[Listing],
    chosen: Callable[[str], bool],
    passed: list[Passed],
) -> Iterator[AnyResource]:
    """Yield what to look at; what cannot be looked at is added to *passed*."""
    held: dict[str, list[Share]] = defaultdict(list)
    for listing in listings:
        for name in filter(chosen, listing.names):
            held[name].append(listing.share)
    for name, shares in sorted(held.items()):
        ref = Ref(kind.kind, name)
        if why := _perhaps_elsewhere(shares, listings):
            passed.append(Passed(ref, why, unread=True))
            continue
        try:
            want = kind.provisional(name, sorted(shares))
        except ValueError as error:
            passed.append(Passed(ref, _why_none(name, error)))
        else:
            yield from (want,) if want is not None else ()


def _perhaps_elsewhere(
    shares: Sequence[Share], listings: Sequence[Listing]
) -> str | None:
    families = {share.family for share in shares}
    for listing in listings:
        if listing.failed and listing.share.family not in families:
            return (
                f"it may be at {listing.share.provider} too, which could not be listed"
            )
    return None


def _unread(have: Have) -> str | None:
    for share, state in sorted(have.items()):
        if isinstance(state, Unknown):
            return f"{share.provider}: {state.why}"
        if not isinstance(state, State):
            return f"{share.provider} no longer has it"
    return None


def _why_none(name: str, error: ValueError) -> str:
    """Return why there can be no resource of that name, in the kind's own words."""
    if not isinstance(error, ValidationError):
        return str(error)
    said = error.errors()[0]["msg"]
    known = said.removeprefix("Value error, ")
    return known if known != said else f"no document can be called {name!r}"


def stirs(want: AnyResource, have: Have, now: datetime) -> str | None:
    """Say what *want* would make happen, now or when it comes due, if anything."""
    for change in _changes(want, have, now):
        return f"it would {change}"
    return None


def _changes(want: AnyResource, have: Have, now: datetime) -> Iterator[str]:
    deadline = want.deadline(have)
    moments = [now]
    if deadline is not None:
        moments += [deadline - _DAY, deadline + _DAY]
    for moment in moments:
        for change in want.diff(have, moment):
            yield f"{change.verb}: {change.because}"
