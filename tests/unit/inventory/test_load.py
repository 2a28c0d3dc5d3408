"""What a sound inventory becomes."""

from __future__ import annotations

import pytest

from reconciler.inventory import load
from reconciler.model import Ref
from tests.unit.inventory.tree import HEAD, Texts, errors, loaded

DOMAIN = Ref("Domain", "a.example")
SHORT = """\
Domain/a.example:
  labels: {customer: acme}
  uid: old.example
  protected: true
  movedFrom: Domain/old.example
  provider: porkbun-main
  renewal: {maxPrice: 15.00 EUR/year, window: {open: 45d}}
"""
LONG = """\
kind: Domain
spec:
  renewal:
    window: {open: 45d}
    maxPrice: "15.00 EUR/year"
  provider: porkbun-main
metadata:
  protected: true
  uid: old.example
  name: A.example
  movedFrom: Domain/old.example
  labels: {customer: acme}
"""
SET = """\
RecordSet/mail:
  records:
    - {name: "@", type: MX, value: 10 mx.example.}
    - {name: www, type: A, value: 192.0.2.1}
"""
INCLUDING = """\
Domain/a.example:
  provider: porkbun-main
  dns:
    include: [mail]
    records:
      - {name: WWW, type: A, value: 192.0.2.9}
"""


def test_both_forms_are_the_same(tmp_path):
    short = loaded(tmp_path / "s", a=HEAD + SHORT)
    long = loaded(tmp_path / "l", a=HEAD + "---\n" + LONG)
    assert short.digest(DOMAIN) == long.digest(DOMAIN)
    assert short.get(DOMAIN).spec == long.get(DOMAIN).spec
    assert short.get(DOMAIN).metadata == long.get(DOMAIN).metadata
    assert short.labels(DOMAIN) == {"customer": "acme"}
    assert (short.uid(DOMAIN), short.get(DOMAIN).uid) == ("old.example", "old.example")
    assert short.get(DOMAIN).metadata.protected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("customer: acme", "customer: acme2"),
        ("uid: old.example", "uid: older.example"),
        ("protected: true", "protected: false"),
        ("movedFrom: Domain/old.example", "movedFrom: Domain/x.example"),
        ("open: 45d", "open: 46d"),
    ],
)
def test_the_digest_covers_what_is_wanted(tmp_path, before, after):
    old = loaded(tmp_path / "o", a=HEAD + SHORT)
    new = loaded(tmp_path / "n", a=HEAD + SHORT.replace(before, after))
    assert old.digest(DOMAIN) != new.digest(DOMAIN)


def test_refs_are_sorted_and_edges_order(tmp_path):
    inventory = loaded(tmp_path, z=HEAD + SHORT, a=HEAD + SET)
    assert inventory.refs() == [
        DOMAIN,
        Ref("Provider", "dns"),
        Ref("Provider", "porkbun-main"),
        Ref("RecordSet", "mail"),
    ]
    assert inventory.edges()[DOMAIN] == {Ref("Provider", "porkbun-main")}
    assert len(inventory) == 4
    assert DOMAIN in inventory
    assert inventory.find(Ref("Domain", "b.example")) is None
    assert [each.name for each in inventory.of("Provider")] == ["dns", "porkbun-main"]
    with pytest.raises(KeyError):
        inventory.get(Ref("Domain", "b.example"))


def test_names_are_stored_as_a_labels(tmp_path):
    inventory = loaded(tmp_path, a=HEAD + "Domain/Bücher.example: {provider: none}\n")
    assert Ref("Domain", "xn--bcher-kva.example") in inventory
    resource = inventory.get(Ref("Domain", "xn--bcher-kva.example"))
    assert resource.name == "xn--bcher-kva.example"
    assert str(resource.at()) == "inventory/a.yaml:2:1"


def test_no_is_text_and_empty_files_are_fine(tmp_path):
    said = "RecordSet/x: {records: [{name: no, type: TXT, value: 4242_4242}]}\n"
    inventory = loaded(
        tmp_path,
        a=HEAD + said,
        b="",
        c="# nothing\n",
        d="---\n---\n",
        e="\ufeff" + HEAD,
    )
    record = inventory.get(Ref("RecordSet", "x")).spec.records[0]
    assert (record.name, record.value) == ("no", "4242_4242")


def test_other_files_are_not_looked_at(tmp_path):
    loaded(tmp_path)
    for name in ("README.md", ".sops.yaml", "notes.yaml~"):
        (tmp_path / "inventory" / name).write_bytes(b"\0")
    assert len(loaded(tmp_path)) == 2


def test_defaults_apply_from_outer_to_inner(tmp_path):
    inventory = loaded(
        tmp_path,
        _defaults=HEAD
        + "Domain: {provider: porkbun-main, renewal: {term: 2y, takeover: 9d}, warnAt: [9d, 8d]}\n",
        in___defaults=HEAD + "Domain: {renewal: {term: 3y}, warnAt: [7d]}\n",
        in__a=HEAD + "Domain/a.example: {renewal: {takeover: 1d}}\n",
        b=HEAD + "Domain/b.example:\n",
    )
    inner, outer = inventory.of("Domain")
    assert [str(d.spec.renewal.term) for d in (inner, outer)] == ["3y", "2y"]
    assert [d.spec.renewal.takeover.days for d in (inner, outer)] == [1, 9]
    assert [len(d.spec.warn_at) for d in (inner, outer)] == [1, 2]
    assert str(inner.at("spec.renewal.term")) == "inventory/in/_defaults.yaml:2:26"
    assert str(inner.at("spec.provider")) == "inventory/_defaults.yaml:2:20"
    assert str(inner.at("spec.renewal.takeover")) == "inventory/in/a.yaml:2:40"


def test_default_records_are_added_by_name_and_type(tmp_path):
    inventory = loaded(
        tmp_path,
        _defaults=HEAD
        + 'Domain: {dns: {records: [{name: www, type: A, value: 192.0.2.1}, {name: "@", type: A, value: 192.0.2.2}]}}\n',
        a=HEAD
        + "Domain/a.example: {provider: none, dns: {records: [{name: WWW, type: A, value: 192.0.2.9}]}}\n",
    )
    records = inventory.get(DOMAIN).spec.dns.records
    assert [(r.name, r.value) for r in records] == [
        ("WWW", "192.0.2.9"),
        ("@", "192.0.2.2"),
    ]


def test_includes_add_records_and_keep_their_places(tmp_path):
    inventory = loaded(tmp_path, a=HEAD + INCLUDING, z=HEAD + SET)
    domain = inventory.get(DOMAIN)
    assert [(r.name, r.value) for r in domain.spec.dns.records] == [
        ("WWW", "192.0.2.9"),
        ("@", "10 mx.example."),
    ]
    assert domain.spec.dns.include == ("mail",)
    assert str(domain.at("spec.dns.records[@/MX]")) == "inventory/z.yaml:4:7"
    assert str(domain.at("spec.dns.records[www/A].value")) == "inventory/a.yaml:7:37"
    assert inventory.edges()[DOMAIN] >= {Ref("RecordSet", "mail")}
    assert inventory.warnings == ()


def test_a_changed_snippet_changes_its_users(tmp_path):
    old = loaded(tmp_path / "o", a=HEAD + INCLUDING, z=HEAD + SET)
    new = loaded(
        tmp_path / "n", a=HEAD + INCLUDING, z=HEAD + SET.replace("10 mx", "20 mx")
    )
    assert old.digest(DOMAIN) != new.digest(DOMAIN)


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("", "3:1"),
        ("spec", "4:3"),
        ("spec.provider", "4:13"),
        ("spec.renewal.window.open", "5:28"),
        ("spec.renewal.window.urgent", "5:13"),
        ("spec.renewal.term", "5:3"),
        ("spec.warnAt[1]", "6:17"),
        ("spec.dns.prune", "3:1"),
        ("spec.nowhere.at.all", "3:1"),
    ],
)
def test_places(tmp_path, field, place):
    text = (
        HEAD
        + "# people\nDomain/a.example:\n  provider: porkbun-main\n  renewal: {window: {open: 45d}}\n  warnAt: [30d, 7d]\n"
    )
    found = loaded(tmp_path, a=text).get(DOMAIN).at(field)
    assert str(found) == f"inventory/a.yaml:{place}"


def test_warnings(tmp_path):
    inventory = loaded(
        tmp_path,
        sub___defaults=HEAD + "Domain: {lifecycle: observe}\n",
        sub__b=HEAD,
        z=HEAD + SET,
    )
    assert [str(each) for each in inventory.warnings] == [
        (
            "inventory/sub/_defaults.yaml:2:1: W160 no Domain in inventory/sub has these defaults\n"
            "  hint: remove them or move the file"
        ),
        (
            "inventory/z.yaml:2:1: W161 RecordSet/mail is included by no domain\n"
            "  hint: remove it or include it"
        ),
    ]


def test_an_error_in_defaults_is_told_once_with_its_users(tmp_path):
    domains = "".join(f"Domain/{name}.example: {{provider: none}}\n" for name in "abc")
    assert errors(
        tmp_path, _defaults=HEAD + "Domain: {renewal: {term: 13mo}}\n", d=HEAD + domains
    ) == [
        (
            "inventory/_defaults.yaml:2:26: E125 Domain defaults: spec.renewal.term: "
            "a term is a whole number of years, 10y at most, used by "
            "inventory/d.yaml:2 Domain/a.example and 2 more (-v)\n"
            "  hint: `reconciler schema Domain` says what it accepts"
        )
    ]


def test_an_error_in_a_snippet_is_told_once_with_its_users(tmp_path):
    bad = SET.replace("192.0.2.1", "192.0.2.999")
    (told,) = errors(tmp_path, a=HEAD + INCLUDING.replace("WWW", "x"), z=HEAD + bad)
    assert told.startswith(
        "inventory/z.yaml:5:7: E125 RecordSet/mail: spec.records[1]: "
    )
    assert ", used by inventory/a.yaml:2 Domain/a.example\n" in told


def test_a_defaults_file_nobody_uses_is_checked(tmp_path):
    (told,) = errors(tmp_path, _defaults=HEAD + "Domain: {lifecycle: deleted}\n")
    assert (
        "E123 Domain defaults: spec.lifecycle: write managed, observe or expire" in told
    )


def test_references_into_broken_files_are_not_dangling(tmp_path):
    found = errors(
        tmp_path,
        a=HEAD
        + "Provider/x: {type: aws, credentials: {}, colour: red}\nProvider/y: {type: aws",
        b=HEAD + "Domain/a.example: {provider: x}\nDomain/b.example: {provider: y}\n",
    )
    assert [each.split(" ")[1] for each in found] == ["E105"]


def test_nothing_is_read_twice(tmp_path):
    text = "".join(f"Domain/{name}.example: {{provider: none}}\n" for name in "abc")
    source = Texts({"inventory/a.yaml": (HEAD + text).encode()})
    inventory = load(source)
    inventory.of("Domain")
    assert source.reads == ["inventory/a.yaml"]
