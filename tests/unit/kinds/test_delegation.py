"""DS records, glue and nameservers: what goes first, what waits, what is held."""

from datetime import UTC, datetime, timedelta

import dns.dnssec
import dns.name
import dns.rdata
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.domain import (
    DNS,
    REGISTRATION,
    SEEN,
    DelegationState,
    Domain,
    RegistrationState,
    ZoneState,
)
from reconciler.kinds.domain.changes import DS_LASTS
from reconciler.kinds.domain.dnssec import alike, ds_of, ds_text
from reconciler.model import Share

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
HERE, ZONE = Share("main", REGISTRATION), Share("host", DNS)
OLD, NEW = (
    ("ns1.old.example", "ns2.old.example"),
    ("ns1.new.example", "ns2.new.example"),
)
# RFC 6605, 6.1 and 6.2
KEY = (
    "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+"
    "e+MAnLr+Wi9xMWyQLc8NAA=="
)
KEY_384 = (
    "257 3 14 xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RC"
    "OpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40"
)
DS_256 = "55648 13 2 B4C8C1FE2E7477127B27115656AD6256F424625BF5C1E2770CE6D6E37DF61D17"
DS_384 = (
    "10771 14 4 72D7B62976CE06438E9C0BF319013CF801F09ECC84B8D7E9495F27E305C6A9B0"
    "563A9B5F4D288405C3008A946DF983D6"
)
A, B, C = (ds_of("a.example", k) for k in (KEY, KEY_384, KEY.replace("Goj", "Hoj")))
KEYS = {A: KEY, B: KEY_384, C: KEY.replace("Goj", "Hoj")}


def domain(**spec):
    renewal = {"mode": "manual"}
    spec = {"provider": "main", "nameservers": OLD, "renewal": renewal, **spec}
    return Domain.model_validate({"metadata": {"name": "a.example"}, "spec": spec})


def state(ds=(), **more):
    known = {"nameservers": frozenset(OLD), "ds": frozenset(ds), "glue": {}, **more}
    return RegistrationState(expires=NOW + timedelta(days=300), **known)


def seen(*live, hosts=OLD, parent=None):
    keys = {ds: KEYS[ds] for ds in live}
    return DelegationState(
        nameservers=frozenset(hosts),
        live_ds=frozenset(live),
        dnskeys=keys,
        parent_ds=None if parent is None else frozenset(parent),
    )


def changes(want, have, around=None, zone=None):
    told = {HERE: have, SEEN: around, ZONE: zone}
    return list(want.diff({s: h for s, h in told.items() if h is not None}, NOW))


def codes(want, have, around=None):
    told = {HERE: have, **({SEEN: around} if around else {})}
    return {f.code: str(f.severity) for f in want.findings(told, NOW)}


class TestDigests:
    """RFC 4034 (5.1.4, appendix B), RFC 4509, RFC 6605."""

    @pytest.mark.parametrize(
        ("key", "kind", "ds"), [(KEY, "2", DS_256), (KEY_384, "4", DS_384)]
    )
    def test_the_examples_of_rfc_6605(self, key, kind, ds):
        assert ds_of("example.net", key, kind) == ds

    @pytest.mark.parametrize(("kind", "named"), [("1", "SHA1"), ("2", "SHA256")])
    def test_as_dnspython_makes_them(self, kind, named):
        rdata = dns.rdata.from_text("IN", "DNSKEY", KEY)
        policy = dns.dnssec.allow_all_policy
        name = dns.name.from_text("a.example")
        made = dns.dnssec.make_ds(name, rdata, named, policy=policy)
        whole = ds_text(made.key_tag, 13, int(made.digest_type), made.digest.hex())
        assert ds_of("A.Example", KEY, kind) == whole

    @pytest.mark.parametrize(
        "key", ["", "257 3 13", "257 3 13 !", "x 3 13 AAAA", "257 3 999 AAAA"]
    )
    def test_what_is_no_key_has_no_ds(self, key):
        assert ds_of("a.example", key) is None

    def test_an_unknown_digest_has_no_ds(self):
        assert ds_of("a.example", KEY, "99") is None

    def test_case_and_blanks_mean_nothing(self):
        assert ds_text("012", 13, "2", "ab cd") == "12 13 2 ABCD"

    @pytest.mark.parametrize(
        ("left", "right", "same"),
        [
            ({A}, {A}, True),
            ({A}, {B}, False),
            ({A}, {ds_of("a.example", KEY, "4")}, True),
            ({A}, {A[:-2] + "00"}, False),
            (set(), {A}, False),
        ],
    )
    def test_a_vendor_may_choose_the_digest_but_not_the_key(self, left, right, same):
        assert alike(frozenset(left), frozenset(right)) is same


@pytest.mark.parametrize(
    ("mode", "there", "live", "wanted"),
    [
        pytest.param("unmanaged", [A], [B], None, id="left alone"),
        pytest.param("sync", [], [A], [A], id="the first one"),
        pytest.param("sync", [A], [A], None, id="as it shall be"),
        pytest.param("sync", [A], [A, B], [A, B], id="a key comes"),
        pytest.param("sync", [A, B], [B], [B], id="a key has gone"),
        pytest.param("sync", [A], [B], [B], id="another key"),
        pytest.param("sync", [A], [], [], id="signed no more"),
        pytest.param("off", [A, B], [A], [], id="off"),
        pytest.param("off", [], [A], None, id="off already"),
    ],
)
def test_ds_records_where_nothing_moves(mode, there, live, wanted):
    found = changes(domain(dnssec=mode), state(there), seen(*live))
    assert [c.verb for c in found] == ([] if wanted is None else ["ds"])
    for change in found:
        assert change.wanted == frozenset(wanted)
        assert change.before == frozenset(there)
        added = change.wanted - change.before
        assert change.details.get("keys", {}) == {ds: KEYS[ds] for ds in added}


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(None, id="nobody looked"),
        pytest.param(DelegationState(), id="nothing was seen"),
        pytest.param(seen(A, hosts=NEW), id="another delegation was seen"),
        pytest.param(
            DelegationState(nameservers=frozenset(OLD)), id="no keys were seen"
        ),
    ],
)
@pytest.mark.parametrize("there", [[], [B]])
def test_what_is_not_proven_changes_nothing(around, there):
    want = domain(dnssec="sync")
    assert changes(want, state(there), around) == []
    assert codes(want, state(there), around)["dnssec-unproven"] == "warning"


def test_a_ds_of_another_digest_is_kept_while_its_key_lives():
    sha384 = ds_of("a.example", KEY, "4")
    assert changes(domain(dnssec="sync"), state([sha384]), seen(A)) == []
    (change,) = changes(domain(dnssec="sync"), state([sha384]), seen(B))
    assert change.wanted == {B}


@pytest.mark.parametrize(
    ("there", "live", "risk"),
    [
        ([A, B], [A], "none"),
        ([], [A], "disruptive"),
        ([A], [A, B], "disruptive"),
        ([A], [], "disruptive"),
    ],
)
def test_risks(there, live, risk):
    (change,) = changes(domain(dnssec="sync"), state(there), seen(*live))
    assert str(change.risk) == risk
    assert change.fields[0].on_drift == "hold"


class TestMoving:
    """Remove first, wait until nobody remembers, delegate, and only then add."""

    def move(self, mode, there, *, zone=None, around=None):
        want = domain(dnssec=mode, nameservers=NEW, dns={"targets": ["host"]})
        told = (
            None
            if zone is None
            else ZoneState(records={}, nameservers=frozenset(NEW), ds=zone)
        )
        return changes(want, state(there), around or seen(*there), told)

    @pytest.mark.parametrize("mode", ["sync", "off"])
    def test_a_signed_name_loses_its_ds_first(self, mode):
        ds, delegate = self.move(mode, [A])
        assert (ds.verb, ds.wanted) == ("ds", frozenset())
        assert delegate.not_before == NOW + DS_LASTS
        assert "ds" in delegate.waits_for
        hold_off = ds.details["holds_off"]
        assert hold_off == {"delegate": DS_LASTS.total_seconds()}

    @pytest.mark.parametrize("mode", ["sync", "off", "unmanaged"])
    def test_an_unsigned_name_moves_at_once(self, mode):
        (delegate,) = self.move(mode, [])
        assert delegate.verb == "delegate"
        assert (delegate.not_before, delegate.hold) == (None, None)

    def test_the_live_keys_of_the_old_hosts_add_nothing_meanwhile(self):
        (delegate,) = self.move("sync", [], around=seen(A))
        assert delegate.verb == "delegate"

    def test_a_parent_that_still_publishes_is_waited_for(self):
        (delegate,) = self.move("sync", [], around=seen(parent=[A]))
        assert delegate.not_before == NOW + DS_LASTS

    def test_keys_that_both_serve_stay(self):
        (delegate,) = self.move("sync", [A], zone=frozenset({A}))
        assert delegate.not_before is None
        assert delegate.details["keeps_ds"] == [A]
        ds, delegate = self.move("sync", [A, B], zone=frozenset({A}))
        assert ds.wanted == {A}
        assert delegate.not_before

    def test_new_hosts_with_other_keys_lose_it_too(self):
        ds, _ = self.move("sync", [A], zone=frozenset({B}))
        assert ds.wanted == frozenset()

    def test_unmanaged_is_held_and_no_review_lifts_it(self):
        (delegate,) = self.move("unmanaged", [A])
        assert delegate.firm
        assert "dnssec: sync or off" in delegate.hold
        (seen_alone,) = changes(domain(nameservers=NEW), _unsaid(), seen(parent=[A]))
        assert seen_alone.firm

    def test_unmanaged_and_matching_moves(self):
        (delegate,) = self.move("unmanaged", [A], zone=frozenset({A, B}))
        assert delegate.hold is None

    def test_where_nobody_knows_a_person_looks(self):
        want = domain(dnssec="sync", nameservers=NEW)
        (delegate,) = changes(want, _unsaid())
        assert delegate.hold
        assert not delegate.firm
        (unmanaged,) = changes(domain(nameservers=NEW), _unsaid())
        assert unmanaged.hold is None


def _unsaid():
    return state().model_copy(update={"ds": None})


class TestGlue:
    def glue(self, wanted, live, hosts=OLD):
        have = state(glue=live, nameservers=frozenset(hosts))
        return changes(domain(glue=wanted, nameservers=hosts), have)

    @pytest.mark.parametrize(
        ("wanted", "live", "after"),
        [
            ({"ns1.a.example": ["192.0.2.1"]}, {}, ("192.0.2.1",)),
            (
                {"ns1.a.example": ["192.0.2.2"]},
                {"ns1.a.example": ("192.0.2.1",)},
                ("192.0.2.2",),
            ),
            ({"ns1.a.example": []}, {"ns1.a.example": ("192.0.2.1",)}, None),
        ],
    )
    def test_what_differs(self, wanted, live, after):
        (change,) = self.glue(wanted, live)
        (field,) = change.fields
        assert (field.field, field.after) == ("spec.glue[ns1.a.example]", after)
        want = domain(glue=wanted)
        assert want.done(change, {HERE: state(glue=live)}) is False
        done = {"ns1.a.example": after} if after else {}
        assert want.done(change, {HERE: state(glue=done)}) is True

    @pytest.mark.parametrize(
        ("wanted", "live"),
        [
            ({}, {"ns1.a.example": ("192.0.2.1",)}),
            (
                {"ns1.a.example": ["2001:DB8::1", "192.0.2.1"]},
                {"ns1.a.example": ("192.0.2.1", "2001:db8::1")},
            ),
            ({"ns1.a.example": []}, {}),
            ({"NS1.a.example.": ["192.0.2.1"]}, {"ns1.a.example": ("192.0.2.1",)}),
        ],
    )
    def test_what_does_not(self, wanted, live):
        assert self.glue(wanted, live) == []

    def test_a_host_in_use_is_not_removed(self):
        hosts = ("ns1.a.example", "ns2.old.example")
        live = {"ns1.a.example": ("192.0.2.1",)}
        wanted = {"ns1.a.example": []}
        assert self.glue(wanted, live, hosts) == []
        have = state(glue=live, nameservers=frozenset(hosts))
        want = domain(glue=wanted, nameservers=hosts)
        assert codes(want, have)["glue-in-use"] == "warning"

    def test_comes_before_the_delegation_that_needs_it(self):
        hosts = ("ns1.a.example", "ns2.a.example")
        want = domain(nameservers=hosts, glue={h: ["192.0.2.1"] for h in hosts})
        glue, delegate = changes(want, state())
        assert (glue.verb, delegate.verb) == ("glue", "delegate")
        assert "glue" in delegate.waits_for
        assert str(glue.risk) == "none"

    def test_another_address_is_a_risk(self):
        live = {"ns1.a.example": ("192.0.2.1",)}
        (change,) = self.glue({"ns1.a.example": ["192.0.2.2"]}, live)
        assert str(change.risk) == "disruptive"


SETS = st.frozensets(st.sampled_from([A, B, C]))
ADDRESSES = st.lists(st.sampled_from(["192.0.2.1", "2001:db8::1"]), unique=True)
GLUE = st.dictionaries(st.sampled_from(["ns1.a.example", "ns2.a.example"]), ADDRESSES)


@given(
    st.sampled_from(["unmanaged", "off", "sync"]),
    SETS,
    SETS,
    st.none() | SETS,
    st.sampled_from([OLD, NEW]),
    GLUE,
    GLUE,
)
def test_after_doing_what_diff_says_diff_says_nothing(
    mode, there, live, coming, hosts, glue, live_glue
):
    """And at no moment is there a DS that nobody answers for after a delegation."""
    known = {h: tuple(sorted(ips)) for h, ips in live_glue.items() if ips}
    want = domain(dnssec=mode, nameservers=hosts, glue=glue, dns={"targets": ["host"]})
    have = state(there, glue=known)
    zone = ZoneState(records={}, nameservers=frozenset(NEW), ds=coming)
    for _ in range(4):
        keys = live if have.nameservers == frozenset(OLD) else coming or frozenset()
        around = seen(*keys, hosts=have.nameservers, parent=have.ds)
        found = changes(want, have, around, zone)
        for change in [c for c in found if not c.firm and c.not_before is None]:
            if change.verb == "delegate" and mode != "unmanaged":
                assert have.ds <= (coming or frozenset())
            have = _done(have, change)
            told = {HERE: have}
            assert want.done(change, told) is True
        if not found:
            break
    assert [c for c in found if not c.firm] == []
    if mode == "off":
        assert not have.ds
    if mode == "sync":
        assert have.ds == keys


def _done(have, change):
    match change.verb:
        case "ds":
            return have.model_copy(update={"ds": change.wanted})
        case "delegate":
            hosts = frozenset(change.fields[0].after)
            return have.model_copy(update={"nameservers": hosts})
        case _:
            glue = dict(have.glue)
            for field in change.fields:
                host = field.field[len("spec.glue[") : -1]
                glue[host] = field.after
            left = {h: ips for h, ips in glue.items() if ips}
            return have.model_copy(update={"glue": left})
