"""What there is of a repository, and what can be done to it."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import AwareDatetime

from reconciler.model import Change, Risk, State

#: The family of the settings of the place itself: the bucket, the panel's schedule.
VAULT: Final = "vault"


class RepositoryState(State):
    """
    A repository that is there, as its engine shows it (family ``backup``).

    Attributes:
        identity: What the engine calls it; another one is not ours.
        version: The format's.
        snapshots: How many there are.
        newest: When the last one was added, by the clock of the server.
        locks: What locks it now, each with since when and by whom.
    """

    identity: str
    version: str = ""
    snapshots: int = 0
    newest: AwareDatetime | None = None
    locks: tuple[str, ...] = ()


class VaultState(State):
    """
    How the place is set up (family ``vault``).

    Attributes:
        settings: Field of the spec -> what there is: days for durations, None where it
            is not set; what could not be read is left out. Besides ``lockable`` (the
            bucket can lock objects), ``others`` (days until a rule of its lifecycle
            that is not ours deletes an old version), ``deletes`` (days until one
            deletes what is current), and of a panel on which days it backs up:
            ``days`` and ``weekday`` (of daily and weekly ones; weekdays, 0 is Sunday)
            and ``dates`` (of monthly ones; days of the month).
    """

    settings: dict[str, str | int | bool | None] = {}


class Init(Change):
    """Make the repository: it was never there."""

    once: ClassVar[bool] = True
    verb: Literal["init"] = "init"


class Configure(Change):
    """
    Set up the bucket as it is declared.

    Its fields are what is set. ``details``: ``lasting``: nobody can take them back (a
    compliance lock, a shorter expiry).
    """

    usual_risk: ClassVar[Risk] = Risk.SECURITY
    verb: Literal["configure"] = "configure"

    @property
    def risk(self) -> Risk:
        """Of what is for good."""
        lasting = bool(self.details.get("lasting"))
        return Risk.DESTRUCTIVE if lasting else self.usual_risk


RepositoryChange = Init | Configure
