"""A new name is no new debt: renamed, moved, deleted and added again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.audit import Base
from reconciler.engine.desired import based, moved
from reconciler.engine.heirs import Remembered
from reconciler.engine.observe import Accounts, World
from reconciler.engine.plan import Situation, plan
from reconciler.inventory import load
from reconciler.kinds.hosting_account import HOSTING, HostingState
from reconciler.kinds.subscription import BILLING, Bill, BillingState
from reconciler.model import Decision, Money, Observation, OpClass, Share
from tests.unit.engine.made import Told
from tests.unit.inventory.tree import HEAD, Texts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT, HOME = Share("stripe-main", BILLING), Share("whm-1", HOSTING)
KINDS = frozenset(("Subscription",))
HOUSE = (
    HEAD
    + """\
Provider/whm-1: {type: whm, credentials: {user: {env: U}, token: {env: T}}}
Provider/stripe-main: {type: stripe, credentials: {key: {env: S}}}
HostingPlan/small: {price: 9.00 EUR/month, packages: {whm: s}}
Customer/c: {legalName: C, country: NL, payment: {primary: card, consent: {reference: x, date: 2026-01-01, max: 50.00 EUR}}}
PaymentMethod/card: {customer: c, provider: stripe-main, token: pm_1}
"""
)
ACCOUNT = f"{HEAD}HostingAccount/a.example: {{provider: whm-1, plan: small}}\n"
SINCE = "since: 2026-03-05"


def sold(name, more="", since=SINCE, covers="HostingAccount/a.example"):
    fields = f"customer: c, {since}, covers: [{covers}]"
    return f"Subscription/{name}: {{{fields}{more}}}\n"


def tree(**files):
    texts = {"house": HOUSE, "account": ACCOUNT, **files}
    return load(
        Texts({f"inventory/{name}.yaml": text.encode() for name, text in texts.items()})
    )


OLD = tree(sold=HEAD + sold("old"))
KNOWN = {"at": "2026-01-01T00:00:00+00:00", "collector": "reconciler"}


def invoice(begins, ends, **more):
    return {
        "at": "2026-02-01T00:00:00+00:00",
        "provider": "stripe-main",
        "id": "in_1",
        "number": "1",
        "total": "9.00 EUR",
        "begins": begins,
        "ends": ends,
        "due": begins,
        "covers": ["HostingAccount/a.example"],
        **more,
    }


class Billing(Told):
    can = dict.fromkeys(("invoice", "charge", "void", "suspend"), OpClass.KEYED)


OPEN = Bill(
    period="2026-03-01",
    id="in_2",
    state="open",
    total=Money.model_validate("9.00 EUR"),
    left=Money.model_validate("9.00 EUR"),
    paid=Money.model_validate("0.00 EUR"),
)


def planned(now, before=OLD, base=None, bills=(), **records):
    """The plan of the tree *now*; the records by uid (every one knows the engine)."""
    trees = {"before": before}
    base = base or Base(commit="before" if before else None)
    was = based(now, base, trees.__getitem__, KINDS)
    facts = {uid: {"known": KNOWN, **each} for uid, each in records.items()}
    wants = [
        want.recalling(lambda uid=want.uid: facts.get(uid, {"known": KNOWN}))
        for want in now.of("Subscription")
    ]
    names = {want.name: BillingState(way="invoice", bills=bills) for want in wants}
    accounts = now.of("HostingAccount")
    running = HostingState(account="a", domain="a.example", package="s")
    at_home = {want.name: running for want in accounts}
    world = World({AT: Observation(names), HOME: Observation(at_home)})
    past = [Remembered(uid, "", each) for uid, each in facts.items()]
    situation = Situation(
        env="main",
        wants=[*accounts, *wants],
        base=was.resources,
        orphans=was.orphans,
        leaders=wants,
        past=lambda kind: past if kind == "Subscription" else (),
    )
    return plan(
        situation, world, Accounts({AT: Billing({}), HOME: Billing({})}, {}), now=NOW
    ), was


def ids(found):
    return {a.id for a in found.actions if a.decision is Decision.ALLOW}


def holds(found):
    return [
        v.why
        for a in found.actions
        for v in a.verdicts
        if v.rule == "built-in/billed-once" and v.firm
    ]


def codes(found):
    return {f.code for f in found.findings}


BEFORE, _ = planned(OLD)


def test_the_plan_before_is_to_bill_once():
    assert len(ids(BEFORE)) == 1
    assert "renamed-without-uid" not in codes(BEFORE)


PROFILE = (
    f"{HEAD}SiteProfile/p: {{HostingAccount: {{plan: small}}, Subscription: {{}}}}\n"
)
SITE = f"{PROFILE}Site/a.example: {{profile: p, customer: c, server: whm-1, account: a, {SINCE}"
SAME = {
    "renamed with its uid": {"sold": HEAD + sold("new", ", uid: old")},
    "moved to another file": {"z__elsewhere": HEAD + sold("old")},
    "moved into a site": {
        "account": SITE + ", with: {Subscription: {uid: old}}}\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("way", SAME)
def test_what_goes_on_under_another_name_or_place_is_the_same(way):
    found, was = planned(tree(**SAME[way]))
    assert ids(found) == ids(BEFORE), found.findings
    assert (holds(found), was.orphans) == ([], ())
    assert not codes(found) & {"renamed-without-uid", "orphaned"}
    billed = {"bill/2026-03-05/renewal/0/invoice": invoice("2026-03-05", "2026-04-05")}
    assert not [
        a
        for a in planned(tree(**SAME[way]), old=billed)[0].actions
        if a.change.verb == "invoice"
    ]


def test_a_site_of_the_same_name_goes_on_too():
    before = tree(account=ACCOUNT + sold("a.example"))
    found, _ = planned(tree(account=SITE + "}\n"), before)
    assert ids(found) == ids(planned(before, before)[0]) != set()
    assert holds(found) == []


NEW = tree(sold=HEAD + sold("new"))
SAID = "Subscription/old covered the same and is gone: write uid: old"


@pytest.mark.parametrize("way", ["document", "site"])
def test_without_the_uid_nothing_is_done(way):
    now = NEW if way == "document" else tree(account=SITE + "}\n")
    found, was = planned(now)
    assert ids(found) == set()
    (why,) = holds(found)
    assert why.startswith(SAID)
    (told,) = (f for f in found.findings if f.code == "renamed-without-uid")
    assert told.message.startswith(SAID)
    assert told.source is not None
    assert [gone.name for gone in was.orphans] == ["old"]


def test_it_is_asked_again_until_it_is_answered():
    base = Base(commit="before")
    _, was = planned(NEW)
    after = moved(NEW, base, was, head="now", open_refs=(), kinds=KINDS)
    assert after == Base(commit="now", exceptions={"Subscription/old": "before"})
    trees = {"before": OLD, "now": NEW}
    again = based(NEW, after, trees.__getitem__, KINDS)
    assert [gone.name for gone in again.orphans] == ["old"]
    answered = tree(sold=HEAD + sold("new", ", uid: old"))
    settled = based(answered, after, trees.__getitem__, KINDS)
    assert settled.orphans == ()
    last = moved(answered, after, settled, head="last", open_refs=(), kinds=KINDS)
    assert last == Base(commit="last")


def test_who_takes_a_place_without_a_word_leads_nobody():
    """Or a new name would lift, or make, the suspension of what somebody paid for."""
    text = ", state: suspended"
    led, _ = planned(tree(sold=HEAD + sold("old", text)))
    assert {a.change.verb for a in led.actions} == {"suspend"}
    misled, _ = planned(tree(sold=HEAD + sold("new", text)))
    assert {a.change.verb for a in misled.actions} == set()


def test_what_covers_something_else_is_nobodys_heir():
    now = tree(
        sold=HEAD
        + "Domain/b.example: {provider: none, lifecycle: observe}\n"
        + sold("new", ", price: 9.00 EUR/month", covers="Domain/b.example")
    )
    found, was = planned(now)
    assert len(ids(found)) == 1
    assert [gone.name for gone in was.orphans] == ["old"]


def test_an_ended_one_leaves_its_place():
    ended = tree(sold=HEAD + sold("old", ", state: terminated"))
    both = tree(sold=HEAD + sold("old", ", state: terminated") + sold("new"))
    for now, before in ((both, OLD), (both, ended), (NEW, ended), (NEW, both)):
        found, _ = planned(now, before)
        assert (len(ids(found)), holds(found)) == (1, [])


FIRST = "bill/2026-03-05/renewal/0"
BILLED = {f"{FIRST}/invoice": invoice("2026-03-05", "2026-04-05")}


@pytest.mark.parametrize("before", [None, NEW], ids=["no base", "long gone"])
def test_the_records_outlive_the_document(before):
    """Deleted, applied, and added again under another uid: the days are paid for."""
    found, _ = planned(NEW, before, old=BILLED)
    assert ids(found) == set()
    assert holds(found) == [
        "2026-03-05 to 2026-04-05 was billed as Subscription/old (uid old)"
    ]


def test_deleted_and_added_again_it_is_what_it_was():
    found, _ = planned(OLD, None, old=BILLED)
    assert [a for a in found.actions if a.change.verb == "invoice"] == []


def test_only_days_that_were_billed_and_what_was_covered_count():
    other = {
        f"{FIRST}/invoice": invoice(
            "2026-03-05", "2026-04-05", covers=["Domain/x.example"]
        )
    }
    earlier = {f"{FIRST}/invoice": invoice("2026-02-05", "2026-03-05")}
    later = {f"{FIRST}/invoice": invoice("2026-04-05", "2026-05-05")}
    fenced = {**BILLED, f"{FIRST}/void": {"at": NOW.isoformat(), "provider": "x"}}
    purpose = {"bill/2026-03-05/setup/0/invoice": invoice("2026-03-05", "2026-04-05")}
    moved_on = {
        **other,
        "bill/2026-02-05/renewal/0/invoice": invoice("2026-02-05", "2026-03-05"),
    }
    for facts in (other, earlier, later, fenced, purpose, moved_on):
        found, _ = planned(NEW, None, old=facts)
        assert (len(ids(found)), holds(found)) == (1, []), facts
    part = {f"{FIRST}/invoice": invoice("2026-02-20", "2026-03-20")}
    assert holds(planned(NEW, None, old=part)[0])


def test_a_record_from_before_names_were_kept_with_each_bill_counts_too():
    bare = {
        k: v for k, v in invoice("2026-03-05", "2026-04-05").items() if k != "covers"
    }
    names = {"names": ["HostingAccount/a.example"]}
    found, _ = planned(NEW, None, old={f"{FIRST}/invoice": bare, "covers": names})
    assert holds(found)


def test_an_open_bill_is_not_charged_beside_another():
    """Whatever happened: two bills for one thing are a person's to look at."""
    now = tree(sold=HEAD + sold("new", since="since: 2026-03-01"))
    facts = {"bill/2026-03-01/renewal/0/invoice": invoice("2026-03-01", "2026-04-01")}
    alone, _ = planned(now, None, bills=(OPEN,), new=facts)
    assert [a.change.verb for a in alone.actions if a.id in ids(alone)] == ["charge"]
    found, _ = planned(now, None, bills=(OPEN,), new=facts, old=BILLED)
    assert (ids(found), len(holds(found))) == (set(), 1)
