"""
Certificates in AWS Certificate Manager: imported ones, and those that it renews itself.

A place is a ``region`` (CloudFront reads us-east-1 alone). Sources: AWS Certificate
Manager API Reference (``ListCertificates``, ``DescribeCertificate``,
``GetCertificate``, ``ListTagsForCertificate``, ``ImportCertificate``) and User Guide
("Reimport a certificate", "Managed certificate renewal"). What follows:

* A listing has RSA keys of 1024 and 2048 bits only, unless the others are named.
* Ours is found by its tag ``reconciler:uid``: names are no identity. Tags are given
  with the first import and are refused with any later one.
* To import again under the same ARN keeps what uses it. That takes the same kind of
  key, and no use of it may get lost (``_acm_rules``); where it cannot be, there is a
  new ARN, and what uses the old one is named until somebody has bound it anew.
* There is no idempotency key: what a lost import did is read, by the tag.
* ACM renews what it issued itself while that is in use and its CNAME is still there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import JsonValue

from reconciler.errors import ProviderError, Rejected
from reconciler.kinds.certificate import Certificate, Site
from reconciler.model import Account, OpClass, Place, Receipt
from reconciler.model.names import covered
from reconciler.providers._acm_rules import KEY_TYPES, another, refused
from reconciler.providers._aws import REGION, pages
from reconciler.providers._aws_install import AwsInstaller
from reconciler.providers._detail import Details
from reconciler.providers._install import Pair, read_leaf, seen

TAG: Final = "reconciler:uid"
ACM: Final = "acm"
_IMPORTED: Final = "IMPORTED"
_ISSUED: Final = "AMAZON_ISSUED"
_PAGE: Final = 1000
_FOR_LONG: Final = timedelta(days=30)


class Listed(NamedTuple):
    """One certificate of a listing."""

    arn: str
    region: str
    row: Mapping[str, Any]

    @property
    def names(self) -> frozenset[str]:
        """What it is good for, as far as the listing tells."""
        more = self.row.get("SubjectAlternativeNameSummaries") or ()
        return frozenset([str(self.row.get("DomainName", "")).lower(), *more])

    @property
    def since(self) -> datetime:
        """When it was imported, or issued."""
        found = self.row.get("ImportedAt") or self.row.get("IssuedAt")
        return (
            found if isinstance(found, datetime) else datetime.min.replace(tzinfo=UTC)
        )

    @property
    def mark(self) -> JsonValue:
        """What differs where another certificate is under the same ARN."""
        return [
            str(self.row.get(one)) for one in ("NotAfter", "NotBefore", "ImportedAt")
        ]


class AwsAcm(AwsInstaller):
    """The certificates of one AWS account."""

    family: ClassVar[str] = ACM
    can: ClassVar[Mapping[str, OpClass]] = {"install": OpClass.PROBE}
    settles: ClassVar[timedelta] = timedelta(minutes=5)

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._details = Details(account, f"{account.endpoint}|{ACM}")
        self._listed: dict[str, list[Listed] | ProviderError] = {}

    # -- reading --------------------------------------------------------------------

    def prepare(self, wants: Sequence[Certificate]) -> None:
        """Read the listing of each region that *wants* have a place in."""
        places = [place for want in wants for place in self.places(want)]
        self._listed = {}
        for region in sorted({place.region or REGION for place in places}):
            try:
                self._listed[region] = [*self._list(region)]
            except ProviderError as error:
                self._listed[region] = error
        lost = [one for one in self._listed.values() if isinstance(one, ProviderError)]
        if lost and len(lost) == len(self._listed):
            raise lost[0]

    def _list(self, region: str) -> Iterator[Listed]:
        calls = self._aws.calls(ACM, region)
        for page in pages(
            calls.list_certificates,
            "NextToken<NextToken",
            Includes={"keyTypes": [*KEY_TYPES]},
            MaxItems=_PAGE,
        ):
            for row in page["CertificateSummaryList"]:
                yield Listed(str(row["CertificateArn"]), region, row)

    def _all(self, place: Place) -> list[Listed]:
        found = self._listed.get(place.region or REGION, [])
        if isinstance(found, ProviderError):
            raise found
        return found

    def look(self, want: Certificate, place: Place) -> Site:
        """Return what the region of *place* has."""
        if want.spec.mode == "provider":
            return self._managed(want, place)
        ours = self._ours(want, place)
        if not ours:
            return Site()
        found = seen(self._text(ours[0]))
        stuck = [one for one in ours[1:] if one.row.get("InUse")]
        return Site(
            fingerprint=found.fingerprint,
            not_after=found.not_after,
            trouble=self._bound(stuck[0], ours[0]) if stuck else None,
        )

    def _ours(self, want: Certificate, place: Place) -> list[Listed]:
        """Return what carries our tag, the newest first."""
        named = set(want.spec.names)
        found = [
            one
            for one in self._all(place)
            if one.row.get("Type") == _IMPORTED
            and named & one.names
            and self._tag(one) == want.uid
        ]
        return sorted(found, key=lambda one: (one.since, one.arn), reverse=True)

    def _tag(self, one: Listed) -> str | None:
        """Return the value of our tag; asked once a day for each."""

        def read() -> JsonValue:
            calls = self._aws.calls(ACM, one.region)
            said = calls.list_tags_for_certificate(CertificateArn=one.arn)
            tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in said["Tags"]}
            return [tags.get(TAG)]

        kept = self._details.ask("tag", one.arn, None, read)
        assert isinstance(kept, list)  # noqa: S101  (made by ``read`` alone)
        return str(kept[0]) if kept[0] is not None else None

    def _text(self, one: Listed) -> bytes:
        """Return the certificate; it is the same for as long as its dates are."""

        def read() -> JsonValue:
            calls = self._aws.calls(ACM, one.region)
            return str(calls.get_certificate(CertificateArn=one.arn)["Certificate"])

        kept = self._details.ask("text", one.arn, one.mark, read, _FOR_LONG)
        return str(kept).encode()

    def _about(self, one: Listed) -> Mapping[str, Any]:
        calls = self._aws.calls(ACM, one.region)
        said = calls.describe_certificate(CertificateArn=one.arn)
        found: Mapping[str, Any] = said["Certificate"]
        return found

    def _bound(self, old: Listed, new: Listed) -> str:
        used = self._about(old).get("InUseBy") or ["something"]
        more = f" and {len(used) - 1} more" if len(used) > 1 else ""
        return f"{used[0]}{more} still uses {old.arn}: bind it to {new.arn}"

    # -- what ACM renews itself -------------------------------------------------------

    def _managed(self, want: Certificate, place: Place) -> Site:
        fitting = [
            one
            for one in self._all(place)
            if one.row.get("Type") == _ISSUED
            and all(n in one.names or covered(n, one.names) for n in want.spec.names)
        ]
        if not fitting:
            raise Rejected(f"ACM has issued nothing for {', '.join(want.spec.names)}")
        best = max(
            fitting, key=lambda one: (one.row.get("Status") == "ISSUED", one.since)
        )
        about = self._about(best)
        if about.get("Status") != "ISSUED":
            return Site(trouble=_pending(about), renews=ACM)
        found = seen(self._text(best))
        eligible = about.get("RenewalEligibility") == "ELIGIBLE"
        return Site(
            fingerprint=found.fingerprint,
            not_after=found.not_after,
            renews=ACM if eligible else None,
            trouble=_renewal(about),
        )

    # -- acting ---------------------------------------------------------------------

    def install(self, want: Certificate, place: Place, pair: Pair) -> Receipt:
        """Import *pair*: under its ARN where that may be, else under a new one."""
        wrong = refused(pair.certificate, pair.key, pair.issuers)
        if wrong is not None:
            raise Rejected(wrong)
        ours = self._ours(want, place)
        values: dict[str, Any] = {
            "Certificate": pair.leaf,
            "PrivateKey": pair.key,
            **({"CertificateChain": pair.issuers} if pair.issuers else {}),
        }
        told: dict[str, JsonValue] = {}
        why = another(read_leaf(self._text(ours[0])), pair.certificate) if ours else ""
        if ours and why is None:
            values["CertificateArn"] = ours[0].arn
        else:
            values["Tags"] = [{"Key": TAG, "Value": want.uid}]
            told |= {"replaces": ours[0].arn, "because": why} if ours else {}
        calls = self._aws.calls(ACM, place.region or REGION)
        arn = str(calls.import_certificate(**values)["CertificateArn"])
        return Receipt(
            reference=arn, request_id=calls.request_id, details={"arn": arn, **told}
        )


def _pending(about: Mapping[str, Any]) -> str:
    """Say why a certificate was not issued."""
    status = str(about.get("Status", "")).lower().replace("_", " ")
    failure = about.get("FailureReason")
    if failure:
        return f"{status}: {str(failure).lower().replace('_', ' ')}"
    return f"{status}{_record(about.get('DomainValidationOptions') or ())}"


def _renewal(about: Mapping[str, Any]) -> str | None:
    """Say what keeps ACM from renewing it."""
    summary = about.get("RenewalSummary") or {}
    status = str(summary.get("RenewalStatus", ""))
    if status == "FAILED":
        reason = str(summary.get("RenewalStatusReason", "")).lower().replace("_", " ")
        return f"its renewal failed: {reason or 'ACM does not say why'}"
    if status == "PENDING_VALIDATION":
        record = _record(summary.get("DomainValidationOptions") or ())
        return f"its renewal waits for a proof{record}"
    if about.get("RenewalEligibility") != "ELIGIBLE":
        return "ACM renews it only while something uses it: nothing does"
    return None


def _record(options: Iterable[Mapping[str, Any]]) -> str:
    """Name the first record that is missing."""
    for one in options:
        record = one.get("ResourceRecord")
        if record and one.get("ValidationStatus") != "SUCCESS":
            return f": {record['Name']} {record['Type']} {record['Value']}"
    return ""


DRIVER = AwsAcm
