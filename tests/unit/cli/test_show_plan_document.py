"""A plan document as text: the urgent first, what belongs together together."""

from __future__ import annotations

import click
import pytest

from reconciler.cli.next_step import next_step
from reconciler.cli.show_plan import shown
from reconciler.cli.show_watched import Watch, watched
from reconciler.engine import Accounts
from reconciler.model import Share
from tests.support.plans import (
    action,
    changed,
    denied,
    due,
    finding,
    held,
    of_site,
    plan,
    renewal,
    rich,
    unknown,
    unmanaged,
)


def text(made, view="changes", **options):
    return click.unstyle(shown(made, view, **options))


def test_what_is_critical_comes_before_everything():
    lines = text(rich()).splitlines()
    assert lines[0].endswith("commit bbbbbbb · snapshot 2 h old")
    assert lines[1].split()[:2] == ["CRITICAL", "Domain/oldshop.example"]
    assert lines[2].split()[:2] == ["CRITICAL", "Domain/lapsed.example"]
    assert text(rich()).count("CRITICAL") == 2
    assert lines[-2].startswith("451 to do, 4 held, 1 denied · we pay 21.50 USD")
    assert lines[-1].startswith("next: reconciler explain Domain/oldshop.example · ")


def test_a_profile_is_one_block_with_its_sites():
    lines = text(rich()).splitlines()
    at = lines.index("SiteProfile/wp-shop: 212 sites, 424 actions")
    assert lines[at + 1].split()[:5] == ["allow", "create", "same", "change", "on"]
    assert lines[at + 1].startswith("  allow")
    site = "Site/novalaw.example  inventory/clients/novalaw.yaml:5:1"
    assert f"{site} -> 2 resources; we pay 0.00, clients pay 120.00 EUR" in lines
    summary = text(rich(), "summary").splitlines()
    assert "SiteProfile/wp-shop: 212 sites, 424 actions" in summary
    assert not [line for line in summary if "shop000.example" in line]
    totals = [" ".join(line.split()) for line in summary if line.startswith("allow")]
    assert "allow create 213" in totals
    assert "allow renew 2 bakkerij.example, fietsenmaker.example 21.50 USD" in totals
    full = text(rich(), "full")
    assert full.count("shop000.example") == 4


def test_a_site_stands_over_what_it_makes_with_its_place_and_its_count():
    alias = action("b.example", "create")
    one = [
        of_site(alias, "a.example", "p", line=9),
        of_site(action("a.example", "create"), "a.example", "p"),
        of_site(renewal("a.example"), "a.example", "p"),
    ]
    at = "inventory/clients/a.yaml:5:1"
    lines = text(plan(one)).splitlines()
    head = f"Site/a.example  {at} -> 2 resources, 3 actions; we pay 10.42 USD"
    assert lines[1] == head
    assert lines[2].startswith("  allow")
    alone = text(plan(one[:1])).splitlines()
    assert alone[1].endswith("a.yaml:9:1 -> 1 resource; we pay 0.00")
    two = [*one, of_site(action("c.example", "create"), "c.example", "p")]
    assert text(plan(two)).splitlines()[1:4] == [
        "SiteProfile/p: 2 sites, 4 actions; we pay 10.42 USD",
        f"  Site/a.example {at}",
        "  Site/c.example inventory/clients/c.yaml:5:1",
    ]


def test_a_finding_of_one_site_is_where_the_site_is_and_of_many_where_they_share():
    profile = {"file": "inventory/profiles.yaml", "line": 9, "column": 3}
    entry = {"file": "inventory/clients/a.yaml", "line": 5, "column": 1}
    one = finding("a.example", source=profile, entry=entry)
    assert text(plan(findings=[one])).splitlines()[3].endswith("clients/a.yaml:5:1")
    two = [one, finding("b.example", source=profile, entry={**entry, "line": 6})]
    for line in text(plan(findings=two)).splitlines()[3:5]:
        assert line.endswith("inventory/profiles.yaml:9:3")


def test_within_a_wave_money_and_deletion_come_first():
    made = [
        action("a.example", wave=0),
        held(action("b.example", "prune", risk="destructive", wave=0)),
        renewal("c.example", wave=0),
        denied(renewal("d.example", wave=0)),
        action("e.example", "lock", wave=1),
        renewal("f.example", wave=1),
    ]
    lines = text(plan(made)).splitlines()
    words = ("allow", "hold", "deny")
    order = [line.split()[2] for line in lines if line.startswith(words)]
    names = ("d", "c", "b", "a", "f", "e")
    assert order == [f"Domain/{name}.example" for name in names]


def test_what_cannot_be_seen_is_spelled_out():
    hostile = "\x1b[2Jx\u202e\n::error::y"
    one = action(hostile, hostile, because=hostile, changes=[changed(hostile, hostile)])
    made = plan(
        [held(one, hostile, hostile, hostile)],
        findings=[finding(hostile, message=hostile)],
        unknown=[unknown(hostile, hostile, hostile)],
        unmanaged=[unmanaged(hostile, hostile)],
        due=[due(hostile, what=hostile)],
        env=hostile,
        commit=hostile,
    )
    out = text(made)
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert not [line for line in out.splitlines() if line.startswith("::")]
    assert "\\u{1b}[2Jx\\u{202e} ::error::y" in out


def test_what_is_unmanaged_can_be_adopted_by_pasting():
    made = plan(unmanaged=[unmanaged(), unmanaged("y.example", "a b; rm -rf ~")])
    lines = text(made).splitlines()
    assert (
        "  to adopt 1: reconciler import Provider/porkbun-main --kind Domain" in lines
    )
    quoted = "reconciler import 'Provider/a b; rm -rf ~' --kind Domain"
    assert f"  to adopt 1: {quoted}" in lines


def test_much_that_is_the_same_and_due_is_one_line():
    made = plan(due=[due(f"d{n}.example") for n in range(44)])
    lines = text(made).splitlines()
    assert [" ".join(line.split()) for line in lines if "2026-12-01" in line] == [
        "2026-12-01 44 x Domain renews (registrar) 458.48 USD"
    ]


def test_a_summary_says_how_much_and_where_the_rest_is():
    made = plan(
        [held(action("a.example"), "R/x", "y", "ops"), denied(action("b.example"))],
        findings=[
            finding(severity="critical", message="is lame"),
            finding(severity="error", message="is dull"),
            finding(severity="info", message="is new"),
        ],
        due=[due(), due("other.example", by="you")],
        unmanaged=[unmanaged()],
    )
    lines = text(made, "summary").splitlines()
    shown = [" ".join(line.split()) for line in lines[1:]]
    assert shown[0].startswith("CRITICAL")
    assert shown[1].startswith("deny records 1 b.example")
    assert shown[2].startswith("hold records 1 a.example needs ops")
    assert shown[3:6] == [
        "due 2 things, 1 for YOU: reconciler due",
        "found 1 error: reconciler plan",
        "outside 1 thing declared nowhere, left alone: reconciler drift",
    ]
    assert "is dull" not in "\n".join(shown)


@pytest.mark.parametrize(("number", "named"), [(5, 5), (6, 3), (400, 3)])
def test_many_findings_of_one_sort_are_not_a_wall(number, named):
    same = [finding(f"d{n}.example", "error", message="is dull") for n in range(number)]
    other = finding("z.example", "error", message="is lame", code="lame")
    made = plan(findings=[*same[:4], other, *same[4:]])
    lines = text(made).splitlines()
    assert sum("is dull" in line for line in lines) == named
    assert sum("is lame" in line for line in lines) == 1
    more = [line for line in lines if "more of" in line]
    assert [line.split()[1:3] for line in more] == (
        [["and", str(number - named)]] if number > named else []
    )
    assert sum("is dull" in line for line in text(made, "full").splitlines()) == number


def test_what_could_not_be_read_is_named_where_it_is_one():
    foot = text(plan(unknown=[unknown("a.example")])).splitlines()[-2]
    assert foot.endswith("INCOMPLETE: 1 could not be read (Domain/a.example)")
    two = plan(unknown=[unknown("a.example"), unknown("b.example")])
    assert text(two).splitlines()[-2].endswith("INCOMPLETE: 2 could not be read")


WATCHED = Watch(frozenset({"tls", "rdap"}), 71.4, accounts=False)


def test_where_nothing_is_managed_the_way_on_is_an_account():
    undated = [
        finding(f"{n}.example", "info", code="no-expiry-date") for n in range(41)
    ]
    made = plan(findings=[*undated, finding(severity="critical")])
    *_, foot, advice = text(made, watch=WATCHED).splitlines()
    assert foot == (
        "0 actions (nothing is managed yet) · RDAP, TLS · 71 s · "
        "41 domains: the registry publishes no expiry date"
    )
    assert advice.endswith(
        " · reconciler init --provider NAME=TYPE, then reconciler import --all "
        "for what your accounts have"
    )
    has = text(made, watch=WATCHED._replace(accounts=True))
    assert "--provider" not in has
    assert "reconciler import --all" in has


@pytest.mark.parametrize(
    ("shares", "failed", "seen"),
    [
        ([("public", "rdap"), ("public", "tls")], {}, {"rdap", "tls"}),
        ([("public", "rdap"), ("main", "domain")], {}, None),
        ([("public", "rdap")], {"main": "no secret"}, None),
        ([], {}, None),
    ],
)
def test_nothing_is_managed_only_where_nobody_but_anyone_is_asked(shares, failed, seen):
    drivers = {Share(*share): None for share in shares}
    found = watched(Accounts(drivers, {}, failed), ["public", "main"], 1.0)
    assert found == (seen and Watch(frozenset(seen), 1.0, accounts=True))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (plan(), "next: edit a line, reconciler plan, open a pull request"),
        (plan([action()]), "next: reconciler apply does 1 action"),
        (
            plan([held(action(), "R/x", "y", "money", "billing")]),
            "next: what is held needs billing, money (digest 51be07a1c2d3e4f5)",
        ),
        (
            plan([{**denied(action()), "needs": ["ops"]}]),
            "next: edit a line, reconciler plan, open a pull request",
        ),
        (
            plan(unknown=[unknown()]),
            "next: reconciler doctor says why an account cannot be read",
        ),
        (
            plan(findings=[finding("a; rm x", "critical")]),
            "next: reconciler explain 'Domain/a; rm x'",
        ),
    ],
)
def test_there_is_always_a_next_step(made, said):
    assert next_step(made) == said
