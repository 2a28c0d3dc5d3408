"""A file is changed at one place, and every other byte stays as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.inventory.edit import Place, edited
from reconciler.inventory.parse import parse
from reconciler.model import Edit, ItemEdit

WHERE = (0, "D/a")
RECORDS = ("dns", "records")


def change(text, *changes, where=WHERE):
    """Return *text* after *changes*; each must be possible."""
    done, failed = edited(text, [Place(where, one) for one in changes])
    assert failed == [None] * len(changes)
    return done


def stuck(text, one, where=WHERE):
    done, (why,) = edited(text, [Place(where, one)])
    assert done == text
    return why


def item(name, fields, **whole):
    return ItemEdit(RECORDS, {"name": name, "type": "A"}, fields, whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("D/a: {lock: true}\n", "D/a: {lock: false}\n"),
        ("D/a: { x: 1,lock:   true , }\n", "D/a: { x: 1,lock:   false , }\n"),
        ("D/a: {x: 1}  # c\n", "D/a: {x: 1, lock: false}  # c\n"),
        ("D/a: {}\n", "D/a: {lock: false}\n"),
        ("D/a:   # c\n", "D/a: {lock: false}   # c\n"),
        (
            "D/a:   # c\n    x: 1   # d\n# e\nD/b: {}\n",
            "D/a:   # c\n    x: 1   # d\n    lock: false\n# e\nD/b: {}\n",
        ),
        ("D/a:\n  lock:  true # c\n  x: 1", "D/a:\n  lock:  false # c\n  x: 1"),
        ("D/a:\n  x: 1", "D/a:\n  x: 1\n  lock: false"),
        ("D/a:\r\n  x: 1\r\n", "D/a:\r\n  x: 1\r\n  lock: false\r\n"),
        ("\ufeffD/a: {é: 'ü', lock: true}", "\ufeffD/a: {é: 'ü', lock: false}"),
        ("D/a:\n  x: |\n    t\n\n\nD/b: 1\n", "D/a:\n  x: |\n    t\n  lock: false\n\n\nD/b: 1\n"),
    ],
)  # fmt: skip
def test_a_word_is_set(before, after):
    assert change(before, Edit(("lock",), value=False)) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("D/a: {r: {w: 1}}\n", "D/a: {r: {w: 1, mode: manual}}\n"),
        ("D/a:\n  x: 1\n", "D/a:\n  x: 1\n  r: {mode: manual}\n"),
        ("D/a:\n  r:\n    mode: 'on' # c\n", "D/a:\n  r:\n    mode: 'manual' # c\n"),
        ("D/a:\n  r:   # c\n  x: 1\n", "D/a:\n  r: {mode: manual}   # c\n  x: 1\n"),
    ],
)
def test_a_word_below_is_set(before, after):
    assert change(before, Edit(("r", "mode"), "manual")) == after


def test_the_long_form_is_changed_in_its_spec():
    text = "---\nkind: D\nmetadata: {name: a}\nspec: {x: 1}\n"
    assert change(text, Edit(("z",), 2), where=(0, "spec")) == text.replace(
        "{x: 1}", "{x: 1, z: 2}"
    )
    bare = "kind: D\nmetadata: {name: a}\n"
    done = change(bare, Edit(("z",), 2), where=(0, "spec"))
    assert done == bare + "spec: {z: 2}\n"


LISTS = [
    # (before, what it shall hold, after)
    ("[a, b]", "ac", "[a, c]"),
    ("[ a,b ]  # c", "abc", "[ a,b, c ]  # c"),
    ("[a, b, c]", "a", "[a]"),
    ("[a, b, c]", "c", "[c]"),
    ("[a, b, c, d]", "bd", "[b, d]"),
    ("[ a, b ]  # c", "", "[]  # c"),
    ("[a, b, c]", "xb", "[x, b]"),
    ("\n    - a  # one\n    # two\n    - b # b", "ac", "\n    - a  # one\n    # two\n    - c # b"),
    ("\n    - a  # one\n    # two\n    - b # b", "a", "\n    - a  # one\n    # two"),
    ("\n  - a\n  - b", "abc", "\n  - a\n  - b\n  - c"),
    ("\n    -   'a'\n    -   b", "xz", "\n    -   'x'\n    -   z"),
    ("[a, # one\n   b] # c", "axb", "[a, # one\n   b, x] # c"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "words", "after"), LISTS)
def test_a_list_keeps_what_stays_in_it(before, words, after):
    text = "D/a:\n  ns: {}\n  x: 1 # end\n".replace("{}", "@")
    one = Edit(("ns",), list(words))
    assert change(text.replace("@", before), one) == text.replace("@", after)


def test_a_comment_within_a_list_is_never_lost():
    text = "D/a:\n  ns: [a, # one\n    b]\n"
    assert "comment" in stuck(text, Edit(("ns",), ["b"]))


def test_a_word_becomes_a_list_but_never_from_several_lines():
    text = "D/a: {ns: from-dns, x: 1}\n"
    after = "D/a: {ns: [a, b], x: 1}\n"
    assert change(text, Edit(("ns",), ["a", "b"])) == after
    assert stuck("D/a:\n  ns:\n    - a\n    - b\n", Edit(("ns",), []))
    assert stuck("D/a:\n  ns: {a: 1,\n    b: 2}\n", Edit(("ns",), "from-dns"))


BLOCK = """\
D/a:
  dns:
    targets: [t]   # here
    # all of them
    records:   # by hand
      # the first
      - {name: www, type: A,   value: 192.0.2.1}  # web
      # the second
      -   name: "old"
          type: A  # still
          ttl: 5m
          values:
            - 192.0.2.2   # two
            - 192.0.2.3
      # after
    x: 1
D/b: {}
"""


@pytest.mark.parametrize(
    ("one", "old", "new"),
    [
        (item("www", {"value": "192.0.2.9"}), "value: 192.0.2.1}", "value: 192.0.2.9}"),
        (item("WWW", {"ttl": "1h"}), "value: 192.0.2.1}", "value: 192.0.2.1, ttl: 1h}"),
        (
            item("www", {"value": None, "values": ["a", "b"]}),
            "value: 192.0.2.1}",
            "values: [a, b]}",
        ),
        (item("www", None), "      - {name: www, type: A,   value: 192.0.2.1}  # web\n", ""),
        (item("old", {"ttl": "10m"}), "ttl: 5m", "ttl: 10m"),
        (item("old", {"values": ["192.0.2.3"]}), "            - 192.0.2.2   # two\n", ""),
        (
            item("new", {}, value="192.0.2.4"),
            "            - 192.0.2.3\n",
            "            - 192.0.2.3\n      - {name: new, type: A, value: 192.0.2.4}\n",
        ),
    ],
)  # fmt: skip
def test_a_record_is_changed_where_it_stands(one, old, new):
    assert BLOCK.count(old) == 1
    assert change(BLOCK, one) == BLOCK.replace(old, new)


def test_the_last_records_leave_an_empty_list():
    done = change(BLOCK, item("www", None), item("old", None))
    assert (
        "    records: []   # by hand\n      # the first\n      # the second\n" in done
    )
    assert parse(done).documents[0]["D/a"]["dns"]["records"] == []
    text = "D/a: {dns: {records: [{name: www, type: A, value: v}]}}\n"
    assert change(text, item("www", None)) == "D/a: {dns: {records: []}}\n"


def test_a_record_is_added_wherever_there_are_none():
    row = "{name: www, type: A, value: v}"
    one = item("www", {}, value="v")
    for before, after in (
        ("D/a: {x: 1}\n", f"D/a: {{x: 1, dns: {{records: [{row}]}}}}\n"),
        ("D/a: {dns: {records: []}}\n", f"D/a: {{dns: {{records: [{row}]}}}}\n"),
        ("D/a:\n  dns: {t: [t]}\n", f"D/a:\n  dns: {{t: [t], records: [{row}]}}\n"),
        ("D/a:\n- 1\n", None),
    ):
        if after is None:
            assert stuck(before, one)
        else:
            assert change(before, one) == after


def test_what_is_written_elsewhere_is_not_removed_here():
    assert "written somewhere else" in stuck("D/a: {x: 1}\n", item("www", None))


LINES = st.sampled_from(
    ["# c", "", "  # indented", "D/x0: {x: [1,  2]}  # d", "D/x1:\n    y:   'q'  # e"]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(LINES, max_size=4), st.lists(LINES, max_size=4), st.data())
def test_no_other_line_is_touched(before, after, data):
    """Whatever stands around, in whatever style: it is there again, byte for byte."""
    names = iter(range(100))

    def fresh(lines):
        return "".join(
            f"{line}\n".replace("D/x", f"D/y{next(names)}") for line in lines
        )

    head, tail = fresh(before), fresh(after)
    body = BLOCK.removesuffix("D/b: {}\n")
    one = data.draw(
        st.sampled_from(
            [
                Edit(("lock",), value=False),
                Edit(("dns", "targets"), ["u", "v"]),
                item("www", None),
                item("old", {"values": ["192.0.2.2", "192.0.2.5"], "ttl": "1h"}),
                item("new", {}, value="192.0.2.4"),
            ]
        )
    )
    done = change(head + body + tail, one)
    assert done.startswith(head)
    assert done.endswith(tail)
    was, now = parse(body), parse(done[len(head) : len(done) - len(tail)])
    assert not now.faults
    assert was.documents != now.documents
