"""One Site becomes what it stands for: tables over plain data."""

from __future__ import annotations

import pytest

from reconciler.inventory.compose import Composed, Site, composed
from reconciler.inventory.parts import parts_of
from reconciler.kinds import kinds

PARTS = parts_of(kinds())


def with_deploy(kind):
    """The parts as they are once a certificate says where it is installed."""
    part = PARTS(kind)
    fields = part.fields | {"deploy"} if part and kind == "Certificate" else None
    return part._replace(fields=fields) if part and fields else part


ADDRESSES = {"ipv4": "192.0.2.10", "ipv6": "2001:db8::10"}
PROFILE = {
    "Domain": {
        "provider": "porkbun-main",
        "dns": {
            "targets": ["aws"],
            "records": [
                {"name": "@", "type": "A", "value": "$ipv4"},
                {"name": "www", "type": "CNAME", "value": "$domain."},
            ],
        },
    },
    "HostingAccount": {"plan": "care-5"},
    "Certificate": {"mode": "provider", "names": ["$domain", "www.$domain"]},
    "Subscription": {},
    "Backup": {"policy": "nightly"},
}
SPEC = {
    "profile": "brochure",
    "customer": "bakker",
    "server": "whm-1",
    "account": "bakker",
    "since": "2024-03-01",
}


def made(profile=PROFILE, metadata=None, addresses=ADDRESSES, **spec) -> Composed:
    given = {key: value for key, value in {**SPEC, **spec}.items() if value is not None}
    site = Site("bakker.example", metadata or {}, given, profile, addresses)
    return composed(site, with_deploy)


def specs(**spec) -> dict[tuple[str, str], dict]:
    found = made(**spec)
    assert found.flaws == ()
    return {(each.kind, each.name): each.spec for each in found.primitives}


def flaws(**spec) -> list[tuple[str, str, tuple]]:
    return [(each.code, each.owner, each.path) for each in made(**spec).flaws]


def test_every_part_is_filled():
    assert specs() == {
        ("Backup", "bakker.example"): {
            "of": "HostingAccount/bakker.example",
            "policy": "nightly",
        },
        ("Certificate", "bakker.example"): {
            "mode": "provider",
            "names": ["bakker.example", "www.bakker.example"],
            "deploy": [{"target": "HostingAccount/bakker.example"}],
        },
        ("Domain", "bakker.example"): {
            "provider": "porkbun-main",
            "dns": {
                "targets": ["aws"],
                "records": [
                    {"name": "@", "type": "A", "value": "192.0.2.10"},
                    {"name": "www", "type": "CNAME", "value": "bakker.example."},
                ],
            },
        },
        ("HostingAccount", "bakker.example"): {
            "plan": "care-5",
            "provider": "whm-1",
            "account": "bakker",
        },
        ("Subscription", "bakker.example"): {
            "covers": [
                "Backup/bakker.example",
                "Certificate/bakker.example",
                "Domain/bakker.example",
                "HostingAccount/bakker.example",
            ],
            "customer": "bakker",
            "since": "2024-03-01",
        },
    }


def test_a_site_field_is_stronger_than_the_profile_and_with_is_the_strongest():
    name = "bakker.example"
    assert specs(registrar="aws")["Domain", name]["provider"] == "aws"
    over = {"Domain": {"provider": "namecom-main"}, "Subscription": {"covers": []}}
    found = specs(registrar="aws", **{"with": over})
    assert found["Domain", name]["provider"] == "namecom-main"
    assert found["Subscription", name]["covers"] == []


def test_with_overrides_one_record_and_tokens_work_in_it():
    own = [
        {"name": "www", "type": "A", "value": "$ipv4"},
        {"name": "@", "type": "A", "value": "198.51.100.1"},
    ]
    over = {"Domain": {"dns": {"records": own}}}
    records = specs(**{"with": over})["Domain", "bakker.example"]["dns"]["records"]
    assert records == [
        {"name": "www", "type": "A", "value": "192.0.2.10"},
        {"name": "@", "type": "A", "value": "198.51.100.1"},
        {"name": "www", "type": "CNAME", "value": "bakker.example."},
    ]


def test_aliases_are_domains_and_names_of_the_certificate():
    found = specs(aliases=["Bäkker.example", "b.example"])
    domains = [name for kind, name in found if kind == "Domain"]
    assert domains == ["bakker.example", "xn--bkker-gra.example", "b.example"]
    records = found["Domain", "b.example"]["dns"]["records"]
    assert records[1]["value"] == "b.example."
    assert found["Certificate", "bakker.example"]["names"] == [
        "bakker.example",
        "www.bakker.example",
        "xn--bkker-gra.example",
        "www.xn--bkker-gra.example",
        "b.example",
        "www.b.example",
    ]
    assert "Domain/b.example" in found["Subscription", "bakker.example"]["covers"]


def test_without_takes_a_part_and_what_others_say_of_it():
    found = specs(without=["HostingAccount", "Backup"])
    assert {kind for kind, _ in found} == {"Certificate", "Domain", "Subscription"}
    assert "deploy" not in found["Certificate", "bakker.example"]
    covers = found["Subscription", "bakker.example"]["covers"]
    assert covers == ["Certificate/bakker.example", "Domain/bakker.example"]


def test_labels_and_protection_reach_every_part_but_the_uid_only_the_own_name():
    metadata = {"labels": {"tier": "gold"}, "protected": True, "uid": "old.example"}
    found = made(metadata=metadata, aliases=["b.example"])
    for each in found.primitives:
        assert each.metadata["labels"] == {
            "tier": "gold",
            "site": "bakker.example",
            "customer": "bakker",
            "profile": "brochure",
        }
        assert each.metadata["protected"] is True
        own = each.name == "bakker.example"
        assert each.metadata.get("uid") == ("old.example" if own else None)


def test_two_dollars_are_one():
    profile = {"Domain": {"x": ["$$5", "a$$domain", {"y": "$$$domain"}]}}
    found = made(profile, registrar="aws")
    assert found.primitives[0].spec["x"] == ["$5", "a$domain", {"y": "$bakker.example"}]


def test_an_alias_of_a_site_field_has_no_place_where_the_kind_has_no_such_field():
    """Certificate in mode observe has no deploy: nothing is filled then."""
    only = {"Certificate": {"names": ["$domain"]}, "HostingAccount": {"plan": "x"}}
    parts = PARTS("Certificate")._replace(fields=frozenset(("mode", "names")))
    site = Site("bakker.example", {}, SPEC, only, ADDRESSES)
    found = composed(site, lambda k: parts if k == "Certificate" else PARTS(k))
    assert found.primitives[0].spec == {"names": ["bakker.example"]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"server": None, "addresses": {}}, ("E137", "SiteProfile", ("Domain", "dns", "records", 0, "value"))),
        ({"server": None}, ("E138", "Site", ())),
        ({"since": None}, ("E138", "Site", ())),
        ({"addresses": {}}, ("E137", "SiteProfile", ("Domain", "dns", "records", 0, "value"))),
        ({"without": ["HostingPlan"]}, ("E135", "Site", ("without", 0))),
        ({"with": {"Domian": {}}}, ("E135", "Site", ("with", "Domian"))),
        ({"with": {"Backup": {}}, "without": ["Backup"]}, ("E135", "Site", ("with", "Backup"))),
        ({"with": {"Domain": {"x": "$nobody"}}}, ("E136", "Site", ("with", "Domain", "x"))),
        ({"with": {"Domain": {"x": "5 $"}}}, ("E136", "Site", ("with", "Domain", "x"))),
        ({"with": {"Domain": {"x": ["$ipv"]}}}, ("E136", "Site", ("with", "Domain", "x", 0))),
        ({"metadata": {"labels": {"site": "x"}}}, ("E139", "Site", ("labels", "site"))),
        ({"without": ["HostingAccount"]}, ("E138", "Site", ())),
    ],
)  # fmt: skip
def test_a_flaw_names_whose_field_it_is(spec, expected):
    assert expected in flaws(**spec)


def test_a_missing_field_is_no_flaw_where_defaults_give_it():
    profile = {"Domain": {}}
    site = Site("b.example", {}, {"profile": "p", "customer": "c"}, profile, {})
    assert [flaw.text for flaw in composed(site, PARTS).flaws] == [
        "registrar is missing: SiteProfile/p makes a Domain"
    ]
    assert composed(site, PARTS, lambda *_: True).flaws == ()


def test_nothing_that_is_given_is_changed():
    import copy

    before = copy.deepcopy((PROFILE, SPEC))
    made(aliases=["b.example"], **{"with": {"Domain": {"dns": {"prune": False}}}})
    assert before == (PROFILE, SPEC)
