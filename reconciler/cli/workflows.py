"""The workflows that ``init`` writes: their secrets, and what they install."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution

#: Where the workflows read what to install.
REQUIREMENTS = ".github/reconciler.txt"
NAMES = ("plan", "comment", "reconcile", "apply-approved", "drift")
_SECRET = re.compile(r"^( +)# PORKBUN_MAIN_API_KEY: .*$", re.MULTILINE)
_AWS = re.compile(r"^( *)#aws (.*\n)", re.MULTILINE)


def workflow(text: str, secrets: Sequence[str], *, aws: bool) -> str:
    """
    Return a workflow of the skeleton for these accounts.

    Args:
        text: The skeleton: what is only for AWS begins with ``#aws``.
        secrets: The secrets that its steps with vendors may see, by name.
        aws: Whether an account of AWS is reached by a role, without a stored key.
    """
    text = _AWS.sub(r"\1\2" if aws else "", text)
    if not secrets:
        return text
    return _SECRET.sub(
        lambda found: "\n".join(
            f"{found[1]}{name}: ${{{{ secrets.{name} }}}}" for name in secrets
        ),
        text,
    )


def requirements(package: str | None) -> str:
    """Return the file that says what to install: *package*, or what runs here now."""
    return (
        "# What the workflows install: one release or one full commit, nothing that\n"
        "# moves. A pull request is planned by what the base branch names here.\n"
        f"{package or _installed()}\n"
    )


def _installed() -> str:
    """Return what is installed here, as exactly as it is known (PEP 610)."""
    try:
        found = distribution("reconciler")
    except PackageNotFoundError:
        return "reconciler"
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
        version = origin["vcs_info"]
        where = f"{version['vcs']}+{origin['url']}@{version['commit_id']}"
    except (ValueError, KeyError, TypeError):
        return f"reconciler=={found.version}"
    return f"reconciler @ {where}"
