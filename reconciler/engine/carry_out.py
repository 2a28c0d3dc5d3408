"""Do one wave: write before, act, look again, write after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import JsonValue

from reconciler.audit import WAITS, Batch, Entry, Intent, Note, Outcome
from reconciler.engine.journal import Journal
from reconciler.engine.learned import Learned
from reconciler.engine.memory import parsed
from reconciler.engine.numbering import numbered
from reconciler.engine.observe import Accounts, World, observe
from reconciler.errors import (
    Ambiguous,
    Declined,
    ProviderError,
    ReconcilerError,
    Rejected,
    TooEarly,
    Transient,
)
from reconciler.model import (
    Action,
    AnyDriver,
    AnyResource,
    Change,
    Plan,
    Receipt,
    Risk,
    Share,
    Witness,
    sha256,
)

Status = Literal["applied", "not_applied", "failed", "unknown"]

#: A vendor's call may take this long; a lease that ends sooner is no lease.
CALL = timedelta(seconds=60)
#: What is too early, and the vendor does not say until when, is tried again then.
WAIT = timedelta(days=1)


class _NotSent(Exception):
    """The call was never made, so it cannot have had an effect."""


class Setting(NamedTuple):
    """Where a run acts: its books, its accounts and its clock."""

    env: str
    journal: Journal
    accounts: Accounts
    clock: Callable[[], datetime]

    def together(self, action: Action) -> bool:
        """Whether its driver carries out many such actions in one call."""
        change = action.change
        return change.verb in self.accounts.drivers[change.share].together


class Done(NamedTuple):
    """
    One action and what came of it.

    Attributes:
        pending: Nobody knows yet, and its account is still working on it.
    """

    action: Action
    status: Status
    outcome: Outcome
    pending: bool = False

    @property
    def declined(self) -> bool:
        """Whether a bank would not move the money: that is no fault of ours."""
        return self.status != "applied" and "declined" in self.outcome.evidence

    @property
    def too_early(self) -> bool:
        """Whether the vendor only said: later. That is a wait, not an error."""
        return "not_before" in self.outcome.evidence


def carry_out(
    setting: Setting, wave: Sequence[Action], plan: Plan
) -> tuple[list[Done], World]:
    """
    Carry out one wave and return what came of each action.

    The intents are committed (and pushed) before the first call leaves; the
    outcomes after the accounts have been looked at again.

    Raises:
        LostLock: This run may no longer act or record. What it began stays open
            and is resolved by the next one.
    """
    wave = numbered(wave, setting.journal.ledger, setting.accounts.drivers)
    approvers = setting.journal.ledger.approvals
    intents = [_intent(setting, a, plan, approvers.get(a.digest, ())) for a in wave]
    setting.journal.record(Batch(entries=tuple(intents), phase="intents"))
    answers = _acted(setting, wave)
    seen = look(setting, wave)
    learned = Learned()
    done = [
        _known(setting, action, answer, seen, learned)
        for action, answer in zip(wave, answers, strict=True)
    ]
    entries: list[Entry] = [*(d.outcome for d in done), *_waits(done)]
    setting.journal.record(Batch(entries=entries, phase="outcomes"))
    return done, seen


def _waits(done: Sequence[Done]) -> Iterator[Note]:
    """Remember until when a vendor refuses what it calls too early."""
    for one in done:
        if one.too_early:
            until = one.outcome.evidence["not_before"]
            facts: dict[str, JsonValue] = {f"{WAITS}{one.outcome.verb}": until}
            yield remembered("too-early", one.outcome.kind, one.outcome.uid, facts)


def remembered(event: str, kind: str, uid: str, facts: dict[str, JsonValue]) -> Note:
    """Return the note that keeps *facts* in the record of one resource."""
    return Note(event=event, data={"kind": kind, "uid": uid, "facts": facts})


def _intent(
    setting: Setting, action: Action, plan: Plan, approvers: Sequence[str]
) -> Intent:
    change = action.change.model_dump(mode="json")
    source = action.want.at(action.change.field)
    return Intent(
        id=action.id,
        key=action.key,
        time=setting.clock(),
        env=setting.env,
        kind=action.want.kind,
        name=action.want.name,
        uid=action.want.uid,
        verb=action.change.verb,
        op_class=str(action.op_class),
        provider=action.change.share.provider,
        family=action.change.share.family,
        change=change,
        body=sha256(change),
        attempt=action.attempt,
        risk=str(action.change.risk),
        source=str(source) if source else None,
        cost=str(action.change.cost) if action.change.cost else None,
        charge=_charged(action),
        ceiling=str(action.ceiling) if action.ceiling else None,
        due=action.change.due,
        action_digest=action.digest,
        plan_digest=plan.digest,
        verdicts=[f"{v.decision} {v.rule}: {v.why}" for v in action.verdicts],
        approvers=list(approvers),
        resumed=action.resumes,
        precondition=[
            [f.field, list(f.before) if isinstance(f.before, tuple) else f.before]
            for f in action.change.fields
        ],
    )


def _acted(setting: Setting, wave: Sequence[Action]) -> list[Receipt | Exception]:
    """Make the calls of *wave*: in one, what its driver does together."""
    answers: dict[str, Receipt | Exception] = {}
    many: dict[tuple[Share, str], list[Action]] = {}
    for action in wave:
        if setting.together(action):
            change = action.change
            many.setdefault((change.share, change.verb), []).append(action)
        else:
            answers[action.id] = _act(setting, action)
    for (share, _), actions in many.items():
        found = _act_together(setting, share, actions)
        answers |= {a.id: one for a, one in zip(actions, found, strict=True)}
    return [answers[action.id] for action in wave]


def _act_together(
    setting: Setting, share: Share, actions: Sequence[Action]
) -> Sequence[Receipt | Exception]:
    """Make one call for all of *actions*; see ``_act``."""
    if setting.journal.left < CALL:
        why = "not sent: the lease would end before the call could"
        return [_NotSent(why) for _ in actions]
    driver: AnyDriver = setting.accounts.drivers[share]
    try:
        found = driver.apply_all([(a.want, a.change, a.key) for a in actions])
    except Exception as error:  # noqa: BLE001  (a fault of a driver proves nothing)
        lost = Ambiguous(f"the driver failed: {type(error).__name__}")
        return [lost for _ in actions]
    if len(found) != len(actions):
        return [Ambiguous("the driver lost count") for _ in actions]
    return found


def _act(setting: Setting, action: Action) -> Receipt | Exception:
    """Make the one call; whatever is not a definite *no* is not a failure."""
    if setting.journal.left < CALL:
        return _NotSent("not sent: the lease would end before the call could")
    driver: AnyDriver = setting.accounts.drivers[action.change.share]
    try:
        return driver.apply(action.want, action.change, action.key)
    except ReconcilerError as error:
        return error
    except Exception as error:  # noqa: BLE001  (a fault of a driver proves nothing)
        return Ambiguous(f"the driver failed: {type(error).__name__}")


def look(setting: Setting, wave: Sequence[Action], *, done: bool = True) -> World:
    """
    Look at everything of *wave* again; nothing that witnesses remember counts.

    *done* is False where nothing of it was begun: nobody waits for its effect then.
    """
    wants = {action.want.ref: action.want for action in wave}
    for action in wave:  # what witnesses saw before is no proof of what was done
        tell_witnesses(setting, action.want, action.change if done else None)
    return observe(wants.values(), setting.accounts)


def tell_witnesses(setting: Setting, want: AnyResource, change: Change | None) -> None:
    """Have everybody who only looks forget what was seen of *want*."""
    for share in want.witnesses():
        driver = setting.accounts.drivers.get(share)
        if isinstance(driver, Witness):
            driver.touched(want, change)


def _known(
    setting: Setting,
    action: Action,
    answer: Receipt | Exception,
    seen: World,
    learned: Learned,
) -> Done:
    have = seen.have(action.want)
    shown = action.want.done(action.change, have)
    deadline = action.want.deadline(have)
    facts = {
        "id": action.id,
        "key": action.key,
        "time": setting.clock(),
        "env": setting.env,
        "kind": action.want.kind,
        "name": action.want.name,
        "uid": action.want.uid,
        "verb": action.change.verb,
        "cost": str(action.change.cost) if action.change.cost else None,
        "verified": shown,
    }
    evidence: dict[str, object] = {}
    if deadline is not None and action.change.risk is Risk.MONEY:
        evidence["expires"] = deadline.isoformat()
    if isinstance(answer, Receipt):
        outcome = _applied(facts, evidence, answer, action)
        return Done(action, "applied", learned.with_facts(outcome, action, have))
    error = str(getattr(answer, "what", answer))[:256]
    request = answer.request_id if isinstance(answer, ProviderError) else None
    status, how = _judged(answer, shown=bool(shown), resumes=action.resumes)
    if isinstance(answer, Declined):
        evidence |= refused(answer)
    elif isinstance(answer, (TooEarly, Transient, _NotSent)):
        evidence["not_sent"] = True
    if isinstance(answer, ProviderError):
        evidence |= answer.evidence
    if isinstance(answer, ProviderError) and answer.reason:
        evidence["reason"] = answer.reason[:64]
    if isinstance(answer, TooEarly):
        until = answer.until or setting.clock() + WAIT
        evidence["not_before"] = until.isoformat()
    paid = facts["cost"] if status == "applied" else None
    outcome = Outcome.model_validate(
        {
            **facts,
            "status": status,
            "how": how,
            "error": error,
            "request_id": request,
            "paid": paid,
            "charged": _charged(action) if status == "applied" else None,
            "evidence": evidence,
        }
    )
    pending = action.want.pending(action.change, have) is not None
    return Done(action, status, learned.with_facts(outcome, action, have), pending)


def refused(no: Declined) -> dict[str, JsonValue]:
    """Return what an outcome says of a refusal."""
    return {"declined": no.kind, "code": no.declined[:64]}


def _charged(action: Action) -> str | None:
    return str(action.change.taken) if action.change.taken else None


def _judged(answer: Exception, *, shown: bool, resumes: bool) -> tuple[Status, str]:
    """
    Say what an error means.

    Where an earlier run began the same, only what the vendor says to the same key is
    a *no*: that this sending failed (told to wait, too early, not sent) proves
    nothing about the first.
    """
    if resumes or isinstance(answer, Ambiguous):
        if shown:
            return "applied", "observed"
        if not isinstance(answer, Rejected):
            return "unknown", "response"
    if isinstance(answer, (TooEarly, _NotSent)):
        return "not_applied", "response"
    return "failed", "response"


def _applied(
    facts: dict[str, object],
    evidence: dict[str, object],
    receipt: Receipt,
    action: Action,
) -> Outcome:
    paid = receipt.paid or (
        action.change.cost if action.change.risk is Risk.MONEY else None
    )
    return Outcome.model_validate(
        {
            **facts,
            "status": "applied",
            "how": "replayed_key" if receipt.replayed else "response",
            "paid": str(paid) if paid else None,
            "charged": _charged(action),
            "request_id": receipt.request_id,
            "reference": receipt.reference,
            "evidence": {**told(receipt), **evidence, **_expiry(evidence, receipt)},
        }
    )


def told(receipt: Receipt) -> dict[str, JsonValue]:
    """Return what *receipt* says as the journal takes it: no floats, but text."""
    return {key: _exact(value) for key, value in receipt.details.items()}


def _exact(value: JsonValue) -> JsonValue:
    match value:
        case float():
            return int(value) if value.is_integer() else str(value)
        case dict():
            return {key: _exact(one) for key, one in value.items()}
        case list():
            return [_exact(one) for one in value]
        case _:
            return value


def _expiry(seen: dict[str, object], receipt: Receipt) -> dict[str, object]:
    """
    Return the later of the expiry that was seen and the one the vendor told.

    What was seen may be older than the answer (a stale read); what was told may be
    anything, so it counts only where it is a date.
    """
    told = receipt.details.get("expires")
    dates = [d for d in (seen.get("expires"), told) if isinstance(d, str)]
    latest = max(filter(None, map(parsed, dates)), default=None)
    return {"expires": latest.isoformat() if latest else None}
