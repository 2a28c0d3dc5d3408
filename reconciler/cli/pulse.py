"""The end of a run, told to whoever waits for it: outside, and on a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.audit import published
from reconciler.engine.exits import Exit
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from reconciler.cli.notices import Post
    from reconciler.cli.project import Project
    from reconciler.engine import Result

#: A run that ends so could read everything and knows what came of what it did.
COMPLETE = frozenset({Exit.DONE, Exit.CHANGES, Exit.UNAPPROVED, Exit.OVER_BUDGET})


class Pulses:
    """The heartbeats of one run; none of them stops it."""

    def __init__(self, project: Project, post: Post) -> None:
        self._project = project
        self._post = post

    def beat(self, result: Result, shown: int) -> None:
        """Say that a run over the whole environment has ended, with exit *shown*."""
        if not self._project.whole or self._post.run is None:
            return
        # What may be done and was not (somebody said no) is not complete either.
        complete = result.codes <= COMPLETE and not result.left.allowed()
        try:
            self._publish(shown, complete=complete)
        except ReconcilerError as error:
            self._project.say(f"warning: the heartbeat is not published: {error.what}")
        self._call(shown, complete=complete)

    def _publish(self, shown: int, *, complete: bool) -> None:
        run, project = self._post.run, self._project
        assert run is not None  # noqa: S101  (asked by the caller)
        store, now = project.journal(), project.clock()
        before = published.heartbeat(published.published(store))
        beat = published.Heartbeat(
            run=run.id, at=now, commit=run.commit, complete=complete, exit=shown
        )
        files = {published.HEARTBEAT: published.beaten(beat, before)}
        published.publish(store, files, now=now)

    def _call(self, shown: int, *, complete: bool) -> None:
        """Call those outside; a run that could tell nobody says nothing here either."""
        good = complete and self._post.arrived
        for want in self._post.wants:
            heartbeat = want.spec.heartbeat
            if heartbeat is None or not (good or heartbeat.incomplete == "fail"):
                continue
            from reconciler.cli.channels import pulse

            body = f"run {self._post.run.id if self._post.run else ''}, exit {shown}"
            try:
                to = pulse(self._project, want)
            except ReconcilerError as error:
                self._project.say(f"warning: {want.ref}: {error.what}")
                continue
            done = to.beat(body, self._project.sleep, failed=not good)
            if not done.arrived:
                self._project.say(f"warning: {want.ref} was not called: {done.said}")
