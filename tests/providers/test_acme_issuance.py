"""Certificates over ACME: the contract, and every way an authority can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from reconciler.errors import (
    Ambiguous,
    ProviderError,
    Rejected,
    TooEarly,
    Transient,
)
from reconciler.kinds.certificate import Certificate, IssuanceState
from reconciler.model import Account, Drawer, Receipt, Unknown
from reconciler.model.driver import Answered, Sent
from reconciler.providers._acme import NONCES
from reconciler.providers._acme_job import pending as noted
from reconciler.providers._acme_problem import Problem, error
from reconciler.providers._certificate import crl_urls, kept, new_key, private_key, spki
from reconciler.providers.acme_issuance import AcmeIssuance
from reconciler.testing import Case, DriverContract, Trouble
from tests.support.issuing import (
    NAME,
    Ca,
    Keys,
    account_key,
    got,
    issue,
    ordered,
    renew,
    want,
)

TXT = f"_acme-challenge.{NAME}"
PLAIN = {"limits": "off"}


@pytest.fixture
def ca() -> Iterator[Ca]:
    yield from world()


def world(**authorities: dict[str, Any]) -> Iterator[Ca]:
    made = Ca(**authorities)
    yield made
    for driver in made._drivers:
        driver.close()


def failed(driver: AcmeIssuance, one: Certificate, **details: Any) -> ProviderError:
    (found,) = ordered(driver, one, **details)
    assert isinstance(found, ProviderError), found
    return found


def state(driver: AcmeIssuance, one: Certificate) -> IssuanceState:
    found = driver.observe([one]).states[one.name]
    assert isinstance(found, IssuanceState), found
    return found


def lose(ca: Ca, where: str, how: str) -> list[str]:
    """Lose one answer; the list is empty once it was."""
    left = [how]

    def broken(sent: Sent) -> str | None:
        return left.pop() if left and where in sent.url else None

    ca.broken = broken
    return left


class TestContract(DriverContract):
    """
    What is counted are certificates: an order that comes to nothing is no effect.

    A key store that cannot be read proves nothing; an authority that cannot be asked
    takes nothing away from what is known. Nothing is Ambiguous: what was lost can be
    asked for again, and the drawer knows what was begun.
    """

    driver = AcmeIssuance
    extra = "nothing is ever unmanaged here"
    old = "old.example"

    def start(self) -> Account:
        self.ca = Ca()
        made = self.ca.account()
        first = self.made(made)
        got(first, want(self.old, issuers=["main"]))
        self.ca.later(days=61)
        self.before = self.ca.issued()
        self.ca.asked.clear()
        return made

    def wrong(self, account: Account) -> Account:
        return account._replace(keys=_Shut())

    def wants(self) -> list[Certificate]:
        return [want(), want(self.old)]

    def missing(self) -> Certificate:
        return want("missing.example")

    def effects(self, name: str) -> int:
        issued = self.ca.effects("issue")[self.before :]
        return len([e for e in issued if name in e.details["names"]])

    def trouble(self, kind: Trouble, case: Case | None, times: int = 1) -> None:
        operation = "main/newOrder" if case else "main/renewalInfo"
        if kind in {"lost-before", "lost-after"}:
            lose(self.ca, "new-order", kind.removeprefix("lost-"))
            return
        known: dict[str, dict[str, Any]] = {
            "refuse": {"kind": "status", "status": 400, "text": "no"},
            "echo": {"kind": "status", "status": 403, "text": account_key()},
            "error-after": {"kind": "status-after", "status": 502},
            "throttle": {"kind": "throttle", "retry_after": 7},
            "listing": {"kind": "status", "status": 500},
        }
        self.ca.fault(operation, times=times, **known[kind])

    def _lose(self, kind: Trouble, case: Case, driver: Any, *, effects: int) -> None:
        self.trouble(kind, case)
        with pytest.raises(Transient) as lost:
            driver.apply(case.want, case.change, "key-1")
        assert lost.value.reason
        assert self.effects(case.want.name) == 0

    def _resolve(self, case: Case, account: Account, since: Any) -> None:
        driver = self.made(account)
        assert not self.shows(driver, case)
        driver.apply(case.want, case.change, "key-1")
        assert self.shows(driver, case)
        assert self.effects(case.want.name) == 1

    def test_what_is_missing_is_absent_and_what_is_extra_is_unmanaged(self) -> None:
        """An authority has no list: nothing is ever absent, and the drawer is empty."""
        seen = self.made(self.start()).observe([*self.wants(), self.missing()])
        assert seen.states[self.missing().name] == IssuanceState()
        assert not seen.unmanaged
        assert seen.partial

    def test_half_a_listing_proves_nothing(self) -> None:
        """The authority is in trouble; what is kept is known, and that it is."""
        driver = self.made(self.start())
        self.trouble("listing", None, 0)
        found = state(driver, want(self.old))
        assert found.kept is not None
        assert "renewal-info" in str(found.trouble)
        assert found.advised is None

    def test_waits_as_long_as_it_is_told(self) -> None:
        """A plan does not wait for advice: it is asked for again at the next run."""
        driver = self.made(self.start())
        self.trouble("throttle", None)
        assert state(driver, want(self.old)).trouble
        assert state(driver, want(self.old)).trouble is None

    def test_keeps_to_the_accounts_own_limit(self) -> None:
        account = self.start()
        self.ca.slept.clear()
        driver = self.made(account._replace(limits={"requestsPerSecond": 2}))
        got(driver, want())
        assert sum(self.ca.slept) >= (len(self.ca.asked) - 2) / 2 - 0.001


class _Shut(Keys):
    """A key store that cannot be read."""

    def open(self, one: Any) -> Drawer:
        raise Rejected(f"the store is shut for {one.name}")


class TestAnOrder:
    def test_is_issued_kept_and_cleared_away(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        receipt = got(driver, one)
        drawer = ca.keys.drawers[NAME]
        assert drawer.pending is None
        assert drawer.current is not None
        said = kept(drawer.current)
        assert said.names == (f"*.{NAME}", NAME)
        assert said.algorithm == "ecdsa-p256"
        assert said.wrong is None
        assert receipt.details["fingerprint"] == said.fingerprint
        assert ca.records[TXT] == []
        assert [name for name, _ in ca.shown.calls] == ["present", "remove"]
        assert state(driver, one).kept == said.model_copy(update={"authority": "main"})

    def test_many_change_the_records_once(self, ca: Ca) -> None:
        wants = [want(f"c{n}.example") for n in range(25)]
        found = ordered(ca.driver(), *wants)
        assert [type(one) for one in found] == [Receipt] * 25
        assert [name for name, _ in ca.shown.calls] == ["present", "remove"]
        assert ca.issued() == 25
        assert not any(ca.records.values())

    def test_one_that_fails_leaves_the_others_alone(self, ca: Ca) -> None:
        bad = want("bad.example")
        ca.edit("settings", forbidden=["bad.example"])
        first, no, last = ordered(ca.driver(), want(), bad, want("good.example"))
        assert isinstance(first, Receipt)
        assert isinstance(last, Receipt)
        assert isinstance(no, Rejected)
        assert no.reason == "rejectedIdentifier"

    @pytest.mark.parametrize("algorithm", ["ecdsa-p384", "rsa-2048"])
    def test_has_the_kind_of_key_that_is_wanted(self, ca: Ca, algorithm: str) -> None:
        one = want(key={"algorithm": algorithm, "store": {"file": "keys"}})
        got(ca.driver(), one)
        assert state(ca.driver(), one).kept.algorithm == algorithm  # type: ignore[union-attr]

    @pytest.mark.parametrize("rotation", ["always", "never"])
    def test_rotates_its_key_or_does_not(self, ca: Ca, rotation: str) -> None:
        one = want(key={"rotation": rotation, "store": {"file": "keys"}})
        driver = ca.driver()
        got(driver, one)
        first = spki(ca.keys.leaf().public_key())
        ca.later(days=60)
        driver.apply(one, renew(one), "key")
        assert (spki(ca.keys.leaf().public_key()) == first) == (rotation == "never")

    def test_never_has_the_key_of_the_account(self, ca: Ca) -> None:
        one = want(key={"rotation": "never", "store": {"file": "keys"}})
        driver = ca.driver()
        got(driver, one)
        current = ca.keys.drawers[NAME].current
        assert current is not None
        pem = current.key.decode()
        other = ca.driver(secrets={"accountKey": pem})
        assert "is the key of the account" in failed(other, one).what

    def test_a_store_that_another_run_changed_is_left_alone(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.keys._step = lambda step: (  # another run is faster by a moment
            ca.keys.drawers.update({NAME: Drawer(version="theirs")})
            if step == "before put" and ca.keys.puts == 0
            else None
        )
        assert "another run" in failed(driver, one).what
        assert ca.keys.drawers[NAME] == Drawer(version="theirs")
        assert ca.orders() == 0

    def test_an_answer_that_a_store_lost_is_looked_up(self, ca: Ca) -> None:
        def lose(step: str) -> None:
            if step == "after put" and ca.keys.puts == 3:
                raise Ambiguous("the answer was lost")

        ca.keys._step = lose
        got(ca.driver(), want())
        assert ca.keys.drawers[NAME].current is not None


class TestProofs:
    def test_names_that_cannot_be_shown_wait_for_the_next_run(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.shown.fails[TXT] = "ns2.host.example does not show it yet"
        no = failed(driver, one)
        assert isinstance(no, Transient)
        assert no.reason == "propagation"
        assert "ns2.host.example" in no.what
        assert state(driver, one).began is not None
        ca.shown.fails.clear()
        assert got(driver, one).details["resumed"] is True
        assert ca.orders() == 1

    def test_records_that_say_something_else(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.shown.records = {}  # shown somewhere, and not where it is looked for
        no = failed(driver, one)
        assert isinstance(no, Rejected)
        assert no.reason == "unauthorized"
        assert NAME in no.what
        assert ca.keys.drawers[NAME].pending is None

    def test_caa_forbids(self, ca: Ca) -> None:
        ca.edit("caa", name=NAME, rows=['0 issue "other.example"'])
        no = failed(ca.driver(), want())
        assert isinstance(no, Rejected)
        assert no.reason == "caa"

    def test_dnssec_is_bogus(self, ca: Ca) -> None:
        ca.edit("bogus", name=NAME)
        assert failed(ca.driver(), want()).reason in {"dns", "caa"}

    def test_what_was_shown_is_taken_away_whatever_happens(self, ca: Ca) -> None:
        ca.broken = lambda sent: "off" if "finalize" in sent.url else None
        assert failed(ca.driver(), want()).reason == "unreachable"
        assert ca.records[TXT] == []

    def test_without_any_dns_nothing_is_proven(self, ca: Ca) -> None:
        driver = AcmeIssuance(ca.account()._replace(challenges=None))
        assert failed(driver, want()).reason == "propagation"
        driver.close()


class TestFiles:
    def test_no_record_is_asked_for(self, ca: Ca) -> None:
        one = want(names=[NAME, f"www.{NAME}"], challenge="http-01")
        ca.edit("settings", alwaysValid=True)
        got(ca.driver(), one)
        assert [name for name, _ in ca.shown.calls] == ["files", "no files"]

    def test_what_cannot_be_shown_is_told(self, ca: Ca) -> None:
        one = want(names=[NAME], challenge="http-01")
        ca.shown.fails["files"] = "none of its places says which folder it serves"
        no = failed(ca.driver(), one)
        assert no.reason == "http"
        assert "which folder" in no.what
        assert ca.shown.calls[-1][0] == "no files"

    def test_an_authority_that_takes_none_says_so(self) -> None:
        for ca in world(main={"challenges": ["dns-01"]}):
            no = failed(ca.driver(), want(names=[NAME], challenge="http-01"))
            assert "takes no proof by http-01" in no.what


class TestLimits:
    def test_a_limit_says_until_when(self) -> None:
        for ca in world(
            main={"limits": {"certificatesPerSet": {"burst": 1, "period": "7d"}}}
        ):
            driver, one = ca.driver(), want()
            got(driver, one)
            no = failed(driver, one)
            assert isinstance(no, TooEarly)
            assert no.reason == "rateLimited"
            assert no.until is not None
            assert timedelta(days=6) < no.until - ca.clock() <= timedelta(days=7)
            assert "already" in no.what or "too many" in no.what

    def test_a_pause_is_for_a_person(self) -> None:
        limits = {"consecutiveFailures": {"burst": 2, "period": "100d"}}
        for ca in world(main={"limits": {**limits, "failuresPerIdentifier": None}}):
            ca.shown.records = {}
            driver, one = ca.driver(), want()
            reasons = [failed(driver, one).reason for _ in range(4)]
            assert reasons[0] == "unauthorized"
            assert reasons[-1] == "paused"

    @pytest.mark.parametrize(
        ("detail", "after", "seconds"),
        [
            (
                "too many certificates, retry after 2026-11-22 12:00:00 UTC: see",
                None,
                10800,
            ),
            ("too many certificates, retry after 2026-11-22T10:00:00Z", None, 3600),
            ("too many", 77.0, 77),
            ("retry after 2026-99-99 12:00:00 UTC", None, 3600),
            ("too many new orders recently", None, 3600),
        ],
    )
    def test_when_a_limit_ends_is_read_where_it_stands(
        self, ca: Ca, detail: str, after: float | None, seconds: int
    ) -> None:
        said = Problem("rateLimited", detail, 429)
        found = error(said, "new-order", ca.clock(), str, after)
        assert isinstance(found, TooEarly)
        assert found.until is not None
        assert (found.until - ca.clock()).total_seconds() == seconds


class TestPatience:
    def test_refused_nonces_are_asked_for_again(self) -> None:
        for ca in world(main={"refusedNonces": 0.5, "seed": "n"}):
            wants = [want(f"c{n}.example") for n in range(10)]
            found = ordered(ca.driver(), *wants)
            assert [type(one) for one in found] == [Receipt] * 10

    def test_and_not_for_ever(self) -> None:
        for ca in world(main={"refusedNonces": 1.0}):
            no = failed(ca.driver(), want())
            assert no.reason == "badNonce"
            assert isinstance(no, Transient)
            assert len(ca.asked) <= NONCES + 4

    def test_slow_work_is_asked_for_when_it_is_said(self) -> None:
        slow = {"validating": "4s", "processing": "25s", "retryAfter": 5}
        for ca in world(main=slow):
            got(ca.driver(), want())
            waits = [pause for pause in ca.slept if pause >= 1]
            assert sum(waits) >= 25
            assert set(waits) >= {5.0}
            assert len(ca.asked) < 30

    def test_what_is_never_ready_is_resumed(self) -> None:
        for ca in world(main={"processing": "1h", "retryAfter": 30}):
            driver, one = ca.driver(), want()
            no = failed(driver, one)
            assert no.reason == "timeout"
            ca.later(hours=1)
            assert got(driver, one).details["resumed"] is True
            assert (ca.orders(), ca.issued()) == (1, 1)

    def test_down_is_nobodys_fault_here(self, ca: Ca) -> None:
        ca.edit("down", **{"for": 3600})
        driver, one = ca.driver(), want()
        no = failed(driver, one)
        assert isinstance(no, Transient)
        assert no.reason == "serverInternal"
        assert isinstance(driver.observe([one]).states[NAME], IssuanceState)
        ca.later(hours=1)
        got(driver, one)

    def test_nobody_there_is_told_apart(self, ca: Ca) -> None:
        ca.broken = lambda _: "off"
        no = failed(ca.driver(), want())
        assert no.reason == "unreachable"
        assert ca.keys.puts == 0

    @pytest.mark.parametrize("how", ["off", "before", "after"])
    @pytest.mark.parametrize(
        "where",
        ["new-nonce", "new-acct", "authz", "chall", "finalize", "cert", "order/"],
    )
    def test_one_lost_answer_is_asked_for_again(
        self, ca: Ca, where: str, how: str
    ) -> None:
        left = lose(ca, where, how)
        got(ca.driver(), want())
        assert left == []
        assert (ca.orders(), ca.issued()) == (1, 1)

    @pytest.mark.parametrize("kind", ["status", "status-after"])
    @pytest.mark.parametrize(
        "operation",
        ["newAccount", "authorization", "challenge", "finalize", "certificate"],
    )
    def test_one_server_error_is_no_failure(
        self, ca: Ca, operation: str, kind: str
    ) -> None:
        ca.fault(f"main/{operation}", kind, status=500)
        got(ca.driver(), want())
        assert (ca.orders(), ca.issued()) == (1, 1)

    def test_a_lost_order_is_one_order_more_at_most(self) -> None:
        """Where the authority does not give an open order again, as Boulder does."""
        for ca in world(main={"reuseOrders": False, **PLAIN}):
            lose(ca, "new-order", "after")
            driver, one = ca.driver(), want()
            assert failed(driver, one).reason == "unreachable"
            got(driver, one)
            assert (ca.orders(), ca.issued()) == (2, 1)


class TestRenewal:
    def test_names_what_it_replaces(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        old = state(driver, one).kept
        assert old is not None
        ca.later(days=60)
        driver.apply(one, renew(one, replaces=old.ari, serial=old.serial), "key")
        assert ca.effects("issue")[-1].details["replaces"] == old.ari

    def test_what_was_replaced_already_is_ordered_without(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        old = state(driver, one).kept
        assert old is not None
        for _ in range(2):
            driver.apply(one, renew(one, replaces=old.ari), "key")
        assert ["replaces" in e.details for e in ca.effects("issue")] == [
            False,
            True,
            False,
        ]

    def test_of_another_account_is_ordered_without(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        old = state(driver, one).kept
        assert old is not None
        other = ca.driver(secrets={"accountKey": account_key(1)})
        other.apply(one, renew(one, replaces=old.ari), "key")
        assert ca.issued() == 2

    def test_where_there_is_no_renewal_information_nothing_is_replaced(self) -> None:
        for ca in world(main={"renewalInfo": False, "refusesUnknown": True}):
            driver, one = ca.driver(), want()
            got(driver, one)
            driver.apply(one, renew(one, replaces="AAAA.BBBB"), "key")
            assert ca.issued() == 2
            assert len([url for url in ca.asked if "new-order" in url]) == 2
            assert state(driver, one).advised is None


class TestAdvice:
    def test_the_window_is_kept_until_it_is_due(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        first = state(driver, one).advised
        assert first is not None
        assert first.start < first.end
        ca.asked.clear()
        assert state(driver, one).advised == first
        assert ca.asked == []
        ca.later(hours=6, minutes=1)
        state(driver, one)
        assert len([url for url in ca.asked if "renewal-info" in url]) == 1

    @pytest.mark.parametrize(
        ("told", "hours"), [(60, 1), (7200, 2), (10**7, 24)], ids=str
    )
    def test_how_often_it_is_asked_has_limits(self, told: int, hours: int) -> None:
        for ca in world(main={"renewalRetry": told}):
            driver, one = ca.driver(), want()
            got(driver, one)
            found = state(driver, one).advised
            assert found is not None
            assert found.check - found.seen == timedelta(hours=hours)

    @pytest.mark.parametrize(
        "answer",
        [
            {
                "suggestedWindow": {
                    "start": "2026-12-02T00:00:00Z",
                    "end": "2026-12-01T00:00:00Z",
                }
            },
            {
                "suggestedWindow": {
                    "start": "2026-12-02T00:00:00Z",
                    "end": "2026-12-02T00:00:00Z",
                }
            },
            {"suggestedWindow": {"start": "2026-12-02", "end": "2026-12-03"}},
            {"suggestedWindow": {"start": "soon"}},
            {"suggestedWindow": []},
            {},
        ],
    )
    def test_an_impossible_window_is_none(self, ca: Ca, answer: Any) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        ca.edit("renewal", answer=answer)
        found = state(driver, one)
        assert found.advised is None
        assert found.trouble is None
        assert found.kept is not None

    def test_is_not_asked_where_it_is_not_wanted(self, ca: Ca) -> None:
        one = want(renewal={"ari": False})
        driver = ca.driver()
        got(driver, one)
        ca.asked.clear()
        assert state(driver, one).advised is None
        assert not [url for url in ca.asked if "renewal-info" in url]

    def test_of_another_issuer_is_not_asked_here(self) -> None:
        for ca in world(main={}, second={}):
            one = want(issuers=["main", "second"])
            got(ca.driver(), one)
            ca.asked.clear()
            found = state(ca.driver("second"), one)
            assert found.kept is not None
            assert found.kept.authority == "main"
            assert found.advised is None
            assert ca.asked == []

    def test_the_record_knows_where_it_came_from(self) -> None:
        for ca in world(main={}, second={}):
            one = want(issuers=["main", "second"])
            got(ca.driver(), one)
            ca.cache.kept.clear()
            assert state(ca.driver(), one).kept.authority is None  # type: ignore[union-attr]
            said = state(ca.driver(), want()).kept
            assert said is not None
            recorded = {
                "issued": {**said.model_dump(mode="json"), "authority": "second"}
            }
            again = want(issuers=["main", "second"], recorded=recorded)
            assert state(ca.driver(), again).kept.authority == "second"  # type: ignore[union-attr]

    def test_old_advice_stands_while_nobody_answers(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        first = state(driver, one).advised
        assert first is not None
        ca.later(days=2)
        ca.broken = lambda _: "off"
        found = state(driver, one)
        assert found.trouble
        assert found.advised == first

    def test_a_silent_authority_is_asked_once_in_a_look(self, ca: Ca) -> None:
        wants = [want(f"c{n}.example") for n in range(12)]
        driver = ca.driver()
        ordered(driver, *wants)
        ca.asked.clear()
        ca.broken = lambda _: "off"
        found = driver.observe(wants).states.values()
        assert all(isinstance(one, IssuanceState) and one.trouble for one in found)
        assert len(ca.asked) <= 8  # as many as there are threads


class TestRevocation:
    def test_the_list_of_the_authority_counts(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        assert state(driver, one).revoked is None
        ca.later(hours=13)
        at = ca.clock()
        ca.edit("revoke", name=NAME)
        found = state(driver, one)
        assert found.revoked == at.replace(microsecond=0)
        assert found.advised is not None
        assert found.advised.end < at

    def test_is_read_twice_a_day_at_most(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        state(driver, one)
        ca.later(hours=11)
        ca.asked.clear()
        state(driver, one)
        assert not [url for url in ca.asked if "crl" in url]

    def test_one_list_serves_all_in_one_look(self, ca: Ca) -> None:
        wants = [want(f"c{n}.example") for n in range(6)]
        driver = ca.driver()
        ordered(driver, *wants)
        ca.asked.clear()
        driver.observe(wants)
        assert len([url for url in ca.asked if "crl" in url]) == 1

    @pytest.mark.parametrize("body", [b"", b"no list", b"x" * (16 << 20) + b"x"])
    def test_a_list_that_cannot_be_read_is_trouble(self, ca: Ca, body: bytes) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        instead(ca, "crl", body)
        found = state(driver, one)
        assert found.revoked is None
        assert found.trouble is not None

    def test_a_list_of_somebody_else_proves_nothing(self) -> None:
        for ca in world(main={}, second={}):
            one = want()
            got(ca.driver(), one)
            got(ca.driver("second"), want("other.example", issuers=["second"]))
            instead(ca, "main/crl", second_list(ca))
            assert "somebody else's" in str(state(ca.driver(), one).trouble)

    def test_an_old_list_proves_nothing(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        urls: list[str] = []
        ca.broken = lambda sent: urls.append(sent.url)  # type: ignore[func-returns-value]
        state(driver, one)
        (url,) = [found for found in urls if "crl" in found]
        old = ca.way(Sent("GET", url, {}, b"")).body
        ca.later(days=20)
        instead(ca, "crl", old)
        assert "out of date" in str(state(driver, one).trouble)

    def test_what_was_revoked_stays_so(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        got(driver, one)
        ca.edit("revoke", name=NAME)
        assert state(driver, one).revoked is not None
        ca.later(days=1)
        ca.broken = lambda _: "off"
        found = state(driver, one)
        assert found.revoked is not None
        assert found.trouble is not None


def second_list(ca: Ca) -> bytes:
    """Return the list of revoked certificates of the second authority."""
    row = next(iter(ca.bench.state["authorities"]["second"]["certificates"].values()))
    leaf = x509.load_pem_x509_certificates(row["pem"].encode())[0]
    (url,) = crl_urls(leaf)
    return ca.way(Sent("GET", url, {}, b"")).body


def instead(ca: Ca, where: str, body: bytes) -> None:
    """Have the authority answer *body* at one place."""
    way: Callable[[Sent], Answered] = ca.way
    ca.way = lambda sent: Answered(200, {}, body) if where in sent.url else way(sent)


class TestProfiles:
    def test_the_first_that_is_offered_is_taken(self, ca: Ca) -> None:
        one = want(profile={"prefer": ["unheard-of", "tlsserver", "classic"]})
        driver = ca.driver()
        got(driver, one, profile=["unheard-of", "tlsserver", "classic"])
        assert ca.effects("issue")[-1].details["profile"] == "tlsserver"
        assert state(driver, one).kept.profile == "tlsserver"  # type: ignore[union-attr]

    def test_one_that_is_required_and_not_offered_is_refused(self, ca: Ca) -> None:
        no = failed(ca.driver(), want(), profile=["sixdays"], required=True)
        assert isinstance(no, Rejected)
        assert no.reason == "invalidProfile"
        assert "classic, shortlived, tlsserver" in no.what
        assert ca.orders() == 0

    def test_where_none_are_offered_the_preferred_are_nothing(self) -> None:
        for ca in world(main={"listsProfiles": False}):
            got(ca.driver(), want(), profile=["tlsserver"])
            no = failed(
                ca.driver(), want("b.example"), profile=["tlsserver"], required=True
            )
            assert "it offers none" in no.what

    def test_too_many_names_for_it(self, ca: Ca) -> None:
        names = [f"n{number}.{NAME}" for number in range(26)]
        no = failed(
            ca.driver(), want(names=names), profile=["tlsserver"], required=True
        )
        assert isinstance(no, Rejected)


class TestRehearsal:
    def both(self, **staging: Any) -> Iterator[Ca]:
        yield from world(main=PLAIN, staging={**PLAIN, **staging})

    def test_is_thrown_away_before_the_real_one(self) -> None:
        for ca in self.both():
            driver = ca.driver(settings={"staging": ca.directory("staging")})
            got(driver, want(), rehearse=True)
            assert (ca.issued("staging"), ca.issued()) == (1, 1)
            assert (
                state(driver, want()).kept.serial
                in {  # type: ignore[union-attr]
                    e.details["serial"].lstrip("0") for e in ca.effects("issue")[-1:]
                }
            )
            assert not any(ca.records.values())

    def test_a_failure_there_goes_no_further(self) -> None:
        for ca in self.both():
            driver = ca.driver(settings={"staging": ca.directory("staging")})
            ca.shown.records = {}
            no = failed(driver, want(), rehearse=True)
            assert no.reason == "unauthorized"
            assert no.evidence == {"rehearsal": True}
            assert ca.orders() == 0
            assert ca.keys.puts == 0

    def test_staging_that_is_down_says_so(self) -> None:
        for ca in self.both(downUntil=1e11):
            driver = ca.driver(settings={"staging": ca.directory("staging")})
            no = failed(driver, want(), rehearse=True)
            assert (no.reason, no.evidence) == ("serverInternal", {"rehearsal": True})

    def test_what_has_begun_is_not_rehearsed_again(self) -> None:
        for ca in self.both():
            driver = ca.driver(settings={"staging": ca.directory("staging")})
            ca.shown.fails[TXT] = "late"
            failed(driver, want())
            ca.shown.fails.clear()
            got(driver, want(), rehearse=True)
            assert ca.orders("staging") == 0

    def test_without_a_staging_directory_there_is_none(self, ca: Ca) -> None:
        got(ca.driver(), want(), rehearse=True)
        assert ca.issued() == 1


class TestTheAccount:
    def test_is_made_once(self, ca: Ca) -> None:
        for number in range(3):
            got(
                ca.driver(settings={"contact": "ops@a.example"}),
                want(f"c{number}.example"),
            )
        assert len(ca.effects("newAccount")) == 1
        (account,) = ca.bench.state["authorities"]["main"]["accounts"].values()
        assert account["contact"] == ["mailto:ops@a.example"]

    def test_moves_to_its_next_key(self, ca: Ca) -> None:
        got(ca.driver(), want())
        both = {"accountKey": account_key(), "nextAccountKey": account_key(1)}
        moving = ca.driver(secrets=both)
        assert "still has its old key" in said(moving)
        got(moving, want("b.example"))
        assert len(ca.effects("keyChange")) == 1
        assert "has moved to its next key" in said(moving)
        got(ca.driver(secrets=both), want("c.example"))
        got(ca.driver(secrets={"accountKey": account_key(1)}), want("d.example"))
        assert len(ca.effects("newAccount")) == 1
        assert len(ca.effects("keyChange")) == 1

    def test_where_both_keys_have_one_the_next_is_taken(self, ca: Ca) -> None:
        got(ca.driver(), want())
        got(ca.driver(secrets={"accountKey": account_key(1)}), want("b.example"))
        got(ca.driver(secrets={"nextAccountKey": account_key(1)}), want("c.example"))
        assert not ca.effects("keyChange")
        assert len(ca.effects("newAccount")) == 2

    def test_a_key_change_whose_answer_was_lost_has_happened(self, ca: Ca) -> None:
        got(ca.driver(), want())
        lose(ca, "key-change", "after")
        both = {"nextAccountKey": account_key(1)}
        got(ca.driver(secrets=both), want("b.example"))
        assert len(ca.effects("keyChange")) == 1

    def test_a_new_one_has_the_next_key_at_once(self, ca: Ca) -> None:
        got(ca.driver(secrets={"nextAccountKey": account_key(1)}), want())
        assert not ca.effects("keyChange")
        assert "no account with its key yet" in said(ca.driver())

    def test_is_bound_to_an_external_one(self) -> None:
        mac = "bWFjLWtleS1vZi10aGUtYWNjb3VudC0xMjM0NTY3ODkw"
        seed = {"externalAccountRequired": True, "externalAccounts": {"kid-1": mac}}
        for ca in world(main=seed):
            bare = failed(ca.driver(), want())
            assert bare.reason == "externalAccountRequired"
            assert "eab" in str(bare.hint)
            bound = {"settings": {"eabKid": "kid-1"}, "secrets": {"eabHmac": mac}}
            wrong = {**bound, "secrets": {"eabHmac": "d3Jvbmcta2V5LXdyb25nLWtleQ"}}
            assert isinstance(failed(ca.driver(**wrong), want()), Rejected)
            assert (
                "MAC key"
                in failed(
                    ca.driver(**{**bound, "secrets": {"eabHmac": "%%%"}}), want()
                ).what
            )
            got(ca.driver(**bound), want())

    @pytest.mark.parametrize("pem", ["no key", "", "-----BEGIN PRIVATE KEY-----\nAA=="])
    def test_a_key_that_is_none_is_told_and_not_shown(self, ca: Ca, pem: str) -> None:
        no = failed(ca.driver(secrets={"accountKey": pem}), want())
        assert "the account key" in no.what
        assert not pem or pem not in str(no)


def said(driver: AcmeIssuance) -> str:
    return " ".join(one.said for one in driver.examine())


class TestWhereItLeads:
    @pytest.mark.parametrize(
        "place",
        [
            "http://elsewhere.example/new-order",
            "https://elsewhere.example/new-order",
            "ftp://127.0.0.1/x",
            "http://user@elsewhere.example/",
        ],
    )
    def test_nothing_on_this_machine_leads_away_from_it(
        self, ca: Ca, place: str
    ) -> None:
        way = ca.way

        def led(sent: Sent) -> Answered:
            answer = way(sent)
            body = answer.body
            if sent.url.endswith("/directory"):
                old = f"{sent.url.removesuffix('/directory')}/acme/new-order".encode()
                assert old in body
                body = body.replace(old, place.encode())
            return answer._replace(body=body)

        ca.way = led
        assert "may not be asked" in failed(ca.driver(), want()).what
        assert not [url for url in ca.asked if "elsewhere" in url]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b"\xff"])
    def test_what_is_no_directory_is_none(self, ca: Ca, body: bytes) -> None:
        ca.way = lambda _: Answered(200, {}, body)
        assert "is no ACME directory" in failed(ca.driver(), want()).what

    @pytest.mark.parametrize(
        ("names", "own", "days", "why"),
        [
            (["other.example"], True, 9, "not for the names"),
            ([NAME, f"*.{NAME}", "more.example"], True, 9, "not for the names"),
            ([NAME, f"*.{NAME}"], True, -1, "has ended already"),
            ([NAME, f"*.{NAME}"], False, 9, "belongs to another certificate"),
        ],
    )
    def test_a_certificate_for_something_else_is_not_kept(
        self, ca: Ca, names: list[str], own: bool, days: int, why: str
    ) -> None:
        way = ca.way

        def other(sent: Sent) -> Answered:
            answer = way(sent)
            if "/cert/" not in sent.url:
                return answer
            pending = ca.keys.drawers[NAME].pending or {}
            key = private_key(str(pending["key"]).encode())
            made = signed(names, key if own else new_key("ecdsa-p256"), ca, days)
            return answer._replace(body=made)

        ca.way = other
        no = failed(ca.driver(), want())
        assert "signed something else" in no.what
        assert why in no.what
        assert ca.keys.drawers[NAME].current is None


def signed(names: list[str], key: Any, ca: Ca, days: int) -> bytes:
    """Return a certificate that signs itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody")])
    san = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(ca.clock() - timedelta(days=9))
        .not_valid_after(ca.clock() + timedelta(days=days))
        .add_extension(san, critical=False)
        .sign(key, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


class TestTheDrawer:
    def test_knows_of_the_order_before_the_authority(self, ca: Ca) -> None:
        seen: list[int] = []
        ca.keys._step = lambda step: (
            seen.append(ca.orders()) if step == "after put" else None
        )
        got(ca.driver(), want())
        assert seen == [0, 1, 1]

    def test_has_no_use_for_another_order(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.shown.fails[TXT] = "late"
        failed(driver, one)
        ca.shown.fails.clear()
        other = want(names=[NAME, f"www.{NAME}"])
        receipt = got(driver, other)
        assert "resumed" not in receipt.details
        assert set(kept_of(ca).names) == {NAME, f"www.{NAME}"}

    def test_forgets_what_is_too_old(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.shown.fails[TXT] = "late"
        failed(driver, one)
        ca.shown.fails.clear()
        ca.later(days=4)
        assert "resumed" not in got(driver, one).details

    def test_that_cannot_be_read_is_unknown_for_that_one_alone(self, ca: Ca) -> None:
        driver = ca.driver()
        got(driver, want())
        current = ca.keys.drawers[NAME].current
        assert current is not None
        ca.keys.drawers["bad.example"] = Drawer(current=current._replace(chain=b"no"))
        found = driver.observe([want(), want("bad.example")]).states
        assert isinstance(found[NAME], IssuanceState)
        assert isinstance(found["bad.example"], Unknown)

    def test_shows_no_key_anywhere(self, ca: Ca) -> None:
        driver, one = ca.driver(), want()
        ca.shown.fails[TXT] = "late"
        no = failed(driver, one)
        drawer = ca.keys.drawers[NAME]
        assert drawer.pending is not None
        pem = str(drawer.pending["key"])
        private_key(pem.encode())
        said = [repr(no), str(no), repr(drawer), repr(driver), repr(ca.account())]
        said.append(repr(driver.observe([one])))
        body = pem.splitlines()[1]
        assert not [text for text in said if body in text]
        assert noted.__doc__


def kept_of(ca: Ca) -> Any:
    current = ca.keys.drawers[NAME].current
    assert current is not None
    return kept(current)


def test_one_by_one_is_the_same(ca: Ca) -> None:
    one = want()
    assert ca.driver().apply(one, issue(one), "key").reference
    ca.edit("settings", forbidden=["bad.example"])
    bad = want("bad.example")
    with pytest.raises(Rejected):
        ca.driver().apply(bad, issue(bad), "key")
