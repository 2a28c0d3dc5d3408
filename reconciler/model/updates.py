"""What is installed, what there is newer, and how a site looked before and after."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import AwareDatetime

from reconciler.model.base import Frozen
from reconciler.model.change import Change, Risk
from reconciler.model.observed import State

#: Families: what is installed (of a panel), what anyone sees of a front page (of the
#: public), and what our own checks say of a thing.
UPDATES, FRONT, TROUBLE = "updates", "front", "trouble"
#: One at a time: no second thing is patched before the first was looked at.
LANE: Final = "patches"
Sort = Literal["security", "minor", "major"]


class Component(Frozen):
    """
    One thing that is installed, and what there is newer of it.

    Attributes:
        id: As in ``core/wordpress``, ``plugin/akismet``, ``theme/x``, ``panel/whm``.
        site: The host name of the site that it is a part of; empty: the machine's.
        target: The newer version; None: there is none.
        since: When that was published, where the vendor tells.
        able: Whether it can be updated from here; else it is only said.
        slow: It is installed in the background, for longer than an answer takes.
        back: Whether the version before can be put back from here.
    """

    id: str
    current: str
    target: str | None = None
    sort: Sort = "minor"
    site: str = ""
    since: AwareDatetime | None = None
    able: bool = True
    slow: bool = False
    back: bool = True

    @property
    def mark(self) -> str:
        """What tells this very update from every other one of its resource."""
        return f"{self.site} {self.id}@{self.target}".strip()


class UpdatesState(State):
    """
    All that is installed of one resource.

    Attributes:
        at: When it was read, where something may still be installed by itself.
        busy: What its account still does to it; nothing else is done meanwhile.
    """

    at: AwareDatetime | None = None
    components: tuple[Component, ...] = ()
    busy: str | None = None

    def of(self, site: str, name: str) -> Component | None:
        """Return the component *name* of *site*; None where it is not installed."""
        found = (c for c in self.components if (c.site, c.id) == (site, name))
        return next(found, None)


class Look(Frozen):
    """
    What a visitor of a front page saw, as far as two looks can be compared.

    Attributes:
        status: Of the last page that the visit led to; 0: nobody answered.
        title: The beginning of the hash of its title; empty: it has none.
        size: Its length, in steps of a doubling.
    """

    status: int = 0
    title: str = ""
    size: int = 0

    @property
    def good(self) -> bool:
        """Whether it is a page at all."""
        return 0 < self.status < 400  # noqa: PLR2004  (RFC 9110: what is an error)

    def worse(self, now: Look) -> str | None:
        """Say what is wrong with the look *now*, if this is how it was before."""
        if not now.good:
            return f"answers {now.status}" if now.status else "answers nothing"
        if self.title != now.title:
            return "has another title" if now.title else "has lost its title"
        if now.size < self.size - 1:
            return "is much shorter than it was"
        return None


class FrontState(State):
    """The front pages of the sites of one resource, by host name."""

    seen: AwareDatetime
    looks: dict[str, Look] = {}


class TroubleState(State):
    """
    What our own checks say of one resource.

    Attributes:
        seen: When somebody could tell last; None: nobody ever could.
        since: Since when something is wrong; None: nothing is.
        why: What, in words of ours.
        doubt: The last look was bad, or could not tell: nobody knows yet.
    """

    seen: AwareDatetime | None = None
    doubt: bool = False
    since: AwareDatetime | None = None
    why: str = ""


class _OneByOne(Change):
    """
    A change of one component.

    ``details``: ``id``, ``site``, ``sort``, ``from``, ``to``. It follows from what
    there is newer, and not from what git says.
    """

    usually_merges: ClassVar[bool] = False

    @property
    def lane(self) -> str:
        """One at a time, whatever it is a part of."""
        return LANE


class Patch(_OneByOne):
    """
    Install the newer version of one component.

    ``details`` besides: ``policy``, ``front`` (the ``Look`` from before), ``blocked``
    (it cannot be done now, whoever agrees), ``until`` (how long a slow one may take).
    """

    usual_risk: ClassVar[Risk] = Risk.DISRUPTIVE
    witnessed: ClassVar[bool] = True
    verb: Literal["patch"] = "patch"

    @property
    def needs_proof(self) -> bool:
        """Always: what an update does to the data, no other version takes back."""
        return True

    @property
    def firm(self) -> bool:
        """Whether what holds it has to go first: an incident, a closed window."""
        return bool(self.details.get("blocked"))

    @property
    def crowd(self) -> str | None:
        """
        Many at once are as likely a mistake as a need.

        A known weakness is mended one site at a time, and everywhere.
        """
        return None if self.details.get("sort") == "security" else "patched"


class RollBack(_OneByOne):
    """Put back the version that was there before a patch that broke its site."""

    mends: ClassVar[bool] = True
    verb: Literal["roll-back"] = "roll-back"
