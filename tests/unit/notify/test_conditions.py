"""What holds after a run, and what is over: tables."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.audit import Outcome
from reconciler.model import Decision, Due, Ref, Severity, Verdict
from reconciler.notify import conditions, over
from reconciler.notify.notice import Subject
from tests.support.backups import Life
from tests.unit.notify.world import (
    NOW,
    action,
    domain,
    finding,
    plan,
    renew,
    seen,
    unread,
)

HELD = Verdict(Decision.HOLD, "ApprovalRule/money", "above 5 EUR", ("billing", "boss"))
FIRM = Verdict(Decision.HOLD, "built-in/once", "was done already", firm=True)
DENIED = Verdict(Decision.DENY, "Policy/no", "not on Fridays")
ORDER = Verdict(Decision.HOLD, "built-in/order", "waits for records", firm=True)
PENDING = Verdict(Decision.HOLD, "built-in/pending", "still deciding", firm=True)
DOUBT = Verdict(Decision.HOLD, "built-in/health", "stripe was not read", firm=True)
LOST = Verdict(Decision.HOLD, "built-in/outcome-unknown", "nobody knows", firm=True)


def told(made, **more):
    return [(c.event, str(c.severity)) for c in conditions(seen(made, **more))]


def test_nothing_is_told_of_nothing():
    assert conditions(seen(plan())) == []


@pytest.mark.parametrize(
    ("made", "events"),
    [
        (finding(), [("incident", "critical")]),
        (finding(severity=Severity.ERROR), [("urgent", "error")]),
        (finding(severity=Severity.WARNING), []),
        (finding("domain-expires", Severity.WARNING), [("window-opened", "warning")]),
        (finding("domain-expires", Severity.INFO), []),
    ],
)
def test_findings(made, events):
    assert told(plan(findings=[made])) == events


@pytest.mark.parametrize(
    ("expires", "verdicts", "attempt", "events"),
    [
        (40, [HELD], 1, [("held", "warning")]),
        (40, [FIRM], 1, [("held", "warning")]),
        (40, [DENIED], 1, [("held", "error")]),
        (20, [HELD], 1, [("urgent", "error")]),
        (40, [], 1, [("window-opened", "warning")]),
        (40, [], 2, [("failed", "error")]),
        (40, [HELD], 2, [("held", "warning")]),
        (40, [ORDER], 1, []),
        (40, [LOST], 1, []),
        (40, [PENDING], 1, []),
        (20, [DOUBT], 1, []),
        (40, [DOUBT, HELD], 1, [("held", "warning")]),
        (40, [ORDER, HELD], 1, [("held", "warning")]),
    ],
)
def test_actions(expires, verdicts, attempt, events):
    made = action(renew(expires=expires), attempt=attempt, verdicts=tuple(verdicts))
    assert told(plan(made)) == events


def test_a_hold_says_who_is_missing_and_what_to_type():
    waits = action(renew(expires=40), verdicts=(HELD,))
    (one,) = conditions(seen(plan(waits)))
    assert one.details[0] == "ApprovalRule/money: above 5 EUR, needs billing + boss"
    assert "apply-approved" in one.details[1]
    assert one.command == (
        "git commit -S --allow-empty -m 'approve: renew Domain/a.example' "
        f"--trailer 'Reconciler-Approve: {waits.digest}' && git push"
    )
    assert str(one.money) == "15.00 USD"
    assert one.due == NOW + timedelta(days=40)


def test_on_loopback_a_word_counts():
    waits = action(renew(expires=40), verdicts=(HELD,))
    (one,) = conditions(seen(plan(waits))._replace(loopback=True))
    select = "reconciler --select Domain/a.example"
    assert one.command == (
        f"{select} plan --out plan.json && {select} apply "
        f"--approve {plan(waits).digest} --approved-plan plan.json"
    )
    assert len(one.details) == 1


@pytest.mark.parametrize("verdict", [FIRM, DENIED])
def test_what_no_approval_lifts_has_no_command_that_approves(verdict):
    (one,) = conditions(seen(plan(action(renew(expires=40), verdicts=(verdict, HELD)))))
    assert one.command == "reconciler explain Domain/a.example"


def test_a_failure_carries_the_vendors_words():
    failing = action(renew(expires=40), attempt=2)
    outcome = Outcome(
        id=failing.id,
        key=failing.key,
        time=NOW,
        env="main",
        kind="Domain",
        name="a.example",
        uid="a.example",
        verb="renew",
        status="failed",
        error="insufficient funds",
        request_id="req-7",
    )
    (one,) = conditions(seen(plan(failing), outcomes=[outcome]))
    assert one.summary == "failed: renew: expires soon"
    assert one.details[:2] == (
        "the vendor says: insufficient funds",
        "the vendor's request: req-7",
    )


def test_a_lost_outcome_says_how_to_settle_it():
    said = finding(
        "outcome-unknown", message="lost; settle it with `reconciler settle ab12`"
    )
    two = finding(
        "outcome-unknown", message="lost; settle it with `reconciler settle cd34`"
    )
    found = conditions(seen(plan(findings=[said, two])))
    assert [c.about for c in found] == ["outcome-unknown/ab12", "outcome-unknown/cd34"]
    assert found[0].command.startswith("reconciler settle ab12 --happened")


def test_the_same_code_twice_is_one_thing():
    same = [finding(message=f"record {n} dangles") for n in range(3)]
    (one,) = conditions(seen(plan(findings=same)))
    assert one.details == ("record 1 dangles", "record 2 dangles")


def test_few_unreadable_things_are_told_each_and_many_as_their_account():
    few = [unread(f"{n}.example") for n in range(3)]
    assert [c.subject.kind for c in conditions(seen(plan(unknown=few)))] == [
        "Domain"
    ] * 3
    many = [unread(f"{n}.example") for n in range(4)]
    (one,) = conditions(seen(plan(unknown=many)))
    assert str(one.subject) == "Provider/acct"
    assert one.about == "acct/domain"
    assert "4 cannot be read since 2026-11-22 06:00 UTC: no answer" in one.summary


def test_an_account_that_does_not_answer_is_an_alarm_only_when_that_lasts():
    many = [unread(f"{n}.example") for n in range(4)]
    said = finding("account-unreadable", Severity.ERROR, "acct", kind="Provider")
    assert told(plan(findings=[said], unknown=many)) == [("unknown", "error")]
    wrong = finding("wrong-account", Severity.CRITICAL, "acct", kind="Provider")
    assert ("incident", "critical") in told(plan(findings=[wrong], unknown=many))


def test_the_day_of_harm_is_told_with_a_finding():
    due = Due(NOW + timedelta(days=5), "Domain", "a.example", "renews")
    (one,) = conditions(seen(plan(findings=[finding()], due=[due])))
    assert one.due == due.at


def test_the_order_is_that_of_the_names_whatever_the_plan_s():
    some = [finding(name=f"{c}.example") for c in "cab"]
    forward = conditions(seen(plan(findings=some)))
    assert forward == conditions(seen(plan(findings=some[::-1])))


class TestOver:
    A = Subject("Domain", "uid-a.example", "a.example")

    def test_what_nobody_looked_at_is_not_over(self):
        is_over = over(seen(plan(), looked=lambda ref: ref.name != "a.example"))
        assert not is_over(self.A, "incident/x")
        assert over(seen(plan()))(self.A, "incident/x")

    def test_what_cannot_be_read_is_not_over(self):
        is_over = over(seen(plan(unknown=[unread()])))
        assert not is_over(self.A, "incident/x")
        assert is_over(Subject("Domain", "uid-b.example", "b.example"), "incident/x")

    def test_what_was_not_its_turn_is_not_over(self):
        """A witness that did not get to it, which makes no plan incomplete."""
        blind = seen(plan())._replace(blind=lambda subject: subject == self.A)
        assert not over(blind)(self.A, "incident/x")
        assert over(blind)(self.A, "unknown/acct/domain")

    def test_unreadable_is_over_for_the_share_that_was_read(self):
        is_over = over(seen(plan(unknown=[unread()])))
        assert not is_over(self.A, "unknown/acct/domain")
        assert is_over(self.A, "unknown/dns/dns")
        account = Subject("Provider", "acct", "acct")
        assert not is_over(account, "unknown/acct/domain")
        assert is_over(account, "unknown/acct/dns")

    def test_what_failed_is_over_when_it_is_not_planned_any_more(self):
        failing = action(renew(), domain(), "id-1", attempt=2)
        assert not over(seen(plan(failing)))(self.A, "failed/id-1")
        assert over(seen(plan()))(self.A, "failed/id-1")

    def test_another_name_of_the_same_uid_is_the_same(self):
        made = plan(unknown=[unread("new.example")])
        look = seen(made)._replace(uid=lambda _ref: "uid-a.example")
        assert not over(look)(self.A, "incident/x")
        assert look.subject(*Ref("Domain", "new.example")).uid == "uid-a.example"


@pytest.mark.parametrize(
    ("late", "events"),
    [(timedelta(hours=15), []), (timedelta(hours=23), [("urgent", "warning")])],
)
def test_what_comes_every_night_is_told_only_where_it_is_urgent(late, events):
    life = Life()
    for _ in life.live(5):
        pass
    life.now += late - timedelta(days=1)
    due = [one for one in life.due() if one.verb in {"back-up", "copy", "check"}]
    assert due
    made = [action(one, want=life.want) for one in due]
    assert told(plan(*made, now=life.now)) == events
