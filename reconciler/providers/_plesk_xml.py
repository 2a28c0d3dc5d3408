"""
Packets of Plesk's XML API: written, and read without trusting them.

A packet holds operators, an operator operations, and each answer of one ``result`` for
every thing it is about. The order of nodes is part of the format. An answer has no
document type; one that has is refused, so that nothing is fetched and nothing grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring, tostring

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'


class Failure(NamedTuple):
    """
    What an answer says went wrong.

    Attributes:
        whole: The packet was refused, and nothing of it was looked at.
    """

    code: int
    text: str
    whole: bool


def node(tag: str, *inside: Element | str) -> Element:
    """Return an element with what is *inside*: elements, or one text."""
    made = Element(tag)
    for one in inside:
        if isinstance(one, str):
            made.text = one
        else:
            made.append(one)
    return made


def properties(values: Iterable[tuple[str, str]]) -> list[Element]:
    """Return settings of hosting, which are pairs of a name and a value."""
    return [
        node("property", node("name", name), node("value", value))
        for name, value in values
    ]


def written(operators: Sequence[Element]) -> str:
    """Return a packet as it is sent."""
    return _DECLARATION + tostring(node("packet", *operators), encoding="unicode")


def parsed(text: str) -> Element:
    """Return an answer; raise ValueError where it is none."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities")
    try:
        found = fromstring(text.encode())  # noqa: S314  (no declarations; see above)
    except ParseError:
        raise ValueError("it is cut or no XML") from None
    if found.tag != "packet":
        raise ValueError(f"it is a {found.tag[:20]}")
    return found


def failure(packet: Element) -> Failure | None:
    """Return the first thing that went wrong, or None where all of it succeeded."""
    system = packet.find("system")
    if system is not None and text_of(system, "status") != "ok":
        return _failed(system, whole=True)
    for result in packet.iter("result"):
        if text_of(result, "status") != "ok":
            return _failed(result, whole=False)
    return None


def _failed(found: Element, *, whole: bool) -> Failure:
    code = text_of(found, "errcode")
    number = int(code) if code.isdigit() else 0
    return Failure(number, text_of(found, "errtext") or "it says nothing", whole)


def results(packet: Element, operator: str, operation: str) -> list[Element]:
    """Return the results of one operation."""
    return packet.findall(f"{operator}/{operation}/result")


def text_of(found: Element, path: str) -> str:
    """Return the text at *path*, without the space around it; empty where it is not."""
    return (found.findtext(path) or "").strip()


def number_of(found: Element, path: str) -> int:
    """Return the whole number at *path*; raise ValueError where there is none."""
    text = text_of(found, path)
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{path} is {text[:20]!r}, no number") from None


def flag_of(found: Element, path: str) -> bool:
    """Return a ``true`` or ``false``; raise ValueError for whatever else it is."""
    text = text_of(found, path)
    if text not in {"true", "false"}:
        raise ValueError(f"{path} is {text[:20]!r}, neither true nor false")
    return text == "true"


def named(found: Element, path: str) -> dict[str, str]:
    """Return name -> value of the pairs at *path*: limits, or settings of hosting."""
    return {text_of(one, "name"): text_of(one, "value") for one in found.findall(path)}
