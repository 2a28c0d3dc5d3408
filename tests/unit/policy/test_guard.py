"""What is refused before any rule is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from reconciler.kinds.domain.domain import Domain
from reconciler.kinds.provider import Provider
from reconciler.model import AnyResource, Change, SecretRef, Spec
from reconciler.model.resource import Resource
from reconciler.policy import (
    allowances,
    changed_trust,
    check,
    ending,
    lost_too_much,
    trusted,
)
from tests.unit.policy.court import NOW, policy


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param({"Domain": 40}, {"Domain": 40}, None, id="nothing lost"),
        pytest.param({"Domain": 40}, {"Domain": 30}, None, id="a quarter"),
        pytest.param({"Domain": 40}, {"Domain": 29}, "lost 11 of 40", id="more"),
        pytest.param({"Domain": 40}, {}, "empty", id="empty"),
        pytest.param({"Domain": 40}, {"Domain": 0}, "empty", id="nought"),
        pytest.param({}, {}, "empty", id="never anything"),
        pytest.param({}, {"Domain": 1}, None, id="the first"),
        pytest.param({"Domain": 2}, {"Domain": 1}, None, id="one of two may go"),
        pytest.param({"Domain": 3}, {"Domain": 1}, "lost 2 of 3", id="two of three"),
        pytest.param(
            {"Domain": 12, "RecordSet": 1},
            {"Domain": 8, "RecordSet": 90},
            "lost 4 of 12 Domain documents",
            id="one kind behind the growth of another",
        ),
        pytest.param(
            {"Domain": 4}, {"Domain": 1, "RecordSet": 90}, None, id="a small kind"
        ),
    ],
)
def test_a_lost_inventory(
    before: dict[str, int], after: dict[str, int], said: str | None
) -> None:
    why = lost_too_much(before, after)
    assert (why is None) if said is None else (said in str(why))


def test_the_share_can_be_set() -> None:
    assert lost_too_much({"Domain": 40}, {"Domain": 5}, Decimal("0.9")) is None
    why = lost_too_much({"Domain": 40}, {"Domain": 37}, Decimal("0.05"))
    assert why == "the inventory lost 3 of 40 resources, more than 5%"


def provider(name: str = "p", secret: str = "KEY", **spec: Any) -> AnyResource:
    return Provider.model_validate(
        {
            "metadata": {"name": name},
            "spec": {"type": "aws", "credentials": {"key": {"env": secret}}, **spec},
        }
    )


DOMAIN = Domain.model_validate(
    {"metadata": {"name": "a.example"}, "spec": {"provider": "p"}}
)
FREEZE = policy("Freeze/f", reason="r")


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ([provider()], [provider()], []),
        ([provider()], [provider(secret="OTHER")], ["Provider/p changes"]),
        ([provider()], [provider(account="1")], ["Provider/p changes"]),
        ([provider(), FREEZE], [provider()], ["Freeze/f was removed"]),
        ([], [provider("q"), FREEZE], ["Freeze/f was added", "Provider/q was added"]),
        ([DOMAIN], [], []),
    ],
    ids=["same", "secret", "account", "freeze", "added", "domain"],
)
def test_a_changed_trust_is_found(
    base: list[AnyResource], head: list[AnyResource], said: list[str]
) -> None:
    found = changed_trust(trusted(base), trusted(head))
    assert [f"{f.kind}/{f.name} {' '.join(f.message.split()[:2])}" for f in found] == [
        text if "was" in text else f"{text} here:" for text in said
    ]
    assert all("needs the group security" in f.message for f in found)


def test_the_secret_is_not_in_the_digest_and_its_place_is() -> None:
    assert trusted([provider()]) != trusted([provider(secret="OTHER")])
    assert trusted([DOMAIN]) == {}


class KeysSpec(Spec):
    one: SecretRef
    by_name: dict[str, SecretRef] = {}
    more: tuple[SecretRef, ...] = ()
    size: int = 1


class Keys(Resource[Change]):
    kind: ClassVar[str] = "Keys"
    spec: KeysSpec


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"one": {"env": "B"}}, True),
        ({"byName": {"x": {"env": "B"}}}, True),
        ({"more": [{"file": "b"}]}, True),
        ({"size": 2}, False),
    ],
    ids=["one", "map", "list", "no secret"],
)
def test_the_secrets_of_any_kind_are_trusted(
    changed: dict[str, Any], found: bool
) -> None:
    spec = {
        "one": {"env": "A"},
        "byName": {"x": {"env": "A"}},
        "more": [{"file": "a"}],
    }
    base, head = (
        Keys.model_validate({"metadata": {"name": "k"}, "spec": {**spec, **part}})
        for part in ({}, changed)
    )
    assert bool(changed_trust(trusted([base]), trusted([head]))) is found


SHA = "ab" * 32


def allowance(name: str, until: Any, sha: str = SHA) -> Any:
    return policy(
        f"SecretAllowance/{name}", sha256=sha, reason="a test card", until=until
    )


def test_the_latest_allowance_counts() -> None:
    both = [allowance("a", "2027-02-28"), allowance("b", "2026-12-31"), FREEZE]
    assert allowances(both) == allowances(both[::-1]) == {SHA: date(2027, 2, 28)}


def test_a_day_may_come_as_a_date() -> None:
    one = allowance("a", date(2027, 1, 2))
    assert allowances([one]) == {SHA: date(2027, 1, 2)}


def test_an_allowance_ends() -> None:
    one = allowance("a", "2026-11-30")
    assert [f.code for f in ending([one], NOW)] == ["exception-ends"]
    assert check([one], NOW) == []
    late = datetime(2026, 12, 1, tzinfo=UTC)
    (error,) = check([one], late)
    assert (error.shown_code, str(error.at)) == ("E504", "policies/a:spec.until:1:1")
    assert ending([one], late) == []


@pytest.mark.parametrize(
    ("sha", "until"),
    [
        (SHA.upper(), "2026-12-31"),
        ("ab", "2026-12-31"),
        (SHA, "2026-12-31T00:00:00Z"),
        (SHA, datetime(2026, 12, 31, tzinfo=UTC)),
    ],
    ids=["upper case", "short", "an instant", "a datetime"],
)
def test_the_form_of_an_allowance(sha: str, until: Any) -> None:
    with pytest.raises(ValidationError):
        allowance("a", until, sha)
