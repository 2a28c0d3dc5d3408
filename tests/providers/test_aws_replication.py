"""A bucket's replication is shared: ours stands among the others' rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.errors import Rejected
from reconciler.sandbox import Sandbox, SandboxClock, World
from tests.providers.test_aws_vault import Bench
from tests.support.contract import NOW
from tests.support.vaults import WORLD

OURS, THEIRS = "arn:aws:iam::1:role/ours", "arn:aws:iam::1:role/theirs"
TO = "arn:aws:s3:::other"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"aws": WORLD}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running, "plain", settings={"replicationRole": OURS})
    yield made
    made.close()


def rule(name: str, priority: int, to: str = TO, **where: Any) -> dict[str, Any]:
    return {
        "ID": name,
        "Status": "Enabled",
        "Priority": priority,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Destination": {"Bucket": to},
        **where,
    }


def put(bench: Bench, *rules: dict[str, Any]) -> None:
    said = {"Role": THEIRS, "Rules": [*rules]}
    bench.s3.put_bucket_replication(Bucket="plain", ReplicationConfiguration=said)


def there(bench: Bench) -> tuple[str, list[dict[str, Any]]]:
    said = bench.s3.get_bucket_replication(Bucket="plain")["ReplicationConfiguration"]
    return said["Role"], said["Rules"]


ELSEWHERE = {
    "another folder": {"Filter": {"Prefix": "logs/"}},
    "a part of ours": {"Filter": {"Prefix": "shop/data/"}},
    "what has a tag": {"Filter": {"Tag": {"Key": "a", "Value": "b"}}},
    "both": {
        "Filter": {"And": {"Prefix": "shop/", "Tags": [{"Key": "a", "Value": "b"}]}}
    },
    "nothing now": {"Status": "Disabled"},
}


@pytest.mark.parametrize("where", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_rule_about_something_else_is_not_ours(bench, where):
    want = bench.want(bucket={"replicate": TO})
    put(bench, rule("logs", 3, **where))
    (before,) = there(bench)[1]
    assert bench.have(want)["main", "vault"].settings["spec.bucket.replicate"] is None
    bench.settle(want)
    role, rules = there(bench)
    assert role == THEIRS
    ours, *others = sorted(rules, key=lambda one: one["ID"] == "logs")
    assert others == [before]
    assert (ours["Filter"], ours["Destination"]["Bucket"]) == ({"Prefix": "shop/"}, TO)
    assert ours["Priority"] == 4
    assert ours["DeleteMarkerReplication"] == {"Status": "Disabled"}


@pytest.mark.parametrize("prefix", ["", "sh", "shop/"])
def test_a_rule_that_covers_all_of_ours_is_enough(bench, prefix):
    put(bench, rule("all", 1, Filter={"Prefix": prefix}))
    assert bench.due(bench.want(bucket={"replicate": TO})) == []


def test_where_it_goes_is_what_the_first_of_them_says(bench):
    want = bench.want(bucket={"replicate": TO})
    put(bench, rule("a", 1), rule("b", 2, "arn:aws:s3:::elsewhere"))
    bench.settle(want)
    role, rules = there(bench)
    assert role == THEIRS
    assert {one["ID"]: one["Priority"] for one in rules} == {
        "a": 1,
        "b": 2,
        "reconciler shop/": 3,
    }
    bench.settle(bench.want(bucket={"replicate": "arn:aws:s3:::third"}))
    assert len(there(bench)[1]) == 3
    assert there(bench)[1][-1]["Priority"] == 3


def test_of_rules_of_the_old_form_nobody_can_make_one_of_ours(bench):
    """Both forms in one are refused there, and the old one repeats deletions."""
    old = {
        "ID": "a",
        "Status": "Enabled",
        "Prefix": "a/",
        "Destination": {"Bucket": TO},
    }
    put(bench, old)
    want = bench.want(bucket={"replicate": TO})
    (change,) = bench.due(want)
    with pytest.raises(Rejected, match="old form"):
        bench.driver.apply(want, change, "k")
    assert [one["ID"] for one in there(bench)[1]] == ["a"]
