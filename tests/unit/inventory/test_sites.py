"""Sites in a tree: expansion, places, the cache, and errors told once."""

from __future__ import annotations

import time

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import Inventory, load
from reconciler.model import Ref
from tests.unit.inventory.test_cache import facts
from tests.unit.inventory.tree import HEAD, Texts, load_errors

HOUSE = """\
Provider/porkbun-main: {type: porkbun, credentials: {apiKey: {env: KEY}}}
Provider/whm-1: {type: aws, credentials: {}, ipv4: 192.0.2.10}
Provider/whm-2: {type: aws, credentials: {}, ipv4: 192.0.2.20}
RecordSet/mail: {records: [{name: "@", type: MX, value: 10 mx.example.}]}
Customer/bakker: {legalName: Example Bakery BV, country: NL}
HostingPlan/care-5: {price: 9.00 EUR/month, packages: {aws: care_5g}}
BackupRepository/disk: {engine: archive, url: "file:///srv/backup", credentials: {password: {env: P}}}
BackupPolicy/nightly: {objectives: {rpo: 26h, rto: 2h}, sources: {files: {paths: [www]}}, copies: [disk]}
"""
PROFILE = """\
SiteProfile/brochure:
  Domain:
    provider: porkbun-main
    renewal: {maxPrice: 15.00 EUR/year}
    dns:
      include: [mail]
      records:
        - {name: "@", type: A, value: $ipv4}
        - {name: www, type: CNAME, value: $domain.}
  Backup: {policy: nightly}
  HostingAccount: {plan: care-5}
"""
SITE = """\
Site/bakker.example:
  profile: brochure
  customer: bakker
  server: whm-1
  account: bakker
  aliases: [bakkerij.example]
  labels: {tier: gold}
  with: {Domain: {warnAt: [9d]}}
"""
DOMAIN = Ref("Domain", "bakker.example")
ALIAS = Ref("Domain", "bakkerij.example")
SITE_FILE = "inventory/clients/bakker.yaml"


def tree(site=SITE, profile=PROFILE, **more) -> Texts:
    files = {
        "inventory/house.yaml": HEAD + HOUSE,
        "inventory/profiles.yaml": HEAD + profile,
        SITE_FILE: HEAD + site,
    }
    files |= {
        f"inventory/{name.replace('__', '/')}.yaml": text for name, text in more.items()
    }
    return Texts({name: text.encode() for name, text in files.items()})


def test_a_site_makes_what_its_profile_names_once_for_each_domain():
    inventory = load(tree())
    made = [ref for ref in inventory.refs() if ref.kind == "Domain"]
    assert made == [DOMAIN, ALIAS]
    assert {ref.kind for ref in inventory.refs()} == {
        "Backup", "BackupPolicy", "BackupRepository", "Customer", "Domain",
        "HostingAccount", "HostingPlan", "Provider", "RecordSet", "Site", "SiteProfile",
    }  # fmt: skip
    spec = inventory.get(ALIAS).spec
    assert [(r.name, r.value) for r in spec.dns.records] == [
        ("@", "192.0.2.10"),
        ("www", "bakkerij.example."),
        ("@", "10 mx.example."),
    ]
    assert str(spec.renewal.max_price) == "15.00 EUR/year"
    assert inventory.labels(ALIAS) == {
        "site": "bakker.example", "customer": "bakker", "profile": "brochure", "tier": "gold",
    }  # fmt: skip
    assert inventory.edges()[DOMAIN] >= {Ref("Provider", "porkbun-main")}


@pytest.mark.parametrize(
    ("ref", "field", "place"),
    [
        (DOMAIN, "", f"{SITE_FILE}:2:1"),
        (ALIAS, "", f"{SITE_FILE}:7:13"),
        (DOMAIN, "spec.provider", "inventory/profiles.yaml:4:15"),
        (DOMAIN, "spec.warnAt", f"{SITE_FILE}:9:27"),
        (DOMAIN, "spec.dns.records[www/CNAME].value", "inventory/profiles.yaml:10:43"),
        (DOMAIN, "spec.dns.records[@/MX].value", "inventory/house.yaml:5:57"),
        (DOMAIN, "spec.renewal.term", "inventory/clients/_defaults.yaml:2:26"),
        (DOMAIN, "metadata.labels.tier", f"{SITE_FILE}:8:18"),
    ],
)
def test_a_value_is_where_it_was_written(ref, field, place):
    defaults = HEAD + "Domain: {renewal: {term: 2y}}\n"
    assert str(load(tree(clients___defaults=defaults)).at(ref, field)) == place


def test_a_field_of_the_site_is_where_the_site_says_it_or_its_defaults_do():
    site = "Site/bakker.example: {profile: brochure, registrar: whm-2}\n"
    defaults = HEAD + "Site: {customer: bakker, server: whm-1, account: b}\n"
    inventory = load(tree(site, clients___defaults=defaults))
    assert str(inventory.at(DOMAIN, "spec.provider")) == f"{SITE_FILE}:2:53"
    assert inventory.get(DOMAIN).spec.provider == "whm-2"
    assert inventory.labels(DOMAIN)["customer"] == "bakker"


def long_form(number: int) -> str:
    """What site number *number* of the estate below is without composition."""
    name, ip = f"s{number:03}.example", f"192.0.2.{10 * (1 + number % 2)}"
    return f"""\
---
kind: Domain
metadata:
  name: {name}
  labels: {{site: {name}, customer: bakker, profile: brochure}}
spec:
  provider: porkbun-main
  renewal: {{maxPrice: 15.00 EUR/year}}
  dns:
    include: [mail]
    records:
      - {{name: "@", type: A, value: {ip}}}
      - {{name: www, type: CNAME, value: {name}.}}
---
kind: HostingAccount
metadata:
  name: {name}
  labels: {{site: {name}, customer: bakker, profile: brochure}}
spec: {{provider: whm-{1 + number % 2}, account: a{number}, plan: care-5}}
"""


def test_400_sites_are_the_long_form_byte_for_byte():
    numbers = range(400)
    sites = "".join(
        f"Site/s{n:03}.example: {{profile: brochure, customer: bakker, "
        f"server: whm-{1 + n % 2}, account: a{n}}}\n"
        for n in numbers
    )
    defaults = HEAD + "Domain: {dns: {defaultTtl: 1h}, privacy: false}\n"
    one = load(tree(sites, clients___defaults=defaults))
    files = {
        "inventory/house.yaml": HEAD + HOUSE,
        "inventory/profiles.yaml": HEAD + PROFILE,
        "inventory/clients/_defaults.yaml": defaults,
        SITE_FILE: HEAD + "".join(map(long_form, numbers)),
    }
    two = load(Texts({name: text.encode() for name, text in files.items()}))
    assert len(two.of("Domain")) == len(two.of("HostingAccount")) == 400
    for ref in [r for r in two.refs() if r.kind in {"Domain", "HostingAccount"}]:
        assert one.content(ref) == two.content(ref)
        assert one.digest(ref) == two.digest(ref)
        assert one.edges()[ref] == two.edges()[ref]
    extra = set(one.refs()) - set(two.refs())
    assert {ref.kind for ref in extra} == {"Backup", "Site"}


def test_places_in_one_long_file_are_found_without_reading_it_for_each():
    sites = "".join(
        f"Site/s{n}.example: {{profile: brochure, customer: bakker, server: whm-1, account: a{n}}}\n"
        for n in range(1500)
    )
    inventory = load(tree(sites))
    begun = time.process_time()
    for n in range(1500):
        ref = Ref("Domain", f"s{n}.example")
        assert str(inventory.at(ref)) == f"{SITE_FILE}:{n + 2}:1"
        assert str(inventory.at(ref, "spec.provider")) == "inventory/profiles.yaml:4:15"
    assert time.process_time() - begun < 3  # 0.2 s; 20 s where each reads it


def test_the_order_of_files_does_not_matter():
    one = load(tree())
    two = load(
        Texts(
            {
                "inventory/a.yaml": (HEAD + SITE).encode(),
                "inventory/b.yaml": (HEAD + PROFILE + HOUSE).encode(),
            }
        )
    )
    assert one.digests() == two.digests()


def test_an_include_in_with_is_found_wherever_it_is():
    over = SITE.replace("{warnAt: [9d]}", "{dns: {include: [mail, zz]}}")
    late = HEAD + "RecordSet/zz: {records: [{name: zz, type: A, value: 192.0.2.1}]}\n"
    records = load(tree(over, zzz=late)).get(DOMAIN).spec.dns.records
    assert "zz" in [record.name for record in records]


def test_a_server_that_is_not_there_is_told_once():
    (told,) = load_errors(tree(SITE.replace("whm-1", "whm-9")))
    assert "E133 Site/bakker.example: spec.server: there is no Provider/whm-9" in told


# The cache.


def agree(source: Texts, cache) -> Inventory:
    inventory = load(source, cache=cache)
    assert facts(inventory) == facts(load(source))
    return inventory


def test_a_second_load_reads_nothing(tmp_path):
    source = tree()
    agree(source, tmp_path / "c")
    source.reads.clear()
    again = load(source, cache=tmp_path / "c")
    assert again.get(DOMAIN).spec.dns.records
    assert source.reads == []
    assert str(again.at(DOMAIN)) == f"{SITE_FILE}:2:1"


OTHER = HEAD + SITE.replace("bakker.example", "other.example").replace(
    "account: bakker", "account: other"
).replace("bakkerij", "andere")
NO_SITE = HEAD + "Domain/plain.example: {provider: whm-1}\n"


@pytest.mark.parametrize(
    ("path", "old", "new", "read"),
    [
        ("inventory/profiles.yaml", "15.00", "16.00", {"inventory/clients/o.yaml", SITE_FILE}),
        ("inventory/house.yaml", "192.0.2.10", "192.0.2.11", {"inventory/clients/o.yaml", SITE_FILE}),
        ("inventory/house.yaml", "10 mx", "20 mx", {"inventory/clients/o.yaml", SITE_FILE}),
        (SITE_FILE, "whm-1", "whm-2", set()),
    ],
)  # fmt: skip
def test_what_a_site_is_made_from_disturbs_its_file_and_no_other(
    tmp_path, path, old, new, read
):
    source = tree(clients__o=OTHER, clients__plain=NO_SITE)
    first = agree(source, tmp_path / "c")
    source.content[path] = source.content[path].replace(old.encode(), new.encode())
    source.reads.clear()
    load(source, cache=tmp_path / "c")
    assert set(source.reads) == {path, *read}
    second = agree(source, tmp_path / "c")
    assert first.digest(DOMAIN) != second.digest(DOMAIN)
    changed = first.digest(Ref("Domain", "other.example")) != second.digest(
        Ref("Domain", "other.example")
    )
    assert changed is bool(read)
    source.content[path] = source.content[path].replace(new.encode(), old.encode())
    assert agree(source, tmp_path / "c").digests() == first.digests()


def test_a_profile_that_goes_away_is_missed_by_its_sites(tmp_path):
    source = tree()
    load(source, cache=tmp_path / "c")
    del source.content["inventory/profiles.yaml"]
    with pytest.raises(InventoryErrors, match="there is no SiteProfile/brochure"):
        load(source, cache=tmp_path / "c")


# Errors.


def test_an_error_in_a_profile_is_told_once_with_its_users():
    sites = "".join(
        f"Site/s{n}.example: {{profile: brochure, customer: bakker, server: whm-1, account: a{n}}}\n"
        for n in range(212)
    )
    bad = PROFILE.replace("$domain.", "$domain")
    (told,) = load_errors(tree(sites, bad))
    assert told.startswith("inventory/profiles.yaml:10:11: E125 SiteProfile/brochure: ")
    assert " and 211 more (-v)\n" in told


MORE = "customer: bakker, server: whm-1, account: "
TWO = f"Site/s1.example: {{profile: brochure, {MORE}a}}\nSite/s2.example: {{profile: brochure, {MORE}b}}\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    provider:", "    provder:", "4:5: E120 SiteProfile/brochure: spec.Domain.provder: no such field"),
        ("$ipv4", "$ip4", "9:39: E136 SiteProfile/brochure: spec.Domain.dns.records[0].value: $ip4 is no token"),
        ("CNAME", "CNMAE", "10:29: E123 SiteProfile/brochure: spec.Domain.dns.records[1].type: write"),
        ("mode: x", "mode: y", "5:15: E120"),
        ("  HostingAccount: {plan: care-5}\n", "", "11:11: E138 SiteProfile/brochure: spec.Backup: 'of' is missing"),
    ],
)  # fmt: skip
def test_what_a_profile_has_wrong_its_sites_do_not_repeat(old, new, told):
    profile = PROFILE.replace("renewal: {", "renewal: {mode: x, ")
    profile = PROFILE if old != "mode: x" else profile.replace("mode: x", "moode: x")
    (error,) = load_errors(tree(TWO, profile.replace(old, new)))
    assert error.startswith(f"inventory/profiles.yaml:{told}")


def test_a_profile_says_all_that_is_wrong_with_it_at_once():
    """A token that is none hides nothing else of the same part, and is said once."""
    profile = PROFILE.replace("$ipv4", "$ipv5").replace(
        "renewal: {", "renewal: {moode: x, "
    )
    told = [error.split(": ", 2)[1] for error in load_errors(tree(TWO, profile))]
    assert told == ["E120 SiteProfile/brochure", "E136 SiteProfile/brochure"]


def test_a_site_says_all_that_is_wrong_with_it_at_once():
    site = (
        "Site/a.example: {profile: brochure, customer: baker, server: whm-1, account: a, "
        "without: [Backups], with: {Domian: {}, Domain: {renewl: {}, dns: {include: [mial]}}}}\n"
    )
    told = [error.split(": ", 1)[1] for error in load_errors(tree(site))]
    assert [each.partition("\n")[0] for each in told] == [
        "E133 Site/a.example: spec.customer: there is no Customer/baker",
        "E135 Site/a.example: spec.without[0]: SiteProfile/brochure has no Backups",
        "E135 Site/a.example: spec.with.Domian: SiteProfile/brochure has no Domian",
        "E120 Site/a.example: spec.with.Domain.renewl: no such field",
        "E133 Site/a.example: spec.with.Domain.dns.include[0]: there is no RecordSet/mial",
    ]
    assert [each.partition("hint: ")[2] for each in told][:3] == [
        "did you mean bakker?", "did you mean Backup?", "did you mean Domain?",
    ]  # fmt: skip


def test_an_error_in_a_profile_is_the_same_from_the_cache(tmp_path):
    source = tree()
    load(source, cache=tmp_path / "c")
    bad = PROFILE.replace("15.00", "15.000")
    source.content["inventory/profiles.yaml"] = (HEAD + bad).encode()
    with pytest.raises(InventoryErrors) as warm:
        load(source, cache=tmp_path / "c")
    assert [str(error) for error in warm.value.errors] == load_errors(source)
    (error,) = warm.value.errors
    assert error.users == (f"{SITE_FILE}:2 Site/bakker.example",)


def test_the_same_address_names_both_places():
    other = HEAD + "Domain/bakkerij.example: {provider: none}\n"
    (told,) = load_errors(tree(zz=other))
    assert told.startswith(
        "inventory/zz.yaml:2:1: E131 Domain/bakkerij.example is there already, at "
        f"{SITE_FILE}:7:13 (Site/bakker.example makes it)"
    )


def test_a_reference_in_a_profile_is_missed_once():
    bad = PROFILE.replace("porkbun-main", "porkbun")
    (told,) = load_errors(tree(profile=bad, clients__o=OTHER))
    assert told == (
        "inventory/profiles.yaml:4:15: E133 SiteProfile/brochure: spec.Domain.provider: "
        f"there is no Provider/porkbun, used by {SITE_FILE}:2 Site/bakker.example and "
        "1 more (-v)\n  hint: did you mean porkbun-main?"
    )


def test_contacts_in_plain_text_are_a_warning_and_are_not_repeated():
    text = HEAD + (
        "Customer/x: {legalName: X, country: NL, "
        "contacts: {billing: ann@example.org, technical: {env: T}}}\n"
    )
    (warning,) = load(tree(x=text)).warnings
    assert str(warning).startswith(
        "inventory/x.yaml:2:61: W162 Customer/x: spec.contacts.billing: "
    )
    assert "ann@" not in str(warning)
