"""
Certificates as secrets of AWS Secrets Manager, for those who fetch theirs.

A place is the name of a secret (``at``, else the certificate's own name) in a
``region``. Its value is JSON: ``certificate`` (the leaf), ``chain`` (its issuers) and
``key``, all PEM. Sources: AWS Secrets Manager API Reference (``ListSecrets``,
``CreateSecret``, ``PutSecretValue``, ``UpdateSecretVersionStage``). What follows:

* A version is called by the token it was made with (``ClientRequestToken``), and the
  token here is the certificate's fingerprint: a listing tells which one is current, and
  no key is ever read back.
* The same token with the same value is ignored, with another one refused: an answer
  that was lost can be asked for again.
* What was there before is still there; to make it current again moves the label.
* ``settings.kmsKey`` encrypts it; without, the account's own key for secrets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final

from reconciler.errors import ProviderError
from reconciler.kinds.certificate import Certificate, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.providers._aws import REGION, pages
from reconciler.providers._aws_install import AwsInstaller
from reconciler.providers._install import Pair

SECRET: Final = "secret"  # noqa: S105  (the name of a family)
_SERVICE: Final = "secretsmanager"
_CURRENT: Final = "AWSCURRENT"
_OURS: Final = re.compile(r"[0-9a-f]{64}")
_PAGE: Final = 100

Versions = Mapping[str, Sequence[str]]


class AwsSecret(AwsInstaller):
    """The secrets of one AWS account, as places of certificates."""

    family: ClassVar[str] = SECRET
    can: ClassVar[Mapping[str, OpClass]] = {"install": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._listed: dict[str, Mapping[str, Versions] | ProviderError] = {}

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Read the listing of each region that *wants* have a place in."""
        places = [place for want in wants for place in self.places(want)]
        self._listed = {}
        for region in sorted({place.region or REGION for place in places}):
            try:
                self._listed[region] = dict(self._list(region))
            except ProviderError as error:
                self._listed[region] = error
        lost = [one for one in self._listed.values() if isinstance(one, ProviderError)]
        if lost and len(lost) == len(self._listed):
            raise lost[0]

    def _list(self, region: str) -> Iterator[tuple[str, Versions]]:
        calls = self._aws.calls(_SERVICE, region)
        for page in pages(calls.list_secrets, "NextToken<NextToken", MaxResults=_PAGE):
            for row in page["SecretList"]:
                yield str(row["Name"]), row.get("SecretVersionsToStages") or {}

    def _versions(self, want: Certificate, place: Place) -> Versions | None:
        """Return the versions of the secret with their labels; None: no such secret."""
        found = self._listed.get(place.region or REGION, {})
        if isinstance(found, ProviderError):
            raise found
        return found.get(place.at or want.name)

    def look(self, want: Certificate, place: Place) -> Site:
        """Return which certificate is current, by the name of its version."""
        versions = self._versions(want, place) or {}
        current = _current(versions)
        if current is None:
            return Site()
        if not _OURS.fullmatch(current):
            # Somebody put it there; which one it is only its value would tell.
            another = sha256(current.encode()).hexdigest()
            return Site(
                fingerprint=another, trouble="its value was put by somebody else"
            )
        return Site(fingerprint=current)

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Make *pair* the current version of the secret."""
        name, versions = place.at or want.name, self._versions(want, place)
        calls = self._aws.calls(_SERVICE, place.region or REGION)
        token = pair.fingerprint
        if versions is not None and token in versions:
            current = _current(versions)
            moved = {"RemoveFromVersionId": current} if current else {}
            calls.update_secret_version_stage(
                SecretId=name, VersionStage=_CURRENT, MoveToVersionId=token, **moved
            )
            return Receipt(reference=f"{name}/{token}", request_id=calls.request_id)
        value: dict[str, Any] = {
            "SecretString": _value(pair),
            "ClientRequestToken": token,
        }
        if versions is None:
            key = self.account.settings.get("kmsKey")
            calls.create_secret(
                Name=name, **value, **({"KmsKeyId": key} if key else {})
            )
        else:
            calls.put_secret_value(SecretId=name, **value)
        return Receipt(reference=f"{name}/{token}", request_id=calls.request_id)


def _value(pair: Pair) -> str:
    parts = {
        "certificate": pair.leaf.decode(),
        "chain": pair.issuers.decode(),
        "key": pair.key.decode(),
    }
    return json.dumps(parts, sort_keys=True)


def _current(versions: Versions) -> str | None:
    return next((v for v, stages in versions.items() if _CURRENT in stages), None)


DRIVER = AwsSecret
