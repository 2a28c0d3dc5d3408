"""One flat object for machines: whatever is told, it is what the schema says."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError

from reconciler.kinds.notification_channel import EVENTS
from reconciler.model import Money, Severity
from reconciler.notify import Condition, Context, Notice
from reconciler.notify.body import FIELDS, notice_schema
from reconciler.notify.message import message
from reconciler.notify.notice import Subject, fingerprint
from tests.house.tree import text
from tests.unit.notify.world import NOW, Box, Post, channel, finding, plan

SCHEMA = json.loads(notice_schema())
CHECK = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
#: What has been promised: a field that is here stays, with its type. Only add.
PROMISED = {
    **dict.fromkeys(
        ("format", "event_id", "event_ids", "event_type", "occurred_at", "severity"),
        "string",
    ),
    **dict.fromkeys(("summary", "text", "env", "run"), "string"),
    "count": "integer",
    **{
        name: ["string", "null"]
        for name in (
            *("thread_id", "resource_kind", "resource_name", "amount", "currency"),
            *("due_date", "command", "source", "commit", "url"),
        )
    },
}
FULL = Context(
    "main", "20261122T060000Z-1a2b3c4d", "c" * 40, "https://ci.example/1", NOW
)
BARE = Context("main", "20261122T060000Z-1a2b3c4d", None, None, NOW)


def notice(event, name="a.example", *, bare=False):
    subject = Subject("Domain", name, name)
    about = Condition(event, Severity.WARNING, subject, "code", "one\nline\x1b[31m")
    if not bare:
        about = about._replace(
            details=("more",),
            command="reconciler explain Domain/a.example",
            money=Money.model_validate("15.00 USD"),
            due=NOW + timedelta(days=9),
            place="inventory/a.yaml:3:1",
        )
    begun = fingerprint("main", subject, "incident", "code", 0)
    identity = fingerprint("main", subject, event, "code", 0)
    return Notice(identity, NOW, event, about, begun if event == "healed" else "")


def checked(data):
    CHECK.validate(data)
    assert set(data) == set(FIELDS) == set(SCHEMA["required"])
    assert all(value is None or type(value) in {str, int} for value in data.values())
    assert json.loads(json.dumps(data)) == data
    return data


@pytest.mark.parametrize("event", [*EVENTS, "test"])
@pytest.mark.parametrize("bare", [True, False])
def test_every_event_is_what_the_schema_says(event, bare):
    made = message("ops", [notice(event, bare=bare)], BARE if bare else FULL)
    data = checked(made.data)
    assert data["event_type"] == event
    assert event in SCHEMA["properties"]["event_type"]["examples"]
    assert data["summary"] == "one line [31m"
    assert (data["amount"], data["currency"]) == (
        (None, None) if bare else ("15.00", "USD")
    )


def test_a_digest_is_too():
    many = [notice(event, f"{event}.example") for event in EVENTS]
    data = checked(message("ops", many, FULL).data)
    assert (data["event_type"], data["count"]) == ("digest", len(EVENTS))
    assert data["thread_id"] is None
    assert data["resource_name"] is None
    assert len(data["event_ids"].split(",")) == len(EVENTS)


def test_an_end_has_the_thread_of_its_beginning():
    box = Box()
    post = Post(ops=(channel(), box))
    post.run(plan(findings=[finding()]))
    post.later(hours=1)
    post.run(plan())
    begun, over = (checked(one.data) for one in box.got)
    assert (begun["event_type"], over["event_type"]) == ("incident", "healed")
    assert over["thread_id"] == begun["thread_id"] == begun["event_id"]
    assert over["event_id"] != begun["event_id"]
    post.later(hours=1)
    post.run(plan(findings=[finding()]))  # news again: another ticket
    again = checked(box.got[-1].data)
    assert again["event_type"] == "incident"
    assert again["thread_id"] != begun["thread_id"]


def test_what_was_promised_is_kept():
    kept = {name: SCHEMA["properties"][name]["type"] for name in PROMISED}
    assert kept == PROMISED
    assert set(FIELDS) == set(PROMISED), "add the new field to what is promised"


def test_the_documentation_has_every_field():
    rows = text("docs/webhooks.md").splitlines()
    said = {
        name
        for row in rows
        if row.startswith("| `") and row.count("|") == 4
        for name in re.findall("`([a-z_]+)`", row.split("|")[1])
    }
    assert set(FIELDS) <= said
    assert not {one for one in said if "_" in one} - set(FIELDS)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("event_id", "x"),
        ("occurred_at", "yesterday"),
        ("amount", 15.0),
        ("due_date", "2026-13-01"),
        ("severity", "loud"),
        ("format", "reconciler.notice/v2"),
        ("count", 0),
        ("summary", {"nested": True}),
        ("new", ["nested"]),
    ],
)
def test_the_schema_can_refuse(name, wrong):
    data = message("ops", [notice("held")], FULL).data
    with pytest.raises(ValidationError):
        CHECK.validate({**data, name: wrong})
    with pytest.raises(ValidationError):
        CHECK.validate({key: value for key, value in data.items() if key != "run"})
