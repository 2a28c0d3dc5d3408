"""An authority of the ACME emulator as a world writes it; like Let's Encrypt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from reconciler.model import Duration
from reconciler.sandbox.registrar import Seed

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_NOTHING: Final = timedelta(0)


class ProfileSeed(Seed):
    """
    What certificates of one profile are like (letsencrypt.org/docs/profiles).

    Attributes:
        validity: From ``notBefore`` to ``notAfter``, both ends counted.
        common_name: Whether the subject repeats a name.
        key_encipherment: Whether an RSA key gets this usage; an ECDSA key never does.
        key_id: Whether the leaf has a Subject Key Identifier.
        pending: How long an authorization waits for its challenge.
        reuse: How long a valid authorization serves further orders.
        order: How long an order may take.
    """

    validity: Duration
    max_names: int = 25
    common_name: bool = False
    key_encipherment: bool = False
    key_id: bool = False
    pending: Duration = _HOUR
    reuse: Duration = 7 * _HOUR
    order: Duration = 8 * _HOUR
    says: str = "https://letsencrypt.org/docs/profiles#"


class LimitSeed(Seed):
    """A token bucket: so many at once, and all of them again after *period*."""

    burst: int = Field(ge=1)
    period: Duration


def _profiles() -> dict[str, ProfileSeed]:
    """Return Let's Encrypt's profiles of 2026-07-14."""
    says = "https://letsencrypt.org/docs/profiles#"
    return {
        "classic": ProfileSeed(
            validity=90 * _DAY,
            max_names=100,
            common_name=True,
            key_encipherment=True,
            key_id=True,
            pending=7 * _DAY,
            reuse=30 * _DAY,
            order=7 * _DAY,
            says=f"{says}classic",
        ),
        "tlsserver": ProfileSeed(validity=45 * _DAY, says=f"{says}tlsserver"),
        "shortlived": ProfileSeed(validity=160 * _HOUR, says=f"{says}shortlived"),
    }


#: letsencrypt.org/docs/rate-limits (2026-08-05), /docs/staging-environment.
LIMITS: Final[dict[str, dict[str, LimitSeed]]] = {
    "off": {},
    "letsencrypt": {
        "accountsPerAddress": LimitSeed(burst=10, period=3 * _HOUR),
        "ordersPerAccount": LimitSeed(burst=300, period=3 * _HOUR),
        "certificatesPerDomain": LimitSeed(burst=50, period=7 * _DAY),
        "certificatesPerSet": LimitSeed(burst=5, period=7 * _DAY),
        "failuresPerIdentifier": LimitSeed(burst=5, period=_HOUR),
        "consecutiveFailures": LimitSeed(burst=1152, period=1152 * _DAY),
    },
    "staging": {
        "accountsPerAddress": LimitSeed(burst=50, period=3 * _HOUR),
        "ordersPerAccount": LimitSeed(burst=1500, period=3 * _HOUR),
        "certificatesPerDomain": LimitSeed(burst=30000, period=timedelta(seconds=1)),
        "certificatesPerSet": LimitSeed(burst=30000, period=7 * _DAY),
        "failuresPerIdentifier": LimitSeed(burst=200, period=_HOUR),
        "consecutiveFailures": LimitSeed(burst=3600, period=6 * _HOUR),
    },
}


class AuthoritySeed(Seed):
    """
    One certificate authority.

    Attributes:
        caa_identities: Its names in CAA records.
        external_accounts: Key identifier -> MAC key (base64url), for bindings.
        profiles: Those given here are added to Let's Encrypt's; null takes one away.
        default_profile: Of orders that name none.
        lists_profiles: Whether the directory shows them; otherwise an order's
            ``profile`` is ignored, as by servers that do not know the extension.
        renewal_info: The same for ARI and ``replaces``.
        refuses_unknown: Members of an order that it does not know are an error.
        challenges: What is offered; dns-persist-01 only on request.
        limits: ``letsencrypt``, ``staging`` or ``off``; by name they are added to
            Let's Encrypt's, and null takes one away.
        exempt: Which replacements are free of limits: those made inside their
            window, as Let's Encrypt's server decides it, or all valid ones, as its
            documentation reads.
        reuse_orders: An open order for the same names and profile is given again.
        validating: How long a challenge is under way before it is looked at.
        processing: The same for an order that was finalized.
        retry_after: Seconds that a client is told to wait meanwhile.
        renewal_retry: Seconds until ARI should be asked again.
        refused_nonces: The share of good nonces that is refused.
        backdated: How long before now a certificate begins.
        always_valid: Challenges need no answer (CAA records still count).
        suffixes: Where one registers names below more than one label.
        forbidden: Names, and all below, that it refuses by policy.
        serial_head: The first byte of serial numbers; from 128 on, DER (and so the
            name in ARI) has a zero before it.
        seed: Makes serials, tokens and refused nonces the same every time.
        down_until: It answers nothing but 503 until then.
    """

    caa_identities: list[str] = ["letsencrypt.org"]
    terms: str | None = "https://sandbox.example/terms"
    website: str = "https://sandbox.example/"
    external_accounts: dict[str, str] = {}
    external_account_required: bool = False
    profiles: dict[str, ProfileSeed] = Field(default_factory=_profiles)
    default_profile: str = "classic"
    lists_profiles: bool = True
    renewal_info: bool = True
    refuses_unknown: bool = False
    challenges: list[Literal["http-01", "dns-01", "dns-persist-01"]] = [
        "http-01",
        "dns-01",
    ]
    limits: dict[str, LimitSeed] = Field(
        default_factory=lambda: dict(LIMITS["letsencrypt"])
    )
    exempt: Literal["window", "always"] = "window"
    reuse_orders: bool = True
    reuse_authorizations: bool = True
    validating: Duration = _NOTHING
    processing: Duration = _NOTHING
    retry_after: int = 3
    renewal_retry: int = 21600
    refused_nonces: float = Field(default=0.0, ge=0.0, le=1.0)
    backdated: Duration = _HOUR
    always_valid: bool = False
    suffixes: list[str] = ["co.uk", "com.au", "co.example"]
    forbidden: list[str] = []
    serial_head: int = Field(default=4, ge=1, le=255)
    seed: str = ""
    down_until: float = 0.0

    @field_validator("profiles", mode="before")
    @classmethod
    def _added(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        known = {name: one.model_dump() for name, one in _profiles().items()}
        whole = {
            name: {**known.get(name, {}), **one} if isinstance(one, dict) else one
            for name, one in {**known, **given}.items()
        }
        return {name: one for name, one in whole.items() if one is not None}

    @field_validator("limits", mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return LIMITS.get(given, given)
        usual = LIMITS["letsencrypt"]
        if unknown := sorted(given.keys() - usual.keys()):
            raise ValueError(f"there is no limit {unknown[0]!r}")
        whole = {**usual, **given}
        return {name: one for name, one in whole.items() if one is not None}

    @model_validator(mode="after")
    def _has_its_default(self) -> AuthoritySeed:
        if self.default_profile not in self.profiles:
            raise ValueError(f"there is no profile {self.default_profile!r}")
        return self
