"""Times, horizons and selectors of the command line."""

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from reconciler.cli import NARROWED, command
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


def test_a_name_may_be_selected_in_its_own_script():
    cafe = Ref("Domain", "xn--caf-dma.example")
    for selector in ("Domain/café.example", "Domain/CAFÉ.example"):
        assert selection((selector,), (), lambda _: {})(cafe)


ONE = """\
apiVersion: reconciler/v1
Provider/public: {type: public, endpoint: "http://127.0.0.1:9", credentials: {}}
RecordSet/mail: {records: [{name: "@", type: A, value: 192.0.2.1}]}
RecordSet/other: {records: [{name: "@", type: A, value: 192.0.2.1}]}
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "all.yaml").write_text(ONE)
    return str(tmp_path)


@pytest.mark.parametrize("name", sorted(NARROWED))
@pytest.mark.parametrize("option", ["--select", "--exclude"])
def test_what_narrows_may_stand_after_the_command_too(root, name, option):
    done = CliRunner().invoke(command, ["-C", root, name, option, "x", "--help"])
    assert done.exit_code == 0, done.output
    assert f"{option} SEL" in done.output


@pytest.mark.parametrize(
    ("selector", "hint"),
    [
        ("RecordSet/mial", "did you mean RecordSet/mail?"),
        ("tier=gold", "write Kind/name"),
        ("Nothing", "write Kind/name"),
    ],
)
def test_a_selector_of_nothing_is_an_error_and_no_empty_plan(root, selector, hint):
    """Before and after the command, and one of several: none is passed over."""
    for argv in (
        ["--select", selector, "expand"],
        ["--select", "RecordSet/mail", "expand", "--select", selector],
    ):
        error = CliRunner().invoke(command, ["-C", root, *argv]).exception
        assert isinstance(error, UsageError)
        assert f"--select {selector}: there is no such thing" in error.what
        assert hint in error.hint


def test_both_places_add_up(root):
    argv = ["-C", root, "--select", "Provider", "expand", "--exclude", "Provider/p*"]
    done = CliRunner().invoke(command, argv)
    assert done.exit_code == 0, done.output
