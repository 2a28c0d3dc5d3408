"""
What of a place is set up otherwise than it is declared. Pure.

Three sorts of difference: what makes the place safer is simply done; what makes it less
safe waits for a person; and what nobody can take back (a compliance lock, old versions
that go sooner) waits for one who knows that. A compliance lock is never made weaker
from here, whoever says so: it was a promise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from reconciler.kinds.backup_repository.spec import BackupRepositorySpec
from reconciler.kinds.backup_repository.state import Configure, VaultState
from reconciler.model import FieldChange, OnDrift, Severity, Share

VERSIONING: Final = "spec.bucket.versioning"
BLOCK: Final = "spec.bucket.publicAccessBlock"
ENCRYPTION: Final = "spec.bucket.encryption"
EXPIRE: Final = "spec.bucket.expire"
REPLICATE: Final = "spec.bucket.replicate"
MODE: Final = "spec.immutability.mode"
LASTS: Final = "spec.immutability.for"

Sort = Literal["stronger", "weaker", "lasting"]
Value = str | int | bool | None
_STRENGTH: Final = {None: 0, "none": 0, "governance": 1, "compliance": 2}
_HOLDS: Final[Mapping[Sort, str | None]] = {
    "stronger": None,
    "weaker": "the place would be less safe than it is",
    "lasting": "nobody can take that back",
}


class _Step(NamedTuple):
    """One setting that is not as it is declared."""

    field: FieldChange
    sort: Sort


class Weak(NamedTuple):
    """Something about the place that a person should know."""

    code: str
    severity: Severity
    message: str
    field: str


def wanted(spec: BackupRepositorySpec) -> dict[str, Value]:
    """Return field -> what is declared; durations are whole days, the next ones."""
    found: dict[str, Value] = {}
    rule, bucket = spec.immutability, spec.bucket
    if rule.locks:
        found |= {VERSIONING: True, MODE: rule.mode, LASTS: days(rule.lasts)}
    if bucket is None:
        return found
    told: dict[str, Value] = {
        VERSIONING: bucket.versioning,
        BLOCK: bucket.public_access_block,
        ENCRYPTION: bucket.encryption,
        EXPIRE: None if bucket.expire is None else days(bucket.expire),
        REPLICATE: bucket.replicate,
    }
    return found | {name: value for name, value in told.items() if value is not None}


def days(span: timedelta) -> int:
    """Return *span* in days, none of it lost."""
    return -(-span // timedelta(days=1))


def configure(
    spec: BackupRepositorySpec, state: VaultState, share: Share
) -> Iterator[Configure]:
    """Yield what sets the place up: each sort of difference by itself."""
    steps = list(_steps(wanted(spec), state.settings))
    for sort, hold in _HOLDS.items():
        fields = tuple(one.field for one in steps if one.sort == sort)
        if not fields:
            continue
        what = ", ".join(
            f"{one.field.rpartition('.')[2]} is {_text(one.before)}" for one in fields
        )
        yield Configure(
            share=share,
            fields=fields,
            because=what,
            hold=f"{what}: {hold}" if hold else None,
            details={"lasting": True} if sort == "lasting" else {},
        )


def _steps(declared: Mapping[str, Value], live: Mapping[str, Value]) -> Iterator[_Step]:
    for name in (VERSIONING, BLOCK, ENCRYPTION, EXPIRE, REPLICATE):
        if name not in declared or name not in live or declared[name] == live[name]:
            continue
        sort = _sort(name, declared[name], live)
        if sort is not None:
            yield _step(name, live[name], declared[name], sort)
    yield from _lock(declared, live)


def _step(name: str, before: Value, after: Value, sort: Sort) -> _Step:
    drift = OnDrift.REVERT if sort == "stronger" else OnDrift.HOLD
    field = FieldChange(field=name, before=before, after=after, on_drift=drift)
    return _Step(field, sort)


def _sort(name: str, after: Value, live: Mapping[str, Value]) -> Sort | None:
    """Return what it would mean to have *after*; None where it cannot be had."""
    before = live[name]
    if name in {VERSIONING, BLOCK}:
        if name == VERSIONING and not after and live.get("lockable"):
            return None
        return "stronger" if after else "weaker"
    if name == EXPIRE:
        others = live.get("others")
        if isinstance(others, int) and isinstance(after, int) and others < after:
            return None  # a rule that is not ours is shorter: a finding
        longer = isinstance(before, int) and isinstance(after, int) and before < after
        return "stronger" if longer else "lasting"
    if name == ENCRYPTION:
        return "weaker" if before == "aws:kms" else "stronger"
    return "weaker" if before else "stronger"


def _lock(declared: Mapping[str, Value], live: Mapping[str, Value]) -> Iterator[_Step]:
    """Yield the lock that new objects get: its two settings go together."""
    if MODE not in declared or MODE not in live or promised(declared, live):
        return
    mode, was = declared[MODE], live[MODE]
    more, less = _number(declared[LASTS]), _number(live.get(LASTS))
    if (mode, more) == (was, less):
        return
    weaker = _STRENGTH[str(mode)] < _STRENGTH[str(was)] or (more < less)
    sort: Sort = "weaker" if weaker else "stronger"
    if mode == "compliance":
        sort = "lasting"
    if mode != was:
        yield _step(MODE, was, mode, sort)
    if more != less:
        yield _step(LASTS, less or None, more, sort)


def promised(declared: Mapping[str, Value], live: Mapping[str, Value]) -> bool:
    """Say whether a compliance lock is there that would become weaker."""
    if live.get(MODE) != "compliance":
        return False
    shorter = _number(declared.get(LASTS)) < _number(live.get(LASTS))
    return declared.get(MODE) != "compliance" or shorter


def weak(spec: BackupRepositorySpec, state: VaultState) -> Iterator[Weak]:
    """Yield what protects the place less than is declared, or could destroy it."""
    declared, live = wanted(spec), state.settings
    yield from _unread(declared, live)
    yield from _rules(spec, live)
    for step in _steps(declared, live):
        name = step.field.field
        if step.sort == "weaker" or name in {EXPIRE, REPLICATE, ENCRYPTION}:
            continue
        word = name.rpartition(".")[2]
        has, after = _text(step.field.before), _text(step.field.after)
        message = f"its {word} is {has}, and should be {after}"
        severity = Severity.WARNING if name == BLOCK else Severity.ERROR
        yield Weak("vault-weak", severity, message, name)
    if declared.get(VERSIONING) is False and live.get("lockable"):
        message = "versioning of a bucket that locks objects cannot be suspended"
        yield Weak("vault-stronger", Severity.INFO, message, VERSIONING)
    if MODE in declared and promised(declared, live):
        message = (
            f"new objects are locked for {live.get(LASTS)} days by compliance: that "
            "is a promise, and is not made weaker from here"
        )
        yield Weak("vault-stronger", Severity.WARNING, message, MODE)


def _unread(declared: Mapping[str, Value], live: Mapping[str, Value]) -> Iterator[Weak]:
    for name in declared:
        if name not in live and name != LASTS:
            word = name.rpartition(".")[2]
            message = f"its {word} cannot be read there: nobody knows what it is"
            yield Weak("vault-unread", Severity.WARNING, message, name)


def _rules(spec: BackupRepositorySpec, live: Mapping[str, Value]) -> Iterator[Weak]:
    """Yield rules of the bucket's lifecycle that take away what is needed."""
    deletes, least = live.get("deletes"), live.get(EXPIRE)
    if isinstance(deletes, int):
        message = (
            f"a rule of its lifecycle deletes what is {deletes} days old, whether or "
            "not it is still needed"
        )
        yield Weak("vault-weak", Severity.CRITICAL, message, EXPIRE)
    if not isinstance(least, int):
        return
    lock = days(spec.immutability.lasts) if spec.immutability.locks else 0
    asked = spec.bucket.expire if spec.bucket else None
    if least < lock:
        message = (
            f"its lifecycle deletes old versions after {least} days, and they are "
            f"locked for {lock}: what somebody hides is gone as soon as its lock ends"
        )
        yield Weak("vault-weak", Severity.ERROR, message, EXPIRE)
    elif asked is not None and _number(live.get("others"), days(asked)) < days(asked):
        message = (
            f"a rule that is not ours deletes old versions after {live['others']} "
            f"days, and not after {days(asked)}"
        )
        yield Weak("vault-weak", Severity.WARNING, message, EXPIRE)


def _number(value: Value, without: int = 0) -> int:
    return value if isinstance(value, int) else without


def _text(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value} days" if isinstance(value, int) else str(value)
