"""What clients pay stands beside what we pay, in every form; and what is under way."""

from __future__ import annotations

import json
from datetime import timedelta

import click
import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.due_command import lines
from reconciler.cli.next_step import next_step
from reconciler.cli.show_plan import shown
from reconciler.engine.plan_schema import plan_schema
from reconciler.report.agenda import agenda, agenda_data, coming
from reconciler.report.annotations import workflow_commands
from reconciler.report.html import html
from reconciler.report.ics import ics
from reconciler.report.markdown import markdown
from reconciler.report.sarif import sarif
from reconciler.report.words import charged, counts, paid, standing
from tests.support.plans import charge, due, held, paying, pending, plan, renewal

ALL = "4,985.20 EUR"
WAY = "the gateway is still deciding about the payment"


@pytest.fixture(scope="module")
def made():
    return paying()


def text(made, view="changes", width=None):
    return click.unstyle(shown(made, view, width))


def test_the_document_is_one(made):
    Draft202012Validator(json.loads(plan_schema())).validate(made)


def test_the_two_sums_are_never_one(made):
    assert (paid(made), charged(made)) == ("12.00 USD", ALL)
    same = plan([renewal(cost="1.00"), charge(amount="1.00", currency="USD")])
    assert (paid(same), charged(same)) == ("1.00 USD", "1.00 USD")


def test_how_many_are_under_way(made):
    assert counts(made["actions"]) == "414 to do, 1 held, 3 under way"
    both = pending(charge())
    both["policy"].append({"rule": "Freeze/f", "decision": "hold", "why": "no"})
    assert standing(both) == "hold"
    assert standing(pending(charge())) == "pending"


def test_a_terminal_says_it_once_for_all(made):
    said = text(made)
    assert (
        "allow   charge     same charge on 412 Subscription documents  stripe  "
        f"clients pay {ALL}\n        client000, client001, client002 and 409 more"
    ) in said
    assert "Subscription/held-first  stripe  held of client 39.00 EUR" in said
    assert (
        "hold    charge     Subscription/dear  stripe  client pays 1,250.00 EUR" in said
    )
    assert (
        "pending charge     Subscription/sepa0  stripe  client pays 20.00 EUR" in said
    )
    assert f"built-in/pending: {WAY}" in said
    assert (
        "414 to do, 1 held, 3 under way · we pay 12.00 USD · clients pay 4,985.20 EUR"
    ) in said
    assert ["we", "pay", "clients", "pay"] in [
        line.split() for line in said.splitlines()
    ]


def test_ten_seconds_are_enough(made):
    rows = [line.split() for line in text(made, "summary").splitlines()]
    assert ["allow", "charge", "412", "clients", "pay", *ALL.split()] in rows
    assert ["pending", "charge", "3", "sepa0,", "sepa1,", "sepa2", "clients", "pay", "60.00", "EUR"] in rows  # fmt: skip


def test_what_is_under_way_asks_for_nothing():
    step = next_step(plan([pending(charge())]))
    assert "needs" not in step
    assert "apply" not in step


@pytest.mark.parametrize("width", [None, 100, 72])
def test_what_is_due_says_whose_money_it_is(made, width):
    rows = list(lines(made, timedelta(days=30), full=False, width=width))
    said = click.unstyle("\n".join(rows))
    assert said.endswith(
        "2 things until 2026-12-22 · we pay 12.00 USD · clients pay 1,716.00 EUR · "
        "nothing for you"
    )
    if width == 72:
        assert "clients pay 1,716.00 EUR  auto" in said
        assert max(map(len, said.splitlines()[:-1])) <= 72
    else:
        head, first, second = said.splitlines()[:3]
        assert head.split() == ["we", "pay", "clients", "pay"]
        assert first.index("12.00 USD") + 9 == head.index("we pay") + len("we pay")
        assert second.index("1,716.00 EUR") + 12 == len(head)


def test_what_is_due_is_data_without_commas(made):
    data = agenda_data(made)
    assert (data["cost"], data["charge"]) == ("12.00 USD", "1716.00 EUR")
    line = agenda(made)[1].lines[0]
    assert (line.cost, line.charge, line.payer) == ("", "1,716.00 EUR", "client pays")
    assert "client pays 1716.00 EUR" in ics(made).decode().replace("\r\n ", "")


def test_what_is_under_way_needs_nobody_when_it_is_due():
    moment = "2026-12-01T08:00:00Z"
    item = due("acme", moment, kind="Subscription", what="is charged", cost=None)
    (way,) = coming(plan([pending(charge(due=moment))], due=[item]))
    assert (way.what, way.by) == ("is charged, under way", "auto")
    (waits,) = coming(plan([held(charge(due=moment))], due=[item]))
    assert (waits.what, waits.by) == ("is charged, held", "you")


def test_a_comment_says_both_and_what_is_under_way_by_itself(made):
    said = markdown(made)
    assert (
        "For what is to do, we pay **12.00 USD**, clients pay **4,985.20 EUR**." in said
    )
    assert "`charge` same charge on 412 `Subscription` at `stripe`" in said
    assert f"clients pay **{ALL}**" in said
    assert "held of clients **39.00 EUR**" in said
    grave, _, rest = said.partition("#### Under way, nobody has to act (3)")
    assert "#### Money and deletion (414)" in grave
    assert "sepa" not in grave
    assert rest.lstrip().startswith("- **under way** `charge` same charge on 3")
    assert "client pays `1,716.00 EUR`" in said
    assert "needs the approval" not in rest


def test_code_scanning_is_told_of_holds_alone(made):
    results = json.loads(sarif(made))["runs"][0]["results"]
    (only,) = [one["message"]["text"] for one in results]
    assert only.startswith("charge Subscription/dear at stripe: 1250.00 EUR of")
    assert "client pays 1,250.00 EUR" in only


def test_annotations_say_what_all_of_them_pay(made):
    said = workflow_commands(made)
    assert f"the same 411 times more; all of them%3A clients pay {ALL}" in said or (
        f"the same 411 times more; all of them: clients pay {ALL}" in said
    )
    assert "::notice" in said
    assert "pending: charge Subscription/sepa0" in said.replace("%3A", ":")
    assert f"we pay 12.00 USD · clients pay {ALL}" in said


def test_a_page_without_a_script_says_the_same(made):
    page = html(made)
    assert f"to do: charge Subscription at stripe, clients pay {ALL}" in page
    assert '<span class="tag pending">under way</span>' in page
    for much, of in (
        (ALL, "clients pay for what is to do"),
        ("1,250.00 EUR", "clients would pay for what is held"),
        ("60.00 EUR", "clients pay, under way"),
        ("3", "under way"),
    ):
        assert f'<span class="much">{much}</span> <span class="of">{of}</span>' in page
    assert "<small>held of client</small> 39.00 EUR" in page
