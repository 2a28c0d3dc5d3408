"""By which rules accounts and machines are scaled; they name it in ``scaling``."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change
from reconciler.model.resource import Resource
from reconciler.model.scaling import Scaling


class ScalingPolicy(Resource[Change]):
    """By which rules something is scaled; accounts and machines name it."""

    kind: ClassVar[str] = "ScalingPolicy"
    spec: Scaling


KIND = ScalingPolicy
