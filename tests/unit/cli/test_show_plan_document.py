"""A plan document as text: the urgent first, what belongs together together."""

from __future__ import annotations

import click
import pytest

from reconciler.cli.next_step import next_step
from reconciler.cli.show_plan import shown
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
