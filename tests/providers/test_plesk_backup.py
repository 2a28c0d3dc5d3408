"""Backups that a Plesk server keeps, over real sockets and its own file format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.backup import Backup, CopyState
from reconciler.kinds.backup_repository import RepositoryState
from reconciler.model import Absent, Account, Change, Unknown
from reconciler.providers.plesk_backup import PleskBackup
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.testing import Case
from tests.support import panel_backups as panel
from tests.support.contract import NOW, SandboxContract, account

FILES = {
    "httpdocs/index.php": "<?php // WordPress",
    "httpdocs/wp-content/a.css": "body {}",
}
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key"}],
    "subscriptions": {
        "shop": {
            "domain": "shop.example",
            "files": FILES,
            "databases": {"wp": "CREATE TABLE a (b int);\n-- Dump completed\n"},
            "takes": 40.0,
        },
        "other": {"domain": "other.example"},
    },
}
NIGHTLY = {**PART, "nightly": 3}
SECRETS = {"write": "plesk-sandbox-key", "maintain": "plesk-sandbox-key"}
INDEX = "domains/shop.example/user-data/httpdocs/index.php"
EXPECT = {"expect": [{"path": INDEX, "contains": "WordPress"}]}


class TestPleskBackup(SandboxContract):
    driver = PleskBackup
    vendor = "plesk"
    part = PART
    secrets: ClassVar = SECRETS
    extra = "nothing that is kept is listed by name"
    listing = "backup-manager get-local-backup-list"
    operations: ClassVar = {"back-up": "backup-manager backup-webspace"}

    def wants(self) -> list[Backup]:
        return [panel.backup("shop.example", panel.backing())]

    def missing(self) -> Backup:
        return panel.backup("missing.example", panel.backing())

    def other(self, change: Change) -> Change:
        return change.model_copy(update={"details": {**change.details, "nonce": "x"}})

    def effects(self, name: str) -> int:
        found = self.sandbox.ledger.effects(self.vendor, name)
        return len([one for one in found if one.operation == "back-up"])

    def shows(self, driver: Any, case: Case) -> bool:
        """A backup is never shown as done by what is listed: here it may be."""
        seen = driver.observe([case.want]).states[case.want.name]
        return isinstance(seen, CopyState) and bool(seen.snapshots)

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert isinstance(seen.states["missing.example"], Absent)
        assert isinstance(seen.states["shop.example"], CopyState)
        assert not seen.unmanaged

    def test_declares_every_verb_it_is_asked_for_and_offers_what_it_declares(
        self,
    ) -> None:
        """Drills and prunes want a receipt first: they have tests of their own."""
        account = self.start()
        cases = self.cases(self.made(account), account)
        verbs = {case.change.verb for case in cases}
        assert verbs == {*self.driver.can} - {"drill", "prune"}

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, _ in self.each():
            receipt = driver.apply(case.want, case.change, "key-1")
            assert receipt.reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


def opened(running: Sandbox, part: Any = PART) -> tuple[PleskBackup, Account]:
    running.clock.set(NOW, frozen=True)
    running.reset(World({"plesk": part}))
    url = running.endpoint("plesk")
    made = account(running, "plesk", SECRETS, settings={"url": url})
    return PleskBackup(made), made


def seen(driver: PleskBackup, want: Backup) -> CopyState:
    state = driver.observe([want]).states[want.name]
    assert isinstance(state, CopyState)
    return state


def test_the_panels_own_backups_are_seen_by_the_panels_own_clock(running):
    driver, made = opened(running, NIGHTLY)
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        assert seen(driver, want).snapshots == ()
        made.sleep(timedelta(days=5).total_seconds())
        kept = seen(driver, want).snapshots
        assert [f"{one.at:%d %H:%M}" for one in kept] == [
            "25 02:00", "26 02:00", "27 02:00",
        ]  # fmt: skip
        assert {one.source for one in kept} == {"account"}
        assert all(one.packed and one.size is None for one in kept)
        place = panel.repository("plesk", made.endpoint or "")
        whole = driver.observe([place]).states["main"]
        assert whole == RepositoryState(identity="plesk1.agency.example")
        assert driver.identity() == made.settings["url"]


def test_a_thousand_subscriptions_are_asked_about_in_few_packets(running):
    subscriptions = {f"s{n}": {"domain": f"s{n}.example"} for n in range(120)}
    driver, _ = opened(running, {**PART, "subscriptions": subscriptions})
    wants = [panel.backup(f"s{n}.example", panel.backing()) for n in range(120)]
    with closing(driver):
        found = driver.observe([*wants, panel.backup("no.example", panel.backing())])
    assert found.requests["get-local-backup-list"] == 3 + 50  # one of them is not there
    assert isinstance(found.states["no.example"], Absent)
    assert all(isinstance(found.states[w.name], CopyState) for w in wants)


def test_it_is_made_fetched_restored_and_looked_at(running, tmp_path):
    driver, made = opened(running)
    policy = panel.backing(tmp_path / "scratch", source={**EXPECT, "minFiles": 3})
    want = panel.backup("shop.example", policy)
    with closing(driver):
        receipt = driver.apply(want, panel.making(made), "k")
        row = receipt.details["sources"]["account"]
        assert row["files"] == 4  # two of the site, a dump, and the description
        assert len(row["manifest"]) == 64
        made.sleep(60)
        drill = panel.drilling(made, seen(driver, want), row)
        done = driver.apply(want, drill, "d").details
    assert (done["verdict"], done["why"]) == ("passed", "")
    checks = {one["check"] for one in done["checks"]}
    assert "account/manifest" in checks
    assert any(INDEX in one for one in checks)
    assert done["engines"] == ["plesk archive"]
    assert [*(tmp_path / "scratch").iterdir()] == []


def test_what_is_asked_for_twice_is_made_once(running):
    driver, made = opened(running)
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        order = panel.making(made)
        running.inject(
            Fault(
                vendor="plesk",
                operation="backup-manager backup-webspace",
                kind="lost-after",
            )
        )
        with pytest.raises(Ambiguous):
            driver.apply(want, order, "k")
        first = driver.apply(want, order, "k")
        assert driver.apply(want, order, "k").reference == first.reference
        assert len(seen(driver, want).snapshots) == 1


def test_one_that_takes_too_long_is_under_way_and_found_by_the_next_run(running):
    slow = {**PART["subscriptions"]["shop"], "takes": 3600.0}
    driver, made = opened(running, {**PART, "subscriptions": {"shop": slow}})
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        order = panel.making(made)
        with pytest.raises(Ambiguous, match="the panel is still making it"):
            driver.apply(want, order, "k")
        assert seen(driver, want).snapshots == ()
        made.sleep(1200)
        assert driver.apply(want, order, "k").details["sources"]
        found = running.ledger.effects("plesk", "shop.example")
        assert [one.operation for one in found] == ["back-up"]


def test_only_what_was_made_from_here_is_taken_away(running):
    driver, made = opened(running, NIGHTLY)
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        made.sleep(timedelta(days=2).total_seconds())
        for key in ("a", "b"):
            driver.apply(want, panel.making(made), key)
            made.sleep(60)
        state = seen(driver, want)
        ours, listed = list(state.ours), {one.id for one in state.snapshots}
        assert (len(ours), len(listed)) == (2, 4)
        (scheduled, *_) = sorted(listed - set(ours))
        for ids, kept in (([scheduled], ours), ([], ours), (ours, ours), (ours, ["x"])):
            with pytest.raises(Rejected):
                driver.apply(want, panel.pruning(ids, kept), "p")
        assert {one.id for one in seen(driver, want).snapshots} == listed
        change = panel.pruning(ours[:1], ours[1:])
        running.inject(
            Fault(
                vendor="plesk",
                operation="backup-manager remove-file",
                kind="lost-after",
            )
        )
        with pytest.raises(Ambiguous):
            driver.apply(want, change, "p")
        done = driver.apply(want, change, "p").details
        assert done == {"pruned": ours[:1], "left": 1}
        assert {one.id for one in seen(driver, want).snapshots} == listed - {ours[0]}
        since = made.clock()
        made.sleep(3600)
        assert driver.happened(want, change, "p", since) is True
        bare = made._replace(secrets={"write": SECRETS["write"]})
    with closing(PleskBackup(bare)) as driver:
        assert seen(driver, want).ours == ()
        with pytest.raises(Rejected, match=r"no credentials\.maintain"):
            driver.apply(want, panel.pruning(ours[1:], []), "p")


def test_a_panel_that_adds_to_descriptions_is_known_by_its_mark(running):
    """The vendor's sample of a listing has a line with the date behind the text."""
    driver, made = opened(running)
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        order = panel.making(made)
        first = driver.apply(want, order, "k")
        with running.bench("plesk").lock:
            row = running.bench("plesk").state["accounts"]["shop"]["backups"][0]
            row["description"] += ".\nCreation date: May 18, 2007 05:12 PM"
        assert len(seen(driver, want).ours) == 1
        assert driver.apply(want, order, "k").reference == first.reference
        assert len(seen(driver, want).snapshots) == 1


def test_what_is_begun_is_never_called_nothing(running):
    """A listing that fails after the task was begun leaves open what became of it."""
    driver, made = opened(running)
    want = panel.backup("shop.example", panel.backing())
    with closing(driver):
        running.inject(
            Fault(
                vendor="plesk",
                operation="backup-manager get-tasks-info",
                kind="status",
                status=500,
                skip=1,
                times=0,
            )
        )
        with pytest.raises(Ambiguous, match="was begun; and now"):
            driver.apply(want, panel.making(made), "k")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"spoils": True}, "the panel's task ended, and left nothing"),
        ({"cut": True}, "cut"),
        ({"files": {}}, "3 files, minFiles is 4"),
    ],
)
def test_what_is_no_whole_backup_has_no_receipt(running, tmp_path, broken, said):
    sick = {**PART["subscriptions"]["shop"], **broken}
    if "files" in broken:
        sick["files"] = {"httpdocs/x": "y"}
    driver, made = opened(running, {**PART, "subscriptions": {"shop": sick}})
    policy = panel.backing(tmp_path / "scratch", source={"minFiles": 4})
    want = panel.backup("shop.example", policy)
    with closing(driver), pytest.raises(Rejected) as caught:
        driver.apply(want, panel.making(made), "k")
    if said != "cut":
        assert said in caught.value.what
    assert [*(tmp_path / "scratch").glob("*")] == []


@pytest.mark.parametrize("why", ["minFiles", "cut"])
def test_what_is_refused_does_not_stay_in_the_panels_storage(running, tmp_path, why):
    """Each try has a key of its own: the next one would make another."""
    driver, made = opened(running, NIGHTLY)
    few = {"minFiles": 5} if why == "minFiles" else {}
    want = panel.backup("shop.example", panel.backing(tmp_path / "s", source=few))
    bare = made._replace(secrets={"write": SECRETS["write"]})
    running.edit("plesk", "account", {"user": "shop", "cut": why == "cut"})
    with closing(driver), closing(PleskBackup(bare)) as barely:
        made.sleep(timedelta(days=2).total_seconds())
        scheduled = seen(driver, want).snapshots
        assert len(scheduled) == 2
        for key in ("a", "b"):
            with pytest.raises(Rejected):
                driver.apply(want, panel.making(made), key)
            made.sleep(60)
        assert seen(driver, want).snapshots == scheduled
        # Without somebody who may delete it stays; a removal that fails changes no verdict.
        with pytest.raises(Rejected):
            barely.apply(want, panel.making(made), "c")
        assert len(seen(driver, want).snapshots) == 3
        fault = Fault(
            vendor="plesk", operation="backup-manager remove-file", kind="lost-before"
        )
        running.inject(fault)
        with pytest.raises(Rejected):
            driver.apply(want, panel.making(made), "d")
        assert len(seen(driver, want).snapshots) == 4


def test_what_cannot_be_fetched_was_not_refused(running, tmp_path):
    driver, made = opened(running)
    want = panel.backup("shop.example", panel.backing(tmp_path / "s"))
    with closing(driver):
        running.inject(
            Fault(
                vendor="plesk",
                operation="backup-manager download-file",
                kind="lost-before",
                times=0,
            )
        )
        with pytest.raises(Ambiguous):
            driver.apply(want, panel.making(made), "k")
        assert len(seen(driver, want).snapshots) == 1


@pytest.mark.parametrize("sick", ["cut", "gone", "empty", "strangers"])
def test_a_drill_finds_what_is_wrong_with_it(running, tmp_path, sick):
    driver, made = opened(running, NIGHTLY)
    policy = panel.backing(tmp_path / "scratch", source=EXPECT)
    want = panel.backup("shop.example", policy)
    with closing(driver):
        made.sleep(timedelta(days=1).total_seconds())
        good = driver.apply(want, panel.drilling(made, seen(driver, want)), "d")
        assert good.details["verdict"] == "passed", good.details["why"]
        drill = panel.drilling(made, seen(driver, want))
        match sick:
            case "cut":
                running.edit("plesk", "account", {"user": "shop", "cut": True})
            case "gone":
                made.sleep(timedelta(days=9).total_seconds())
            case "empty":
                running.edit("plesk", "account", {"user": "shop", "files": {"a": "b"}})
                made.sleep(timedelta(days=1).total_seconds())
                drill = panel.drilling(made, seen(driver, want))
            case _:
                with running.bench("plesk").lock:
                    rows = running.bench("plesk").state["accounts"]
                    rows["shop"]["backups"][-1]["of"] = "other.example"
        done = driver.apply(want, drill, "d").details
    assert done["verdict"] == "failed", done
    if sick == "strangers":
        assert "is of other.example (plesk), not of shop.example" in done["why"]
    assert [*(tmp_path / "scratch").iterdir()] == []


def test_a_panel_that_does_not_answer_proves_nothing(running, tmp_path):
    driver, made = opened(running, NIGHTLY)
    want = panel.backup("shop.example", panel.backing(tmp_path / "scratch"))
    with closing(driver):
        made.sleep(timedelta(days=1).total_seconds())
        drill = panel.drilling(made, seen(driver, want))
        running.inject(
            Fault(
                vendor="plesk",
                operation="backup-manager download-file",
                kind="lost-before",
                times=0,
            )
        )
        done = driver.apply(want, drill, "d").details
    assert done["verdict"] == "inconclusive"
    assert "the answer was lost" in done["why"]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ({"files": {"paths": ["www"]}}, "one archive of everything"),
        ({"a": {"type": "panel"}, "b": {"type": "panel"}}, "one archive of everything"),
    ],
)
def test_other_sources_are_not_for_a_panel(running, sources, said):
    driver, _ = opened(running)
    want = panel.backup("shop.example", panel.backing(sources=sources))
    with closing(driver):
        state = driver.observe([want]).states["shop.example"]
    assert isinstance(state, Unknown)
    assert said in state.why
