"""
Which pull request a finished plan belongs to, and the files it left.

The run, its head and its pull request come from GitHub's API alone; what the run left
is data of whoever opened the pull request, and nobody believes it about itself.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reconciler.errors import Rejected

if TYPE_CHECKING:
    from reconciler.notify.github import GitHub

PLAN = "plan.json"
ERRORS = "errors.txt"
#: What a plan may leave; no other file of it is looked at.
FILES = (PLAN, ERRORS)
ARCHIVE_LIMIT = 8 << 20
FILE_LIMIT = 32 << 20
#: GitHub lists so many files of a pull request, and says nothing of the others.
_FILES_LISTED = 3000
_NAMES = ("filename", "previous_filename")


class Review(NamedTuple):
    """
    One pull request and the run that planned it.

    Attributes:
        head: The commit that was planned, and still is the pull request's last.
        url: The run, for people.
        changes_code: Whether it changes what made its own plan, or is for another
            branch than the default one, whose own code and rules made it then.
    """

    number: int
    head: str
    run: int
    url: str
    changes_code: bool


def review_of(
    github: GitHub, run: int, workflow: str, code: Sequence[str]
) -> Review | None:
    """
    Return what to comment on; None where there is nothing (any more).

    Args:
        github: The repository.
        run: The run of *workflow* that has ended.
        workflow: The path of the workflow that makes plans.
        code: Path prefixes of what takes part in making a plan.

    Raises:
        ProviderError: GitHub did not answer well.
    """
    ran = github.get(f"/actions/runs/{run}")
    path = str(ran["path"]).partition("@")[0]
    if ran["event"] != "pull_request" or path != workflow:
        return None
    pull = _pull(github, ran)
    if pull is None:
        return None
    return Review(
        number=int(pull["number"]),
        head=str(ran["head_sha"]),
        run=run,
        url=str(ran["html_url"]),
        changes_code=_elsewhere(pull) or _changes(github, int(pull["number"]), code),
    )


def _pull(github: GitHub, ran: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the open pull request whose last commit is the one that was planned."""
    # The run names it only where it is from this repository; never from a fork.
    source = ran.get("head_repository") or {}
    head = f"{(source.get('owner') or {}).get('login', '')}:{ran['head_branch']}"
    for pull in github.pages("/pulls", state="open", head=head):
        here = str(pull["base"]["repo"]["full_name"]).lower() == github.name.lower()
        same = pull["head"]["sha"] == ran["head_sha"]
        origin = (pull["head"].get("repo") or {}).get("full_name")
        if here and same and origin == source.get("full_name"):
            found: Mapping[str, Any] = pull
            return found
    return None


def _elsewhere(pull: Mapping[str, Any]) -> bool:
    base = pull["base"]
    return bool(base["ref"] != base["repo"]["default_branch"])


def _changes(github: GitHub, number: int, code: Sequence[str]) -> bool:
    files = list(github.pages(f"/pulls/{number}/files"))
    names = {str(one.get(key, "")) for one in files for key in _NAMES}
    # What is not listed could be anything.
    return len(files) >= _FILES_LISTED or any(n.startswith(tuple(code)) for n in names)


def left_by(github: GitHub, run: int, artifact: str) -> dict[str, bytes]:
    """
    Return the known files of a run's artifact, by name; nothing without one.

    Raises:
        ProviderError: It is too large, is no archive, or cannot be read.
    """
    listed = github.pages(
        f"/actions/runs/{run}/artifacts", key="artifacts", name=artifact
    )
    found = [one for one in listed if one["name"] == artifact and not one["expired"]]
    if not found:
        return {}
    last = max(int(one["id"]) for one in found)
    data = github.download(f"/actions/artifacts/{last}/zip", ARCHIVE_LIMIT)
    return unpacked(data)


def unpacked(data: bytes) -> dict[str, bytes]:
    """
    Return the known files of an archive; no path of it is ever written.

    Raises:
        Rejected: It is no archive, or a file is too large.
    """
    files = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in FILES:
                if name in archive.namelist():
                    # The size that is declared may be a lie: read no further.
                    with archive.open(name) as file:
                        raw = file.read(FILE_LIMIT + 1)
                    if len(raw) > FILE_LIMIT:
                        raise Rejected(f"{name} of the artifact is too large")
                    files[name] = raw
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError) as error:
        raise Rejected(
            f"the artifact cannot be unpacked: {type(error).__name__}"
        ) from None
    return files
