"""Checks from the command line: real DNS, TLS and HTTP, incidents, notices, plans."""

from __future__ import annotations

import json

import pytest

from reconciler.audit.usage_store import Measured
from reconciler.cli.usage_books import usage_store
from reconciler.engine import Exit
from reconciler.model import Ref
from reconciler.model.usage import Reading
from tests.support.agency import Agency, domain, inventory
from tests.support.crash import Saved
from tests.support.public import trouble
from tests.support.receivers import Inbox, Receiver
from tests.support.shell import at

ZONE = 'dns: {{targets: [aws], records: [{{name: "@", type: A, value: {}}}]}}'
CHECKS = """\
Certificate/shop: {mode: observe, names: [shop.example]}
Certificate/two: {mode: observe, names: [two.example]}
HealthCheck/shop: {of: Domain/shop.example, spacing: 0s, slo: {target: 99%}}
HealthCheck/shop-dns: {of: Domain/shop.example, type: dns, expect: {records: {type: A, values: [192.0.2.1]}}, spacing: 0s}
HealthCheck/shop-tls: {of: Domain/shop.example, type: tls, expect: {notAfter: 14d}, severity: warning, spacing: 0s}
HealthCheck/two: {of: Domain/two.example, spacing: 0s, every: 5m}
"""
CHANNELS = """\
apiVersion: reconciler/v1
NotificationChannel/mail:
  type: smtp
  fallback: hook
  smtp: {{host: 127.0.0.1, port: {mail}, tls: none, from: r@agency.example, to: [{{file: .sandbox/secrets/to}}]}}
NotificationChannel/hook:
  type: webhook
  events: []
  webhook: {{url: {{file: .sandbox/secrets/hook}}}}
"""
FILES = inventory(
    domain("shop.example", "namecom-main", spec=ZONE.format("192.0.2.1")),
    domain("two.example", "namecom-main", spec=ZONE.format("192.0.2.2")),
    CHECKS,
)


class World:
    """An agency, its visitors' internet, and who is told."""

    def __init__(self, tmp):
        self.inbox, self.hook = Inbox(), Receiver()
        self.agency = Agency(tmp, FILES, {}, public=True)

    def __enter__(self):
        for one in (self.inbox, self.hook, self.agency):
            one.__enter__()
        secrets = self.agency.root / ".sandbox" / "secrets"
        (secrets / "to").write_text("ops-canary@agency.example")
        (secrets / "hook").write_text(f"{self.hook.url}/hook-canary")
        text = CHANNELS.format(mail=self.inbox.port)
        self.agency.write("inventory/channels.yaml", text)
        self.agency.commit()
        return self

    def __exit__(self, *why):
        for one in (self.agency, self.hook, self.inbox):
            one.__exit__(*why)

    def check(self, *argv, minutes=5):
        done = at(self.agency, "-q", "health", "check", *argv)
        self.agency.later(minutes=minutes)
        return done

    def health(self, *argv):
        return at(self.agency, "-q", "health", *argv)

    def break_(self, name="shop.example", **fields):
        self.agency.sandbox.edit("public", "site", {"name": name, **fields})

    def mend(self, name="shop.example"):
        self.break_(name, status=200)

    def plan(self):
        said = at(self.agency, "-q", "plan", "--format", "json")
        assert said.code == Exit.DONE, said.err
        found = json.loads(said.out)["findings"]
        return {f["name"]: f for f in found if f["kind"] == "HealthCheck"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with World(tmp_path_factory.mktemp("health")) as made:
        made.saved = Saved(made.agency)
        yield made


@pytest.fixture
def world(running):
    running.saved.restore()
    running.agency.git("reset", "-q", "--hard")
    running.inbox.mails.clear()
    running.hook.got.clear()
    running.inbox.refuse.clear()
    running.hook.answers[:] = [200]
    running.mend()
    running.agency.sandbox.faults.clear()
    return running


def test_an_outage_from_the_first_bad_look_to_its_end(world):
    first = world.check()
    assert (first.code, first.err) == (Exit.DONE, "")
    assert first.out.splitlines()[-1] == "4 checks: 4 good"
    assert world.plan() == {}
    world.break_(status=503)
    for word in ("SUSPECT", "SUSPECT", "DOWN"):
        said = world.check()
        assert said.code == Exit.DONE, said.err
        assert (
            f"{word:<11} shop  Domain/shop.example since 2026-11-22 06:05" in said.out
        )
    assert "told        mail" in said.out
    assert world.check("--detailed-exitcode").code == Exit.CHANGES
    (subject,) = world.inbox.subjects()
    assert (
        "Domain/shop.example is down since 2026-11-22 06:05 UTC: it answers 503"
        in subject
    )
    # A plan says it, and its run tells nobody a second time.
    found = world.plan()["shop"]
    assert (found["code"], found["severity"]) == ("site-down", "critical")
    assert "it answers 503" in found["message"]
    assert at(world.agency, "-q", "notify").code == Exit.DONE
    assert len(world.inbox.subjects()) == 1
    world.mend()
    assert "RECOVERING" in world.check().out
    over = world.check()
    assert "is over after" in over.out
    assert len(world.inbox.subjects()) == 2
    assert "over: Domain/shop.example is down" in world.inbox.subjects()[1]
    assert world.plan() == {}
    said = world.health("incidents")
    assert "Domain/shop.example  25m  1 check: it answers 503" in said.out
    assert "1 incident: seen after 10m, over after 25m (median)" in said.out


def test_what_is_kept_explains_itself(world):
    world.break_(status=500)
    for _ in range(3):
        world.check()
    told = at(world.agency, "explain", "HealthCheck/shop").out
    assert "DOWN since 2026-11-22 06:00 UTC" in told
    assert "it answers 500" in told
    assert "at Domain/shop.example" in told
    assert "error budget" in told
    state = json.loads(world.health("status", "--format", "json").out)
    by_name = {one["name"]: one for one in state["checks"]}
    assert by_name["shop"]["phase"] == "down"
    assert by_name["shop"]["month"]["down"] == 600
    assert by_name["two"]["month"] == {
        "up": 600,
        "down": 0,
        "unknown": 0,
        "maintenance": 0,
    }


def test_nobody_came_is_said_and_is_not_up(world):
    world.check()
    world.agency.later(hours=2)
    found = world.plan()
    assert {one["code"] for one in found.values()} == {"check-unknown"}
    assert (
        "nobody knows how Domain/two.example is since 2026-11-22 06:00"
        in found["two"]["message"]
    )
    assert "UNKNOWN" in world.health("status").out
    world.check()
    assert world.plan() == {}
    state = json.loads(world.health("status", "--format", "json").out)["checks"][-1]
    assert state["month"] == {"up": 300, "down": 0, "unknown": 7200, "maintenance": 0}


def test_a_machine_without_network_is_no_outage(world):
    world.check()
    trouble(world.agency.sandbox, "dns-*", "status")
    for _ in range(3):
        said = world.check("--select", "HealthCheck/shop")
        assert said.code == Exit.PARTLY
        assert "UNKNOWN     shop" in said.out
    assert world.inbox.subjects() == []


def test_two_names_of_one_server_and_the_second_channel(world):
    world.check()
    world.break_(status=503)
    world.break_("two.example", status=503)
    world.inbox.refuse["ops-canary@agency.example"] = "550 no such user"
    for _ in range(3):
        said = world.check()
    assert "told        mail by hook" in said.out
    kinds = sorted(json.loads(body)["resource_name"] for _, _, body in world.hook.got)
    assert kinds == ["shop", "two"]
    assert "canary" not in said.out + said.err


def test_the_lock_is_another_runs_and_the_next_run_tells(world):
    from reconciler.engine import Journal

    world.check()
    world.break_(status=503)
    world.check()
    world.check()
    project = world.agency.project()
    run = project.run(project.git.head)
    with Journal(project.journal(), run, project.clock):
        said = at(world.agency, "health", "check")
    assert said.code == Exit.LOCKED
    assert "the next run does it" in said.err
    assert world.inbox.subjects() == []
    world.agency.later(minutes=5)
    assert world.check().code == Exit.DONE
    assert len(world.inbox.subjects()) == 1


USE = """\
apiVersion: reconciler/v1
Provider/whm-1:
  type: whm
  endpoint: http://127.0.0.1:9
  credentials: {user: {file: .sandbox/secrets/to}, token: {file: .sandbox/secrets/to}}
HostingPlan/good: {price: 1.00 EUR/month, packages: {whm: good}}
HostingAccount/shop.example: {provider: whm-1, plan: good}
HealthCheck/use: {of: HostingAccount/shop.example, type: usage, usage: {memory: 90%}}
"""


def test_what_the_host_uses_by_its_last_reading(world):
    world.agency.write("inventory/use.yaml", USE)
    world.agency.commit()
    only = ("--select", "HealthCheck/use")
    nobody = world.check(*only)
    assert nobody.code == Exit.PARTLY
    assert "memory was not measured lately" in nobody.out
    project = world.agency.project()
    ref = Ref("HostingAccount", "shop.example")
    for used, word in ((8e9, "1 good"), (9.5e9, "memory is at 95%")):
        reading = Reading("memory", project.clock(), used, 1e10)
        usage_store(project).add([Measured(ref, "whm-1", reading)], project.clock())
        said = world.check(*only)
        assert said.code == Exit.DONE
        assert word in said.out


def test_only_what_is_selected_is_looked_at(world):
    world.check()
    before = dict(world.agency.sandbox.ledger.requests()["public"])
    said = world.check("--select", "HealthCheck/two")
    assert said.out.splitlines()[-1] == "1 check: 1 good"
    after = world.agency.sandbox.ledger.requests()["public"]
    assert after["web-https"] == before["web-https"] + 1
    assert world.health("check", "--select", "Domain/two.example").code == Exit.USAGE


def test_an_export_for_status_sites_and_badges(world, tmp_path):
    world.check()
    world.break_(status=503)
    for _ in range(3):
        world.check()
    assert world.health("export", "--out", str(tmp_path)).code == Exit.DONE
    rows = {
        row["slug"]: row for row in json.loads((tmp_path / "summary.json").read_text())
    }
    assert rows["shop"]["status"] == "down"
    assert rows["shop"]["uptimeDay"] == "33.333%"
    assert rows["two"]["uptimeYear"] == "100.000%"
    badge = json.loads((tmp_path / "api/two/uptime.json").read_text())
    assert badge == {
        "schemaVersion": 1,
        "label": "two",
        "message": "100.000%",
        "color": "brightgreen",
    }
    (incident,) = json.loads((tmp_path / "incidents.json").read_text())["incidents"]
    assert incident["root"] == "Domain/shop.example"


def test_the_branch_is_one_commit_and_small(world):
    for _ in range(6):
        world.check()
    ref = "refs/heads/reconciler/health/main"
    listed = world.agency.git("ls-remote", "origin", ref).split()[0]
    world.agency.git("fetch", "-q", "origin", listed)
    assert world.agency.git("rev-list", "--count", listed) == "1"
    text = world.agency.git("show", f"{listed}:state.json")
    assert json.loads(text)["runs"] == [[1795327200, 300, 6]]
    quiet = json.loads(text)["checks"]["two"]
    assert set(quiet) == {"began"}


def test_what_is_damaged_is_refused_and_nothing_is_begun_anew(world):
    world.check()
    shelf = world.agency.project().health
    assert shelf.book.checks
    from reconciler.cli.usage_books import shelf as opened

    project = world.agency.project()
    opened(project, "health").change(
        lambda _: {"state.json": b"{}"}, now=project.clock(), message="by hand"
    )
    said = world.check()
    assert said.code == Exit.ERROR
    assert "E675" in said.err
    assert "Traceback" not in said.err


def test_nothing_is_told_where_no_channel_is(world):
    world.agency.git("rm", "-q", "inventory/channels.yaml")
    world.agency.commit()
    world.break_(status=503)
    for _ in range(3):
        said = world.check()
    assert said.code == Exit.DONE
    assert "told" not in said.out
