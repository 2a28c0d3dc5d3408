"""An account at a vendor: where it is and where its secrets are kept."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from reconciler.model import (
    KEYS,
    OWN,
    PUBLIC,
    USAGE,
    Change,
    SecretRef,
    Seller,
    Spec,
    To,
)
from reconciler.model.resource import Resource

#: The scheme of what is no server, but a folder of this machine.
FILES: Final = "file"


def is_loopback(endpoint: str | None) -> bool:
    """Say whether *endpoint* (a URL) can only be a server on this machine."""
    host = urlsplit(endpoint or "").hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ProviderSpec(Spec):
    """
    The account's address and credentials.

    Attributes:
        type: The vendor (``porkbun``, ``aws``, ``powerdns`` ...).
        account: The identity the credentials must belong to. Without it no listing
            proves that something is absent.
        endpoint: Another base URL than the vendor's own; https unless loopback.
        limits: The most this account may be asked, as in ``requestsPerSecond: 5``.
        funded_by: The payment method that this account takes its money from.
        seller: Of the account ``own`` alone: who sells, and where customers pay to.
        settings: What else its driver has to know, as in ``configuration:
            /etc/nginx/nginx.conf``; never a secret.
        trust: A file with the certificates that sign the endpoint's own, where the
            world does not know them.
    """

    type: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]
    account: str | None = None
    endpoint: str | None = None
    credentials: dict[str, SecretRef]
    limits: dict[str, Annotated[int, Field(ge=1)]] = {}
    funded_by: Annotated[str | None, To("PaymentMethod", edge=False)] = None
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    seller: Seller | None = None
    settings: dict[str, str] = {}
    trust: str | None = None

    @field_validator("endpoint")
    @classmethod
    def _tls_or_loopback(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        url = urlsplit(endpoint)
        if url.scheme == "https" and url.hostname and not url.username:
            return endpoint
        if url.scheme == "http" and is_loopback(endpoint) and not url.username:
            return endpoint
        if url.scheme == FILES and not url.netloc and url.path.startswith("/"):
            return endpoint
        raise ValueError("an endpoint is an https URL (http only on loopback)")


class Provider(Resource[Change]):
    """One account at one vendor; other documents name it in ``provider``."""

    kind: ClassVar[str] = "Provider"
    spec: ProviderSpec

    @model_validator(mode="after")
    def _public_is_reserved(self) -> Self:
        for name in (PUBLIC, KEYS, USAGE):
            if (self.name == name) != (self.spec.type == name):
                raise ValueError(
                    f"the account {name} is built in, its name and its type go "
                    f"together: Provider/{name}: {{type: {name}, credentials: {{}}}}"
                )
        return self

    @model_validator(mode="after")
    def _own_says_who_sells(self) -> Self:
        spec, own = self.spec, self.spec.type == OWN
        if (self.name == OWN) != own or own != (spec.seller is not None):
            raise ValueError(
                f"the account {OWN} is built in, its name, its type and seller go "
                f"together: Provider/{OWN}: {{type: {OWN}, credentials: {{}}, "
                "seller: {legalName: ..., address: [...], country: ..., iban: ...}}"
            )
        if own and (spec.credentials or spec.endpoint or spec.account):
            raise ValueError(
                f"the account {OWN} is nobody's server: it has no endpoint, no "
                "account and no credentials but {}"
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether this account is a server on this machine."""
        return is_loopback(self.spec.endpoint)

    @property
    def files(self) -> bool:
        """Whether it is no server, but a folder of the machine this runs on."""
        return urlsplit(self.spec.endpoint or "").scheme == FILES


KIND = Provider
