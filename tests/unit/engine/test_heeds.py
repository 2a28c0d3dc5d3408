"""A backup hears what is wanted of the account that it is of."""

from __future__ import annotations

from reconciler.engine.evaluate import Subject
from reconciler.engine.observe import Accounts, World
from reconciler.engine.plan import Situation, plan
from reconciler.model import Ref
from tests.support.backups import Life
from tests.unit.engine.owing import NOW, account, subscription, unpaid, world


def heard(leaders, seen: World) -> list[str]:
    """Return what the Backup of the account was told."""
    life = Life()
    backup = life.want.model_copy()
    spec = backup.spec.model_copy(update={"of": str(account().ref)})
    backup = backup.model_copy(update={"spec": spec})
    found: dict[Ref, Subject] = {}

    def watch(subject: Subject, _found: object) -> None:
        found[subject.want.ref] = subject

    situation = Situation("main", [*leaders, account(), backup], {}, leaders=leaders)
    plan(situation, seen, Accounts({}, {}), now=NOW, watch=watch)
    return [one.says for one in found[backup.ref].want._sways]


def test_it_hears_of_a_suspension():
    assert heard([subscription()], world({"acme": unpaid()}, {})) == ["suspended"]


def test_without_anybody_who_pays_it_hears_nothing():
    assert heard([], world({}, {})) == []
