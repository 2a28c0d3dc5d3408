"""The library's foot-guns: each shown as it is, then as our module sees it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from cel_expr_python import cel

from reconciler.model import Money
from reconciler.policy.cel import CelError, Names, compiled, plain

NAMES = Names(
    (
        ("name", "string"),
        ("labels", "map<string, string>"),
        ("spec", "map<string, dyn>"),
        ("cost.minor", "int"),
        ("now", "timestamp"),
        ("items", "list<int>"),
    )
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def holds(text: str, **facts: object) -> bool:
    return compiled(text, NAMES, "bool").holds(facts)


def test_the_librarys_errors_are_truthy_which_is_why_nobody_else_may_call_it() -> None:
    env = cel.NewEnv(variables={"labels": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
    answer = env.compile("labels.tier == 'gold'").eval(data={"labels": {}})
    assert bool(answer.plain_value()) is True
    with pytest.raises(CelError, match="Key not found"):
        holds("labels.tier == 'gold'", labels={})


@pytest.mark.parametrize(
    ("text", "facts", "why"),
    [
        pytest.param("labels.tier == 'gold'", {"labels": {}}, "tier", id="missing key"),
        pytest.param("!(labels.tier == 'x')", {"labels": {}}, "tier", id="negated"),
        pytest.param("name == 'x'", {}, "No value", id="missing variable"),
        pytest.param("name == 'x'", {"name": 1}, "Expected STRING", id="wrong type"),
        pytest.param("1 / cost_ > 1", {}, "undeclared", id="typo"),
        pytest.param("spec.a", {"spec": {"a": "yes"}}, "not true", id="a text"),
        pytest.param("spec.a", {"spec": {"a": 1}}, "not true or false", id="a number"),
        pytest.param("spec.a", {"spec": {"a": None}}, "not true or false", id="null"),
        pytest.param("1 / 0 > 1", {}, "divide by zero", id="division"),
        pytest.param("name.matches('(')", {"name": ""}, "regular", id="bad regex"),
        pytest.param(
            "now.getHours('Mars/Phobos') == 1", {"now": NOW}, "zone", id="time zone"
        ),
        pytest.param(
            "spec.at > now",
            {"now": NOW, "spec": {"at": NOW}},
            "Non-CEL value",
            id="a nested datetime",
        ),
    ],
)
def test_only_a_boolean_is_an_answer(
    text: str, facts: dict[str, object], why: str
) -> None:
    with pytest.raises(CelError, match=why):
        holds(text, **facts)


def test_a_cube_of_fifty_is_over_the_iteration_budget() -> None:
    cube = "items.all(a, items.all(b, items.all(c, true)))"
    with pytest.raises(CelError, match="Iteration budget"):
        holds(cube, items=list(range(50)))
    assert holds(cube, items=list(range(5)))


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("nmae == 'x'", 1, 1),
        ("name == 'x' &&\n  nmae == 'y'", 2, 3),
        ("name + 1 == 'x'", 1, 6),
        ("name ==", 1, 8),
        ("cost.minr > 1", 1, 5),
        ("now > '2026-01-01'", 1, 5),
        ("name", 1, 1),
        ("", 1, 1),
    ],
)
def test_a_bad_expression_is_refused_with_its_place(
    text: str, line: int, column: int
) -> None:
    with pytest.raises(CelError) as caught:
        compiled(text, NAMES, "bool")
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "INVALID_ARGUMENT" not in caught.value.what


@pytest.mark.parametrize("depth", [40, 5_000])
def test_nesting_is_refused_and_kills_nothing(depth: int) -> None:
    with pytest.raises(CelError):
        compiled("(" * depth + "true" + ")" * depth, NAMES, "bool")


def test_a_chain_that_is_too_long_has_no_place_but_a_reason() -> None:
    with pytest.raises(CelError) as caught:
        compiled(" + ".join(["name"] * 60), NAMES)
    assert caught.value.line == 0
    assert caught.value.what == "Exceeded max recursion depth of 32 when parsing."


def test_an_optional_key_and_string_functions_are_there() -> None:
    assert holds("labels[?'tier'].orValue('') == ''", labels={}) is True
    assert holds("name.lowerAscii().startsWith('a')", name="ABC") is True


def test_the_error_of_one_side_does_not_hide_a_true_other_side() -> None:
    assert holds("labels.tier == 'gold' || name == 'x'", labels={}, name="x") is True


@pytest.mark.parametrize(
    ("value", "as_cel"),
    [
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(hours=2), "7200s"),
        (Decimal("1.50"), "1.50"),
        (Money.model_validate("1.50 EUR"), "1.50 EUR"),
        (2**63, "9223372036854775808"),
        (2**63 - 1, 2**63 - 1),
        (True, True),
        (None, None),
        ({"a": ({"b"}, 1)}, {"a": [["b"], 1]}),
    ],
)
def test_nested_values_are_brought_into_forms_the_library_takes(
    value: object, as_cel: object
) -> None:
    assert plain(value) == as_cel
    assert type(plain(value)) is type(as_cel)
    whole = {"v": plain(value), "k": 1}
    assert compiled("spec.v", NAMES).value({"spec": whole}) == as_cel
    assert holds("spec.k == 1", spec=whole)


def test_normalised_times_can_be_read_again() -> None:
    spec = plain({"at": NOW, "span": timedelta(hours=2)})
    assert holds(
        "timestamp(spec.at) == now && duration(spec.span) > duration('1h')",
        now=NOW,
        spec=spec,
    )


def test_an_expression_is_compiled_once() -> None:
    assert compiled("name == 'once'", NAMES) is compiled("name == 'once'", NAMES)


def test_threads_share_expressions() -> None:
    expression = compiled("name == 'n' + string(cost.minor)", NAMES, "bool")

    def ask(i: int) -> bool:
        return expression.holds({"name": f"n{i % 7}", "cost.minor": i % 5})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(2_000)))
    assert answers == [i % 7 == i % 5 for i in range(2_000)]


def test_only_a_text_is_a_message() -> None:
    assert compiled("spec.a", NAMES).says({"spec": {"a": "yes"}}) == "yes"
    with pytest.raises(CelError, match="is 1, not a text"):
        compiled("spec.a", NAMES).says({"spec": {"a": 1}})


def test_an_error_text_is_cut() -> None:
    with pytest.raises(CelError) as caught:
        holds("spec.a", spec={"a": "x" * 10_000})
    assert len(caught.value.what) < 300
