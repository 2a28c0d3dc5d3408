"""Who may approve, and whose approval is still missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from reconciler.model import AnyResource, Change, Spec
from reconciler.model.resource import Resource
from reconciler.policy.context import person

Members = Mapping[str, frozenset[str]]


class GroupSpec(Spec):
    """
    The persons of a group.

    Attributes:
        members: The names approvals come with (a GitHub login, a git e-mail);
            letter case and a leading ``@`` do not matter.
    """

    members: Annotated[tuple[str, ...], Field(min_length=1)]


class PersonSpec(Spec):
    """
    The names one person approves and commits under.

    Attributes:
        names: A GitHub login, the e-mail addresses of their commits; letter case
            and a leading ``@`` do not matter.
    """

    names: Annotated[tuple[str, ...], Field(min_length=1)]


class Person(Resource[Change]):
    """
    One human being with several names.

    Without it ``@ann`` at the forge and ``ann@agency.example`` in a signed commit
    would be two persons, and could approve where two are needed.
    """

    kind: ClassVar[str] = "Person"
    spec: PersonSpec


class Group(Resource[Change]):
    """
    A group that approves.

    A group no document declares is one whose members the forge knows: everybody
    who was let through to approve counts for it.
    """

    kind: ClassVar[str] = "Group"
    spec: GroupSpec


def aliases(policies: Iterable[AnyResource]) -> dict[str, str]:
    """
    Return every name of a declared person, and the one they are counted by.

    That is the first of their own. What the document is called is nobody's name: a
    stranger's login could be the same.
    """
    return {
        person(name): person(policy.spec.names[0])
        for policy in policies
        if isinstance(policy, Person)
        for name in policy.spec.names
    }


def groups(policies: Iterable[AnyResource]) -> dict[str, frozenset[str]]:
    """Return the members of every declared group, each by the name they count by."""
    listed = tuple(policies)
    known = aliases(listed)
    return {
        policy.name: frozenset(
            known.get(person(member), person(member)) for member in policy.spec.members
        )
        for policy in listed
        if isinstance(policy, Group)
    }


def declared(policies: Iterable[AnyResource]) -> frozenset[str]:
    """Return every name that a Person or a Group claims, in one spelling."""
    listed = tuple(policies)
    members = (
        person(member)
        for policy in listed
        if isinstance(policy, Group)
        for member in policy.spec.members
    )
    return frozenset((*aliases(listed), *members))


def missing(
    needs: Sequence[str], approvers: Collection[str], members: Members
) -> tuple[str, ...]:
    """
    Return the entries of *needs* that nobody among *approvers* fills.

    One person fills one entry. Persons are seated so that as few entries as
    possible stay empty (augmenting paths), whatever the order they came in.
    """
    seats: dict[int, str] = {}

    def seat(entry: int, tried: set[str]) -> bool:
        for who in sorted(approvers):
            if who in tried or not _may(who, needs[entry], members):
                continue
            tried.add(who)
            taken = next((e for e, other in seats.items() if other == who), None)
            if taken is None or seat(taken, tried):
                seats[entry] = who
                return True
        return False

    return tuple(g for entry, g in enumerate(needs) if not seat(entry, set()))


def _may(who: str, group: str, members: Members) -> bool:
    return group not in members or who in members[group]
