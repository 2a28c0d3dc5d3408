"""Freezes: when they begin and end, in every sort of calendar, and what they spare."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Decision, Plan, Severity
from reconciler.policy import judge
from reconciler.policy.scope import named
from tests.unit.policy.court import NOW, action, context, decision, policy, verdicts

LOCK = action("a.example", "lock", labels={"tier": "gold"})


def freeze(**spec: Any) -> Any:
    return policy("Freeze/f", **{"reason": "r", **spec})


def frozen(now: str, **spec: Any) -> bool:
    when = datetime.fromisoformat(now)
    return decision(LOCK, [freeze(**spec)], now=when) is Decision.HOLD


def test_the_kill_switch_holds_everything_whoever_approved() -> None:
    approved = {LOCK.digest: ("ann", "bo")}
    (judged,) = verdicts(LOCK, [freeze()], approvals=approved)
    (hold,) = judged.verdicts
    assert (hold.decision, hold.rule, hold.firm) == (Decision.HOLD, "Freeze/f", True)
    assert hold.why == "frozen until the freeze is removed: r"


@pytest.mark.parametrize(
    ("now", "spec", "expected"),
    [
        pytest.param("2024-02-28T23:59:59Z", {"from": "2024-02-29"}, False, id="eve"),
        pytest.param(
            "2024-02-29T00:00:00Z", {"from": "2024-02-29"}, True, id="leap day"
        ),
        pytest.param("2024-02-29T23:59:59Z", {"until": "2024-02-29"}, True, id="last"),
        pytest.param(
            "2024-03-01T00:00:00Z", {"until": "2024-02-29"}, False, id="after"
        ),
        pytest.param(
            "2025-02-28T23:59:59Z", {"until": "2025-02-28"}, True, id="no leap"
        ),
        pytest.param(
            "2025-03-01T00:00:00Z", {"until": "2025-02-28"}, False, id="march"
        ),
        pytest.param("2026-04-30T23:59:59Z", {"until": "2026-04-30"}, True, id="month"),
        pytest.param("2026-12-31T23:59:59Z", {"until": "2026-12-31"}, True, id="year"),
        pytest.param("2027-01-01T00:00:00Z", {"until": "2026-12-31"}, False, id="next"),
        pytest.param(
            "2026-03-01T11:59:59Z",
            {"until": "2026-03-01T13:00:00+01:00"},
            True,
            id="+1",
        ),
        pytest.param(
            "2026-03-01T12:00:00Z",
            {"until": "2026-03-01T13:00:00+01:00"},
            False,
            id="=1",
        ),
        pytest.param(
            "2026-03-01T12:00:00Z", {"from": "2026-03-01T13:00:00+01:00"}, True, id="on"
        ),
        pytest.param(
            "9999-12-31T00:00:00Z", {"until": "9999-12-31"}, True, id="the end"
        ),
    ],
)
def test_days_and_instants(now: str, spec: dict[str, str], expected: bool) -> None:
    assert frozen(now, **spec) is expected


AMSTERDAM = {"timeZone": "Europe/Amsterdam"}


@pytest.mark.parametrize(
    ("now", "day", "expected"),
    [
        # 2026-03-29 has 23 hours there: from 23:00Z the day before to 22:00Z.
        ("2026-03-28T22:59:59Z", "2026-03-29", False),
        ("2026-03-28T23:00:00Z", "2026-03-29", True),
        ("2026-03-29T21:59:59Z", "2026-03-29", True),
        ("2026-03-29T22:00:00Z", "2026-03-29", False),
        # 2026-10-25 has 25: from 22:00Z the day before to 23:00Z.
        ("2026-10-24T21:59:59Z", "2026-10-25", False),
        ("2026-10-24T22:00:00Z", "2026-10-25", True),
        ("2026-10-25T22:59:59Z", "2026-10-25", True),
        ("2026-10-25T23:00:00Z", "2026-10-25", False),
    ],
)
def test_the_days_on_which_the_clocks_change(
    now: str, day: str, expected: bool
) -> None:
    spec = {"from": day, "until": day, **AMSTERDAM}
    assert frozen(now, **spec) is expected


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"kinds": ["Domain"]}, True),
        ({"kinds": ["RecordSet"]}, False),
        ({"verbs": ["lock", "renew"]}, True),
        ({"verbs": ["renew"]}, False),
        ({"names": ["*.example"]}, True),
        ({"names": ["A.EXAMPLE"]}, True),
        ({"names": ["b.*", "a.*"]}, True),
        ({"names": ["*.test"]}, False),
        ({"labels": {"tier": "gold"}}, True),
        ({"labels": {"tier": "*"}}, True),
        ({"labels": {"tier": "silver"}}, False),
        ({"labels": {"tier": "gold", "x": "*"}}, False),
        ({"accounts": ["porkbun-main"]}, True),
        ({"accounts": ["aws"]}, False),
        ({"risks": ["none"]}, True),
        ({"risks": ["money"]}, False),
        ({"kinds": ["Domain"], "verbs": ["renew"]}, False),
    ],
)
def test_scope(scope: dict[str, Any], expected: bool) -> None:
    assert frozen("2026-11-22T12:00:00Z", scope=scope) is expected


def test_a_name_beyond_ascii_means_its_stored_form() -> None:
    snow = action("xn--bcher-kva.example", "lock")
    one = freeze(scope={"names": ["Bücher.example"]})
    assert decision(snow, [one]) is Decision.HOLD


def test_letter_case_does_not_matter() -> None:
    assert named(("ab*",), "AbC")
    assert not named(("ab*",), "BbC")


def test_what_is_allowed_goes_on() -> None:
    one = freeze(allow=["renew"])
    assert decision(action(), [one]) is Decision.ALLOW
    assert decision(LOCK, [one]) is Decision.HOLD


def test_a_freeze_that_is_on_is_shown_even_if_it_holds_nothing() -> None:
    plan = judge(Plan("main", NOW), [freeze(until="2026-12-01")], context())
    (finding,) = plan.findings
    assert (finding.code, finding.severity) == ("frozen", Severity.WARNING)
    assert finding.message == "is on until 2026-12-01: r"
    over = judge(Plan("main", NOW), [freeze(until="2026-11-01")], context())
    assert over.findings == ()


@pytest.mark.parametrize(
    ("due", "until", "alarm"),
    [
        (NOW + timedelta(days=1), "2026-12-01", True),
        (datetime(2026, 12, 1, 23, tzinfo=UTC), "2026-12-01", True),
        (datetime(2026, 12, 2, tzinfo=UTC), "2026-12-01", False),
        (NOW + timedelta(days=999), None, True),
        (None, None, False),
    ],
)
def test_harm_that_a_freeze_would_do_is_an_error(
    due: datetime | None, until: str | None, alarm: bool
) -> None:
    act = action(due=due)
    one = freeze(**({"until": until} if until else {}))
    plan = judge(Plan("main", NOW, (act,)), [one], context(act))
    codes = [f.code for f in plan.findings if f.severity is Severity.ERROR]
    assert codes == (["frozen-past-due"] if alarm else [])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"from": "2026-02-29"}, "not in the calendar"),
        ({"until": "2026-04-31"}, "not in the calendar"),
        ({"until": "2026-12-31T18:00:00"}, "needs its offset"),
        ({"until": "31-12-2026"}, "write a day"),
        ({"until": 20261231}, "write a day"),
        ({"until": "20261231"}, "write a day"),
        ({"from": "2026-12-31", "until": "2026-12-30"}, "ends after it begins"),
        ({"timeZone": "Amsterdam"}, "no time zone"),
        ({"timeZone": "../etc/passwd"}, "no time zone"),
        ({"begins": "2026-12-30"}, "Extra inputs"),
        ({"scope": {"names": ["bü*.example"]}}, "written in ASCII"),
        ({"reason": ""}, "at least 1"),
    ],
)
def test_the_form_is_checked(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        freeze(**spec)


def test_dates_may_come_as_python_has_them() -> None:
    spec = {"from": date(2026, 1, 1), "until": datetime(2026, 1, 2, tzinfo=UTC)}
    assert frozen("2026-01-01T23:59:59Z", **spec)
    assert not frozen("2026-01-02T00:00:00Z", **spec)


def test_a_freeze_reads_back_as_it_was_written() -> None:
    spec = {"from": "2024-02-29", "until": "2024-03-01T00:00:00+01:00"}
    dumped = freeze(**spec).model_dump(mode="json", by_alias=True)["spec"]
    assert {key: dumped[key] for key in spec} == spec
