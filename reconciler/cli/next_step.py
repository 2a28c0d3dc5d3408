"""What to do after having read a plan: one line, the most urgent first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from reconciler.cli.show_watched import begin
from reconciler.report.visible import visible
from reconciler.report.words import address, approvers, count

if TYPE_CHECKING:
    from reconciler.cli.show_watched import Watch
    from reconciler.report.plan_document import PlanDocument


def next_step(plan: PlanDocument, watch: Watch | None = None) -> str:
    """
    Return the line; every command in it can be pasted into a shell.

    With a *watch* nothing is managed yet, and the way on is an account.
    """
    critical = [one for one in plan["findings"] if one["severity"] == "critical"]
    words = [one["decision"] for one in plan["actions"]]
    needs = sorted({group for one in plan["actions"] for group in approvers(one)})
    steps = []
    if critical:
        steps.append(f"reconciler explain {shlex.quote(visible(address(critical[0])))}")
    if not plan["complete"]:
        steps.append("reconciler doctor says why an account cannot be read")
    if "allow" in words:
        steps.append(f"reconciler apply does {count(words.count('allow'), 'action')}")
    if needs:
        groups = ", ".join(map(visible, needs))
        steps.append(f"what is held needs {groups} (digest {plan['digest']})")
    if watch is not None:
        steps.append(begin(watch))
    if not steps:
        steps.append("edit a line, reconciler plan, open a pull request")
    return f"next: {' · '.join(steps)}"
