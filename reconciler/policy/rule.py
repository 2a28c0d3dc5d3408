"""Rules of one's own, written in CEL."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reconciler.model import Change, Spec
from reconciler.model.resource import Resource
from reconciler.policy.facts import Example
from reconciler.policy.moment import Day
from reconciler.policy.scope import Scope

#: CEL source; longer ones are refused before they are parsed.
Cel = Annotated[str, Field(min_length=1, max_length=4096)]
_ENFORCEMENT = r"^(advisory|mandatory|approval\([A-Za-z0-9_.-]+\))$"


def _known(enforcement: str) -> str:
    if re.fullmatch(_ENFORCEMENT, enforcement):
        return enforcement
    raise ValueError("write advisory, approval(GROUP) or mandatory")


#: What follows where a rule does not hold.
Enforcement = Annotated[
    str, AfterValidator(_known), Field(json_schema_extra={"pattern": _ENFORCEMENT})
]


class Match(Scope):
    """
    The actions a rule is about.

    Attributes:
        where: CEL; only where it is true. Variables are not known here.
    """

    where: Cel | None = None


class Validation(Spec):
    """
    What must be true.

    Attributes:
        message: What is wrong where it is not; or ``message_expression``, in CEL.
    """

    expression: Cel
    message: str | None = None
    message_expression: Cel | None = None

    @model_validator(mode="after")
    def _one_message(self) -> Self:
        if (self.message is None) == (self.message_expression is None):
            raise ValueError("write either message or messageExpression")
        return self


class Exemption(Spec):
    """
    One dated exception.

    Attributes:
        selector: A name (with ``*`` and ``?``), or CEL.
        until: The last day (UTC) it holds.
        approved_by: Who took the risk.
    """

    selector: Cel
    until: Day
    reason: Annotated[str, Field(min_length=1)]
    approved_by: Annotated[str, Field(min_length=1)]


class Trial(Spec):
    """
    One example of what the rule allows or denies.

    Exceptions take no part in it: they end, and the rule stays.
    """

    name: Annotated[str, Field(min_length=1)]
    input: Example = Example()
    expect: Literal["allow", "deny"]


class PolicySpec(Spec):
    """
    A rule.

    Attributes:
        variables: CEL by name, for the validations: ``variables.NAME``. They
            may use each other, in whatever order they are written.
        validations: All of them must be true.
        enforcement: ``advisory`` (a finding), ``approval(GROUP)`` (a hold that the
            group lifts) or ``mandatory`` (a denial).
        tests: At least one that expects ``allow`` and one that expects ``deny``.
    """

    match: Match = Match()
    variables: dict[Annotated[str, Field(pattern="^[a-z][A-Za-z0-9_]*$")], Cel] = {}
    validations: Annotated[tuple[Validation, ...], Field(min_length=1)]
    enforcement: Enforcement = "mandatory"
    exceptions: tuple[Exemption, ...] = ()
    tests: tuple[Trial, ...] = ()

    @property
    def group(self) -> str | None:
        """The group that may lift this rule's hold."""
        return (
            self.enforcement.removeprefix("approval(").removesuffix(")")
            if self.enforcement.startswith("approval(")
            else None
        )


class Policy(Resource[Change]):
    """A rule about actions: what it applies to, and what must then be true."""

    kind: ClassVar[str] = "Policy"
    spec: PolicySpec
