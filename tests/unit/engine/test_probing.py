"""Sources are asked once each, and one that fails takes nobody along."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.engine import Accounts
from reconciler.engine.probing import probe
from reconciler.errors import Transient
from reconciler.model import Absent, Observation, Share, Unknown
from reconciler.model.driver import Probe
from reconciler.model.ref import Ref
from reconciler.model.usage import Reading, UsageState

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)


class Want:
    def __init__(self, name, *sources, kind="HostingAccount"):
        self.name, self.ref = name, Ref(kind, name)
        self._sources = sources

    def probes(self):
        return tuple(Share(one, "usage") for one in self._sources)


class Meter(Probe):
    """Says what *value* says of each want, by its kind; counts how often it is asked."""

    def __init__(self, name, value=lambda want: 5.0, live=None):
        self.name, self._value, self._live, self.asked = name, value, live, []

    def identity(self):
        return self._live

    def observe(self, wants):
        self.asked.append([want.name for want in wants])
        return Observation({want.name: self._state(want) for want in wants})

    def _state(self, want):
        found = self._value(want)
        if not isinstance(found, float):
            return found
        return UsageState(readings=(Reading("disk", NOW, found),), source=self.name)


def accounts(*meters, identities=None, failed=None):
    drivers = {Share(one.name, "usage"): one for one in meters}
    return Accounts(drivers, identities or {}, failed or {})


def test_every_source_is_asked_once_about_all():
    one, two = Meter("whm-1"), Meter("cloud")
    wants = [Want("a", "whm-1"), Want("b", "whm-1", "cloud"), Want("c", "cloud")]
    found = probe(wants, accounts(one, two))
    assert (one.asked, two.asked) == ([["a", "b"]], [["b", "c"]])
    sources = {ref.name: [s.provider for s in seen] for ref, seen in found.seen.items()}
    assert sources == {"a": ["whm-1"], "b": ["cloud", "whm-1"], "c": ["cloud"]}
    assert found.findings == ()


def test_two_kinds_of_one_name_are_told_apart():
    meter = Meter("whm-1", lambda want: 7.0 if want.ref.kind == "Server" else 5.0)
    wants = [Want("a", "whm-1"), Want("a", "whm-1", kind="Server"), Want("b", "whm-1")]
    found = probe(wants, accounts(meter))
    assert meter.asked == [["a", "b"], ["a"]]
    values = {
        ref: next(iter(s.values())).readings[0].value for ref, s in found.seen.items()
    }
    assert values[Ref("HostingAccount", "a")] == 5.0
    assert values[Ref("Server", "a")] == 7.0


def test_what_one_source_cannot_say_is_unknown_with_its_reason():
    def broken(_want):
        raise Transient("it does not answer")

    one, two = Meter("whm-1", broken), Meter("whm-2")
    wants = [Want("a", "whm-1"), Want("b", "whm-2"), Want("c", "gone")]
    found = probe(wants, accounts(one, two, failed={"gone": "a secret is missing"}))
    why = {
        ref.name: getattr(next(iter(s.values())), "why", "")
        for ref, s in found.seen.items()
    }
    assert why == {"a": "it does not answer", "b": "", "c": "a secret is missing"}
    assert {f.code for f in found.findings} == {
        "account-unreadable",
        "account-unusable",
    }


def test_keys_of_another_account_measure_nothing():
    meter = Meter("whm-1", live="whm2.example")
    found = probe(
        [Want("a", "whm-1")], accounts(meter, identities={"whm-1": "whm1.example"})
    )
    (state,) = found.seen[Ref("HostingAccount", "a")].values()
    assert isinstance(state, Unknown)
    assert ([f.code for f in found.findings], meter.asked) == (["wrong-account"], [])


def test_absent_is_said_only_by_the_account_that_was_meant():
    meter = Meter("whm-1", lambda _: Absent(), live="whm1.example")
    want = [Want("a", "whm-1")]
    (unproven,) = probe(want, accounts(meter)).seen[want[0].ref].values()
    declared = accounts(meter, identities={"whm-1": "whm1.example"})
    (proven,) = probe(want, declared).seen[want[0].ref].values()
    assert isinstance(unproven, Unknown)
    assert isinstance(proven, Absent)


def test_nothing_to_ask_is_nothing_said():
    assert probe([], accounts()).seen == {}
