"""A look at something of ours from outside: what, how often, and when it is down."""

from reconciler.kinds.health_check.check import KEPT, HealthCheck, percent, said
from reconciler.kinds.health_check.spec import (
    HealthCheckSpec,
    host_name,
    web_address,
)
from reconciler.kinds.health_check.state import (
    ILL,
    Budget,
    HealthState,
    Phase,
    Sighting,
    Symptom,
    Uptime,
    moment,
)

KIND = HealthCheck

__all__ = [
    "ILL",
    "KEPT",
    "KIND",
    "Budget",
    "HealthCheck",
    "HealthCheckSpec",
    "HealthState",
    "Phase",
    "Sighting",
    "Symptom",
    "Uptime",
    "host_name",
    "moment",
    "percent",
    "said",
    "web_address",
]
