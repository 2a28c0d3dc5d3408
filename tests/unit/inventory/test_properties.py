"""Laws of the loader."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import InventoryErrors
from reconciler.inventory import load
from reconciler.inventory.parse import parse
from reconciler.inventory.places import nodes
from reconciler.model import Ref
from tests.unit.inventory.tree import HEAD, HOUSE, Texts

QUICK = settings(max_examples=40, deadline=None)
NAMES = st.lists(
    st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True),
    min_size=1,
    max_size=5,
    unique=True,
)
SPECS = st.fixed_dictionaries(
    {"provider": st.sampled_from(["none", "porkbun-main"])},
    optional={
        "lifecycle": st.just("observe"),
        "privacy": st.booleans(),
        "warnAt": st.lists(st.sampled_from(["9d", "8w", "1h"]), max_size=3),
        "renewal": st.fixed_dictionaries(
            {},
            optional={
                "term": st.sampled_from(["1y", "24mo"]),
                "maxPrice": st.just("9.00 EUR/year"),
            },
        ),
        "dns": st.fixed_dictionaries(
            {}, optional={"prune": st.booleans(), "targets": st.just(["dns"])}
        ),
    },
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.sampled_from("abc"), st.text("xyz", max_size=3)),
        "protected": st.booleans(),
    },
)
ENTRIES = NAMES.flatmap(
    lambda names: st.fixed_dictionaries(
        {name: st.tuples(SPECS, METADATA) for name in names}
    )
)


def short(name: str, spec: dict, metadata: dict) -> str:
    return yaml.safe_dump({f"Domain/{name}.example": {**metadata, **spec}})


def long(name: str, spec: dict, metadata: dict) -> str:
    data = {
        "spec": spec,
        "metadata": {"name": f"{name}.example", **metadata},
        "kind": "Domain",
    }
    return "---\n" + yaml.safe_dump(data, sort_keys=False)


def digests(files: dict[str, str]) -> dict[Ref, str]:
    inventory = load(
        Texts(
            {
                f"inventory/{k}.yaml": v.encode()
                for k, v in {"house": HOUSE, **files}.items()
            }
        )
    )
    return {ref: inventory.digest(ref) for ref in inventory.refs()}


@QUICK
@given(ENTRIES)
def test_short_and_long_are_equal(entries):
    one = {"a": HEAD + "".join(short(n, *e) for n, e in entries.items())}
    two = {"a": HEAD + "".join(long(n, *e) for n, e in entries.items())}
    assert digests(one) == digests(two)


@QUICK
@given(ENTRIES, st.randoms())
def test_files_and_their_order_do_not_matter(entries, chance: random.Random):
    whole = {"a": HEAD + "".join(short(n, *e) for n, e in entries.items())}
    names = list(entries)
    chance.shuffle(names)
    split = {
        f"z{number}/{n}": HEAD + short(n, *entries[n]) for number, n in enumerate(names)
    }
    assert digests(whole) == digests(split)


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_give_errors_or_an_inventory(data):
    refuse_or_load(data)


SEED = (
    HEAD
    + """\
Domain/a.example:
  provider: porkbun-main
  renewal: {maxPrice: 15.00 EUR/year, window: {open: 45d}, term: 2y}
  nameservers: [ns1.example, ns2.example]
  dns:
    include: [mail]
    records:
      - {name: "@", type: MX, values: [10 a.example., 20 b.example.]}
RecordSet/mail: {records: [{name: www, type: A, ttl: 5m, value: 192.0.2.1}]}
---
kind: Provider
metadata: {name: x, labels: {a: b}}
spec: {type: aws, endpoint: "https://a.example", credentials: {k: {env: K}}}
"""
).encode()
PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"&a ",
    b"*a",
    b"!x ",
    b"\n",
    b"\t",
    b"'",
    b'"',
    b"\xff",
    b"\0",
    b"null",
    b"5",
    b"1e9",
    b"Domain/",
    b"@",
    b"~",
    b"\xf0\x9f\x8c\x8d",
    b"<<: ",
    b"---\n",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SEED)),
            st.integers(0, 12),
            st.sampled_from([b"", *PIECES]),
        ),
        max_size=4,
    )
)
def test_mutations_give_errors_or_an_inventory(edits):
    data = SEED
    for at, cut, piece in edits:
        data = data[:at] + piece + data[at + cut :]
    refuse_or_load(data)


def refuse_or_load(data: bytes) -> None:
    source = Texts({"inventory/a.yaml": data, "inventory/house.yaml": HOUSE.encode()})
    try:
        inventory = load(source)
    except InventoryErrors as refused:
        check(refused)
        return
    for ref in inventory.refs():
        assert inventory.get(ref).at("spec") is not None
    assert inventory.warnings is not None


def check(refused: InventoryErrors) -> None:
    assert refused.errors
    assert all(error.at and error.hint for error in refused.errors)


CORE = [
    (r"null|Null|NULL|~|", lambda w: None),
    (r"true|True|TRUE", lambda w: True),
    (r"false|False|FALSE", lambda w: False),
    (r"[-+]?[0-9]+", int),
    (r"0o[0-7]+", lambda w: int(w, 0)),
    (r"0x[0-9a-fA-F]+", lambda w: int(w, 0)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
]
WORDS = st.one_of(
    st.text("0123456789+-.eExobaft_:", min_size=1, max_size=8),
    st.sampled_from(
        [
            "no",
            "yes",
            "on",
            "off",
            "NO",
            "y",
            "null",
            "Null",
            "nULL",
            "~",
            "true",
            "TRUE",
            "tRUE",
            "12:30:45",
            "4242_4242",
            "0b101",
            "1e3",
            "1.",
            ".5",
            "2026-11-22",
            "0o17",
            "0xFf",
            "=",
            "1,5",
            "+1",
            "-0",
            "0",
        ]
    ),
    *[st.from_regex(rf"(?a:{pattern})", fullmatch=True) for pattern, _ in CORE[1:]],
)


@settings(max_examples=200, deadline=None)
@given(WORDS)
def test_words_mean_what_yaml_1_2_says(word):
    parsed = parse(f"x: {word}\n")
    if re.match(r"[-:]|.*:$", word) and not re.fullmatch(CORE[-1][0], word):
        return
    if re.fullmatch(r"[-+]?0[0-9]+|[0-9.eE+-]{41,}", word) or any(
        f.code == "E111" for f in parsed.faults
    ):
        assert [fault.code for fault in parsed.faults] == ["E111"]
        return
    expected = next(
        (make(word) for pattern, make in CORE if re.fullmatch(pattern, word, re.ASCII)),
        word,
    )
    assert parsed.faults == []
    (document,) = parsed.documents
    assert document == {"x": expected}
    assert type(document["x"]) is type(expected)


@pytest.mark.parametrize("text", [SEED.decode(), HOUSE, "a: [1, {b: c}]\n---\nx"])
def test_places_and_data_have_the_same_shape(text):
    def keys(value):
        if isinstance(value, dict):
            return {key: keys(below) for key, below in value.items()} or None
        if isinstance(value, list):
            return {number: keys(below) for number, below in enumerate(value)} or None
        return None

    def drawn(node):
        return {key: drawn(below) for key, below in node.children.items()} or None

    assert [drawn(root) for root in nodes(text)] == [
        keys(each) for each in parse(text).documents
    ]


@settings(max_examples=25, deadline=None)
@given(entries=ENTRIES)
def test_the_cache_changes_nothing(entries, tmp_path_factory):
    cache = Path(tmp_path_factory.getbasetemp()) / "laws.db"
    text = HEAD + "".join(short(n, *e) for n, e in entries.items())
    source = Texts(
        {"inventory/a.yaml": text.encode(), "inventory/h.yaml": HOUSE.encode()}
    )
    plain = load(source)
    for _ in range(2):
        warm = load(source, cache=cache)
        assert warm.refs() == plain.refs()
        assert warm.edges() == plain.edges()
        for ref in plain.refs():
            assert warm.digest(ref) == plain.digest(ref)
            assert warm.get(ref).spec == plain.get(ref).spec
