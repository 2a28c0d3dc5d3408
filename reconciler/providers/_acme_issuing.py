"""
Many orders at once, phase by phase, so that each zone is changed once for all of them.

An order is begun (or taken up where an earlier run left it); the names of all are
shown in DNS together; the authority is told to look; then all are followed, round
by round, until each has a certificate or a reason why not. Whatever happens, what was
shown is taken away again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from reconciler.errors import Ambiguous, ProviderError, Rejected, Transient
from reconciler.model import Account
from reconciler.model.material import Drawer, Keyring
from reconciler.providers._acme import Acme
from reconciler.providers._acme_certificate import certified, evidence
from reconciler.providers._acme_job import (
    Job,
    Proof,
    begin,
    files,
    pending,
    refuse_account_key,
    texts,
    usable,
)
from reconciler.providers._acme_orders import (
    Order,
    authorizations,
    finalized,
    followed,
    new_order,
    profile_of,
    why_invalid,
)
from reconciler.providers._acme_problem import KEY_STORE, PROPAGATION, TIMEOUT

#: So many requests at once: more only queue for the same connections.
THREADS: Final = 20
#: So long all orders of one call are followed; what is not ready then is resumed.
PATIENCE: Final = timedelta(minutes=5)
_FIRST: Final = 0.1
_GROWTH: Final = 1.5
_LONGEST: Final = 3.0
_TROUBLES: Final = 3


class Issuing:
    """
    One batch of orders at one directory.

    Args:
        keys: Where orders under way are kept; not asked for a rehearsal.
    """

    def __init__(self, account: Account, acme: Acme, keys: Keyring) -> None:
        self._account = account
        self._acme = acme
        self._keys = keys

    def run(self, jobs: Sequence[Job]) -> None:
        """Bring every job to its end; raises nothing."""
        with ThreadPoolExecutor(THREADS, "acme") as pool:
            each = _Each(pool)
            each(self._begun, jobs)
            begun = [job for job in jobs if job.proofs or job.stale]
            shown = self._shown(_going(jobs))
            each(self._filed, [job for job in _going(jobs) if files(job.proofs)])
            try:
                each(self._answer, _going(jobs))
                self._follow(each, jobs)
            finally:
                self._cleared(shown, begun)

    # -- begin ---------------------------------------------------------------------

    def _begun(self, job: Job) -> None:
        """Have an order, new or of an earlier run, and what it waits for."""
        now = self._account.clock()
        job.drawer = usable(job.drawer)
        if not job.resumed:
            begin(job, now, self._acme.key.public)
            self._noted(job)
        refuse_account_key(job, self._acme.key.public)
        order = self._resumed(job) if job.url else None
        if order is None:
            job.profile = profile_of(self._acme, job)
            job.url, order = new_order(self._acme, job)
            self._noted(job)
        if order.status == "pending" or job.resumed:
            kind = job.want.spec.challenge
            for status, proof in authorizations(self._acme, order, kind):
                waits = status == "pending" and order.status == "pending"
                (job.proofs if waits else job.stale).append(proof)

    def _resumed(self, job: Job) -> Order | None:
        """Return the order of an earlier run; None where nothing comes of it."""
        try:
            order = followed(self._acme, job)
        except Rejected:
            return None  # the authority has forgotten it
        return None if order.status == "invalid" else order

    def _noted(self, job: Job) -> None:
        """Have the drawer know how far *job* is, before anything further is done."""
        if job.keeps:
            self._put(job, job.drawer._replace(pending=pending(job)))

    def _put(self, job: Job, drawer: Drawer) -> None:
        """Keep *drawer*; where the store refuses, it is no fault of the authority."""
        try:
            job.drawer = self._keys.put(job.want, drawer)
        except ProviderError as error:
            error.reason = error.reason or KEY_STORE
            raise

    # -- show ----------------------------------------------------------------------

    def _shown(self, jobs: Sequence[Job]) -> dict[str, frozenset[str]]:
        """Show what all *jobs* wait for; return what has to be taken away."""
        wanted = texts(proof for job in jobs for proof in job.proofs)
        everything = texts(p for job in jobs for p in (*job.proofs, *job.stale))
        if wanted:
            failed = self._present(wanted)
            for job in jobs:
                why = _first(failed, job.proofs)
                if why is not None:
                    text = self._acme.http.shown(why)
                    job.fail(Transient(text, reason=PROPAGATION))
        return everything

    def _present(self, wanted: dict[str, frozenset[str]]) -> dict[str, str]:
        challenges = self._account.challenges
        if challenges is None:
            return dict.fromkeys(wanted, "there is no DNS here to prove a name in")
        try:
            return dict(challenges.present(wanted))
        except ProviderError as error:
            return dict.fromkeys(wanted, error.what)

    def _filed(self, job: Job) -> None:
        """Show the files that prove the names of *job*."""
        challenges = self._account.challenges
        why = (
            "there is no web server here to prove a name at"
            if challenges is None
            else challenges.present_files(job.accounts, files(job.proofs))
        )
        if why is not None:
            raise Rejected(self._acme.http.shown(why), reason="http")

    def _cleared(self, shown: dict[str, frozenset[str]], begun: Sequence[Job]) -> None:
        challenges = self._account.challenges
        if challenges is None:
            return
        if shown:
            challenges.remove(shown)
        for job in begun:
            if left := files((*job.proofs, *job.stale)):
                challenges.remove_files(job.accounts, left)

    # -- follow --------------------------------------------------------------------

    def _answer(self, job: Job) -> None:
        """Tell the authority to look."""
        for proof in job.proofs:
            self._acme.post(proof.url, {}, "answer-challenge", again=True)

    def _follow(self, each: _Each, jobs: Sequence[Job]) -> None:
        """Look at every order that is due, again and again, until none is left."""
        until, pause = self._account.clock() + PATIENCE, _FIRST
        while going := _going(jobs):
            now = self._account.clock()
            each(self._further, [j for j in going if j.due is None or j.due <= now])
            going = _going(jobs)
            if going and now >= until:
                for job in going:
                    what = "the authority is still at work: the next run goes on"
                    job.fail(Transient(what, reason=TIMEOUT))
                return
            if going:
                self._account.sleep(_told(going, now) or pause)
                pause = min(pause * _GROWTH, _LONGEST)

    def _further(self, job: Job) -> None:
        """Do what can be done of one order without waiting."""
        order = followed(self._acme, job)
        self._wait(job, order)
        if order.status == "ready":
            order = self._finalized(job, order)
        if order.status == "invalid":
            error = why_invalid(self._acme, order)
            self._dropped(job)
            raise error
        if order.status == "valid":
            self._have(job, order)

    def _wait(self, job: Job, order: Order) -> None:
        after = min(order.after or 0.0, PATIENCE.total_seconds())
        job.due = self._account.clock() + timedelta(seconds=after) if after else None

    def _finalized(self, job: Job, order: Order) -> Order:
        """Send the request; where the answer is lost, the next look tells."""
        try:
            found = finalized(self._acme, job, order)
        except Transient:
            job.troubles += 1
            if job.troubles >= _TROUBLES:
                raise
            return order
        self._wait(job, found)
        return found

    def _dropped(self, job: Job) -> None:
        """Have the drawer forget an order that nothing comes of."""
        if job.keeps:
            self._put(job, job.drawer._replace(pending=None))

    def _have(self, job: Job, order: Order) -> None:
        """Fetch the certificate, prove it, and keep it with its key."""
        material, leaf = certified(self._acme, job, order, self._account.clock())
        if job.keeps:
            whole = job.drawer._replace(current=material, pending=None)
            try:
                self._put(job, whole)
            except Ambiguous:
                if self._keys.open(job.want).current != material:
                    raise
        job.ended = evidence(job, leaf)


class _Each:
    """Does the same to many jobs, in threads; what one raises ends that one alone."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def __call__(self, act: Callable[[Job], None], jobs: Iterable[Job]) -> None:
        def one(job: Job) -> None:
            try:
                act(job)
            except ProviderError as error:
                job.fail(error)
            except Exception as error:  # noqa: BLE001  (one fault ends one order)
                job.fail(Ambiguous(f"the driver failed: {type(error).__name__}"))

        list(self._pool.map(one, jobs))


def _going(jobs: Iterable[Job]) -> list[Job]:
    return [job for job in jobs if job.ended is None]


def _first(failed: dict[str, str], proofs: Iterable[Proof]) -> str | None:
    for proof in proofs:
        if proof.name in failed:
            return f"{proof.name}: {failed[proof.name]}"
    return None


def _told(jobs: Iterable[Job], now: datetime) -> float | None:
    """Return the seconds until the authority wants to hear of any of *jobs* again."""
    waits = [(job.due - now).total_seconds() if job.due else 0.0 for job in jobs]
    return soonest if (soonest := min(waits)) > 0 else None
