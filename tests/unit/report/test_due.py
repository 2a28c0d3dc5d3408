"""What is coming due: by day, by whom, and as a calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from reconciler.cli.due_command import lines
from reconciler.report.agenda import agenda, agenda_data
from reconciler.report.ics import ics
from tests.support.plans import action, denied, due, held, plan, renewal, rich, unknown

WEEK = timedelta(days=7)


def said(made, horizon=WEEK, *, full=False):
    return click.unstyle("\n".join(lines(made, horizon, full=full)))


def test_a_week_reads_by_day_with_cost_and_who_sees_to_it():
    card = due("corp-visa", "2026-11-27T09:00:00Z", kind="PaymentMethod", what="ends; funds 211 domains", cost=None, by="you")  # fmt: skip
    late = due("lapsed.example", "2026-11-20T00:00:00Z", what="expires, as wanted", by="nobody")  # fmt: skip
    shown = said(plan(due=[card, due(at="2026-11-26T23:59:59Z"), late])).splitlines()
    assert shown[0].split() == [
        "Fri", "2026-11-20", "Domain/lapsed.example", "expires,", "as", "wanted",
        "10.42", "USD", "nobody,", "as", "wanted", "LATE",
    ]  # fmt: skip
    assert shown[1].startswith("Thu 2026-11-26  Domain/d.example ")
    assert shown[1].endswith("10.42 USD  auto")
    assert shown[2].startswith("Fri 2026-11-27  PaymentMethod/corp-visa ")
    assert shown[2].endswith("YOU")
    assert shown[-1] == "3 things until 2026-11-29 · we pay 10.42 USD · 1 for YOU"


def test_the_same_on_many_names_is_one_line_but_not_with_v():
    many = plan(due=[due(f"d{n}.example") for n in range(44)])
    assert "44 x Domain" in said(many)
    assert "458.48 USD" in said(many)
    assert "44 x" not in said(many, full=True)
    assert said(many, full=True).count("Domain/d") == 44
    few = plan(due=[due(f"d{n}.example") for n in range(3)])
    assert said(few).count("Domain/d") == 3


def test_nothing_due_and_nothing_known_are_told_apart():
    assert said(plan()) == "Nothing is due until 2026-11-29."
    unread = said(plan(unknown=[unknown()]))
    assert "INCOMPLETE: 1 could not be read" in unread
    assert "Nothing is due" not in unread


@pytest.mark.parametrize(
    ("stop", "word"),
    [(lambda one: held(one, "Budget/month", "spent"), "held"), (denied, "denied")],
)
def test_what_is_held_does_not_happen_by_itself(stop, word):
    at = "2026-12-12T00:00:00Z"
    waits = stop(renewal("a.example", due=at))
    (day,) = agenda(plan([waits], due=[due("a.example", at)]))
    assert (day.lines[0].by, day.lines[0].what) == (
        "you",
        f"renews (registrar), {word}",
    )
    runs = renewal("a.example", due=at)
    other = stop(renewal("b.example", due=at))
    vague = stop(action("a.example", due=None))
    (day,) = agenda(plan([runs, other, vague], due=[due("a.example", at)]))
    assert (day.lines[0].by, day.lines[0].what) == ("auto", "renews (registrar)")


def test_a_cost_that_is_no_sum_is_shown_and_not_added():
    odd = due("a.example", cost="9.00 EUR/month")
    (day,) = agenda(plan(due=[odd, due()]))
    assert [line.cost for line in day.lines] == ["9.00 EUR/month", "10.42 USD"]
    assert "we pay 10.42 USD" in said(plan(due=[odd, due()]))


def test_as_data():
    told = agenda_data(rich())
    assert told["format"] == "reconciler.due/v1"
    assert told["complete"] is False
    assert sum(len(day["items"]) for day in told["days"]) == 43
    assert [day["date"] for day in told["days"]] == sorted(
        {d["date"] for d in told["days"]}
    )
    shop = [
        i
        for day in told["days"]
        for i in day["items"]
        if i["name"] == "oldshop.example"
    ]
    assert [(one["what"], one["by"]) for one in shop] == [
        ("renews (registrar), held", "you")
    ]
    assert told["cost"] == "458.22 USD"


# ---- iCalendar ------------------------------------------------------------------------


def events(made):
    raw = ics(made)
    assert raw.endswith(b"END:VCALENDAR\r\n")
    for line in raw.split(b"\r\n"):
        assert len(line) <= 75
        assert b"\n" not in line
    calendar = Calendar.from_ical(raw)
    assert calendar["VERSION"] == "2.0"
    assert calendar.errors == []
    found = list(calendar.walk("VEVENT"))
    assert len({str(one["UID"]) for one in found}) == len(found)
    return found


def on(at, as_of="2026-11-22T06:00:00Z", **fields):
    (event,) = events(plan(due=[due(at=at, **fields)], as_of=as_of))
    return event


@pytest.mark.parametrize(
    ("at", "first", "after"),
    [
        ("2028-02-29T00:00:00Z", date(2028, 2, 29), date(2028, 3, 1)),
        ("2027-02-28T23:59:59Z", date(2027, 2, 28), date(2027, 3, 1)),
        ("2026-12-31T23:59:59Z", date(2026, 12, 31), date(2027, 1, 1)),
        ("2027-01-01T00:00:00Z", date(2027, 1, 1), date(2027, 1, 2)),
        ("2027-04-30T12:00:00Z", date(2027, 4, 30), date(2027, 5, 1)),
        # Clocks change in Amsterdam at 01:00Z of these days, and in New York at 07:00Z.
        ("2027-03-28T00:59:59Z", date(2027, 3, 28), date(2027, 3, 29)),
        ("2027-03-28T01:00:00Z", date(2027, 3, 28), date(2027, 3, 29)),
        ("2026-10-25T01:30:00Z", date(2026, 10, 25), date(2026, 10, 26)),
        ("2027-03-14T07:00:00Z", date(2027, 3, 14), date(2027, 3, 15)),
    ],
)
def test_an_event_is_a_whole_day_whatever_the_calendar_does(at, first, after):
    event = on(at)
    assert event["DTSTART"].dt == first
    assert event["DTEND"].dt == after
    assert not isinstance(event["DTSTART"].dt, datetime)
    assert b"DTSTART;VALUE=DATE:" + f"{first:%Y%m%d}".encode() in ics(
        plan(due=[due(at=at)])
    )


@settings(max_examples=60, deadline=None)
@given(st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 30)))
def test_it_is_the_day_of_utc_and_one_day_long(moment):
    event = on(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert event["DTSTART"].dt == moment.date()
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(days=1)


def test_a_uid_stays_when_the_day_the_price_and_the_reason_change():
    before = on("2026-12-12T00:00:00Z", cost="10.00 USD")
    later = on(
        "2027-12-12T00:00:00Z",
        "2026-12-01T00:00:00Z",
        cost="12.00 USD",
        what="renews (manual)",
        by="you",
    )
    assert before["UID"] == later["UID"]
    assert later["SEQUENCE"] - before["SEQUENCE"] == 9
    assert later["DTSTAMP"].dt == datetime(2026, 12, 1, tzinfo=UTC)
    assert on("2026-12-12T00:00:00Z", name="other.example")["UID"] != before["UID"]
    assert on("2026-12-12T00:00:00Z", kind="Certificate")["UID"] != before["UID"]
    (elsewhere,) = events(plan(due=[due()], env="test"))
    assert elsewhere["UID"] != before["UID"]


def test_two_terms_of_one_thing_are_two_events():
    terms = [due(at=f"2026-{month}-04T00:00:00Z", what="charges") for month in (12, 11)]
    first, second = events(plan(due=terms))
    assert first["DTSTART"].dt < second["DTSTART"].dt
    (alone,) = events(plan(due=terms[:1]))
    assert alone["UID"] == first["UID"]


def test_the_same_plan_gives_the_same_bytes():
    made = rich()
    assert ics(made) == ics({**made, "due": made["due"][::-1]})
    assert b"20261122T060000Z" in ics(made)


def test_an_alarm_rings_for_what_a_person_has_to_do_alone():
    found = {str(one["SUMMARY"]): one for one in events(rich())}
    card = found["YOU: PaymentMethod/corp-visa ends; funds 211 domains"]
    (alarm,) = card.walk("VALARM")
    assert alarm["ACTION"] == "DISPLAY"
    assert alarm["TRIGGER"].dt == timedelta(hours=-15)
    assert alarm["DESCRIPTION"] == card["SUMMARY"]
    assert card["DESCRIPTION"] == "reconciler explain PaymentMethod/corp-visa"
    quiet = found["Domain/bakkerij.example renews (registrar), 10.42 USD"]
    assert quiet.walk("VALARM") == []
    assert quiet["TRANSP"] == "TRANSPARENT"
    assert "YOU: Domain/oldshop.example renews (registrar), held, 31.00 USD" in found


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nEND:VEVENT\r\nBEGIN:VEVENT", 'a;b,c\\d:"e', "x" * 300, "é" * 100, "\u202ea\x00"],
)  # fmt: skip
def test_no_word_of_others_becomes_a_line(hostile):
    (event,) = events(
        plan(due=[due(hostile, what=hostile, kind=hostile, by="you")], env=hostile)
    )
    assert "END:VEVENT\n" not in str(event["SUMMARY"])
    assert len(event.walk("VALARM")) == 1
