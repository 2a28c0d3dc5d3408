"""Facts that are not actions, but that a person should know."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NamedTuple

from reconciler.model.location import Location


class Severity(StrEnum):
    """How loud a finding is; the order of the members is the order of urgency."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


#: What a policy made of a finding: nothing; it is known; it makes a check fail.
Standing = Literal["", "ignored", "blocks"]


class Finding(NamedTuple):
    """
    One fact about one resource (or about an account: kind ``Provider``).

    Attributes:
        source: Where what it is about was written.
        entry: Where the Site stands that made the resource, if one did.
        lead: Of what comes nearer, the series and the step that is reached, as in
            ``expiry/14d``: each step is told once, and the next one ends it.
        about: What of the resource it is about, where one check can find several
            things: a host, a path. Never a value that was read.
    """

    code: str
    severity: Severity
    kind: str
    name: str
    message: str
    source: Location | None = None
    entry: Location | None = None
    lead: str = ""
    about: str = ""
    standing: Standing = ""

    @property
    def id(self) -> str:
        """What is the same in every run: the check, the resource, what of it."""
        whole = f"{self.code}:{self.kind}/{self.name}"
        return f"{whole}:{self.about}" if self.about else whole
