"""
Keys in AWS Secrets Manager: one secret for each certificate.

Source: the service's API reference (CreateSecret, GetSecretValue, PutSecretValue,
UpdateSecretVersionStage). What follows from it:

* PutSecretValue cannot compare. A new version is therefore put under a label of ours,
  and ``AWSCURRENT`` is moved to it *from the version that was read*: where that is no
  longer the current one, the move fails and nothing has changed.
* CreateSecret fails where there is one, which is the comparison of the first version.
* ``ClientRequestToken`` becomes the version's id. It is made from what is written and
  from what was read, so that a repetition after a lost answer is the same version.
* An empty answer of another account proves nothing and would order a new certificate:
  the account is compared before anything is read.
"""

from __future__ import annotations

import re
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any, Final
from uuid import UUID

from reconciler.errors import Ambiguous, ProviderError, Rejected
from reconciler.model import Account
from reconciler.providers._aws import Aws, Refusal
from reconciler.providers._keys_document import Found, moved_on

_VERSION: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_CURRENT: Final = "AWSCURRENT"
#: A version under this label is not in force yet; there is one at most.
_NEXT: Final = "reconciler-next"
_NONE: Final = "ResourceNotFoundException"
_THERE: Final = "ResourceExistsException"
#: What a move of the label is refused with where it is at another version.
_ELSEWHERE: Final = frozenset({"InvalidParameterException", "InvalidRequestException"})
#: The service takes no more (bytes).
_MOST: Final = 65_536


class AwsSecrets:
    """The secrets of one account and region, below *prefix*."""

    def __init__(
        self, account: Account, prefix: str, region: str | None, kms_key: str | None
    ) -> None:
        self._account = account
        self._aws = Aws(account, region=region)
        self._prefix = prefix.rstrip("/")
        self._kms_key = kms_key
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"AwsSecrets({self._account.name}, {self._prefix})"

    def read(self, name: str) -> Found | None:
        """Return the version in force."""
        self._right_account()
        values = {"SecretId": self._named(name), "VersionStage": _CURRENT}
        try:
            said = self._asked("get_secret_value", **values)
        except Refusal as refusal:
            if refusal.aws_code == _NONE:
                return None
            raise self._refused("read", refusal) from None
        raw, version = said.get("SecretString"), said.get("VersionId")
        if not isinstance(raw, str) or not isinstance(version, str):
            raise Rejected("what the secret has is no document of this program")
        return Found(raw.encode(), version)

    def write(self, name: str, raw: bytes, version: str) -> str:
        """Keep *raw* as the version in force; see ``Store.write``."""
        if len(raw) > _MOST:
            raise Rejected(f"the keys of {name} are longer than a secret may be")
        self._right_account()
        token = str(UUID(sha256(version.encode() + b"\n" + raw).hexdigest()[:32]))
        values = {"SecretString": raw.decode(), "ClientRequestToken": token}
        if not version:
            return self._created(name, values)
        if not _VERSION.fullmatch(version):
            raise moved_on(name)  # it was read from a store of another kind
        secret = self._named(name)
        try:
            self._asked(
                "put_secret_value", SecretId=secret, VersionStages=[_NEXT], **values
            )
        except Refusal as refusal:
            if refusal.aws_code == _NONE:
                raise moved_on(name) from None
            raise self._refused("written", refusal) from None
        move = {"RemoveFromVersionId": version, "MoveToVersionId": token}
        try:
            self._asked(
                "update_secret_version_stage",
                SecretId=secret,
                VersionStage=_CURRENT,
                **move,
            )
        except Refusal as refusal:
            if refusal.aws_code in _ELSEWHERE:
                return self._settled(name, token)
            raise self._refused("written", refusal) from None
        return token

    def close(self) -> None:
        """Let go of connections."""
        self._aws.close()

    def _created(self, name: str, values: dict[str, str]) -> str:
        more = {"KmsKeyId": self._kms_key} if self._kms_key else {}
        about = "Keys and certificates of the reconciler"
        try:
            said = self._asked(
                "create_secret",
                Name=self._named(name),
                Description=about,
                **values,
                **more,
            )
        except Refusal as refusal:
            if refusal.aws_code == _THERE:
                return self._settled(name, values["ClientRequestToken"])
            raise self._refused("written", refusal) from None
        if said.get("VersionId") != values["ClientRequestToken"]:
            raise Ambiguous(f"create_secret: no clear answer of {self._account.name}")
        return values["ClientRequestToken"]

    def _settled(self, name: str, token: str) -> str:
        """Return *token* where an earlier try of the same put it in force."""
        found = self.read(name)
        if found is None or found.version != token:
            raise moved_on(name)
        return token

    def _named(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _asked(self, operation: str, **values: Any) -> dict[str, Any]:
        """Ask AWS; no error leads to what AWS said, which may repeat what was sent."""
        failed: ProviderError
        try:
            return self._aws.calls("secretsmanager")(operation, **values)
        except Refusal as refusal:
            failed = Refusal(operation, request_id=refusal.request_id)
            failed.aws_code = refusal.aws_code
        except ProviderError as error:
            why = f"{operation}: no clear answer of {self._account.name}"
            failed = type(error)(why, request_id=error.request_id)
        raise failed

    def _right_account(self) -> None:
        declared = self._account.identity
        if declared is None:
            return
        with self._lock:
            live = self._live
        if live != declared:
            raise Rejected(
                f"the credentials of {self._account.name} are of another account"
            )

    @cached_property
    def _live(self) -> str:
        return self._aws.identity()

    def _refused(self, what: str, refusal: Refusal) -> Rejected:
        """Return AWS' own code alone: its text may repeat what was sent."""
        code = refusal.aws_code or "no reason"
        why = f"the keys cannot be {what} at {self._account.name}: {code}"
        return Rejected(why, request_id=refusal.request_id)
