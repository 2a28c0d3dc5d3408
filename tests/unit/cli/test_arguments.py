"""Times, horizons and selectors of the command line."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.cli.plan_command import parsed_days, parsed_time
from reconciler.cli.selection import selection
from reconciler.errors import UsageError
from reconciler.model import Ref


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, tzinfo=UTC)),
        ("2026-11-22T06:00:00Z", datetime(2026, 11, 22, 6, tzinfo=UTC)),
        ("2026-11-22T06:00+02:00", datetime(2026, 11, 22, 4, tzinfo=UTC)),
    ],
)
def test_time(given, moment):
    assert parsed_time(given) == moment


@pytest.mark.parametrize(
    "given", ["soon", "2026-02-30", "2027-02-29", "22-11-2026", "2026-W47", ""]
)
def test_no_time(given):
    with pytest.raises(UsageError, match="is no time"):
        parsed_time(given)


def test_horizon():
    assert parsed_days("60d") == timedelta(days=60)
    assert parsed_days("8w") == timedelta(days=56)
    with pytest.raises(UsageError, match="is no horizon"):
        parsed_days("2mo")


LABELS = {Ref("Domain", "a.example"): {}, Ref("Domain", "b.example"): {"tier": "gold"}}


@pytest.mark.parametrize(
    ("select", "exclude", "chosen"),
    [
        ((), (), "ab"),
        (("Domain/a.example",), (), "a"),
        (("Domain/*.example",), (), "ab"),
        (("Domain",), (), "ab"),
        (("Site",), (), ""),
        (("tier=gold",), (), "b"),
        ((), ("tier=gold",), "a"),
        (("Domain",), ("Domain/a*",), "b"),
    ],
)
def test_selection(select, exclude, chosen):
    keep = selection(select, exclude, LABELS.__getitem__)
    assert "".join(ref.name[0] for ref in LABELS if keep(ref)) == chosen
