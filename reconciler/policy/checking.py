"""Whether the policies themselves are sound, before they judge anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches

from reconciler.errors import PolicyError, ReconcilerError
from reconciler.kinds import kinds
from reconciler.model import AnyResource, Finding, Severity
from reconciler.policy.allowance import SecretAllowance
from reconciler.policy.approval import ApprovalRule
from reconciler.policy.budget import Budget
from reconciler.policy.context import person
from reconciler.policy.facts import NAMES, of_example
from reconciler.policy.freeze import Freeze
from reconciler.policy.glass import BreakGlass
from reconciler.policy.moment import end_of
from reconciler.policy.people import Group, Person
from reconciler.policy.program import Fault, Program
from reconciler.policy.rule import Policy, Trial
from reconciler.policy.scanning import LONGEST, ScanPolicy, checks
from reconciler.policy.scope import Scope, Subject

SOON = timedelta(days=14)
"""How long before its end an exception is announced."""


def check(
    policies: Sequence[AnyResource],
    now: datetime,
    accounts: Collection[str] | None = None,
) -> list[ReconcilerError]:
    """
    Return everything that is wrong with *policies*, in the order of their places.

    Codes: E501 CEL that does not compile, E502 a test that fails, E503 a test that
    is missing, E504 an exception or allowance that has ended, E505 a kind, verb,
    account, group or check nobody knows, E506 a name of two persons, E507 a finding
    that is ignored for over a year. *accounts* are the names of the Provider documents
    there are; None leaves them unchecked.
    """
    people = [policy.name for policy in policies if isinstance(policy, Group)]
    errors: list[PolicyError] = [*_two_persons(policies)]
    for policy in policies:
        errors += _ended(policy, now)
        errors += _strangers(policy, people, accounts)
        if isinstance(policy, Policy):
            errors += _rule(policy)
        if isinstance(policy, ScanPolicy):
            errors += _risks(policy, now)
    return sorted(errors, key=lambda e: (e.at or ("", 0, 0), e.shown_code, e.what))


def ending(policies: Iterable[AnyResource], now: datetime) -> list[Finding]:
    """Return a warning for every exception that ends within 14 days."""
    return [
        policy.found(
            "exception-ends",
            Severity.WARNING,
            f"the {what} ends with {until}: mend the cause or have it renewed",
            field,
        )
        for policy in policies
        for field, what, until in _dated(policy)
        if now < end_of(until) <= now + SOON
    ]


def _dated(policy: AnyResource) -> Iterator[tuple[str, str, date]]:
    if isinstance(policy, SecretAllowance):
        yield "spec.until", "allowance", policy.spec.until
    if isinstance(policy, Policy):
        for i, item in enumerate(policy.spec.exceptions):
            what = f"exception for {item.selector}"
            yield f"spec.exceptions[{i}].until", what, item.until
    if isinstance(policy, ScanPolicy):
        for i, ignored in enumerate(policy.spec.ignore):
            what = f"exception for {ignored.id}"
            yield f"spec.ignore[{i}].expires", what, ignored.expires


def _ended(policy: AnyResource, now: datetime) -> Iterator[PolicyError]:
    for field, what, until in _dated(policy):
        if end_of(until) <= now:
            yield _error(
                policy,
                field,
                "E504",
                f"the {what} ended with {until}",
                "remove it, or have it approved again with a new date",
            )


def _risks(policy: ScanPolicy, now: datetime) -> Iterator[PolicyError]:
    """Yield what is ignored of no check, and what is for longer than anyone knows."""
    for i, item in enumerate(policy.spec.ignore):
        check = item.id.partition(":")[0]
        if check not in checks():
            where = f"spec.ignore[{i}].id"
            yield _stranger(policy, where, "check of the scan", check, checks())
        if end_of(item.expires) > now + LONGEST:
            yield _error(
                policy,
                f"spec.ignore[{i}].expires",
                "E507",
                f"nobody can take a risk until {item.expires}",
                f"write a day within {LONGEST.days} days, and look again then",
            )


def _rule(policy: Policy) -> Iterator[PolicyError]:
    program = Program(policy)
    for fault in program.faults:
        yield _misfit(policy, fault)
    for expect in ("allow", "deny"):
        if all(trial.expect != expect for trial in policy.spec.tests):
            yield _error(
                policy,
                "spec.tests",
                "E503",
                f"no test expects {expect}",
                "a rule shows with one test what it allows, with another what not",
            )
    if not program.faults:
        for i, trial in enumerate(policy.spec.tests):
            if why := _fails(program, trial):
                yield _error(policy, f"spec.tests[{i}].expect", "E502", why)


def _two_persons(policies: Sequence[AnyResource]) -> Iterator[PolicyError]:
    """Yield a name that two persons claim: one approval would count for either."""
    owner: dict[str, str] = {}
    for policy in policies:
        if not isinstance(policy, Person):
            continue
        for i, name in enumerate(policy.spec.names):
            first = owner.setdefault(person(name), policy.name)
            if first != policy.name:
                what = f"the name is Person/{first}'s too"
                yield _error(policy, f"spec.names[{i}]", "E506", what, "keep it in one")


def _misfit(policy: Policy, fault: Fault) -> PolicyError:
    error = fault.error
    shown = error.what
    if error.line:
        line = fault.source.splitlines()[error.line - 1 : error.line] or [""]
        mark = f"\n    {line[0]}\n    {' ' * (error.column - 1)}^"
        shown = f"{error.what} (line {error.line}, column {error.column}){mark}"
    return _error(
        policy,
        fault.field,
        "E501",
        f"no CEL that works: {shown}",
        _did_you_mean(error.what),
    )


def _did_you_mean(what: str) -> str | None:
    parts = what.split("'")
    if "undeclared reference" not in what or len(parts) < 3:  # noqa: PLR2004
        return None
    known = [name for name, _ in NAMES.types]
    near = get_close_matches(parts[1], known, 1)
    return f"did you mean {near[0]}?" if near else f"CEL knows {', '.join(known)}"


def _fails(program: Program, trial: Trial) -> str | None:
    """Say why *trial* does not come out as expected; None if it does."""
    match = program.policy.spec.match
    example = trial.input.model_copy(
        update={
            "kind": trial.input.kind or next(iter(match.kinds), ""),
            "verb": trial.input.verb or next(iter(match.verbs), ""),
        }
    )
    facts = of_example(example)
    subject = Subject(
        example.kind,
        example.name,
        example.verb,
        example.provider,
        example.risk,
        lambda: example.labels,
    )
    meant = match.fits(subject) and program.applies(facts)
    failures = list(program.failures(facts)) if meant else []
    for failure in failures:
        if failure.broken:
            return f"the test {trial.name!r} has {failure.message}"
    if bool(failures) == (trial.expect == "deny"):
        return None
    why = failures[0].message if failures else "match does not cover it"
    if meant and not failures:
        why = "all validations are true"
    return f"the test {trial.name!r} expects {trial.expect}, but: {why}"


def _strangers(
    policy: AnyResource, people: Collection[str], accounts: Collection[str] | None
) -> Iterator[PolicyError]:
    """Yield the names in *policy* that nothing answers to."""
    field, scope = _scope(policy)
    known: list[tuple[str, tuple[str, ...], Collection[str]]]
    known = [("kinds", scope.kinds, kinds()), ("verbs", scope.verbs, _verbs())]
    if accounts is not None:
        known.append(("accounts", scope.accounts, accounts))
    for part, names, have in known:
        for i, name in enumerate(names):
            if name not in have:
                yield _stranger(policy, f"{field}.{part}[{i}]", part[:-1], name, have)
    if isinstance(policy, Freeze):
        for i, verb in enumerate(policy.spec.allow):
            if verb not in _verbs():
                yield _stranger(policy, f"spec.allow[{i}]", "verb", verb, _verbs())
    # Nobody breaks the glass as a member of a group that only the forge knows.
    strict = isinstance(policy, BreakGlass)
    for where, group in _named_groups(policy):
        if (people or strict) and group not in people:
            yield _stranger(policy, where, "group", group, people)


def _scope(policy: AnyResource) -> tuple[str, Scope]:
    if isinstance(policy, (BreakGlass, Freeze, Budget)):
        return "spec.scope", policy.spec.scope
    if isinstance(policy, (ApprovalRule, Policy)):
        return "spec.match", policy.spec.match
    return "", Scope()


def _named_groups(policy: AnyResource) -> Iterator[tuple[str, str]]:
    if isinstance(policy, (ApprovalRule, BreakGlass)):
        for i, group in enumerate(policy.spec.groups):
            yield f"spec.groups[{i}]", group
    if isinstance(policy, Policy) and policy.spec.group:
        yield "spec.enforcement", policy.spec.group


def _verbs() -> dict[str, None]:
    return {
        change.model_fields["verb"].default: None
        for kind in kinds().values()
        for change in kind.changes
    }


def _stranger(
    policy: AnyResource, field: str, what: str, name: str, have: Iterable[str]
) -> PolicyError:
    near = get_close_matches(name, list(have), 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(have))}"
    return _error(policy, field, "E505", f"there is no {what} {name!r}", hint)


def _error(
    policy: AnyResource, field: str, code: str, what: str, hint: str | None = None
) -> PolicyError:
    text = f"{policy.ref}: {what}"
    return PolicyError(text, at=policy.at(field), hint=hint, code=code)
