"""
Real processes that collect money, killed at every boundary of the longest way it takes.

Invoiced at one gateway, declined, fenced off there, held and taken at the other, and a
receipt: a run dies before each effect of each of these steps, some of them die again
when they resume, and the next one goes on. What was taken is read from the gateways'
own books, what the customer was told from the mailbox.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.audit import Query, log, verify
from reconciler.kinds.subscription import Of
from tests.support.crash import Saved
from tests.support.customers import Payer, Paying
from tests.support.deadly import Death, Warm, deadly

#: As ``standard``, in a hurry.
HURRY = """\
apiVersion: reconciler/v1
DunningPolicy/standard:
  steps:
    - {after: 0d, do: [charge, notify: first-failure]}
    - {after: 1d, do: [backup-gateway]}
    - {after: 20d, do: [notify: final-warning]}
    - {after: 24d, do: [suspend]}
"""
PRICE = "10.00 EUR"
GARDEN = Payer("garden", "short", "wallet")
FIRST = Of("2026-12-01")
SECOND = FIRST._replace(leg=1)
CHARGED = datetime(2026, 11, 30, 8, 15, tzinfo=UTC)
SOON = timedelta(minutes=20)
#: A lease ends after half an hour.
OVER = timedelta(minutes=31)
#: A step, and the fact that says that it is done.
STEPS = {
    "invoice": f"{FIRST.fact}/invoice",
    "charge": f"{FIRST.fact}/try/charge-1",
    "void": f"{FIRST.fact}/void",
    "replace": f"{SECOND.fact}/invoice",
    "authorize": f"{SECOND.fact}/authorized",
    "capture": f"{SECOND.fact}/paid",
}


def before(at):
    return Death(at)


def unheard(at):
    """The journal is pushed, and whoever pushed it dies before it is told so."""
    return Death(at, during=True)


#: In which steps a run dies, and where: before which of its effects. Where there are
#: two, the run that resumes it dies too. Who dies after the outcome of a step that the
#: next one follows at once finds that one done by the run that resumes.
DEATHS = (
    {
        "invoice": [before(1), unheard(1)],
        "charge": [before(1), unheard(1)],
        "void": [before(1), unheard(1)],
        "replace": [before(1), unheard(1)],
        "authorize": [before(1), unheard(1)],
        "capture": [before(1), unheard(1)],
    },
    {
        "invoice": [before(2), before(3)],
        "charge": [before(2), unheard(1)],
        "void": [before(2), before(2)],
        "replace": [before(2), before(2)],
        "authorize": [before(2), before(2)],
        "capture": [before(2), before(3)],
    },
    {
        "invoice": [before(3), before(4)],
        "charge": [before(3), before(3)],
        "void": [before(3), unheard(1)],
        "authorize": [before(3), unheard(1)],
        "capture": [before(3), unheard(1)],
    },
    {
        "invoice": [before(4), before(5)],
        "charge": [before(4), unheard(1)],
        "void": [before(4)],
        "authorize": [before(4)],
    },
    {
        "invoice": [before(5)],
        "charge": [before(5), before(2)],
        "void": [before(5)],
        "capture": [before(4)],
    },
    {
        "invoice": [before(6), unheard(1)],
        "charge": [before(6)],
        "void": [before(6)],
        "capture": [before(5)],
    },
    {
        "invoice": [before(7)],
        "charge": [before(7), before(2)],
        "replace": [before(3)],
        "capture": [before(6), before(2)],
    },
    {
        "invoice": [before(8), before(2)],
        "charge": [before(8)],
        "replace": [before(4)],
        "capture": [before(7)],
    },
    {
        "invoice": [before(9)],
        "charge": [before(9)],
        "replace": [before(5)],
    },
    {
        "invoice": [before(10)],
        "replace": [before(6)],
    },
)


class Scene:
    """One customer, whose whole way can be gone again and again."""

    def __init__(self, agency, warm):
        self.agency, self.warm = agency, warm
        self.effects, self.deaths = {}, []
        self.lived()  # a new customer is noted, and not charged
        self._saved = Saved(agency)
        while step := self.step():
            self.wait(step)
            self.effects[step] = self.lived().effects
        self.whole = self.truth()

    def record(self):
        """Return what is remembered of the subscription."""
        ledger = self.agency.project().store.read()
        return ledger.record("Subscription", GARDEN.site).facts

    def step(self):
        """Return what comes next; None at the end."""
        facts = self.record()
        return next((s for s, fact in STEPS.items() if fact not in facts), None)

    def wait(self, step):
        """Let the time for *step* come."""
        clock = self.agency.clock
        later = {"invoice": timedelta(days=1), "void": timedelta(hours=25)}
        if step == "charge":
            clock.set(CHARGED, frozen=True)
        else:
            clock.advance(later.get(step, SOON))

    def lived(self):
        """Run, and come to the end of it."""
        lived = self.warm.run(self.agency, "apply", "--auto-approve")
        assert lived.code in {0, 3}, lived
        return lived

    def killed(self, death):
        """Run, and die; return whether the run was long enough for that."""
        lived = self.warm.run(self.agency, "apply", "--auto-approve", death=death)
        if lived.killed:
            self.deaths.append(lived)
            self.agency.clock.advance(OVER)
        else:
            assert lived.code in {0, 3}, lived
        return lived.killed

    def play(self, deaths):
        """Go the whole way; *deaths* are those of each step."""
        self._saved.restore()
        self.mails.clear()
        self.deaths, left = [], dict(deaths)
        for _ in STEPS:
            if (step := self.step()) is None:
                break
            self.wait(step)
            if all(map(self.killed, left.pop(step, []))):
                self.lived()
        assert left == {}

    def truth(self):
        """Return what the gateways' books, the mailbox and our records say."""
        effects = [
            (one.vendor, one.operation, one.amount)
            for one in self.agency.sandbox.ledger.effects()
        ]
        letters = {mail["Message-ID"]: mail["Subject"] for mail in self.mails}
        return effects, [*letters.values()], {*self.record()}

    @property
    def mails(self):
        return self.agency.inbox.mails


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    files = {"inventory/dunning.yaml": HURRY}
    with Warm() as warm, Paying(folder, [GARDEN], files=files, remote=True) as agency:
        deadly(agency.remote)
        yield Scene(agency, warm)


def assert_paid_once(scene):
    agency, store = scene.agency, scene.agency.project().store
    effects, letters, facts = scene.truth()
    # What happened is what happens when nobody dies: each effect once, in order.
    assert (effects, letters) == scene.whole[:2]
    assert facts == scene.whole[2]
    assert agency.taken(GARDEN.name) == [("paypal", PRICE)]
    assert len(agency.declines()) == 1
    # A letter comes a second time, as the same one, only where its run died with it.
    copies = len(scene.mails) - len({mail["Message-ID"] for mail in scene.mails})
    assert copies == sum(one.effects[-1:] == ("mail",) for one in scene.deaths)
    # The records have what was taken, once, and nothing is open.
    assert verify(store) == []
    assert dict(store.read().open) == {}
    paid = scene.record()[STEPS["capture"]]
    assert (paid["amount"], paid["provider"]) == (PRICE, "paypal")
    applied = [
        (line["verb"], line["id"], line.get("charged"))
        for line in log(store, Query())
        if line["type"] == "outcome" and line["status"] == "applied"
    ]
    assert [verb for verb, *_ in applied] == [
        "invoice", "void", "invoice", "authorize", "capture"
    ]  # fmt: skip
    assert max(Counter(identity for _, identity, _ in applied).values()) == 1
    assert sum(charged == PRICE for *_, charged in applied) == 1


def test_every_boundary_of_the_way_is_died_at(scene):
    """So that none is left out when a step has more effects one day."""
    died = {
        (step, first.at) for deaths in DEATHS for step, (first, *_) in deaths.items()
    }
    assert died == {
        (step, at + 1)
        for step, effects in scene.effects.items()
        for at in range(len(effects))
    }, scene.effects
    assert sum(len(each) for deaths in DEATHS for each in deaths.values()) > 50


@pytest.mark.parametrize("number", range(len(DEATHS)))
def test_killed_again_and_again_and_paid_once(scene, number):
    scene.play(DEATHS[number])
    assert len(scene.deaths) == sum(map(len, DEATHS[number].values()))
    assert_paid_once(scene)
