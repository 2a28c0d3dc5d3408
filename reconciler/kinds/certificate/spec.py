"""What an engineer writes of a certificate."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from reconciler.kinds.certificate.failure import Failover
from reconciler.kinds.certificate.renewal import Renewal
from reconciler.model import Duration, SecretRef, Spec, To
from reconciler.model.names import to_ascii

#: What certificates can be installed at.
TARGETS: Final = ("HostingAccount", "Provider")
Mode = Literal["acme", "provider", "import", "observe"]
Algorithm = Literal["ecdsa-p256", "ecdsa-p384", "rsa-2048", "rsa-3072", "rsa-4096"]
#: The most names that any profile of a public authority allows.
MOST: Final = 100
SHORT_LIVED: Final = "shortlived"
#: Profile -> the most names (letsencrypt.org, Profiles).
MOST_OF: Final = {"tlsserver": 25, SHORT_LIVED: 25}
_SPARE: Final = 2


class Profile(Spec):
    """
    Which of an authority's profiles.

    Attributes:
        prefer: The first of them that the authority offers is asked for.
        require: This one, or nothing.
    """

    prefer: tuple[str, ...] = ()
    require: str | None = None


class AgeStore(Spec):
    """
    Files encrypted with age.

    Attributes:
        folder: Where they are.
        recipients: The public keys they are encrypted to (``age1...``).
        identity: The private key that this program reads them with.
    """

    folder: Annotated[str, Field(min_length=1)]
    recipients: Annotated[
        tuple[Annotated[str, Field(pattern=r"^age1[0-9a-z]{58}$")], ...],
        Field(min_length=1),
    ]
    identity: SecretRef


class AwsStore(Spec):
    """Secrets of an AWS account: one for each certificate, below *prefix*."""

    provider: Annotated[str, To("Provider", edge=False)]
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,400}$")]
    region: str | None = None
    kms_key: str | None = None


class VaultStore(Spec):
    """A key/value engine (version 2) of Vault: one secret each, below *path*."""

    provider: Annotated[str, To("Provider", edge=False)]
    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_.-]{1,400}$")]


class KeyStore(Spec):
    """
    Where keys are kept, and orders under way: in exactly one place.

    Attributes:
        file: A folder of this machine; files that only their owner reads (0600).
    """

    file: str | None = None
    age: AgeStore | None = None
    aws_secrets_manager: AwsStore | None = None
    vault: VaultStore | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("name exactly one of file, age, awsSecretsManager, vault")
        return self


class Key(Spec):
    """
    The private key.

    Attributes:
        algorithm: What kind of key.
        rotation: ``always``: a new one for each certificate; ``never``: the same.
        store: Where it is kept; nothing is issued without.
    """

    algorithm: Algorithm = "ecdsa-p256"
    rotation: Literal["always", "never"] = "always"
    store: KeyStore | None = None


def _target(text: str) -> str:
    kind, _, name = text.partition("/")
    if kind not in TARGETS or not name:
        raise ValueError(f"write Kind/name, where Kind is one of {', '.join(TARGETS)}")
    return text


class Target(Spec):
    """
    One place where it has to be installed.

    Attributes:
        target: ``HostingAccount/name``, or ``Provider/name`` of a machine or cloud.
        as_: What it becomes there, where a cloud has several (``acm``, ``bucket``,
            ``secret``).
        at: What it is called there: a file, a bucket with its folder, a secret.
        region: Where the vendor has regions.
    """

    target: Annotated[str, AfterValidator(_target), To("", edge=False, kinds=TARGETS)]
    as_: Annotated[Literal["acm", "bucket", "secret"] | None, Field(alias="as")] = None
    at: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,400}$")] | None = None
    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] | None = None


class Bought(Spec):
    """A certificate that somebody bought: PEM, the leaf first, and its key."""

    certificate: SecretRef
    key: SecretRef


def _days(*numbers: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(days=number) for number in numbers)


class CertificateSpec(Spec):
    """
    Which names are served, who signs them, where they go, and when to warn.

    Attributes:
        mode: ``acme``: issued and renewed here; ``provider``: by the target itself
            (AutoSSL, ACM); ``import``: bought; ``observe``: only looked at.
        names: The names it must be good for; ``*.a.example`` is a wildcard.
        issuers: Who is asked to sign it, in this order.
        profile: Which of the issuer's profiles.
        challenge: How the names are proven.
        key: The private key and where it is kept.
        renewal: When to renew.
        deploy: Where it is installed; left out, its own HostingAccount.
        failover: When the next issuer is tried.
        bought: Of mode ``import``: where the certificate and its key are.
        warn_at: How long before its end to warn; of what renews itself, only where
            the renewal is late.
        scan: What is looked at beside it: ``full``, or ``visit`` without the files
            that nobody but their owner should ask for, or ``off``.
    """

    mode: Mode = "acme"
    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST)]
    issuers: tuple[Annotated[str, To("Issuer", edge=False)], ...] = ()
    profile: Profile = Profile()
    challenge: Literal["dns-01", "http-01"] = "dns-01"
    key: Key = Key()
    renewal: Renewal = Renewal()
    deploy: tuple[Target, ...] = ()
    failover: Failover = Failover()
    bought: Bought | None = None
    warn_at: tuple[Duration, ...] = _days(30, 14, 7, 3, 1)
    scan: Literal["full", "visit", "off"] = "full"

    @field_validator("names")
    @classmethod
    def _names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        made = tuple(map(_name, names))
        if len(set(made)) != len(made):
            raise ValueError("the same name is written twice")
        if all(name.startswith("*.") for name in made):
            raise ValueError("one name must be no wildcard, to have where to look")
        for name in made:
            parent = name.partition(".")[2]
            if not name.startswith("*.") and f"*.{parent}" in made:
                raise ValueError(f"{name} is covered by *.{parent}: remove one")
        return made

    @field_validator("issuers", "deploy")
    @classmethod
    def _once(cls, items: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(items)) != len(items):
            raise ValueError("the same one is written twice")
        return items

    @model_validator(mode="after")
    def _fits_the_mode(self) -> Self:
        if self.mode == "acme":
            if not self.issuers:
                raise ValueError("name its issuers, or write mode: observe")
            if self.key.store is None:
                raise ValueError("say in key.store where its private key is kept")
        elif self.issuers:
            raise ValueError(f"mode {self.mode} has no issuers")
        if (self.mode == "import") != (self.bought is not None):
            raise ValueError("mode import and bought go together")
        self._fits_the_profile()
        if self.mode == "observe" and self.deploy:
            raise ValueError("mode observe installs nothing: remove deploy")
        if self.challenge == "http-01" and any(n.startswith("*.") for n in self.names):
            raise ValueError("a wildcard is proven by dns-01 alone")
        return self

    def _fits_the_profile(self) -> None:
        """Let's Encrypt signs fewer names where certificates are short."""
        wanted = self.profile.require or next(iter(self.profile.prefer), "")
        most = MOST_OF.get(wanted, MOST)
        if len(self.names) > most:
            raise ValueError(f"the profile {wanted} takes {most} names at most")
        if wanted == SHORT_LIVED and len(self.issuers) < _SPARE:
            raise ValueError(
                f"{SHORT_LIVED} leaves days, not weeks: name a second issuer"
            )


def _name(text: str) -> str:
    if "://" in text or "/" in text or ":" in text or "@" in text:
        raise ValueError(f"{text!r} is no name: write it as in www.a.example")
    star = "*." if text.startswith("*.") else ""
    rest = text.removeprefix(star)
    if "*" in rest:
        raise ValueError(f"{text!r}: a wildcard is the whole first label, once")
    name = to_ascii(rest)
    if "." not in name or "_" in name:
        raise ValueError(f"{text!r} is no name for a certificate")
    if name.rpartition(".")[2].isdigit():
        raise ValueError(f"{text!r} is an address, not a name")
    return star + name
