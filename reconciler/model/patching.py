"""By which rules what is installed is kept up to date."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from reconciler.model.base import Spec
from reconciler.model.calendar import Duration
from reconciler.model.ref import To
from reconciler.model.windows import MaintenanceWindow

#: ``now``: as soon as it is known; ``window``: in a window; ``approve``: in a window,
#: after a person agreed; ``never``: it is only said.
When = Literal["now", "window", "approve", "never"]


class Patching(Spec):
    """
    What is patched when, by the sort of the update.

    Attributes:
        security: Updates that mend a known weakness.
        minor: Those that keep to the same main version.
        major: Those that do not.
        windows: When ``window`` and ``approve`` may be done; none: they never are.
        wait: How old an update that mends no weakness has to be: others find out first.
        check: The HealthCheck that has to pass afterwards; without one, what can be
            seen of the site from outside is compared with what it was before.
        watch: How long it has to pass.
        roll_back: Whether what broke is put back by itself.
        exclude: What is never touched, as in ``plugin/woocommerce``.
    """

    security: When = "now"
    minor: When = "window"
    major: When = "approve"
    windows: tuple[MaintenanceWindow, ...] = ()
    wait: Duration = timedelta(days=3)
    check: Annotated[str, To("HealthCheck", edge=False)] | None = None
    watch: Duration = timedelta(minutes=15)
    roll_back: bool = True
    exclude: tuple[Annotated[str, Field(pattern=r"^[a-z]+/[A-Za-z0-9._-]+$")], ...] = ()
