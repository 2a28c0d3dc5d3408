"""WordPress sites are patched one at a time, looked at, and put back where they broke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.cli.apply_command import carry_out
from reconciler.engine import Exit
from reconciler.model import Decision, Proof, Ref
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
from tests.support.crash import Killed, Steps, watch
from tests.support.shell import at

ACCOUNTS = """\
apiVersion: reconciler/v1
Provider/plesk-1:
  type: plesk
  account: plesk1.agency.example
  endpoint: {plesk}
  credentials: {{key: {{file: .sandbox/secrets/plesk-key}}}}
"""
WINDOW = '{days: [mon], from: "02:00", to: "05:00"}'
NAMES = ("a.example", "b.example", "c.example")
#: A Sunday; the window opens on Monday at two.
SUNDAY = datetime(2026, 11, 22, 6, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 3, tzinfo=UTC)
POLICY = f"PatchPolicy/careful: {{windows: [{WINDOW}], wait: 0s, watch: 15m}}\n"


def hosted(names=NAMES):
    text = "apiVersion: reconciler/v1\n"
    text += "HostingPlan/care-5: {price: 9.00 EUR/month, packages: {plesk: Care 5}}\n"
    for number, name in enumerate(names, 1):
        address = f"192.0.2.{100 + number}"
        text += (
            f"HostingAccount/{name}: {{provider: plesk-1, plan: care-5, "
            "state: active, patching: careful}\n"
            f"Domain/{name}: {{provider: none, dns: {{records: "
            f"[{{name: '@', type: A, value: {address}}}]}}}}\n"
            f"Certificate/{name}: {{mode: observe, names: [{name}]}}\n"
        )
    return text


class Patched(Agency):
    """An agency whose backups are proven, unless *proven* is false."""

    proven = True

    def project(self, actor="ann", **options):
        project = super().project(actor, **options)
        if self.proven:
            proof = Proof(self.clock(), self.clock(), "drill-1")
            project.proof = lambda _ref, _now: proof
        return project


def patched(tmp_path, sites, policy=POLICY, start=SUNDAY, **more):
    files = {
        "inventory/hosted.yaml": hosted(tuple(sites)),
        "inventory/policy.yaml": f"apiVersion: reconciler/v1\n{policy}",
    }
    odd = {name: Oddity(hosting={"wordpress": one}) for name, one in sites.items()}
    return Patched(
        tmp_path, files, odd, accounts=ACCOUNTS, public=True, start=start, **more
    )


def plugin(version="1.0.0", latest="1.1.0", **more):
    return {"plugins": {"shop": {"version": version, "latest": latest, **more}}}


def core(**more):
    return {"version": "6.4.1", "offers": ["6.4.2"], **more}


def done(agency, name="a.example"):
    return [e.operation for e in agency.sandbox.ledger.effects("plesk", name)]


def installed(agency, name="a.example"):
    rows = agency.sandbox.bench("plesk").state["accounts"].values()
    (site,) = [row["wordpress"] for row in rows if row["domain"] == name]
    return site["version"], {k: v["version"] for k, v in site["plugins"].items()}


def rules(action):
    return {v.rule for v in action.verdicts if v.decision is not Decision.ALLOW}


def found(plan, kind="HostingAccount"):
    return sorted((f.name, f.code) for f in plan.findings if f.kind == kind)


def test_without_a_proven_backup_nothing_is_patched(tmp_path):
    with patched(tmp_path, {"a.example": core()}) as agency:
        agency.proven = False
        (action,) = agency.plan().actions
        assert (action.change.verb, str(action.decision)) == ("patch", "hold")
        assert rules(action) == {"built-in/backup-proof"}
        agency.apply()
        assert done(agency) == []
        # No person takes the place of a backup.
        digest = agency.plan().digest
        assert agency.apply(actor="bob", approved={digest: digest}).done == ()
        assert installed(agency)[0] == "6.4.1"


def test_a_weakness_is_mended_at_once(tmp_path):
    with patched(tmp_path, {"a.example": core()}) as agency:
        assert agency.apply().exit is Exit.DONE
        assert installed(agency)[0] == "6.4.2"
        assert done(agency) == ["core-update"]
        assert agency.plan().actions == ()
        assert at(agency, "audit", "verify").code == 0


def test_a_minor_update_waits_until_it_is_old_enough_and_for_its_window(tmp_path):
    policy = POLICY.replace("wait: 0s", "wait: 20h")
    with patched(tmp_path, {"a.example": plugin()}, policy) as agency:
        (later,) = agency.plan().deferred
        assert later.until == datetime(2026, 11, 23, 2, tzinfo=UTC)
        agency.apply()  # from now on it is known
        agency.clock.set(MONDAY - timedelta(hours=2), frozen=True)
        assert (agency.plan().actions, len(agency.plan().deferred)) == ((), 1)
        agency.clock.set(MONDAY, frozen=True)
        assert agency.apply().exit is Exit.DONE
        assert installed(agency)[1] == {"shop": "1.1.0"}
        assert done(agency) == ["plugin-update"]


def test_a_major_update_is_agreed_to_before_its_window_and_done_in_it(tmp_path):
    with patched(tmp_path, {"a.example": plugin(latest="2.0.0")}) as agency:
        (action,) = agency.plan().actions
        assert rules(action) == {"built-in/limit"}
        approved = {action.id: action.digest}
        assert agency.apply(actor="bob", approved=approved).done == ()
        agency.clock.set(MONDAY, frozen=True)
        assert agency.apply().exit is Exit.DONE
        assert installed(agency)[1] == {"shop": "2.0.0"}


def broken(**more):
    return {**plugin(), "breaks": ["plugin/shop@1.1.0"], **more}


def test_one_that_broke_is_put_back_once_and_stops_the_others(tmp_path):
    sites = {"a.example": broken(), "b.example": plugin(), "c.example": plugin()}
    with patched(tmp_path, sites, start=MONDAY) as agency:
        result = agency.apply()
        assert done(agency) == ["plugin-update", "plugin-install"]
        assert installed(agency)[1] == {"shop": "1.0.0"}
        assert (done(agency, "b.example"), done(agency, "c.example")) == ([], [])
        verbs = [one.action.change.verb for one in result.done]
        assert verbs == ["patch", "roll-back"]
        assert ("a.example", "patch-put-back") in found(result.left)
        # The next run goes on with the others; what broke one is a person's there.
        agency.later(minutes=30)
        left = agency.apply().left
        assert installed(agency, "b.example")[1] == {"shop": "1.1.0"}
        assert installed(agency, "c.example")[1] == {"shop": "1.1.0"}
        (again,) = left.actions
        assert (again.want.name, str(again.decision)) == ("a.example", "hold")
        assert "answers 500" in again.verdicts[-1].why or rules(again)
        assert done(agency) == ["plugin-update", "plugin-install"]
        assert at(agency, "audit", "verify").code == 0


def test_what_stays_broken_stops_everything_until_it_is_mended(tmp_path):
    bad = {**plugin(), "stays": ["plugin/shop@1.1.0"]}
    sites = {"a.example": bad, "b.example": plugin()}
    with patched(tmp_path, sites, start=MONDAY) as agency:
        result = agency.apply()
        assert done(agency) == ["plugin-update", "plugin-install"]
        assert ("a.example", "patch-broke") in found(result.left)
        agency.later(minutes=30)
        held = agency.apply().left.actions
        assert [(a.want.name, rules(a)) for a in held] == [
            ("b.example", {"built-in/one-by-one"})
        ]
        assert done(agency) == ["plugin-update", "plugin-install"]
        rows = agency.sandbox.bench("plesk").state["accounts"].values()
        (site,) = [r["wordpress"] for r in rows if r["domain"] == "a.example"]
        site["spoilt"] = False
        agency.later(hours=1, minutes=10)
        agency.apply()  # sees that it works
        agency.apply()
        assert installed(agency, "b.example")[1] == {"shop": "1.1.0"}


@pytest.mark.parametrize("kind", ["lost-before", "lost-after"])
def test_a_lost_answer_is_never_a_second_update(tmp_path, kind):
    sites = {"a.example": plugin(), "b.example": plugin()}
    with patched(tmp_path, sites, start=MONDAY) as agency:
        operation = "wp plugin update"
        agency.sandbox.inject(Fault(vendor="plesk", operation=operation, kind=kind))
        agency.apply()
        if kind == "lost-before":  # nobody knows: the other one is not begun
            assert done(agency, "b.example") == []
            agency.later(minutes=10)
            left = agency.apply().left
            assert done(agency, "b.example") == []
            assert "built-in/one-by-one" in rules(left.actions[-1])
        for _ in range(3):
            agency.later(minutes=10)
            agency.apply()
        for name in sites:
            assert done(agency, name) == ["plugin-update"]
            assert installed(agency, name)[1] == {"shop": "1.1.0"}


def test_nothing_is_patched_that_is_suspended_or_down_already(tmp_path):
    sites = {"a.example": core(), "b.example": core(breaks=["core/wordpress@6.4.1"])}
    with patched(tmp_path, sites) as agency:
        file = "inventory/hosted.yaml"
        agency.edit(file, "state: active, patching", "state: suspended, patching")
        agency.commit("all: suspend")
        verbs = {a.change.verb for a in agency.plan().actions}
        assert verbs == {"suspend"}
        agency.edit(file, "state: suspended, patching", "state: active, patching")
        agency.commit("all: run")
        held = {a.want.name: str(a.decision) for a in agency.plan().actions}
        assert held == {"a.example": "allow", "b.example": "hold"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_around_an_update_nothing_is_done_twice(tmp_path, when):
    sites = {"a.example": broken(), "b.example": plugin()}
    with patched(tmp_path, sites, start=MONDAY) as agency:
        steps = Steps(f"{when} plesk-1/updates.apply")
        with pytest.raises(Killed):
            carry_out(watch(agency.project(), steps))
        assert done(agency) == (["plugin-update"] if when == "after" else [])
        for _ in range(4):
            agency.later(minutes=31)
            agency.apply()
        # What was begun by the one that died is looked at, and put back, by the next.
        assert done(agency) == ["plugin-update", "plugin-install"]
        assert done(agency, "b.example") == ["plugin-update"]
        assert at(agency, "audit", "verify").code == 0


def test_with_a_check_the_next_one_waits_until_it_has_looked(tmp_path):
    policy = POLICY.replace("wait: 0s", "check: first")
    policy += "HealthCheck/first: {of: Domain/a.example, spacing: 0s, every: 5m}\n"
    sites = {"a.example": core(), "b.example": core()}
    with patched(tmp_path, sites, policy) as agency:

        def looked(**site):
            if site:
                agency.sandbox.edit("public", "site", {"name": "a.example", **site})
            agency.later(minutes=5)
            at(agency, "-q", "health", "check")

        held = {str(a.decision) for a in agency.plan().actions}
        assert held == {"hold"}  # nobody would see that it broke
        looked(status=503)
        held = [a.change.hold for a in agency.plan().actions]
        assert all("nobody knows yet" in why for why in held)
        for _ in range(3):
            looked()
        held = [a.change.hold for a in agency.plan().actions]
        assert all("something is wrong with it already" in why for why in held)
        # Of what is no check, the incident that it is in is asked for.
        books = agency.project().health
        assert "incident" in books.health(Ref("Domain", "a.example")).why
        assert books.health(Ref("Domain", "b.example")) is None
        for _ in range(4):
            looked(status=200)
        agency.apply()
        assert (done(agency), done(agency, "b.example")) == (["core-update"], [])
        agency.apply()
        assert done(agency, "b.example") == []
        looked()
        agency.apply()  # the record learns that somebody looked
        agency.apply()
        assert done(agency, "b.example") == ["core-update"]
        assert (
            "core/wordpress of a.example"
            in at(agency, "explain", "HostingAccount/a.example").out
        )
