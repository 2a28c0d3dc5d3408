"""
How one bucket is set up, in our words, and how that is changed.

Sources: Amazon S3 API Reference (``GetBucketVersioning``,
``GetObjectLockConfiguration``, ``GetBucketLifecycleConfiguration``,
``GetPublicAccessBlock``, ``GetBucketEncryption``, ``GetBucketReplication`` and what
puts them) and User Guide ("Configuring S3 Object Lock": once it is on it stays on, and
versioning cannot be suspended; "Setting default server-side encryption behavior": since
2023 a bucket without a rule has SSE-S3; "Expiring objects"). What follows:

* What is not set is an error of its own there (``NoSuchLifecycleConfiguration``). What
  a service does not know, or may not be asked, is not known: it is left out.
* A lifecycle is put as a whole: rules that are not ours are put back as they were read.
  All of one configuration are of the same form (``Filter``, or the old ``Prefix``).
* A replication is put as a whole, too, with one role for all of its rules. Only what is
  about all of our folder counts; the number of each rule is its own.
* The lock that new objects get is changed at any time; that of an object is not, which
  is why nothing weakens a compliance lock here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reconciler.errors import Rejected
from reconciler.kinds.backup_repository import vault
from reconciler.model import Account
from reconciler.providers._aws import Refusal
from reconciler.providers._s3_place import S3Place

Settings = dict[str, str | int | bool | None]
_YEAR: Final = 365
_OURS: Final = "reconciler"
_AMAZON: Final = ".amazonaws.com"
#: What says that a setting is not set.
_NOT_SET: Final = frozenset(
    {
        "ObjectLockConfigurationNotFoundError",
        "NoSuchLifecycleConfiguration",
        "NoSuchPublicAccessBlockConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        "ReplicationConfigurationNotFoundError",
    }
)
#: What says that nobody can tell.
_UNTOLD: Final = frozenset(
    {"AccessDenied", "MethodNotAllowed", "NotImplemented", "NotSupported"}
)
_BLOCKS: Final = (
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
)
Calls = Callable[..., dict[str, Any]]


class S3Vault:
    """
    The settings of one bucket.

    Args:
        calls: One series of calls: after the first effect nothing is *not done*.
    """

    def __init__(self, account: Account, calls: Calls, place: S3Place) -> None:
        self._account = account
        self._calls = calls
        self._place = place
        owner = account.identity or ""
        # A bucket of that name that is somebody else's is refused.
        self._owner = {"ExpectedBucketOwner": owner} if owner.isdecimal() else {}

    def _ask(self, operation: str, **values: Any) -> dict[str, Any]:
        return self._calls(
            operation, Bucket=self._place.bucket, **self._owner, **values
        )

    # -- reading -----------------------------------------------------------------------

    def read(self, names: frozenset[str]) -> Settings:
        """Return the settings *names*, and what is always looked at."""
        found: Settings = {}
        said = self._ask("get_bucket_versioning")
        found[vault.VERSIONING] = said.get("Status") == "Enabled"
        looks: tuple[tuple[str | None, str, Callable[[dict[str, Any]], Settings]], ...]
        looks = (
            (None, "get_object_lock_configuration", _lock),
            (None, "get_bucket_lifecycle_configuration", self._rules),
            (vault.BLOCK, "get_public_access_block", _block),
            (vault.ENCRYPTION, "get_bucket_encryption", self._encryption),
            (vault.REPLICATE, "get_bucket_replication", self._replication),
        )
        for name, operation, read in looks:
            if name is None or name in names:
                found |= self._look(operation, read)
        return found

    def _look(
        self, operation: str, read: Callable[[dict[str, Any]], Settings]
    ) -> Settings:
        try:
            said = self._ask(operation)
        except Refusal as refusal:
            if refusal.aws_code in _NOT_SET:
                return read({})
            if refusal.aws_code in _UNTOLD:
                return {}
            raise
        return read(said)

    def _rules(self, said: dict[str, Any]) -> Settings:
        """Return when old versions go, by our rule and by others'."""
        ours: list[int] = []
        others: list[int] = []
        deletes: list[int] = []
        for rule in said.get("Rules", ()):
            if rule.get("Status") != "Enabled" or not self._concerns(rule):
                continue
            old = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
            if old is not None:
                (ours if rule.get("ID") == self._rule else others).append(int(old))
            deletes += _days(rule.get("Expiration", {}))
        return {
            vault.EXPIRE: min([*ours, *others], default=None),
            "others": min(others, default=None),
            "deletes": min(deletes, default=None),
        }

    @property
    def _rule(self) -> str:
        return f"{_OURS} {self._place.prefix or '*'}"

    def _concerns(self, rule: Mapping[str, Any]) -> bool:
        """Say whether a rule is about anything below our folder, by its prefix."""
        told = rule.get("Filter") or {}
        prefix = told.get("Prefix") or told.get("And", {}).get("Prefix")
        prefix = str(prefix or rule.get("Prefix") or "")
        mine = self._place.prefix
        return mine.startswith(prefix) or prefix.startswith(mine)

    def _encryption(self, said: dict[str, Any]) -> Settings:
        told = said.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
        found = [
            one["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
            for one in told
            if "ApplyServerSideEncryptionByDefault" in one
        ]
        amazon = self._place.endpoint.endswith(_AMAZON)
        usual = "AES256" if amazon else None
        return {vault.ENCRYPTION: str(found[0]) if found else usual}

    # -- writing -----------------------------------------------------------------------

    def write(self, changed: Settings, declared: Mapping[str, Any]) -> None:
        """
        Set what is *changed*: what others need first.

        The two parts of a lock are set together, as they are *declared*.
        """
        # What is there comes first: after an effect no answer is a plain one.
        rule_of = "get_bucket_lifecycle_configuration"
        rules = self._set(vault.EXPIRE, changed, rule_of)
        there = self._set(vault.REPLICATE, changed, "get_bucket_replication")
        copies: dict[str, Any] = {}
        if vault.REPLICATE in changed:
            told = there.get("ReplicationConfiguration", {})
            copies = self._replicated(str(changed[vault.REPLICATE]), told)
        locks = vault.MODE in changed or vault.LASTS in changed
        if locks or vault.VERSIONING in changed:
            status = changed.get(vault.VERSIONING, True)
            if locks or status:
                self._versioning("Enabled")
            else:
                self._versioning("Suspended")
        if locks:
            self._lock(str(declared[vault.MODE]), int(declared[vault.LASTS]))
        if vault.EXPIRE in changed:
            self._expire(int(str(changed[vault.EXPIRE])), rules)
        if vault.BLOCK in changed:
            block = dict.fromkeys(_BLOCKS, bool(changed[vault.BLOCK]))
            self._ask("put_public_access_block", PublicAccessBlockConfiguration=block)
        if vault.ENCRYPTION in changed:
            self._encrypt(str(changed[vault.ENCRYPTION]))
        if copies:
            self._ask("put_bucket_replication", ReplicationConfiguration=copies)

    def _set(self, name: str, changed: Settings, operation: str) -> dict[str, Any]:
        """Return what is set by now, where *name* is changed; empty: nothing."""
        if name not in changed:
            return {}
        try:
            return self._ask(operation)
        except Refusal as refusal:
            if refusal.aws_code not in _NOT_SET:
                raise
            return {}

    def _versioning(self, status: str) -> None:
        if self._ask("get_bucket_versioning").get("Status") != status:
            said = {"Status": status}
            self._ask("put_bucket_versioning", VersioningConfiguration=said)

    def _lock(self, mode: str, lasts: int) -> None:
        rule = {"DefaultRetention": {"Mode": mode.upper(), "Days": lasts}}
        said = {"ObjectLockEnabled": "Enabled", "Rule": rule}
        self._ask("put_object_lock_configuration", ObjectLockConfiguration=said)

    def _expire(self, after: int, said: Mapping[str, Any]) -> None:
        """Put our rule among the others, which stay as they are."""
        others = [one for one in said.get("Rules", ()) if one.get("ID") != self._rule]
        prefix = self._place.prefix
        old_form = any("Filter" not in one for one in others)
        where = {"Prefix": prefix} if old_form else {"Filter": {"Prefix": prefix}}
        rule = {
            "ID": self._rule,
            "Status": "Enabled",
            **where,
            "NoncurrentVersionExpiration": {"NoncurrentDays": after},
        }
        # What an answer has beside its rules is not always taken back: it is given as
        # it was read, so that nobody else's choice is lost.
        least = said.get("TransitionDefaultMinimumObjectSize")
        more = {"TransitionDefaultMinimumObjectSize": least} if least else {}
        self._ask(
            "put_bucket_lifecycle_configuration",
            LifecycleConfiguration={"Rules": [*others, rule]},
            **more,
        )

    def _encrypt(self, algorithm: str) -> None:
        told: dict[str, Any] = {"SSEAlgorithm": algorithm}
        key = self._account.settings.get("kmsKey")
        if algorithm == "aws:kms" and key:
            told["KMSMasterKeyID"] = key
        rule = {"ApplyServerSideEncryptionByDefault": told}
        said = {"Rules": [rule]}
        self._ask("put_bucket_encryption", ServerSideEncryptionConfiguration=said)

    def _replicated(self, to: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return our rule among the others, which stay as they are, as does their role.

        Raises:
            Rejected: There is no role for it, or it cannot stand beside the others.
        """
        rules = said.get("Rules", ())
        others = [one for one in rules if one.get("ID") != self._rule]
        role = said["Role"] if others else self._account.settings.get("replicationRole")
        if not role:
            raise Rejected(
                f"{self._account.name} has no settings.replicationRole",
                hint="name the role (ARN) that S3 replicates by",
            )
        if any("Filter" not in one for one in others):
            raise Rejected(
                "the bucket has replication rules of the old form, beside which no "
                "other can be put",
                hint="write them with Filter, Priority and DeleteMarkerReplication",
            )
        rule = {
            "ID": self._rule,
            "Status": "Enabled",
            "Priority": 1 + max((int(one["Priority"]) for one in others), default=0),
            "Filter": {"Prefix": self._place.prefix},
            # What hides something here does not hide it there.
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": to},
        }
        return {"Role": role, "Rules": [*others, rule]}

    def _replication(self, said: dict[str, Any]) -> Settings:
        """Return where all of our folder goes: what the first of its rules says."""
        rules = said.get("ReplicationConfiguration", {}).get("Rules", ())
        found = [one for one in rules if self._replicates(one)]
        # Of those that say something else the highest number counts.
        found.sort(key=lambda one: int(one.get("Priority") or 0), reverse=True)
        to = str(found[0]["Destination"]["Bucket"]) if found else None
        return {vault.REPLICATE: to}

    def _replicates(self, rule: Mapping[str, Any]) -> bool:
        """Say whether a rule is about everything in our folder."""
        told = rule.get("Filter") or {}
        if rule.get("Status") != "Enabled" or told.keys() & {"Tag", "And"}:
            return False
        prefix = str(told.get("Prefix") or rule.get("Prefix") or "")
        return self._place.prefix.startswith(prefix)


def _days(expiration: Mapping[str, Any]) -> Iterator[int]:
    """Yield when what is current goes; a date is now, as far as anybody knows."""
    if expiration.get("Days"):
        yield int(expiration["Days"])
    elif expiration.get("Date"):
        yield 0


def _lock(said: dict[str, Any]) -> Settings:
    told = said.get("ObjectLockConfiguration", {})
    rule = told.get("Rule", {}).get("DefaultRetention", {})
    lasts = int(rule.get("Days") or 0) + _YEAR * int(rule.get("Years") or 0)
    return {
        "lockable": told.get("ObjectLockEnabled") == "Enabled",
        vault.MODE: str(rule.get("Mode", "none")).lower(),
        vault.LASTS: lasts or None,
    }


def _block(said: dict[str, Any]) -> Settings:
    told = said.get("PublicAccessBlockConfiguration", {})
    return {vault.BLOCK: all(told.get(name) is True for name in _BLOCKS)}
