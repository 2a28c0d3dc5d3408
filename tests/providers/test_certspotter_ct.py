"""The public logs: what was issued for our names, and what nobody here ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pytest

from reconciler.cli.project import Project
from reconciler.errors import Rejected
from reconciler.kinds.certificate import CT, Certificate, Kept, TransparencyState
from reconciler.kinds.certificate.transparency import known
from reconciler.model import Account, Makings, Unknown
from reconciler.providers.certspotter_ct import CertSpotter
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from tests.support.contract import NOW, account
from tests.support.witness_contract import WitnessContract

TOKEN = {"token": "sandbox-certspotter"}
WORLD: dict[str, Any] = {
    "page": 2,
    "issuances": [
        {"names": ["shop.example", "www.shop.example"], "days": 20, "spki": "aa" * 32},
        {"names": ["api.shop.example"], "days": 10},
        {"names": ["*.shop.example"], "days": 5, "issuer": "Other CA"},
        {"names": ["SHOP.example"], "days": 3, "issuer": "Strange\x1b[31m CA"},
        {"names": ["shop.example"], "days": 100},
        {"names": ["blog.example"], "days": 2},
        {"names": ["other.example"], "days": 2},
    ],
}


def want(name: str, *names: str, **recorded: Any) -> Certificate:
    spec = {
        "names": list(names or (name,)),
        "issuers": ["le"],
        "key": {"store": {"file": "/keys"}},
    }
    made = Certificate.model_validate({"metadata": {"name": name}, "spec": spec})
    zone = ".".join(name.split(".")[-2:])
    made.joined(lambda: Makings(zones={zone: ()}))
    made.recalling(lambda: recorded)
    return made


SHOP = ("shop.example", "www.shop.example")


class TestCertSpotter(WitnessContract):
    driver = CertSpotter
    sandbox: ClassVar[Sandbox]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def running(cls) -> Iterator[None]:
        world = World({"certspotter": WORLD})
        with Sandbox(world, SandboxClock(NOW, frozen=True)) as cls.sandbox:
            yield

    def start(self) -> Account:
        self.sandbox.clock.set(NOW, frozen=True)
        self.sandbox.reset(World({"certspotter": WORLD}))
        return account(self.sandbox, "certspotter", TOKEN)

    def wants(self) -> Sequence[Certificate]:
        return [want("shop.example", *SHOP), want("blog.example")]

    def asked(self) -> int:
        return self.sandbox.ledger.requests()["certspotter"]["issuances"]

    def trouble(self, kind: Literal["silence", "refusal"]) -> None:
        known: dict[str, Any] = {
            "silence": {"kind": "lost-before"},
            "refusal": {"kind": "status", "status": 400},
        }
        more = known[kind] | {"times": 0}
        fault = Fault(vendor="certspotter", operation="issuances", **more)
        self.sandbox.inject(fault)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    world = World({"certspotter": WORLD})
    with Sandbox(world, SandboxClock(NOW, frozen=True)) as made:
        yield made


@pytest.fixture
def at(sandbox: Sandbox) -> Account:
    sandbox.clock.set(NOW, frozen=True)
    sandbox.reset(World({"certspotter": WORLD}))
    return account(sandbox, "certspotter", TOKEN)


def looked(at: Account, *wants: Certificate) -> dict[str, Any]:
    driver = CertSpotter(at)
    try:
        return dict(driver.observe(wants).states)
    finally:
        driver.close()


def requests(sandbox: Sandbox) -> int:
    return sandbox.ledger.requests().get("certspotter", {}).get("issuances", 0)


def test_all_pages_of_a_domain_are_read_once_in_a_run(
    sandbox: Sandbox, at: Account
) -> None:
    before = requests(sandbox)
    states = looked(at, want("shop.example", *SHOP), want("api.shop.example"))
    assert requests(sandbox) - before == 3  # two, two, and an empty one
    found = states["shop.example"].logged
    assert {one.names for one in found} == {SHOP, ("*.shop.example",), SHOP[:1]}
    assert {one.issuer for one in found} == {
        "Let's Encrypt",
        "Other CA",
        "Strange [31m CA",
    }
    (api,) = [
        one for one in states["api.shop.example"].logged if one.names[0][0] == "a"
    ]
    assert api.not_before == NOW - timedelta(days=10)
    assert api.not_after == NOW + timedelta(days=80)


def test_what_is_for_another_certificates_very_names_is_that_ones(at: Account) -> None:
    first = want("shop.example", *SHOP)
    wild = want("wild.shop.example", "*.shop.example", "x.y.shop.example")
    one = want("one.shop.example", "shop.example")
    states = looked(at, first, one, wild)
    assert {o.names for o in states["shop.example"].logged} == {
        SHOP,
        ("*.shop.example",),
    }
    assert {o.names for o in states["one.shop.example"].logged} == {("shop.example",)}


def test_no_more_questions_are_a_wait_and_no_failure(
    sandbox: Sandbox, at: Account
) -> None:
    busy = {"kind": "throttle", "retry_after": 3600, "times": 0}
    sandbox.inject(Fault(vendor="certspotter", operation="issuances", **busy))
    before = requests(sandbox)
    states = looked(at, want("shop.example", *SHOP), want("blog.example"))
    assert requests(sandbox) - before == 1
    assert all(isinstance(s, Unknown) and s.later for s in states.values())


@pytest.mark.parametrize(
    "body", ["{}", '[{"id": "1"}]', '[{"id": "1", "dns_names": 7}]']
)
def test_a_strange_answer_is_unknown(at: Account, body: str) -> None:
    from reconciler.model.driver import Answered

    strange = at._replace(wire=lambda _: Answered(200, {}, body.encode()))
    (state,) = looked(strange, want("blog.example")).values()
    assert isinstance(state, Unknown)
    assert not state.later


def test_a_token_that_is_not_taken_is_said_without_it(at: Account) -> None:
    wrong = at._replace(secrets={"token": "canary-7f3a"})
    (state,) = looked(wrong, want("blog.example")).values()
    assert isinstance(state, Unknown)
    assert "unauthorized" in state.why
    assert "canary-7f3a" not in repr(state)
    driver = CertSpotter(wrong)
    with pytest.raises(Rejected, match="unauthorized"):
        list(driver.examine())
    driver.close()


# -- what is said of it ------------------------------------------------------------

SINCE = (NOW - timedelta(days=20)).isoformat()


def said(one: Certificate, state: TransparencyState, **have: Any) -> list[str]:
    found = one.findings({CT: state, **have}, NOW)
    return [f.message for f in found if f.code == "ct-unknown-issuance"]


def test_what_nobody_here_ordered_is_named(at: Account) -> None:
    rows = [{"spki": "aa" * 32, "fingerprint": "b", "until": NOW.isoformat()}]
    one = want("shop.example", *SHOP, ordered_since=SINCE, known=rows)
    messages = said(one, looked(at, one)["shop.example"])
    assert [text.partition(" (")[0] for text in messages] == [
        f"{who} issued a certificate for {name} on {day} that was not ordered here"
        for who, name, day in (
            ("Other CA", "*.shop.example", "2026-11-17"),
            ("Strange [31m CA", "shop.example", "2026-11-19"),
        )
    ]


def test_what_was_issued_before_anything_was_ordered_here_is_nobodys(
    at: Account,
) -> None:
    late = (NOW - timedelta(days=4)).isoformat()
    one = want("shop.example", *SHOP, ordered_since=late)
    state = looked(at, one)["shop.example"]
    assert len(said(one, state)) == 1
    assert said(want("shop.example", *SHOP), state) == []


def kept(fingerprint: str, spki: str, days: float = 80) -> Kept:
    return Kept(
        fingerprint=fingerprint,
        spki=spki,
        serial="1",
        issuer="x",
        names=SHOP,
        not_before=NOW,
        not_after=NOW + timedelta(days=days),
        algorithm="ecdsa-p256",
    )


def test_every_order_is_remembered_until_it_ends() -> None:
    facts = known({}, kept("f1", "k1", days=10), NOW)
    assert facts["ordered_since"] == NOW.isoformat()
    later = NOW + timedelta(days=9)
    facts = known(facts, kept("f2", "k2"), later)
    assert [row["spki"] for row in facts["known"]] == ["k1", "k2"]
    facts = known(facts, kept("f2", "k2"), NOW + timedelta(days=11))
    assert [row["spki"] for row in facts["known"]] == ["k2"]
    assert facts["ordered_since"] == NOW.isoformat()


def test_what_is_kept_is_known_before_it_is_recorded(at: Account) -> None:
    from reconciler.kinds.certificate import IssuanceState
    from reconciler.model import Share

    one = want("blog.example", ordered_since=SINCE)
    state = looked(at, one)["blog.example"]
    assert len(said(one, state)) == 1
    (logged,) = state.logged
    mine = IssuanceState(kept=kept("other", logged.spki))
    found = one.findings({CT: state, Share("le", "issuance"): mine}, NOW)
    assert "ct-unknown-issuance" not in [f.code for f in found]


# -- the composition root ------------------------------------------------------------


@pytest.mark.parametrize("declared", [True, False])
def test_nobody_reads_the_logs_without_an_account(
    tmp_path: Any, sandbox: Sandbox, declared: bool
) -> None:
    endpoint = sandbox.endpoint("certspotter")
    text = "apiVersion: reconciler/v1\n"
    if declared:
        text += f"Provider/ct: {{type: certspotter, endpoint: '{endpoint}', "
        text += "credentials: {token: {env: TOKEN}}}\n"
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.yaml").write_text(text)
    options = {"root": str(tmp_path), "env": "main", "quiet": True, "verbose": False}
    options |= {"inventory": "inventory", "policies": "policies"}
    project = Project(
        {**options, "select": (), "exclude": ()}, {"TOKEN": TOKEN["token"]}
    )
    accounts = project.accounts([want("blog.example")])
    assert (CT in accounts.drivers) is declared
    assert CT.provider not in accounts.failed
    accounts.close()
