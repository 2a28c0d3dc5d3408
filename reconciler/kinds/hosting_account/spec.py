"""What YAML says of a hosting account."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    Field,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from reconciler.model import Frozen, PlanLimits, Price, Spec, To
from reconciler.model.names import to_ascii

_MOST: Final = 1024


class PlanRange(Spec):
    """
    The plans an account may be on.

    Attributes:
        min: The smallest one.
        max: The largest one; it is reached from the smallest by ``up``.
    """

    min: Annotated[str, To("HostingPlan")]
    max: Annotated[str, To("HostingPlan")]

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.min == self.max:
            raise ValueError("min and max name the same plan: write plan: NAME")
        return self


class Step(Frozen):
    """
    One plan an account may be on, as its HostingPlan describes it.

    Attributes:
        package: What its server calls it.
    """

    plan: str
    package: str
    price: Price | None = None
    limits: PlanLimits = PlanLimits()
    downtime: Literal["none", "reboot"] = "none"
    irreversible: tuple[str, ...] = ()


#: What ``ladder`` was made from -> the steps, which nothing changes.
_LADDERS: Final[dict[str, tuple[Step, ...]]] = {}


class HostingAccountSpec(Spec):
    """
    Where an account is, on which plan, and whether it runs.

    Attributes:
        provider: The server that has it.
        account: Its user name there; left out, it is found by its domain.
        domain: Its main domain; the name of this document if left out.
        plan: The plan it is on, or the range of plans it may be on.
        limits: Its own limits, where they are not those of its plan.
        state: ``active``, ``suspended``, or ``terminated``, which deletes it for good;
            ``follow``: as its Subscription says, and left alone while there is none.
        php: Its PHP version, as in ``"8.3"``; ``keep``: it is left alone.
        scaling: By which policy it moves between the plans of its range.
        patching: By which policy what is installed on it is kept up to date.
        ladder: The plans from ``min`` to ``max`` with their packages; the inventory
            fills it in, and nobody writes it.
    """

    provider: Annotated[str, To("Provider")]
    account: (
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None
    ) = None
    domain: str | None = None
    plan: Annotated[str, To("HostingPlan")] | PlanRange
    limits: PlanLimits = PlanLimits()
    state: Literal["follow", "active", "suspended", "terminated"] = "follow"
    php: Annotated[str, Field(pattern=r"^(keep|[5-9]\.[0-9])$")] = "keep"
    scaling: Annotated[str, To("ScalingPolicy")] | None = None
    patching: Annotated[str, To("PatchPolicy")] | None = None
    ladder: SkipJsonSchema[tuple[Step, ...]] = Field(default=(), exclude=True)

    @field_validator("ladder", mode="wrap")
    @classmethod
    def _once(cls, raw: Any, made: ValidatorFunctionWrapHandler) -> tuple[Step, ...]:
        """Let the accounts of one range have one ladder: thousands are alike."""
        key = repr(raw)
        if key not in _LADDERS:
            if len(_LADDERS) >= _MOST:
                _LADDERS.clear()
            _LADDERS[key] = made(raw)
        return _LADDERS[key]

    @field_validator("domain")
    @classmethod
    def _a_label(cls, domain: str | None) -> str | None:
        return None if domain is None else _domain(domain)


def _domain(text: str) -> str:
    found = to_ascii(text)
    if "." not in found:
        raise ValueError(f"{found!r} is no domain name")
    return found
