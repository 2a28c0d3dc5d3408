"""Who signs certificates: the directory of an authority and the account with it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from reconciler.model import Change, SecretRef, Spec
from reconciler.model.limits import Limits
from reconciler.model.resource import Resource


class ExternalAccount(Spec):
    """
    The account at the authority that ours is bound to (RFC 8555, 7.3.4).

    Attributes:
        kid: Its key identifier, which is no secret.
        hmac: Its MAC key, base64url.
    """

    kid: Annotated[str, Field(min_length=1)]
    hmac: SecretRef


class IssuerSpec(Spec):
    """
    An authority that speaks ACME (RFC 8555).

    Attributes:
        directory: The URL of its directory.
        staging: The URL of a second directory whose certificates nobody trusts: new
            names, and names that failed, rehearse there first.
        account_key: The private key of our account, PEM. Never a certificate's key.
        next_account_key: The key that takes its place: the account moves to it.
        eab: The external account it is bound to.
        caa: The names by which CAA records allow it, as in ``letsencrypt.org``.
        contact: Mail addresses that the authority may write to.
        limits: How often it may be asked, as in ``{orders: 300/3h}``; what is left out
            is as Let's Encrypt has it.
        trust: A file with the certificates that sign its own HTTPS, of an authority
            that the world does not know.
    """

    directory: str
    staging: str | None = None
    account_key: SecretRef
    next_account_key: SecretRef | None = None
    eab: ExternalAccount | None = None
    caa: tuple[str, ...] = ()
    contact: tuple[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = ()
    limits: Limits = Limits()
    trust: str | None = None

    @field_validator("directory", "staging")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if parts.username or not parts.hostname:
            raise ValueError("a directory is an https URL without a user")
        if parts.scheme == "https" or (parts.scheme == "http" and local):
            return url
        raise ValueError("a directory is an https URL (http only on loopback)")

    @model_validator(mode="after")
    def _two_directories(self) -> Self:
        if self.staging == self.directory:
            raise ValueError("staging is the directory itself: leave it out")
        return self


class Issuer(Resource[Change]):
    """One account at one authority; certificates name it in ``issuers``."""

    kind: ClassVar[str] = "Issuer"
    spec: IssuerSpec


KIND = Issuer
