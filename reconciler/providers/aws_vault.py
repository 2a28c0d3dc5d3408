"""
Buckets that keep backups: how they are set up, and by whom.

The account's keys set up the bucket that the URL of a repository names, at whatever
service that is: Amazon's, or one that speaks as it does (then without ``account``: it
has no Security Token Service that says whose the keys are). How one bucket is read and
changed is in ``_s3_vault.py``. What follows from S3's manual besides:

* Settings of buckets are seen late ("Amazon S3 data consistency model": up to 15
  minutes after versioning was turned on): only a later read proves that nothing
  happened.
* No bucket is made or deleted: one that is missing is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from reconciler.errors import ProviderError, Rejected, Unsupported
from reconciler.kinds.backup_repository import (
    BackupRepository,
    Configure,
    RepositoryChange,
    VaultState,
)
from reconciler.kinds.backup_repository.vault import (
    MODE,
    VERSIONING,
    promised,
    wanted,
)
from reconciler.model import (
    Absent,
    Account,
    Advice,
    Driver,
    Observation,
    Observed,
    OpClass,
    Receipt,
    Unknown,
)
from reconciler.providers._aws import CREDENTIALS, Aws, Calls, Refusal
from reconciler.providers._s3_place import S3Place, s3_client, s3_place
from reconciler.providers._s3_vault import S3Vault, Settings

_SERVICE: Final = "s3"
_NO_BUCKET: Final = frozenset({"NoSuchBucket"})


class AwsVault(Driver[BackupRepository, RepositoryChange]):
    """The buckets that one account sets up."""

    can: ClassVar[Mapping[str, OpClass]] = {"configure": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=15)
    credentials: ClassVar[frozenset[str]] = CREDENTIALS
    lists: ClassVar[bool] = False

    def __init__(self, account: Account) -> None:
        self._account = account
        self._own = Aws(account)
        self._clients: dict[str, Aws] = {}

    def identity(self) -> str | None:
        """Return the number of the AWS account."""
        return self._own.identity()

    def examine(self) -> Iterable[Advice]:
        """Say what is unwise about the keys."""
        return self._own.examine()

    def observe(self, wants: Sequence[BackupRepository]) -> Observation:
        """Report how each bucket is set up."""
        before = self._counted()
        states = {want.name: self._state(want) for want in wants}
        asked = self._counted()
        spent = {name: asked[name] - before.get(name, 0) for name in asked}
        return Observation(states, requests=spent)

    def _counted(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for client in self._clients.values():
            for name, count in client.counts.items():
                found[name] = found.get(name, 0) + count
        return found

    def _state(self, want: BackupRepository) -> Observed:
        try:
            return VaultState(settings=self._read(want))
        except Refusal as refusal:
            if refusal.aws_code in _NO_BUCKET:
                return Absent(lacks="the bucket")
            return Unknown(why=refusal.what, request_id=refusal.request_id)
        except ProviderError as error:
            return Unknown(why=error.what, request_id=error.request_id)

    def _read(self, want: BackupRepository) -> Settings:
        place = s3_place(want.spec.url, want.spec.path or "")
        vault = S3Vault(self._account, self._calls(place), place)
        return vault.read(frozenset(wanted(want.spec)))

    def _calls(self, place: S3Place) -> Calls:
        """Return a new series of calls to the service that *place* is at."""
        if place.endpoint not in self._clients:
            self._clients[place.endpoint] = s3_client(self._account, place)
        return self._clients[place.endpoint].calls(_SERVICE, place.region)

    def apply(
        self, want: BackupRepository, change: RepositoryChange, key: str
    ) -> Receipt:
        """Set what differs, if the bucket is as it was when that was decided."""
        del key
        if not isinstance(change, Configure):
            raise Unsupported(f"a bucket cannot {change.verb}")
        _as_decided(want, change, self._read(want))
        place = s3_place(want.spec.url, want.spec.path or "")
        calls = self._calls(place)
        changed: Settings = {}
        for one in change.fields:
            changed[one.field] = one.after if not isinstance(one.after, tuple) else None
        S3Vault(self._account, calls, place).write(changed, wanted(want.spec))
        return Receipt(
            reference=f"s3://{place.bucket}/{place.prefix}",
            request_id=calls.request_id,
            details={"set": [one.field for one in change.fields]},
        )

    def happened(
        self,
        want: BackupRepository,
        change: RepositoryChange,
        key: str,
        since: datetime,
    ) -> bool | None:
        """Say whether all of it, or none of it, is set, once a read can tell."""
        del key
        if self._account.clock() - since < self.settles:
            return None
        try:
            live = self._read(want)
        except ProviderError:
            return None
        there = [live.get(one.field) == one.after for one in change.fields]
        if all(there):
            return True
        return None if any(there) else False

    def close(self) -> None:
        """Let go of connections."""
        self._own.close()
        while self._clients:
            self._clients.popitem()[1].close()


def _as_decided(want: BackupRepository, change: Configure, live: Settings) -> None:
    """See that nothing moved, and that nothing is asked that was promised not to be."""
    for one in change.fields:
        if live.get(one.field) not in {one.before, one.after}:
            word = one.field.rpartition(".")[2]
            raise Rejected(f"its {word} was changed just now", hint="plan again")
    after = {one.field: one.after for one in change.fields}
    if after.get(VERSIONING) is False and live.get("lockable"):
        raise Rejected("versioning of a bucket that locks objects cannot be suspended")
    if MODE in wanted(want.spec) and promised(wanted(want.spec), live):
        raise Rejected("a compliance lock is not made weaker from here")


DRIVER = AwsVault
