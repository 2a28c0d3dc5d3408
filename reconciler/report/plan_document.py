"""The plan document as renderers read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, NotRequired

from pydantic import AfterValidator, Field

# pydantic reads these types; typing's own are refused below Python 3.12.
from typing_extensions import TypedDict

FORMAT = "reconciler.plan/v1"


def _a_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Time = Annotated[
    str,
    Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"),
    AfterValidator(_a_time),
]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Decimals = Annotated[str, Field(pattern=r"^\d{1,15}(\.\d{1,3})?$")]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]
Number = Annotated[int, Field(ge=0)]
Value = str | int | bool | list[str] | None
Word = Literal["allow", "hold", "deny"]
#: How an action stands: ``pending`` is a hold that its account will end by itself.
Standing = Literal["allow", "hold", "deny", "pending"]
RiskWord = Literal["none", "money", "destructive", "security", "disruptive"]
SeverityWord = Literal["critical", "error", "warning", "info"]


class Place(TypedDict):
    """Where something is written."""

    file: str
    line: Number
    column: Number


class Amount(TypedDict):
    """Money as JSON has it: a decimal as text, and its currency."""

    amount: Decimals
    currency: Currency


class FieldData(TypedDict):
    """One field of one action."""

    field: str
    before: Value
    after: Value


class VerdictData(TypedDict):
    """What one rule said."""

    rule: str
    decision: Word
    why: str


class ChartData(TypedDict):
    """
    What an action follows from; 1000 is what must not be reached.

    Attributes:
        past: Daily peaks, the last one today.
        ahead: What is expected of the days to come, ``worst`` their 95 % quantile.
    """

    metric: str
    past: list[Number]
    ahead: list[Number]
    worst: list[Number]


class ActionData(TypedDict):
    """One action."""

    id: str
    digest: Digest
    kind: str
    name: str
    uid: str
    verb: str
    provider: str
    decision: Word
    op_class: str
    risk: RiskWord
    reversible: bool
    because: str
    source: Place | None
    entry: NotRequired[Place | None]
    via: list[str]
    wave: NotRequired[Number]
    resumes: NotRequired[bool]
    changes: list[FieldData]
    cost: Amount | None
    charge: Amount | None
    only_holds: NotRequired[bool]
    ceiling: Amount | None
    needs: list[str]
    due: Time | None
    policy: list[VerdictData]
    chart: NotRequired[ChartData]


class FindingData(TypedDict):
    """
    One finding.

    Attributes:
        id: The same in every run.
        standing: What a policy made of it.
    """

    id: NotRequired[str]
    standing: NotRequired[Literal["", "ignored", "blocks"]]
    code: str
    severity: SeverityWord
    kind: str
    name: str
    message: str
    source: Place | None
    entry: NotRequired[Place | None]


class DriftData(TypedDict):
    """One field that moved in the world and not in git."""

    kind: str
    name: str
    provider: str
    field: str
    wanted: Value
    live: Value
    disposition: str


class UnmanagedData(TypedDict):
    """One live thing that is not declared."""

    kind: str
    name: str
    provider: str


class UnknownData(TypedDict):
    """One share that could not be read."""

    kind: str
    name: str
    provider: str
    family: str
    why: str


class DeferredData(TypedDict):
    """One action that is too early."""

    kind: str
    name: str
    verb: str
    because: str
    until: Time


class DueData(TypedDict):
    """One thing that is coming."""

    at: Time
    kind: str
    name: str
    what: str
    cost: str | None
    charge: NotRequired[str | None]
    by: NotRequired[Literal["auto", "you", "nobody"]]


class SummaryData(TypedDict):
    """Counts and sums over the actions."""

    noop: bool
    actions: Number
    by_verb: dict[str, Number]
    by_decision: dict[str, Number]
    cost: list[Amount]
    charge: list[Amount]


class PlanDocument(TypedDict):
    """A whole plan, as ``schemas/plan.v1.schema.json`` has it."""

    format: Literal["reconciler.plan/v1"]
    digest: Digest
    env: str
    as_of: Time
    base: str | None
    commit: str | None
    observed: NotRequired[Time | None]
    complete: bool
    summary: SummaryData
    actions: list[ActionData]
    findings: list[FindingData]
    drift: list[DriftData]
    unmanaged: list[UnmanagedData]
    unknown: list[UnknownData]
    deferred: list[DeferredData]
    due: list[DueData]
