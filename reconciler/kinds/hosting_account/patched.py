"""What is patched on an account, by its PatchPolicy. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import JsonValue

from reconciler.kinds.hosting_account.spec import HostingAccountSpec
from reconciler.kinds.hosting_account.state import HostingState
from reconciler.model import Ended, Finding, Have, Share, patch_rules, patch_watch
from reconciler.model.patch_rules import Case
from reconciler.model.updates import UPDATES, Patch, RollBack

if TYPE_CHECKING:
    from reconciler.kinds.hosting_account.account import HostingAccount


def shares(spec: HostingAccountSpec) -> tuple[Share, ...]:
    """Return who tells what there is newer; nobody, where nothing is patched."""
    return () if spec.patching is None else (Share(spec.provider, UPDATES),)


def case(account: HostingAccount, have: Have, now: datetime) -> Case | None:
    """Return what decides about its patches; None where no policy does."""
    name = account.spec.patching
    rules = account.makings.patching if name is not None else None
    if rules is None or name is None:
        return None
    state = have.get(account.share)
    runs = isinstance(state, HostingState) and _runs(account, state)
    (share,) = shares(account.spec)
    return Case(share, rules, name, runs, have, account.recorded, now)


def _runs(account: HostingAccount, state: HostingState) -> bool:
    """Say whether it is in service: nothing else is patched."""
    wanted = account.wanted in {"active", "follow"}
    idle = not state.suspended and state.busy is None
    return wanted and idle and account.meant(state)


def findings(account: HostingAccount, have: Have, now: datetime) -> Iterator[Finding]:
    """Yield what broke, and what is left as it is."""
    found = case(account, have, now)
    for said in patch_rules.findings(found) if found else ():
        yield account.found(said.code, said.severity, said.message, patch_rules.FIELD)


def remembers(
    account: HostingAccount, change: Patch | RollBack, ended: Ended, have: Have
) -> Mapping[str, JsonValue]:
    """Return what the record keeps of a patch."""
    found = case(account, have, ended.at)
    return {} if found is None else patch_watch.remembered(change, ended, found)
