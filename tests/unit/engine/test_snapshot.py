"""A snapshot of the world as a file: what it holds, it gives back, in one order."""

from datetime import UTC, datetime

from reconciler.engine.observe import World
from reconciler.engine.snapshot import Snapshot, snapshot, written
from reconciler.kinds.domain import Domain, Phase, RegistrationState
from reconciler.model import Money, Observation, Share

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HERE = Share("main", "domain")
HOSTS = [f"ns{number}.host.example" for number in range(9)]
DS = [f"{number} 13 2 {'AB' * 32}" for number in range(9)]


def state(order):
    return RegistrationState(
        expires=NOW,
        phase=Phase.REDEMPTION,
        nameservers=frozenset(order(HOSTS)),
        ds=frozenset(order(DS)),
        glue={"ns1.a.example": ("192.0.2.1", "2001:db8::1")},
        restore_price=Money.model_validate("80.00 USD"),
        transfer="to another registrar, operation 7",
    )


def file_of(order):
    seen = Observation({"a.example": state(order)})
    return written(snapshot(World({HERE: seen}), NOW))


def test_the_order_of_sets_means_nothing():
    assert file_of(list) == file_of(reversed)
    (row,) = (line for line in file_of(list).splitlines() if "192.0.2.1" in line)
    assert [row.index(ds) for ds in DS] == sorted(row.index(ds) for ds in DS)
    assert [row.index(h) for h in HOSTS] == sorted(row.index(h) for h in HOSTS)


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "seen.json"
    path.write_text(file_of(list), encoding="utf-8")
    world = Snapshot(path, [Domain]).world
    assert world.shares[HERE].states["a.example"] == state(list)
