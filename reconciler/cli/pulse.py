"""The end of a run, told to whoever waits for it: outside, and on a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.audit.published import (
    HEARTBEAT,
    Heartbeat,
    beaten,
    heartbeat,
    latest,
    publish,
)
from reconciler.cli.publish import complete
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.notices import Post
    from reconciler.cli.project import Project
    from reconciler.engine import Result


class Pulses:
    """The heartbeats of one run; none of them stops it."""

    def __init__(self, project: Project, post: Post) -> None:
        self._project = project
        self._post = post

    def beat(self, result: Result, shown: int, *, shared: bool) -> None:
        """
        Say that a run over the whole environment has ended.

        Args:
            result: What it did.
            shown: What the process ends with.
            shared: Whether the branch has its heartbeat already.
        """
        if self._project.partial:
            return
        done = complete(result)
        try:
            if not shared:
                self._publish(result.run, shown, complete=done)
        except ReconcilerError as error:
            self._project.say(f"warning: the heartbeat is not published: {error.what}")
        self._call(result.run, shown, complete=done)

    def _publish(self, run: str, shown: int, *, complete: bool) -> None:
        store, now = self._project.journal(), self._project.clock()
        there = latest(store)
        before = heartbeat(there.files)
        head = self._project.head
        beat = Heartbeat(run=run, at=now, commit=head, complete=complete, exit=shown)
        publish(store, {HEARTBEAT: beaten(beat, before)}, now=now, above=there)

    def _call(self, run: str, shown: int, *, complete: bool) -> None:
        """Call those outside; a run that could tell nobody says nothing here either."""
        good = complete and self._post.arrived
        for want in self._post.wants:
            heartbeat = want.spec.heartbeat
            if heartbeat is None or not (good or heartbeat.incomplete == "fail"):
                continue
            from reconciler.cli.channels import pulse

            body = f"run {run}, exit {shown}"
            try:
                to = pulse(self._project, want)
            except ReconcilerError as error:
                self._project.say(f"warning: {want.ref}: {error.what}")
                continue
            done = to.beat(body, self._project.sleep, failed=not good)
            if not done.arrived:
                self._project.say(f"warning: {want.ref} was not called: {done.said}")
