"""One DNS record set, as YAML writes it and in its canonical form."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from reconciler.model.base import Spec
from reconciler.model.calendar import Duration
from reconciler.model.names import to_ascii

RecordType = Literal[
    "A",
    "AAAA",
    "ALIAS",
    "CAA",
    "CNAME",
    "DNAME",
    "DS",
    "MX",
    "NAPTR",
    "NS",
    "PTR",
    "SRV",
    "SSHFP",
    "TLSA",
    "TXT",
]
RECORD_TYPES: tuple[str, ...] = get_args(RecordType)
SINGLE = frozenset({"ALIAS", "CNAME", "DNAME"})
_HOST_AT = {
    "ALIAS": 0, "CNAME": 0, "DNAME": 0, "MX": 1, "NS": 0, "PTR": 0, "SRV": 3,
}  # fmt: skip
_PARTS = {"MX": 2, "SRV": 4, "CAA": 3, "DS": 4, "SSHFP": 3, "TLSA": 4, "NAPTR": 6}
_CAA = re.compile(r'(\d{1,3}) ([a-zA-Z0-9]+) (?:"([^"]*)"|(\S+))')


class Record(Spec):
    """
    All values of one name and type, in zone-file notation (RFC 1035).

    Host names end with a dot, TXT is written without quotes and backslashes.

    Attributes:
        name: Relative to the zone; ``@`` is the zone itself.
        ttl: Defaults to the domain's ``defaultTtl``.
        value: One value, or ``values`` several; exactly one of the two.
    """

    name: Annotated[str, Field(min_length=1, max_length=253)]
    type: RecordType
    ttl: Duration | None = None
    value: str | None = None
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.value is None) == (not self.values):
            raise ValueError("write either value or values")
        if self.type in SINGLE and len(self.values) > 1:
            raise ValueError(f"{self.type} has exactly one value")
        if self.name not in {"@", "*"}:
            to_ascii(self.name.removeprefix("*."))
        if self.name == "@" and self.type in {"NS", "CNAME", "DS"}:
            where = "nameservers" if self.type == "NS" else "no zone apex"
            raise ValueError(f"{self.type} at @ belongs in {where}, not in records")
        self.canonical()
        return self

    def canonical(self) -> tuple[str, ...]:
        """Return the values, each in its one canonical spelling, sorted."""
        if self.value is not None:
            return (canonical(self.type, self.value),)
        return tuple(sorted({canonical(self.type, value) for value in self.values}))


@lru_cache(maxsize=8192)
def canonical(rtype: str, value: str) -> str:
    """
    Return *value* of a record of *rtype* as every equal value is spelt.

    Raises:
        ValueError: It is no such value.
    """
    return _CANONICAL.get(rtype, _words)(rtype, value)


def _ipv4(_: str, value: str) -> str:
    return str(IPv4Address(value.strip()))


def _ipv6(_: str, value: str) -> str:
    return str(IPv6Address(value.strip()))


def _txt(_: str, value: str) -> str:
    if any(ord(char) < 32 for char in value):  # noqa: PLR2004
        raise ValueError("TXT holds no control characters")
    return value


def _caa(_: str, value: str) -> str:
    found = _CAA.fullmatch(value.strip())
    if found is None:
        raise ValueError('a CAA value is: 0 issue "ca.example"')
    target = found[3] if found[3] is not None else found[4]
    return f'{int(found[1])} {found[2].lower()} "{target}"'


def _words(rtype: str, value: str) -> str:
    words = value.split()
    if len(words) != _PARTS.get(rtype, 1):
        raise ValueError(f"a {rtype} value has {_PARTS.get(rtype, 1)} parts")
    at = _HOST_AT.get(rtype)
    if at is not None:
        words[at] = _host(words[at])
        for i in range(at):
            words[i] = str(_number(words[i], rtype))
    elif rtype in {"DS", "SSHFP", "TLSA"}:
        words = [*(str(_number(w, rtype)) for w in words[:-1]), words[-1].lower()]
    return " ".join(words)


def _naptr(rtype: str, value: str) -> str:
    words = value.split()
    if len(words) != _PARTS[rtype]:
        raise ValueError(f"a {rtype} value has {_PARTS[rtype]} parts")
    numbers = [str(_number(word, rtype)) for word in words[:2]]
    strings = ['"' + word.strip('"') + '"' for word in words[2:5]]
    return " ".join([*numbers, *strings, _host(words[5])])


def _host(word: str) -> str:
    if word == ".":
        return word
    if not word.endswith("."):
        raise ValueError(f"{word}: write the whole name, with a dot at the end")
    return to_ascii(word[:-1]) + "."


def _number(word: str, rtype: str) -> int:
    if not word.isdigit() or int(word) > 65535:  # noqa: PLR2004
        raise ValueError(f"{word} is no number of a {rtype} value")
    return int(word)


_CANONICAL: dict[str, Callable[[str, str], str]] = {
    "A": _ipv4,
    "AAAA": _ipv6,
    "TXT": _txt,
    "CAA": _caa,
    "NAPTR": _naptr,
}
