"""One holder at a time, and nobody late can record anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.audit import Base, Batch, GitStore, log, verify
from reconciler.errors import AuditError, Locked, LostLock, Tampered
from tests.unit.audit.world import NOW, TERM, git, intent, outcome, run

Another = Callable[[], GitStore]
LOCK = "refs/reconciler/main/lock"
AFTER = NOW + TERM


def test_the_second_is_told_who_holds_it(another: Another) -> None:
    another().acquire(run(1, "alice"), now=NOW, lease=TERM)
    with pytest.raises(
        Locked, match=r"alice holds the lock in run 2026.*06:15"
    ) as error:
        another().acquire(run(2), now=AFTER - timedelta(seconds=1), lease=TERM)
    assert error.value.hint


def test_a_release_lets_the_next_one_in_with_a_higher_fence(another: Another) -> None:
    one, two = another(), another()
    for number in range(1, 4):
        lease = one.acquire(run(number), now=NOW, lease=TERM)
        assert (lease.fence, lease.taken_from) == (2 * number - 1, None)
        one.release(lease)
        status = two.lock_status()
        assert status
        assert (status.released, status.held(NOW)) == (True, False)
        other = two.acquire(run(number + 9), now=NOW, lease=TERM)
        assert other.fence == 2 * number
        two.release(other)


def test_a_renewed_lease_is_held_longer(another: Another) -> None:
    one = another()
    lease = one.acquire(run(1), now=NOW, lease=TERM)
    later = NOW + timedelta(minutes=10)
    longer = one.renew(lease, later)
    assert (longer.until, longer.fence) == (later + TERM, lease.fence)
    with pytest.raises(Locked):
        another().acquire(run(2), now=AFTER, lease=TERM)
    with pytest.raises(LostLock):
        one.renew(lease, later + timedelta(seconds=1))
    with pytest.raises(LostLock, match="expired at"):
        one.renew(longer, longer.until)


def test_every_renewal_is_another_object_even_at_the_same_time(
    another: Another,
) -> None:
    # A ref that does not move is not sent, and then nobody compares it.
    one = another()
    lease = one.acquire(run(1), now=NOW, lease=TERM)
    again = one.renew(lease, NOW)
    assert len({lease.oid, again.oid, one.renew(again, NOW).oid}) == 3


def test_an_expired_lock_is_taken_over(another: Another) -> None:
    one, two = another(), another()
    late = one.acquire(run(1), now=NOW, lease=TERM)
    _, late = one.commit(late, Batch([intent()]), now=NOW)
    lease = two.acquire(run(2), now=AFTER, lease=TERM)
    assert (lease.fence, lease.taken_from) == (late.fence + 1, run(1).id)
    ledger, lease = two.commit(lease, Batch([intent("b.example")]), now=AFTER)
    taken = [line["data"]["taken_from"] for line in log(two) if line["type"] == "note"]
    assert taken == [None, run(1).id]
    assert set(ledger.open) == {intent().id, intent("b.example").id}


@pytest.mark.parametrize("wrote", [True, False], ids=["wrote", "only took the lock"])
def test_a_late_writer_can_neither_record_nor_move_a_ref(
    another: Another, wrote: bool
) -> None:
    one, two = another(), another()
    late = one.acquire(run(1), now=NOW, lease=TERM)
    _, late = one.commit(late, Batch([intent()]), now=NOW)
    lease = two.acquire(run(2), now=AFTER, lease=TERM)
    if wrote:
        two.commit(lease, Batch([intent("b.example")]), now=AFTER)
    before = two.origin.read()
    # Its clock stood still, so it believes that it still holds the lock.
    batch = Batch([outcome(intent())], base=Base(commit=head(one)))
    with pytest.raises(LostLock, match="no longer holds the lock"):
        one.commit(late, batch, now=NOW)
    with pytest.raises(LostLock):
        one.commit(late, Batch(), now=NOW)
    with pytest.raises(LostLock):
        one.renew(late, NOW)
    one.release(late)
    assert two.origin.read() == before
    assert verify(another()) == []


def head(store: GitStore) -> str:
    return store.git.ask("rev-parse", "HEAD").decode().strip()


def test_a_holder_that_slept_past_its_lease_stops_itself(another: Another) -> None:
    one = another()
    lease = one.acquire(run(1), now=NOW, lease=TERM)
    with pytest.raises(LostLock, match="expired"):
        one.commit(lease, Batch([intent()]), now=AFTER)
    assert one.read().tip is None


def test_what_the_last_holder_wrote_meanwhile_is_seen(another: Another) -> None:
    one, two = another(), another()
    two.read()
    lease = one.acquire(run(1), now=NOW, lease=TERM)
    _, lease = one.commit(lease, Batch([intent()]), now=NOW)
    one.release(lease)
    lease = two.acquire(run(2), now=NOW, lease=TERM)
    ledger, _ = two.commit(lease, Batch([outcome(intent())]), now=NOW)
    assert ledger.open == {}


def test_only_an_expired_lock_is_broken_and_it_is_recorded(another: Another) -> None:
    one, two = another(), another()
    with pytest.raises(AuditError, match="nobody holds"):
        two.break_lock(run(2), now=NOW, reason="x")
    late = one.acquire(run(1, "alice"), now=NOW, lease=TERM)
    with pytest.raises(Locked):
        two.break_lock(run(2), now=NOW, reason="x")
    two.break_lock(run(2, "bob"), now=AFTER, reason="the runner died")
    broken = [line for line in log(another()) if line.get("event") == "lock-broken"]
    assert [(line["actor"], line["data"]) for line in broken] == [
        (
            "bob",
            {
                "holder": "alice",
                "reason": "the runner died",
                "run": run(1).id,
                "until": "2026-11-22T06:15:00+00:00",
            },
        )
    ]
    with pytest.raises(LostLock):
        one.commit(late, Batch([intent()]), now=NOW)
    with pytest.raises(AuditError, match="nobody holds"):
        two.break_lock(run(3), now=AFTER, reason="again")
    assert one.acquire(run(4), now=AFTER, lease=TERM).fence == late.fence + 2
    assert verify(another()) == []


def test_a_lost_lock_ref_does_not_start_the_fence_again(
    remote: Path, cloned: Another
) -> None:
    one = cloned()
    for number in (1, 2):
        lease = one.acquire(run(number), now=NOW, lease=TERM)
        _, lease = one.commit(lease, Batch([intent(f"{number}.example")]), now=NOW)
        one.release(lease)
    git(remote, "update-ref", "-d", LOCK)
    assert [p.where for p in verify(cloned())] == [LOCK]
    assert cloned().acquire(run(3), now=NOW, lease=TERM).fence == 3


def test_a_lock_that_is_none_is_named(remote: Path, cloned: Another) -> None:
    git(remote, "update-ref", LOCK, "refs/heads/main")
    with pytest.raises(Tampered, match="does not point to a lock"):
        cloned().acquire(run(), now=NOW, lease=TERM)
