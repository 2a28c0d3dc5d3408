"""What could pay twice, or act because of what is no longer so: and does not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.engine.exits import Exit
from reconciler.kinds.domain.changes import RESTORE_SHOWS
from reconciler.kinds.domain.dnssec import ds_of
from reconciler.sandbox import Fault
from reconciler.sandbox.example import Oddity
from tests.e2e.test_ds_follows_live_keys import KEY, NAME, OLD, OTHER, ds, serve
from tests.e2e.test_token_registrars import ACCOUNTS
from tests.support.agency import Agency, domain, inventory

PAYS = "renewal: {mode: reconciler, maxPrice: 15.00 USD/year}"


def row(agency, vendor, name):
    (found,) = (
        account["domains"][name]
        for account in agency.sandbox.bench(vendor).state["accounts"]
        if name in account["domains"]
    )
    return found


def rules(plan):
    return {v.rule for a in plan.actions for v in a.verdicts if v.decision}


# -- one period, whatever it is called ---------------------------------------------


@pytest.mark.parametrize("edit", ["date", "uid"])
def test_a_payment_whose_end_is_unknown_stops_every_other_one(tmp_path, edit):
    """The vendor calls the same period by another date, or git the name by another."""
    files = inventory(domain("due.example", spec=PAYS))
    oddities = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, files, oddities) as agency:
        registration = row(agency, "porkbun", "due.example")
        old = datetime.fromisoformat(registration["expires"])
        lost = Fault(vendor="porkbun", operation="renew", kind="lost-after")
        agency.sandbox.inject(lost)
        for name in ("listAll", "get"):
            stale = Fault(vendor="porkbun", operation=name, kind="stale", times=0)
            agency.sandbox.inject(stale)
        assert agency.apply().exit is Exit.UNKNOWN
        agency.sandbox.faults.clear()
        agency.later(hours=13)  # its key is too old to be sent again
        if edit == "date":
            registration["expires"] = (old + timedelta(days=1)).isoformat()
        else:
            registration["expires"] = old.isoformat()
            agency.write(
                "inventory/domains.yaml",
                "apiVersion: reconciler/v1\nkind: Domain\n"
                "metadata: {name: due.example, uid: other}\n"
                f"spec: {{provider: porkbun-main, {PAYS}}}\n",
            )
            agency.commit()
        for _ in range(2):
            assert agency.apply().exit is Exit.UNKNOWN
            assert rules(agency.plan()) == {"built-in/outcome-unknown"}
            agency.later(hours=1)
        assert len(agency.charges()) == 1


def test_a_refused_look_is_no_refusal_of_what_was_sent_before(tmp_path):
    """Before a key is sent again the account is looked at: that look can be refused."""
    files = inventory(domain("due.example", spec=PAYS))
    oddities = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, files, oddities) as agency:
        inject = agency.sandbox.inject
        inject(Fault(vendor="porkbun", operation="renew", kind="lost-after"))
        no = {"kind": "status", "status": 400, "skip": 1}
        inject(Fault(vendor="porkbun", operation="get", **no))
        for name in ("listAll", "get"):
            inject(Fault(vendor="porkbun", operation=name, kind="stale", times=0))
        for _ in range(2):
            assert agency.apply().exit is Exit.UNKNOWN
            agency.later(minutes=31)
        replayed = agency.apply()
        assert [d.outcome.how for d in replayed.done] == ["replayed_key"]
        assert len(agency.charges()) == 1


def test_an_order_that_takes_its_time_is_not_given_again(tmp_path):
    """DNSimple charges at the end of an order: an empty book proves nothing so soon."""
    files = inventory(domain("due.example", "dnsimple-main", spec=PAYS))
    oddities = {"due.example": Oddity({"expires": 20})}
    with Agency(tmp_path, files, oddities, accounts=ACCOUNTS) as agency:
        agency.sandbox.bench("dnsimple").state["latency"] = 5 * 3600
        for _ in range(6):
            agency.apply()
            agency.later(minutes=61)
        assert agency.apply().exit is Exit.DONE
        agency.later(hours=6)
        agency.apply()
        assert len(agency.charges()) == 1


def test_a_period_that_the_registrar_renewed_itself_is_not_paid_again(tmp_path):
    """A read that is old by a year is a stale read, whoever paid for that year."""
    files = inventory(
        domain("auto.example", spec="renewal: {maxPrice: 15.00 USD/year}")
    )
    oddities = {"auto.example": Oddity({"expires": 40})}
    with Agency(tmp_path, files, oddities) as agency:
        registration = row(agency, "porkbun", "auto.example")
        old = registration["expires"]
        agency.apply()
        later = datetime.fromisoformat(old) + timedelta(days=365)
        registration["expires"] = later.isoformat()  # as it does, long before
        agency.later(days=10)
        agency.apply()
        registration["autoRenew"] = registration["auto_renew"] = False
        registration["expires"] = old
        agency.later(days=20)
        result = agency.apply()
        # The flag is mended meanwhile, and that look makes nothing forgotten.
        assert [d.action.change.verb for d in result.done] == ["auto-renew"]
        agency.later(days=1)
        assert agency.apply().exit is Exit.PARTLY
        assert rules(agency.plan()) == {"built-in/stale-read"}
        assert agency.charges() == []
        # A person who knows better can say so, and it is paid once.
        (action,) = agency.plan().actions
        agency.apply("bo", {action.id: action.digest})
        assert len(agency.charges()) == 1


def test_a_name_that_was_bought_back_is_not_renewed_before_its_date_shows(tmp_path):
    spec = (
        "renewal: {mode: reconciler, maxPrice: 15.00 USD/year, restore: approve, "
        "maxRestore: 100.00 USD}"
    )
    files = inventory(domain("lost.example", "aws", spec=spec))
    oddities = {"lost.example": Oddity({"expires": -40, "autoRenew": False})}
    with Agency(tmp_path, files, oddities) as agency:
        registration = row(agency, "aws", "lost.example")
        (action,) = agency.plan().actions
        assert agency.apply("bo", {action.id: action.digest}).exit is Exit.DONE
        shown = registration["expires"]
        late = agency.clock() - timedelta(days=20)  # back, and its year not yet
        registration["expires"] = late.isoformat()
        agency.later(hours=1)
        agency.apply()
        agency.later(hours=30)
        agency.apply()
        assert [d.verb for d in agency.plan().deferred] == ["renew"]
        assert [c.amount for c in agency.charges()] == ["80.00 USD"]
        registration["expires"] = shown
        agency.later(seconds=RESTORE_SHOWS.total_seconds())
        agency.apply()
        assert len(agency.charges()) == 1


# -- what witnesses saw is looked at again before anything is done ------------------


def signed(tmp_path):
    spec = f"dnssec: unmanaged, nameservers: [{', '.join(OLD)}]"
    return Agency(tmp_path, inventory(domain(NAME, spec=spec)), public=True)


def wish(agency):
    agency.edit("inventory/domains.yaml", "dnssec: unmanaged", "dnssec: sync")
    agency.commit()


def test_no_ds_is_written_for_a_key_that_was_seen_yesterday(tmp_path):
    with signed(tmp_path) as agency:
        serve(agency, OLD, KEY)
        agency.apply()
        serve(agency, OLD, OTHER)  # rolled over; the look before is still good
        wish(agency)
        agency.later(hours=1)
        (planned,) = agency.plan().actions
        assert planned.change.wanted == {ds_of(NAME, KEY)}
        agency.apply()
        assert ds(agency) == [ds_of(NAME, OTHER)]
        agency.later(hours=1)
        assert agency.apply().done == ()


def test_what_cannot_be_seen_again_is_not_done_and_stays_git_s_wish(tmp_path):
    with signed(tmp_path) as agency:
        serve(agency, OLD, KEY)
        agency.apply()
        wish(agency)
        bench = agency.sandbox.bench("public")
        bench.state["oddities"][NAME]["lame"] = OLD
        agency.later(hours=1)
        assert agency.apply().done == ()
        assert ds(agency) == []
        # It can be seen again: still git that asked, so nobody has to approve it.
        del bench.state["oddities"][NAME]["lame"]
        agency.later(hours=25)
        assert [d.action.change.verb for d in agency.apply().done] == ["ds"]
        assert ds(agency) == [ds_of(NAME, KEY)]
