"""The WHM driver: the contract, and what is WHM's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest

from reconciler.engine.observe import Accounts, observe
from reconciler.engine.plan import Situation, plan
from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.kinds.hosting_account import HostingAccount, HostingState, Suspend
from reconciler.model import Absent, AnyDriver, Share, Unknown
from reconciler.providers.whm_hosting import MARKER, WhmHosting
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.whm_seeds import KILL, RIGHTS
from tests.support.contract import NOW, SandboxContract, account
from tests.support.hosted import (
    END,
    GROW,
    LIFT,
    LIMIT,
    NEW,
    OTHER,
    OURS,
    PART,
    PHP,
    SECRETS,
    STOP,
    Bench,
    hosted,
)


class TestWhmHosting(SandboxContract):
    driver = WhmHosting
    vendor = "whm"
    part = PART
    secrets = SECRETS
    extra = "stray.example"
    listing = "listaccts"
    operations = {
        "create": "createacct",
        "change-plan": "changepackage",
        "set-limits": "editquota",
        "set-php": "php_set_vhost_versions",
        "suspend": "suspendacct",
        "unsuspend": "unsuspendacct",
        "terminate": "removeacct",
    }

    def wants(self) -> list[HostingAccount]:
        return [STOP, LIFT, NEW, GROW, LIMIT, PHP, END]

    def test_every_want_gets_one_state(self) -> None:
        """All are there but the one that is to be made."""
        seen = self.made(self.start()).observe(self.wants())
        there = {n for n, s in seen.states.items() if isinstance(s, HostingState)}
        assert there == {want.name for want in self.wants()} - {NEW.name}
        assert isinstance(seen.states[NEW.name], Absent)

    def missing(self) -> HostingAccount:
        return hosted("missing.example")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


def test_the_identity_is_the_host_name(bench: Bench) -> None:
    assert bench.driver.identity() == "whm1.agency.example"
    bench.fault("gethostname", "wrong-account")
    assert bench.driver.identity() == "another.server.example"
    bench.edit("stopme")
    bench.fault("gethostname", "status", status=403)
    with pytest.raises(Rejected):
        bench.driver.identity()


def test_one_request_for_all_accounts_and_no_address_of_anybody(bench: Bench) -> None:
    wants = [OTHER, hosted("stop.example"), hosted("missing.example")]
    seen = bench.driver.observe(wants)
    assert seen.requests == {"listaccts": 1}
    assert isinstance(seen.states["missing.example"], Absent)
    others = {want.name for want in (GROW, LIMIT, PHP, END, LIFT)}
    assert {u.name for u in seen.unmanaged} == {"stray.example", *others}
    assert {(u.kind, u.provider) for u in seen.unmanaged} == {
        ("HostingAccount", "main")
    }
    wanted = bench.sandbox.bench("whm").state["wanted"].split(",")
    assert "user" in wanted
    assert "email" not in wanted
    assert "Bakker" not in repr(seen)


@pytest.mark.parametrize("texts", [True, False])
def test_numbers_come_as_texts_or_as_numbers(bench: Bench, texts: bool) -> None:
    bench.sandbox.bench("whm").state["texts"] = texts
    state = bench.state(OTHER)
    assert state == HostingState(
        account="other",
        domain="other.example",
        package="default",
        suspended=True,
        since=NOW - timedelta(days=1),
        limits={"disk": None},
        used={"disk": 14 * 1024**2, "inodes": 102},
    )
    assert bench.state(LIFT).ours
    assert not bench.state(STOP).suspended


@pytest.mark.parametrize("value", ["2", "", "yes", None, True, 1.5])
def test_a_flag_that_is_neither_0_nor_1_is_unknown(bench: Bench, value: Any) -> None:
    from reconciler.providers import whm_hosting

    row = {"user": "a", "domain": "a.example", "plan": "", "suspendreason": ""}
    row |= {"suspendtime": None, "is_locked": 0, "suspended": value}
    assert isinstance(whm_hosting._seen(row, {"a": 1}), Unknown)


def test_the_suspension_carries_the_marker_and_the_action(bench: Bench) -> None:
    bench.driver.apply(STOP, bench.change(STOP), "abc-1")
    assert (
        bench.row("stopme")["suspended"]
        == f"{MARKER} HostingAccount/stop.example abc-1"
    )
    assert bench.state(STOP).ours
    assert bench.effects("stop.example") == ["suspend"]


def test_what_somebody_else_suspended_is_never_lifted(bench: Bench) -> None:
    change = bench.change(LIFT)
    assert [*OTHER.diff({OTHER.share: bench.state(OTHER)}, NOW)] == []
    with pytest.raises(Rejected, match="no suspension that this tool made"):
        bench.driver.apply(OTHER, change, "abc-1")
    bench.edit("liftme", suspended="fraud, by the abuse desk")
    with pytest.raises(Rejected, match="no suspension that this tool made"):
        bench.driver.apply(LIFT, change, "abc-1")
    bench.edit("liftme", suspended=OURS, locked=True)
    with pytest.raises(Rejected, match="no suspension that this tool made"):
        bench.driver.apply(LIFT, change, "abc-1")
    assert "unsuspend" not in bench.effects("lift.example")
    assert bench.effects("other.example") == []


@pytest.mark.parametrize(
    "reason", ["", "Unknown", f"not {MARKER}", f"{MARKER}-2 x", "reconciler"]
)
def test_only_the_marker_makes_it_ours(bench: Bench, reason: str) -> None:
    bench.edit("liftme", suspended=reason)
    assert bench.state(LIFT).suspended
    assert not bench.state(LIFT).ours


def test_a_failure_that_answers_200_is_a_refusal(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.edit("stopme", suspended="by hand, meanwhile")
    with pytest.raises(Rejected, match="suspended already"):
        bench.driver.apply(STOP, change, "abc-1")
    assert bench.effects("stop.example") == ["by-hand"]


def test_a_refusal_of_the_function_itself_is_looked_into(bench: Bench) -> None:
    """The account was still running when it was read: the vendor's no is a no."""
    change = bench.change(STOP)
    bench.fault("accountsummary", "stale", times=2)
    bench.edit("stopme", suspended="by hand, meanwhile")
    with pytest.raises(Rejected, match="already suspended"):
        bench.driver.apply(STOP, change, "abc-1")
    assert bench.effects("stop.example") == ["by-hand"]


def test_a_change_that_half_worked_is_not_called_a_failure(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.edit("stopme", half=True)
    with pytest.raises(
        Ambiguous, match=r"FTP password files .* seems to have happened"
    ):
        bench.driver.apply(STOP, change, "abc-1")
    assert bench.driver.happened(STOP, change, "abc-1", NOW) is True
    assert bench.effects("stop.example") == ["by-hand", "suspend"]


def test_a_refusal_that_cannot_be_looked_into_is_ambiguous(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.edit("stopme", half=True)
    bench.fault("accountsummary", "status", skip=1, times=0)
    with pytest.raises(Ambiguous):
        bench.driver.apply(STOP, change, "abc-1")


def test_an_answer_without_a_result_is_ambiguous(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.fault("suspendacct", "status-after", status=200)
    with pytest.raises(Ambiguous, match="neither yes nor no"):
        bench.driver.apply(STOP, change, "abc-1")


@pytest.mark.parametrize("kind", ["lost-after", "malformed"])
def test_a_get_that_changes_something_is_never_sent_again(
    bench: Bench, kind: str
) -> None:
    change = bench.change(STOP)
    bench.fault("suspendacct", kind)
    with pytest.raises(Ambiguous):
        bench.driver.apply(STOP, change, "abc-1")
    assert bench.sandbox.ledger.requests()["whm"]["suspendacct"] == 1


def test_slow_is_lost_and_found_again(bench: Bench) -> None:
    change = bench.change(STOP)
    hasty = WhmHosting(bench.account._replace(limits={"timeoutSeconds": 0.1}))
    bench.fault("suspendacct", "slow", seconds=0.3)
    with pytest.raises(Ambiguous, match="answer was lost"):
        hasty.apply(STOP, change, "abc-1")
    hasty.close()
    # It goes on there; the next test must not meet it.
    found = iter(lambda: bench.driver.happened(STOP, change, "abc-1", NOW), True)
    assert {seen for seen, _ in zip(found, range(1000), strict=False)} <= {None}
    assert bench.effects("stop.example") == ["suspend"]


def test_a_panel_that_answers_with_another_account_changes_nothing(
    bench: Bench,
) -> None:
    for want in (STOP, LIFT):
        change = bench.change(want)
        bench.fault("accountsummary", "wrong-account")
        with pytest.raises(Rejected, match="is that of"):
            bench.driver.apply(want, change, "abc-1")
    assert bench.sandbox.ledger.effects() == []


def test_an_account_that_moved_to_another_domain_is_not_the_one(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.edit("stopme", domain="sold.example")
    state = bench.state(STOP)
    assert [*STOP.diff({STOP.share: state}, NOW)] == []
    with pytest.raises(Rejected, match=r"is that of sold\.example"):
        bench.driver.apply(STOP, change, "abc-1")


def test_two_documents_of_one_account_are_unknown(bench: Bench) -> None:
    twin = hosted("twin.example", account="stopme", domain="stop.example")
    seen = bench.driver.observe([STOP, twin, LIFT])
    for want in (STOP, twin):
        state = seen.states[want.name]
        assert isinstance(state, Unknown)
        assert "several documents" in state.why
    assert isinstance(seen.states[LIFT.name], HostingState)


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed", "lost-after"])
def test_a_broken_listing_proves_nothing(bench: Bench, kind: str) -> None:
    bench.fault("listaccts", kind, times=0)
    seen = bench.driver.observe([STOP, hosted("missing.example")])
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


def test_a_suspension_by_somebody_else_is_not_ours_that_happened(bench: Bench) -> None:
    change = bench.change(STOP)
    assert isinstance(change, Suspend)
    later = NOW + timedelta(minutes=20)
    bench.edit("stopme", suspended="by hand")
    assert bench.driver.happened(STOP, change, "abc-1", NOW) is None
    bench.sandbox.clock.set(later, frozen=True)
    assert bench.driver.happened(STOP, change, "abc-1", NOW) is False
    bench.edit("stopme", remove=True)
    assert bench.driver.happened(STOP, change, "abc-1", NOW) is None


def test_needs_its_endpoint(bench: Bench) -> None:
    with pytest.raises(ProviderError, match="needs its endpoint"):
        WhmHosting(bench.account._replace(endpoint=None))


def test_tokens_that_never_end_or_can_do_everything_are_named(bench: Bench) -> None:
    tokens = bench.sandbox.bench("whm").state["tokens"]
    tokens[0].update(rights=[*RIGHTS])
    assert [*bench.driver.examine()] == []
    tokens[0].update(rights=[*RIGHTS, KILL])
    (advice,) = bench.driver.examine()
    assert advice.said == "the token may delete accounts"
    assert "kill-acct" in advice.fix
    tokens[0].update(rights=["all"], expires=None)
    tokens.append({**tokens[0], "name": "narrow", "rights": [], "expires": 30})
    _, advice = bench.driver.examine()
    assert advice.said == "the token reconciler never ends and may do everything"
    assert "list-accts" in advice.fix


def test_a_plan_of_many_servers_asks_each_twice_and_within_its_limit() -> None:
    """What 10,000 accounts on 50 servers are at scale, here 200 on 5."""
    with ExitStack() as stack:
        wants: list[HostingAccount] = []
        drivers: dict[Share, AnyDriver] = {}
        running: list[Sandbox] = []
        for number in range(5):
            users = {
                f"u{number}x{n}": {"domain": f"s{number}-{n}.example"}
                for n in range(40)
            }
            part = {
                "hostname": f"whm{number}.agency.example",
                "tokens": [{"user": "root", "token": "a-root-token"}],
                "accounts": users,
            }
            clock = SandboxClock(NOW, frozen=True)
            sandbox = stack.enter_context(Sandbox(World({"whm": part}), clock))
            running.append(sandbox)
            secrets = {"user": "root", "token": "a-root-token"}
            slow = account(sandbox, "whm", secrets, limits={"requestsPerSecond": 1})
            share = Share(f"whm-{number}", "hosting")
            drivers[share] = stack.enter_context(closing(WhmHosting(slow)))
            wants += [
                hosted(seed["domain"], provider=share.provider, account=user)
                for user, seed in users.items()
            ]
        identities = {f"whm-{n}": f"whm{n}.agency.example" for n in range(5)}
        accounts = Accounts(drivers, identities)
        world = observe(wants, accounts)
        planned = plan(Situation("main", wants, {}), world, accounts, now=NOW)
    assert (planned.actions, planned.findings, planned.unknown) == ((), (), ())
    assert planned.unmanaged == ()
    for sandbox in running:
        asked = sandbox.ledger.requests()["whm"]
        assert asked == {"gethostname": 1, "listaccts": 1}
        assert sandbox.clock() - NOW >= timedelta(seconds=1)
    assert all(seen.requests == {"listaccts": 1} for seen in world.shares.values())
