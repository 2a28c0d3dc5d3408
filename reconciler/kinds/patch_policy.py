"""By which rules what is installed is kept up to date; accounts name it."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change
from reconciler.model.patching import Patching
from reconciler.model.resource import Resource


class PatchPolicy(Resource[Change]):
    """By which rules something is patched; accounts and machines name it."""

    kind: ClassVar[str] = "PatchPolicy"
    spec: Patching


KIND = PatchPolicy
