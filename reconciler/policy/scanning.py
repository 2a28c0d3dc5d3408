"""
What is shown of the scan, what makes a check fail, and what somebody took the risk of.

A ScanPolicy judges findings, and never an action: whatever a scan says about a page,
a certificate is renewed and a domain is paid. What could not be looked at is always
shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from reconciler.kinds import kinds
from reconciler.model import AnyResource, Change, Finding, Severity, Spec
from reconciler.model.resource import Resource
from reconciler.policy.moment import Day, end_of

#: Nobody takes a risk for longer than this without looking again.
LONGEST: Final = timedelta(days=400)
_RANK: Final = list(Severity)
#: The findings that say that nothing is known end so.
_UNKNOWN: Final = "-unknown"
_NEVER: Final = "never"


class Ignore(Spec):
    """
    One risk that somebody took, until a day.

    Attributes:
        id: The finding's, as ``scan`` prints it; after the name of the check
            ``*`` and ``?`` may stand.
        expires: The last day (UTC) it counts; then the finding is back.
        approver: Who took it.
    """

    id: Annotated[
        str, Field(pattern=r"^[a-z0-9-]+:[A-Za-z*?][A-Za-z*?]*/[^\s]+$", max_length=400)
    ]
    reason: Annotated[str, Field(min_length=1)]
    expires: Day
    approver: Annotated[str, Field(min_length=1)]


class ScanPolicySpec(Spec):
    """
    What becomes of the findings of the scan.

    Attributes:
        show: The least severity that is shown.
        block: The least severity that makes ``plan`` fail; it holds no action.
    """

    show: Literal["critical", "error", "warning", "info"] = "info"
    block: Literal["critical", "error", "warning", "info", "never"] = "never"
    ignore: tuple[Ignore, ...] = ()


class ScanPolicy(Resource[Change]):
    """What is shown of the scan, what makes a check fail, and what is ignored."""

    kind: ClassVar[str] = "ScanPolicy"
    spec: ScanPolicySpec


@cache
def checks() -> Mapping[str, str]:
    """Return every check of every kind, and how what it finds is mended."""
    return {
        code: mends for kind in kinds().values() for code, mends in kind.checks.items()
    }


def sifted(
    found: Iterable[Finding], policies: Sequence[AnyResource], now: datetime
) -> list[Finding]:
    """
    Return *found* as the ScanPolicies among *policies* have it.

    One that ignores a finding is enough, one that shows it too, and one that blocks.
    """
    judges = [policy for policy in policies if isinstance(policy, ScanPolicy)]
    if not judges:
        return list(found)
    kept: list[Finding] = []
    hidden: Counter[Severity] = Counter()
    for finding in found:
        if finding.code not in checks():
            kept.append(finding)
        elif (known := _known(finding, judges, now)) is not None:
            kept.append(known)
        elif not _shown(finding, judges):
            hidden[finding.severity] += 1
        else:
            kept.append(_judged(finding, judges, now))
    return [*kept, *_hidden(judges[0], hidden)]


def _known(
    finding: Finding, judges: Iterable[ScanPolicy], now: datetime
) -> Finding | None:
    """Return *finding* as one that is ignored; None where it is not."""
    for _, item in _about(finding, judges):
        if now < end_of(item.expires):
            message = (
                f"{finding.message} [ignored until {item.expires} by {item.approver}: "
                f"{item.reason}]"
            )
            return finding._replace(
                severity=Severity.INFO, message=message, standing="ignored"
            )
    return None


def _about(
    finding: Finding, judges: Iterable[ScanPolicy]
) -> Iterator[tuple[ScanPolicy, Ignore]]:
    whole = finding.id
    for policy in judges:
        for item in policy.spec.ignore:
            check, _, rest = item.id.partition(":")
            of = whole.removeprefix(f"{check}:")
            if check == finding.code and fnmatchcase(of, rest.replace("[", "[[]")):
                yield policy, item


def _shown(finding: Finding, judges: Iterable[ScanPolicy]) -> bool:
    if finding.code.endswith(_UNKNOWN):
        return True
    return any(_reaches(finding, policy.spec.show) for policy in judges)


def _judged(finding: Finding, judges: Iterable[ScanPolicy], now: datetime) -> Finding:
    """Return *finding* with what a policy adds to it."""
    for _, item in _about(finding, judges):
        if end_of(item.expires) <= now:
            was = f"{finding.message} [was ignored until {item.expires}]"
            finding = finding._replace(message=was)
            break
    for policy in judges:
        if policy.spec.block != _NEVER and _reaches(finding, policy.spec.block):
            return finding._replace(standing="blocks")
    return finding


def _reaches(finding: Finding, least: str) -> bool:
    return _RANK.index(finding.severity) <= _RANK.index(Severity(least))


def _hidden(policy: ScanPolicy, hidden: Mapping[Severity, int]) -> Iterator[Finding]:
    """Yield how much is not shown: nothing disappears without a word."""
    if not hidden:
        return
    parts = [f"{hidden[one]} {one}" for one in _RANK if hidden.get(one)]
    message = f"findings of the scan that are not shown: {', '.join(parts)}"
    yield policy.found("scan-hidden", Severity.INFO, message, "spec.show")
