"""What a provider reports: a state, a proven absence, or that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import AwareDatetime

from reconciler.model.base import Frozen
from reconciler.model.money import Money


class State(Frozen):
    """What a provider reports about one resource, in our words."""


class Absent(Frozen):
    """
    A complete listing of the right account does not have it.

    Never concluded from a failed, partial or foreign listing.

    Attributes:
        lacks: What the account does not have either, and has to have first.
    """

    lacks: str = ""


class Unknown(Frozen):
    """
    A read failed or proved nothing; nothing may be planned from it.

    Attributes:
        later: Nobody has looked yet, because others were more urgent: no failure, and
            no reason to call a plan incomplete.
        since: When the reads began to fail, where that is remembered.
    """

    why: str
    request_id: str | None = None
    later: bool = False
    since: AwareDatetime | None = None


Observed = State | Absent | Unknown

#: The account that is nobody's: what anyone can read (registries, DNS, TLS). Its name
#: is reserved, and it needs no document.
PUBLIC: Final = "public"
#: The account of what no gateway collects: invoices of our own. Its name is reserved,
#: and its document says who sells.
OWN: Final = "own"
#: The account of what was bought: certificates in our own secrets. Its name is
#: reserved, and it needs no document.
KEYS: Final = "keys"

#: The account of whoever reads the public logs of certificates. Its name is reserved;
#: without a document nobody does.
TRANSPARENCY: Final = "ct"


class Share(NamedTuple):
    """
    The part of one resource that one account holds.

    A domain's registration is its share at the registrar (family ``domain``), its
    records are its share at each DNS host (family ``dns``). Vendor and family
    choose the driver.
    """

    provider: str
    family: str


Have = Mapping[Share, Observed]


class Unmanaged(NamedTuple):
    """Something live that no document declares: listed, never touched."""

    kind: str
    name: str
    provider: str


class Observation(NamedTuple):
    """
    One account, looked at once.

    Attributes:
        states: One entry for each wanted resource, by name.
        unmanaged: What the listing has and nobody wants.
        balance: Prepaid credit, where the vendor has such a thing.
        requests: How many requests were sent, by operation, for the benchmarks.
        whole: The listing was complete and of the account that is declared: what is
            neither in *states* nor in *unmanaged* was not there.
        partial: The listing has not everything there is, so that it is never whole.
    """

    states: Mapping[str, Observed]
    unmanaged: tuple[Unmanaged, ...] = ()
    balance: Money | None = None
    requests: Mapping[str, int] = {}
    whole: bool = False
    partial: bool = False

    def missing(self, name: str) -> Absent | Unknown:
        """Return what this look says about a name that nobody asked it about."""
        if any(one.name == name for one in self.unmanaged):
            return Unknown(
                why="is in the account, and was declared after the last look"
            )
        if self.whole:
            return Absent()
        return Unknown(why="was declared after the last look at its account")
