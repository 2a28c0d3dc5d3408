"""What every DNS driver must do, on whatever server its vendor has here."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.domain import Domain, ZoneState
from reconciler.kinds.domain.zone import wanted
from reconciler.model import Absent, OpClass, Unknown
from reconciler.providers._octodns import OctodnsDriver
from tests.support.contract import SandboxContract
from tests.support.dns import EVERY_TYPE, changes, domain, made

_numbers = itertools.count()


class Rig:
    """A vendor for a test."""

    target: str

    @abstractmethod
    def driver(self, **other: str) -> OctodnsDriver:
        """A driver; *other* replaces its credentials."""

    @abstractmethod
    def by_hand(self, zone: str, key: str, row: tuple[str, ...] | None) -> None:
        """Write or remove a record set (A or TXT) behind the driver's back."""

    @abstractmethod
    def drop(self, zone: str) -> None:
        """Delete a whole zone."""

    def new(self, records: Any, **dns: Any) -> Domain:
        return domain(f"z{next(_numbers)}.example", self.target, records, **dns)

    def again(self, want: Domain, records: Any, **dns: Any) -> Domain:
        return domain(want.name, self.target, records, **dns)

    def make(self, want: Domain) -> None:
        self.driver().apply(want, made(want, self.target), "key")

    def live(self, want: Domain) -> Any:
        return self.driver().observe([want]).states[want.name]

    def apply(self, want: Domain, live: Any) -> None:
        for change in changes(want, self.target, live):
            self.driver().apply(want, change, "key")


A = {"name": "www", "type": "A", "value": "192.0.2.1"}
B = {"name": "b", "type": "TXT", "value": "b"}
C = {"name": "c", "type": "A", "value": "192.0.2.3"}
E = {"name": "e", "type": "A", "value": "192.0.2.5"}
CNAME = {"name": "www", "type": "CNAME", "value": "c.example."}


class DnsContract:
    """Subclass it with a fixture ``rig``."""

    identity = ""
    wrong: dict[str, str] = {}

    def test_verbs_are_resolved_by_reading(self, rig: Rig) -> None:
        assert rig.driver().can == {"records": OpClass.PROBE, "prune": OpClass.PROBE}

    def test_identity_is_the_accounts(self, rig: Rig) -> None:
        assert rig.driver().identity() == self.identity

    def test_a_zone_that_is_not_listed_is_absent(self, rig: Rig) -> None:
        assert rig.live(rig.new([A])) == Absent()

    def test_a_new_zone_is_made_and_then_nothing_is_left(self, rig: Rig) -> None:
        driver = rig.driver()
        rows = [
            r
            for r in EVERY_TYPE
            if not driver.refuses(f"{r['name']}/{r['type']}", ("300",))
        ]
        want = rig.new(rows)
        change = made(want, rig.target)
        receipt = driver.apply(want, change, "key")
        live = rig.live(want)
        assert live.records == wanted(want.spec.dns)
        assert changes(want, rig.target, live) == []
        assert want.done(change, {change.share: live}) is True
        assert receipt.reference
        assert receipt.details == {"written": len(rows)}
        assert live.nameservers

    def test_the_apex_ns_is_neither_shown_nor_touched(self, rig: Rig) -> None:
        want = rig.new([A])
        rig.make(want)
        before = rig.live(want)
        bare = rig.again(want, [], maxDeletes={"count": 99, "share": "100%"})
        rig.apply(bare, before)
        after = rig.live(bare)
        assert after.records == {}
        assert after.nameservers == before.nameservers != frozenset()

    def test_only_what_was_approved_is_touched(self, rig: Rig) -> None:
        want = rig.new([A, B])
        rig.make(want)
        seen = rig.live(want)
        rig.by_hand(want.name, "late/A", ("300", "192.0.2.77"))
        other = rig.again(want, [{**A, "value": "192.0.2.9"}])
        rig.apply(other, seen)
        assert rig.live(other).records == {
            "www/A": ("300", "192.0.2.9"),
            "late/A": ("300", "192.0.2.77"),
        }

    def test_a_zone_that_moved_is_left_alone(self, rig: Rig) -> None:
        want = rig.new([A])
        rig.make(want)
        other = rig.again(want, [{**A, "value": "192.0.2.9"}])
        (change,) = changes(other, rig.target, rig.live(want))
        rig.by_hand(want.name, "www/A", ("300", "192.0.2.66"))
        with pytest.raises(Rejected, match="the zone moved"):
            rig.driver().apply(other, change, "key")
        assert rig.live(want).records == {"www/A": ("300", "192.0.2.66")}

    def test_twice_is_once(self, rig: Rig) -> None:
        want = rig.new([A])
        change = made(want, rig.target)
        rig.driver().apply(want, change, "key")
        receipt = rig.driver().apply(want, change, "key")
        assert receipt.details == {"written": 0}

    @pytest.mark.parametrize(("old", "new"), [(A, CNAME), (CNAME, A)])
    def test_cname_and_address_swap_in_one_go(
        self, rig: Rig, old: Any, new: Any
    ) -> None:
        want = rig.new([old, B, C])
        rig.make(want)
        other = rig.again(want, [new, B, C], maxDeletes={"count": 1, "share": "50%"})
        todo = changes(other, rig.target, rig.live(want))
        assert [(c.verb, c.hold) for c in todo] == [("records", None)]
        rig.apply(other, rig.live(want))
        assert rig.live(other).records == wanted(other.spec.dns)

    def test_removals_leave_the_rest(self, rig: Rig) -> None:
        text = {"name": "t", "type": "TXT", "values": ['a"b\\c;', "é"]}
        want = rig.new([A, B, C, text])
        rig.make(want)
        less = rig.again(want, [A, C])
        rig.apply(less, rig.live(want))
        assert rig.live(less).records == wanted(less.spec.dns)

    def test_foreign_names_survive(self, rig: Rig) -> None:
        want = rig.new([A])
        rig.make(want)
        heritage = "heritage=external-dns,external-dns/owner=k8s"
        for key, row in {
            "_acme-challenge/TXT": ("300", "token"),
            "a-app/TXT": ("300", heritage),
            "app/A": ("300", "192.0.2.8"),
        }.items():
            rig.by_hand(want.name, key, row)
        live = rig.live(want)
        assert len(live.records) == 4
        assert changes(want, rig.target, live) == []

    def test_without_prune_nothing_is_removed(self, rig: Rig) -> None:
        want = rig.new([A, B])
        rig.make(want)
        less = rig.again(want, [A], prune=False)
        assert changes(less, rig.target, rig.live(want)) == []

    def test_a_zone_that_has_gone_is_not_made_again(self, rig: Rig) -> None:
        want = rig.new([A])
        rig.make(want)
        driver = rig.driver()
        seen = driver.observe([want]).states[want.name]
        rig.drop(want.name)
        other = rig.again(want, [{**A, "value": "192.0.2.9"}])
        (change,) = changes(other, rig.target, seen)
        for attempt in (driver, rig.driver()):
            with pytest.raises(Rejected):
                attempt.apply(other, change, "key")
        assert rig.live(want) == Absent()

    def test_zones_nobody_declares_are_listed(self, rig: Rig) -> None:
        want = rig.new([A])
        rig.make(want)
        seen = rig.driver().observe([])
        assert ("Domain", want.name, rig.target) in seen.unmanaged

    def test_another_verb_is_unsupported(self, rig: Rig) -> None:
        want = rig.new([A])
        change = made(want, rig.target).model_copy(update={"verb": "renew"})
        with pytest.raises(Unsupported):
            rig.driver().apply(want, change, "key")

    def test_wrong_credentials_prove_nothing(self, rig: Rig) -> None:
        if not self.wrong:
            return
        want = rig.new([A])
        driver = rig.driver(**self.wrong)
        seen = driver.observe([want])
        assert isinstance(seen.states[want.name], Unknown)
        assert seen.unmanaged == ()
        with pytest.raises(ProviderError) as raised:
            driver.identity()
        assert not any(secret in str(raised.value) for secret in self.wrong.values())


def written_is_read(rig: Rig, records: Any) -> None:
    """Whatever is written is read, and then nothing is left to do."""
    want = rig.new(records)
    rig.make(want)
    live = rig.live(want)
    assert isinstance(live, ZoneState), live
    assert live.records == wanted(want.spec.dns)
    assert changes(want, rig.target, live) == []


EXAMPLES = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class DnsDriverContract(SandboxContract):
    """The contract of all drivers, for records: one zone for each verb."""

    extra = "stray.example"

    def wants(self) -> list[Domain]:
        return [
            domain("records.example", "main", [A, C]),
            domain("prune.example", "main", [A, C, B, E]),
        ]

    def missing(self) -> Domain:
        return domain("missing.example", "main", [A])
