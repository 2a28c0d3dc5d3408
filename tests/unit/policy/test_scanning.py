"""ScanPolicy: what is shown, what blocks, what is ignored and until when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine import Exit
from reconciler.engine.exits import of_findings
from reconciler.errors import InventoryErrors
from reconciler.inventory import WorkTree, load
from reconciler.model import Finding, Plan, Severity
from reconciler.policy import check, ending, judge, policy_kinds
from reconciler.policy.scanning import LONGEST, checks, sifted
from tests.unit.policy.court import NOW, context, policy

WEB = "web-csp:Certificate/shop:www.shop.example"


def finding(code: str = "web-csp", level: str = "warning", about: str = "") -> Finding:
    about = about or "www.shop.example"
    words = "has no Content-Security-Policy"
    at = Severity(level)
    return Finding(code, at, "Certificate", "shop", words, about=about)


def scan(**spec: Any) -> Any:
    return policy("ScanPolicy/agency", **spec)


def ignore(ident: str = WEB, expires: str = "2026-12-31", **more: str) -> Any:
    item = {"id": ident, "expires": expires, "reason": "soon", "approver": "@ann"}
    return scan(ignore=[{**item, **more}])


def sift(
    found: Sequence[Finding], *policies: Any, now: datetime = NOW
) -> list[Finding]:
    return sifted(found, policies, now)


def test_the_id_of_a_finding_is_check_resource_and_part() -> None:
    assert finding().id == WEB
    whole = Finding("surface-unknown", Severity.INFO, "Certificate", "shop", "x")
    assert whole.id == "surface-unknown:Certificate/shop"


def test_without_a_policy_nothing_changes() -> None:
    found = [finding(), finding("lock-missing")]
    assert sift(found) == found


def test_an_ignored_finding_is_listed_with_who_why_and_until_when() -> None:
    (one,) = sift([finding()], ignore())
    assert (one.standing, one.severity) == ("ignored", Severity.INFO)
    assert one.id == WEB
    assert "[ignored until 2026-12-31 by @ann: soon]" in one.message


@pytest.mark.parametrize(
    ("ident", "is_so"),
    [
        (WEB, True),
        ("web-csp:Certificate/shop:*", True),
        ("web-csp:Certificate/*", True),
        ("web-csp:Certificate/shop", False),
        ("web-hsts:Certificate/shop:www.shop.example", False),
        ("web-csp:Certificate/shop:shop.example", False),
        ("web-csp:Certificate/shop:[w]ww.shop.example", False),
    ],
)
def test_what_an_entry_is_about(ident: str, is_so: bool) -> None:
    (one,) = sift([finding()], ignore(ident))
    assert (one.standing == "ignored") is is_so


@pytest.mark.parametrize(
    ("expires", "last", "first"),
    [
        ("2027-02-28", "2027-02-28T23:59:59", "2027-03-01T00:00:00"),
        ("2028-02-29", "2028-02-29T23:59:59", "2028-03-01T00:00:00"),
        ("2026-12-31", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        # Clocks change in Europe on that day; the day is UTC's and has 24 hours.
        ("2027-03-28", "2027-03-28T23:59:59", "2027-03-29T00:00:00"),
        ("2027-10-31", "2027-10-31T23:59:59", "2027-11-01T00:00:00"),
    ],
)
def test_the_last_day_counts_and_then_it_is_back(
    expires: str, last: str, first: str
) -> None:
    entry = ignore(expires=expires)
    then, after = (datetime.fromisoformat(x).replace(tzinfo=UTC) for x in (last, first))
    assert sift([finding()], entry, now=then)[0].standing == "ignored"
    (back,) = sift([finding()], entry, now=after)
    assert (back.standing, back.severity) == ("", Severity.WARNING)
    assert f"[was ignored until {expires}]" in back.message
    assert [e.shown_code for e in check([entry], after)] == ["E504"]
    assert [f.code for f in ending([entry], then)] == ["exception-ends"]


@given(st.dates(date(2026, 1, 1), date(2035, 1, 1)), st.integers(-3, 3))
def test_it_is_ignored_up_to_its_day_and_no_longer(day: date, off: int) -> None:
    now = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(days=off)
    (one,) = sift([finding()], ignore(expires=day.isoformat()), now=now)
    assert (one.standing == "ignored") is (off <= 0)


def test_what_is_not_shown_is_counted_and_what_is_unknown_is_shown() -> None:
    found = [
        finding(level="info"),
        finding("web-hsts", "error"),
        finding("surface-unknown", "warning"),
        finding("domain-expired", "info"),
    ]
    seen = sift(found, scan(show="error"))
    assert [f.code for f in seen] == [
        "web-hsts",
        "surface-unknown",
        "domain-expired",
        "scan-hidden",
    ]
    assert seen[-1].message.endswith("1 info")
    # One that shows it is enough.
    assert finding(level="info") in sift(found, scan(show="error"), scan(show="info"))


def test_a_blocking_finding_fails_the_plan_and_no_action() -> None:
    def plan_of(*policies: Any) -> Plan:
        made = Plan("production", NOW, findings=(finding(level="error"),))
        return judge(made, policies, context())

    assert of_findings(plan_of()) == set()
    assert of_findings(plan_of(scan(block="error"))) == {Exit.DENIED}
    assert of_findings(plan_of(scan(block="critical"))) == set()
    assert of_findings(plan_of(scan(block="error"), scan())) == {Exit.DENIED}
    known = ignore()
    assert of_findings(plan_of(scan(block="error"), known)) == set()


def test_only_the_scan_is_judged() -> None:
    lapsing = Finding("domain-expired", Severity.CRITICAL, "Domain", "a.example", "x")
    entry = ignore("domain-expired:Domain/a.example")
    assert sift([lapsing], entry, scan(block="info")) == [lapsing]
    assert [e.shown_code for e in check([entry], NOW)] == ["E505"]


def test_an_entry_is_about_a_check_there_is_and_for_a_year_at_most() -> None:
    assert check([ignore()], NOW) == []
    (error,) = check([ignore("web-cps:Certificate/shop:x")], NOW)
    assert (error.shown_code, error.hint) == ("E505", "did you mean web-csp?")
    last = (NOW + LONGEST - timedelta(days=1)).date()
    assert check([ignore(expires=last.isoformat())], NOW) == []
    (error,) = check([ignore(expires="2099-12-31")], NOW)
    assert error.shown_code == "E507"
    assert error.at is not None
    assert error.at.file == "policies/agency:spec.ignore[0].expires"


ENTRY = (
    "{id: 'web-csp:Certificate/a:b', reason: soon, expires: 2026-12-31, approver: x}"
)
HEAD = "apiVersion: reconciler/v1\nScanPolicy/agency:\n"


def told(tmp_path: Path, body: str) -> list[str]:
    """What loading and checking a document says."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "scan.yaml").write_text(HEAD + body)
    try:
        found = load(WorkTree(tmp_path, "policies"), kinds=policy_kinds())
    except InventoryErrors as refused:
        return [str(error) for error in refused.errors]
    policies = [found.get(ref) for ref in found.refs()]
    return [str(error) for error in check(policies, NOW)]


def test_a_good_document_is_good(tmp_path: Path) -> None:
    body = f"  show: warning\n  block: critical\n  ignore:\n    - {ENTRY}\n"
    assert told(tmp_path, body) == []


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("expires: 2026-12-31, ", "", "scan.yaml:4:7: E121"),
        ("reason: soon, ", "", "scan.yaml:4:7: E121"),
        (", approver: x", "", "scan.yaml:4:7: E121"),
        ("reason: soon", "reason: ''", "scan.yaml:4:47: E"),
        ("2026-12-31", "tomorrow", "scan.yaml:4:62: E"),
        ("2026-12-31", "2027-02-29", "scan.yaml:4:62: E"),
        ("2026-12-31", "2026-12-31T10:00:00Z", "scan.yaml:4:62: E"),
        ("2026-12-31", "2099-12-31", "scan.yaml:4:62: E507"),
        ("2026-12-31", "2026-11-21", "scan.yaml:4:62: E504"),
        ("web-csp:", "web-cps:", "scan.yaml:4:12: E505"),
        ("web-csp:", "*:", "scan.yaml:4:12: E"),
        ("'web-csp:Certificate/a:b'", "everything", "scan.yaml:4:12: E"),
        ("approver:", "aprover:", "scan.yaml:4:"),
    ],
)
def test_bad_entries_are_refused_at_their_place(
    tmp_path: Path, old: str, new: str, start: str
) -> None:
    said = told(tmp_path, f"  ignore:\n    - {ENTRY.replace(old, new)}\n")
    assert any(f"policies/{start}" in one for one in said), said


@pytest.mark.parametrize(
    "body",
    ["  show: high\n", "  block: [critical]\n", "  ignore: 5\n", "  shwo: info\n"],
)
def test_bad_fields_are_refused_at_their_place(tmp_path: Path, body: str) -> None:
    said = told(tmp_path, body)
    assert said
    assert all("policies/scan.yaml:3:" in one for one in said)


def test_every_check_says_how_it_is_mended_and_is_in_the_documentation() -> None:
    from tests.house.tree import text

    page = text("docs/security-scan.md")
    assert {code for code in checks() if f"`{code}`" not in page} == set()
    assert all(mends for mends in checks().values())
