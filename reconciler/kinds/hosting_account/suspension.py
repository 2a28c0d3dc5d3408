"""What a person should know about a suspension. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.kinds.hosting_account.state import HostingState
from reconciler.model import Severity


def suspension(state: HostingState, wanted: str) -> Iterator[tuple[str, Severity, str]]:
    """Yield code, severity and words of what is not as *wanted*, or not ours."""
    if state.mark_left:
        message = (
            "runs, and still carries the mark of a suspension that was lifted by "
            "hand: take it away, or the next one will pass for ours"
        )
        yield "suspension-mark-left", Severity.WARNING, message
    if not state.suspended:
        return
    since = f" since {state.since.date()}" if state.since else ""
    if not state.ours:
        lift = "; only root can lift it" if state.locked else ""
        message = f"is suspended{since}, and not by this tool: it is left alone{lift}"
        severity = Severity.ERROR if wanted == "active" else Severity.WARNING
        yield "suspended-by-others", severity, message
    elif wanted == "follow":
        message = (
            f"is suspended by this tool{since}, and nothing says for how long: "
            "write state: active or state: suspended"
        )
        yield "suspension-left", Severity.WARNING, message
