"""What YAML would say of something live, and what of it has to be rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pydantic import JsonValue


class Left(NamedTuple):
    """
    A part of something live that YAML does not say.

    Attributes:
        what: A field or a record of it; empty for the whole.
        why: For people, and the same words for the same cause.
    """

    what: str
    why: str


class Beside(NamedTuple):
    """
    A document of another kind that an adopted one names.

    Attributes:
        kind: Its kind.
        name: What the account calls it: its name, or its uid once it was renamed.
        field: The field of the adopted document that gets its name; empty: none does.
        spec: Its fields by their YAML names, for where it is not declared yet.
        notes: Facts for a comment above it.
        shared: Its fields that are those of the adopted document.
    """

    kind: str
    name: str
    field: str
    spec: Mapping[str, JsonValue]
    notes: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


class Choice(NamedTuple):
    """
    A list of addresses that nobody can know, and that may be guessed from a name.

    Attributes:
        field: The field that gets it: the one address that is declared.
        groups: For each name, what it may stand for; of each the first that is
            declared counts. Where it is none, or more than one, there is no document.
        why: What is said then.
    """

    field: str
    groups: tuple[tuple[str, ...], ...]
    why: str


class Called(NamedTuple):
    """
    A declared document that the account knows by another name.

    Attributes:
        field: The field of the adopted document that gets the document's own name.
        kind: Of which kind it is.
        among: The field of that kind that says what it is called, by Provider or by
            vendor; the Provider's own word wins.
        name: What the account calls it.
        why: What is said where no document is called so, or several are.
    """

    field: str
    kind: str
    among: str
    name: str
    why: str


class Adoption(NamedTuple):
    """
    The document of something that was not declared yet.

    Attributes:
        spec: Its fields by their YAML names, in the order they are written in; None
            where there can be no document.
        notes: Facts for a comment above it.
        left: What stays unmanaged.
        passive: The fields to add where the document would make something happen.
        beside: What it names, and what has to be declared with it.
        choice: What it is about, where only a name tells.
        called: What it names by a name of the account's own.
        calm: What *passive* does, for a comment.
    """

    spec: Mapping[str, JsonValue] | None
    notes: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    passive: Mapping[str, JsonValue] = {}
    beside: tuple[Beside, ...] = ()
    choice: Choice | None = None
    called: Called | None = None
    calm: str = "only observed"


class Edit(NamedTuple):
    """One value of a spec as it shall be; *path* are the YAML keys that lead to it."""

    path: tuple[str, ...]
    value: JsonValue


class ItemEdit(NamedTuple):
    """
    One item of a list whose items are known by some of their fields.

    Attributes:
        path: The YAML keys that lead to the list.
        key: The fields that tell which item.
        fields: What changes in the item, where it is written already; a field whose
            value is None is one that gives way to another. None: the item goes.
        whole: The other fields of the item, to write it where it is not there yet.
    """

    path: tuple[str, ...]
    key: Mapping[str, str]
    fields: Mapping[str, JsonValue] | None
    whole: Mapping[str, JsonValue] = {}


Rewrite = Edit | ItemEdit


class Proposal(NamedTuple):
    """
    What git could say, ready to be written; a person decides whether it shall.

    Attributes:
        field: The field that is changed.
        because: For people.
    """

    field: str
    change: Rewrite
    because: str


#: Says why a text may stand in no file, if so.
Refuse = Callable[[str], str | None]
