"""What the WHM driver does to accounts: each change once, and to the right one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from reconciler.errors import Ambiguous, Rejected, TooEarly, Unsupported
from reconciler.kinds.hosting_account import (
    ChangePlan,
    Create,
    HostingAccount,
    HostingState,
    SetLimits,
)
from reconciler.model import Absent, FieldChange
from reconciler.sandbox import Sandbox, SandboxClock, World
from reconciler.sandbox.whm_accounts import PASSWORD
from tests.support.contract import NOW
from tests.support.hosted import (
    END,
    GROW,
    LARGE,
    LIMIT,
    NEW,
    PART,
    PHP,
    SMALL,
    STOP,
    Bench,
    hosted,
)

BOTH = {**SMALL, "limits": {"disk": "5GiB", "bandwidth": "200GiB"}}
ALL = [NEW, GROW, LIMIT, PHP, STOP, END]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(World({"whm": PART}), SandboxClock(NOW, frozen=True)) as sandbox:
        yield sandbox


@pytest.fixture
def bench(running: Sandbox) -> Iterator[Bench]:
    made = Bench(running)
    yield made
    made.driver.close()


def asked(bench: Bench, function: str) -> int:
    return bench.sandbox.ledger.requests()["whm"].get(function, 0)


# -- creation -------------------------------------------------------------------------


def test_a_new_account_is_on_its_package_and_nobody_sees_its_password(
    bench: Bench,
) -> None:
    change = bench.change(NEW)
    assert isinstance(change, Create)
    receipt = bench.driver.apply(NEW, change, "abc-1")
    assert receipt.reference == "createacct/newexamp"
    row = bench.row("newexamp")
    assert (row["domain"], row["plan"], row["owner"]) == (
        "new.example",
        "care_5g",
        "panel-user",
    )
    (effect,) = bench.sandbox.ledger.effects("whm", "new.example")
    assert effect.details["shows"] == "False"
    assert PASSWORD not in repr(receipt)
    state = bench.state(NEW)
    assert state.limits["disk"] == 5 * 1024**3
    assert [*NEW.diff({NEW.share: state}, NOW)] == []


@pytest.mark.parametrize(
    ("user", "fields", "why"),
    [
        ("another", {"domain": "new.example"}, "new.example is that of another"),
        ("newexamp", {"domain": "other.example"}, "newexamp is that of other.example"),
    ],
)
def test_what_is_there_is_not_made_again(
    bench: Bench, user: str, fields: dict[str, Any], why: str
) -> None:
    change = bench.change(NEW)
    bench.edit(user, owner="panel-user", **fields)
    with pytest.raises(Rejected, match=why):
        bench.driver.apply(NEW, change, "abc-1")
    assert asked(bench, "createacct") == 0


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("root", "not a valid username"),
        ("testing", "not a valid username"),
        ("stopmelater", "initial 8 characters"),
    ],
)
def test_a_name_that_the_panel_refuses_is_refused(
    bench: Bench, account: str, why: str
) -> None:
    if account.startswith("stopme"):
        bench.edit("stopmela", domain="x.example", owner="somebody")
    want = hosted("new.example", account=account, ladder=[SMALL])
    with pytest.raises(Rejected, match=why):
        bench.driver.apply(want, bench.change(want), "abc-1")
    assert bench.effects("new.example") == []


def test_no_more_disk_is_given_away_than_there_is(bench: Bench) -> None:
    bench.sandbox.edit("whm", "server", {"free": 100})
    with pytest.raises(Rejected, match="enough disk quota"):
        bench.driver.apply(NEW, bench.change(NEW), "abc-1")
    change = bench.change(LIMIT)
    with pytest.raises(Rejected, match="enough disk quota"):
        bench.driver.apply(LIMIT, change, "abc-1")
    assert bench.effects("new.example") == bench.effects("limit.example") == []


def test_an_account_that_was_made_and_called_a_failure_is_found(bench: Bench) -> None:
    change = bench.change(NEW)
    bench.sandbox.edit("whm", "server", {"half": True})
    with pytest.raises(Ambiguous, match="seems to have happened"):
        bench.driver.apply(NEW, change, "abc-1")
    assert bench.driver.happened(NEW, change, "abc-1", NOW) is True
    assert bench.effects("new.example") == ["create"]


def test_a_yes_that_the_account_does_not_show_is_not_believed(bench: Bench) -> None:
    change = bench.change(NEW)
    bench.fault("listaccts", "stale", skip=1, times=0)
    with pytest.raises(Ambiguous, match="does not show it"):
        bench.driver.apply(NEW, change, "abc-1")


# -- packages ---------------------------------------------------------------------------


def test_a_package_that_is_not_there_is_told_before_anything_is_done(
    bench: Bench,
) -> None:
    packages = {name: {} for name in ("default", "care_20g")}
    bench.sandbox.edit("whm", "server", {"packages": packages})
    state = bench.state(NEW)
    assert state == Absent(lacks="care_5g")
    (create,) = NEW.diff({NEW.share: state}, NOW)
    assert (create.hold, create.firm) == ("main has no package care_5g", True)
    assert [f.code for f in NEW.findings({NEW.share: state}, NOW)] == [
        "package-missing"
    ]
    back = hosted("grow.example", ladder=[{**SMALL, "package": "care_6g"}])
    state = bench.state(back)
    assert state.lacking == ("care_6g",)
    moves = [*back.diff({back.share: state}, NOW)]
    assert [(m.verb, m.hold, m.firm) for m in moves] == [
        ("change-plan", "main has no package care_6g", True)
    ]
    with pytest.raises(Rejected, match="no package care_5g"):
        bench.driver.apply(NEW, create, "abc-1")
    assert asked(bench, "createacct") == asked(bench, "changepackage") == 0


def test_a_token_that_may_not_list_packages_says_nothing_about_them(
    bench: Bench,
) -> None:
    tokens = bench.sandbox.bench("whm").state["tokens"]
    tokens[0]["rights"] = ["list-accts", "upgrade-account"]
    assert bench.state(GROW).lacking == ()
    bench.driver.apply(GROW, bench.change(GROW), "abc-1")
    assert bench.row("growme")["plan"] == "care_20g"


def test_packages_and_restorations_are_asked_for_where_something_changes(
    bench: Bench,
) -> None:
    still = hosted("grow.example", ladder=[SMALL])
    assert bench.driver.observe([still, STOP]).requests == {
        "listaccts": 1,
        "restore_queue_list_active": 1,
    }
    assert bench.driver.observe([still]).requests == {"listaccts": 1}
    scaled = hosted("grow.example", ladder=[SMALL, LARGE], scaling="up")
    assert "listpkgs" in bench.driver.observe([scaled]).requests
    assert bench.driver.observe([GROW, NEW]).requests == {
        "listaccts": 1,
        "listpkgs": 1,
        "restore_queue_list_active": 1,
    }


def test_a_change_of_plan_takes_its_limits_along(bench: Bench) -> None:
    bench.driver.apply(GROW, bench.change(GROW), "abc-1")
    state = bench.state(GROW)
    assert (state.package, state.limits["disk"]) == ("care_20g", 20 * 1024**3)


def test_half_a_change_of_plan_is_followed_by_the_other_half(bench: Bench) -> None:
    change = bench.change(GROW)
    bench.edit("growme", half=True)
    with pytest.raises(Ambiguous, match="quota could not be set"):
        bench.driver.apply(GROW, change, "abc-1")
    assert bench.driver.happened(GROW, change, "abc-1", NOW) is True
    bench.edit("growme", half=False)
    left = bench.change(GROW)
    assert isinstance(left, SetLimits)
    assert not left.shrinks
    bench.driver.apply(GROW, left, "abc-2")
    assert [*GROW.diff({GROW.share: bench.state(GROW)}, NOW)] == []


def test_an_account_that_somebody_moved_meanwhile_is_left_alone(bench: Bench) -> None:
    change = bench.change(GROW)
    for plan, why in (("care_20g", "on care_20g already"), ("default", "by now")):
        bench.edit("growme", plan=plan)
        with pytest.raises(Rejected, match=why):
            bench.driver.apply(GROW, change, "abc-1")
    assert asked(bench, "changepackage") == 0


def test_a_move_that_the_data_does_not_fit_into_waits_with_a_sentence(
    bench: Bench,
) -> None:
    bench.edit("growme", plan="care_20g", use={"disk": 6144})
    back = hosted("grow.example", ladder=[SMALL])
    (change,) = back.diff({back.share: bench.state(back)}, NOW)
    assert isinstance(change, ChangePlan)
    assert change.hold == "it does not fit: uses 6GiB of disk, allowed are 5GiB"
    assert (change.smaller, change.needs_proof) == (True, True)


# -- limits -------------------------------------------------------------------------------


def test_disk_and_bandwidth_are_set_in_mib(bench: Bench) -> None:
    want = hosted("limit.example", ladder=[BOTH])
    bench.driver.apply(want, bench.change(want), "abc-1")
    row = bench.row("limitme")
    assert (row["quota"], row["bandwidth"]) == (5120, 204800)
    state = bench.state(want)
    assert state.limits == {"disk": 5 * 1024**3, "bandwidth": 200 * 1024**3}
    assert [*want.diff({want.share: state}, NOW)] == []


def test_one_limit_set_and_the_other_refused_is_no_refusal(bench: Bench) -> None:
    want = hosted("limit.example", ladder=[BOTH])
    change = bench.change(want)
    bench.fault("limitbw", "status", status=403, text="no")
    with pytest.raises(Ambiguous, match="editquota is done already"):
        bench.driver.apply(want, change, "abc-1")
    assert bench.driver.happened(want, change, "abc-1", NOW) is None
    later = NOW + timedelta(minutes=16)
    bench.sandbox.clock.set(later, frozen=True)
    assert bench.driver.happened(want, change, "abc-1", NOW) is False
    left = bench.change(want)
    assert [field.field for field in left.fields] == ["spec.limits.bandwidth"]


def test_bandwidth_that_cannot_be_read_is_compared_with_nothing(bench: Bench) -> None:
    want = hosted("limit.example", ladder=[BOTH])
    bench.fault("showbw", "status", status=403, times=0)
    change = bench.change(want)
    assert [field.field for field in change.fields] == ["spec.limits.disk"]


def test_what_whm_does_not_limit_is_not_asked_of_it(bench: Bench) -> None:
    field = FieldChange(field="spec.limits.memory", after="1GiB")
    change = SetLimits(
        share=LIMIT.share,
        fields=(field,),
        because="",
        details={"limits": {"disk": 5.0 * 1024**3, "memory": 1024.0**3}},
    )
    with pytest.raises(Unsupported, match="no limit of memory"):
        bench.driver.apply(LIMIT, change, "abc-1")
    assert bench.effects("limit.example") == []
    many = {**SMALL, "limits": {"disk": "5GiB", "memory": "1GiB", "inodes": 10}}
    want = hosted("limit.example", ladder=[many])
    assert [f.field for f in bench.change(want).fields] == ["spec.limits.disk"]
    (finding,) = want.findings({want.share: bench.state(want)}, NOW)
    assert finding.message == "uses 102 of inodes, allowed are 10"


# -- PHP ------------------------------------------------------------------------------------


def test_php_is_read_for_all_at_once_and_set_with_fpm_left_on(bench: Bench) -> None:
    twin = hosted("grow.example", php="8.2", ladder=[SMALL])
    seen = bench.driver.observe([PHP, twin])
    assert seen.requests == {
        "listaccts": 1,
        "php_get_vhost_versions": 1,
        "php_get_system_default_version": 1,
    }
    state = seen.states["php.example"]
    assert isinstance(state, HostingState)
    assert state.php == "8.2"
    bench.driver.apply(PHP, bench.change(PHP), "abc-1")
    assert (bench.row("phpme")["php"], bench.row("phpme")["fpm"]) == ("ea-php83", True)


def test_a_php_that_is_not_installed_is_refused(bench: Bench) -> None:
    want = hosted("php.example", php="5.6")
    with pytest.raises(Rejected, match=r"PHP 5\.6 is not installed"):
        bench.driver.apply(want, bench.change(want), "abc-1")
    assert asked(bench, "php_set_vhost_versions") == 0


def test_a_php_that_nobody_may_read_is_told(bench: Bench) -> None:
    bench.fault("php_get_vhost_versions", "status", status=403, times=0)
    state = bench.state(PHP)
    assert [*PHP.diff({PHP.share: state}, NOW)] == []
    assert [f.code for f in PHP.findings({PHP.share: state}, NOW)] == ["php-unread"]


# -- the end --------------------------------------------------------------------------------


def test_the_end_keeps_the_zone(bench: Bench) -> None:
    bench.driver.apply(END, bench.change(END), "abc-1")
    (effect,) = bench.sandbox.ledger.effects("whm", "end.example")
    assert (effect.operation, effect.details["dns"]) == ("remove", "1")
    assert isinstance(bench.state(END), Absent)


def test_what_is_protected_or_owns_others_is_never_deleted(bench: Bench) -> None:
    change = bench.change(END)
    data = END.model_dump()
    data["metadata"]["protected"] = True
    kept = HostingAccount.model_validate(data)
    assert [*kept.diff({kept.share: bench.state(kept)}, NOW)] == []
    with pytest.raises(Rejected, match="is protected"):
        bench.driver.apply(kept, change, "abc-1")
    bench.edit("theirs", domain="theirs.example", owner="endme")
    bench.sandbox.bench("whm").state["tokens"][0]["user"] = "root"
    account = bench.account._replace(secrets={**bench.account.secrets, "user": "root"})
    root = type(bench.driver)(account)
    with pytest.raises(Rejected, match="owns other accounts"):
        root.apply(END, change, "abc-1")
    root.close()
    assert asked(bench, "removeacct") == 0


def test_half_an_end_is_found(bench: Bench) -> None:
    change = bench.change(END)
    bench.edit("endme", half=True)
    with pytest.raises(Ambiguous, match="databases could not be removed"):
        bench.driver.apply(END, change, "abc-1")
    assert bench.driver.happened(END, change, "abc-1", NOW) is True


def test_without_the_right_nothing_is_deleted(bench: Bench) -> None:
    change = bench.change(END)
    bench.sandbox.bench("whm").state["tokens"][0]["rights"] = ["list-accts"]
    with pytest.raises(Rejected, match="Permission denied"):
        bench.driver.apply(END, change, "abc-1")
    assert bench.effects("end.example") == []


# -- every change -----------------------------------------------------------------------------


@pytest.mark.parametrize("want", ALL[1:], ids=lambda want: want.name)
def test_a_panel_that_answers_with_another_account_changes_nothing(
    bench: Bench, want: HostingAccount
) -> None:
    change = bench.change(want)
    bench.fault("accountsummary", "wrong-account")
    with pytest.raises(Rejected, match="is that of"):
        bench.driver.apply(want, change, "abc-1")
    assert bench.sandbox.ledger.effects() == []


def test_nothing_is_done_while_a_backup_is_restored(bench: Bench) -> None:
    """What was planned before the restoration began has to wait as well."""
    changes = {want.name: bench.change(want) for want in ALL[1:]}
    bench.sandbox.ledger.reset_requests()
    for user in ("growme", "limitme", "phpme", "stopme", "endme"):
        bench.row(user)["restoring"] = True
    for want in ALL[1:]:
        with pytest.raises(TooEarly, match="being restored"):
            bench.driver.apply(want, changes[want.name], "abc-1")
    state = bench.state(GROW)
    assert state.busy == "a backup is being restored"
    assert [*GROW.diff({GROW.share: state}, NOW)] == []
    assert bench.sandbox.ledger.effects() == []


def test_within_its_range_an_account_stays_where_it_is(bench: Bench) -> None:
    bench.edit("growme", plan="care_20g")
    back = hosted("grow.example", ladder=[SMALL, LARGE])
    assert [*back.diff({back.share: bench.state(back)}, NOW)] == []
