"""Ask everybody who measures what is used; nothing follows from it by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from reconciler.engine.observe import Accounts, Seen, one_account
from reconciler.model import AnyResource, Finding, Observed, Share, Unknown
from reconciler.model.ref import Ref

_SILENT = Unknown(why="its source said nothing of it")


class Probed(NamedTuple):
    """What each source said of each resource that it measures."""

    seen: Mapping[Ref, Mapping[Share, Observed]]
    findings: tuple[Finding, ...] = ()


def probe(wants: Iterable[AnyResource], accounts: Accounts) -> Probed:
    """Ask every source of *wants* once, side by side."""
    by_share: dict[Share, list[AnyResource]] = defaultdict(list)
    for want in wants:
        for share in want.probes():
            by_share[share].append(want)

    def look(share: Share) -> list[tuple[Sequence[AnyResource], Seen]]:
        batches = _by_name(by_share[share])
        return [
            (one, one_account(share, one, accounts, frozenset())) for one in batches
        ]

    seen: dict[Ref, dict[Share, Observed]] = defaultdict(dict)
    findings: dict[Finding, None] = {}
    ordered = sorted(by_share)
    with ThreadPoolExecutor(max(1, min(accounts.threads, len(ordered)))) as pool:
        for share, batches in zip(ordered, pool.map(look, ordered), strict=True):
            for batch, found in batches:
                findings |= dict.fromkeys(found.findings)
                states = found.observation.states
                for want in batch:
                    seen[want.ref][share] = states.get(want.name, _SILENT)
    return Probed(seen, tuple(findings))


def _by_name(wants: Sequence[AnyResource]) -> list[list[AnyResource]]:
    """Return *wants* in as few parts as keep those of one name (of two kinds) apart."""
    parts: list[dict[str, AnyResource]] = []
    for want in wants:
        part = next((one for one in parts if want.name not in one), None)
        if part is None:
            part = {}
            parts.append(part)
        part[want.name] = want
    return [[*part.values()] for part in parts]
