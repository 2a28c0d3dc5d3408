"""
How the front pages of what is patched look, to a visitor: before, and after.

Sources: RFC 9110 (what is an error), the HTML standard (``title``). What follows:

* A page is compared by what does not change from one visit to the next: whether it is
  one, its title, and its length in steps of a doubling. Nothing else of it is kept, and
  of its title only the beginning of a hash.
* A program that broke answers 500, or a page of its own with another title (as
  WordPress does), or an empty one: each of them differs.
* That nobody answers is what was seen; that a name cannot be found is not: it may be
  this machine that has no network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from reconciler.errors import Transient
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Account, Change, Observation, Witness
from reconciler.model.patch_record import known
from reconciler.model.updates import FrontState, Look
from reconciler.providers._looks import Habits, Looks
from reconciler.providers._names import Names
from reconciler.providers._network import Network
from reconciler.providers._visit import visited
from reconciler.providers._web import Web

_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_MARK: Final = 12


class PublicFront(Witness[HostingAccount]):
    """The front pages of accounts, as anyone sees them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        network = Network(account)
        self._names = Names(account, network)
        self._web = Web(account, network, self._names)
        habits = Habits("front", FrontState, mark=_mark, in_trouble=_in_trouble)
        self._looks = Looks(account, account.endpoint or "", habits)

    def __repr__(self) -> str:
        return f"PublicFront({self._account.name})"

    def observe(self, wants: Sequence[HostingAccount]) -> Observation:
        """Report how the sites of each account look, once a day."""
        return self._looks.observe(wants, self._look)

    def touched(self, want: HostingAccount, change: Change | None) -> None:
        """Look again; see ``Witness``."""
        del change
        self._looks.forget(want)

    def _look(self, want: HostingAccount) -> FrontState:
        looks = {host: self._seen(host) for host in _hosts(want)}
        return FrontState(seen=self._account.clock(), looks=looks)

    def _seen(self, host: str) -> Look:
        if not self._names.addresses(host):
            return Look()
        try:
            steps = visited(self._web, "https", host, {host})
        except Transient:
            return Look()
        reply = steps[-1].reply or next(s.reply for s in reversed(steps) if s.reply)
        title = _TITLE.search(reply.text)
        return Look(
            status=reply.status,
            title=_hashed(title.group(1)) if title else "",
            size=len(reply.body).bit_length(),
        )


def _hashed(title: str) -> str:
    text = " ".join(title.split())
    return hashlib.sha256(text.encode()).hexdigest()[:_MARK] if text else ""


def _hosts(want: HostingAccount) -> list[str]:
    """Return its own site, and those below it that there is something newer of."""
    named = {mark.partition(" ")[0] for mark in known(want.recorded) if " " in mark}
    below = {host for host in named if host.endswith(f".{want.domain}")}
    return sorted({want.domain, *below})


def _mark(want: HostingAccount) -> JsonValue:
    return [*_hosts(want)]


def _in_trouble(state: FrontState) -> bool:
    return not all(look.good for look in state.looks.values())


DRIVER = PublicFront
