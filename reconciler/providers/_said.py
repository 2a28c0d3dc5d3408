"""What may be shown of what a vendor said: short, and without any secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from reconciler.model.addresses import without_addresses
from reconciler.model.cards import without_cards

_LONGEST = 256
#: A private key, whole or cut off; a panel may repeat what it was sent.
_KEY: Final = re.compile(
    r"-----BEGIN[^-]{0,40}PRIVATE.{1,3}KEY.*?(-----END[^-]*-----|\Z)", re.DOTALL
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/=+-]{0,127}")


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Return *text* on one line, cut; secrets, cards and addresses blotted out."""
    if "PRIVATE" in text:
        text = _KEY.sub("***", text)
    for secret in secrets:
        if len(secret) > 3:  # noqa: PLR2004  (anything shorter is no secret)
            text = text.replace(secret, "***")
    # A vendor may name a customer, whom nobody here knows as a person's data.
    text = without_addresses(without_cards(text, "***"), "***")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"


def named(text: str | None, secrets: Iterable[str] = ()) -> str | None:
    """Return a vendor's name of a request; None where it is none that may be shown."""
    if text is None or not _NAME.fullmatch(text) or shown(text, secrets) != text:
        return None
    return text
