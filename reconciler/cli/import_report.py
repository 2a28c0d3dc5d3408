"""``import.md``: what was imported, what was left, and why."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from reconciler.inventory.secrets import leaks
from reconciler.report.markdown_text import code

if TYPE_CHECKING:
    from reconciler.cli.importing import Imported
    from reconciler.inventory.draft import Draft

_MOST = 50
#: Nothing in it is markup, a mention, a number of an issue or an address.
_PLAIN = re.compile(r"(?!.*(?:://|www\.|__))[\w .,:;'()/=-]*")


def report(done: Imported, now: datetime) -> str:
    """Return the page about one import, made at *now*."""
    lines = [*_written(done, now), *_left(done), *_long(done), *_passed(done)]
    return "\n".join(lines) + "\n"


def _written(done: Imported, now: datetime) -> Iterator[str]:
    if not done.written.drafts:
        yield "# Nothing was imported"
        yield ""
        yield f"On {now:%Y-%m-%d %H:%M} UTC. What there is, and why it was left:"
        return
    yield "# What was imported"
    yield ""
    yield f"On {now:%Y-%m-%d %H:%M} UTC, as it was live. Nothing of it can spend."
    yield ""
    yield "| file | documents |"
    yield "|---|---|"
    for draft in done.written.drafts:
        yield f"| {code(draft.path)} | {contents(draft)} |"


def _left(done: Imported) -> Iterator[str]:
    causes: dict[str, list[str]] = defaultdict(list)
    for ref, parts in sorted(done.written.left.items()):
        for part in parts:
            causes[part.why].append(f"{ref} {part.what}")
    yield from _section("Left as it is, in no document", causes)


def contents(draft: Draft) -> str:
    """Return how many documents of which kind are in a file."""
    kinds = Counter(document.ref.kind for document in draft.documents)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def _long(done: Imported) -> Iterator[str]:
    causes: dict[str, list[str]] = defaultdict(list)
    for ref, why in sorted(done.written.long.items()):
        causes[why].append(str(ref))
    yield from _section("Not folded into a Site", causes)


def _passed(done: Imported) -> Iterator[str]:
    causes: dict[str, list[str]] = defaultdict(list)
    for one in done.written.passed:
        causes[_said(one.why)].append(str(one.ref))
    for account, why in sorted(done.failed.items()):
        causes[f"could not be listed: {_shown(why)}"].append(account)
    yield from _section("Not imported", causes)


def _section(title: str, causes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if not causes:
        return
    yield from ("", f"## {title}")
    for why, things in sorted(causes.items(), key=lambda item: (-len(item[1]), item)):
        yield from ("", f"{why} ({len(things)}):", "")
        yield from (f"* {_shown(thing)}" for thing in things[:_MOST])
        if len(things) > _MOST:
            yield f"* and {len(things) - _MOST} more"


def _said(why: str) -> str:
    """Return *why* as it is, or as ``_shown`` has it where it could do anything."""
    return why if _PLAIN.fullmatch(why) and not any(leaks(why)) else _shown(why)


def _shown(text: str) -> str:
    """
    Return *text* as text, unless it looks like a secret: this file goes into git too.

    It came from an account: whoever opens the page reads it, and nothing in it is a
    link, a picture or somebody's name.
    """
    if any(leaks(text)):
        return "(a name that looks like a secret)"
    return code(text)
