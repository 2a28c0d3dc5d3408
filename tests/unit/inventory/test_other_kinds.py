"""The loader works for any kinds: cycles, references that order nothing, failures."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import field_validator

from reconciler.inventory import load
from reconciler.model import Change, Ref, Spec, To
from reconciler.model.resource import Resource
from tests.unit.inventory.tree import HEAD, Texts, load_errors


class NodeSpec(Spec):
    needs: tuple[Annotated[str, To("Node")], ...] = ()
    next: Annotated[str, To("Node", edge=False, besides=("end",))] | None = None
    by_port: dict[str, Annotated[str, To("Node")]] = {}
    size: int = 0

    @field_validator("size")
    @classmethod
    def _fails(cls, value: int) -> int:
        return 100 // (value - 7) and value


class Node(Resource[Change]):
    kind: ClassVar[str] = "Node"
    spec: NodeSpec


KINDS = {"Node": Node}


def source(*rows: str) -> Texts:
    return Texts({"inventory/a.yaml": (HEAD + "\n".join(rows)).encode()})


def test_a_cycle_is_named_once():
    told = load_errors(
        source(
            "Node/b: {needs: [c]}", "Node/c: {byPort: {x: a}}", "Node/a: {needs: [b]}"
        ),
        KINDS,
    )
    assert told == [
        (
            "inventory/a.yaml:4:1: E134 a cycle of references: Node/a -> Node/b -> Node/c -> Node/a\n"
            "  hint: remove one of the references"
        )
    ]


def test_a_resource_that_needs_itself():
    (told,) = load_errors(source("Node/a: {needs: [a]}"), KINDS)
    assert "E134 a cycle of references: Node/a -> Node/a\n" in told


def test_a_long_cycle_is_cut():
    rows = [f"Node/n{n:04}: {{needs: [n{(n + 1) % 3000:04}]}}" for n in range(3000)]
    (told,) = load_errors(source(*rows), KINDS)
    assert "Node/n0000 -> Node/n0001 -> Node/n0002 -> ... -> Node/n2997" in told


def test_two_cycles_and_a_diamond():
    rows = [
        "Node/a: {needs: [b, c]}",
        "Node/b: {needs: [d]}",
        "Node/c: {needs: [d]}",
        "Node/d: {}",
    ]
    assert load_errors(source(*rows), KINDS) == []
    rows += [
        "Node/e: {needs: [f, a]}",
        "Node/f: {needs: [e]}",
        "Node/g: {needs: [h]}",
        "Node/h: {needs: [g]}",
    ]
    assert len(load_errors(source(*rows), KINDS)) == 2


def test_references_that_order_nothing_may_turn_in_circles():
    inventory = load(
        source(
            "Node/a: {next: b, needs: [b]}", "Node/b: {next: a}", "Node/c: {next: end}"
        ),
        kinds=KINDS,
    )
    assert inventory.edges() == {
        Ref("Node", "a"): {Ref("Node", "b")},
        Ref("Node", "b"): frozenset(),
        Ref("Node", "c"): frozenset(),
    }
    (told,) = load_errors(source("Node/a: {next: nobody}"), KINDS)
    assert "E133 Node/a: spec.next: there is no Node/nobody" in told


def test_a_model_that_fails_is_no_traceback():
    (told,) = load_errors(source("Node/a: {size: 7}"), KINDS)
    assert told.startswith("inventory/a.yaml:2:1: E125 Node/a: is not valid here")


def test_the_cache_tells_registries_apart(tmp_path):
    cache = tmp_path / "c.db"
    load(
        Texts(
            {
                "inventory/a.yaml": (
                    HEAD + "Provider/x: {type: aws, credentials: {}}"
                ).encode()
            }
        ),
        cache=cache,
    )
    inventory = load(source("Node/a: {}"), kinds=KINDS, cache=cache)
    assert inventory.refs() == [Ref("Node", "a")]
    assert load(source("Node/a: {}"), kinds=KINDS, cache=cache).refs() == [
        Ref("Node", "a")
    ]
