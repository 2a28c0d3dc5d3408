"""Sites from the file to the plan: the same as the long form, and counted by it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from reconciler.cli.explain_command import _otherwise
from reconciler.engine import document
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.shell import at

PROFILE = """\
apiVersion: reconciler/v1
Customer/bakker:
  legalName: Example Bakery BV
  country: NL
  contacts: {billing: ann@private.example, technical: {env: NOBODY}}
SiteProfile/brochure:
  Domain:
    provider: porkbun-main
    renewal: {mode: reconciler, maxPrice: 15.00 USD/year}
    dns:
      targets: [aws]
      records:
        - {name: "@", type: A, value: 192.0.2.10}
        - {name: www, type: CNAME, value: $domain.}
"""
NAMES = [f"s{n}.example" for n in range(5)]
SITES = "apiVersion: reconciler/v1\n" + "".join(
    f"# site {name}\nSite/{name}: {{profile: brochure, customer: bakker}}\n"
    for name in NAMES
)
FILES = {"inventory/profiles.yaml": PROFILE, "inventory/sites.yaml": SITES}
ODD = {
    "s1.example": Oddity({"expires": 20}, {"www/CNAME": None}),
    "s2.example": Oddity({}, {"www/CNAME": None}),
    "s3.example": Oddity({"locked": False}),
}
POLICIES = {
    "budget.yaml": "apiVersion: reconciler/v1\nBudget/few: {changes: {count: 3}}\n"
}


def shape(plan):
    """A plan's JSON without where things are written, by what, by which commit."""
    data = document(plan)
    for row in [*data["actions"], *data["findings"]]:
        row.pop("source")
        row.pop("via", None)
        row.pop("entry")
    return {key: value for key, value in data.items() if key != "commit"}


@pytest.fixture(scope="module")
def agency(tmp_path_factory):
    """For what changes nothing, or puts it back."""
    tmp = tmp_path_factory.mktemp("agency")
    with Agency(tmp, FILES, ODD, policies=POLICIES) as made:
        yield made


def test_a_plan_sees_what_sites_make_and_nothing_else(agency):
    plan = agency.plan()
    assert {a.want.kind for a in plan.actions} == {"Domain"}
    renew = next(a for a in plan.actions if a.change.verb == "renew")
    row = next(a for a in document(plan)["actions"] if a["verb"] == "renew")
    assert row["via"] == ["Site/s1.example", "SiteProfile/brochure"]
    assert str(renew.want.at("spec.renewal.maxPrice")).startswith(
        "inventory/profiles.yaml:9:"
    )


def test_one_resource_is_explained(agency):
    told = json.loads(
        at(agency, "explain", "Domain/s1.example", "--format", "json").out
    )
    assert told["site"] == "Site/s1.example"
    assert {a["verb"] for a in told["actions"]} == {"records", "renew"}
    assert {a["name"] for a in told["actions"]} == {"s1.example"}
    live = {each["provider"]: each for each in told["live"]}
    assert live["porkbun-main"]["state"]["expires"].startswith("2026-12-12")
    assert live["aws"]["state"]["records"] == {"@/A": ["300", "192.0.2.10"]}
    values = {each["path"]: each for each in told["values"]}
    ceiling = values["spec.renewal.maxPrice"]
    assert (ceiling["from"], ceiling["source"]["line"]) == ("SiteProfile/brochure", 9)
    assert values["spec.privacy"]["from"] == "default"
    assert told["run"] == ["reconciler apply --select Domain/s1.example"]
    assert told["based"]


def test_the_text_says_where_what_and_what_next(agency):
    text = at(agency, "explain", "Domain/s1.example").out
    assert "made by Site/s1.example from SiteProfile/brochure" in text
    assert "SiteProfile/brochure  inventory/profiles.yaml:9" in text
    assert "expires 2026-12-12, in 19 d" in text or "in 20 d" in text
    assert "allow  renew  porkbun-main" in text
    assert text.rstrip().endswith("run: reconciler apply --select Domain/s1.example")
    assert "and 2" in text
    assert "defaults of the kind (-v)" in text


def test_a_site_is_explained_by_what_it_makes(agency):
    text = at(agency, "explain", "Site/s2.example").out
    assert "Domain/s2.example                      allow records" in text
    assert "run: reconciler apply --select site=s2.example" in text
    other = at(agency, "explain", "Site/s3.example").out
    assert "Domain/s3.example                      porkbun-main cannot lock" in other


def test_what_no_apply_mends_is_said_with_what_does(agency):
    told = at(agency, "explain", "Domain/s3.example").out
    keep = "run: reconciler drift --write-back --select Domain/s3.example"
    assert told.rstrip().endswith(keep)
    assert "drift  transferLock: unsupported" in told
    text = at(agency, "explain", "Domain/s2.example").out
    assert "dns.records[www/CNAME]: (none) -> 300" in text
    agency.sandbox.inject(Fault(vendor="porkbun", kind="status", status=403, times=1))
    text = at(agency, "explain", "Domain/s4.example").out
    assert "unread porkbun-main (domain)" in text
    assert text.rstrip().endswith("run: reconciler doctor")


@pytest.mark.parametrize(
    ("until", "severity", "follows", "said"),
    [
        ([], "info", [], "Nothing is to be done."),
        ([], "error", [], "No command mends this. Something has to be changed by hand: a.yaml:4, or what is live."),
        ([], "error", ["Monday: x"], "Next, by itself: Monday: x. No command has to be run for it."),
        (["2026-11-24T06:00:00Z"], "error", [], "Nothing can be done before 2026-11-24T06:00."),
    ],
)  # fmt: skip
def test_the_last_line_never_says_that_all_is_well_where_it_is_not(
    until, severity, follows, said
):
    source = {"file": "a.yaml", "line": 4, "column": 1}
    told = {
        "deferred": [{"until": each} for each in until],
        "findings": [{"severity": severity, "source": source}],
        "follows": follows,
    }
    assert _otherwise(told) == said


def test_what_others_wrote_is_shown_and_does_nothing(agency):
    """Whoever can write a record writes into the terminal of whoever explains it."""
    row = {"Name": "evil", "Type": "TXT", "TTL": 300}
    row["ResourceRecords"] = [{"Value": '"a\u202eb"'}]
    agency.sandbox.edit("aws", "record", {"zone": "s4.example", "record": row})
    try:
        said = at(agency, "explain", "Domain/s4.example").out
    finally:
        row["ResourceRecords"] = []
        agency.sandbox.edit("aws", "record", {"zone": "s4.example", "record": row})
    assert "evil/TXT" in said
    assert "\u202e" not in said
    assert "\\u{202e}" in said


def test_a_snapshot_explains_as_well_and_needs_no_secret(agency, tmp_path):
    out = tmp_path / "seen.json"
    assert at(agency, "observe", "--out", str(out)).code == 0
    secrets = agency.root / ".sandbox" / "secrets"
    secrets.rename(tmp_path / "away")
    try:
        text = at(agency, "explain", "Domain/s1.example", "--observed", str(out)).out
    finally:
        (tmp_path / "away").rename(secrets)
    assert "Live  as observed 2026-11-22T06:00" in text
    assert "allow  renew  porkbun-main" in text


def test_a_person_is_not_repeated(agency):
    for form in ("text", "json"):
        told = at(agency, "-v", "explain", "Customer/bakker", "--format", form).out
        assert "ann@" not in told
        assert "(data about a person)" in told
        assert "NOBODY" in told


def test_what_is_not_there_is_a_wrong_call_with_a_hint(agency):
    done = at(agency, "explain", "Domain/s1.exmple")
    assert done.code == 64
    assert "there is no Domain/s1.exmple" in done.err
    assert "did you mean Domain/s1.example?" in done.err


def test_an_open_intent_is_explained_with_the_command_that_settles_it(tmp_path):
    """The registrar took the money, the answer was lost, and every look is stale."""
    with Agency(tmp_path, FILES, ODD) as agency:
        lost = Fault(vendor="porkbun", operation="renew", kind="lost-after")
        agency.sandbox.inject(lost)
        for name in ("listAll", "get"):
            stale = Fault(vendor="porkbun", operation=name, kind="stale", times=0)
            agency.sandbox.inject(stale)
        assert int(agency.apply().exit) == 9
        text = at(agency, "explain", "Domain/s1.example").out
        (begun,) = agency.project().store.read().open.values()
        assert f"nobody could tell what became of it  {begun.intent.id}" in text
        assert f"run: reconciler settle {begun.intent.id} --happened" in text
        assert "intent   renew Domain/s1.example  11.08 USD" in text
        assert "outcome  renew Domain/s1.example  unknown" in text


def test_what_is_deferred_to_time_is_said(agency):
    text = at(agency, "explain", "Domain/s0.example", "--as-of", "2026-12-01").out
    assert "time alone changes nothing before 20" in text
    assert "Next  as of 2026-12-01 00:00 UTC" in text


def test_a_changed_profile_counts_with_all_its_sites(agency):
    agency.edit("inventory/profiles.yaml", "192.0.2.10", "192.0.2.20")
    try:
        plan = agency.plan()
    finally:
        agency.edit("inventory/profiles.yaml", "192.0.2.20", "192.0.2.10")
    changes = [a for a in plan.actions if a.change.verb == "records"]
    assert [a.want.name for a in changes] == NAMES
    held = Counter(v.rule for a in changes for v in a.verdicts if v.decision > 0)
    assert held == {"Budget/few": 2}


def test_written_out_the_plan_is_the_same_and_then_empty(tmp_path):
    with Agency(tmp_path, FILES, ODD, policies=POLICIES) as agency:
        before = shape(agency.plan())
        done = at(agency, "expand", "--write", *(f"Site/{name}" for name in NAMES))
        assert done.code == 0, done.err
        text = (agency.root / "inventory" / "sites.yaml").read_text()
        assert "Domain/s4.example:" in text
        assert not [row for row in text.splitlines() if row.startswith("Site/")]
        assert shape(agency.plan()) == before
        agency.commit()
        agency.apply()
        plan = agency.plan()
        assert (plan.actions, plan.complete) == ((), True)
