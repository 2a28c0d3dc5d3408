from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reconciler.engine.recover import _unseen
from reconciler.model import Action, Change, OpClass
from tests.unit.engine.made import NOW, Told, domain, renew


class Forgetful(Told):
    """Remembers the key of a renewal for an hour, and others for a day."""

    def remembered(self, change: Change) -> timedelta | None:
        return timedelta(hours=1) if change.verb == "renew" else self.key_life


@pytest.mark.parametrize(
    ("driver", "minutes", "fate"),
    [
        (Told, 29, "resend"),
        (Told, 31, "resend"),
        (Forgetful, 29, "resend"),
        (Forgetful, 31, "unknown"),
    ],
)
def test_a_key_is_sent_again_for_half_of_its_own_life(
    driver: type[Told], minutes: int, fate: str
) -> None:
    action = Action("id", domain(), renew(), OpClass.KEYED, ceiling=None)
    intent = SimpleNamespace(time=NOW)
    opened = cast("Any", SimpleNamespace(intent=intent, again=None))
    made = driver({})
    now = NOW + timedelta(minutes=minutes)
    assert _unseen(opened, action, made, now).fate == fate
