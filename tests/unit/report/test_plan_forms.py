"""SARIF and annotations of a plan; and the file a plan is read back from."""

from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft202012Validator

from reconciler.cli.render import rendered
from reconciler.engine import dumps
from reconciler.errors import ReconcilerError
from reconciler.report.annotations import SHOWN, workflow_commands
from reconciler.report.sarif import MOST, sarif
from reconciler.report.saved import read
from tests.support.plans import (
    action,
    denied,
    finding,
    held,
    plan,
    renewal,
    rich,
    unknown,
)

#: What of the published SARIF 2.1.0 schema, and of what GitHub reads, is used here.
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["$schema", "version", "runs"],
    "properties": {
        "$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "results", "columnKind"],
                "properties": {
                    "columnKind": {"enum": ["unicodeCodePoints", "utf16CodeUnits"]},
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name", "rules"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {"$ref": "#/$defs/rule"},
                                    },
                                },
                            }
                        },
                    },
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
            },
        },
    },
    "$defs": {
        "text": {
            "type": "object",
            "additionalProperties": False,
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1}},
        },
        "rule": {
            "type": "object",
            "additionalProperties": False,
            "required": ["id", "shortDescription"],
            "properties": {
                "id": {"type": "string", "maxLength": 255},
                "shortDescription": {"$ref": "#/$defs/text"},
                "help": {"$ref": "#/$defs/text"},
            },
        },
        "result": {
            "type": "object",
            "additionalProperties": False,
            "required": [
                "ruleId",
                "ruleIndex",
                "level",
                "message",
                "locations",
                "partialFingerprints",
            ],
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/$defs/text"},
                "locations": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["physicalLocation"],
                        "properties": {
                            "physicalLocation": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["artifactLocation", "region"],
                                "properties": {
                                    "artifactLocation": {
                                        "type": "object",
                                        "required": ["uri"],
                                        "properties": {
                                            "uri": {
                                                "type": "string",
                                                "pattern": r"^[A-Za-z0-9._~%/-]+$",
                                            }
                                        },
                                    },
                                    "region": {
                                        "type": "object",
                                        "properties": {
                                            "startLine": {
                                                "type": "integer",
                                                "minimum": 1,
                                            },
                                            "startColumn": {
                                                "type": "integer",
                                                "minimum": 1,
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
                "partialFingerprints": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "required": ["primaryLocationLineHash"],
                },
            },
        },
    },
}


def run_of(made):
    told = json.loads(sarif(made))
    Draft202012Validator(SARIF).validate(told)
    (run,) = told["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    return run["results"]


def test_sarif_tells_what_is_found_and_what_does_not_happen_by_itself():
    results = run_of(rich())
    by_rule = [(result["ruleId"], result["level"]) for result in results]
    assert ("domain-critical", "error") in by_rule
    assert ("watched-only", "note") in by_rule
    assert by_rule.count(("action-held", "warning")) == 4
    assert by_rule.count(("action-denied", "error")) == 1
    assert len(results) == 6 + 4 + 1
    levels = [result["level"] for result in results]
    assert levels == sorted(levels, key=("error", "warning", "note").index)
    (found,) = [r for r in results if "Subscription/novalaw" in r["message"]["text"]]
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "inventory/clients/novalaw.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 1}
    assert "needs billing" in found["message"]["text"]


def test_a_fingerprint_survives_when_lines_move_and_words_change():
    def marks(line, message, why):
        place = {"file": "inventory/a.yaml", "line": line, "column": 2}
        moved = held(renewal(source=place), "Budget/month", why)
        noted = finding(message=message, source=place)
        again = finding(message="another nameserver", source=place)
        found = run_of(plan([moved], findings=[noted, again]))
        return [one["partialFingerprints"]["primaryLocationLineHash"] for one in found]

    before = marks(4, "expires in 20 d", "80.00 USD are spent")
    assert before == marks(9, "expires in 19 d", "90.00 USD are spent")
    assert len(set(before)) == 3
    here = run_of(plan(findings=[finding()]))
    there = run_of(plan(findings=[finding()], env="test"))
    assert here[0]["partialFingerprints"] != there[0]["partialFingerprints"]


def test_sarif_stays_below_what_github_takes_and_keeps_the_worst():
    many = [finding(f"n{number}.example", "info") for number in range(MOST + 20)]
    made = plan(findings=[*many, finding("bad.example", "critical")])
    results = json.loads(sarif(made))["runs"][0]["results"]
    assert len(results) == MOST
    assert "bad.example" in results[0]["message"]["text"]


def commands(made, url=""):
    lines = workflow_commands(made, url).splitlines()
    form = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")
    return [form.fullmatch(line).groups() for line in lines]


def test_annotations_stand_on_their_lines_the_worst_first():
    told = commands(rich())
    errors = [rest for level, *rest in told if level == "error"]
    assert "inventory/oldshop.example.yaml,line=2,col=1" in errors[0][0]
    assert "title=deny%3A lock" in errors[-1][0]
    warnings = [rest for level, *rest in told if level == "warning"]
    assert "Subscription/novalaw.example" in warnings[0][0]
    assert "title=orphaned" in warnings[-1][0]
    assert told[-1][0] == "notice"
    assert "451 to do, 4 held, 1 denied" in told[-1][2]
    assert "the same 211 times more" in str(told)


def test_annotations_are_as_many_as_are_shown_and_say_what_is_not():
    grave = [denied(action(f"d{n}.example", f"verb-{n}")) for n in range(40)]
    waits = [held(action(f"h{n}.example", f"verb-{n}")) for n in range(11)]
    runs = [action(f"r{n}.example", f"verb-{n}") for n in range(9)]
    told = commands(plan([*grave, *waits, *runs]), "https://ci.example/1")
    levels = [level for level, *_ in told]
    assert {level: levels.count(level) for level in set(levels)} == {
        "error": SHOWN,
        "warning": SHOWN,
        "notice": SHOWN,
    }
    assert "and 31 more: https://ci.example/1" in [text for *_, text in told]
    assert "and 2 more: https://ci.example/1" in [text for *_, text in told]


@pytest.mark.parametrize(
    "hostile", ["a\n::error::owned", "a\r\n##[error]b", "%0A::warning::x", "\x1b[2Jx"]
)
def test_no_word_of_others_becomes_a_command(hostile):
    place = {"file": hostile, "line": 1, "column": 1}
    made = plan(
        [held(action(hostile, because=hostile, source=place), hostile, hostile)],
        findings=[finding(hostile, message=hostile, code=hostile, source=place)],
        unknown=[unknown(why=hostile)],
    )
    out = workflow_commands(made)
    assert len(commands(made)) == 3
    assert "\x1b" not in out
    run_of(made)


def test_a_saved_plan_is_read_back_byte_for_byte():
    written = dumps(rich())
    assert dumps(read(written.encode(), "plan.json")) == written


def test_a_plan_of_an_older_version_is_read_too():
    old = json.loads(dumps(rich()))
    del old["observed"]
    for one in old["actions"]:
        del one["wave"], one["resumes"]
    for one in old["due"]:
        del one["by"]
    made = read(json.dumps(old).encode(), "plan.json")
    assert workflow_commands(made)


def broken(path, value):
    made = json.loads(dumps(rich()))
    *way, last = path
    inside = made
    for step in way:
        inside = inside[step]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return json.dumps(made).encode()


BAD = {
    "nothing": b"",
    "no-json": b"{",
    "a-list": b"[]",
    "deep": b"[" * 5000,
    "not-utf-8": b'{"format": "\xff"}',
    "another-format": broken(["format"], "reconciler.plan/v2"),
    "no-actions": broken(["actions"], None),
    "an-unknown-decision": broken(["actions", 0, "decision"], "maybe"),
    "an-unknown-risk": broken(["actions", 0, "risk"], "<b>"),
    "a-digest-of-markup": broken(["digest"], "<script>alert(1)"),
    "no-time": broken(["as_of"], "2026-13-41T00:00:00Z"),
    "a-time-with-markup": broken(["due", 0, "at"], "2026-11-27T00:00:00Z<b>"),
    "money-as-a-number": broken(["actions", 0, "cost"], 5),
    "money-of-words": broken(["actions", 0, "cost", "amount"], "1e999"),
    "half-a-character": json.dumps({"format": "\ud800"}).encode(),
    "a-flag-as-text": broken(["complete"], "true"),
    "a-line-below-zero": broken(["actions", 0, "source", "line"], -1),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_plan_is_refused_in_one_line(name):
    with pytest.raises(ReconcilerError, match=r"plan\.json is no reconciler") as error:
        read(BAD[name], "plan.json")
    assert error.value.shown_code == "E205"
    assert "\n" not in error.value.what
    assert "<" not in error.value.what


def test_no_form_asks_for_an_approval_that_would_change_nothing():
    refused = {**denied(action()), "needs": ["ops-group"]}
    made = plan([refused, held(action("b.example"), "R/x", "y", "billing-group")])
    for form in ("markdown", "html", "sarif", "github"):
        shown = rendered(made, form, "")
        assert "ops-group" not in shown
        assert "billing-group" in shown
