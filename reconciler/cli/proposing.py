"""What git could say, as a patch that applies to the files that say it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from difflib import unified_diff
from typing import NamedTuple

from reconciler.cli.project import Project
from reconciler.cli.write_back import Edits, Step, Unsaid, home, read, within
from reconciler.engine import observe
from reconciler.errors import InventoryErrors
from reconciler.inventory.parts import SITE
from reconciler.model import AnyResource, Location, Ref
from reconciler.model.resource import Resource


class Proposed(NamedTuple):
    """
    One thing that git could say.

    Attributes:
        at: Where its field is written now.
        why_not: Why it is not in the patch; empty where it is.
    """

    ref: Ref
    field: str
    because: str
    at: Location | None
    why_not: str = ""


class Proposals(NamedTuple):
    """
    Everything that is proposed.

    Attributes:
        patch: What ``git apply`` takes, at the root of the repository.
        complete: Whether everything that can propose something could be read.
    """

    found: Sequence[Proposed]
    patch: str
    complete: bool


def proposals(project: Project) -> Proposals:
    """
    Look at what can propose something, and return the patch; write nothing.

    The files as they would be are loaded and checked: what they would not allow is
    not in the patch, and says why.
    """
    wants = [want for want in project.scope().wants() if _may(want)]
    with closing(project.accounts(wants)) as accounts:
        world = observe(wants, accounts)
        project.cache.close()
    now, found, steps = project.clock(), [], []
    for want in wants:
        for one in want.proposals(world.have(want), now):
            at = want.at(one.field)
            found.append(Proposed(want.ref, one.field, one.because, at))
            steps.append(Step(want.ref, one.field, one.change))
    unsaid: list[Unsaid] = []
    patch = _patch(project, [*_placed(project, steps, unsaid)], unsaid)
    why = {(one.ref, one.field): one.why for one in unsaid}
    told = [one._replace(why_not=why.get((one.ref, one.field), "")) for one in found]
    whole = all(world.whole(share) for want in wants for share in want.shares())
    return Proposals(told, patch, whole)


def _may(want: AnyResource) -> bool:
    """Say whether *want* is of a kind that proposes, and is looked at for it."""
    return type(want).proposals is not Resource.proposals and bool(want.witnesses())


def _placed(
    project: Project, steps: Sequence[Step], unsaid: list[Unsaid]
) -> Iterator[Step]:
    """Yield *steps* as the documents have them; a Site says what it makes."""
    for step in steps:
        site = project.inventory.site(step.ref)
        change = (
            within(project.inventory, Ref(SITE, site), step.ref, step.change)
            if site
            else step.change
        )
        if isinstance(change, str):
            unsaid.append(Unsaid(step.ref, step.field, change))
        else:
            yield step._replace(change=change)


def _patch(project: Project, steps: Sequence[Step], unsaid: list[Unsaid]) -> str:
    try:
        return _together(project, steps, unsaid)
    except InventoryErrors as wrong:
        if len(steps) == 1:
            unsaid.append(_refused(steps[0], wrong))
            return ""
    # What is wrong stands in a document that none of them changes: whose is it?
    good = []
    for step in steps:
        try:
            _together(project, [step], [])
        except InventoryErrors as wrong:
            unsaid.append(_refused(step, wrong))
        else:
            good.append(step)
    return _together(project, good, unsaid)


def _refused(step: Step, wrong: InventoryErrors) -> Unsaid:
    first = wrong.errors[0]
    return Unsaid(step.ref, step.field, f"{first.shown_code} {first.what}")


def _together(project: Project, steps: Sequence[Step], unsaid: list[Unsaid]) -> str:
    """Return the patch of *steps*; raises InventoryErrors where others break by it."""
    files = sorted({home(project.inventory, step.ref)[0] for step in steps})
    edits = Edits(project, read(project, files))
    after = edits.made(steps, unsaid)
    return "".join(_diff(edits.texts, path, after[path]) for path in sorted(after))


def _diff(before: Mapping[str, str], path: str, after: str) -> str:
    """Return one file's part, with its line ends as they are."""
    old, new = (_lines(text) for text in (before[path], after))
    rows = unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(
        row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n"
        for row in rows
    )


def _lines(text: str) -> list[str]:
    """Return the lines as git counts them: a carriage return ends none."""
    parts = text.split("\n")
    return [*(f"{part}\n" for part in parts[:-1]), *([parts[-1]] if parts[-1] else [])]
