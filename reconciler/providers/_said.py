"""What may be shown of what a vendor said: short, and without any secret."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.model.cards import without_cards

_LONGEST = 256


def shown(text: str, secrets: Iterable[str] = ()) -> str:
    """Return *text* on one line, cut, with every secret and card blotted out."""
    for secret in secrets:
        if len(secret) > 3:  # noqa: PLR2004  (anything shorter is no secret)
            text = text.replace(secret, "***")
    text = without_cards(text, "***")
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
