"""Whom to tell about a hole: a site's security.txt, read as RFC 9116 has it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from reconciler.kinds.certificate import SecurityTxt
from reconciler.providers._web import Reply

PATH: Final = "/.well-known/security.txt"
#: A file of this length says all it has to say (RFC 9116, 5.6: set a limit).
MOST: Final = 32 * 1024
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_FOUND: Final = 200


def read(reply: Reply) -> SecurityTxt:
    """
    Return what *reply*, to a request for ``PATH`` by https, says.

    A page of HTML is what sites answer to everything: there is no file then.
    """
    kind = (reply.first("content-type") or "").partition(";")[0].strip().lower()
    if reply.status != _FOUND or kind in {"text/html", "application/xhtml+xml"}:
        return SecurityTxt()
    text = reply.text
    signed = text.lstrip("\ufeff").startswith(_SIGNED)
    fields = _fields(text.partition(_SIGNATURE)[0])
    contacts = [value for name, value in fields if name == "contact"]
    ends = [value for name, value in fields if name == "expires"]
    expires = _moment(ends[0]) if len(ends) == 1 else None
    wrong = (
        (kind != "text/plain", "it is not sent as text/plain"),
        (not contacts, "it has no Contact"),
        (any(not _is_uri(one) for one in contacts), "a Contact is no https or mailto"),
        (not ends, "it has no Expires"),
        (len(ends) > 1, "it has several Expires"),
        (len(ends) == 1 and expires is None, "its Expires is no time"),
    )
    return SecurityTxt(
        there=True,
        wrong=tuple(says for is_so, says in wrong if is_so),
        signed=signed,
        expires=expires,
    )


def _fields(text: str) -> list[tuple[str, str]]:
    """Return name, in lower case, and value of every field (2.2 and 2.3)."""
    lines = (line for line in text.splitlines() if not line.startswith(("#", "-")))
    parts = (line.partition(":") for line in lines)
    return [(name.strip().lower(), value.strip()) for name, _, value in parts]


def _is_uri(value: str) -> bool:
    """Whether a Contact can be used: a URI, and by https if of the web (2.5.3)."""
    scheme, colon, rest = value.partition(":")
    return bool(colon and rest) and scheme.lower() in {"https", "mailto", "tel"}


def _moment(value: str) -> datetime | None:
    """Return a time with its offset (RFC 3339); None for anything else."""
    try:
        found = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
