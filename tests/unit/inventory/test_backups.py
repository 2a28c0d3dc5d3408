"""What the reader of an inventory is told about what is backed up."""

from __future__ import annotations

import pytest

from reconciler.inventory import WorkTree, load
from tests.support.bad_case import HEAD

NEAR = (
    "BackupRepository/near: {engine: archive, url: file:///srv/near, "
    "credentials: {password: {env: P}}}\n"
)
PANEL = (
    "BackupRepository/near: {engine: whm, url: https://whm1.example:2087, "
    "credentials: {}}\n"
)
ASKED = "expect: [{sql: select 1, min: 1}]"
OF = """\
HostingPlan/q: {price: 1.00 EUR/month, packages: {w: x}}
Provider/w: {type: w, credentials: {}}
HostingAccount/a.example: {provider: w, plan: q}
"""


def told(folder, policy: str, backup: str = "", near: str = NEAR) -> list[str]:
    """Return the warnings of one policy (line 3), and of a Backup (line 7)."""
    text = f"BackupPolicy/x: {{objectives: {{rpo: 26h, rto: 2h}}, copies: [near], {policy}}}\n"
    if backup:
        text += f"{OF}Backup/a.example: {{of: HostingAccount/a.example, policy: x, {backup}}}\n"
    path = folder / "inventory" / "x.yaml"
    path.parent.mkdir()
    path.write_text(HEAD + near + text)
    return [str(one) for one in load(WorkTree(folder)).warnings]


@pytest.mark.parametrize(
    ("source", "asked"),
    [
        (f"type: mysql, database: d, {ASKED}", True),
        ("type: mysql, database: d", False),
        ("paths: [www]", True),
    ],
)
def test_a_database_of_which_nothing_is_asked(tmp_path, source, asked):
    said = told(tmp_path, f"sources: {{a: {{{source}}}}}")
    assert [one.split()[1] for one in said] == ([] if asked else ["W180"])


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ("", False),
        (", expect: [{path: homedir/x}]", True),
        (f", database: d, {ASKED}", True),
        (", database: d, expect: [{path: homedir/x}]", False),
    ],
)
def test_a_panels_dump_of_which_nothing_is_asked(tmp_path, more, asked):
    policy = f"schedule: {{by: panel}}, sources: {{a: {{type: panel{more}}}}}"
    said = told(tmp_path, policy, near=PANEL)
    assert [one.split()[1] for one in said] == ([] if asked else ["W180"])


FILES = "sources: {files: {paths: [www]}}"
HELD = (
    "W181 {}: 168h is less than the 720h between two drills: "
    "nothing is pruned most of the time\n"
    "  hint: write verified: 1440h or more, or a drill more often"
)


@pytest.mark.parametrize(
    ("policy", "backup", "said"),
    [
        ("drills: {sample: {every: 30d}}, prune: {verified: 7d}", "", "policy"),
        ("drills: {sample: null}, prune: {verified: 7d}", "", "policy"),
        ("drills: {sample: {every: 30d}, full: {every: 7d}}, prune: {verified: 7d}", "", ""),
        ("prune: {verified: 7d}", "drills: {sample: {every: 30d}}", "backup"),
        ("prune: {verified: 7d}", "prune: {most: 10%}", ""),
        ("drills: {sample: {every: 30d}}, prune: {verified: 30d}", "", ""),
    ],
)  # fmt: skip
def test_a_prune_that_waits_for_a_drill_that_seldom_comes(
    tmp_path, policy, backup, said
):
    found = told(tmp_path, f"{FILES}, {policy}", backup)
    places = {
        "policy": ("3", "BackupPolicy/x: spec.prune.verified"),
        "backup": ("7", "Backup/a.example: spec.drills"),
    }
    line, what = places.get(said, ("", ""))
    assert len(found) == bool(said)
    for one in found:
        place, _, rest = one.partition(" ")
        assert place.split(":")[1] == line
        assert rest == HELD.format(what)
