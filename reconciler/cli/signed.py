"""
Approvals that are commits: signed, on the branch that acts, naming action digests.

``Reconciler-Approve: DIGEST`` is a trailer of a commit whose SSH signature verifies
(``git log --format=%G?``, gpg.format=ssh). Who may sign is ``allowed_signers`` in the
policies folder *as it was applied last*, and as it is now: no commit can bring its own
signer, and whose key was taken away signs nothing more.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reconciler.cli.git import Git
from reconciler.engine import Given

TRAILER: Final = "Reconciler-Approve"
SIGNERS: Final = "allowed_signers"
#: More commits than this between two runs are not searched: approve anew.
_MOST: Final = 500
_DIGEST: Final = re.compile(r"\b[0-9a-f]{16}\b")


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
    # Only ids are listed: whatever a message says can be taken for no other commit.
    listed = git.ask(
        "rev-list", f"--max-count={_MOST}", f"--grep=^{TRAILER}:", f"{base}..{head}"
    )
    signers = [git.ask("show", f"{at}:./{policies}/{SIGNERS}") for at in (base, head)]
    if not listed or not all(signers):
        return ()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{SIGNERS}{n}" for n in range(len(signers))]
        for file, allowed in zip(files, signers, strict=True):
            file.write_text(f"{allowed}\n", encoding="utf-8")
        return tuple(_proven(git, listed.split(), files))


def _proven(
    git: Git, commits: Sequence[str], signers: Sequence[Path]
) -> Iterator[Given]:
    for commit in commits:
        digests = _named(git, commit)
        hands = {_signer(git, commit, file) for file in signers} if digests else set()
        if len(hands) == 1 and (who := hands.pop()):
            yield Given(who, digests, f"commit {commit}")


def _named(git: Git, commit: str) -> tuple[str, ...]:
    """
    Return the digests that *commit* names itself.

    Whoever moves a commit of somebody else to another place signs it anew, and may
    not have read to its end: it approves nothing.
    """
    said = _shown(
        git, commit, f"%ae%n%ce%n%(trailers:key={TRAILER},valueonly,separator=%x2C)"
    )
    author, _, rest = said.partition("\n")
    committer, _, values = rest.partition("\n")
    return tuple(_DIGEST.findall(values)) if author == committer else ()


def _signer(git: Git, commit: str, signers: Path) -> str | None:
    trust = ("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={signers}")
    mark, _, who = _shown(git, commit, "%G?%x09%GS", *trust).partition("\t")
    return who if mark == "G" and who else None


def _shown(git: Git, commit: str, form: str, *config: str) -> str:
    """Return what git shows of one commit, and nothing that it adds by itself."""
    log = ("log", "--max-count=1", "--no-show-signature", f"--format={form}")
    return git.ask(*config, *log, commit) or ""
