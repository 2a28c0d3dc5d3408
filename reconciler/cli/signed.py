"""
Approvals that are commits: signed, on the branch that acts, naming action digests.

``Reconciler-Approve: DIGEST`` is a trailer of a commit whose SSH signature verifies
(``git log --format=%G?``, gpg.format=ssh). Who may sign is ``allowed_signers`` in the
policies folder *as it was applied last*: no commit can bring its own signer.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.cli.git import Git
from reconciler.engine import Given

TRAILER: Final = "Reconciler-Approve"
SIGNERS: Final = "allowed_signers"
#: More commits than this between two runs are not searched: approve anew.
_MOST: Final = 500
_DIGEST: Final = re.compile(r"[0-9a-f]{16}")


def signed_approvals(
    git: Git, policies: str, base: str | None, head: str | None
) -> tuple[Given, ...]:
    """
    Return what commits after *base* up to *head* approve, and whose hand is proven.

    A signature that does not verify approves nothing; it is no error, because it
    may be of somebody who has nothing to approve.
    """
    if not base or not head or not (git.root / policies / SIGNERS).is_file():
        return ()
    signers = git.ask("show", f"{base}:./{policies}/{SIGNERS}")
    listed = git.ask(
        "log",
        f"--max-count={_MOST}",
        f"--grep=^{TRAILER}:",
        f"--format=%H %(trailers:key={TRAILER},valueonly,separator=%x2C)",
        f"{base}..{head}",
    )
    if not signers or not listed:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / SIGNERS
        file.write_text(f"{signers}\n", encoding="utf-8")
        return tuple(_proven(git, listed, file))


def _proven(git: Git, listed: str, signers: Path) -> Iterator[Given]:
    for line in listed.splitlines():
        commit, _, values = line.partition(" ")
        digests = tuple(_DIGEST.findall(values))
        who = _signer(git, commit, signers)
        if who and digests:
            yield Given(who, digests, f"commit {commit}")


def _signer(git: Git, commit: str, signers: Path) -> str | None:
    said = git.ask(
        "-c",
        "gpg.format=ssh",
        "-c",
        f"gpg.ssh.allowedSignersFile={signers}",
        "log",
        "--max-count=1",
        "--format=%G?%x09%GS",
        commit,
    )
    mark, _, who = (said or "").partition("\t")
    return who if mark == "G" and who else None
