"""What is coming due as a calendar that others subscribe to or import (RFC 5545)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, timedelta

from icalendar import Alarm, Calendar, Event, vDuration

from reconciler.report.agenda import Coming, coming
from reconciler.report.plan_document import PlanDocument
from reconciler.report.visible import visible
from reconciler.report.words import when

_EPOCH = date(2020, 1, 1)
_DAY = timedelta(days=1)
#: At nine in the morning of the day before, wherever the reader is.
_BEFORE = -timedelta(hours=15)
_REFRESH = timedelta(hours=12)


def ics(plan: PlanDocument) -> bytes:
    """
    Return what is due in *plan* as iCalendar; the same plan gives the same bytes.

    An event is a whole day, that of UTC: it has no time zone, and no clock that is
    put forward moves it. Its UID stays when its day moves, and its SEQUENCE grows
    from day to day, so that a calendar that imports it again moves the event. An
    alarm is only for what a person has to do.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//reconciler//due//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    name = f"Due: {visible(plan['env'])}"
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", vDuration(_REFRESH), {"VALUE": "DURATION"})
    turns: Counter[str] = Counter()
    for one in coming(plan):
        calendar.add_component(_event(plan, one, turns))
    made: bytes = calendar.to_ical()
    return made


def _event(plan: PlanDocument, one: Coming, turns: Counter[str]) -> Event:
    now = when(plan["as_of"])
    event = Event()
    event.add("uid", _uid(plan["env"], one, turns))
    event.add("dtstamp", now)
    event.add("sequence", max(0, (now.date() - _EPOCH).days))
    event.add("dtstart", one.date)
    event.add("dtend", one.date + _DAY)
    event.add("transp", "TRANSPARENT")
    event.add("summary", _summary(one))
    event.add("description", f"reconciler explain {visible(one.address)}")
    event.add("categories", [visible(one.item["kind"])])
    if one.by == "you":
        event.add_component(_alarm(one))
    return event


def _uid(env: str, one: Coming, turns: Counter[str]) -> str:
    """Return what stays the same when the day, the price or the reason changes."""
    verb = one.item["what"].partition(" ")[0]
    need = json.dumps([env, one.item["kind"], one.item["name"], verb])
    turns[need] += 1
    turn = f"{need}{turns[need]}"
    return f"{hashlib.sha256(turn.encode()).hexdigest()[:32]}@reconciler"


def _summary(one: Coming) -> str:
    mine = "YOU: " if one.by == "you" else ""
    cost = f", {one.item['cost']}" if one.item["cost"] else ""
    charge = one.item.get("charge")
    cost += f", client pays {charge}" if charge else ""
    return visible(f"{mine}{one.address} {one.what}{cost}")


def _alarm(one: Coming) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _summary(one))
    alarm.add("trigger", _BEFORE)
    return alarm
