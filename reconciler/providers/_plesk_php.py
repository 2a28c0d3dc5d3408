"""
How a Plesk server runs PHP: its handlers, each a version run in one way.

Source: docs.plesk.com, "php_handler" (``--list-json``), of "Using Command Line
Utilities". The list changes when an administrator installs a version: it is asked for
once a day, and only where a document names a version.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from pydantic import JsonValue

from reconciler.errors import Rejected, Transient
from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Account
from reconciler.providers._answers import rows
from reconciler.providers._detail import Details
from reconciler.providers._plesk import Plesk

_WHAT: Final = "php-handlers"
_USUAL: Final = "fpm"
_FIELDS: Final = ("id", "version", "type", "status")


class PhpHandlers:
    """The handlers of one server."""

    def __init__(self, account: Account, plesk: Plesk) -> None:
        self._plesk = plesk
        self._details = Details(account, f"{account.endpoint}|php")

    def versions(self, wants: Iterable[HostingAccount]) -> dict[str, str]:
        """Return handler -> version; nothing where no one of *wants* names one."""
        if all(want.spec.php == "keep" for want in wants):
            return {}
        return {one["id"]: one["version"] for one in self._all()}

    def like(self, handler: str | None, version: str) -> str:
        """
        Return the handler of *version* that runs as *handler* does, else by FPM.

        Raises:
            Rejected: The server has none that is enabled.
        """
        listed = self._all()
        fits = [
            one
            for one in listed
            if one["version"] == version and one["status"] == "enabled"
        ]
        now = [one["type"] for one in listed if one["id"] == handler]
        for way in (*now, _USUAL):
            for one in fits:
                if one["type"] == way:
                    return one["id"]
        raise Rejected(f"the server does not run PHP {version} in any usual way")

    def _all(self) -> list[dict[str, str]]:
        said = self._details.ask(_WHAT, "*", None, self._read)
        return [
            {name: str(one.get(name) or "") for name in _FIELDS}
            for one in rows(said, "handlers")
        ]

    def _read(self) -> JsonValue:
        text = self._plesk.command("php_handler", "--list-json", effect=False)
        try:
            listed = json.loads(text)
        except ValueError:
            raise Transient("php_handler --list-json: it is no JSON") from None
        return [
            {name: str(one.get(name) or "") for name in _FIELDS}
            for one in rows(listed, "PHP handlers")
        ]
