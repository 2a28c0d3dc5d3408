r"""
Sealed objects: encrypted in pieces, opened by either of two passwords, cut nowhere.

An object is a line of magic, the length of its header, the header (JSON), and pieces::

    RCARCHIVE1\n | length (4 bytes) | {"name", "salt", "slots": {"password", "escrow"}}
    piece: AES-256-GCM of up to 1 MiB, 16 bytes longer than what it holds

Sources: Hoang, Reyhanitabar, Rogaway, Vizar 2015 (STREAM: what is sealed in pieces is
whole, in order and at its end), as in age's specification; NIST SP 800-38D (a nonce is
used once for a key); RFC 7914 (scrypt). What follows:

* Each object has a key of its own, drawn at random and used for nothing else, so that
  counting is all a nonce has to do: eleven bytes of number, one that says *the last*.
  An object that is cut short, at a piece's end too, does not open.
* The header is authenticated with every piece: no slot can be taken out or put in.
* The key is wrapped by each password, with the name of the object, so that no header
  opens another object. The costs of scrypt belong to the format: nobody who writes a
  header decides how much memory opening it takes.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"RCARCHIVE1\n"
_PIECE: Final = 1 << 20
_TAG: Final = 16
_NONCE: Final = 12
_KEY: Final = 32
#: A header has two slots; what claims to be longer is none.
_MOST_HEADER: Final = 4096
#: 32 MiB of memory and about 0.1 s for each guess.
_COST: Final = {"n": 1 << 15, "r": 8, "p": 1}
_MEMORY: Final = 64 << 20

Write = Callable[[bytes], object]


class Readable(Protocol):
    """A file, as far as it is read here."""

    def read(self, size: int, /) -> bytes:
        """Return up to *size* bytes; none at its end."""


class Watched:
    """Reads a file, and has somebody look at the clock every time."""

    def __init__(self, file: Readable, look: Callable[[], None]) -> None:
        self._file = file
        self._look = look

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes."""
        self._look()
        return self._file.read(size)


class Damaged(Exception):
    """What is kept is not what was written: changed, cut short, or not ours."""


class WrongKey(Exception):
    """None of the passwords opens it."""


class Keys:
    """
    The passwords of one repository, by slot; each costs scrypt once for a salt.

    Args:
        passwords: Slot (``password``, ``escrow``) -> the text.
    """

    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = dict(passwords)
        self._made: dict[tuple[str, bytes], bytes] = {}

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._passwords)})"

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots that there is a password for."""
        return tuple(self._passwords)

    def only(self, slot: str) -> Keys:
        """Return the one password of *slot*, as if the others were lost."""
        return Keys({slot: self._passwords[slot]} if slot in self._passwords else {})

    def wrapping(self, slot: str, salt: bytes) -> bytes:
        """Return the key that *slot* wraps keys with."""
        return self._derived(slot, salt)[:_KEY]

    def signing(self, slot: str, salt: bytes) -> bytes:
        """Return the key that *slot* signs what is readable with."""
        return self._derived(slot, salt)[_KEY:]

    def _derived(self, slot: str, salt: bytes) -> bytes:
        if (slot, salt) not in self._made:
            text = self._passwords[slot].encode()
            self._made[slot, salt] = hashlib.scrypt(
                text, salt=salt, maxmem=_MEMORY, dklen=2 * _KEY, **_COST
            )
        return self._made[slot, salt]

    def signatures(self, salt: bytes, said: bytes) -> dict[str, str]:
        """Return a signature of *said* by every slot."""
        return {
            slot: hmac.digest(self.signing(slot, salt), said, "sha256").hex()
            for slot in self._passwords
        }

    def check(self, salt: bytes, said: bytes, signed: Mapping[str, object]) -> None:
        """
        See that *said* was signed by a password that is known.

        One of them is enough: the others may be lost. Who checks asks for all, by
        ``strangers``.

        Raises:
            WrongKey: It was not, or it was changed.
        """
        known = [slot for slot in self._passwords if slot in signed]
        if len(self.strangers(salt, said, signed)) == len(known):
            raise WrongKey(f"not signed by the {' or the '.join(self._passwords)}")

    def strangers(
        self, salt: bytes, said: bytes, signed: Mapping[str, object]
    ) -> list[str]:
        """Return the slots whose signature of *said* is not that of our password."""
        found = []
        for slot in self._passwords:
            if slot in signed:
                mine = hmac.digest(self.signing(slot, salt), said, "sha256").hex()
                if not hmac.compare_digest(mine, str(signed[slot])):
                    found.append(slot)
        return found


class _Sealed(NamedTuple):
    """The key of one object, and what every piece is bound to."""

    box: AESGCM
    bound: bytes

    def nonce(self, number: int, *, last: bool) -> bytes:
        return number.to_bytes(_NONCE - 1, "big") + bytes([last])


class Sealer:
    """
    Seals what is written to it, piece by piece.

    Args:
        out: Takes the bytes.
        name: Of the object.
        keys: Every one of them will open it.
        salt: Of the repository.

    Attributes:
        written: Bytes that went out.
    """

    def __init__(self, out: Write, name: str, keys: Keys, salt: bytes) -> None:
        key = AESGCM.generate_key(8 * _KEY)
        slots = {slot: _wrap(key, name, slot, keys, salt) for slot in keys.slots}
        said = {"name": name, "salt": salt.hex(), "slots": slots}
        header = json.dumps(said, sort_keys=True).encode()
        self._out = out
        self._sealed = _Sealed(AESGCM(key), hashlib.sha256(header).digest())
        self._waiting = bytearray()
        self._number = 0
        self.written = 0
        self._send(MAGIC + len(header).to_bytes(4, "big") + header)

    def write(self, data: bytes) -> int:
        """Seal *data*; the last piece waits, because it is marked as the last."""
        self._waiting += data
        while len(self._waiting) > _PIECE:
            self._piece(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        return len(data)

    def finish(self) -> None:
        """Write the last piece: without it the object does not open."""
        self._piece(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _piece(self, data: bytes, *, last: bool) -> None:
        nonce = self._sealed.nonce(self._number, last=last)
        self._send(self._sealed.box.encrypt(nonce, data, self._sealed.bound))
        self._number += 1

    def _send(self, data: bytes) -> None:
        self._out(data)
        self.written += len(data)


class Opened(io.RawIOBase):
    """
    Reads what was sealed, and nothing that was not.

    Args:
        source: The object, from its beginning.
        name: Which object it has to be.
        keys: One of them has to open it.

    Raises:
        WrongKey: None does.
        Damaged: It is no such object; while reading: it was changed, or cut short.
    """

    def __init__(self, source: Readable, name: str, keys: Keys) -> None:
        super().__init__()
        self._source = source
        self._sealed = _opened(source, name, keys)
        self._number = 0
        self._ahead = _exactly(source, _PIECE + _TAG)
        self._plain = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill *buffer* with what comes next."""
        while not self._plain and not self._ended:
            self._next()
        many = min(len(buffer), len(self._plain))
        buffer[:many] = self._plain[:many]
        self._plain = self._plain[many:]
        return many

    def _next(self) -> None:
        piece = self._ahead
        self._ahead = _exactly(self._source, _PIECE + _TAG)
        self._ended = not self._ahead
        nonce = self._sealed.nonce(self._number, last=self._ended)
        try:
            plain = self._sealed.box.decrypt(nonce, piece, self._sealed.bound)
        except (InvalidTag, ValueError):
            raise Damaged(f"piece {self._number} was changed or cut off") from None
        self._number += 1
        self._plain = memoryview(plain)


def _opened(source: Readable, name: str, keys: Keys) -> _Sealed:
    """Read the header, and return the key in it."""
    if source.read(len(MAGIC)) != MAGIC:
        raise Damaged("is no archive")
    length = int.from_bytes(_exactly(source, 4), "big")
    if not 0 < length <= _MOST_HEADER:
        raise Damaged("its header is too long")
    header = _exactly(source, length)
    try:
        said = json.loads(header)
        salt, slots = bytes.fromhex(said["salt"]), dict(said["slots"])
        wrapped = {slot: bytes.fromhex(text) for slot, text in slots.items()}
        called = said["name"]
    except (ValueError, KeyError, TypeError):
        raise Damaged("its header cannot be read") from None
    if called != name:
        raise Damaged(f"is the object {str(called)[:64]!r}")
    for slot in keys.slots:
        if slot in wrapped and (key := _unwrap(wrapped[slot], name, slot, keys, salt)):
            return _Sealed(AESGCM(key), hashlib.sha256(header).digest())
    raise WrongKey(f"{' and '.join(keys.slots) or 'nothing'} does not open it")


def _bound(name: str, slot: str) -> bytes:
    return b"\0".join((MAGIC, slot.encode(), name.encode()))


def _wrap(key: bytes, name: str, slot: str, keys: Keys, salt: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE)
    box = AESGCM(keys.wrapping(slot, salt))
    return (nonce + box.encrypt(nonce, key, _bound(name, slot))).hex()


def _unwrap(
    wrapped: bytes, name: str, slot: str, keys: Keys, salt: bytes
) -> bytes | None:
    box = AESGCM(keys.wrapping(slot, salt))
    nonce, rest = wrapped[:_NONCE], wrapped[_NONCE:]
    try:
        return box.decrypt(nonce, rest, _bound(name, slot))
    except (InvalidTag, ValueError):
        return None


def _exactly(source: Readable, many: int) -> bytes:
    """Return *many* bytes; fewer only where there are no more."""
    parts = []
    while many > 0 and (part := source.read(many)):
        parts.append(part)
        many -= len(part)
    return b"".join(parts)
