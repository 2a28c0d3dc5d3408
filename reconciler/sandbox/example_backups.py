"""What the panels of an inventory's world back up: where it keeps backups there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from reconciler.kinds.backup_repository import BackupRepository

#: What sees the backups of every WHM server; fake, and good nowhere else.
ROOT_TOKEN: Final = "sandbox-whm-root-token"  # noqa: S105
ROOT: Final = f"root:{ROOT_TOKEN}"
#: So many nights WHM keeps where nobody says how many.
_NIGHTS: Final = 5
_GOOD: Final = 400.0


def back_up(repositories: Iterable[Any], parts: dict[str, dict[str, Any]]) -> None:
    """Have the panels in *parts* back up every night where *repositories* say so."""
    for one in repositories:
        if not isinstance(one, BackupRepository) or one.spec.engine not in parts:
            continue
        part, panel = parts[one.spec.engine], one.spec.panel
        nights = panel.daily if panel else None
        if one.spec.engine == "plesk" and nights:
            part["nightly"] = nights
        elif one.spec.engine == "whm":
            token = {"user": "root", "token": ROOT_TOKEN, "name": "backup"}
            rights = {"rights": ["all"], "expires": _GOOD}
            part["tokens"] = [*part["tokens"], {**token, **rights}]
            part["backup"] = {"daily": nights or _NIGHTS, "mount": one.spec.path}
