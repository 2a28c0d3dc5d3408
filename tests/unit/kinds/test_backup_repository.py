"""A place that keeps copies: what is made there, and what was there before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.kinds.backup_repository import (
    BackupRepository,
    Init,
    RepositoryState,
)
from reconciler.model import Absent, Ended, Share

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEPT = Share("near", "backup")
GONE = {KEPT: Absent()}
THERE = {KEPT: RepositoryState(identity="a1b2c3d4e5f6")}


def place(recorded: dict[str, Any] | None = None, **spec: Any) -> BackupRepository:
    usual = {
        "engine": "archive",
        "url": "file:///srv/near",
        "credentials": {"password": {"env": "NEAR"}},
    }
    told = {"metadata": {"name": "near"}, "spec": {**usual, **spec}}
    made = BackupRepository.model_validate(told)
    return made.recalling(lambda: recorded or {})


def test_what_was_never_there_is_made():
    (init,) = place().diff(GONE, NOW)
    assert (init.verb, init.hold) == ("init", None)
    assert list(place().findings(GONE, NOW)) == []


@pytest.mark.parametrize("url", ["file:///srv/near", "file:///srv/elsewhere"])
def test_what_was_there_is_made_by_nobody_but_a_person(url):
    """Also where git names another place by now: its uid is what had backups."""
    near = place({"identity": "a1b2c3d4e5f6"}, url=url)
    (init,) = near.diff(GONE, NOW)
    assert "a1b2c3d4" in str(init.hold)
    (found,) = near.findings(GONE, NOW)
    assert (found.code, found.severity.name) == ("repository-gone", "CRITICAL")
    assert near.quiet_until(GONE, NOW) == NOW


def test_what_is_seen_is_remembered_once():
    assert place().noticed(THERE, NOW) == {"identity": "a1b2c3d4e5f6"}
    assert place({"identity": "another"}).noticed(THERE, NOW) == {}
    assert place().noticed(GONE, NOW) == {}
    panel = {"engine": "whm", "url": "https://127.0.0.1:2087", "credentials": {}}
    assert place(**panel).noticed(THERE, NOW) == {}


@pytest.mark.parametrize(
    ("status", "have", "kept"),
    [
        ("applied", THERE, {"identity": "a1b2c3d4e5f6"}),
        ("applied", GONE, {"identity": "?"}),
        ("failed", GONE, {}),
    ],
)
def test_what_was_made_is_remembered(status, have, kept):
    init = Init(share=KEPT, fields=(), because="is not there")
    ended = Ended(status, NOW, 1, {})
    assert place({"identity": "old"}).remembers(init, ended, have) == kept


def test_only_panels_have_listings_that_can_be_broken():
    assert not place().missed(KEPT)
    assert place().missed(Share("aws", "vault"))
    panel = {"engine": "plesk", "url": "https://127.0.0.1:8443", "credentials": {}}
    assert place(**panel).missed(KEPT)
