"""Apprise, where it is not installed: said with what to type, and nothing else breaks."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from reconciler.notify import anything
from reconciler.notify.anything import MISSING, Anything
from tests.support.shell import shell

CHANNELS = """\
apiVersion: reconciler/v1
NotificationChannel/chat:
  type: apprise
  apprise: {url: {file: url}}
"""


@pytest.fixture
def absent(monkeypatch):
    """It is not installed here; where it is, it is as if it were not."""
    monkeypatch.setattr(
        anything,
        "find_spec",
        lambda name: None if name == "apprise" else find_spec(name),
    )


def test_without_it_the_channel_says_what_to_install(absent):
    with pytest.raises(ValueError, match="apprise is not installed") as found:
        Anything("slack://canary/x")
    assert "pip install 'reconciler[apprise]'" in str(found.value)
    assert "canary" not in str(found.value)


def test_the_doctor_and_a_trial_say_it(absent, tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/channels.yaml").write_text(CHANNELS)
    (tmp_path / "url").write_text("slack://canary/x")
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    assert shell("-C", str(tmp_path), "validate").code == 0
    for command in (("doctor",), ("notify", "--test", "chat")):
        done = shell("-C", str(tmp_path), *command)
        assert MISSING in done.out
        assert "canary" not in done.out + done.err


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("twilio://x", "twilio"),
        ("vonage://x", "vonage"),
        ("Nexmo://x", "vonage"),
        ("sns://x", "sns"),
    ],
)
def test_what_says_yes_where_the_answer_said_no_is_refused(url, kind):
    with pytest.raises(ValueError, match=f"use type: {kind}"):
        Anything(url)


@pytest.mark.parametrize("url", ["", "slack", "slack://a\nb"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match="not of the form") as found:
        Anything(url)
    assert url not in str(found.value) or not url


def test_it_is_no_dependency():
    """Nothing imports it before a channel of its type sends."""
    code = "import sys, reconciler.cli.channels; print('apprise' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
