"""Which actions a rule is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from reconciler.model import Action, Money, Risk, Spec
from reconciler.model.names import to_ascii
from reconciler.policy.context import Context


def _glob(pattern: str) -> str:
    """Bring internationalised labels into the form names are stored in."""
    if pattern.isascii():
        return pattern.lower()
    labels = pattern.split(".")
    if any(not label.isascii() and set("*?[") & set(label) for label in labels):
        raise ValueError("a label with * or ? is written in ASCII")
    return ".".join(
        to_ascii(label) if not label.isascii() else label.lower() for label in labels
    )


def _one_each(amounts: tuple[Money, ...]) -> tuple[Money, ...]:
    currencies = [amount.currency for amount in amounts]
    if len(set(currencies)) != len(currencies):
        raise ValueError("write one amount for each currency")
    return amounts


#: A name with ``*`` and ``?``; letter case does not matter.
Glob = Annotated[str, Field(min_length=1), AfterValidator(_glob)]

#: At most one amount in each currency.
Amounts = Annotated[tuple[Money, ...], AfterValidator(_one_each)]


def within(amounts: tuple[Money, ...], currency: str) -> Money | None:
    """Return the amount in *currency*, if one is written."""
    return next((a for a in amounts if a.currency == currency), None)


class Subject(NamedTuple):
    """What a scope looks at; labels are asked for only where they matter."""

    kind: str
    name: str
    verb: str
    account: str
    risk: str
    labels: Callable[[], Mapping[str, str]]


class Scope(Spec):
    """
    A selection of actions; what is left out does not narrow it.

    Attributes:
        names: Names of resources, with ``*`` and ``?``.
        labels: Every one must be there with that value (``*`` for any).
        accounts: Names of Provider documents.
        risks: What could go wrong.
    """

    kinds: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    names: tuple[Glob, ...] = ()
    labels: dict[str, str] = {}
    accounts: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()

    def only(self, *fields: str) -> bool:
        """Say whether nothing but *fields* narrows this scope."""
        return all(
            name in fields or not getattr(self, name) for name in Scope.model_fields
        )

    def covers(self, action: Action, context: Context) -> bool:
        """Say whether *action* is meant."""
        want, change = action.want, action.change
        return self.fits(
            Subject(
                want.kind,
                want.name,
                change.verb,
                change.share.provider,
                change.risk,
                lambda: context.labels(want.ref),
            )
        )

    def fits(self, subject: Subject) -> bool:
        """Say whether *subject* is meant."""
        return (
            _among(self.kinds, subject.kind)
            and _among(self.verbs, subject.verb)
            and _among(self.accounts, subject.account)
            and _among(self.risks, subject.risk)
            and named(self.names, subject.name)
            and (not self.labels or self._labelled(subject.labels()))
        )

    def _labelled(self, have: Mapping[str, str]) -> bool:
        return all(
            key in have and fnmatchcase(have[key], value)
            for key, value in self.labels.items()
        )


def _among(wanted: tuple[str, ...], value: str) -> bool:
    return not wanted or value in wanted


def named(patterns: tuple[str, ...], name: str) -> bool:
    """Say whether *name* fits one of *patterns*; no pattern fits everything."""
    return not patterns or any(fnmatchcase(name.lower(), p) for p in patterns)
