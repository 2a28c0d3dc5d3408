"""The way back: what is folded expands to exactly what it was."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.inventory.compose import Site, composed
from reconciler.inventory.fold import Folded, fold
from reconciler.inventory.parts import parts_of
from reconciler.inventory.propose import same
from reconciler.kinds import kinds
from reconciler.model import Ref

PARTS = parts_of(kinds())
SERVERS = {
    "whm-1": {"ipv4": "192.0.2.10", "ipv6": "2001:db8::10"},
    "whm-2": {"ipv4": "192.0.2.20"},
}
BROCHURE = {
    "Domain": {
        "provider": "porkbun-main",
        "dns": {
            "targets": ["aws"],
            "records": [
                {"name": "@", "type": "A", "value": "$ipv4"},
                {"name": "www", "type": "CNAME", "value": "$domain."},
            ],
        },
    }
}


def domain(name, address="192.0.2.10", provider="porkbun-main", **more):
    records = [
        {"name": "www", "type": "CNAME", "value": f"{name}."},
        {"name": "@", "type": "A", "value": address},
    ]
    dns = {"targets": ["aws"], "records": records}
    return {"provider": provider, "dns": dns, **more}


def back(folded: Folded, profiles) -> dict[Ref, dict]:
    """What the sites of *folded* make."""
    known = {**profiles, **folded.profiles}
    found = {}
    for name, spec in folded.sites.items():
        addresses = SERVERS.get(spec.get("server"), {})
        site = Site(name, {}, spec, known[spec["profile"]], addresses)
        made = composed(site, PARTS)
        assert made.flaws == ()
        found |= {Ref(each.kind, each.name): each.spec for each in made.primitives}
    return found


def check(documents, profiles) -> Folded:
    folded = fold(documents, profiles, customer="c", servers=SERVERS)
    found = back(folded, profiles)
    assert found.keys() | folded.left.keys() == documents.keys()
    assert not found.keys() & folded.left.keys()
    assert [ref for ref in found if not same(found[ref], documents[ref])] == []
    assert all(folded.left.values())
    return folded


def test_a_profile_that_fits_is_used_whatever_the_order_of_records():
    documents = {
        Ref("Domain", "a.example"): domain("a.example"),
        Ref("Domain", "b.example"): domain("b.example", "192.0.2.20", "aws"),
        Ref("Domain", "c.example"): domain("c.example", privacy=False),
    }
    folded = check(documents, {"brochure": BROCHURE})
    head = {"profile": "brochure", "customer": "c"}
    assert folded.sites == {
        "a.example": {**head, "server": "whm-1"},
        "b.example": {**head, "server": "whm-2", "registrar": "aws"},
        "c.example": {
            **head,
            "server": "whm-1",
            "with": {"Domain": {"privacy": False}},
        },
    }
    assert (folded.profiles, folded.left) == ({}, {})


def test_what_no_profile_makes_is_left_with_the_reason():
    poor = {"provider": "porkbun-main", "dns": {"targets": ["aws"]}}
    documents = {
        Ref("Domain", "poor.example"): poor,
        Ref("Backup", "poor.example"): {"of": "x", "policy": "nightly"},
        Ref("Domain", "other.example"): {"provider": "aws"},
    }
    folded = check(documents, {"brochure": BROCHURE})
    assert folded.sites == {}
    assert folded.left == {
        Ref("Backup", "poor.example"): "no SiteProfile has Backup and Domain",
        Ref("Domain", "poor.example"): "no SiteProfile has Backup and Domain",
        Ref("Domain", "other.example"): (
            "it differs from SiteProfile/brochure in more than a Site says shortly, "
            "and fewer than three documents are like it"
        ),
    }


def test_three_that_are_alike_become_a_profile():
    names = ["a.example", "b.example", "c.example"]
    documents = {Ref("Domain", n): domain(n, include=["$5"]) for n in names}
    documents[Ref("Domain", "x.example")] = {"provider": "aws"}
    folded = check(documents, {})
    (title,) = folded.profiles
    assert folded.profiles[title]["Domain"]["include"] == ["$$5"]
    values = [r["value"] for r in folded.profiles[title]["Domain"]["dns"]["records"]]
    assert values == ["$domain.", "$ipv4"]
    assert folded.sites["a.example"] == {
        "profile": title,
        "customer": "c",
        "server": "whm-1",
    }
    assert list(folded.left) == [Ref("Domain", "x.example")]


def test_registrars_differ_in_the_site_and_addresses_in_with():
    names = ["a.example", "b.example", "c.example"]
    documents = {
        Ref("Domain", name): domain(name, f"203.0.113.{n}", f"registrar-{n % 2}")
        for n, name in enumerate(names)
    }
    folded = check(documents, {})
    assert len(folded.profiles) == 1
    site = folded.sites["b.example"]
    assert site["registrar"] == "registrar-1"
    record = {"name": "@", "type": "A", "value": "203.0.113.1"}
    assert site["with"] == {"Domain": {"dns": {"records": [record]}}}


def test_other_parts_of_one_name_come_along():
    profile = {
        **BROCHURE,
        "Backup": {"policy": "nightly"},
        "HostingAccount": {"plan": "care-5"},
    }
    name = "a.example"
    documents = {
        Ref("Domain", name): domain(name),
        Ref("HostingAccount", name): {
            "plan": "care-5",
            "provider": "whm-1",
            "account": "a",
        },
    }
    folded = check(documents, {"full": profile})
    assert folded.sites[name] == {
        "profile": "full",
        "customer": "c",
        "server": "whm-1",
        "account": "a",
        "without": ["Backup"],
    }


def test_a_subscription_of_its_own_site_says_only_what_the_site_cannot():
    name = "a.example"
    documents = {
        Ref("Domain", name): {"provider": "aws"},
        Ref("Subscription", name): {
            "customer": "c",
            "since": "2026-01-01",
            "price": "9.00 EUR/month",
            "covers": [f"Domain/{name}"],
        },
    }
    profile = {"Domain": {"provider": "aws"}, "Subscription": {}}
    folded = check(documents, {"sold": profile})
    assert folded.sites[name] == {
        "profile": "sold",
        "customer": "c",
        "since": "2026-01-01",
        "price": "9.00 EUR/month",
    }


NAMES = st.from_regex(r"[a-d]{1,2}\.example", fullmatch=True)
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["@", "www", "mail"]),
            "type": st.sampled_from(["A", "TXT"]),
            "value": st.sampled_from(
                ["192.0.2.10", "203.0.113.5", "cost $5", "a.example."]
            ),
        }
    ),
    max_size=4,
    unique_by=lambda each: (each["name"], each["type"]),
)
SPECS = st.fixed_dictionaries(
    {"provider": st.sampled_from(["porkbun-main", "aws"])},
    optional={
        "privacy": st.booleans(),
        "warnAt": st.lists(st.sampled_from(["9d", "$domain"]), max_size=2),
        "dns": st.fixed_dictionaries(
            {"targets": st.just(["aws"])}, optional={"records": RECORDS}
        ),
    },
)
BACKUPS = st.fixed_dictionaries(
    {"policy": st.sampled_from(["nightly", "weekly"])}, optional={"of": st.just("x")}
)
SOLD = st.fixed_dictionaries(
    {
        "customer": st.sampled_from(["c", "d"]),
        "since": st.just("2026-01-01"),
        "covers": st.sampled_from([["Domain/a.example"], ["HostingAccount/x.example"]]),
    },
    optional={
        "price": st.just("9.00 EUR/month"),
        "state": st.sampled_from(["active", "suspended"]),
    },
)
DOCUMENTS = (
    st.dictionaries(st.builds(Ref, st.just("Domain"), NAMES), SPECS, max_size=12)
    .flatmap(
        lambda domains: st.dictionaries(
            st.builds(Ref, st.just("Backup"), NAMES), BACKUPS, max_size=4
        ).map(lambda backups: {**domains, **backups})
    )
    .flatmap(
        lambda documents: st.dictionaries(
            st.builds(Ref, st.just("Subscription"), NAMES), SOLD, max_size=4
        ).map(lambda sold: {**documents, **_own_covers(sold, documents)})
    )
)


def _own_covers(sold, documents):
    """Some cover what a site of their name would, as an import writes it."""
    return {
        ref: {**spec, "covers": [f"Domain/{ref.name}"]}
        if Ref("Domain", ref.name) in documents and "price" in spec
        else spec
        for ref, spec in sold.items()
    }


PROFILES = st.sampled_from(
    [
        {},
        {"brochure": BROCHURE},
        {"brochure": BROCHURE, "plain": {"Domain": {}, "Backup": {}}},
        {"sold": {"Domain": {"provider": "aws"}, "Subscription": {}}},
    ]
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS, PROFILES)
def test_what_is_folded_expands_to_what_it_was(documents, profiles):
    first = check(documents, profiles)
    backwards = dict(reversed(list(documents.items())))
    assert fold(backwards, profiles, customer="c", servers=SERVERS) == first
