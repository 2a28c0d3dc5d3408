"""Which bucket and which folder of it the URL of a repository names."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from reconciler.errors import Rejected
from reconciler.model import Account
from reconciler.providers._aws import REGION, Aws

_AMAZON: Final = ".amazonaws.com"
#: ``s3.eu-west-1.amazonaws.com``: the region is the second of four words.
_WORDS: Final = 4


class S3Place(NamedTuple):
    """
    A folder of a bucket.

    Attributes:
        endpoint: Of the service, without the bucket.
        prefix: What every key begins with: empty, or with a slash at its end.
        region: What requests are signed for; elsewhere than at Amazon it means nothing.
    """

    endpoint: str
    bucket: str
    prefix: str
    region: str


def s3_place(url: str, below: str = "") -> S3Place:
    """
    Return what *url* (``s3:https://host/BUCKET/FOLDER``) and a folder below it name.

    Raises:
        Rejected: It is no bucket's.
    """
    parts = urlsplit(url.removeprefix("s3:"))
    bucket, _, folder = unquote(parts.path).strip("/").partition("/")
    if not url.startswith("s3:") or not bucket:
        raise Rejected(
            "a bucket needs its name in url", hint="write s3:https://host/bucket"
        )
    prefix = "".join(f"{one}/" for one in (folder, below.strip("/")) if one)
    endpoint = f"{parts.scheme}://{parts.netloc}"
    return S3Place(endpoint, bucket, prefix, _region(parts.hostname or ""))


def s3_client(account: Account, place: S3Place, keys: str | None = None) -> Aws:
    """
    Return who asks *place*; one bucket is in the path of each request.

    The keys are ``KEY:SECRET`` of who may do what is asked, or the account's own.

    Raises:
        Rejected: They are no keys.
    """
    secrets = dict(account.secrets)
    if keys is not None:
        key, _, secret = keys.partition(":")
        if not secret:
            raise Rejected("a bucket needs keys", hint="a secret KEY:SECRET")
        secrets |= {"accessKeyId": key, "secretAccessKey": secret}
    asked = account._replace(endpoint=place.endpoint, secrets=secrets)
    return Aws(asked, region=place.region, path_style=True)


def _region(host: str) -> str:
    parts = host.split(".")
    return parts[1] if host.endswith(_AMAZON) and len(parts) == _WORDS else REGION
