"""WordPress sites are patched one at a time, looked at, and put back where they broke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.audit import Query, log
from reconciler.engine import Exit
from reconciler.model import Proof
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency
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
            f"Domain/{name}: {{provider: none, dns: {{records: {{'@/A': "
            f"{address}}}}}}}\n"
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
    return {v.rule for v in action.verdicts if v.decision != "allow"}


def found(plan, kind="HostingAccount"):
    return sorted((f.name, f.code) for f in plan.findings if f.kind == kind)


def history(agency):
    entries = log(agency.project().store.reader(), Query(kind="HostingAccount"))
    return entries


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
