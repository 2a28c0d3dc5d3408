"""The story of a resource, as `explain` prints it."""

from __future__ import annotations

import click

from reconciler.cli import explain_command
from reconciler.cli.audit_command import said


def chapter(title, *lines, address="Subscription/acme"):
    return {"address": address, "title": title, "lines": [*lines]}


def shown(*story, parts=()):
    told = {"story": [*story], "parts": [*parts]}
    return [click.unstyle(line) for line in explain_command._story(told)]


def test_a_resource_tells_its_story_in_chapters():
    assert shown(chapter("paid until 2026-12-31"), chapter("next", "one", "two")) == [
        "",
        "Story  paid until 2026-12-31",
        "  next",
        "    one",
        "    two",
    ]
    assert shown() == []


def test_a_site_says_whose_story_it_is():
    both = [chapter("a"), chapter("b", address="Subscription/mail")]
    assert shown(*both, parts=["x"]) == [
        "",
        "Story  Subscription/acme  a",
        "",
        "Story  Subscription/mail  b",
    ]


LINE = {
    "time": "2026-12-01T08:00:00+00:00",
    "type": "intent",
    "verb": "charge",
    "kind": "Subscription",
    "name": "acme",
    "cost": None,
    "charge": "12.10 EUR",
    "change": {"charge": "12.10 EUR"},
    "approvers": [],
    "id": "f" * 32,
}


def test_the_log_says_what_clients_pay():
    assert "charge Subscription/acme  client pays 12.10 EUR  ffff" in said(LINE)
    held = {**LINE, "verb": "authorize", "charge": None}
    assert "  held of client 12.10 EUR  ffff" in said(held)
    older = {key: value for key, value in LINE.items() if key != "charge"}
    assert "pays" not in said({**older, "change": {}})
    ended = {
        **LINE,
        "type": "outcome",
        "status": "applied",
        "how": "response",
        "paid": None,
        "error": None,
    }
    assert "applied (response)  ffff" in said(ended)
    assert "client paid 12.10 EUR  ffff" in said({**ended, "charged": "12.10 EUR"})


def test_the_log_says_what_a_drill_has_found():
    drilled = {
        **LINE,
        "type": "outcome",
        "verb": "drill",
        "status": "applied",
        "how": "response",
        "paid": None,
        "error": None,
        "evidence": {"verdict": "failed", "why": "files: 3 are not as they were"},
    }
    line = said(drilled)
    assert "  failed: files: 3 are not as they were (response)  ffff" in line
    assert "applied" not in line
    passed = said({**drilled, "evidence": {"verdict": "passed"}})
    assert "  passed (response)  ffff" in passed
    named = {"verdict": "failed", "why": "files: \x1b[2K.php is gone"}
    assert "\x1b" not in said({**drilled, "evidence": named})
    # What was not carried out has found out nothing.
    stopped = {"status": "failed", "error": "no room", "evidence": {}}
    assert "  failed (response)  no room  ffff" in said({**drilled, **stopped})
    lost = {**drilled, "status": "unknown"}
    assert "  unknown (response)  ffff" in said(lost)
