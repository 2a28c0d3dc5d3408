"""`drift` shows what moved in the world; `--write-back` has the YAML follow it."""

from __future__ import annotations

import json

import pytest

from reconciler.cli.write_back import Edits, Step, _why_not
from reconciler.engine import document
from reconciler.engine.exits import Exit
from reconciler.kinds.domain import Domain
from reconciler.model import Drift, Edit, Ref, Share
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.shell import at

FILE = "inventory/clients.yaml"
UGLY = """\
# Clients    of   the house
apiVersion: reconciler/v1   # always


Domain/a.example:   # the first
    provider: porkbun-main     # ours
    transferLock:   true   # never off
    nameservers: [ ns1.x.example,ns2.x.example ]   # two
    renewal: {maxPrice:   15.00 USD/year}
    dns:
        targets: [aws]  # here
        include: [mail]   # shared
        # the records, by hand
        records:
            - {name: www,   type: A,  value: 192.0.2.1}   # web
            # about mail
            -   name: "@"
                type: CAA
                values:  # in order
                    - '0 issue "one.example"'   # first
                    - '0 issue "two.example"'
            - {name: old, type: A, value: 192.0.2.9}  # gone soon
            - { name: 'txt', type: TXT, value: 'it''s  so' } # quoted
# tail of a
Domain/b.example: {provider: namecom-main, nameservers: [ns1.y.example, ns2.y.example]}
RecordSet/mail:  # of all clients
  records:
    - {name: "@", type: MX, value: 10 mx.mail.example.}
    - {name: _dmarc, type: TXT, value: v=DMARC1; p=reject}
---
kind: Domain
metadata: {name: c.example}
spec:
  provider: porkbun-main # c
  nameservers: [ns1.y.example, ns2.y.example]
# the end"""
MOVED = """\
-    transferLock:   true   # never off
-    nameservers: [ ns1.x.example,ns2.x.example ]   # two
+    transferLock:   false   # never off
+    nameservers: [ ns1.x.example,ns3.x.example, ns4.x.example ]   # two
-            - {name: www,   type: A,  value: 192.0.2.1}   # web
+            - {name: www,   type: A,  values: [192.0.2.77, 192.0.2.78]}   # web
-                    - '0 issue "two.example"'
-            - {name: old, type: A, value: 192.0.2.9}  # gone soon
-            - { name: 'txt', type: TXT, value: 'it''s  so' } # quoted
+                    - '0 issue "six.example"'
+                ttl: 10m
+            - { name: 'txt', type: TXT, value: 'it isn''t "so"' } # quoted
+            - {name: "@", type: MX, value: 20 mx.mail.example.}
+            - {name: new, type: A, value: 192.0.2.80}
-Domain/b.example: {provider: namecom-main, nameservers: [ns1.y.example, ns2.y.example]}
+Domain/b.example: {provider: namecom-main, nameservers: [ns1.y.example, ns2.y.example], privacy: false, renewal: {mode: manual}, transferLock: false}
+  renewal: {mode: manual}
"""


@pytest.fixture
def agency(tmp_path):
    with Agency(tmp_path, {FILE: UGLY}, remote=False) as agency:
        yield agency


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """For what changes neither files nor the world."""
    tmp = tmp_path_factory.mktemp("still")
    with Agency(tmp, {FILE: UGLY}, remote=False) as agency:
        yield agency


def record(agency, name, rtype, values, ttl=300):
    row = {"Name": name, "Type": rtype, "TTL": ttl}
    row["ResourceRecords"] = [{"Value": value} for value in values]
    agency.sandbox.edit("aws", "record", {"zone": "a.example", "record": row})


def flags(agency, vendor, name, **data):
    agency.sandbox.edit(vendor, "domain", {"name": name, **data})


def move(agency):
    """Everything that hands can do at the vendors' web sites."""
    record(agency, "www", "A", ["192.0.2.77", "192.0.2.78"])
    record(agency, "old", "A", [])
    issuers = ['0 issue "one.example"', '0 issue "six.example"']
    record(agency, "@", "CAA", issuers, 600)
    record(agency, "@", "MX", ["20 mx.mail.example."])
    record(agency, "new", "A", ["192.0.2.80"])
    record(agency, "txt", "TXT", ['"it isn\'t \\"so\\""'])
    hosts = ["ns1.x.example", "ns3.x.example", "ns4.x.example"]
    flags(agency, "porkbun", "a.example", locked=False, nameservers=hosts)
    flags(agency, "namecom", "b.example", autoRenew=False, locked=False, privacy=False)
    flags(agency, "porkbun", "c.example", autoRenew=False)


def done_by_us(agency):
    found = agency.sandbox.ledger.effects()
    return [effect for effect in found if effect.operation != "by-hand"]


def text(agency):
    return (agency.root / FILE).read_text(encoding="utf-8")


def shown(agency, *argv, code=0):
    done = at(agency, "--no-color", "drift", *argv)
    assert done.code == code, done.out + done.err
    return done.out


def changed(agency):
    """Return the lines that git sees changed."""
    rows = agency.git("diff", "-U0", "--", FILE).splitlines()[4:]
    return "".join(f"{row}\n" for row in rows if row[0] in "+-")


def test_nothing_moved(still):
    out = shown(still, "--detailed-exitcode")
    assert "No drift. The world is as it was left." in out
    adopt = (
        "reconciler import Provider/namecom-main --select Domain/fiets-outlet.example"
    )
    assert adopt in out


def test_what_moved_is_shown_and_nothing_is_changed(agency):
    move(agency)
    agency.sandbox.ledger.reset_requests()
    refs = agency.git("for-each-ref")
    out = shown(agency, "--detailed-exitcode", code=2)
    assert "12 moved in the world and not in git" in out
    assert "cannot   Domain/a.example  porkbun-main  transferLock: on -> off" in out
    assert "hold     Domain/a.example  aws  dns.records[new/A]: (none) -> 300" in out
    assert f"{FILE}:15:15  the next apply sets it back" in out
    assert "Domain/a.example  aws  dns.records[old/A]: 300 192.0.2.9 -> (none)" in out
    assert shown(agency)  # without --detailed-exitcode that is no failure
    data = json.loads(shown(agency, "--format", "json", "--select", "Domain/b.example"))
    assert [one["field"] for one in data["drift"]] == [
        "spec.privacy",
        "spec.renewal.mode",
        "spec.transferLock",
    ]
    assert data["unmanaged"][0]["adopt"].startswith("reconciler import Provider/")
    page = shown(agency, "--format", "markdown")
    assert "| hold | `Domain/a.example nameservers` | porkbun-main |" in page
    assert (agency.git("for-each-ref"), text(agency)) == (refs, UGLY)
    assert done_by_us(agency) == []


def test_the_yaml_follows_and_not_a_byte_more(agency):
    move(agency)
    out = shown(agency, "--write-back")
    assert f"wrote {FILE}" in out
    assert "not written" not in out
    assert changed(agency) == MOVED
    assert at(agency, "validate").code == 0
    assert "No drift" in shown(agency, "--detailed-exitcode")
    assert "No actions. The YAML says what is live." in at(agency, "plan").out
    agency.commit()
    assert agency.apply().codes == {0}
    assert done_by_us(agency) == []


def test_only_what_is_selected_is_written(agency):
    move(agency)
    shown(agency, "--write-back", "--select", "Domain/c.example")
    assert changed(agency) == "+  renewal: {mode: manual}\n"


def test_what_others_share_is_never_changed_for_one(agency):
    record(agency, "_dmarc", "TXT", [])
    out = shown(agency, "--write-back", code=3)
    why = "it is written somewhere else, where others may use it"
    assert f"not written: Domain/a.example dns.records[_dmarc/TXT]: {why}" in out
    assert text(agency) == UGLY


def test_a_conflict_is_for_a_person(agency):
    record(agency, "www", "A", ["192.0.2.55"])
    agency.edit(FILE, "value: 192.0.2.1}", "value: 192.0.2.66}")
    agency.commit()
    before = text(agency)
    assert "conflict Domain/a.example" in shown(agency)
    out = shown(agency, "--write-back", code=3)
    assert "git moved too: a person has to say who is right" in out
    assert text(agency) == before


def test_drift_beside_a_change_in_git_is_told_apart(agency):
    """Both are records of one zone, and one request would mend both."""
    record(agency, "old", "A", ["192.0.2.55"])
    agency.edit(FILE, "value: 192.0.2.1}", "value: 192.0.2.66}")
    agency.commit()
    out = shown(agency, "--detailed-exitcode", code=2)
    assert "1 moved in the world and not in git" in out
    assert "dns.records[old/A]: 300 192.0.2.9 -> 300 192.0.2.55" in out
    shown(agency, "--write-back")
    expected = UGLY.replace("192.0.2.1}", "192.0.2.66}").replace("2.9}", "2.55}")
    assert text(agency) == expected


def test_a_plan_tells_the_same_drift(agency):
    """Also where one request mends what both moved, and where nothing can be done."""
    record(agency, "old", "A", ["192.0.2.55"])
    flags(agency, "porkbun", "c.example", locked=False)
    agency.edit(FILE, "value: 192.0.2.1}", "value: 192.0.2.66}")
    agency.commit()
    told = json.loads(shown(agency, "--format", "json"))["drift"]
    assert [(d["name"], d["field"], d["disposition"]) for d in told] == [
        ("a.example", "spec.dns.records[old/A]", "revert"),
        ("c.example", "spec.transferLock", "unsupported"),
    ]
    assert "cannot   Domain/c.example" in shown(agency)
    planned = agency.plan()
    rows = document(planned)["drift"]
    assert rows == [{k: v for k, v in d.items() if k != "source"} for d in told]
    assert {a.want.name for a in planned.actions} == {"a.example"}
    assert agency.apply().codes == {Exit.DONE}
    left = agency.plan()
    assert [d.ref.name for d in left.drift] == ["c.example"]
    based = agency.project().store.read().base
    assert "Domain/c.example" not in based.exceptions


def test_a_file_with_open_changes_is_not_touched(agency):
    record(agency, "www", "A", ["192.0.2.55"])
    agency.edit(FILE, "# the end", "# the very end")
    before = text(agency)
    done = at(agency, "drift", "--write-back")
    assert done.code == 1
    assert f"E631 {FILE} has changes that are in no commit" in done.err
    assert text(agency) == before
    shown(agency, "--write-back", "--force")
    assert text(agency) == before.replace("192.0.2.1}", "192.0.2.55}")


def test_what_may_not_stand_in_git_is_not_written(agency):
    record(agency, "txt", "TXT", ['"4111 1111 1111 1111"'])
    out = shown(agency, "--write-back", code=3)
    assert "what is live looks like a secret" in out
    assert text(agency) == UGLY


def test_what_would_not_validate_is_named_and_the_rest_is_written(agency):
    """A CNAME beside another record: Route 53 has none, but its memory takes it."""
    record(agency, "www", "CNAME", ["other.example."])
    flags(agency, "porkbun", "c.example", autoRenew=False)
    out = shown(agency, "--write-back", code=3)
    assert "not written: Domain/a.example dns.records[www/CNAME]: E125" in out
    assert changed(agency) == "+  renewal: {mode: manual}\n"


def test_what_has_gone_is_named(tmp_path):
    odd = {"b.example": Oddity(absent=True)}
    with Agency(tmp_path, {FILE: UGLY}, odd, remote=False) as agency:
        out = shown(agency, "--detailed-exitcode", code=2)
        assert "gone     Domain/b.example  namecom-main" in out
        page = shown(agency, "--format", "markdown")
        assert "| gone | `Domain/b.example` | namecom-main |" in page
        out = shown(agency, "--write-back", code=3)
        assert "not written: Domain/b.example at namecom-main: it has gone" in out
        assert text(agency) == UGLY


def test_what_cannot_be_read_is_no_drift_and_no_peace(agency):
    agency.sandbox.inject(Fault(vendor="porkbun", kind="status", status=403, times=0))
    flags(agency, "namecom", "b.example", locked=False)
    out = shown(agency, "--detailed-exitcode", code=3)
    assert "1 moved in the world and not in git" in out
    assert "INCOMPLETE: 2 could not be read" in out
    shown(agency, "--write-back", code=3)
    assert "transferLock: false}" in text(agency)


def test_without_a_base_nobody_can_say_who_moved(tmp_path):
    with Agency(tmp_path, {FILE: UGLY}, remote=False, based=False) as agency:
        flags(agency, "porkbun", "c.example", autoRenew=False)
        out = shown(agency, "--detailed-exitcode", code=2)
        assert "base none: nothing was applied yet" in out
        assert "unbased  Domain/c.example" in out
        shown(agency, "--write-back")
        assert changed(agency) == "+  renewal: {mode: manual}\n"


def test_a_wrong_command_line(still):
    done = at(still, "drift", "--force")
    assert done.code == 64
    assert "--force goes with --write-back" in done.err


def test_a_change_that_means_more_than_it_should_is_not_made(still):
    """Whatever an edit went wrong with: everything else must mean what it meant."""
    project = still.project()
    back = Edits(project, {FILE: UGLY})
    step = Step(Ref("Domain", "a.example"), "spec.privacy", Edit(("privacy",), False))
    back.steps = [step]
    more = UGLY.replace("ns2.y.example]}", "ns3.y.example]}")
    assert more != UGLY
    said = back._wrong({FILE: more})
    assert said == {(step.ref, step.field): "it would change Domain/b.example too"}


def test_accounts_that_do_not_agree_are_for_a_person():
    spec = {"provider": "main", "dns": {"targets": ["one", "two"]}}
    want = Domain.model_validate({"metadata": {"name": "a.example"}, "spec": spec})
    field = "spec.dns.records[www/A]"

    def drift(target, *row):
        share = Share(target, "dns")
        return Drift(want.ref, share, field, ["300", "192.0.2.1"], [*row], "revert")

    here, there = drift("one", "300", "192.0.2.2"), drift("two", "300", "192.0.2.2")
    assert _why_not(want, [here, there]) is None
    why = "several accounts hold it, and they do not agree"
    assert _why_not(want, [here]) == why
    assert _why_not(want, [here, drift("two", "300", "192.0.2.3")]) == why
