"""A plan that leaves out what is known to be quiet is the same plan, byte for byte."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.cli.memo import Memo
from reconciler.cli.offline import unplugged
from reconciler.engine import (
    Accounts,
    Passing,
    Quiet,
    Situation,
    World,
    document,
    dumps,
    plan,
)
from reconciler.engine.quiet import Window
from reconciler.kinds.domain import Domain, RegistrationState, ZoneState
from reconciler.model import Absent, Observation, Share, Unknown
from reconciler.model.ref import Ref
from reconciler.providers.namecom_domain import DRIVER as REGISTRAR
from reconciler.providers.powerdns_dns import DRIVER as HOST

START = datetime(2026, 11, 22, 6, tzinfo=UTC)
AT, DNS = Share("registrar", "domain"), Share("dns", "dns")
ACCOUNTS = Accounts({AT: unplugged(REGISTRAR), DNS: unplugged(HOST)}, {})
MODES = ("registrar", "reconciler", "manual")


class Tree:
    """Domains by name -> (mode, days the window opens before expiry)."""

    def __init__(self, written):
        self._made = {
            Ref("Domain", name): Domain.model_validate(
                {
                    "metadata": {"name": name},
                    "spec": {
                        "provider": AT.provider,
                        "renewal": {
                            "mode": mode,
                            "maxPrice": "15.00 USD/year",
                            "window": {"open": f"{days}d"},
                        },
                        "dns": {
                            "targets": [DNS.provider],
                            "records": [
                                {"name": "@", "type": "A", "value": "192.0.2.1"}
                            ],
                        },
                    },
                }
            )
            for name, (mode, days) in written.items()
        }

    def refs(self):
        return sorted(self._made)

    def made(self, ref):
        return self._made[ref]

    def addresses(self):
        return self.refs()

    def digests(self):
        return {
            ref: hashlib.sha256(one.model_dump_json().encode()).digest()
            for ref, one in self._made.items()
        }


registrations = st.one_of(
    st.just(Absent()),
    st.just(Unknown(why="no answer")),
    st.builds(
        RegistrationState,
        expires=st.integers(-40, 400).map(lambda days: START + timedelta(days=days)),
        auto_renew=st.sampled_from([True, True, False, None]),
        locked=st.sampled_from([True, True, True, False]),
        renew_price=st.just("10.00 USD"),
        renew_from=st.none()
        | st.integers(0, 90).map(lambda days: START + timedelta(days=days)),
    ),
)
zones = st.sampled_from(["192.0.2.1"] * 4 + ["192.0.2.2"]).map(
    lambda value: ZoneState(records={"@/A": ("300", value)})
)
names = st.integers(0, 9).map(lambda number: f"site-{number}.example")
written = st.tuples(st.sampled_from(MODES), st.integers(21, 90))


def planned(tree, world, now, horizon, refs, watch=lambda *_: None):
    situation = Situation("main", Passing(tree, refs), {})
    made = plan(situation, world, ACCOUNTS, now=now, horizon=horizon, watch=watch)
    return dumps(document(made))


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_plan_without_the_quiet_ones_is_the_same_plan(data, tmp_path):
    wanted = data.draw(st.dictionaries(names, written, min_size=1))
    live = {
        f"site-{n}.example": (data.draw(registrations), data.draw(zones))
        for n in range(10)
    }
    world = World(
        {
            AT: Observation({name: pair[0] for name, pair in live.items()}),
            DNS: Observation({name: pair[1] for name, pair in live.items()}),
        }
    )
    memo = Memo(tmp_path / "quiet", "key")
    memo.write([])
    for _ in range(4):
        wanted |= data.draw(st.dictionaries(names, written, max_size=2))
        tree = Tree(wanted)
        now = START + timedelta(hours=data.draw(st.integers(-2000, 9000)))
        horizon = timedelta(days=data.draw(st.integers(0, 200)))
        quiet = memo.read()
        loud = sorted(quiet.loud(tree.digests(), now, horizon))
        learn = lambda subject, said, q=quiet, at=now: q.learn(subject, said, at)  # noqa: E731
        short = planned(tree, world, now, horizon, loud, learn)
        assert short == planned(tree, world, now, horizon, tree.refs())
        memo.write(quiet.items(tree.digests()))


def healthy(expires=300):
    state = RegistrationState(
        expires=START + timedelta(days=expires), auto_renew=True, locked=True
    )
    zone = ZoneState(records={"@/A": ("300", "192.0.2.1")})
    return World(
        {
            AT: Observation({"site-1.example": state}),
            DNS: Observation({"site-1.example": zone}),
        }
    )


def learned(tree, world, now=START):
    quiet = Quiet()
    planned(
        tree, world, now, timedelta(0), tree.refs(), lambda s, f: quiet.learn(s, f, now)
    )
    return Quiet(list(quiet.items(tree.digests())))


def test_what_needs_nothing_is_not_looked_at_until_its_time_comes():
    tree = Tree({"site-1.example": ("registrar", 60)})
    quiet = learned(tree, healthy())
    digests = tree.digests()
    assert quiet.loud(digests, START, timedelta(days=30)) == set()
    assert quiet.loud(digests, START + timedelta(days=230), timedelta()) == set()
    # A day before the window opens a driver begins to ask for a price.
    opens = START + timedelta(days=300 - 61)
    assert quiet.loud(digests, opens, timedelta()) == set(digests)
    assert quiet.loud(digests, START - timedelta(hours=1), timedelta()) == set(digests)
    # It expires inside the horizon: that is shown, long before anything is due.
    assert quiet.loud(digests, START, timedelta(days=300)) == set(digests)


def test_what_is_written_otherwise_now_is_looked_at():
    quiet = learned(Tree({"site-1.example": ("registrar", 60)}), healthy())
    digests = Tree({"site-1.example": ("registrar", 61)}).digests()
    assert quiet.loud(digests, START, timedelta()) == set(digests)


@pytest.mark.parametrize(
    "world",
    [healthy(expires=20), World({}), healthy()._replace(shares={})],
    ids=["a finding", "unread", "no account"],
)
def test_what_has_anything_to_say_is_never_quiet(world):
    tree = Tree({"site-1.example": ("registrar", 60)})
    assert learned(tree, world).loud(tree.digests(), START, timedelta()) == set(
        tree.digests()
    )


ROWS = [
    ((Ref("Domain", f"site-{n}.example"), bytes([n]) * 32), Window(n, n + 0.5, 9e9))
    for n in range(5)
]


def test_the_file_gives_back_what_was_written(tmp_path):
    path = tmp_path / "quiet"
    Memo(path, "key").write(reversed(ROWS))
    assert list(Memo(path, "key").read().items(dict(r[0] for r in ROWS))) == ROWS


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:-9] + b"\0" + data[-8:],
        lambda data: b"[]\n" + data,
        lambda data: data.replace(b"key", b"yek"),
    ],
    ids=["empty", "cut off", "another byte", "no object", "no key"],
)
def test_a_file_that_is_damaged_or_about_something_else_is_no_file(tmp_path, spoil):
    path = tmp_path / "quiet"
    memo = Memo(path, "k")
    memo.write(ROWS)
    path.write_bytes(spoil(path.read_bytes()))
    assert list(memo.read().items(dict(r[0] for r in ROWS))) == []
