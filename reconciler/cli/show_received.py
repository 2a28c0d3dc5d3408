"""What the sandbox's mail server and receiver got: who was told what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.request import ProxyHandler, build_opener

from reconciler.report.words import count

_WIDE = 76


def received(control: str) -> Iterator[str]:
    """Yield a line for each who was told, from a sandbox's *control* endpoint."""
    yield from _mails(_got(control, "mail/messages")["messages"])
    hooks = _got(control, "receiver/hooks")["hooks"]
    if hooks:
        yield f"  webhook    got {count(len(hooks), 'message')}"
    else:
        yield "  webhook    got nothing: it is for the day on which the mail fails"
    yield from beats(control)


def letters(control: str, since: datetime | None = None) -> Iterator[str]:
    """Yield the letters to customers since then: to whom, and what they begin with."""
    for mail in _got(control, "mail/messages")["messages"]:
        at = datetime.fromisoformat(mail["at"])
        ours = mail["subject"].startswith("[reconciler")
        if not ours and (since is None or at >= since):
            subject = mail["subject"].strip()
            yield f"  letter     {', '.join(mail['to'])}: {_cut(subject)}"


def beats(control: str) -> Iterator[str]:
    """Yield a line for what the heartbeat's receiver heard last."""
    pings = _got(control, "receiver/pings")["pings"]
    if pings:
        yield f"  heartbeat  beat at {pings[-1]['at'][11:16]}: {pings[-1]['said']}"
    else:
        yield "  heartbeat  silent: not everything could be read"


def _got(control: str, path: str) -> Any:
    opener = build_opener(ProxyHandler({}))  # no proxy stands before loopback
    with opener.open(f"{control}/{path}", timeout=5) as answer:
        return json.load(answer)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _mails(mails: list[dict[str, Any]]) -> Iterator[str]:
    to = sorted({address for mail in mails for address in mail["to"]})
    yield f"  mail       {count(len(mails), 'message')} to {', '.join(to) or 'nobody'}"
    if mails:
        yield f"    {_cut(mails[0]['subject'])}"
        command = next((x for x in mails[0]["text"].splitlines() if "$ " in x), "")
        if command:
            yield f"    {command.strip()}"
