"""Silence is the alarm: an address outside hears of each backup, or of none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import patch

import pytest

from reconciler.providers import _archive_seal
from tests.e2e.test_archives import SECRETS, House

MORE = """\
Domain/more.example: {{provider: none}}
Backup/more.example: {{of: Domain/more.example, policy: nightly, root: {root}}}
Backup/lone.example:
  {{of: Domain/more.example, policy: nightly, root: {base}/home, heartbeat: {{env: LONE}}}}
"""


@pytest.fixture(autouse=True)
def cheap() -> Iterator[None]:
    """Guessing passwords is cheap in here."""
    with patch.dict(_archive_seal._COST, n=16):
        yield


@pytest.fixture
def ear() -> Iterator[tuple[str, list[str]]]:
    """Give an address, and what was said to it."""
    heard: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            heard.append(f"{self.path} {body}")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/ping/hidden-token", heard
        server.shutdown()
        thread.join()


def three(base: Path, root: Path, url: str) -> House:
    """Return a house with three backups, two of which have the same address."""
    house = House(base)
    path = house.root / "inventory" / "a.yaml"
    text = path.read_text().replace(
        "  copies: [", "  heartbeat: {env: HEART}\n  copies: ["
    )
    path.write_text(text + MORE.format(base=base, root=root))
    house.git("commit", "-qam", "more of it")
    house.git("push", "-q", "origin", "main")
    house.secrets = {**SECRETS, "HEART": url, "LONE": ""}
    return house


def test_an_address_hears_of_each_backup_once_and_of_nothing_else(tmp_path, ear):
    url, heard = ear
    house = three(tmp_path, tmp_path / "home", url)
    done = house.apply()
    assert len(heard) == 1
    path, _, said = heard[0].partition(" ")
    assert path == "/ping/hidden-token"
    assert said.startswith("run ")
    assert said.endswith(", 2 backups")
    # Nobody is there for the third one, and that stops nothing.
    assert "warning: the heartbeat of Backup/lone.example: " in done.err
    assert "hidden-token" not in done.out + done.err
    house.apply()
    assert len(heard) == 1  # copied and drilled, and nothing new was made


def test_one_that_is_missed_is_not_covered_by_another_one(tmp_path, ear):
    url, heard = ear
    house = three(tmp_path, tmp_path / "gone", url)
    done = house.apply()
    assert "failed      back-up    Backup/more.example" in done.out
    assert "applied     back-up    Backup/shop.example" in done.out
    assert heard == []
    said = house.run("-v", "plan").out
    assert "attempt failed (1 times: shop.sqlite: No such file or directory)" in said
