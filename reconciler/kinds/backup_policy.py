"""How things are backed up, and what proves it; backups name it."""

from __future__ import annotations

from typing import ClassVar

from reconciler.model import Change
from reconciler.model.backing import Backing
from reconciler.model.resource import Resource


class BackupPolicy(Resource[Change]):
    """How things are backed up, and what proves it; backups name it in ``policy``."""

    kind: ClassVar[str] = "BackupPolicy"
    spec: Backing


KIND = BackupPolicy
