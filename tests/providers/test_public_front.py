"""How a front page looks, before and after: kept small, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import pytest

from reconciler.kinds.hosting_account import HostingAccount
from reconciler.model import Account
from reconciler.model.updates import FrontState, Look
from reconciler.providers.public_front import PublicFront
from reconciler.sandbox import Sandbox, World
from tests.support.contract import NOW
from tests.support.public import asked, part, public, running, trouble, zone
from tests.support.updates import hosted
from tests.support.witness_contract import WitnessContract

NAMES = ("a.example", "b.example", "gone.example")
PAGE = "<html><TITLE>\n Our  shop </title>" + "x" * 900
WORLD = part(
    {name: {"expires": 100} for name in NAMES},
    {name: zone(**{"@/A": [f"192.0.2.{n}"], "@/AAAA": []})
     for n, name in enumerate(NAMES, 1)},
    certificates={
        f"192.0.2.{n}": [{"names": [name], "days": 60}]
        for n, name in enumerate(NAMES[:2], 1)
    },
    sites={"a.example": {"body": PAGE}},
)  # fmt: skip


class TestPublicFront(WitnessContract):
    driver = PublicFront
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        with running(WORLD) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"public": WORLD}))
        return public(self.sandbox)._replace(limits={"timeoutSeconds": 0.2})

    def wants(self) -> Sequence[HostingAccount]:
        return [hosted("a.example"), hosted("b.example")]

    def asked(self) -> int:
        return asked(self.sandbox, "web")

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known = {"silence": "lost-before", "refusal": "status"}
        trouble(self.sandbox, "dns-*", known[kind])


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(WORLD) as made:
        yield made


def look(sandbox: Sandbox, name: str, recorded: Any = None) -> FrontState:
    sandbox.clock.set(NOW, frozen=True)
    driver = PublicFront(public(sandbox)._replace(limits={"timeoutSeconds": 0.2}))
    want = hosted(name).recalling(lambda: recorded or {})
    found = driver.observe([want]).states[name]
    driver.close()
    assert isinstance(found, FrontState)
    return found


def test_a_page_is_its_status_its_title_and_its_length(sandbox: Sandbox) -> None:
    sandbox.reset(World({"public": WORLD}))
    before = look(sandbox, "a.example").looks["a.example"]
    assert (before.status, len(before.title), before.size) == (200, 12, 10)
    assert "shop" not in before.model_dump_json()
    edits: list[tuple[dict[str, Any], str | None]] = [
        ({"body": PAGE.replace("  ", " ") + "more"}, None),
        ({"body": PAGE.replace("shop", "error")}, "has another title"),
        ({"body": PAGE[:60]}, "is much shorter than it was"),
        ({"body": ""}, "has lost its title"),
        ({"body": PAGE, "status": 500}, "answers 500"),
        ({"body": PAGE, "status": 200, "mute": ["/"]}, "answers nothing"),
    ]
    for fields, why in edits:
        sandbox.edit("public", "site", {"name": "a.example", **fields})
        assert before.worse(look(sandbox, "a.example").looks["a.example"]) == why


def test_nobody_listens_there(sandbox: Sandbox) -> None:
    assert look(sandbox, "gone.example").looks == {"gone.example": Look()}


def test_sites_below_it_are_looked_at_where_there_is_something_newer(
    sandbox: Sandbox,
) -> None:
    known = {"updates": {"x.b.example plugin/shop@2": NOW.isoformat()}}
    assert set(look(sandbox, "b.example", known).looks) == {"b.example", "x.b.example"}
