"""Commands of theirs as programs: what only a shell can run is left."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.cli.carrying.carried import Load
from reconciler.cli.carrying.section import Text
from reconciler.inventory.secrets import leaks
from reconciler.model import Ref

_SHELL: Final = re.compile(r"[|&;<>()$`*?\[\]{}~#\\\n]")
_SECRET: Final = re.compile(r"://|pass|secret|token|key|auth", re.IGNORECASE)
#: ``NAME=value`` before a program.
_SETS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
#: What a shell does itself (POSIX, "Special Built-In Utilities" and "Reserved Words";
#: bash): there is no such program, or it would change nothing.
_BUILTINS: Final = frozenset((
    ".", "!", ":", "alias", "bg", "break", "builtin", "case", "cd", "command",
    "continue", "declare", "do", "done", "elif", "else", "enable", "esac", "eval",
    "exec", "exit", "export", "fg", "fi", "for", "function", "getopts", "hash", "if",
    "in", "jobs", "let", "local", "popd", "pushd", "read", "readonly", "return",
    "select", "set", "shift", "shopt", "source", "then", "time", "times", "trap",
    "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
))  # fmt: skip
#: Theirs had no end, and ours end in a minute: a dump takes longer.
_TIMEOUT: Final = "1h"
_ALWAYS: Final = "runs after a failure too: it is in after, and in failed"


def hooks(
    load: Load, ref: Ref, found: Mapping[str, Sequence[Text]]
) -> dict[str, list[dict[str, Any]]]:
    """
    Return programs by their arguments; what a shell has to read is left.

    What runs in ``after`` and in ``failed`` runs whatever came of the backup: told.
    """
    made: dict[str, list[dict[str, Any]]] = {}
    told: set[Text] = set()
    always = {*found.get("after", ())} & {*found.get("failed", ())}
    for when, commands in found.items():
        for one in commands:
            words = _words(one.text)
            why = _unfit(one.text, words)
            if why is None:
                made.setdefault(when, []).append({"run": words, "timeout": _TIMEOUT})
                why = _ALWAYS if one in always else None
            if why and one not in told:
                load.leave(ref, one.at, f"a command {when}", why)
                told.add(one)
    return made


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _unfit(text: str, words: Sequence[str]) -> str | None:
    """Return why *text* is no program with its arguments; None where it is one."""
    if _SECRET.search(text) or next(leaks(text), None):
        return "may hold a secret: name a program that knows it"
    shell = not words or _SHELL.search(text) or _SETS.match(words[0])
    if shell or words[0] in _BUILTINS:
        return "needs a shell: put it into a program and name that"
    if "/" in words[0] and not words[0].startswith("/"):
        return "is below a folder that only that machine knows: name all of its path"
    if not all(words) or not text.replace("\t", " ").isprintable():
        return "has an empty or unprintable argument: put it into a program"
    return None
