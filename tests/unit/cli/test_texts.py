"""Texts of one's own, from the folder to the notice: what validate says of them."""

from __future__ import annotations

import json

import pytest

from tests.support.shell import shell

CHANNEL = """\
apiVersion: reconciler/v1
NotificationChannel/ops:
  type: webhook
  language: nl
  webhook: {url: {env: HOOK}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/channels.yaml").write_text(CHANNEL)
    return tmp_path


def text(folder, name, content):
    path = folder / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content)
    return path


def said(folder):
    done = shell("-C", str(folder), "validate", "--format", "json")
    return done.code, json.loads(done.out)


def found(folder):
    code, data = said(folder)
    assert code == 1
    return [(e["code"], e["file"], e["line"], e["message"]) for e in data["errors"]]


def test_good_texts_are_fine(folder):
    text(folder, "nl/held.txt", "Let op: {{ name }}\n{% include 'body.txt' %}\n")
    text(folder, "fr/digest.txt", "{{ count }} avis\n")
    assert said(folder)[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "line", "why"),
    [
        ("nl/held.txt", "ok\n{{ nmae }}\n", 2, "there is no nmae"),
        ("nl/held.txt", "ok\n\n{% if %}\n", 3, "Expected an expression"),
        ("nl/held.txt", "", 1, "the first line says nothing"),
        ("nl/held.txt", b"ok\n\xff\n", 2, "is not UTF-8"),
        ("nl/held.txt", "x" * 70_000, 1, "is longer than 64 KiB"),
        ("nl/hled.txt", "ok", 1, "is no text of a notice; there are body,"),
        ("nl/held.md", "ok", 1, "is no text of a notice"),
        ("Dutch/held.txt", "ok", 1, "the folder of a text is a language"),
    ],
)
def test_a_broken_text_is_an_error_where_it_is_written(
    folder, name, content, line, why
):
    text(folder, name, content)
    ((code, file, at, message),) = found(folder)
    assert (code, file, at) == ("E621", f"templates/{name}", line)
    assert why in message


def test_all_of_them_are_told_at_once(folder):
    text(folder, "nl/held.txt", "{{ a }}\n{{ b }}\n")
    text(folder, "nl/body.txt", "{% oops %}\n")
    places = {(file, line) for _, file, line, _ in found(folder)}
    assert {
        ("templates/nl/held.txt", 1),
        ("templates/nl/held.txt", 2),
        ("templates/nl/body.txt", 1),
    } <= places


def test_a_link_is_not_followed(folder):
    secret = folder / "secret"
    secret.write_text("canary-7f3a")
    (folder / "templates/nl").mkdir(parents=True)
    (folder / "templates/nl/held.txt").symlink_to(secret)
    ((code, file, _, message),) = found(folder)
    assert (code, file) == ("E621", "templates/nl/held.txt")
    assert "a link is not followed" in message
    assert "canary" not in message


def test_a_language_without_texts_is_an_error(folder):
    path = folder / "inventory/channels.yaml"
    path.write_text(CHANNEL.replace("nl", "de"))
    ((code, file, line, message),) = found(folder)
    assert (code, file, line) == ("E621", "inventory/channels.yaml", 4)
    assert "there are no texts in de" in message
    text(folder, "de/held.txt", "Achtung: {{ name }}\n")
    assert said(folder)[0] == 0


def test_a_dialect_has_the_texts_of_its_language(folder):
    path = folder / "inventory/channels.yaml"
    path.write_text(CHANNEL.replace("nl", "nl-BE"))
    assert said(folder)[0] == 0


def test_a_text_holds_no_card_and_no_key(folder):
    text(folder, "nl/held.txt", "Let op\nbetaal met 4242-4242-4242-4242\n")
    code, data = said(folder)
    assert code == 1
    shown = json.dumps(data)
    assert "templates/nl/held.txt" in shown
    assert "holds a payment card number" in shown
    assert "4242" not in shown
