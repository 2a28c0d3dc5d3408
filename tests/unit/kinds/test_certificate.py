"""A certificate that is only looked at: what is said, how loudly, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.certificate import SURFACE, TLS, Certificate, Served, TlsState
from reconciler.model import Unknown

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def certificate(**spec):
    spec = {"mode": "observe", "names": ["a.example"], **spec}
    return Certificate.model_validate({"metadata": {"name": "a.example"}, "spec": spec})


def served(days=60.0, *, now=NOW, **more):
    fields = {
        "name": "a.example",
        "address": "192.0.2.1",
        "fingerprint": "ab" * 32,
        "not_after": now + timedelta(days=days),
    }
    return Served(**{**fields, **more})


def state(*found, now=NOW):
    return TlsState(seen=now, served=found)


def said(have, now=NOW, **spec):
    found = certificate(**spec).findings({TLS: have}, now)
    return [(f.code, str(f.severity)) for f in found]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (31, []),
        (29, [("certificate-expires", "warning")]),
        (7, [("certificate-expires", "error")]),
        (3, [("certificate-expires", "critical")]),
        (0.1, [("certificate-expires", "critical")]),
        (0, [("certificate-expired", "critical")]),
        (-5, [("certificate-expired", "critical")]),
    ],
)
def test_the_end_comes_nearer(days, expected):
    assert said(state(served(days))) == expected


def test_warnings_begin_where_they_are_wanted():
    assert said(state(served(40)), warnAt=["45d"]) == [
        ("certificate-expires", "warning")
    ]
    assert said(state(served(2)), warnAt=["1d"]) == []


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (2, [("tls-addresses-differ", "critical")]),
        (20, [("tls-addresses-differ", "error")]),
        (59.5, []),
    ],
)
def test_addresses_that_differ(first, expected):
    have = state(served(first), served(60, address="2001:db8::1"))
    assert said(have) == expected


def test_nobody_looked():
    assert said(Unknown(why="no answer")) == []
    assert said(Unknown(why="not looked at yet", later=True)) == [
        ("not-looked-at-yet", "info")
    ]
    assert [f.code for f in certificate().findings({}, NOW)] == ["watched-only"]


def test_it_has_no_other_source_and_nothing_to_do():
    want = certificate()
    assert want.shares() == ()
    assert want.witnesses() == (TLS, SURFACE)
    assert want.relies_on(TLS)
    assert not want.relies_on(SURFACE)  # nothing would be done because of it
    assert list(want.diff({TLS: state(served(1))}, NOW)) == []


def test_what_is_due_is_the_first_end():
    have = {TLS: state(served(50), served(9, address="192.0.2.2"))}
    (due,) = certificate().due(have, NOW)
    assert due.at == NOW + timedelta(days=9) == certificate().deadline(have)
    assert certificate().urgent(due.at, NOW + timedelta(days=2))
    assert not certificate().urgent(due.at, NOW + timedelta(days=1))


@given(
    st.lists(st.floats(-40, 100), max_size=3),
    st.integers(0, 60 * 24),
    st.lists(st.integers(1, 60), max_size=3, unique=True),
)
def test_nothing_changes_before_quiet_until(ends, hours, warn):
    want = certificate(warnAt=[f"{days}d" for days in warn])
    have = {
        TLS: state(*(served(d, address=f"192.0.2.{n}") for n, d in enumerate(ends)))
    }
    quiet = want.quiet_until(have, NOW)
    later = NOW + timedelta(hours=hours)
    if quiet is not None and later >= quiet:
        return

    def seen(moment):
        return {(f.code, f.severity) for f in want.findings(have, moment)}

    assert seen(NOW) == seen(later)


def test_a_name_in_its_own_script():
    made = Certificate.model_validate(
        {
            "metadata": {"name": "bücher.example"},
            "spec": {
                "mode": "observe",
                "names": ["Bücher.example", "*.bücher.example"],
            },
        }
    )
    assert made.name == "xn--bcher-kva.example"
    assert made.spec.names == ("xn--bcher-kva.example", "*.xn--bcher-kva.example")
