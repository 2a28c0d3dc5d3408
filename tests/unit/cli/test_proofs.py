"""Several Backups of one account: all of them are proven, or none of it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.audit import Ledger, layout
from reconciler.audit.books import Record
from reconciler.audit.git import Git
from reconciler.audit.objects import Snapshot
from reconciler.cli.proofs import Proofs
from reconciler.inventory import Inventory, WorkTree, load
from reconciler.model import Proof, Ref
from tests.support.backups import DAY, Life

OF = Ref("Domain", "bakker.example")
INVENTORY = """\
apiVersion: reconciler/v1
Provider/reg: {type: porkbun, credentials: {apikey: {env: A}, secretapikey: {env: B}}}
Domain/bakker.example: {provider: reg}
BackupRepository/near: {engine: archive, url: "file:///srv/near", credentials: {password: {env: NEAR}}}
BackupRepository/far: {engine: archive, url: "file:///srv/far", credentials: {password: {env: FAR}}}
BackupPolicy/nightly:
  objectives: {rpo: 26h, rto: 2h}
  sources: {files: {root: /srv/bakker, paths: [www], minFiles: 10}}
  copies: [near, far]
Backup/one: {of: Domain/bakker.example, policy: nightly}
Backup/two: {of: Domain/bakker.example, policy: nightly}
"""


def lived(inventory: Inventory, days: int, verdict: str = "passed") -> Life:
    """Return one that was backed up, and drilled with that end, so many days."""
    life = Life(next(iter(inventory.of("Backup"))).makings.backing)
    life.now -= days * DAY
    life.verdict = {"verdict": verdict, "why": "the dump is empty", "seconds": 9.0}
    for _ in life.live(days):
        pass
    life.now -= DAY / 2
    return life


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "a.yaml").write_text(INVENTORY)
    return load(WorkTree(tmp_path))


def told(inventory: Inventory, **lives: Life) -> Proof | str:
    records = [
        Record(kind="Backup", uid=one.uid, facts=lives[one.name].recorded)
        for one in inventory.of("Backup")
        if one.name in lives
    ]
    known = {layout.record_path("Backup", one.uid): one for one in records}
    nowhere = Snapshot(Git(Path("nowhere"), {}), None)
    ledger = Ledger(nowhere, known=dict(known), whole=layout.FOLDERS)
    return Proofs(inventory, ledger)(OF, next(iter(lives.values())).now)


def test_the_proof_is_of_the_one_that_was_restored_longest_ago(inventory):
    one, two = lived(inventory, 9), lived(inventory, 4)
    found = told(inventory, one=one, two=two)
    assert isinstance(found, Proof)
    last = [max(row["at"] for row in life.recorded["drills"]) for life in (one, two)]
    assert found.verified.isoformat() == min(last)
    assert last[0] != last[1]


def test_one_that_is_not_proven_is_named_and_no_other_makes_up_for_it(inventory):
    found = told(inventory, one=lived(inventory, 4), two=lived(inventory, 4, "failed"))
    assert found == "Backup/two: packs of near are damaged"
    assert (
        told(inventory, one=lived(inventory, 4))
        == "Backup/two: nothing was backed up yet"
    )
