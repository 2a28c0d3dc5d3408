"""What the books say was charged is what the gateways took, whatever way it went."""

from __future__ import annotations

import pytest

from reconciler.sandbox.paying import Stage
from reconciler.sandbox.paying.act import START, Act
from reconciler.sandbox.paying.story import STORIES

WAYS = {
    "paid at once": "cards",
    "declined once": "cards",
    "bank says yes later": "cards",
    "another gateway": "paypal",
    "wallet first": "paypal",
    "wallet in one step": "paypal",
}


@pytest.fixture(scope="module")
def stage():
    return Stage()


@pytest.mark.parametrize("name", WAYS)
def test_what_is_booked_is_what_was_taken(stage, name):
    story = next(one for one in STORIES if one.name == name)
    stage.clock.set(START, frozen=True)
    stage._set("stripe", story.stripe)
    stage._set("paypal", story.paypal)
    act = Act(stage, story, lambda _number: None)
    (taken,) = act.played().taken
    items = act.store.read().spend(act.clock()).items
    # Once, at the gateway that took it: what was held, or declined, is booked nowhere.
    charged = [(item.account, item.charge) for item in items if item.charge]
    assert charged == [(WAYS[name], taken.amount)]
    assert not any(item.cost for item in items)
