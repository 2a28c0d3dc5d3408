"""What is a secret, what only looks like one, and how a false alarm is allowed."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest

from reconciler.errors import InventoryErrors
from reconciler.inventory import load
from reconciler.inventory.secrets import leaks
from reconciler.policy import policy_kinds
from tests.support.card_numbers import PUBLISHED, in_yaml, spellings
from tests.unit.inventory.tree import HEAD, HOUSE, Texts

CARD = "4111 1111 1111 1111"
TEXT = (HEAD + f"# {CARD}\nDomain/a.example: {{provider: none}}\n").encode()
SHA = hashlib.sha256(CARD.encode()).hexdigest()


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",  # Luhn
        "1234567812345670",  # no network begins with 1
        "serial: 2026112201 7200 3600 1209600 300",
        "ds: 12345 8 2 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE0123456789",
        "when: 2026-11-22 08:50:17",
        "sha: 4111111111111111a",
        "version: 1.4111111111111111",
        "task_live_ghost and sk_live_x",
        "192.0.2.1 192.0.2.2 192.0.2.3",
        "AKIASHORT and a_pat_tern",
    ],
)
def test_is_none(text):
    assert list(leaks(text)) == []


def test_several_in_one_file_each_with_its_place():
    text = f"a: {CARD} 123\nb: [5555555555554444, 378282246310005]\n"
    found = [(leak.line, leak.column, leak.text) for leak in leaks(text)]
    assert found == [
        (1, 4, CARD),
        (2, 5, "5555555555554444"),
        (2, 23, "378282246310005"),
    ]


def test_what_was_found_is_cut_out_of_other_messages():
    key = "sk_" + "live_0123456789abcdef"
    data = f"{HEAD}Domain/a.example: {{provider: {key}}}\n".encode()
    with pytest.raises(InventoryErrors) as caught:
        load(Texts({"inventory/a.yaml": data, "inventory/h.yaml": HOUSE.encode()}))
    told = str(caught.value)
    assert "there is no Provider/[redacted]" in told
    assert key not in told


@pytest.mark.parametrize(
    ("allow", "today", "fine"),
    [
        ({SHA: date(2026, 12, 1)}, date(2026, 12, 1), True),
        ({SHA: date(2026, 12, 1)}, date(2026, 12, 2), False),
        ({SHA: date(2026, 12, 1)}, None, False),
        ({"0" * 64: date(2026, 12, 1)}, date(2026, 11, 1), False),
    ],
)
def test_a_false_alarm_is_allowed_until_its_last_day(allow, today, fine, tmp_path):
    source, cache = Texts({"inventory/a.yaml": TEXT}), tmp_path / "c.db"
    for _ in range(2):
        if fine:
            assert len(load(source, allow=allow, today=today, cache=cache)) == 1
        else:
            with pytest.raises(InventoryErrors, match="2:3: E151"):
                load(source, allow=allow, today=today, cache=cache)
    with pytest.raises(InventoryErrors):
        load(source, cache=cache)


def told(path, text, **more):
    """The errors of one file: (code, line), and all of them as people see them."""
    with pytest.raises(InventoryErrors) as caught:
        load(Texts({path: text.encode()}), **more)
    found = {(one.shown_code, one.at.line) for one in caught.value.errors}
    return found, str(caught.value)


@pytest.mark.parametrize("number", PUBLISHED)
def test_a_card_is_refused_in_every_form_of_yaml(number):
    text, entries = HEAD, {}
    for at, (name, value) in enumerate(in_yaml(number).items()):
        first = text.count("\n") + 1
        text += f"Customer/c{at}:\n  country: NL\n  legalName: {value}\n"
        entries[name] = range(first, text.count("\n") + 1)
    found, shown = told("inventory/a.yaml", text)
    cards = {line for code, line in found if code == "E151"}
    assert [name for name, lines in entries.items() if not cards & {*lines}] == []
    assert number not in shown
    assert number not in "".join(c for c in shown if c.isdigit() or c == ":")


@pytest.mark.parametrize("number", PUBLISHED[:2] + PUBLISHED[6:7])
def test_a_card_is_refused_in_every_spelling(number):
    lines = [f"# {text}\n" for text in spellings(number).values()]
    found, _ = told("inventory/a.yaml", HEAD + "".join(lines))
    start = HEAD.count("\n") + 1
    assert found == {("E151", start + at) for at in range(len(lines))}


@pytest.mark.parametrize(
    "name", ["plain", "folded", "escaped", "a power of ten", "a comment"]
)
def test_a_card_is_refused_in_defaults_snippets_and_policies(name):
    value = in_yaml("5555555555554444")[name]
    defaults = (
        f"apiVersion: reconciler/v1\ndefaults:\n  Customer:\n    country: {value}\n"
    )
    found, _ = told("inventory/_defaults.yaml", defaults)
    assert "E151" in {code for code, _ in found}
    freeze = f"apiVersion: reconciler/v1\nFreeze/x:\n  reason: {value}\n"
    found, shown = told("policies/a.yaml", freeze, kinds=policy_kinds())
    assert "E151" in {code for code, _ in found}
    assert "5555555555554444" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "cvc: 123",
        "CVV2: x",
        '"card-number": x',
        "ｃｖｖ: x",
        '"\\x63vc": x',
        "x: a # cvc 123",
    ],
)
def test_the_back_of_a_card_is_refused(line):
    text = f"{HEAD}Customer/c:\n  country: NL\n  legalName: C BV\n  {line}\n"
    found, _ = told("inventory/a.yaml", text)
    assert ("E153", HEAD.count("\n") + 4) in found


def test_a_hidden_card_is_allowed_as_any_false_alarm():
    text = f"{HEAD}Customer/c:\n  country: NL\n  legalName: >-\n    4111\n    1111 1111 1111\n"
    source = Texts({"inventory/a.yaml": text.encode()})
    raw, parsed = (
        hashlib.sha256(one.encode()).hexdigest()
        for one in ("4111\n    1111 1111 1111", CARD)
    )
    until = date(2026, 12, 1)
    for allow, fine in (
        ({raw: until, parsed: until}, True),
        ({raw: until}, True),
        ({parsed: until}, False),
        ({}, False),
    ):
        if fine:
            assert len(load(source, allow=allow, today=until)) == 1
        else:
            with pytest.raises(InventoryErrors, match="E151"):
                load(source, allow=allow, today=until)
