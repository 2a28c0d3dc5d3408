"""`import`: what is live and declared nowhere, as YAML; the next plan is empty."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.inventory.emit import entry
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.support.agency import Agency, domain, inventory
from tests.support.dns import record_sets
from tests.support.shell import at

ZONE = (
    "dns: {targets: [aws], records: [{name: '@', type: A, value: 192.0.2.1}, "
    "{name: '*.x', type: MX, values: [0 ., 10 mx.a.example.], ttl: 1h}, "
    "{name: _sip._tcp, type: SRV, value: 1 2 443 sip.a.example.}, "
    "{name: bücher, type: A, value: 192.0.2.9}, "
    "{name: '@', type: CAA, values: ['0 issue \";\"', '128 iodef \"mailto:a@b.c\"']}, "
    "{name: txt, type: TXT, values: ['v=spf1; \"a\" \\b', %s]}]}"
) % ("x" * 300)
OTHERS = "nameservers: [ns1.other.example, ns2.other.example]"
ALL = "inventory/all.yaml"
IMPORTED = "inventory/imported"


def files(names=20):
    """Names at two registrars, and zones of some of them at a third account."""
    made = []
    for number in range(names):
        made.append(domain(f"p{number}.example", spec=ZONE if number % 2 else OTHERS))
        made.append(domain(f"n{number}.example", "namecom-main", spec=OTHERS))
        if number % 3 == 0:
            made.append(domain(f"z{number}.example", "namecom-main", spec=ZONE))
    made.append(domain("xn--bcher-kva.example", spec=OTHERS))
    return {ALL: inventory(*made)["inventory/domains.yaml"]}


ODD = {
    "p0.example": Oddity({"autoRenew": False, "locked": False, "privacy": False}),
    "n1.example": Oddity({"autoRenew": False, "locked": False, "privacy": False}),
    "p1.example": Oddity({"nameservers": ["ns1.away.example", "ns2.away.example"]}),
    "n2.example": Oddity({"expires": 5}),
    "p2.example": Oddity({"expires": -3}),
}


class Undeclared(Agency):
    """Accounts alone: everything in them is declared nowhere, and there is no base."""

    def __init__(self, tmp, files, oddities, **more):
        super().__init__(tmp, files, oddities, remote=False, based=False, **more)
        (self.root / ALL).unlink()


@pytest.fixture
def agency(tmp_path):
    with Undeclared(tmp_path, files(4), ODD) as agency:
        yield agency


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """For what writes nothing."""
    with Undeclared(tmp_path_factory.mktemp("untouched"), files(1), ODD) as agency:
        yield agency


def says(done, code=0):
    assert done.code == code, done.out + done.err
    return done.out


def requests(agency):
    found = agency.sandbox.ledger.requests()
    return {vendor: dict(counts) for vendor, counts in found.items()}


def test_everything_is_imported_and_the_plan_is_empty(tmp_path):
    """With no base at all, before and after the first apply, and in a year."""
    with Undeclared(tmp_path, files(20), ODD) as agency:
        _imported_and_applied(agency)


def _imported_and_applied(agency):
    agency.sandbox.ledger.reset_requests()
    out = says(at(agency, "import", "--all"))
    assert f"wrote {IMPORTED}/porkbun-main.yaml: 22 Domain" in out
    asked = requests(agency)
    detail = asked["porkbun"].pop("getNs")
    assert detail == 22  # once for each name whose nameservers no list tells
    assert asked["aws"]["ListHostedZones"] <= 2
    assert asked["aws"]["ListResourceRecordSets"] == asked["aws"]["GetHostedZone"] == 17
    # Listed once to find, once to read: who it is, its credit and its one page.
    assert asked["namecom"] == {"hello": 2, "balance": 2, "listDomains": 2}
    assert asked["porkbun"] == {"balance": 2, "listAll": 2, "pricing": 1}
    says(at(agency, "validate"))
    for when in ([], ["--as-of", "2027-11-22"], ["--as-of", "2028-06-01"]):
        out = says(at(agency, "plan", *when))
        assert "No actions. The YAML says what is live." in out
        assert "Unmanaged" not in out
    agency.commit("inventory: import")
    assert agency.apply().codes == {0}
    base = agency.project().store.read().base
    assert base.commit == agency.git("rev-parse", "HEAD")
    assert base.exceptions == {}
    assert agency.charges() == []


def test_witnesses_have_nothing_to_import_and_are_not_asked(tmp_path):
    with Undeclared(tmp_path, files(1), ODD, public=True) as agency:
        agency.sandbox.ledger.reset_requests()
        says(at(agency, "import", "--all"))
        assert requests(agency).keys() == {"aws", "namecom", "porkbun"}
        done = at(agency, "import", "Provider/public")
        assert done.code == 1
        assert "E630 Provider/public holds no Domain to import" in done.err


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(record_sets(), min_size=6, max_size=6))
def test_whatever_zones_hold_the_plan_is_empty(tmp_path_factory, zones):
    """Random record sets, through the vendor's API and back into YAML."""
    made = [
        line.text
        for number, rows in enumerate(zones)
        for line in entry(
            f"Domain/r{number}.example",
            {},
            {"provider": "porkbun-main", "dns": {"targets": ["aws"], "records": rows}},
        )
    ]
    text = "\n".join(["apiVersion: reconciler/v1", *made, ""])
    with Undeclared(tmp_path_factory.mktemp("random"), {ALL: text}, {}) as agency:
        out = says(at(agency, "import", "Provider/aws"))
        left = re.search(r"(\d+) records and fields stay", out)
        domains = agency.project().inventory.of("Domain")
        assert len(domains) == len(zones)
        said = sum(len(want.spec.dns.records) for want in domains)
        told = int(left[1]) if left else 0
        assert said + told == sum(map(len, zones))
        for when in ([], ["--as-of", "2027-11-22"]):
            out = says(at(agency, "plan", *when))
            assert "No actions. The YAML says what is live." in out


def test_a_second_import_writes_nothing(agency):
    says(at(agency, "import", "--all"))
    before = agency.git("status", "--porcelain", "-uall")
    out = says(at(agency, "import", "--all"))
    assert "nothing to import" in out
    assert agency.git("status", "--porcelain", "-uall") == before


def test_flags_and_records_are_as_they_are(agency):
    says(at(agency, "import", "--all"))
    tree = agency.project().inventory
    spec = {ref.name: tree.get(ref).spec for ref in tree.refs() if ref.kind == "Domain"}
    assert spec["n1.example"].renewal.mode == "manual"
    assert not spec["n1.example"].transfer_lock
    assert not spec["n1.example"].privacy
    assert spec["p0.example"].renewal.mode == "manual"
    assert spec["p0.example"].renewal.max_price is None
    assert spec["p1.example"].nameservers == ("ns1.away.example", "ns2.away.example")
    assert spec["p1.example"].dns.targets == ("aws",)
    assert spec["p3.example"].nameservers == "from-dns"
    records = {f"{r.name}/{r.type}": r for r in spec["p3.example"].dns.records}
    assert sorted(records["txt/TXT"].values) == ['v=spf1; "a" \\b', "x" * 300]
    assert "xn--bcher-kva/A" in records


def test_the_files_are_for_people_and_editors(agency):
    says(at(agency, "import", "Provider/porkbun-main", "--select", "Domain/p1.example"))
    text = (agency.root / IMPORTED / "porkbun-main.yaml").read_text(encoding="utf-8")
    first, *rest = text.splitlines()
    assert (
        first == "# yaml-language-server: $schema=../../schemas/inventory.schema.json"
    )
    assert "maxPrice" in rest[0]
    assert "# paid until 2027-" in text
    assert text.count("Domain/") == 1
    assert (
        max(map(len, (line for line in text.splitlines() if "x" * 99 not in line))) < 99
    )


def test_one_account_is_imported_with_what_others_hold_of_it(agency):
    says(at(agency, "import", "aws"))
    spec = agency.project().inventory.of("Domain")
    assert len(spec) == 4
    assert {want.spec.provider for want in spec} == {"porkbun-main", "namecom-main"}
    assert "No actions" in says(at(agency, "plan"))


def test_what_is_declared_is_left_as_it_is(agency):
    text = "apiVersion: reconciler/v1\n" + domain("p1.example", spec=OTHERS)
    agency.write("inventory/mine.yaml", text)
    out = says(at(agency, "import", "aws", "--select", "Domain/p*"))
    why = "is declared without its part at aws (inventory/mine.yaml:2:1)"
    assert f"not imported: Domain/p1.example: {why}" in out
    assert (agency.root / "inventory/mine.yaml").read_text() == text
    assert (
        "p1.example" not in (agency.root / IMPORTED / "porkbun-main.yaml").read_text()
    )
    report = (agency.root / IMPORTED / "import.md").read_text(encoding="utf-8")
    assert why in report


def refuse(agency, vendor, operation, times=1):
    fault = Fault(vendor=vendor, operation=operation, kind="status", status=403)
    agency.sandbox.inject(fault.model_copy(update={"times": times}))


def foreign(agency, zone, record):
    agency.sandbox.edit("aws", "record", {"zone": zone, "record": record})


def test_what_cannot_be_declared_is_named_and_left_alone(agency):
    row = {"ResourceRecords": [{"Value": "10 10 1 x"}], "TTL": 60}
    foreign(agency, "p1.example", {"Name": "spf", "Type": "SPF", **row, "ResourceRecords": [{"Value": '"v=spf1 -all"'}]})  # fmt: skip
    row = {"ResourceRecords": [{"Value": "192.0.2.1"}], "TTL": 1_000_001}
    foreign(agency, "p1.example", {"Name": "long", "Type": "A", **row})
    row = {"ResourceRecords": [{"Value": '"4111 1111 1111 1111"'}], "TTL": 300}
    foreign(agency, "p1.example", {"Name": "card", "Type": "TXT", **row})
    foreign(agency, "p1.example", {"Name": "k._domainkey", "Type": "TXT", **row})
    out = says(at(agency, "import", "aws", "--select", "Domain/p1.example"))
    assert "4 records and fields stay in no document" in out
    text = (agency.root / IMPORTED / "porkbun-main.yaml").read_text(encoding="utf-8")
    assert "4111" not in text
    report = (agency.root / IMPORTED / "import.md").read_text(encoding="utf-8")
    for name, why in (
        ("long/A", "its TTL is longer than a duration can say"),
        ("card/TXT", "looks like a payment card number"),
        ("k._domainkey/TXT", "belongs to somebody else"),
        ("spf/SPF", "SPF records cannot be declared"),
    ):
        assert re.search(
            rf"{re.escape(why)}[^*]*\* `Domain/p1.example {re.escape(name)}`", report
        )
    assert "4111" not in report
    assert "No actions. The YAML says what is live." in says(at(agency, "plan"))


def test_defaults_of_the_folder_neither_spend_nor_change(agency):
    agency.write(
        "inventory/_defaults.yaml",
        "apiVersion: reconciler/v1\n"
        "Domain:\n"
        "  renewal: {mode: reconciler, maxPrice: 99.00 USD/year}\n"
        "  dns: {include: [mail], defaultTtl: 2h}\n",
    )
    agency.write(
        "inventory/mail.yaml",
        "apiVersion: reconciler/v1\n"
        "RecordSet/mail: {records: [{name: '@', type: MX, value: 0 .}]}\n",
    )
    says(at(agency, "import", "--all"))
    for want in agency.project().inventory.of("Domain"):
        assert want.spec.renewal.max_price is None
    out = says(at(agency, "plan", "--as-of", "2027-11-22"))
    assert "No actions. The YAML says what is live." in out


def test_what_no_document_can_follow_is_only_observed(agency):
    """A record that the folder's defaults force upon every zone, and no zone has."""
    agency.write(
        "inventory/_defaults.yaml",
        "apiVersion: reconciler/v1\n"
        "Domain: {dns: {records: [{name: forced, type: A, value: 192.0.2.99}]}}\n",
    )
    out = says(at(agency, "import", "--all", "--select", "Domain/p[123].example"))
    assert "records and fields stay in no document" in out
    spec = {want.name: want.spec for want in agency.project().inventory.of("Domain")}
    assert spec["p1.example"].lifecycle == "observe"
    assert spec["p2.example"].lifecycle == "managed"
    assert "No actions. The YAML says what is live." in says(at(agency, "plan"))


def test_an_account_that_cannot_be_listed_imports_nothing_half(agency):
    """A zone's registration may be there: nothing is written of it."""
    refuse(agency, "namecom", "*", times=0)
    done = at(agency, "import", "--all", "--select", "Domain/[pz]?.example")
    out = says(done, 3)
    assert "not listed: namecom-main (domain)" in out
    assert "Domain/z0.example: it may be at namecom-main too" in out
    names = {want.name for want in agency.project().inventory.of("Domain")}
    assert names == {f"p{number}.example" for number in range(4)}


def test_a_listing_that_fails_is_no_empty_account(agency):
    """An account whose identity nobody can tell, and that says nothing else."""
    refuse(agency, "porkbun", "listAll", times=0)
    out = says(at(agency, "import", "Provider/porkbun-main"), 3)
    assert "not listed: porkbun-main (domain)" in out
    assert "nothing to import" not in out
    assert not (agency.root / IMPORTED).exists()


def test_an_account_of_somebody_else_imports_nothing(agency):
    agency.edit("inventory/accounts.yaml", "account: agency-test", "account: another")
    out = says(at(agency, "import", "namecom-main"), 3)
    assert "the credentials belong to account agency-test" in out
    assert not (agency.root / IMPORTED).exists()


def test_a_name_that_cannot_be_read_is_said_and_not_written(agency):
    refuse(agency, "porkbun", "getNs")
    out = says(
        at(agency, "import", "porkbun-main", "--select", "Domain/p[23].example"), 3
    )
    assert "not imported: Domain/p2.example: porkbun-main: " in out
    assert [want.name for want in agency.project().inventory.of("Domain")] == [
        "p3.example"
    ]


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        ([], "name one account, or say --all"),
        (["aws", "--all"], "name one account, or say --all"),
        (["Provider/none"], "there is no Provider/none"),
        (["--all", "--kind", "Provider"], "'Provider' cannot be imported"),
        (["--all", "--kind", "Nothing"], "'Nothing' cannot be imported"),
        (["--all", "--out", "elsewhere"], "is not below inventory"),
        (["--all", "--out", "inventory/../policies"], "is not below inventory"),
        (["--all", "--out", "inventory/.hidden"], "is not below inventory"),
    ],
)
def test_a_wrong_command_line_asks_nobody(untouched, argv, what):
    agency = untouched
    agency.sandbox.ledger.reset_requests()
    done = at(agency, "import", *argv)
    assert done.code == 64
    assert what in done.err
    assert agency.sandbox.ledger.requests() == {}


def test_nothing_that_is_there_is_overwritten(agency):
    agency.write(f"{IMPORTED}/porkbun-main.yaml", "# mine\n")
    agency.write(f"{IMPORTED}/import.md", "mine\n")
    out = says(at(agency, "import", "porkbun-main"))
    assert f"wrote {IMPORTED}/porkbun-main-2.yaml" in out
    assert f"wrote {IMPORTED}/import-2.md" in out
    assert (agency.root / IMPORTED / "porkbun-main.yaml").read_text() == "# mine\n"


def test_the_plan_says_how_to_adopt(agency):
    says(at(agency, "import", "--all", "--exclude", "Domain/p1.example"))
    out = says(at(agency, "plan"))
    assert "Unmanaged, left alone: Domain/p1.example (aws)" in out
    assert "reconciler import Provider/aws --kind Domain" in out
    says(at(agency, "import", "Provider/porkbun-main", "--select", "Domain/p1.example"))
    assert "Unmanaged" not in says(at(agency, "plan"))


CUSTOMER = (
    "apiVersion: reconciler/v1\nCustomer/bakker: {legalName: Bakker, country: NL}\n"
)
SITES = "inventory/imported/porkbun-main.yaml"


def shop(name, address="192.0.2.10"):
    records = (
        f"[{{name: '@', type: A, value: {address}}}, "
        f"{{name: www, type: CNAME, value: {name}.}}]"
    )
    return domain(name, spec=f"dns: {{targets: [aws], records: {records}}}")


@pytest.fixture
def shops(tmp_path):
    """Four names that are alike, one that differs a little, one that is another."""
    made = [shop(f"s{number}.example") for number in range(4)]
    made += [shop("t.example", "192.0.2.99"), domain("odd.example", spec=OTHERS)]
    files = {ALL: inventory(*made)["inventory/domains.yaml"]}
    with Undeclared(tmp_path, files, {}) as agency:
        agency.write("inventory/customers.yaml", CUSTOMER)
        yield agency


def fold(agency):
    argv = ("import", "porkbun-main", "--fold", "--customer", "bakker")
    return says(at(agency, *argv))


def test_what_is_alike_is_folded_into_sites_and_the_plan_is_empty(shops):
    out = fold(shops)
    assert "2 Domain, 5 Site" in out
    assert "wrote inventory/imported/profiles.yaml: 1 SiteProfile" in out
    text = (shops.root / SITES).read_text(encoding="utf-8")
    assert "Site/s0.example:\n  profile: site\n  customer: bakker\n" in text
    report = (shops.root / IMPORTED / "import.md").read_text(encoding="utf-8")
    assert "* `Domain/odd.example`" in report.partition("## Not folded into a Site")[2]
    out = says(at(shops, "plan", "--as-of", "2027-11-22"))
    assert "No actions. The YAML says what is live." in out
    says(at(shops, "expand"))
    assert "nothing to import" in fold(shops)


def test_what_would_be_another_thing_as_a_site_stays_long(shops):
    """Defaults of Sites that nobody thought of when they were folded."""
    text = "apiVersion: reconciler/v1\nSite: {without: [Domain]}\n"
    shops.write("inventory/_defaults.yaml", text)
    out = fold(shops)
    assert "wrote inventory/imported/porkbun-main.yaml: 7 Domain" in out
    assert "7 in the long form" in out
    assert "No actions. The YAML says what is live." in says(at(shops, "plan"))


def test_drift_of_a_site_is_written_into_its_own_with(shops):
    """And never into the profile, which the others share."""
    fold(shops)
    shops.commit()
    assert shops.apply().codes == {0}
    row = {"Name": "price", "Type": "TXT", "TTL": 300}
    row["ResourceRecords"] = [{"Value": '"from $5 $domain"'}]
    foreign(shops, "s1.example", row)
    foreign(shops, "s3.example", {"Name": "www", "Type": "CNAME", "TTL": 300})
    shops.sandbox.edit("porkbun", "domain", {"name": "s2.example", "locked": False})
    out = says(at(shops, "drift", "--write-back"), 3)
    assert "not written: Domain/s3.example dns.records[www/CNAME]: it is written" in out
    added = [
        line[1:].strip()
        for line in shops.git("diff", "-U0").splitlines()
        if line[0] == "+" and line[1] != "+"
    ]
    assert added == [
        "with:",
        "Domain:",
        "dns:",
        "records:",
        "- {name: price, type: TXT, value: from $$5 $$domain}",
        "with:",
        "Domain: {transferLock: false}",
    ]
    out = says(at(shops, "drift", "--detailed-exitcode"), 2)
    assert "1 moved in the world and not in git" in out


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["--fold"], "--fold and --customer go together"),
        (["--customer", "bakker"], "--fold and --customer go together"),
        (["--fold", "--customer", "nobody"], "there is no Customer/nobody"),
    ],
)
def test_a_fold_needs_a_customer(untouched, argv, what):
    done = at(untouched, "import", "--all", *argv)
    assert done.code == 64
    assert what in done.err


def test_drift_of_one_of_several_names_of_a_site_is_for_a_person(shops):
    profile = (
        "apiVersion: reconciler/v1\n"
        "SiteProfile/two: {Domain: {provider: porkbun-main, dns: {targets: [aws], "
        "records: [{name: '@', type: A, value: 192.0.2.10}, "
        "{name: www, type: CNAME, value: $domain.}]}}}\n"
        "Site/s0.example: {profile: two, customer: bakker, aliases: [s1.example]}\n"
    )
    shops.write("inventory/sites.yaml", profile)
    shops.commit()
    assert shops.apply().codes == {0}
    shops.sandbox.edit("porkbun", "domain", {"name": "s1.example", "locked": False})
    out = says(at(shops, "drift", "--write-back"), 3)
    assert "Site/s0.example makes 2 Domain, and would change all of them" in out
    assert shops.git("status", "--porcelain") == ""


WATCHED = """\
apiVersion: reconciler/v1
# ours, says the list
Domain/p0.example: {provider: none}
Certificate/p0.example: {mode: observe, names: [p0.example]}
Domain/p1.example: {provider: none, warnAt: [90d]}
Domain/nobody.example: {provider: none}
Domain/n0.example: {provider: none}
"""


def test_what_was_only_watched_is_taken_over(tmp_path):
    """The way from a list of names to accounts; what somebody wrote more into stays."""
    with Undeclared(tmp_path, files(2), {}) as agency:
        agency.write("inventory/domains.yaml", WATCHED)
        agency.commit()
        done = at(agency, "import", "--all")
        assert done.code == 0, done.err
        left = (agency.root / "inventory/domains.yaml").read_text()
        gone = ("Domain/p0.example: {", "Domain/n0.example: {")
        lines = WATCHED.splitlines(keepends=True)
        assert left == "".join(line for line in lines if not line.startswith(gone))
        assert "inventory/domains.yaml: what was only watched" in done.out
        assert "not imported: Domain/p1.example: is declared without" in done.out
        found = agency.project().inventory
        names = [str(ref) for ref in found.refs() if ref.kind == "Domain"]
        assert "Domain/p0.example" in names
        assert len(names) == len(set(names)) == 9
        assert not agency.plan().actions
        again = at(agency, "import", "--all")
        assert (agency.root / "inventory/domains.yaml").read_text() == left
        assert "wrote" not in again.out


def test_nothing_is_taken_out_for_what_cannot_be_written(tmp_path):
    with Undeclared(tmp_path, files(2), {}) as agency:
        agency.write("inventory/domains.yaml", WATCHED)
        agency.sandbox.inject(Fault(vendor="porkbun", kind="status", times=0))
        done = at(agency, "import", "--all", "--select", "Domain/p*")
        assert done.code == 3
        assert (agency.root / "inventory/domains.yaml").read_text() == WATCHED
