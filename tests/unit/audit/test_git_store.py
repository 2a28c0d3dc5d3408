"""What is recorded, and what is refused, here and on a remote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from reconciler.audit import (
    Base,
    Batch,
    GitStore,
    Intent,
    Note,
    Outcome,
    Query,
    log,
    verify,
)
from reconciler.errors import AuditError, LostLock
from tests.unit.audit.world import NOW, TERM, git, intent, outcome, run
from tests.unit.audit.world import store as world_store

Another = Callable[[], GitStore]
AUDIT = "refs/heads/reconciler/audit/main"


def committed(store: GitStore, *batches: list[Intent | Outcome | Note]) -> None:
    lease = store.acquire(run(len(list(log(store))) + 1), now=NOW, lease=TERM)
    for entries in batches:
        _, lease = store.commit(lease, Batch(entries), now=NOW)
    store.release(lease)


def refused(store: GitStore, *batches: list[Intent | Outcome | Note]) -> str:
    before = store.read().head
    with pytest.raises(AuditError) as error:
        committed(store, *batches)
    assert not isinstance(error.value, LostLock)
    assert store.read().head == before
    return error.value.what


def test_an_intent_is_open_for_everyone_until_its_outcome(another: Another) -> None:
    one = another()
    committed(one, [intent()])
    other = another().read()
    begun = other.open[intent().id]
    assert begun.intent == intent()
    assert not begun.outcome_unknown
    assert begun.first == NOW

    committed(another(), [outcome(intent())])
    after = one.read()
    assert after.open == {}
    record = after.record("Domain", "a.example")
    assert record.applied == (intent().id,)
    assert record.closed == record.done == {"renew": intent().id}
    assert (record.expires, record.last_paid) == ("2027-12-01", "10.40 USD")
    assert record.deadline == intent().due


def test_an_unknown_outcome_keeps_it_open_and_keeps_the_key(another: Another) -> None:
    store = another()
    committed(store, [intent()], [outcome(intent(), "unknown")])
    ledger = another().read()
    assert ledger.open[intent().id].outcome_unknown
    assert ledger.record("Domain", "a.example").attempt(intent().id) == 1
    assert ledger.spend(NOW).month() == {"USD": Decimal("12.00")}

    later = intent(resumed=True, time=NOW + timedelta(hours=1))
    committed(store, [later])
    assert store.read().open[intent().id].first == NOW
    assert store.read().spend(NOW).month() == {"USD": Decimal("12.00")}

    committed(store, [outcome(intent(), "applied", how="settled")])
    assert another().read().open == {}


def test_a_definite_failure_closes_it_and_counts(journal: Another) -> None:
    store = journal()
    committed(store, [intent()], [outcome(intent(), "failed", error="declined")])
    record = store.read().record("Domain", "a.example")
    assert record.failures == {intent().id: 1}
    assert record.closed == {"renew": intent().id}
    assert record.done == {}
    second = intent(attempt=2)
    committed(store, [second], [outcome(second, "not_applied", how="observed")])
    assert store.read().record("Domain", "a.example").attempt(intent().id) == 3
    third = intent(attempt=3)
    committed(store, [third], [outcome(third)])
    record = journal().read().record("Domain", "a.example")
    assert (record.failures, record.applied) == ({}, (intent().id,))


@pytest.mark.parametrize(
    ("before", "entries", "why"),
    [
        pytest.param(
            [[intent()]], [intent(body="c" * 64)], "used for another request", id="body"
        ),
        pytest.param(
            [[intent()]], [intent(attempt=2)], "the journal expects 1", id="attempt"
        ),
        pytest.param(
            [[intent()]], [intent(key="another")], "is open with the key", id="key"
        ),
        pytest.param(
            [[intent()], [outcome(intent())]],
            [intent()],
            "paid for and applied before",
            id="twice",
        ),
        pytest.param([], [outcome(intent())], "no open intent", id="no intent"),
        pytest.param(
            [[intent()], [outcome(intent())]],
            [outcome(intent())],
            "no open intent",
            id="a second outcome",
        ),
        pytest.param(
            [[intent()]],
            [outcome(intent(), key="another")],
            "is open with the key",
            id="the outcome of another attempt",
        ),
        pytest.param(
            [[intent()]],
            [outcome(intent(), uid="b.example")],
            "belongs to Domain a.example renew",
            id="the outcome of another resource",
        ),
        pytest.param(
            [],
            [intent(), outcome(intent())],
            "before its intent was committed",
            id="both at once",
        ),
        pytest.param([], [intent(env="test")], "environment test", id="env"),
        pytest.param([], [intent(precondition=[1.5])], "no floats", id="float"),
    ],
)
def test_what_contradicts_the_journal_is_refused(
    journal: Another,
    before: list[list[Intent | Outcome | Note]],
    entries: list[Intent | Outcome | Note],
    why: str,
) -> None:
    store = journal()
    committed(store, *before)
    assert why in refused(journal(), entries)


def test_an_unpaid_action_may_be_done_again(journal: Another) -> None:
    flag = intent(verb="lock", risk="none", cost=None, ceiling=None)
    store = journal()
    committed(store, [flag], [outcome(flag)], [flag], [outcome(flag)])
    assert store.read().record("Domain", "a.example").applied == ()


def test_money_is_reserved_replaced_and_released(journal: Another) -> None:
    store = journal()
    a = intent("a.example")
    b = intent("b.example", provider="name-com", cost="9 EUR", ceiling=None)
    c = intent("c.example")
    committed(store, [a, b, c])
    spend = store.read().spend(NOW)
    assert spend.month() == {"USD": Decimal("24.00"), "EUR": Decimal(9)}
    assert spend.day("name-com") == {"EUR": Decimal(9)}
    committed(store, [outcome(a), outcome(b, paid="8.50 EUR"), outcome(c, "failed")])
    spend = journal().read().spend(NOW)
    assert spend.month() == {"USD": Decimal("10.40"), "EUR": Decimal("8.50")}
    assert spend.month("porkbun-main") == {"USD": Decimal("10.40")}
    assert spend.run(run(1).id) == spend.month()
    assert spend.run(run(9).id) == {}
    assert store.read().spend(NOW + timedelta(days=1)).day() == {}
    # The 9th of December still knows the run of November, but not as its own month.
    later = store.read().spend(NOW + timedelta(days=17))
    assert later.month() == {}
    assert later.run(run(1).id) == spend.month()


def test_what_was_paid_in_another_currency_replaces_the_reserve(
    journal: Another,
) -> None:
    store = journal()
    committed(store, [intent()], [outcome(intent(), paid="9.90 EUR")])
    assert {c: a for c, a in store.read().spend(NOW).month().items() if a} == {
        "EUR": Decimal("9.90")
    }


def test_approvals_are_kept_until_they_are_used(journal: Another) -> None:
    store = journal()
    digest = intent().action_digest
    approve = Note(event="approved", data={"digests": [digest, "other"]})
    again = Note(event="approved", data={"digests": [digest], "by": "bob"})
    committed(store, [approve], [again], [approve])
    assert store.read().approvals == {digest: ("bob", "ci"), "other": ("ci",)}
    withdrawn = Note(event="withdrawn", data={"digests": ["other", "nothing"]})
    committed(store, [withdrawn], [intent()], [outcome(intent(), "failed")])
    assert journal().read().approvals == {digest: ("bob", "ci")}
    second = intent(attempt=2)
    committed(store, [second], [outcome(second)])
    assert journal().read().approvals == {}


def test_facts_are_kept_in_the_record(journal: Another) -> None:
    store = journal()
    about = {"kind": "Domain", "uid": "a.example"}
    first = {"serial": 7, "notice": "30d", "expires": "2026-12-01"}
    committed(store, [Note(event="observed", data={**about, "facts": first})])
    second = {"serial": 8, "notice": None}
    committed(store, [Note(event="observed", data={**about, "facts": second})])
    record = journal().read().records()["Domain", "a.example"]
    assert record.facts == {"serial": 8, "expires": "2026-12-01"}
    assert record.expires == "2026-12-01"


def test_the_base_moves_its_ref_in_the_same_step(another: Another) -> None:
    store = another()
    commit = git_head(store)
    lease = store.acquire(run(), now=NOW, lease=TERM)
    first = Base(commit=commit, exceptions={"Domain/a.example": None, "Domain/b": "c"})
    ledger, lease = store.commit(lease, Batch(base=first), now=NOW)
    assert (ledger.base, ledger.applied) == (first, commit)
    assert (another().read().base, another().read().applied) == (first, commit)
    second = Base(commit=commit, exceptions={"Domain/b": None, "Domain/c": "d"})
    ledger, lease = store.commit(lease, Batch(base=second), now=NOW)
    assert another().read().base == second
    head = ledger.head
    ledger, lease = store.commit(lease, Batch(base=second), now=NOW)
    assert ledger.head == head


def git_head(store: GitStore) -> str:
    return store.git.ask("rev-parse", "HEAD").decode().strip()


def test_a_run_that_did_nothing_commits_nothing(another: Another) -> None:
    store = another()
    lease = store.acquire(run(), now=NOW, lease=TERM)
    later = NOW + timedelta(minutes=10)
    ledger, lease = store.commit(lease, Batch(), now=later)
    assert lease.until == later + TERM
    store.release(lease)
    assert (ledger.tip, store.read().tip, store.read().last_run) == (None, None, None)


def test_one_commit_per_batch_in_the_layout_of_the_house(another: Another) -> None:
    store = another()
    lease = store.acquire(run(), now=NOW, lease=TERM)
    first = Batch([intent("a.example")], plan={"digest": "p"}, phase="intents")
    _, lease = store.commit(lease, first, now=NOW)
    second = Batch(
        [outcome(intent("a.example"))], plan={"digest": "q"}, phase="outcomes"
    )
    ledger, lease = store.commit(lease, second, now=NOW)
    folder = f"log/2026/11/22/{run().id}/"
    assert ledger.tip
    listed = store.git.ask("ls-tree", "-r", "--name-only", ledger.tip).decode().split()
    assert listed == [
        "head.json",
        folder + "000-run.json",
        folder + "010-intents.jsonl",
        folder + "020-outcomes.jsonl",
        folder + "020-plan.json",
        folder + "plan.json",
        "records/Domain/a.example.json",
        "spend/2026-11.json",
    ]
    shown = store.git.ask("log", "--format=%an <%ae>%n%B", ledger.tip).decode()
    assert shown.splitlines() == [
        "reconciler <reconciler@example.com>",
        "audit: applied renew Domain/a.example (10.40 USD)",
        "",
        f"Reconciler-Run: {run().id}",
        "Reconciler-Plan: pppppppppppppppp",
        "Reconciler-Actor: ci",
        "",
        "reconciler <reconciler@example.com>",
        "audit: renew Domain/a.example (10.42 USD)",
        "",
        f"Reconciler-Run: {run().id}",
        "Reconciler-Plan: pppppppppppppppp",
        "Reconciler-Actor: ci",
        "",
    ]


def test_many_at_once_are_summed_up_in_the_subject(journal: Another) -> None:
    store = journal()
    flags = [intent(f"{c}.example", verb="lock", risk="none") for c in "ab"]
    committed(store, [intent("c.example"), *flags])
    done = [outcome(flags[0]), outcome(flags[1], "unknown")]
    committed(store, done, [Note(event="held"), Note(event="held")], [Note(event="x")])
    tip = store.read().tip
    assert tip
    subjects = store.git.ask("log", "--format=%s", tip).decode().splitlines()
    assert subjects == [
        "audit: x",
        "audit: 2 notes (2 held)",
        "audit: 2 outcomes (1 applied, 1 unknown)",
        "audit: 3 intents (2 lock, 1 renew)",
    ]


def test_secrets_are_written_nowhere(journal: Another) -> None:
    made = journal()
    secret = 'canary"s3cret/+='
    store = type(made)(
        made.root,
        "main",
        made.remote,
        ("r", "r@example.com"),
        environ={},
        sleep=lambda _: None,
        secrets=[secret],
    )
    lease = store.acquire(run(), now=NOW, lease=TERM)
    leaky = intent(precondition={secret: [f"token {secret}"]}, source=secret)
    plan = {"because": f"x{secret}x"}
    ledger, lease = store.commit(lease, Batch([leaky], plan=plan), now=NOW)
    assert ledger.tip
    everything = store.git.ask("log", "-p", "--format=%B", ledger.tip).decode()
    assert "canary" not in everything
    assert ledger.open[leaky.id].intent.precondition == {
        "[redacted]": ["token [redacted]"]
    }


def test_a_secret_that_is_an_ordinary_word_does_no_harm(journal: Another) -> None:
    words = ["main", "renew", "time", "2026", "applied", "Domain", "x" * 4]
    store = world_store(journal().root, secrets=words)
    long = outcome(intent(), "failed", error="x" * 256)
    committed(store, [intent()], [long], [Note(event="base of main", data={"x": 1})])
    assert verify(store) == []
    said = [line.get("error") for line in log(store)][2]
    assert said == ("[redacted]" * 64)[:256]


def test_no_secret_hides_in_an_actor(journal: Another) -> None:
    store = world_store(journal().root, secrets=["canary"])
    lease = store.acquire(run(1, "ci canary"), now=NOW, lease=TERM)
    ledger, _ = store.commit(lease, Batch([Note(event="canary")]), now=NOW)
    assert ledger.tip
    refs = (ledger.tip, "refs/reconciler/main/lock")
    everything = store.git.ask("log", "-p", "--format=%B", *refs).decode()
    assert "ci [redacted]" in everything
    assert "canary" not in everything


def test_two_environments_do_not_see_each_other(journal: Another) -> None:
    main = journal()
    committed(main, [intent()])
    test = GitStore(
        main.root, "test", main.remote, ("r", "r@x"), environ={}, sleep=lambda _: None
    )
    assert test.read().head is None
    assert test.lock_status() is None


def test_names_that_no_file_system_likes(another: Another) -> None:
    store = another()
    odd = ["../../x", ".git", 'a"b\\c\n', "ü" * 150, "A/B", "*.example"]
    committed(store, [intent(uid) for uid in odd])
    assert {uid for _, uid in another().read().records()} == set(odd)
    tip = store.read().tip
    assert tip
    listed = store.git.ask("ls-tree", "-r", "-z", "--name-only", tip).decode()
    assert all(len(part) < 240 for p in listed.split("\0") for part in p.split("/"))


def test_nothing_but_refs_and_objects_is_touched(another: Another) -> None:
    store = another()
    (store.root / "dirty.yaml").write_text("not committed\n")
    (store.root / "inventory.yaml").write_text("changed\n")
    before = git(store.root, "status", "--porcelain=v2", "--branch")
    index = (store.root / ".git/index").read_bytes()
    committed(store, [intent()], [outcome(intent())])
    assert git(store.root, "status", "--porcelain=v2", "--branch") == before
    assert (store.root / ".git/index").read_bytes() == index
    assert git(store.root, "stash", "list") == ""


@pytest.mark.parametrize("env", ["", "Main", "a/b", "-x", "x" * 64, "a..b"])
def test_an_environment_that_is_no_ref_is_refused(journal: Another, env: str) -> None:
    made = journal()
    with pytest.raises(AuditError):
        GitStore(made.root, env, None, ("r", "r@x"), environ={}, sleep=lambda _: None)


def test_the_log_is_filtered(journal: Another) -> None:
    store = journal()
    flag = intent("b.example", verb="lock", risk="none")
    committed(store, [intent()], [outcome(intent())], [flag], [outcome(flag)])

    def found(**query: object) -> list[tuple[str, str]]:
        lines = log(store, Query(**query))  # type: ignore[arg-type]
        return [(line["type"], line.get("name", "")) for line in lines]

    a = [("intent", "a.example"), ("outcome", "a.example")]
    b = [("intent", "b.example"), ("outcome", "b.example")]
    assert found() == [("note", ""), *a, *b]
    assert found(select=("Domain/a*",)) == found(risk="money") == a
    assert found(verb="lock") == b
    assert found(id=intent().id[:8]) == a
    assert found(run=run().id) == [("note", ""), *a, *b]
    assert found(run="none") == []
    assert found(since=NOW + timedelta(seconds=1)) == [a[1], b[1]]
    assert found(until=NOW + timedelta(seconds=1)) == [("note", ""), a[0], b[0]]
