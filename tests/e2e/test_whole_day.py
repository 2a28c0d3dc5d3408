"""
One day in pull requests, from an empty folder: init, import, a change, its review, the
merge, the schedule, an approval, drift. Everything through the command line and the
workflows as they are written, against real sockets and a bare repository.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from reconciler.sandbox.example import Oddity
from tests.support.actions import Actions
from tests.support.agency import Agency, domain, inventory
from tests.support.github import Hub
from tests.support.shell import shell
from tests.support.town import HEAD, RUN, SECRETS, Town

AWS = {"AWS_MAIN_ACCESS_KEY_ID": "sandbox", "AWS_MAIN_SECRET_ACCESS_KEY": "sandbox"}
KEYS = {**SECRETS, **AWS}
SITE = "nameservers: from-dns, dns: {{targets: [aws], records: [{}]}}"
WEB = (
    "{{name: '@', type: A, value: 192.0.2.10}}, {{name: www, type: CNAME, value: {}.}}"
)
SHOPS = ("bread.example", "cheese.example", "fish.example")
LIVE = inventory(
    *(domain(n, "namecom-main", spec=SITE.format(WEB.format(n))) for n in SHOPS),
    domain(
        "moves.example",
        "namecom-main",
        spec="nameservers: [ns1.old.example, ns2.old.example]",
    ),
    domain("plain.example"),
)
CUSTOMERS = f"""\
{HEAD}Customer/market: {{legalName: Market Hall BV, country: NL}}
Customer/novalaw: {{legalName: Nova Law LLP, country: NL}}
"""
RULES = f"""\
{HEAD}ApprovalRule/ops: {{match: {{risks: [disruptive, destructive]}}, groups: [ops]}}
Group/ops: {{members: ["@ann", "@bo"]}}
"""


class Day(Town):
    """A town whose repository began as an empty folder beside accounts full of names."""

    def __init__(self, tmp):
        self.tmp = tmp
        oddities = {"plain.example": Oddity({"expires": 200})}
        self.agency = Agency(tmp, LIVE, oddities)

    def __enter__(self):
        self.sandbox = self.agency.sandbox.start()
        self.hub = Hub().__enter__()
        root = self.agency.root
        shutil.rmtree(root)
        found = self.sandbox.endpoints()
        vendors = ("porkbun", "namecom", "aws")
        named = [f"--provider={v}-main={v}:{found[v]}" for v in vendors]
        self.cli("init", str(root), *named, "--package", "reconciler==7", here=False)
        # Who must be there is said by hand: only then is what is missing absent.
        accounts = root / "inventory/accounts.yaml"
        text = accounts.read_text()
        text = text.replace("{type: namecom,", "{type: namecom, account: agency-test,")
        text = text.replace("{type: aws,", '{type: aws, account: "123456789012",')
        accounts.write_text(text)
        (root / "inventory/domains.yaml").unlink()
        self.agency.write("inventory/customers.yaml", CUSTOMERS)
        self.agency.write("policies/house.yaml", RULES)
        remote = self.agency.remote
        subprocess.run(
            ["git", "init", "-q", "--bare", "-b", "main", remote], check=True
        )
        self.agency.git("remote", "add", "origin", str(remote))
        return self

    def __exit__(self, *_):
        self.hub.__exit__()
        self.sandbox.stop()

    def cli(self, *argv, here=True, code=0):
        environ = {"RECONCILER_SANDBOX": self.sandbox.control, **KEYS}
        where = ("-C", self.agency.root) if here else ()
        done = shell(*where, *argv, environ=environ)
        assert done.code == code, done.err + done.out
        return done.out

    def open(self):
        """The first push: from now on GitHub runs the workflows."""
        self.agency.commit("agency: begin")
        machine = {"RECONCILER_SANDBOX": self.sandbox.control}
        self.actions = Actions(
            self.tmp / "runners", self.hub, self.agency.remote, KEYS, machine
        )


@pytest.fixture
def day(tmp_path):
    with Day(tmp_path) as day:
        yield day


@pytest.mark.timeout(300)  # some forty processes, one after the other
def test_from_an_empty_folder_to_healed_drift(day):
    the_accounts_are_imported_and_folded(day)
    number = a_client_and_another_nameserver_are_proposed(day)
    day.merge(number)
    digest = the_schedule_does_what_is_allowed_and_holds_the_rest(day)
    exactly_what_was_approved_runs(day, digest)
    what_was_changed_by_hand_is_healed_or_reported(day)
    the_log_is_whole_on_the_remote(day)


def the_accounts_are_imported_and_folded(day):
    said = day.cli("import", "--all", "--fold", "--customer", "market")
    assert "1 Domain, 4 Site" in said  # with what nobody remembered in the account
    sites = (day.agency.root / "inventory/imported").glob("*.yaml")
    text = "\n".join(path.read_text() for path in sites)
    assert "Site/bread.example:" in text
    assert "maxPrice:" not in text  # nothing imported can spend
    day.cli("validate")
    day.open()
    planned = json.loads(day.cli("plan", "--format", "json"))
    assert (planned["actions"], planned["unmanaged"]) == ([], [])
    first = day.reconcile()
    assert first.result == "success", first.out
    assert day.effects() == []
    assert json.loads(day.published("heartbeat.json"))["complete"] is True


def a_client_and_another_nameserver_are_proposed(day):
    """The comment, the annotations and the findings, as GitHub gets them."""
    imported = day.agency.root / "inventory/imported/namecom-main.yaml"
    site = imported.read_text().partition("Site/bread.example:\n  profile: ")[2]
    profile = site.split()[0]
    client = f"{HEAD}Site/novalaw.example:\n  profile: {profile}\n  customer: novalaw\n"
    edits = {
        "inventory/clients/novalaw.yaml": client,
        "inventory/imported/namecom-main.yaml": (".old.example", ".new.example"),
    }
    number, _ = day.pull(edits)
    job, run = day.plan(number)
    assert job.result == "success", job.out
    seen = {value for step in job.steps for value in step.environ.values()}
    assert not seen & set(KEYS.values())
    notes = [line for line in job["Plan"].out.splitlines() if line.startswith("::")]
    assert any("file=inventory/imported/namecom-main.yaml" in one for one in notes)
    assert any("file=inventory/clients/novalaw.yaml" in one for one in notes)
    assert day.comment(run).result == "success"
    (comment,) = day.comments(number)
    assert comment.startswith("<!-- reconciler:plan:main -->\n")
    assert len(comment.encode()) < 65_535
    for word in ("novalaw.example", "moves.example", "ops", "0 min old"):
        assert word in comment, comment
    results = day.hub.sarifs[-1]
    assert results["ref"] == f"refs/pull/{number}/head"
    assert day.effects() == []
    return number


def the_schedule_does_what_is_allowed_and_holds_the_rest(day):
    done = day.reconcile()
    assert done.result == "success", done.out
    assert {name for _, name in day.effects()} == {"novalaw.example"}
    held = json.loads(day.published("held.json"))
    assert [(a["verb"], a["name"]) for a in held["actions"]] == [
        ("delegate", "moves.example")
    ]
    issues = day.hub.open_issues().values()
    assert any(held["digest"] in issue["body"] for issue in issues)
    return held["digest"]


def exactly_what_was_approved_runs(day, digest):
    """What comes due in between neither blocks it nor rides along."""
    before = len(day.effects())
    done, number = day.dispatch(digest, "held")
    assert done["held"].result == "success", done["held"].out
    day.sandbox.edit("porkbun", "domain", {"name": "plain.example", "autoRenew": False})
    day.hub.review(number, "production-approval", "bo")
    done, _ = day.dispatch(digest, "apply", number=number)
    assert done["apply"].result == "success", done["apply"].out
    assert day.effects()[before:] == [("setNameservers", "moves.example")]
    log = day.cli("audit", "log", "--verb", "delegate")
    assert "approved by bo" in log


def what_was_changed_by_hand_is_healed_or_reported(day):
    before = len(day.effects())
    away = ["ns1.thief.example", "ns2.thief.example"]
    day.sandbox.edit(
        "namecom", "domain", {"name": "moves.example", "nameservers": away}
    )
    drifted = day.actions.run(RUN.format("drift"), event="schedule")
    assert drifted["drift"].result == "success", drifted["drift"].out
    assert drifted["drift"]["Drift"].outputs["code"] == "2"
    titles = {issue["title"] for issue in day.hub.open_issues().values()}
    assert "Something was changed by hand" in titles
    assert len(day.effects()) == before  # looking changes nothing
    assert day.reconcile().result == "success"
    assert day.effects()[before:] == [("updateAutoRenew", "plain.example")]
    held = json.loads(day.published("held.json"))["actions"]
    assert [(a["verb"], a["name"]) for a in held] == [("delegate", "moves.example")]
    # The thief's nameservers are what is live: somebody may say that they are right.
    day.cli("drift", "--write-back", "--select", "Domain/moves.example")
    assert "ns1.thief.example" in day.agency.git("diff")
    day.agency.git("checkout", "-q", "inventory")


def the_log_is_whole_on_the_remote(day):
    assert "chain whole" in day.cli("audit", "verify")
    verbs = day.cli("audit", "log", "--format", "jsonl").splitlines()
    outcomes = [json.loads(line) for line in verbs]
    assert {one["verb"] for one in outcomes if one.get("verb")} >= {
        "records",
        "delegate",
        "auto-renew",
    }
