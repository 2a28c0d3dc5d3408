"""What ends for good asks the records whether it can be brought back."""

from __future__ import annotations

from datetime import timedelta

from reconciler.audit import Batch, Note, Run
from reconciler.model import Decision
from tests.e2e.test_hosting import ACCOUNTS
from tests.support.agency import Agency
from tests.support.backups import DAY, Life, backing

HEAD = "apiVersion: reconciler/v1\n"
PLAN = """\
HostingPlan/care-5: {price: 120.00 EUR/year, packages: {whm: care_5g}}
BackupRepository/near:
  {engine: archive, url: file:///srv/near, credentials: {password: {env: PASSWORD}}}
BackupPolicy/nightly:
  objectives: {rpo: 26h, rto: 2h}
  sources:
    files: {paths: [www], minFiles: 10}
    db: {type: sqlite, database: shop.db, expect: [{sql: select 1, min: 1}]}
  copies: [near]
Backup/bakker.example: {of: HostingAccount/bakker.example, policy: nightly, uid: x}
"""
ENDS = """\
HostingAccount/bakker.example: {provider: whm-1, plan: care-5, state: terminated}
HostingAccount/other.example: {provider: whm-1, plan: care-5, state: terminated}
"""


def record(agency: Agency, life: Life, number: int) -> None:
    """Write into the journal what *life* remembers."""
    now = agency.project().clock()
    store = agency.project().journal()
    run = Run(f"20261122T060000Z-{number:08x}", "main", "ann", None, now)
    lease = store.acquire(run, now=now, lease=timedelta(minutes=5))
    told = {"kind": "Backup", "uid": "x", "facts": life.recorded}
    _, lease = store.commit(lease, Batch([Note(event="noticed", data=told)]), now=now)
    store.release(lease)


def gate(agency: Agency) -> dict[str, tuple[Decision, str]]:
    """Return what the gate says of each account."""
    return {
        action.want.name: (verdict.decision, verdict.why)
        for action in agency.plan().actions
        for verdict in action.verdicts
        if verdict.rule == "built-in/backup-proof"
    }


def test_an_end_waits_for_a_restore_and_for_a_fresh_one(tmp_path):
    running = ENDS.replace("terminated", "active")
    files = {"inventory/hosted.yaml": HEAD + PLAN + running}
    with Agency(tmp_path, files, accounts=ACCOUNTS) as agency:
        (token,) = agency.sandbox.bench("whm").state["tokens"]
        token["rights"] = [*token["rights"], "kill-acct"]
        agency.write("inventory/hosted.yaml", HEAD + PLAN + ENDS)
        agency.commit("they end")
        life = Life(backing(copies=["near"]))
        life.now = agency.project().clock() - 3 * DAY
        never = "Backup/bakker.example: nothing was backed up yet"
        nobody = "no backup of HostingAccount/other.example was restored and verified"
        assert gate(agency) == {
            "bakker.example": (Decision.HOLD, never),
            "other.example": (Decision.HOLD, nobody),
        }
        list(life.live(3))
        life.run()
        record(agency, life, 1)
        found = gate(agency)
        assert found["bakker.example"][0] is Decision.ALLOW
        assert "restored and verified on 2026-11-19" in found["bakker.example"][1]
        assert found["other.example"] == (Decision.HOLD, nobody)
        # A drill that failed since closes it again, whatever passed before.
        drill = life.recorded["drills"][-1]
        at = (life.now - timedelta(hours=1)).isoformat()
        bad = {**drill, "at": at, "verdict": "failed", "why": "an empty table"}
        life.recorded["drills"].append(bad)
        record(agency, life, 2)
        decision, why = gate(agency)["bakker.example"]
        assert decision is Decision.HOLD
        assert "the last drill of near failed on 2026-11-22: an empty table" in why
