"""What a policy keeps: by hand, by its laws, and as the real restic has it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.backing import Keep
from reconciler.model.retention import Kept, keeps_oldest, retained
from tests.support.restic_snapshots import Snapshots, text_of
from tests.support.timelines import differences, policy, timeline

NOW = datetime(2026, 11, 28, tzinfo=UTC)
NONE = Keep(daily=0, weekly=0, monthly=0, within=timedelta(0), least=1)
POLICIES = 4


def line(*texts: str) -> list[Kept]:
    return [Kept(text, datetime.fromisoformat(text)) for text in texts]


DAYS = line(*(f"2026-01-{day:02}T02:15:00+01:00" for day in range(1, 32)))


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        ({"last": 2}, ["2026-01-30T02:15:00+01:00", "2026-01-31T02:15:00+01:00"]),
        ({"monthly": 5, "oldest": False}, ["2026-01-31T02:15:00+01:00"]),
        ({"monthly": 5}, ["2026-01-01T02:15:00+01:00", "2026-01-31T02:15:00+01:00"]),
        ({"within": timedelta(days=1, seconds=1)}, ["2026-01-30T02:15:00+01:00", "2026-01-31T02:15:00+01:00"]),
        ({"last": 1, "least": 3}, ["2026-01-29T02:15:00+01:00", "2026-01-30T02:15:00+01:00", "2026-01-31T02:15:00+01:00"]),
        ({}, [one.id for one in DAYS]),
    ],
)  # fmt: skip
def test_what_stays(keep, stay):
    oldest = keep.pop("oldest", True)
    found = retained(DAYS, NONE.model_copy(update=keep), NOW, oldest=oldest)
    assert sorted(found) == stay


def test_a_day_is_one_by_the_clock_that_the_snapshot_was_made_by():
    late = line("2026-01-01T23:30:00-05:00", "2026-01-02T00:30:00-05:00")
    keep = NONE.model_copy(update={"daily": 9})
    assert len(retained(late, keep, NOW, oldest=False)) == 2
    utc = [Kept(one.id, one.at.astimezone(UTC)) for one in late]
    assert len(retained(utc, keep, NOW, oldest=False)) == 1


def test_what_is_dated_ahead_pushes_nothing_out():
    ahead = Kept("x", NOW + timedelta(days=900))
    keep = NONE.model_copy(update={"within": timedelta(days=5)})
    before, after = retained(DAYS, keep, NOW), retained([*DAYS, ahead], keep, NOW)
    assert after == before | {"x"}


MOMENTS = st.lists(
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 11, 1)), max_size=40, unique=True
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(MOMENTS, st.integers(0, 10_000), st.booleans())
def test_what_was_pruned_once_is_pruned_again_to_the_same(moments, seed, oldest):
    keep = policy(random.Random(seed)).model_copy(update={"least": 3})  # noqa: S311
    whole = [Kept(str(n), at.replace(tzinfo=UTC)) for n, at in enumerate(moments)]
    first = retained(whole, keep, NOW, oldest=oldest)
    assert len(first) >= min(3, len(whole))
    left = [one for one in whole if one.id in first]
    assert retained(left, keep, NOW, oldest=oldest) == first
    more = keep.model_copy(update={"daily": keep.daily + 1})
    if not oldest:
        assert retained(whole, more, NOW, oldest=False) >= first


def test_which_versions_keep_the_oldest():
    assert [keeps_oldest(v) for v in ((0, 14, 0), (0, 16), (0, 18, 1), (1, 0))] == [
        False, True, True, True,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Snapshots(tmp_path_factory.mktemp("restic"))


def test_the_encoder_writes_what_restic_writes(repository):
    """20 snapshots by ``restic backup --time``, and 20 by the encoder, are the same."""
    rng = random.Random(7)  # noqa: S311
    begins = datetime(2024, 2, 20, tzinfo=UTC)
    moments = [begins + timedelta(seconds=rng.randint(0, 10**8)) for _ in range(20)]
    for n, at in enumerate(moments):
        repository.backup(f"real-{n}", at)
    repository.write({f"made-{n}": [at] for n, at in enumerate(moments)})
    rows = {row["hostname"]: row for row in repository.listed()}
    for n, at in enumerate(moments):
        real, made = rows[f"real-{n}"], rows[f"made-{n}"]
        told = repository.read(real["id"]), repository.read(made["id"])
        for one in (*told, real, made):
            # From 0.17 on restic adds what the backup cost; no choice looks at it.
            for key in ("hostname", "id", "short_id", "parent", "summary"):
                one.pop(key, None)
        assert told[0] == told[1]
        assert real == made
        assert real["time"] == text_of(at)


def test_it_is_restics_own_choice(repository):
    """50 timelines over leap days, month ends and jumping clocks: no difference."""
    rng = random.Random(50)  # noqa: S311
    lines = {f"h{n}": timeline(rng) for n in range(50)}
    repository.write(lines)
    for _ in range(POLICIES):
        assert differences(repository, policy(rng), lines) == (50, [])
