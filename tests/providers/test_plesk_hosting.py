"""The Plesk driver: the contract, and what is Plesk's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    TooEarly,
    Unsupported,
)
from reconciler.kinds.hosting_account import (
    ChangePlan,
    Create,
    HostingAccount,
    HostingState,
    SetLimits,
    Terminate,
)
from reconciler.model import Absent, Account, AnyDriver, Change, Unknown
from reconciler.providers._plesk_subscription import MARKER
from reconciler.providers.plesk_hosting import PleskHosting
from reconciler.sandbox import Fault, Sandbox, SandboxClock, World
from reconciler.testing import Case
from tests.support.contract import NOW, SandboxContract, account

SECRETS = {"key": "plesk-sandbox-key"}
OURS = f"call before 9\n{MARKER} 0123-1 2026-11-20T08:00:00Z"
GIB = 1024**3
PART: dict[str, Any] = {
    "hostname": "plesk1.agency.example",
    "keys": [{"key": "plesk-sandbox-key", "description": "reconciler"}],
    "plans": {
        "Care 5": {"disk": 5120},
        "Care 20": {"disk": 20480, "traffic": 102400},
        "Extra mail": {"addon": True},
    },
    "subscriptions": {
        "stopme": {"domain": "stop.example", "plan": "Care 5", "note": "call first"},
        "liftme": {
            "domain": "lift.example",
            "plan": "Care 5",
            "addons": ["Extra mail"],
            "status": 16,
            "note": OURS,
        },
        "other": {"domain": "other.example", "plan": "Care 5", "status": 16},
        "moveme": {"domain": "move.example", "plan": "Care 5"},
        "limitme": {"domain": "limit.example", "plan": "Care 5"},
        "phpme": {
            "domain": "php.example",
            "plan": "Care 5",
            "php": "plesk-php82-fastcgi",
        },
        "endme": {"domain": "end.example", "plan": "Care 5"},
        "stray": {"domain": "stray.example", "plan": None, "locked": True},
    },
}
STEPS = {
    "Care 5": {"plan": "care-5", "package": "Care 5", "limits": {"disk": "5GiB"}},
    "Care 20": {"plan": "care-20", "package": "Care 20", "limits": {"disk": "20GiB"}},
}


def hosted(name: str, package: str = "", **spec: Any) -> HostingAccount:
    ladder = [STEPS[package]] if package else []
    whole = {"provider": "main", "plan": "care-5", "ladder": ladder, **spec}
    return HostingAccount.model_validate({"metadata": {"name": name}, "spec": whole})


STOP = hosted("stop.example", account="stopme", state="suspended")
LIFT = hosted("lift.example", state="active")
OTHER = hosted("other.example", state="active")
MOVE = hosted("move.example", "Care 20")
LIMIT = hosted("limit.example", limits={"disk": "6GiB", "bandwidth": "10GiB"})
PHP = hosted("php.example", php="8.3")
END = hosted("end.example", state="terminated")
NEW = hosted("new.example", "Care 5")
DONE = {"create": NEW, "change-plan": MOVE, "set-limits": LIMIT, "set-php": PHP}
DONE |= {"suspend": STOP, "unsuspend": LIFT, "terminate": END}
OPERATIONS = {
    "create": "domains",
    "change-plan": "subscription --switch-subscription",
    "set-limits": "subscription_settings --update",
    "set-php": "subscription --update",
    "suspend": "webspace set",
    "unsuspend": "webspace set",
    "terminate": "subscription --remove",
}
LISTING = "service-plan get+webspace get"


class TestPleskHosting(SandboxContract):
    driver = PleskHosting
    vendor = "plesk"
    part = PART
    secrets = SECRETS
    extra = "stray.example"
    listing = LISTING
    operations = OPERATIONS

    def wants(self) -> list[HostingAccount]:
        return [STOP, LIFT, MOVE, LIMIT, PHP, END]

    def missing(self) -> HostingAccount:
        return hosted("missing.example")

    def cases(self, driver: AnyDriver, account: Account) -> list[Case]:
        """Return the cases, and that of an account which is not there yet."""
        (change,) = NEW.diff({NEW.share: Absent()}, account.clock())
        return [*super().cases(driver, account), Case(NEW, change)]

    def shows(self, driver: AnyDriver, case: Case) -> bool:
        seen = driver.observe([*self.wants(), NEW])
        have = {case.change.share: seen.states[case.want.name]}
        return case.want.done(case.change, have) is True

    def test_after_applying_there_is_nothing_left_to_do(self) -> None:
        for case, driver, main in self.each():
            assert driver.apply(case.want, case.change, "key-1").reference
            assert self.effects(case.want.name) == 1
            assert self.shows(driver, case)
            seen = driver.observe([case.want])
            have = {case.change.share: seen.states[case.want.name]}
            left = {one.verb for one in case.want.diff(have, main.clock())}
            assert not left


class Bench:
    """One driver over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.clock.set(NOW, frozen=True)
        sandbox.reset(World({"plesk": PART}))
        self.sandbox = sandbox
        self.account: Account = account(sandbox, "plesk", SECRETS)
        self.driver = PleskHosting(self.account, password=lambda _: "first-password")

    def state(self, want: HostingAccount) -> Any:
        return self.driver.observe([want]).states[want.name]

    def change(self, want: HostingAccount) -> Any:
        (change,) = want.diff({want.share: self.state(want)}, NOW)
        return change

    def apply(self, want: HostingAccount, change: Change) -> Any:
        return self.driver.apply(want, change, "abc-1")  # type: ignore[arg-type]

    def edit(self, user: str, **fields: Any) -> None:
        self.sandbox.edit("plesk", "account", {"user": user, **fields})

    def fault(self, operation: str, kind: Any, **more: Any) -> None:
        fault = Fault(vendor="plesk", operation=operation, kind=kind, **more)
        self.sandbox.inject(fault)

    def effects(self, name: str) -> list[str]:
        return [e.operation for e in self.sandbox.ledger.effects("plesk", name)]

    def row(self, user: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sandbox.bench("plesk").state["accounts"][user]
        return found

    def asked(self) -> dict[str, int]:
        return self.sandbox.ledger.requests()["plesk"]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"plesk": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


def test_the_identity_is_the_host_name(bench: Bench) -> None:
    assert bench.driver.identity() == "plesk1.agency.example"
    bench.fault("server", "wrong-account")
    assert bench.driver.identity() == "another.server.example"
    bench.fault("server", "status", status=403)
    with pytest.raises(Rejected):
        bench.driver.identity()


def test_one_request_for_all_subscriptions(bench: Bench) -> None:
    seen = bench.driver.observe([STOP, LIFT, OTHER, hosted("missing.example")])
    assert seen.requests == {"subscriptions": 1}
    assert isinstance(seen.states["missing.example"], Absent)
    names = {(u.kind, u.name, u.provider) for u in seen.unmanaged}
    assert ("HostingAccount", "stray.example", "main") in names
    assert not {name for _, name, _ in names} & {"stop.example", "lift.example"}


def test_what_is_read_of_a_subscription(bench: Bench) -> None:
    bench.edit("moveme", grows=1024.0, plan="Care 20", locked=True, status=4)
    bench.sandbox.clock.advance(timedelta(days=3, hours=5))
    want = hosted("move.example", php="8.2")
    state = bench.driver.observe([want]).states[want.name]
    mib = 1024**2
    assert state == HostingState(
        account="moveme",
        domain="move.example",
        package="Care 20",
        php="8.2",
        limits={"disk": 20.0 * GIB, "bandwidth": 100.0 * GIB},
        used={"disk": (120.0 + 3 * 1024) * mib, "bandwidth": 3 * 30.0 * mib},
        customised=True,
        busy="it is backed up or restored",
    )
    assert bench.state(OTHER).limits == {"disk": 5.0 * GIB, "bandwidth": None}
    assert bench.state(OTHER).php is None


def test_handlers_are_asked_for_where_a_document_names_a_version(bench: Bench) -> None:
    bench.driver.observe([STOP])
    assert set(bench.asked()) == {LISTING}
    for _ in range(3):
        bench.driver.observe([STOP, PHP])
    assert bench.asked()["php_handler --list-json"] == 1


@pytest.mark.parametrize(
    ("status", "note", "ours"),
    [
        (16, OURS, True),
        (16, f"{MARKER} x nonsense", True),
        (16, "", False),
        (16, f"not {MARKER} 1", False),
        (16, f"{MARKER}-2 1", False),
        (16 + 4, OURS, True),
        (32, OURS, False),
        (64, OURS, False),
        (256, OURS, False),
        (16 + 256, OURS, False),
        (16 + 32, OURS, False),
        (1, OURS, False),
    ],
)
def test_only_the_mark_and_our_reason_alone_make_it_ours(
    bench: Bench, status: int, note: str, ours: bool
) -> None:
    bench.edit("liftme", status=status, note=note)
    state = bench.state(LIFT)
    assert (state.suspended, state.ours) == (True, ours)
    lifts = {c.verb for c in LIFT.diff({LIFT.share: state}, NOW)}
    assert lifts == ({"unsuspend"} if ours and not status & 4 else set())


def test_the_customers_own_description_is_no_mark(bench: Bench) -> None:
    bench.edit("liftme", note="", description=OURS)
    assert not bench.state(LIFT).ours


@pytest.mark.parametrize("status", [512, 1024 + 16, -1])
def test_a_status_that_is_not_documented_is_unknown(bench: Bench, status: int) -> None:
    bench.row("liftme")["status"] = status
    seen = bench.driver.observe([LIFT, STOP])
    assert isinstance(seen.states[LIFT.name], Unknown)
    assert isinstance(seen.states[STOP.name], HostingState)


def test_a_plan_that_is_none_of_the_servers_is_unknown(bench: Bench) -> None:
    bench.row("liftme")["plan"] = "Plan of a reseller"
    bench.row("liftme")["addons"] = []
    state = bench.state(LIFT)
    assert isinstance(state, Unknown)
    assert "none of the server's service plans" in state.why


def test_a_suspension_is_one_request_with_its_mark(bench: Bench) -> None:
    bench.apply(STOP, bench.change(STOP))
    row = bench.row("stopme")
    assert row["status"] == 16
    assert row["note"] == f"call first\n{MARKER} abc-1 2026-11-22T09:00:00Z"
    assert bench.asked()["webspace set"] == 1
    state = bench.state(STOP)
    assert (state.ours, state.since) == (True, NOW)


def test_lifting_takes_the_mark_away_and_nothing_else(bench: Bench) -> None:
    bench.apply(LIFT, bench.change(LIFT))
    assert (bench.row("liftme")["status"], bench.row("liftme")["note"]) == (
        0,
        "call before 9",
    )


def test_a_suspension_that_was_lifted_by_hand_leaves_its_mark(bench: Bench) -> None:
    bench.edit("liftme", status=0)
    state = bench.state(LIFT)
    assert (state.suspended, state.mark_left) == (False, True)
    found = {f.code for f in LIFT.findings({LIFT.share: state}, NOW)}
    assert found == {"suspension-mark-left"}
    again = hosted("lift.example", state="suspended")
    bench.apply(again, bench.change(again))
    assert bench.row("liftme")["note"].count(MARKER) == 1


def test_what_somebody_else_suspended_is_never_lifted(bench: Bench) -> None:
    change = bench.change(LIFT)
    for status, note in ((16, "fraud"), (48, OURS), (272, OURS)):
        bench.edit("liftme", status=status, note=note)
        with pytest.raises(Rejected, match="no suspension that this tool made"):
            bench.apply(LIFT, change)
    assert "unsuspend" not in bench.effects("lift.example")


def test_a_new_account_is_on_its_plan_and_its_password_is_kept_nowhere(
    bench: Bench,
) -> None:
    change = bench.change(NEW)
    assert isinstance(change, Create)
    receipt = bench.apply(NEW, change)
    assert receipt.reference.startswith("domains/")
    row = bench.row("newexamp")
    assert (row["domain"], row["plan"]) == ("new.example", "Care 5")
    assert bench.state(NEW).limits["disk"] == 5.0 * GIB
    world = json.dumps(bench.sandbox.bench("plesk").state)
    assert "first-password" not in world + repr(receipt) + repr(bench.driver)


def test_a_first_password_is_made_by_chance() -> None:
    import inspect

    made = inspect.signature(PleskHosting).parameters["password"].default
    assert len({made(24) for _ in range(5)}) == 5
    assert min(len(made(24)) for _ in range(5)) >= 24


def test_an_account_that_is_there_is_not_made_again(bench: Bench) -> None:
    change = bench.change(NEW)
    bench.edit("newexamp", domain="new.example", plan="Care 20")
    with pytest.raises(Rejected, match="is there already"):
        bench.apply(NEW, change)
    assert bench.effects("new.example") == ["by-hand"]


def test_a_name_that_another_subscription_has_as_a_site_is_refused(
    bench: Bench,
) -> None:
    bench.edit("moveme", sites=["new.example"])
    with pytest.raises(Rejected, match="already exists"):
        bench.apply(NEW, bench.change(NEW))
    assert "create" not in bench.effects("new.example")


def test_a_plan_is_switched_and_its_limits_follow(bench: Bench) -> None:
    bench.apply(MOVE, bench.change(MOVE))
    state = bench.state(MOVE)
    assert (state.package, state.limits["disk"]) == ("Care 20", 20.0 * GIB)


def test_a_locked_subscription_waits_for_a_person_and_keeps_its_limits(
    bench: Bench,
) -> None:
    change = bench.change(MOVE)
    assert change.hold is None
    bench.edit("moveme", locked=True)
    state = bench.state(MOVE)
    found = {f.code for f in MOVE.findings({MOVE.share: state}, NOW)}
    assert "account-customised" in found
    with pytest.raises(Rejected, match="customised"):
        bench.apply(MOVE, change)
    held = bench.change(MOVE)
    assert isinstance(held, ChangePlan)
    assert "customised" in (held.hold or "")
    bench.apply(MOVE, held)
    state = bench.state(MOVE)
    assert (state.package, state.limits["disk"]) == ("Care 20", 5.0 * GIB)
    after = bench.change(MOVE)
    assert isinstance(after, SetLimits)


def test_what_git_customises_itself_holds_nothing_up(bench: Bench) -> None:
    bench.edit("moveme", locked=True)
    for more in ({"limits": {"disk": "30GiB"}}, {"php": "8.2"}):
        want = hosted("move.example", "Care 20", **more)
        state = bench.state(want)
        changes = list(want.diff({want.share: state}, NOW))
        assert [c.hold for c in changes if isinstance(c, ChangePlan)] == [None]
        found = {f.code for f in want.findings({want.share: state}, NOW)}
        assert "account-customised" not in found


def test_a_plan_changed_by_hand_meanwhile_is_not_changed_again(bench: Bench) -> None:
    change = bench.change(MOVE)
    bench.edit("moveme", plan=None)
    with pytest.raises(Rejected, match="no plan by now"):
        bench.apply(MOVE, change)
    assert bench.effects("move.example") == ["by-hand"]


def test_a_plan_the_server_does_not_have(bench: Bench) -> None:
    change = bench.change(MOVE)
    details = {**change.details, "package": "Extra mail"}
    with pytest.raises(Rejected, match="has no plan Extra mail"):
        bench.apply(MOVE, change.model_copy(update={"details": details}))


def test_limits_are_set_in_one_command(bench: Bench) -> None:
    bench.apply(LIMIT, bench.change(LIMIT))
    state = bench.state(LIMIT)
    assert state.limits == {"disk": 6.0 * GIB, "bandwidth": 10.0 * GIB}
    assert state.customised
    assert bench.effects("limit.example") == ["limits"]


@pytest.mark.parametrize("metric", ["disk", "bandwidth"])
def test_no_limit_is_one_too(bench: Bench, metric: str) -> None:
    change = bench.change(LIMIT).model_copy(
        update={"details": {"limits": {metric: None}}}
    )
    bench.apply(LIMIT, change)
    assert bench.state(LIMIT).limits[metric] is None


def test_what_the_panel_cannot_limit_is_refused(bench: Bench) -> None:
    change = bench.change(LIMIT).model_copy(
        update={"details": {"limits": {"cpu": 100}}}
    )
    with pytest.raises(Unsupported):
        bench.apply(LIMIT, change)
    assert bench.effects("limit.example") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("plesk-php82-fastcgi", "plesk-php83-fastcgi"),
        ("plesk-php82-fpm", "plesk-php83-fpm"),
    ],
)
def test_php_runs_in_the_same_way_as_before(
    bench: Bench, before: str, after: str
) -> None:
    bench.edit("phpme", php=before)
    bench.apply(PHP, bench.change(PHP))
    assert bench.row("phpme")["php"] == after
    assert bench.state(PHP).php == "8.3"


@pytest.mark.parametrize("version", ["7.4", "5.6"])
def test_php_that_is_disabled_or_not_there_is_refused(
    bench: Bench, version: str
) -> None:
    want = hosted("php.example", php=version)
    with pytest.raises(Rejected, match=f"does not run PHP {version}"):
        bench.apply(want, bench.change(want))
    assert bench.effects("php.example") == []


def test_an_account_ends_for_good(bench: Bench) -> None:
    change = bench.change(END)
    assert isinstance(change, Terminate)
    bench.apply(END, change)
    assert isinstance(bench.state(END), Absent)
    with pytest.raises(Rejected):
        bench.apply(END, change)
    assert bench.effects("end.example") == ["remove"]


# -- when it goes wrong -----------------------------------------------------------------


def command(bench: Bench, verb: str) -> tuple[HostingAccount, Any]:
    want = DONE[verb]
    return want, bench.change(want)


def user_of(want: HostingAccount) -> str:
    rows = PART["subscriptions"].items()
    return next(user for user, row in rows if row["domain"] == want.name)


@pytest.mark.parametrize("verb", ["change-plan", "set-limits", "set-php", "terminate"])
def test_a_code_that_is_not_0_is_an_error_though_http_says_200(
    bench: Bench, verb: str
) -> None:
    """It is gone when the command comes; what was read just before still shows it."""
    want, change = command(bench, verb)
    bench.driver.observe([PHP])
    bench.fault(f"{LISTING} one", "stale", times=2)
    bench.edit(user_of(want), remove=True)
    with pytest.raises(Rejected, match="code 1 Unable to find the subscription"):
        bench.apply(want, change)
    assert bench.effects(want.name) == ["by-hand"]


def test_a_result_that_is_an_error_is_one_though_http_says_200(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.fault(f"{LISTING} one", "stale", times=2)
    bench.edit("stopme", remove=True)
    with pytest.raises(Rejected, match="error 1013 Domain does not exist"):
        bench.apply(STOP, change)
    assert bench.effects("stop.example") == ["by-hand"]


@pytest.mark.parametrize("verb", sorted(set(DONE) - {"create"}))
def test_a_change_that_half_worked_is_not_called_a_failure(
    bench: Bench, verb: str
) -> None:
    want, change = command(bench, verb)
    bench.edit(user_of(want), half=True)
    with pytest.raises(Ambiguous, match="seems to have happened"):
        bench.apply(want, change)
    assert bench.driver.happened(want, change, "abc-1", NOW) is True
    assert len(bench.effects(want.name)) == 2


@pytest.mark.parametrize("verb", sorted(DONE))
def test_a_lost_answer_is_never_sent_again(bench: Bench, verb: str) -> None:
    want, change = command(bench, verb)
    bench.fault(OPERATIONS[verb], "lost-after")
    with pytest.raises(Ambiguous):
        bench.apply(want, change)
    assert bench.asked()[OPERATIONS[verb]] == 1
    assert bench.driver.happened(want, change, "abc-1", NOW) is True
    assert len(bench.effects(want.name)) == 1


@pytest.mark.parametrize("verb", sorted(set(DONE) - {"create"}))
def test_a_panel_that_answers_with_another_subscription_changes_nothing(
    bench: Bench, verb: str
) -> None:
    want, change = command(bench, verb)
    bench.fault(f"{LISTING} one", "wrong-account")
    with pytest.raises(Rejected, match="is that of"):
        bench.apply(want, change)
    assert bench.sandbox.ledger.effects() == []


def test_a_command_outlives_its_answer(bench: Bench) -> None:
    change = bench.change(MOVE)
    bench.edit("moveme", slow=300)
    with pytest.raises(Ambiguous, match="504"):
        bench.apply(MOVE, change)
    assert bench.driver.happened(MOVE, change, "abc-1", NOW) is None
    bench.sandbox.clock.advance(timedelta(seconds=301))
    assert bench.driver.happened(MOVE, change, "abc-1", NOW) is True
    assert bench.effects("move.example") == ["by-hand", "switch"]


def test_what_never_came_is_proven_after_it_has_settled(bench: Bench) -> None:
    change = bench.change(MOVE)
    bench.fault(OPERATIONS["change-plan"], "lost-before")
    with pytest.raises(Ambiguous):
        bench.apply(MOVE, change)
    assert bench.driver.happened(MOVE, change, "abc-1", NOW) is None
    bench.sandbox.clock.advance(timedelta(minutes=15))
    assert bench.driver.happened(MOVE, change, "abc-1", NOW) is False


@pytest.mark.parametrize(
    "operation", ["subscription --switch-subscription", "webspace set"]
)
def test_an_answer_that_says_neither_yes_nor_no(bench: Bench, operation: str) -> None:
    want = MOVE if operation.startswith("subscription") else STOP
    change = bench.change(want)
    bench.fault(operation, "status-after", status=200)
    with pytest.raises(Ambiguous):
        bench.apply(want, change)


def test_a_refusal_that_cannot_be_looked_into_is_ambiguous(bench: Bench) -> None:
    change = bench.change(MOVE)
    bench.edit("moveme", half=True)
    bench.fault(f"{LISTING} one", "status", skip=1, times=0)
    with pytest.raises(Ambiguous, match="cannot be read"):
        bench.apply(MOVE, change)


def test_while_it_is_backed_up_nothing_is_done_to_it(bench: Bench) -> None:
    change = bench.change(MOVE)
    bench.edit("moveme", status=4)
    with pytest.raises(TooEarly, match="backed up"):
        bench.apply(MOVE, change)
    assert [*MOVE.diff({MOVE.share: bench.state(MOVE)}, NOW)] == []


def test_another_system_user_is_another_account(bench: Bench) -> None:
    change = bench.change(STOP)
    bench.edit("stopme", remove=True)
    bench.edit("newuser", domain="stop.example", plan="Care 5")
    state = bench.state(STOP)
    assert [*STOP.diff({STOP.share: state}, NOW)] == []
    with pytest.raises(Rejected, match="is that of"):
        bench.apply(STOP, change)


def test_two_documents_of_one_subscription_are_unknown(bench: Bench) -> None:
    twin = hosted("twin.example", account="stopme", domain="stop.example")
    seen = bench.driver.observe([STOP, twin, LIFT])
    for want in (STOP, twin):
        state = seen.states[want.name]
        assert isinstance(state, Unknown)
        assert "several documents" in state.why
    assert isinstance(seen.states[LIFT.name], HostingState)


@pytest.mark.parametrize("kind", ["duplicate-page", "malformed", "lost-after"])
def test_a_broken_listing_proves_nothing(bench: Bench, kind: str) -> None:
    bench.fault(LISTING, kind, times=0)
    seen = bench.driver.observe([STOP, hosted("missing.example")])
    assert all(isinstance(state, Unknown) for state in seen.states.values())
    assert seen.unmanaged == ()


def test_a_document_type_is_refused() -> None:
    from reconciler.providers._plesk_xml import parsed

    for text in (
        '<!DOCTYPE a [<!ENTITY b "c">]><packet/>',
        "<packet><system>",
        "<html></html>",
    ):
        with pytest.raises(ValueError):
            parsed(text)


def test_names_with_signs_are_no_markup(bench: Bench) -> None:
    bench.row("stopme")["note"] = 'a < b & "c" ]]>'
    bench.apply(STOP, bench.change(STOP))
    assert bench.row("stopme")["note"].startswith('a < b & "c" ]]>\n')


def test_needs_its_endpoint(bench: Bench) -> None:
    with pytest.raises(ProviderError, match="needs its endpoint"):
        PleskHosting(bench.account._replace(endpoint=None))


def test_keys_that_are_good_from_everywhere_are_named(bench: Bench) -> None:
    assert [*bench.driver.examine()] == []
    keys: Sequence[dict[str, Any]] = bench.sandbox.bench("plesk").state["keys"]
    keys.append({"key": "x", "description": "old", "address": None})  # type: ignore[attr-defined]
    keys.append({"key": "y", "description": "six", "address": "2001:db8::5"})  # type: ignore[attr-defined]
    (advice,) = bench.driver.examine()
    assert advice.said == "the key 2 opens the whole server from everywhere"
    assert "-ip-address" in advice.fix


def test_a_key_that_is_not_accepted_proves_nothing(bench: Bench) -> None:
    wrong = PleskHosting(bench.account._replace(secrets={"key": "no"}))
    state = wrong.observe([STOP]).states[STOP.name]
    with pytest.raises(Rejected, match="401"):
        wrong.identity()
    wrong.close()
    assert isinstance(state, Unknown)
    assert "11003" in state.why
