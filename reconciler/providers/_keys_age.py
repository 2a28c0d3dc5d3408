"""
Keys in files that are encrypted with age (age-encryption.org/v1, X25519).

They may lie in git: who has the repository has nothing. They are written in the
armoured form, so that a diff and a mail take them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from reconciler.errors import Rejected
from reconciler.providers._keys_document import Found
from reconciler.providers._keys_file import Files

_SECRET: Final = "AGE-SECRET-KEY-1"  # noqa: S105  (how every one of them begins)


class Age:
    """
    A folder of encrypted documents.

    Args:
        identity: The private key, as ``age-keygen`` writes it; asked for when there
            is something to read or write, and not before.
    """

    def __init__(
        self, folder: Path, recipients: Sequence[str], identity: Callable[[], str]
    ) -> None:
        self._files = Files(folder, None, ending=".age")
        self._recipients = recipients
        self._identity = identity

    def __repr__(self) -> str:
        return f"Age({self._files!r})"

    def read(self, name: str) -> Found | None:
        """Return the document; raises Rejected where it is not encrypted to us."""
        found = self._files.read(name)
        if found is None or found.raw is None:
            return None
        import pyrage  # noqa: PLC0415

        raw: bytes | None = None
        with suppress(pyrage.DecryptError):
            raw = pyrage.decrypt(found.raw, [self._key()])
        if raw is None:
            raise Rejected(
                f"{name} cannot be decrypted",
                hint="is the identity one that it was encrypted to?",
            )
        return Found(raw, found.version)

    def write(self, name: str, raw: bytes, version: str) -> str:
        """Keep *raw*, encrypted to everybody who may read it; see ``Store.write``."""
        import pyrage  # noqa: PLC0415

        if str(self._key().to_public()) not in self._recipients:
            raise Rejected(
                "the identity is not one of the recipients: this program could not "
                "read again what it writes",
                hint=f"add {self._key().to_public()} to key.store.age.recipients",
            )
        try:
            to = [pyrage.x25519.Recipient.from_str(one) for one in self._recipients]
        except pyrage.RecipientError:
            raise Rejected("one of the recipients is no age key") from None
        encrypted: bytes = pyrage.encrypt(raw, to, armored=True)
        return self._files.write(name, encrypted, version)

    def close(self) -> None:
        """Nothing is held open."""

    def _key(self) -> Any:
        import pyrage  # noqa: PLC0415

        lines = self._identity().splitlines()
        found = [one.strip() for one in lines if one.strip().startswith(_SECRET)]
        made: Any = None
        with suppress(pyrage.IdentityError):
            made = pyrage.x25519.Identity.from_str(found[0]) if found else None
        if made is None:
            raise Rejected("the age identity is none: it begins with AGE-SECRET-KEY-1")
        return made
