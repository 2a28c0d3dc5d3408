"""
One order on its way: what is asked for, how far it came, what the drawer keeps of it.

The drawer knows of an order before the authority does (its key), and from the moment
on that the authority has named it (its URL). So a run killed anywhere leaves one of
three things: a key that no order was made for, an order whose name was not heard (the
authority forgets it unfinished, after a week at most), or an order that the next run
goes on with. None of them is a certificate twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.certificate import Certificate
from reconciler.kinds.certificate.changes import Issue, Renew
from reconciler.model import Receipt
from reconciler.model.material import Drawer
from reconciler.providers._certificate import (
    PrivateKey,
    algorithm_of,
    key_pem,
    new_key,
    private_key,
)
from reconciler.providers._keys_document import unfit

_FORM: Final = 1
#: What was begun earlier is begun anew: authorities forget orders after a week.
_LASTS: Final = timedelta(days=3)


class Proof(NamedTuple):
    """
    How one name is proven.

    Attributes:
        name: Of the TXT record, or the name itself where a file proves it.
        text: Its value, or what the file says.
        url: Of the challenge that it answers.
        token: The name of the file; empty for a record.
    """

    name: str
    text: str
    url: str
    token: str = ""


@dataclass
class Job:
    """
    One certificate that is being ordered; belongs to one thread at a time.

    Attributes:
        directory: At which directory.
        keeps: Whether the drawer has to know: not of a rehearsal.
        drawer: As it was put last.
        key: Of the certificate.
        began: When the order was begun, perhaps by a run before this.
        url: The order; None before the authority has named it.
        resumed: An earlier run began it.
        proofs: What the authority waits to see.
        stale: What an earlier run may have left to be seen.
        due: When it is looked at again.
        troubles: How often the authority did not answer to its end.
        ended: The receipt, or why there is none.
    """

    want: Certificate
    change: Issue | Renew
    directory: str
    keeps: bool = True
    drawer: Drawer = field(default_factory=Drawer)
    key: PrivateKey | None = None
    began: datetime | None = None
    url: str | None = None
    resumed: bool = False
    profile: str | None = None
    proofs: list[Proof] = field(default_factory=list)
    stale: list[Proof] = field(default_factory=list)
    due: datetime | None = None
    troubles: int = 0
    ended: Receipt | Exception | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names to be signed."""
        found = self.change.details.get("names")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def algorithm(self) -> str:
        """The kind of key, as YAML writes it."""
        return str(self.change.details.get("algorithm") or "ecdsa-p256")

    @property
    def replaces(self) -> str | None:
        """How the authority calls the one that it takes the place of."""
        found = self.change.details.get("replaces")
        return str(found) if found else None

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts whose web servers could show a file."""
        return frozenset(place.provider for place in self.want.makings.places)

    def fail(self, error: Exception) -> None:
        """End without a certificate."""
        self.ended = error


def texts(proofs: Iterable[Proof]) -> dict[str, frozenset[str]]:
    """Return what has to be seen: name of the TXT record -> its values."""
    found: dict[str, set[str]] = {}
    for proof in proofs:
        if not proof.token:
            found.setdefault(proof.name, set()).add(proof.text)
    return {name: frozenset(values) for name, values in found.items()}


def files(proofs: Iterable[Proof]) -> dict[str, str]:
    """Return the files that have to be seen: token -> what it says."""
    return {proof.token: proof.text for proof in proofs if proof.token}


def usable(drawer: Drawer) -> Drawer:
    """Return *drawer* without a certificate that nobody could use: no store has it."""
    current = drawer.current
    if current is None or unfit(current) is None:
        return drawer
    return drawer._replace(current=None)


def resume(job: Job, now: datetime) -> bool:
    """Take over what the drawer has of the same order; say whether it has."""
    pending = job.drawer.pending
    if pending is None or not _same(job, pending):
        return False
    began = datetime.fromisoformat(str(pending["began"]))
    if now - began > _LASTS:
        return False
    try:
        job.key = private_key(str(pending["key"]).encode())
    except Rejected:
        return False
    url, profile = pending.get("order"), pending.get("profile")
    job.url = str(url) if url else None
    job.profile = str(profile) if profile else None
    job.began, job.resumed = began, True
    return True


def _same(job: Job, pending: Mapping[str, JsonValue]) -> bool:
    """Whether *pending* is an order of exactly this, at the same directory."""
    return (
        pending.get("form") == _FORM
        and pending.get("directory") == job.directory
        and pending.get("names") == list(job.names)
        and pending.get("algorithm") == job.algorithm
        and pending.get("wanted") == job.change.details.get("profile")
    )


def begin(job: Job, now: datetime, account_key: object) -> None:
    """
    Choose the key: a new one, or the one that never rotates.

    Raises:
        Rejected: That one cannot be used.
    """
    current = job.drawer.current
    job.began = now
    if job.want.spec.key.rotation == "never" and current is not None:
        kept = private_key(current.key)
        if algorithm_of(kept.public_key()) == job.algorithm:
            job.key = kept
    job.key = job.key or new_key(job.algorithm)
    refuse_account_key(job, account_key)


def refuse_account_key(job: Job, account_key: object) -> None:
    """Raise Rejected where the certificate has the key of the account."""
    if job.key is not None and job.key.public_key() == account_key:
        raise Rejected(
            "the key of the certificate is the key of the account",
            hint="give the Issuer an account key of its own",
        )


def pending(job: Job) -> dict[str, JsonValue]:
    """Return what the drawer keeps of an order that is under way."""
    assert job.key is not None  # noqa: S101  (see ``begin``)
    assert job.began is not None  # noqa: S101
    wanted: JsonValue = job.change.details.get("profile")
    return {
        "form": _FORM,
        "issuer": job.change.share.provider,
        "directory": job.directory,
        "names": list[JsonValue](job.names),
        "algorithm": job.algorithm,
        "wanted": wanted,
        "profile": job.profile,
        "key": key_pem(job.key).decode(),
        "began": job.began.isoformat(),
        "order": job.url,
    }


def began(drawer: Drawer) -> datetime | None:
    """Return when an order was begun that is still under way, as *drawer* has it."""
    found: Any = (drawer.pending or {}).get("began")
    try:
        return datetime.fromisoformat(str(found)) if found else None
    except ValueError:
        return None


def rehearsed(error: ProviderError) -> ProviderError:
    """Return *error* as that of a rehearsal."""
    error.evidence = {**error.evidence, "rehearsal": True}
    return error
