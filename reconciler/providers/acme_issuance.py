"""
Certificates of any authority that speaks ACME: ordered, watched, and asked about.

An account of this vendor is an Issuer document: ``endpoint`` is its directory, the
secrets are the account's key (``accountKey``), the one that follows it
(``nextAccountKey``) and the MAC key of an external account (``eabHmac``), the settings
``contact``, ``staging`` and ``eabKid``. Sources: RFC 8555, RFC 9773, RFC 5280.

Nothing here costs money, and everything can be asked again: what a run leaves behind is
in the drawer, and the next one goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.inventory.suffixes import shipped
from reconciler.kinds.certificate import Certificate, allotted
from reconciler.kinds.certificate.changes import Issue, Renew
from reconciler.kinds.certificate.state import IssuanceState, Kept
from reconciler.model import (
    Account,
    Advice,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
)
from reconciler.providers._acme_advice import Advisor
from reconciler.providers._acme_job import Job, began, rehearsed, resume
from reconciler.providers._acme_line import transport
from reconciler.providers._acme_problem import KEY_STORE
from reconciler.providers._certificate import kept
from reconciler.providers._http import Http

if TYPE_CHECKING:
    from reconciler.model.material import Drawer, Keyring
    from reconciler.providers._acme import Acme

Order = Issue | Renew
_THREADS: Final = 8


class AcmeIssuance(Driver[Certificate, Order]):
    """One account at one authority."""

    can: ClassVar[Mapping[str, OpClass]] = {
        "issue": OpClass.PROBE,
        "renew": OpClass.PROBE,
    }
    settles: ClassVar[timedelta] = timedelta(0)
    credentials: ClassVar[frozenset[str]] = frozenset({"accountKey"})
    lists: ClassVar[bool] = False
    together: ClassVar[frozenset[str]] = frozenset({"issue", "renew"})

    def __init__(self, account: Account) -> None:
        self._account = account
        self._line: Http | None = None

    def __repr__(self) -> str:
        return f"AcmeIssuance({self._account.name})"

    def identity(self) -> str | None:
        """Return None: an authority knows an account by its key alone."""
        return None

    # -- observe -------------------------------------------------------------------

    def observe(self, wants: Sequence[Certificate]) -> Observation:
        """
        Report what the key store has of each, and what the authority says about it.

        A store that cannot be read is Unknown for that certificate. An authority that
        cannot be asked is ``trouble``: what is kept is known still.
        """
        keys = self._keys
        if keys is None:
            lost = Unknown(why="there is no key store here")
            return Observation(dict.fromkeys((w.name for w in wants), lost))
        advisor = Advisor(self._account, self._http)
        with ThreadPoolExecutor(_THREADS) as pool:
            opened = list(pool.map(lambda want: _opened(keys, want), wants))
            looked = zip(wants, opened, strict=True)
            states = pool.map(lambda pair: self._state(advisor, *pair), looked)
            found = dict(zip((want.name for want in wants), states, strict=True))
        found |= self._limited(wants, found)
        return Observation(found, requests=self._http.counts(), partial=True)

    def _limited(
        self, wants: Sequence[Certificate], found: Mapping[str, Observed]
    ) -> dict[str, Observed]:
        """Return the states of those that have to wait for a limit of the authority."""
        known = {
            name: state
            for name, state in found.items()
            if isinstance(state, IssuanceState)
        }
        mine = [want for want in wants if want.name in known]
        now = self._account.clock()
        later = allotted(mine, known, shipped().registered, now)
        return {
            name: known[name].model_copy(
                update={"affordable": one.until, "why_not": one.why}
            )
            for name, one in later.items()
        }

    def _state(
        self, advisor: Advisor, want: Certificate, drawer: Drawer | Unknown
    ) -> Observed:
        if isinstance(drawer, Unknown):
            return drawer
        since = began(drawer)
        if drawer.current is None:
            return IssuanceState(began=since)
        try:
            bare = kept(drawer.current)
        except (ProviderError, ValueError) as error:
            what = getattr(error, "what", type(error).__name__)
            return Unknown(why=f"its key store: {what}")
        authority, profile = self._origin(want, bare)
        known = bare.model_copy(update={"authority": authority, "profile": profile})
        state = IssuanceState(kept=known, began=since)
        if authority not in {None, self._account.name}:
            return state
        return advisor.advised(want, state, drawer.current.chain)

    def _origin(self, want: Certificate, bare: Kept) -> tuple[str | None, str | None]:
        """
        Return which Issuer it came from, and which profile was asked for.

        The record says so; before it does, our own notes, and where both are lost, that
        there is only one it can come from.
        """
        recorded = want.recorded.get("issued")
        noted = self._account.cache.get(_note(bare.fingerprint))
        for said in (recorded, noted):
            if isinstance(said, dict) and said.get("fingerprint") == bare.fingerprint:
                authority, profile = said.get("authority"), said.get("profile")
                if authority:
                    return str(authority), str(profile) if profile else None
        only = want.spec.issuers[0] if len(want.spec.issuers) == 1 else None
        return only, None

    # -- apply ---------------------------------------------------------------------

    def apply(self, want: Certificate, change: Order, key: str) -> Receipt:
        """Order one certificate; see the port for the duties."""
        (found,) = self.apply_all([(want, change, key)])
        if isinstance(found, Exception):
            raise found
        return found

    def apply_all(
        self, todo: Sequence[tuple[Certificate, Order, str]]
    ) -> list[Receipt | Exception]:
        """Order all of *todo* at once, each in rehearsal first where that is asked."""
        url = self._directory
        jobs = [Job(want, change, url) for want, change, _ in todo]
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(self._open, jobs))
        self._rehearse([j for j in jobs if j.ended is None and _rehearses(j)])
        self._issue([job for job in jobs if job.ended is None], url)
        self._remember(jobs)
        lost = Ambiguous("the driver lost count")
        return [job.ended if job.ended is not None else lost for job in jobs]

    def _open(self, job: Job) -> None:
        """Find what the drawer has, and what an earlier run began."""
        try:
            if self._keys is None:
                raise Rejected("there is no key store here")
            job.drawer = self._keys.open(job.want)
            resume(job, self._account.clock())
        except ProviderError as error:
            error.reason = error.reason or KEY_STORE
            job.fail(error)

    def _rehearse(self, jobs: Sequence[Job]) -> None:
        """Order the same at the staging directory; what fails there goes no further."""
        staging = self._account.settings.get("staging")
        if not jobs or staging is None:
            return
        plays = [Job(job.want, job.change, staging, keeps=False) for job in jobs]
        self._issue(plays, staging)
        for job, play in zip(jobs, plays, strict=True):
            if isinstance(play.ended, ProviderError):
                job.fail(rehearsed(play.ended))
            elif isinstance(play.ended, Exception):
                job.fail(play.ended)

    def _issue(self, jobs: Sequence[Job], url: str) -> None:
        from reconciler.providers._acme_issuing import Issuing  # noqa: PLC0415

        if not jobs or self._keys is None:
            return
        acme = self._acme(url)
        try:
            acme.register()
        except ProviderError as error:
            for job in jobs:
                job.fail(error)
            return
        Issuing(self._account, acme, self._keys).run(jobs)

    def _remember(self, jobs: Sequence[Job]) -> None:
        """Note where a certificate came from: the record says so only later."""
        for job in jobs:
            if not isinstance(job.ended, Receipt):
                continue
            said = job.ended.details
            note = {
                "fingerprint": said["fingerprint"],
                "authority": self._account.name,
                "profile": job.profile,
            }
            until = self._account.clock() + timedelta(days=400)
            self._account.cache.put(_note(str(said["fingerprint"])), note, until)

    # -- the account ---------------------------------------------------------------

    def examine(self) -> Iterable[Advice]:
        """Say what is unwise about the account: its key, and the one that follows."""
        holder = self._acme(self._directory).holder()
        follows = "nextAccountKey" in self._account.secrets
        if holder is None:
            yield Advice(
                "there is no account with its key yet",
                "nothing: the first order makes it, and agrees to the terms",
            )
        elif holder == "nextAccountKey":
            yield Advice(
                "the account has moved to its next key",
                "write nextAccountKey as accountKey, and remove nextAccountKey",
            )
        elif follows:
            yield Advice(
                "the account still has its old key",
                "nothing: the next order moves it to nextAccountKey",
            )

    def close(self) -> None:
        """Let go of connections."""
        if self._line is not None:
            self._line.close()

    @property
    def _http(self) -> Http:
        if self._line is None:
            self._line = transport(self._account)
        return self._line

    def _acme(self, url: str) -> Acme:
        from reconciler.providers._acme import Acme  # noqa: PLC0415

        return Acme(self._account, self._http, url, bound=url == self._directory)

    @property
    def _keys(self) -> Keyring | None:
        return self._account.keys

    @property
    def _directory(self) -> str:
        return self._account.endpoint or ""


def _rehearses(job: Job) -> bool:
    """Whether *job* goes to the staging directory first: not what has begun already."""
    return bool(job.change.details.get("rehearse")) and not job.resumed


def _opened(keys: Keyring, want: Certificate) -> Drawer | Unknown:
    try:
        return keys.open(want)
    except ProviderError as error:
        return Unknown(why=f"its key store: {error.what}", request_id=error.request_id)


def _note(fingerprint: str) -> str:
    return f"issued/{fingerprint}"


DRIVER = AcmeIssuance
