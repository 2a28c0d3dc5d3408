"""What was backed up under the name of a source, as a digest. Pure."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final, NamedTuple

from reconciler.model.backing import Source

#: In a receipt: the digest of what its source was. Older ones have none.
ORIGIN: Final = "origin"
#: In a drill: the same, by source.
ORIGINS: Final = "origins"
_DIGITS: Final = 16


class Whence(NamedTuple):
    """
    What says where the sources of a backup are, beside its policy.

    Attributes:
        of: What it is of, as in ``HostingAccount/shop.example``.
        root: The folder that relative sources are in.
    """

    of: str = ""
    root: str = ""


#: Nothing is known but the policy.
NOWHERE: Final = Whence()


def origin(source: Source, whence: Whence) -> str:
    """
    Return a digest of what is backed up as *source*.

    Of a database its name and where the reference to its connection is kept: never the
    secret. How good it has to be is no part of it. Whoever adds something to it, or
    takes something away, takes the proof of all that is backed up: it is in records.
    """
    told: list[object] = [source.type, source.database, sorted(source.exclude)]
    if source.type == "panel":
        told += [whence.of, source.root]
    elif source.type in {"files", "sqlite"}:
        told += [whence.root, source.root, sorted(source.paths)]
    if source.connection is not None:
        told.append(str(source.connection))
    text = json.dumps(told, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:_DIGITS]
