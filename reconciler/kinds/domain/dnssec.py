"""DS records and the keys they stand for (RFC 4034, RFC 4509). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from reconciler.kinds.domain.state import DelegationState, RegistrationState

_DIGESTS: Final = {"1": hashlib.sha1, "2": hashlib.sha256, "4": hashlib.sha384}


def ds_text(key_tag: object, algorithm: object, kind: object, digest: object) -> str:
    """Return one DS as every equal one is spelt."""
    plain = "".join(str(digest).split()).upper()
    return f"{int(str(key_tag))} {int(str(algorithm))} {int(str(kind))} {plain}"


def ds_of(name: str, dnskey: str, kind: str = "2") -> str | None:
    """
    Return the DS of a key (``FLAGS PROTOCOL ALGORITHM KEY``) of the zone *name*.

    None where the key cannot be read, or no such digest is known (RFC 4034, 5.1.4).
    """
    try:
        flags, protocol, algorithm, text = dnskey.split(maxsplit=3)
        key = base64.b64decode("".join(text.split()), validate=True)
        head = int(flags).to_bytes(2) + bytes([int(protocol), int(algorithm)])
    except (ValueError, OverflowError, binascii.Error):
        return None
    if kind not in _DIGESTS:
        return None
    labels = [label.encode("ascii") for label in name.lower().split(".")]
    owner = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    digest = _DIGESTS[kind](owner + head + key).hexdigest()
    return ds_text(_tag(head + key), algorithm, kind, digest)


def _tag(data: bytes) -> int:
    """Return the key tag (RFC 4034, appendix B; algorithm 1 is no longer in use)."""
    total = sum(byte if at & 1 else byte << 8 for at, byte in enumerate(data))
    return (total + (total >> 16)) & 0xFFFF


def kind_of(ds: str) -> str:
    """Return which digest a DS is made with."""
    return ds.split()[2]


def stands_for(name: str, ds: str, live: frozenset[str], keys: Iterable[str]) -> bool:
    """Say whether *ds* is of one of the live keys, whichever digest it is made with."""
    return ds in live or any(ds_of(name, key, kind_of(ds)) == ds for key in keys)


def ds_wanted(
    name: str, seen: DelegationState, state: RegistrationState
) -> frozenset[str] | None:
    """
    Return the DS records that the live keys call for; None where that is not proven.

    Proven is only what was seen on every nameserver of the very delegation that the
    registrar has. A record that is there already is kept as it is, whatever digest
    it is made with, so long as its key lives.
    """
    live = seen.live_ds
    if live is None or state.ds is None or seen.nameservers != state.nameservers:
        return None
    keys = seen.dnskeys
    kept = {ds for ds in state.ds if stands_for(name, ds, live, keys.values())}
    held = {ds for ds in live if _in_place(name, ds, keys, kept)}
    return frozenset(kept | (live - held))


def _in_place(name: str, ds: str, keys: Mapping[str, str], kept: set[str]) -> bool:
    """Whether the key of *ds* has a DS at the parent already."""
    if ds in kept or ds not in keys:
        return ds in kept
    return any(ds_of(name, keys[ds], kind_of(one)) == one for one in kept)


def alike(left: frozenset[str], right: frozenset[str]) -> bool:
    """
    Say whether two sets of DS records stand for the same keys.

    A vendor that takes keys chooses the digest itself; digests of one sort must agree.
    """
    if left == right:
        return True
    same = {_key(ds) for ds in left} == {_key(ds) for ds in right}
    kinds = {kind_of(ds) for ds in left} & {kind_of(ds) for ds in right}
    of = [{ds for ds in side if kind_of(ds) in kinds} for side in (left, right)]
    return same and (not all(of) or of[0] == of[1])


def _key(ds: str) -> tuple[str, str]:
    tag, algorithm = ds.split()[:2]
    return tag, algorithm
