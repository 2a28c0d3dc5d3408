"""Who approved must be proven, may not be the author, and may act alone only in need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.github import Hub
from tests.support.shell import at, shell

HEAD = "apiVersion: reconciler/v1\n"
OLD = "nameservers: [ns1.old.example, ns2.old.example]"
RENEWED = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"
RULES = f"""\
{HEAD}ApprovalRule/ops: {{match: {{risks: [disruptive, money]}}, groups: [ops]}}
Group/ops: {{members: ["@ann", "@bo"]}}
Person/ann: {{names: ["@ann", ann@agency.example]}}
Person/bo: {{names: ["@bo", bo@agency.example]}}
"""
GLASS = "BreakGlass/emergency: {groups: [ops], scope: {verbs: [delegate]}}\n"


def key(folder, name):
    """Make a signing key and return its file and the line that allows it."""
    file = folder / name
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)],
        check=True,
    )
    public = (folder / f"{name}.pub").read_text().split()
    return file, f"{name}@agency.example {public[0]} {public[1]}\n"


@pytest.fixture
def keys(tmp_path):
    if shutil.which("ssh-keygen") is None:
        why = "ssh-keygen is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    folder = tmp_path / "keys"
    folder.mkdir()
    return {name: key(folder, name) for name in ("ann", "bo", "eve")}


@pytest.fixture
def agency(tmp_path, keys):
    names = inventory(
        domain("one.example", "namecom-main", spec=OLD),
        domain("due.example", "namecom-main", spec=RENEWED),
    )
    signers = keys["ann"][1] + keys["bo"][1]
    policies = {"p.yaml": RULES, "allowed_signers": signers}
    oddities = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, names, oddities, policies=policies) as agency:
        agency.edit("inventory/domains.yaml", ".old.example", ".new.example")
        agency.commit()
        yield agency


def happened(agency):
    effects = agency.sandbox.ledger.effects()
    return sorted(e.name for e in effects if e.operation != "by-hand")


def planned(agency, tmp_path, *argv):
    file = tmp_path / "plan.json"
    assert at(agency, *argv, "plan", "--out", file).code == 0
    data = json.loads(file.read_text())
    return data["digest"], file, {a["name"]: a["digest"] for a in data["actions"]}


def sign(agency, file, *digests):
    trailers = [f"--trailer=Reconciler-Approve: {digest}" for digest in digests]
    agency.git(
        *("-c", "gpg.format=ssh", "-c", f"user.signingkey={file}"),
        *("commit", "-q", "-S", "--allow-empty", "-m", "approve", *trailers),
    )
    agency.git("push", "-q", "origin", "HEAD:main")


def test_a_signed_commit_approves_exactly_its_actions(agency, tmp_path, keys):
    *_, digests = planned(agency, tmp_path)
    sign(agency, keys["bo"][0], digests["one.example"])
    shown = at(agency, "plan", "--format", "json")
    decided = {a["name"]: a["decision"] for a in json.loads(shown.out)["actions"]}
    assert decided == {"one.example": "allow", "due.example": "hold"}
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == ["one.example"]
    log = at(agency, "audit", "log", "--verb", "delegate").out
    assert "approved by bo@agency.example" in log


def test_a_signature_that_was_not_allowed_before_approves_nothing(
    agency, tmp_path, keys
):
    """Not that of a stranger, not one allowed in the same breath, and no plain commit."""
    *_, digests = planned(agency, tmp_path)
    wanted = digests["one.example"]
    sign(agency, keys["eve"][0], wanted)
    agency.write("policies/allowed_signers", keys["bo"][1] + keys["eve"][1])
    agency.commit("policies: eve signs")
    sign(agency, keys["eve"][0], wanted)
    agency.git(
        "commit", "-q", "--allow-empty", "-m", f"x\n\nReconciler-Approve: {wanted}"
    )
    agency.git("push", "-q", "origin", "HEAD:main")
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == []
    # That run took the new signers as the base: from now on eve's hand is known.
    agency.write(
        "policies/p.yaml", RULES.replace('"@bo"]', '"@bo", eve@agency.example]')
    )
    agency.commit("policies: eve is in ops")
    sign(agency, keys["eve"][0], wanted)
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == ["one.example"]


@pytest.mark.parametrize("line_end", ["\u2028", "\x0c"])
def test_no_message_borrows_the_signature_of_another_commit(
    agency, tmp_path, keys, line_end
):
    """What ends a line for one program ends none for another."""
    *_, digests = planned(agency, tmp_path)
    sign(agency, keys["bo"][0], "0123456789abcdef")
    theirs = agency.git("rev-parse", "HEAD")
    said = f"x{line_end}{theirs} {digests['one.example']}"
    agency.git(
        "commit", "-q", "--allow-empty", "-m", f"x\n\nReconciler-Approve: {said}"
    )
    agency.git("push", "-q", "origin", "HEAD:main")
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == []


def test_a_key_that_was_taken_away_signs_nothing_more(agency, tmp_path, keys):
    """From that commit on, not from the run that follows it."""
    *_, digests = planned(agency, tmp_path)
    agency.write("policies/allowed_signers", keys["ann"][1])
    agency.commit("policies: bo has lost a key")
    sign(agency, keys["bo"][0], digests["one.example"])
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == []


def test_whose_commit_somebody_signs_in_passing_approves_nothing(
    agency, tmp_path, keys
):
    """Bo moves eve's commit to another place, as a rebase does, and signs it anew."""
    *_, digests = planned(agency, tmp_path)
    agency.git(
        *("-c", "gpg.format=ssh", "-c", f"user.signingkey={keys['bo'][0]}"),
        *("commit", "-q", "-S", "--allow-empty", "--author", "eve <eve@x.example>"),
        *("-m", "a typo", f"--trailer=Reconciler-Approve: {digests['one.example']}"),
    )
    agency.git("push", "-q", "origin", "HEAD:main")
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == []


def test_nobody_approves_their_own_payment(agency, tmp_path, keys):
    """Ann wrote the ceiling, in whatever name she approves; moving a name is no payment."""
    digest, file, digests = planned(agency, tmp_path)
    done = at(
        agency, "apply", "--approve", digest, "--approved-plan", file, actor="ann"
    )
    assert done.code == 6
    assert "ann may have written it, and does not count" in done.out
    assert happened(agency) == ["one.example"]
    sign(agency, keys["ann"][0], digests["due.example"])
    assert at(agency, "apply", "--auto-approve").code == 6
    sign(agency, keys["bo"][0], digests["due.example"])
    assert at(agency, "apply", "--auto-approve").code == 0
    assert happened(agency) == ["due.example", "one.example"]


def test_two_names_of_one_person_are_one_person(agency, tmp_path, keys):
    two = RULES.replace("groups: [ops]}\n", "groups: [ops], twoPerson: true}\n", 1)
    agency.write("policies/p.yaml", two)
    agency.commit("policies: two persons")
    digest, file, digests = planned(agency, tmp_path, "--select", "Domain/one.example")
    sign(agency, keys["bo"][0], digests["one.example"])
    argv = ("apply", "--approve", digest, "--approved-plan", file)
    assert at(agency, *argv, actor="bo").code == 6
    assert happened(agency) == []
    assert at(agency, *argv, actor="ann").code == 0
    assert happened(agency) == ["one.example"]


@pytest.fixture
def hub(agency):
    """The forge: it knows who wrote every commit, and who let the run go on."""
    with Hub() as hub:
        hub.authors = dict.fromkeys(agency.git("rev-list", "HEAD").split(), "ann")
        yield hub


def reviewed(agency, hub, digest, file, *logins, ref="refs/heads/main"):
    """Run the approved plan in a job that *logins* let into its environment."""
    run = hub.run(event="workflow_dispatch", branch="main")
    for login in logins:
        hub.review(run, "production-approval", login)
    token = hub.token(actions="read", contents="read", pull_requests="read")
    more = {"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": str(run), "GITHUB_REF": ref}
    environ = {**agency.environ("ci"), **hub.environ(token, **more)}
    argv = ("--approve", digest, "--approved-plan", file, "--approver-from", "github")
    return shell("-C", agency.root, "apply", *argv, environ=environ)


def test_the_reviewers_of_the_environment_approve(agency, hub, tmp_path):
    digest, file, _ = planned(agency, tmp_path)
    done = reviewed(agency, hub, digest, file, "bo")
    assert done.code == 0, done.err
    assert happened(agency) == ["due.example", "one.example"]
    log = at(agency, "audit", "log", "--risk", "money").out
    assert "approved by bo" in log


def test_the_author_by_the_forges_word_is_no_approver(agency, hub, tmp_path):
    """Whatever address the commit carries: here Person/ann says nothing of it."""
    agency.write("policies/p.yaml", RULES.replace(", ann@agency.example", ""))
    agency.commit("policies: fewer names")
    hub.authors[agency.git("rev-parse", "HEAD")] = "bo"
    digest, file, _ = planned(agency, tmp_path)
    done = reviewed(agency, hub, digest, file, "ann")
    assert done.code == 6
    assert "ann may have written it" in done.out
    assert happened(agency) == ["one.example"]
    assert reviewed(agency, hub, digest, file, "bo").code == 0
    assert happened(agency) == ["due.example", "one.example"]


def test_whose_commit_nobody_knows_may_be_anybodys(agency, hub, tmp_path):
    agency.write("policies/p.yaml", RULES.replace(", ann@agency.example", ""))
    agency.commit("policies: fewer names")
    hub.authors = dict.fromkeys(agency.git("rev-list", "HEAD").split())
    digest, file, _ = planned(agency, tmp_path)
    assert reviewed(agency, hub, digest, file, "bo").code == 6
    assert happened(agency) == ["one.example"]


def test_a_co_author_says_nothing_of_the_author(agency, hub, tmp_path):
    """Eve's address is nobody's; that she names ann beside it makes her not ann."""
    agency.edit("inventory/domains.yaml", "15.00 USD", "16.00 USD")
    said = "a ceiling\n\nCo-authored-by: Ann <ann@agency.example>"
    agency.git("commit", "-qa", "--author", "e <e@x.example>", "-m", said)
    agency.git("push", "-q", "origin", "HEAD:main")
    hub.authors[agency.git("rev-parse", "HEAD")] = None
    digest, file, _ = planned(agency, tmp_path)
    assert reviewed(agency, hub, digest, file, "bo").code == 6
    assert happened(agency) == ["one.example"]


def test_who_opened_the_pull_request_wrote_it_whatever_its_commits_say(
    agency, hub, tmp_path
):
    """The forge knows an author by an address that anybody can type."""
    head = agency.git("rev-parse", "HEAD")
    hub.merged(hub.pull(head, by="bo", branch="bo"), *hub.authors)
    digest, file, _ = planned(agency, tmp_path)
    done = reviewed(agency, hub, digest, file, "bo")
    assert (done.code, happened(agency)) == (6, ["one.example"])
    assert "bo may have written it" in done.out
    # What was found out then is not forgotten by a run that does not ask the forge.
    assert at(agency, "apply", "--auto-approve").code == 6
    assert happened(agency) == ["one.example"]
    assert at(agency, "audit", "verify").code == 0


@pytest.mark.parametrize("address", ["e@x.example", "1+eve@users.noreply.github.com"])
def test_an_address_that_nobody_declares_may_be_the_signers(
    agency, tmp_path, keys, address
):
    """Nor can a login of the forge be told from the address of a key."""
    agency.write("policies/allowed_signers", keys["eve"][1])
    rules = RULES.replace('"@ann", "@bo"', "eve@agency.example")
    agency.write("policies/p.yaml", rules)
    agency.commit("policies: eve signs")
    assert at(agency, "apply", "--auto-approve").code == 6
    agency.edit("inventory/domains.yaml", "15.00 USD", "16.00 USD")
    agency.git("commit", "-qa", "--author", f"e <{address}>", "-m", "a ceiling")
    *_, digests = planned(agency, tmp_path)
    sign(agency, keys["eve"][0], digests["due.example"])
    done = at(agency, "apply", "--auto-approve")
    assert (done.code, happened(agency)) == (6, []), done.out
    assert "eve@agency.example may have written it" in done.out


@pytest.mark.parametrize(
    ("logins", "ref"), [((), "refs/heads/main"), (("bo",), "refs/heads/change")]
)
def test_nobody_reviewed_it_or_elsewhere(agency, hub, tmp_path, logins, ref):
    digest, file, _ = planned(agency, tmp_path)
    done = reviewed(agency, hub, digest, file, *logins, ref=ref)
    assert (done.code, "E209" in done.err, happened(agency)) == (1, True, [])


def broken(agency, digest, file, actor="ann", reason="the sale ends at noon"):
    argv = ("apply", "--approve", digest, "--approved-plan", file)
    return at(agency, *argv, "--break-glass", reason, actor=actor)


def test_the_glass_is_broken_by_those_who_may_and_it_shows(agency, tmp_path):
    digest, file, _ = planned(agency, tmp_path)
    assert broken(agency, digest, file).code == 1  # no document lets anybody
    agency.write("policies/p.yaml", RULES + GLASS)
    agency.commit("policies: in an emergency")
    refused = broken(agency, digest, file, actor="eve")
    assert (refused.code, "E208" in refused.err) == (1, True)
    assert broken(agency, digest, file, reason=" ").code == 64
    assert happened(agency) == []
    done = broken(agency, digest, file)
    assert done.code == 6  # the payment is outside the scope, and waits
    assert happened(agency) == ["one.example"]
    shown = at(agency, "audit", "log", "--format", "jsonl").out
    assert "ann broke the glass" in shown
    data = json.loads(at(agency, "plan", "--format", "json").out)
    (found,) = [f for f in data["findings"] if f["code"] == "glass-broken"]
    assert (found["severity"], found["name"]) == ("critical", "ann")
    assert "the sale ends at noon" in found["message"]
    assert at(agency, "audit", "verify").code == 0
    agency.later(days=15)
    assert "glass-broken" not in at(agency, "plan", "--format", "json").out


def test_no_glass_lifts_a_freeze(agency, tmp_path):
    stop = "Freeze/stop: {reason: we are finding out what happened}\n"
    agency.write("policies/p.yaml", RULES + GLASS + stop)
    agency.commit("policies: stop")
    digest, file, _ = planned(agency, tmp_path)
    done = broken(agency, digest, file)
    assert (done.code, happened(agency)) == (6, [])
    assert "frozen until the freeze is removed" in done.out


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ((), 1, "E207"),
        (("--approver-from", "github"), 1, "E209"),
        (("--break-glass", "now"), 1, "E208"),
    ],
)
def test_outside_loopback_a_name_is_no_proof(tmp_path, argv, code, said):
    """The account is real, and nothing of it is asked before that is settled."""
    root = tmp_path / "agency"
    assert shell("init", root, "--provider", "main=porkbun").code == 0
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"format": "reconciler.plan/v1", "actions": []}))
    empty = "4f53cda18c2baa0c"
    more = ("--approve", empty, "--approved-plan", file, *argv)
    done = shell("-C", root, "apply", *more, environ={"GITHUB_ACTIONS": ""})
    assert (done.code, said in done.err) == (code, True), done.err
    assert "hint:" in done.err


@pytest.mark.parametrize(
    "argv", [("--approver-from", "github"), ("--break-glass", "because")]
)
def test_there_must_be_something_that_was_approved(agency, argv):
    assert at(agency, "apply", *argv).code == 64
