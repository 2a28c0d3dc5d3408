"""What the journal says: before something is done, after it, and about a run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from reconciler.model import Frozen

Status = Literal["applied", "not_applied", "failed", "unknown"]
How = Literal["response", "replayed_key", "observed", "settled"]
#: An amount and its currency, as in ``10.42 USD``.
Amount = Annotated[str, Field(pattern=r"^\d{1,12}(\.\d{1,3})? [A-Z]{3}$")]
#: Vendor error text is cut to this many characters.
ERROR_LENGTH = 256


class Intent(Frozen):
    """
    What is about to happen; committed (and pushed) before anything is sent.

    Attributes:
        id: The identity of the need (``reconciler.model.action_id``).
        key: The idempotency key: the id and the number of the attempt.
        uid: The identity of the resource that survives a rename.
        op_class: ``keyed``, ``probe`` or ``blind``.
        provider: The account, by the name of its Provider document.
        change: The change as JSON, rebuilt and sent again after a crash.
        body: SHA-256 of the canonical change: a key is good for one body.
        attempt: Committed definite failures + 1.
        source: ``file:line:col`` of what asks for it.
        cost: What the vendor quoted, as in ``10.42 USD``.
        charge: What a customer pays by it; so much is reserved of what may be charged.
            What is only held at the customer's bank is no charge yet.
        ceiling: The most it may cost, reserved of the budget; where a customer pays,
            the most that may be charged, and no cost.
        due: When harm begins if nothing is done.
        resumed: An earlier run began it; the same key is sent again.
        precondition: What was observed, for a later look at what has happened.
    """

    type: Literal["intent"] = "intent"
    id: str
    key: str
    time: AwareDatetime
    env: str
    kind: str
    name: str
    uid: str
    verb: str
    op_class: str
    provider: str
    family: str
    change: dict[str, JsonValue]
    body: str
    attempt: Annotated[int, Field(ge=1)] = 1
    risk: str = "none"
    source: str | None = None
    cost: Amount | None = None
    charge: Amount | None = None
    ceiling: Amount | None = None
    due: AwareDatetime | None = None
    action_digest: str
    plan_digest: str
    verdicts: list[str] = []
    approvers: list[str] = []
    resumed: bool = False
    precondition: JsonValue = None


class Outcome(Frozen):
    """
    How it ended, as far as anybody knows.

    Attributes:
        status: All but ``unknown`` close the intent. ``failed`` and
            ``not_applied`` are definite: there was no effect.
        how: ``settled`` is a person's word.
        paid: What it cost in the end, as in ``10.42 USD``.
        cost: What it was expected to cost.
        charged: What a customer paid by it.
        reference: The vendor's name for what happened.
        evidence: What shows it; an ``expires`` in it (ISO 8601) is remembered as
            the resource's expiry, ``facts`` (a map) in its record. Never a secret,
            never personal data.
        verified: Whether a later look showed it; None where nobody looked.
    """

    type: Literal["outcome"] = "outcome"
    id: str
    key: str
    time: AwareDatetime
    env: str
    kind: str
    name: str
    uid: str
    verb: str
    status: Status
    how: How = "response"
    paid: Amount | None = None
    cost: Amount | None = None
    charged: Amount | None = None
    request_id: str | None = None
    reference: str | None = None
    evidence: dict[str, JsonValue] = {}
    verified: bool | None = None
    error: Annotated[str, Field(max_length=ERROR_LENGTH)] | None = None

    @property
    def closes(self) -> bool:
        """Whether nothing is left open after this."""
        return self.status != "unknown"


class Note(Frozen):
    """
    Any other fact of a run.

    Some events are remembered beside the log:

    * ``approved`` and ``withdrawn``, data ``digests`` (action digests) and ``by``
      (default: the run's actor), ``authors`` (digest -> names; whose work it is);
    * ``break-glass``, data ``digests``, ``by`` and ``reason``;
    * any event whose data hold ``kind``, ``uid`` and ``facts`` (a map): the facts
      are kept in the resource's record; None removes one; ``expires`` is its expiry.

    The writer itself adds ``run`` (a run's first line), ``plan`` and ``base``.

    Attributes:
        time: Filled in by the writer where None.
    """

    type: Literal["note"] = "note"
    event: str
    data: dict[str, JsonValue] = {}
    time: AwareDatetime | None = None


Entry = Intent | Outcome | Note
