"""DS records and glue at a registrar that has calls for either."""

from __future__ import annotations

from typing import ClassVar

import pytest

from reconciler.errors import Ambiguous, Rejected
from reconciler.kinds.domain import Delegate, Dnssec, RegistrationState
from reconciler.model import FieldChange, Share, Unknown
from tests.support.contract import NOW
from tests.support.registrar import DS, GLUE, HOSTS, Bench, domain

HERE = Share("main", "domain")
SYNC = domain("ds.example", dnssec="sync")
OTHER_DS = f"54321 13 2 {'CD' * 32}"
FAR = domain("ns.example")


def replaced(*wanted: str) -> Dnssec:
    """Return the change of the one DS that is there into *wanted*."""
    field = FieldChange(field="spec.dnssec", before=(DS,), after=wanted)
    return Dnssec(share=HERE, fields=(field,), because="x")


def done(bench: Bench, vendor: str, name: str) -> tuple[str, ...]:
    """Return what has happened to *name*, in order."""
    effects = bench.sandbox.ledger.effects(vendor, name)
    return tuple(effect.operation for effect in effects)


class DsTests:
    """
    To be subclassed beside the contract, with a fixture ``bench``.

    Attributes:
        reads: The operations that list DS records and hosts.
        ds_writes: Those that add and remove a DS.
    """

    vendor: ClassVar[str]
    reads: ClassVar[tuple[str, str]]
    ds_writes: ClassVar[tuple[str, str]]

    def test_ds_records_are_asked_once_a_day_and_where_they_matter(
        self, bench: Bench
    ) -> None:
        read = self.reads[0]
        assert read not in bench.asked(domain("ds.example"))
        assert bench.asked(SYNC)[read] == 1
        assert read not in bench.asked(SYNC)
        assert bench.asked(domain("ns.example", nameservers=HOSTS))[read] == 1
        assert bench.state(SYNC).ds == {DS}
        assert bench.state(FAR).ds is None

    def test_no_records_are_none(self, bench: Bench) -> None:
        assert bench.state(domain("ns.example", dnssec="off")).ds == frozenset()

    def test_the_new_ds_comes_before_the_old_one_goes(self, bench: Bench) -> None:
        bench.driver.apply(SYNC, replaced(OTHER_DS), "k")
        assert bench.state(SYNC).ds == {OTHER_DS}
        assert done(bench, self.vendor, "ds.example") == self.ds_writes

    def test_doing_it_again_does_nothing(self, bench: Bench) -> None:
        bench.driver.apply(SYNC, replaced(OTHER_DS), "k")
        receipt = bench.driver.apply(SYNC, replaced(OTHER_DS), "k")
        assert receipt.details == {"requests": 0}
        assert len(done(bench, self.vendor, "ds.example")) == 2

    def test_half_of_it_is_no_failure_but_unknown(self, bench: Bench) -> None:
        bench.fault("status", self.ds_writes[1], status=400, text="no")
        with pytest.raises(Ambiguous, match="half-way"):
            bench.driver.apply(SYNC, replaced(OTHER_DS), "k")
        assert bench.driver.happened(SYNC, replaced(OTHER_DS), "k", NOW) is None
        bench.driver.apply(SYNC, replaced(OTHER_DS), "k")
        assert bench.driver.happened(SYNC, replaced(OTHER_DS), "k", NOW) is True

    def test_records_that_cannot_be_read_are_one_unknown(self, bench: Bench) -> None:
        bench.fault("status", self.reads[0], status=400, text="no")
        seen = bench.driver.observe([SYNC, FAR])
        assert isinstance(seen.states["ds.example"], Unknown)
        assert isinstance(seen.states["ns.example"], RegistrationState)

    def test_a_delegation_leaves_no_ds_behind(self, bench: Bench) -> None:
        """Whatever was planned from: it is read again before it is sent."""
        want = domain("ds.example", nameservers=HOSTS)
        field = FieldChange(field="spec.nameservers", after=tuple(HOSTS))
        move = Delegate(share=HERE, fields=(field,), because="x")
        with pytest.raises(Rejected, match="do not answer for"):
            bench.driver.apply(want, move, "k")
        assert done(bench, self.vendor, "ds.example") == ()
        kept = move.model_copy(update={"details": {"keeps_ds": [DS]}})
        bench.driver.apply(want, kept, "k")
        assert bench.state(want).nameservers == set(HOSTS)


class GlueTests:
    """
    The same for vendors with calls for glue.

    Attributes:
        reads: As above.
        glue_writes: The operations that make, change and remove a host.
    """

    vendor: ClassVar[str]
    reads: ClassVar[tuple[str, str]]
    glue_writes: ClassVar[tuple[str, str, str]]

    def test_glue_is_asked_only_where_it_is_written(self, bench: Bench) -> None:
        read = self.reads[1]
        assert read not in bench.asked(domain("glue.example"))
        want = domain("glue.example", glue=GLUE)
        assert bench.asked(want)[read] == 1
        assert read not in bench.asked(want)

    def test_hosts_are_made_changed_and_removed(self, bench: Bench) -> None:
        for addresses in (["192.0.2.1"], ["192.0.2.2", "2001:db8::2"], []):
            want = domain("glue.example", glue={"ns1.glue.example": addresses})
            (change,) = want.diff({HERE: bench.state(want)}, NOW)
            bench.driver.apply(want, change, "k")
            after = {"ns1.glue.example": tuple(addresses)} if addresses else {}
            assert bench.state(want).glue == after
            assert want.done(change, {HERE: bench.state(want)}) is True
        assert done(bench, self.vendor, "glue.example") == self.glue_writes


class DelegationTests(DsTests, GlueTests):
    """Both."""
