"""What a server shows of a hosting account."""

from __future__ import annotations

from typing import Final

from pydantic import AwareDatetime

from reconciler.model import State

HOSTING: Final = "hosting"


class HostingState(State):
    """
    One account, as its server shows it.

    Attributes:
        account: Its user name.
        package: The server's own word for the plan it is on.
        ours: Its suspension was made by this tool, and by nobody else since.
        locked: Only the server's owner can lift its suspension.
        since: When it was suspended.
        php: The version its site runs on; None where it was not read.
        limits: What the server enforces, by metric and in its unit; None: there is no
            limit. A metric that was not read is not there.
        used: What is used now, likewise.
        customised: Its limits were changed by hand on the server, so that it no longer
            follows its package.
        lacking: Packages of the plans it may be on that its server does not have.
        busy: What its server still does to it; nothing else is done meanwhile.
        mark_left: It runs, and what marks our suspensions is still there: somebody
            lifted one by hand.
    """

    account: str
    domain: str
    package: str
    suspended: bool = False
    ours: bool = False
    locked: bool = False
    since: AwareDatetime | None = None
    php: str | None = None
    limits: dict[str, float | None] = {}
    used: dict[str, float] = {}
    customised: bool = False
    lacking: tuple[str, ...] = ()
    busy: str | None = None
    mark_left: bool = False
