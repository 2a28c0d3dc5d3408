"""What must hold for every plan and every set of policies."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model import Action, AnyResource, Decision, Verdict
from reconciler.policy.people import missing
from tests.unit.policy.court import NOW, action, policy, verdicts

HOURS = st.none() | st.integers(0, 99).map(lambda hours: NOW + timedelta(hours=hours))
AMOUNT = st.integers(1, 40).map(lambda n: f"{n}.00")
CURRENCY = st.sampled_from(["USD", "EUR"])
VERBS = st.sampled_from(["renew", "lock", "delegate", "prune"])
ACCOUNTS = st.sampled_from(["x", "y"])
PEOPLE = st.lists(st.sampled_from(["ann", "@Ann", "bo", "cem"]), max_size=3)


@st.composite
def an_action(draw: st.DrawFn, index: int) -> Action:
    currency = draw(CURRENCY)
    verb = draw(VERBS)
    money = {
        "cost": f"{draw(AMOUNT)} {currency}",
        "ceiling": f"{draw(AMOUNT)} {currency}",
    }
    held = Verdict(Decision.HOLD, "built-in/drift", "moved", ("review",))
    return action(
        f"d{index}.example",
        verb,
        **(money if verb == "renew" else {}),
        account=draw(ACCOUNTS),
        due=draw(HOURS),
        labels=draw(st.sampled_from([{}, {"tier": "gold"}])),
        resumes=draw(st.booleans()),
        verdicts=draw(st.sampled_from([(), (), (held,)])),
    )


SCOPE = st.fixed_dictionaries(
    {},
    optional={
        "verbs": st.lists(VERBS, max_size=2),
        "labels": st.just({"tier": "gold"}),
        "accounts": st.lists(ACCOUNTS, max_size=1),
    },
)
RULES = st.sampled_from(
    ["true", "false", "labels.tier == 'gold'", "cost.minor < 2000", "nmae", "after.x"]
)
ENFORCED = st.sampled_from(["advisory", "approval(ops)", "mandatory"])


def a_rule() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.builds(lambda s: ("Freeze", {"scope": s, "reason": "r"}), SCOPE),
        st.builds(
            lambda m, two, below: (
                "ApprovalRule",
                {
                    "match": m,
                    "groups": ["ops"],
                    "twoPerson": two,
                    "standing": {"below": [f"{below} USD"]},
                },
            ),
            SCOPE,
            st.booleans(),
            AMOUNT,
        ),
        st.builds(
            lambda m, e, how: (
                "Policy",
                {
                    "match": m,
                    "validations": [{"expression": e, "message": "m"}],
                    "enforcement": how,
                },
            ),
            SCOPE,
            RULES,
            ENFORCED,
        ),
        st.just(("Group", {"members": ["ann"]})),
    )


def a_budget() -> st.SearchStrategy[Any]:
    spend = st.builds(
        lambda usd, eur, where: {
            "spend": {
                "perRun": [f"{usd} USD", f"{eur} EUR"],
                "perDay": [f"{usd} USD", f"{eur} EUR"],
            },
            "scope": {"accounts": where},
        },
        AMOUNT,
        AMOUNT,
        st.lists(ACCOUNTS, max_size=1),
    )
    count = st.builds(
        lambda n, d: {"changes": {"count": n}, "deletes": {"share": f"{d}%"}},
        st.integers(0, 4),
        st.integers(0, 3),
    )
    return st.one_of(spend, count).map(lambda spec: ("Budget", spec))


def built(raw: list[Any]) -> list[AnyResource]:
    names = {"Group": "ops"}
    return [
        policy(f"{kind}/{names.get(kind, f'p{i}')}", **spec)
        for i, (kind, spec) in enumerate(raw)
    ]


ACTIONS = st.integers(0, 6).flatmap(
    lambda n: st.tuples(*(an_action(i) for i in range(n))).map(list)
)


def approvals(actions: list[Action], people: list[str]) -> dict[str, tuple[str, ...]]:
    return {a.digest: tuple(people) for a in actions[::2]}


@settings(max_examples=150, deadline=None)
@given(ACTIONS, st.lists(a_rule(), max_size=4), a_rule(), PEOPLE)
def test_one_more_rule_never_loosens(
    actions: list[Action], raw: list[Any], more: Any, people: list[str]
) -> None:
    given_ = approvals(actions, people)
    fewer = verdicts(actions, built(raw), approvals=given_)
    after = verdicts(actions, built([*raw, more]), approvals=given_)
    for one, other in zip(fewer, after, strict=True):
        assert other.decision >= one.decision


@settings(max_examples=150, deadline=None)
@given(
    ACTIONS, st.lists(a_rule(), max_size=3), st.lists(a_budget(), max_size=3), PEOPLE
)
def test_budgets_only_ever_hold(
    actions: list[Action], raw: list[Any], budgets: list[Any], people: list[str]
) -> None:
    given_ = approvals(actions, people)
    without = verdicts(actions, built(raw), approvals=given_)
    after = verdicts(actions, built([*raw, *budgets]), approvals=given_)
    for one, other in zip(without, after, strict=True):
        assert other.decision >= one.decision
        assert other.verdicts[: len(one.verdicts)] == one.verdicts
        added = other.verdicts[len(one.verdicts) :]
        assert all(v.rule.startswith("Budget/") and v.firm for v in added)


@settings(max_examples=100, deadline=None)
@given(ACTIONS, st.lists(a_rule() | a_budget(), max_size=4), PEOPLE, st.randoms())
def test_no_order_matters(
    actions: list[Action], raw: list[Any], people: list[str], random: Any
) -> None:
    policies = built(raw)
    given_ = approvals(actions, people)
    first = {a.id: a for a in verdicts(actions, policies, approvals=given_)}
    shuffled, listed = actions[:], policies[:]
    random.shuffle(shuffled)
    random.shuffle(listed)
    again = {a.id: a for a in verdicts(shuffled, listed, approvals=given_)}
    assert first == again


@settings(max_examples=200, deadline=None)
@given(
    ACTIONS,
    st.lists(a_rule(), max_size=2),
    st.lists(a_budget(), min_size=1, max_size=3),
    PEOPLE,
    AMOUNT,
)
def test_what_is_allowed_never_exceeds_a_budget(
    actions: list[Action],
    raw: list[Any],
    budgets: list[Any],
    people: list[str],
    gone: str,
) -> None:
    spent = {
        (currency, account, "day"): f"{gone} {currency}"
        for currency in ("USD", "EUR")
        for account in (None, "x", "y")
    }
    judged = verdicts(
        actions,
        built([*raw, *budgets]),
        approvals=approvals(actions, people),
        spent=spent,
    )
    free = [a for a in judged if a.decision is Decision.ALLOW]
    for _, spec in budgets:
        if "spend" in spec:
            _within_money(free, spec, Decimal(gone))
        else:
            changed = {a.want.name for a in free if a.change.merges}
            assert len(changed) <= spec["changes"]["count"]
            pruned = {a.want.name for a in free if a.change.verb == "prune"}
            assert len(pruned) <= int(spec["deletes"]["share"][:-1])


def _within_money(free: list[Action], spec: Any, gone: Decimal) -> None:
    limits = {text[-3:]: Decimal(text[:-4]) for text in spec["spend"]["perRun"]}
    accounts = spec["scope"]["accounts"]
    total: dict[str, Decimal] = defaultdict(Decimal)
    fresh: dict[str, Decimal] = defaultdict(Decimal)
    for a in free:
        cost = a.change.cost
        if cost and (not accounts or a.change.share.provider in accounts):
            total[cost.currency] += cost.amount
            fresh[cost.currency] += cost.amount if not a.resumes else 0
    for currency, limit in limits.items():
        assert total[currency] <= limit
        assert fresh[currency] <= max(limit - gone, Decimal(0))


@settings(max_examples=200, deadline=None)
@given(ACTIONS)
def test_money_never_exceeds_the_ceiling(actions: list[Action]) -> None:
    for judged in verdicts(actions, []):
        cost, most = judged.change.cost, judged.ceiling
        if judged.decision is Decision.ALLOW and cost:
            assert most
            assert cost <= most


GROUP = st.sampled_from("abc")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(GROUP, max_size=4),
    st.sets(st.sampled_from("wxyz")),
    st.sampled_from("wxyz"),
    st.dictionaries(GROUP, st.frozensets(st.sampled_from("wxyz")), max_size=3),
)
def test_one_more_approver_never_leaves_more_missing(
    needs: list[str], people: set[str], more: str, members: dict[str, frozenset[str]]
) -> None:
    before = missing(tuple(needs), people, members)
    after = missing(tuple(needs), people | {more}, members)
    assert len(after) <= len(before)
    assert len(before) >= len(needs) - len(people)
