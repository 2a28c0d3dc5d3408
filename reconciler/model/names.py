"""Domain names: IDNA 2008, stored as A-labels, mixed scripts refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_MAX_NAME = 253
_JOINT_SCRIPTS = ({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "LATIN"},)


def to_ascii(name: str) -> str:
    """
    Return *name* as lower-case A-labels (RFC 5891), without a trailing dot.

    Raises:
        ValueError: It is no domain name, or a label mixes scripts that look alike.
    """
    if name.isascii():
        ascii_name = name.lower()
    else:
        import idna  # noqa: PLC0415  (most names need none of its tables)

        for label in name.split("."):
            _refuse_mixed(label)
        try:
            ascii_name = idna.encode(name.lower()).decode("ascii")
        except idna.IDNAError as error:
            raise ValueError(f"{name!r} is no domain name: {error}") from None
    labels = ascii_name.split(".")
    if len(ascii_name) > _MAX_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{name!r} is no domain name")
    return ascii_name


def _refuse_mixed(label: str) -> None:
    scripts = {
        unicodedata.name(char, "?").split()[0] for char in label if char.isalpha()
    }
    if len(scripts) > 1 and not any(scripts <= joint for joint in _JOINT_SCRIPTS):
        found = " and ".join(script.title() for script in sorted(scripts))
        raise ValueError(f"{label!r} mixes {found} letters, which can look alike")


def covered(name: str, names: Iterable[str]) -> bool:
    """Say whether a certificate for *names* is good for *name* (RFC 9525, 6.3)."""
    parent = name.partition(".")[2]
    return any(said in {name, f"*.{parent}"} for said in names)
