"""A plan is made once, and shown in every form by whoever has nothing but its file."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from icalendar import Calendar
from jsonschema import Draft202012Validator

from reconciler.engine.plan_schema import plan_schema
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.shell import at, shell

RENEWS = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
SITES = f"""\
Customer/acme: {{legalName: Acme BV, country: NL}}
SiteProfile/shop: {{Domain: {{provider: porkbun-main}}}}
Site/due.example: {{profile: shop, customer: acme, with: {{Domain: {{{RENEWS}}}}}}}
Site/flag.example: {{profile: shop, customer: acme}}
"""
FILES = inventory(
    SITES,
    domain("dear.example", spec="renewal: {mode: reconciler, maxPrice: 1.00 USD/year}"),
)
ODDITIES = {
    "due.example": Oddity({"expires": 20}),
    "flag.example": Oddity({"autoRenew": False}),
    "dear.example": Oddity({"expires": 5}),
}


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """An agency, its snapshot, its plan, and what the plan printed."""
    folder = tmp_path_factory.mktemp("review")
    with Agency(folder, FILES, ODDITIES) as agency:
        snapshot, saved = folder / "snapshot.json", folder / "plan.json"
        assert at(agency, "-q", "observe", "--out", snapshot).code == 0
        agency.later(hours=3)
        options = ("--observed", snapshot, "--horizon", "60d")
        made = at(agency, "-q", "plan", *options, "--out", saved)
        assert made.code == 0, made.err
        yield SimpleNamespace(
            agency=agency, options=options, saved=saved, said=made.out, folder=folder
        )


def alone(day, tmp_path, form, *more):
    """Render in an empty folder: no inventory, no repository, no secret."""
    done = shell("-C", tmp_path, "plan", "--render", day.saved, "--format", form, *more)
    assert (done.code, done.err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    return done.out


def test_the_document_says_where_an_action_comes_from_and_how_old_the_look_was(day):
    data = json.loads(day.saved.read_text())
    Draft202012Validator(json.loads(plan_schema())).validate(data)
    assert data["observed"] == "2026-11-22T06:00:00Z"
    assert data["as_of"] == "2026-11-22T09:00:00Z"
    via = {one["name"]: one["via"] for one in data["actions"]}
    assert via["due.example"] == ["Site/due.example", "SiteProfile/shop"]
    assert via["dear.example"] == []
    assert all(one["charge"] is None for one in data["actions"])
    live = at(day.agency, "-q", "plan", "--format", "json")
    assert json.loads(live.out)["observed"] is None


@pytest.mark.parametrize(
    "form", ["text", "json", "markdown", "html", "sarif", "github"]
)
def test_a_saved_plan_is_shown_as_when_it_was_made(day, tmp_path, form):
    shown = alone(day, tmp_path, form)
    assert shown == at(day.agency, "-q", "plan", *day.options, "--format", form).out
    if form == "text":
        assert shown == day.said
    assert "due.example" in shown


def test_each_form_says_the_same_of_the_same_plan(day, tmp_path):
    data = json.loads(day.saved.read_text())
    digest = data["digest"]
    assert "SiteProfile/shop: 2 sites, 2 actions" in day.said
    assert day.said.splitlines()[1].split()[:2] == ["CRITICAL", "Domain/dear.example"]
    assert "next: reconciler explain Domain/dear.example" in day.said
    comment = alone(day, tmp_path, "markdown", "--artifact-url", "https://ci.example/1")
    assert comment.startswith("<!-- reconciler:plan:main -->\n")
    assert f"### Plan `{digest}`: " in comment
    assert "3 h old" in comment
    assert "[The whole plan](<https://ci.example/1>)" in comment
    assert "`flag.example`" in comment or "`Domain/flag.example`" in comment
    notes = alone(day, tmp_path, "github").splitlines()
    assert notes[0].startswith("::error file=inventory/domains.yaml,line=6,")
    assert notes[-1].startswith(f"::notice title=plan {digest}::")
    results = json.loads(alone(day, tmp_path, "sarif"))["runs"][0]["results"]
    assert {one["ruleId"] for one in results} >= {"domain-critical"}
    assert f"--approve {digest}" in alone(day, tmp_path, "html")


BAD = {
    "no-file": (["--render", "none.json"], 64, "none.json"),
    "a-folder": (["--render", "."], 64, "directory"),
    "as-of": (["--render", "FILE", "--as-of", "2026-11-22"], 64, "--as-of"),
    "observed": (["--render", "FILE", "--observed", "FILE"], 64, "--observed"),
    "out": (["--render", "FILE", "--out", "x.json"], 64, "--out"),
    "exit-code": (
        ["--render", "FILE", "--detailed-exitcode"],
        64,
        "--detailed-exitcode",
    ),
    "no-form": (["--render", "FILE", "--format", "pdf"], 64, "pdf"),
    "no-plan": (["--render", "OTHER"], 1, "E205"),
}


@pytest.mark.parametrize("name", BAD)
def test_misuse_of_render_is_explained(day, tmp_path, name):
    argv, code, word = BAD[name]
    other = tmp_path / "other.json"
    other.write_text('{"format": "reconciler.observed/v1"}')
    named = {"FILE": str(day.saved), "OTHER": str(other)}
    done = shell("-C", tmp_path, "plan", *[named.get(one, one) for one in argv])
    assert (done.code, done.out) == (code, "")
    assert word in done.err
    assert "Traceback" not in done.err
    assert "E000" not in done.err


def test_due_says_who_sees_to_it(day):
    def due(*argv):
        done = at(day.agency, "-q", "due", *day.options[:2], "--horizon", "30d", *argv)
        assert (done.code, done.err) == (0, "")
        return done.out

    first, second, *_, last = due().splitlines()
    assert first.split()[:3] == ["Fri", "2026-11-27", "Domain/dear.example"]
    assert first.endswith("YOU")
    assert second.split()[2:] == [
        "Domain/due.example", "renews", "(reconciler)", "11.08", "USD", "auto",
    ]  # fmt: skip
    assert last.startswith("2 things until 2026-12-22")
    told = json.loads(due("--format", "json"))
    assert [one["date"] for one in told["days"]] == ["2026-11-27", "2026-12-12"]
    calendar = Calendar.from_ical(due("--format", "ics").encode())
    assert len(list(calendar.walk("VEVENT"))) == 2
    assert len(list(calendar.walk("VALARM"))) == 1
    later = due("--as-of", "2026-12-20")
    assert "LATE" in later


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--horizon", "1mo"], "days"),
        (["--as-of", "soon"], "soon"),
        (["--observed", "none.json"], "none.json"),
        (["--format", "xml"], "xml"),
    ],
)
def test_misuse_of_due_is_explained(day, argv, word):
    done = at(day.agency, "due", *argv)
    assert (done.code, done.out) == (64, "")
    assert word in done.err
    assert "Traceback" not in done.err


def test_due_is_incomplete_where_an_account_cannot_be_read(day):
    day.agency.edit("inventory/accounts.yaml", "porkbun-api-key", "no-such-key")
    try:
        done = at(day.agency, "due")
        assert done.code == 3
        assert done.out.splitlines() == [
            "INCOMPLETE: 3 could not be read",
            "Nothing of what could be read is due until 2026-11-29.",
        ]
    finally:
        day.agency.edit("inventory/accounts.yaml", "no-such-key", "porkbun-api-key")
