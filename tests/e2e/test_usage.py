"""Probe, show, list and plan: from what a source says to what a plan knows of it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from reconciler.audit.usage_store import Measured
from reconciler.cli.usage_books import usage_store
from reconciler.engine import Exit, observe
from reconciler.model import USAGE, Ref, Severity, Share, Unknown
from reconciler.model.usage import OUTLOOK, OutlookState, Reading
from tests.support.agency import ACCOUNTS, Agency
from tests.support.metered import Meter, install
from tests.support.shell import at

GIB = 1024.0**3
METER = (
    "Provider/meter-1: {{type: metered, endpoint: 'file://%s', credentials: {{}}}}\n"
)
NAMES = [f"s{number}.example" for number in range(1, 7)]
PLANS = """\
apiVersion: reconciler/v1
HostingPlan/small: {price: 5.00 EUR/month, packages: {metered: p10}, limits: {disk: 10GiB}, up: large}
HostingPlan/large: {price: 9.00 EUR/month, packages: {metered: p20}, limits: {disk: 20GiB}}
ScalingPolicy/room: {metrics: [disk], horizon: 14d, target: 90%}
"""
SHOP = "HostingAccount/shop.example: {provider: meter-1, plan: {min: small, max: large}, scaling: room}\n"
CAFE = "HostingAccount/cafe.example: {provider: meter-1, plan: small}\n"
FORESEEN = Share(USAGE, OUTLOOK)


class Metered(Agency):
    def __init__(self, tmp, accounts, monkeypatch, **more):
        install(monkeypatch, tmp / "site")
        self.meter = Meter(tmp / "meter.json")
        files = {
            "inventory/plans.yaml": PLANS,
            "inventory/hosted.yaml": "apiVersion: reconciler/v1\n" + accounts,
        }
        super().__init__(
            tmp, files, accounts=ACCOUNTS + METER % self.meter.path, **more
        )

    def says(self, **gib):
        self.meter.says(
            {
                f"{name}.example": {
                    "package": "p10",
                    "used": {"disk": [used * GIB, 10 * GIB]},
                }
                if isinstance(used, float | int)
                else used
                for name, used in gib.items()
            }
        )

    def past(self, name, days, gib):
        """Keep what was measured each three hours of *days*: *gib* of how long ago."""
        now, ref = self.clock(), Ref("HostingAccount", name)
        whole = [timedelta(hours=back) for back in range(days * 24, 0, -3)]
        measured = [
            Measured(
                ref,
                "meter-1",
                Reading(
                    "disk", now - back, gib(back / timedelta(days=1)) * GIB, 10 * GIB
                ),
            )
            for back in whole
        ]
        usage_store(self.project()).add(measured, now)

    def seen(self, name="shop.example"):
        project = self.project()
        want = project.inventory.get(Ref("HostingAccount", name))
        world = observe([want], project.accounts([want]))
        return world.have(want)[FORESEEN]


def growing(back):
    """A quarter of a GiB a day, a little more on some: 8.6 now."""
    return 8.6 - back * 0.14 + 0.05 * (int(back) % 3)


def test_what_is_measured_is_foreseen_shown_and_in_the_plan(tmp_path, monkeypatch):
    with Metered(tmp_path, SHOP + CAFE, monkeypatch) as agency:
        (waiting,) = [f for f in agency.plan().findings if f.name == USAGE]
        assert (waiting.code, waiting.severity) == ("not-looked-at-yet", Severity.INFO)
        nothing = at(agency, "usage", "show", "HostingAccount/shop.example")
        assert (nothing.code, "E662" in nothing.err) == (1, True)
        agency.past("shop.example", 40, growing)
        agency.says(shop=8.65, cafe=1.0)
        done = at(agency, "usage", "probe")
        assert done.code == Exit.DONE, done.err
        assert done.out.splitlines() == [
            "measured 2 resources at 1 source: 2 readings",
            "foresaw 1 of 1 that are scaled",
        ]
        state = agency.seen()
        assert isinstance(state, OutlookState)
        (one,) = state.outlooks
        assert (one.limit, one.target, one.horizon) == (10 * GIB, 0.9, 14 * 86400)
        assert one.skill
        assert one.probability > 0.9
        assert agency.clock() < one.when < agency.clock() + timedelta(days=7)
        assert (len(one.past), len(one.ahead), len(one.worst)) == (41, 14, 14)
        plan = agency.plan()
        assert [
            f.code for f in plan.findings if f.kind == "Provider" and f.name == USAGE
        ] == []
        (scaled,) = [f for f in plan.findings if f.name == "shop.example"]
        assert scaled.code == "scaling-recommended"
        assert "large" in scaled.message
        assert plan.complete

        shown = at(agency, "usage", "show", "HostingAccount/shop.example")
        assert shown.code == 0
        assert "disk       8.65 GiB of 10 GiB (87%)" in shown.out
        assert "daily peaks, 41 d" in shown.out
        for word in (
            "likely to reach 90% of the limit within 14 d",
            "peak bootstrap",
            "naive",
            "covered",
        ):
            assert word in shown.out
        data = json.loads(
            at(
                agency,
                "usage",
                "show",
                "HostingAccount/shop.example",
                "--format",
                "json",
            ).out
        )
        assert data["outlook"]["outlooks"][0]["probability"] == one.probability
        assert data["metrics"]["disk"]["value"] == pytest.approx(8.65 * GIB, rel=0.001)

        listed = at(agency, "usage", "list")
        first, second = listed.out.splitlines()
        assert first.startswith("HostingAccount/shop.example  disk")
        assert " 87%" in first
        assert "in 14 d, in " in first
        assert second.startswith("HostingAccount/cafe.example  disk        10%")
        rows = json.loads(at(agency, "usage", "list", "--format", "json").out)["usage"]
        assert [row["resource"] for row in rows] == [
            "HostingAccount/shop.example",
            "HostingAccount/cafe.example",
        ]

        # Nobody probes for a day and more: what was foreseen proves nothing any more.
        agency.later(hours=27)
        stale = agency.seen()
        assert isinstance(stale, Unknown)
        assert "nobody probes" in stale.why
        assert agency.plan().complete  # it is evidence, and no part of what is managed
        then = f"{agency.clock() - timedelta(days=20):%Y-%m-%dT%H:%M:%SZ}"
        past = at(
            agency, "usage", "show", "HostingAccount/shop.example", "--as-of", then
        )
        assert "nothing is foreseen" in past.out
        assert "of 10 GiB (6" in past.out


def test_it_is_foreseen_once_a_day_and_at_once_after_news(tmp_path, monkeypatch):
    with Metered(tmp_path, SHOP, monkeypatch) as agency:
        agency.past("shop.example", 20, lambda back: 2.0 + 0.01 * (back % 2))
        said = []
        for gib, hours in ((2.0, 1), (2.0, 1), (9.0, 1), (9.0, 26), (9.0, 1)):
            agency.says(shop=gib)
            said.append(at(agency, "usage", "probe").out.splitlines()[1].split()[1])
            agency.later(hours=hours)
        assert said == ["1", "0", "1", "0", "1"]


def test_a_source_that_says_the_impossible_is_told_once(tmp_path, monkeypatch):
    hosted = "".join(SHOP.replace("shop.example", name) for name in NAMES)
    with Metered(tmp_path, hosted, monkeypatch) as agency:
        names = [name.partition(".")[0] for name in NAMES]
        agency.says(**{name: 5.0 + number / 3 for number, name in enumerate(names)})
        assert at(agency, "usage", "probe").code == Exit.DONE
        agency.later(hours=1)
        agency.says(**dict.fromkeys(names, 10.0))
        done = at(agency, "usage", "probe")
        assert done.code == Exit.PARTLY
        assert "DOUBTFUL meter-1: disk is at its limit for nearly all of 6" in done.out
        plan = agency.plan()
        (found,) = [f for f in plan.findings if f.code == "usage-doubtful"]
        assert (found.severity, found.kind, found.name) == (
            Severity.CRITICAL,
            "Provider",
            "meter-1",
        )
        assert plan.actions == ()
        shown = at(agency, "usage", "show", "HostingAccount/s1.example")
        assert "5 GiB of 10 GiB" in shown.out  # what was believed last
        assert "DOUBTFUL" in at(agency, "usage", "list").out
        # A part of them proves nothing; all of them, and usual again, do.
        agency.later(hours=1)
        agency.says(**{name: 5.1 + number / 3 for number, name in enumerate(names)})
        assert (
            at(agency, "--select", "HostingAccount/s1.example", "usage", "probe").code
            == Exit.DONE
        )
        assert [f.code for f in agency.plan().findings].count("usage-doubtful") == 1
        agency.later(hours=1)
        assert at(agency, "usage", "probe").code == Exit.DONE
        assert [f.code for f in agency.plan().findings].count("usage-doubtful") == 0


def test_what_could_not_be_read_is_said_with_its_reason(tmp_path, monkeypatch):
    with Metered(tmp_path, SHOP + CAFE, monkeypatch) as agency:
        used = {"disk": [-5.0, 1.0], "luck": [1.0, None], "cpu": [3.0, None]}
        strange = {"package": "p10", "used": used}
        agency.says(shop={"broken": "the meter is being read"}, cafe=strange)
        done = at(agency, "usage", "probe")
        assert done.code == Exit.PARTLY
        assert (
            "unknown  HostingAccount/shop.example (meter-1): the meter is being read"
            in done.out
        )
        assert "disk: -5.0 is no amount" in done.out
        assert "'luck' is not measured" in done.out
        assert "1 resource at 1 source: 1 reading" in done.out
        data = json.loads(at(agency, "usage", "probe", "--format", "json").out)
        assert {m["why"] for m in data["missed"]} >= {"the meter is being read"}
        agency.meter.path.unlink()
        gone = at(agency, "usage", "probe")
        assert (gone.code, "2 more" in gone.out) == (Exit.PARTLY, False)
        assert "the driver failed: FileNotFoundError" in gone.out


def test_local_books_stay_here_and_are_read_here(tmp_path, monkeypatch):
    with Metered(tmp_path, SHOP, monkeypatch) as agency:
        agency.says(shop=2.0)
        assert at(agency, "usage", "probe", "--local").code == Exit.DONE
        assert "reconciler/usage" not in agency.git("ls-remote", "origin")
        assert (
            "2 GiB of 10 GiB"
            in at(agency, "usage", "show", "HostingAccount/shop.example").out
        )
        assert isinstance(agency.seen(), OutlookState)


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("probe", "--select", "HostingAccount/nope.example"), 64, "no such thing"),
        (("probe", "--select", "HostingPlan/small"), 64, "measured by anybody"),
        (("show", "HostingAccount/nope.example"), 64, "there is no"),
        (("show", "shop.example"), 64, "there is no"),
        (("show", "HostingPlan/small"), 1, "E662"),
        (
            ("show", "HostingAccount/shop.example", "--metric", "luck"),
            64,
            "not measured",
        ),
        (("show", "HostingAccount/shop.example", "--as-of", "soon"), 64, "soon"),
        (("list", "--as-of", "soon"), 64, "soon"),
        (("list", "--most", "-1"), 64, "most"),
    ],
)
def test_a_wrong_line_is_told_so(town, argv, code, said):
    done = at(town, "usage", *argv)
    assert (done.code, said in done.err) == (code, True), done.err
    assert "Traceback" not in done.err


def test_the_books_are_no_account_that_a_doctor_looks_at(town):
    said = at(town, "doctor").out
    assert "meter-1" in said
    assert not [line for line in said.splitlines() if line.split()[1:2] == [USAGE]]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    with pytest.MonkeyPatch.context() as patch, Metered(folder, SHOP, patch) as agency:
        agency.says(shop=2.0)
        yield agency


def test_books_that_somebody_else_wrote_stop_the_probe_and_not_the_plan(
    tmp_path, monkeypatch
):
    with Metered(tmp_path, SHOP, monkeypatch) as agency:
        agency.says(shop=2.0)
        at(agency, "usage", "probe")
        for branch, name in (("usage", "notes.md"), ("outlook", "outlooks.json")):
            blob = agency.git("hash-object", "-w", ".gitignore")
            tree = _tree(agency, name, blob)
            commit = agency.git("commit-tree", "-m", "x", tree)
            agency.git(
                "push",
                "-q",
                "-f",
                "origin",
                f"{commit}:refs/heads/reconciler/{branch}/main",
            )
        done = at(agency, "usage", "probe")
        assert (done.code, "E660 notes.md" in done.err) == (1, True), done.err
        plan = agency.plan()
        (found,) = [f for f in plan.findings if f.name == USAGE]
        assert (found.code, "outlooks.json" in found.message) == (
            "witness-unreadable",
            True,
        )


def _tree(agency, name, blob):
    import subprocess

    done = subprocess.run(
        ["git", "-C", str(agency.root), "mktree"],
        input=f"100644 blob {blob}\t{name}\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
