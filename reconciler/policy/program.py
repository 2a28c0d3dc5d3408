"""A CEL rule made ready: compiled once, then asked about every action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from reconciler.policy.cel import CelError, Expression, Names, compiled, short
from reconciler.policy.facts import NAMES, Facts
from reconciler.policy.moment import end_of
from reconciler.policy.rule import Exemption, Policy, Validation
from reconciler.policy.scope import named

_USED = re.compile(r"\bvariables\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
_NAME = re.compile(r"[A-Za-z0-9_.*?-]+")


class Fault(NamedTuple):
    """An expression that does not compile, and the field it is written in."""

    field: str
    source: str
    error: CelError


class Failure(NamedTuple):
    """
    What is wrong with an action.

    Attributes:
        broken: The rule itself has no answer; nobody knows about the action.
    """

    field: str
    message: str
    broken: bool = False


class _Check(NamedTuple):
    field: str
    rule: Expression
    message: str | Expression


class Program:
    """
    One policy, compiled.

    Attributes:
        policy: What it was made of.
        faults: What does not compile. With a fault every answer is *broken*.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.faults: list[Fault] = []
        spec, known = policy.spec, NAMES
        self._where = self._part("spec.match.where", spec.match.where, known, "bool")
        self._exemptions = [
            (item, self._selector(f"spec.exceptions[{i}].selector", item.selector))
            for i, item in enumerate(spec.exceptions)
        ]
        self._variables: list[tuple[str, Expression]] = []
        for name, text in self._in_order(spec.variables):
            variable = self._part(f"spec.variables.{name}", text, known)
            known = known.plus(f"variables.{name}", _type(variable))
            if variable:
                self._variables.append((f"variables.{name}", variable))
        self._checks = [
            check
            for i, item in enumerate(spec.validations)
            if (check := self._check(f"spec.validations[{i}]", item, known))
        ]

    def _in_order(self, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """
        Yield each variable after those it uses.

        The order in the file does not matter: in YAML that of a mapping never does.
        """
        left = dict(variables)
        while left:
            ready = [n for n in left if not left.keys() & _USED.findall(left[n])]
            if not ready:
                why = CelError(f"uses itself, by way of {', '.join(sorted(left))}")
                for name, text in left.items():
                    self.faults.append(Fault(f"spec.variables.{name}", text, why))
                return
            for name in sorted(ready):
                yield name, left.pop(name)

    def _part(
        self, field: str, text: str | None, known: Names, want: str = "dyn"
    ) -> Expression | None:
        if text is None:
            return None
        try:
            return compiled(text, known, want)
        except CelError as error:
            self.faults.append(Fault(field, text, error))
            return None

    def _check(self, field: str, item: Validation, known: Names) -> _Check | None:
        rule = self._part(f"{field}.expression", item.expression, known, "bool")
        message = item.message or self._part(
            f"{field}.messageExpression", item.message_expression, known, "string"
        )
        return (
            _Check(f"{field}.expression", rule, message) if rule and message else None
        )

    def _selector(self, field: str, text: str) -> Callable[[Facts], bool]:
        if _NAME.fullmatch(text):
            return lambda facts: named((text.lower(),), str(facts["name"]))
        selector = self._part(field, text, NAMES, "bool")
        return selector.holds if selector else lambda _: False

    def applies(self, facts: Facts) -> bool:
        """Say whether ``where`` is true; where it has no answer the rule applies."""
        try:
            return self._where is None or self._where.holds(facts)
        except CelError:
            return True

    def exempt(self, facts: Facts, now: datetime) -> Exemption | None:
        """Return the exception that still holds for this action, if any."""
        for item, selects in self._exemptions:
            try:
                if now < end_of(item.until) and selects(facts):
                    return item
            except CelError:
                continue  # an exception nobody can evaluate exempts nothing
        return None

    def failures(self, facts: Facts) -> Iterator[Failure]:
        """Yield what is wrong, in the order of the validations."""
        for fault in self.faults:
            why = f"the policy does not compile: {fault.error.what}"
            yield Failure(fault.field, why, broken=True)
        try:
            _ = self._where is None or self._where.holds(facts)
        except CelError as error:
            yield Failure("spec.match.where", f"no answer: {error.what}", broken=True)
        full, lost = self._with_variables(facts)
        for check in self._checks:
            try:
                if not check.rule.holds(full):
                    yield Failure(check.field, _text(check, full))
            except CelError as error:
                why = lost.get(_missing(error), error.what)
                yield Failure(check.field, f"no answer: {why}", broken=True)

    def _with_variables(self, facts: Facts) -> tuple[Facts, dict[str, str]]:
        """Add the variables; one without a value is missed only where it is used."""
        full, lost = dict(facts), dict[str, str]()
        for name, expression in self._variables:
            try:
                full[name] = expression.value(full)
            except CelError as error:
                why = lost.get(_missing(error), error.what)
                lost[name] = why if why in lost.values() else f"{name}: {why}"
        return full, lost


def _type(variable: Expression | None) -> str:
    return variable.returns if variable else "dyn"


def _missing(error: CelError) -> str:
    """Return the name that had no value, as the library spells it."""
    found = re.search(r'No value with name "([^"]+)"', error.what)
    return found[1] if found else ""


def _text(check: _Check, facts: Facts) -> str:
    if isinstance(check.message, str):
        return check.message
    try:
        return short(check.message.says(facts))
    except CelError:
        return f"not so: {check.rule.text}"
