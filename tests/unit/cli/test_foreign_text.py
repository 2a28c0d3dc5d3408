"""What vendors and strangers wrote is shown, and does nothing where it is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reconciler.cli import import_report, show_apply, show_drift
from reconciler.cli.git import Git
from reconciler.cli.github.clean import line
from reconciler.engine.drift import Drifted
from reconciler.inventory import Inventory
from reconciler.model import Drift, Ref, Share, Unmanaged

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
EVIL = "x`\\| @agency/ops <img src=x>\n\n# **y** \x1b[2J\u202e"
ACTS = ("\x1b", "\u202e", "\n#")


def drifted() -> Drifted:
    share = Share("main", "domain")
    moved = Drift(Ref("Domain", "a.example"), share, "spec.x", "old", EVIL, "hold")
    live = Unmanaged("Domain", EVIL, "main")
    return Drifted("main", NOW, None, (moved,), (), (live,))


def nowhere(*_: object) -> None:
    return None


INVENTORY = cast("Inventory", SimpleNamespace(at=nowhere))


def test_drift_as_markdown() -> None:
    page = show_drift.markdown(drifted(), INVENTORY)
    assert not any(sign in page for sign in ACTS)
    (row,) = [one for one in page.splitlines() if one.startswith("| hold")]
    # As many cells as the head has: no bar of a value ends one.
    assert row.count("|") == 7
    assert "``x`\\¦ @agency/ops <img src=x>" in row


def test_drift_on_a_terminal() -> None:
    assert not any(sign in show_drift.text(drifted(), INVENTORY) for sign in ACTS[1:])
    assert "\x1b[2J" not in show_drift.text(drifted(), INVENTORY)


def test_a_page_about_an_import() -> None:
    assert import_report._shown(EVIL).startswith("``x`")
    assert not any(sign in import_report._shown(EVIL) for sign in ACTS)
    assert not any(sign in import_report._said(EVIL) for sign in ACTS)
    for why in ("see https://x.example", "a_b __x__", "<b>", "[a](b)", "@agency", "#1"):
        assert import_report._said(why) == f"`{why}`"
    assert import_report._said("a key (/etc/a.yaml:1:2) is it") == (
        "a key (/etc/a.yaml:1:2) is it"
    )


def test_what_a_run_says_of_a_failure() -> None:
    outcome = SimpleNamespace(
        paid=None, charged=None, verified=None, verb="renew", kind="Domain", name="a.example",
        error=f"{EVIL}\n::add-mask::x", request_id=EVIL,
    )  # fmt: skip
    done = cast("Any", SimpleNamespace(status="failed", outcome=outcome, pending=False))
    lines = list(show_apply._done(done))
    assert not any("\n" in one or "\x1b[2J" in one for one in lines)


def test_a_title_is_no_command_to_the_runner() -> None:
    assert "##[" not in line("renew ##[add-mask]x")


@pytest.mark.parametrize("ignored", ["local.yaml", "local/x.yaml"])
def test_what_git_ignores_is_read_and_so_is_in_no_commit(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    git = Git(tmp_path, {"PATH": "/usr/bin:/bin"})
    assert git.dirty("inventory")  # no repository says that it is clean
    for argv in (("init", "-q"), ("add", "--all")):
        git.ask(*argv)
    (tmp_path / ".git/info/exclude").write_text("local*\n*.tmp\n")
    (tmp_path / "inventory/local").mkdir(parents=True)
    (tmp_path / "inventory/x.tmp").touch()
    assert not git.dirty("inventory")
    (tmp_path / "inventory" / ignored).touch()
    assert git.dirty("inventory")
